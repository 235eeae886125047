"""A good client and no others."""

from harness import contenders

SUBJECT = contenders.quipu("alone", "alone")
