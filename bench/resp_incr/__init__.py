"""INCR over the Redis protocol: 50 connections, 100,000 keys, with more and more commands in one piece."""

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import quipu, redis_aof_always, redis_unsaved

CONNECTIONS = 50
KEYS = 100_000
SECONDS = 1.5
# Some one to two seconds of redis-benchmark; whole pipelines.
EVENTS = {"1": 100_000, "16": 800_000, "64": 1_280_000, "256": 1_536_000}
BARS = {
    "redis-aof-always": {"1": (1.2, 1.4), "16": (2.0, 2.6), "64": (3.0, 4.0), "256": (4.0, 6.0)},
    "redis-unsaved": {"1": (0.9, 1.1), "16": (1.2, 1.6), "64": (2.0, 2.5), "256": (2.5, 4.0)},
}
CLIENTS = {"redis-benchmark": "redis-benchmark", "load": "quipu bench load"}


def measure(context, subject, case):
    """Both clients one after the other, each after a warm-up with its own keys."""
    with subject.start(context) as server:
        clients.redis_benchmark(context, server, 64, 256_000, CONNECTIONS, KEYS)
        found = {"redis-benchmark": clients.redis_benchmark(context, server, case, EVENTS[case], CONNECTIONS, KEYS)}
        flags = ["--connections", CONNECTIONS, "--keys", KEYS, "--distribution", "uniform"]
        clients.load(context, server, "resp", *flags, "--pipeline", 64, "--events", 256_000)
        found["load"] = clients.load(context, server, "resp", *flags, "--pipeline", case, "--seconds", SECONDS)
        return found


# The bars were set for redis-benchmark; our client shows the same without redis-benchmark's own cost.
QUESTION = Question(
    name="resp_incr",
    title="INCR over the Redis protocol",
    about=f"{CONNECTIONS} connections, {KEYS:,} keys drawn uniformly, 1 to 256 commands sent before their replies are "
          f"waited for. A fresh server for each round and pipeline, warmed up by 256,000 commands of each client.",
    subjects=[quipu.SUBJECT, redis_aof_always.SUBJECT, redis_unsaved.SUBJECT],
    cases={case: f"pipeline {case}" for case in EVENTS},
    clients=CLIENTS,
    bars=[Bar(case, client, ("quipu", "rate"), (rival, "rate"), *(bars[case] if client == "redis-benchmark" else ()))
          for rival, bars in BARS.items() for case in EVENTS for client in CLIENTS],
    measure=measure,
    metrics={"rate": ("events/s", "{:,.0f}"), "cpu_us": ("server CPU µs/event", "{:.2f}"),
             "client_cpu_us": ("client CPU µs/event", "{:.2f}"), "p99_ms": ("p99 ms", "{:.2f}")},
)
