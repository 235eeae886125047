"""Redis that keeps the same promise: INCR is answered after the append-only file was synced."""

from harness.rounds import Subject
from harness.servers import Redis

SETTINGS = {"save": "", "appendonly": "yes", "appendfsync": "always"}
SUBJECT = Subject("redis-aof-always", "Redis, AOF always", SETTINGS, lambda context: Redis(context, SETTINGS))
