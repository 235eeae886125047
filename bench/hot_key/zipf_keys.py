"""The same events over 100,000 counters, key k in proportion to 1 / k."""

from harness import contenders

SUBJECT = contenders.quipu("zipf-keys", "100,000 keys, Zipf 1.0")
