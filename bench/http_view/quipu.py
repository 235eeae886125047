"""Quipu as it comes: 202 when the view's frame is on disk."""

from harness import contenders

SUBJECT = contenders.quipu()
