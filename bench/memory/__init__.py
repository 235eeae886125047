"""Resident memory per counter."""

import time

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import quipu, redis_unsaved

COUNTERS = 10_000_000
NAME_BYTES = 20
SETTLE_SECONDS_MAX = 60


def settled_bytes(server):
    """Resident memory once it stands still: two seconds within a thousandth, and for Quipu nothing left to flush."""
    last, still, began = 0, 0, time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS_MAX:
        now = server.process.resident_bytes()
        still = still + 1 if abs(now - last) <= now / 1000 else 0
        last = now
        if still >= 8 and (not hasattr(server, "stats") or server.stats()["dirty_rows"] == 0):
            return now
        time.sleep(0.25)
    raise clients.ClientFailed(f"memory did not stand still in {SETTLE_SECONDS_MAX} s")


def measure(context, subject, case):
    """Fills the server with every counter once, through the same client."""
    with subject.start(context) as server:
        empty = server.process.resident_bytes()
        values = clients.load(context, server, "resp", "--namespace", "default", "--distribution", "each", "--keys",
                              COUNTERS, "--events", COUNTERS, "--name-bytes", NAME_BYTES, "--pipeline", 64)
        filled = settled_bytes(server)
        there = server.stats()["counters"] if hasattr(server, "stats") else server.keys()
        if there != COUNTERS:
            raise clients.ClientFailed(f"{there} counters of {COUNTERS}")
        return {"load": {"events": values["events"], "bytes": (filled - empty) / COUNTERS, "total_mib": filled / 2**20,
                         "empty_mib": empty / 2**20, "rate": values["rate"], "cpu_us": values["cpu_us"],
                         "others": values["others"]}}


QUESTION = Question(
    name="memory",
    title="Memory per counter",
    about=f"{COUNTERS:,} counters with names of {NAME_BYTES} bytes, each added to once through the same client; resident "
          "memory of all processes after it stands still and everything dirty is in the store, less the empty server's.",
    subjects=[quipu.SUBJECT, redis_unsaved.SUBJECT],
    cases={"10m": "10 million counters"},
    clients={"load": "quipu bench load"},
    bars=[Bar("10m", "load", ("quipu", "bytes"), ("redis-unsaved", "bytes"), 0.6, less_is_better=True),
          Bar("10m", "load", ("quipu", "total_mib"), ("redis-unsaved", "total_mib"), 0.6, less_is_better=True)],
    measure=measure,
    metrics={"bytes": ("bytes/counter", "{:.1f}"), "total_mib": ("in all, MiB", "{:,.0f}"),
             "empty_mib": ("empty, MiB", "{:.1f}"), "rate": ("filled, events/s", "{:,.0f}"),
             "cpu_us": ("server CPU µs/event", "{:.2f}")},
    rounds_max=3,
)
