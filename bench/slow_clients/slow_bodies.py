"""A good client beside 1,000 sockets that never finish their bodies."""

from harness import contenders

SUBJECT = contenders.quipu("slow-bodies", "beside 1,000 slow bodies")
