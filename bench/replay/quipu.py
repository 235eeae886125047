"""Quipu that wrote no totals to its store yet: a restart has the whole log to read."""

from harness import contenders

SUBJECT = contenders.quipu(flush__interval="1h", flush__dirty_bytes="1GiB", flush__sync_interval="1h",
                           memory__table_bytes="2GiB")
