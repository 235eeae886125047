"""Redis that promises nothing: what it counted is in memory alone."""

from harness import contenders

SUBJECT = contenders.redis_unsaved()
