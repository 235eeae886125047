"""Redis that promises nothing: what it counted is in memory alone."""

from harness.rounds import Subject
from harness.servers import Redis

SETTINGS = {"save": "", "appendonly": "no"}
SUBJECT = Subject("redis-unsaved", "Redis, nothing persisted", SETTINGS, lambda context: Redis(context, SETTINGS))
