"""Quipu as it comes: 202 when the view's frame is on disk."""

from harness.rounds import Subject
from harness.servers import Quipu

SETTINGS = {}
SUBJECT = Subject("quipu", "Quipu, durable", SETTINGS, lambda context: Quipu(context, SETTINGS))
