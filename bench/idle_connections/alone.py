"""50 busy connections and no others."""

from harness import contenders

SUBJECT = contenders.quipu("alone", "50 busy connections")
