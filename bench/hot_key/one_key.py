"""Every event to one counter."""

from harness import contenders

SUBJECT = contenders.quipu("one-key", "one key")
