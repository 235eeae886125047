"""50 busy connections beside 5,000 silent ones."""

from harness import contenders

SUBJECT = contenders.quipu("beside-idle", "50 busy beside 5,000 idle")
