"""How long a durable acknowledgement takes at half of what Quipu can do, beside Redis at the same rate."""

import statistics

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import quipu, redis_aof_always

SECONDS = 2.5
FLAGS = ["--connections", 50, "--keys", 100_000, "--distribution", "uniform"]
CASES = {"1": "single requests", "16": "batches of 16"}


def saturation(context, case):
    """Events a second that Quipu takes in a closed loop; found once in a run, as the median of three."""
    if ("saturation", case) not in context.remembered:
        found = []
        for _ in range(3):
            with quipu.SUBJECT.start(context) as server:
                clients.load(context, server, "resp", *FLAGS, "--pipeline", 64, "--events", 256_000)
                found.append(clients.load(context, server, "resp", *FLAGS, "--pipeline", case, "--seconds", 1.5)["rate"])
        context.remembered["saturation", case] = statistics.median(found)
    return context.remembered["saturation", case]


def measure(context, subject, case):
    rate = saturation(context, case) / 2
    with subject.start(context) as server:
        clients.load(context, server, "resp", *FLAGS, "--pipeline", 64, "--events", 256_000)
        values = clients.load(context, server, "resp", *FLAGS, "--pipeline", case, "--rate", f"{rate:.0f}",
                              "--seconds", SECONDS)
        return {"load": {**values, "intended": rate}}


QUESTION = Question(
    name="latency",
    title="Latency of a durable acknowledgement",
    about="INCR in an open loop over 50 connections, at half the rate that Quipu takes in a closed loop with the same "
          "batches. A request's latency counts from the moment at which it was to be sent, so a server that falls behind "
          "is charged for everything that waits.",
    subjects=[quipu.SUBJECT, redis_aof_always.SUBJECT],
    cases=CASES,
    clients={"load": "quipu bench load"},
    bars=[Bar(case, "load", ("quipu", "p99_ms"), ("redis-aof-always", "p99_ms"), 1.0, 0.6, less_is_better=True)
          for case in CASES],
    measure=measure,
    metrics={"intended": ("intended events/s", "{:,.0f}"), "rate": ("events/s", "{:,.0f}"), "p50_ms": ("p50 ms", "{:.2f}"),
             "p99_ms": ("p99 ms", "{:.2f}"), "max_ms": ("max ms", "{:.1f}"), "cpu_us": ("server CPU µs/event", "{:.2f}")},
)
