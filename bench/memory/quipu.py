"""Quipu with room for all counters, and for all of them to be changed before the next flush."""

from harness import contenders

SUBJECT = contenders.quipu(memory__table_bytes="4GiB", flush__dirty_bytes="2GiB")
