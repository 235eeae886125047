"""A good client beside 1,000 sockets that hardly read their answers."""

from harness import contenders

SUBJECT = contenders.quipu("slow-readers", "beside 1,000 slow readers")
