"""Redis that keeps the same promise."""

from harness import contenders

SUBJECT = contenders.redis_aof_always()
