"""Redis that keeps the same promise: INCR is answered after the append-only file was synced."""

from harness import contenders

SUBJECT = contenders.redis_aof_always()
