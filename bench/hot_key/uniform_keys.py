"""The same events over 100,000 counters, all alike."""

from harness import contenders

SUBJECT = contenders.quipu("uniform-keys", "100,000 keys, uniform")
