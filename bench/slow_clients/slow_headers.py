"""A good client beside 1,000 sockets that never finish their headers."""

from harness import contenders

SUBJECT = contenders.quipu("slow-headers", "beside 1,000 slow headers")
