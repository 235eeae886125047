"""Quipu as it comes: INCR is answered when its frame is on disk."""

from harness import contenders

SUBJECT = contenders.quipu()
