"""Quipu with room for all counters."""

from harness import contenders

SUBJECT = contenders.quipu(memory__table_bytes="4GiB")
