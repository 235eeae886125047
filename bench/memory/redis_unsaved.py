"""Redis with every counter in memory, as it must be."""

from harness import contenders

SUBJECT = contenders.redis_unsaved()
