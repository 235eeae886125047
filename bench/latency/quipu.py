"""Quipu as it comes."""

from harness import contenders

SUBJECT = contenders.quipu()
