"""One hot key against uniform keys: whether skew costs anything."""

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import one_key, uniform_keys, zipf_keys

SECONDS = 1.5
FLAGS = {
    "one-key": ["--distribution", "one"],
    "uniform-keys": ["--distribution", "uniform", "--keys", 100_000],
    "zipf-keys": ["--distribution", "zipf", "--keys", 100_000],
}
CASES = {"16": "pipeline 16", "256": "pipeline 256"}


def measure(context, subject, case):
    flags = ["--connections", 50, *FLAGS[subject.name.removesuffix(" again")]]
    with subject.start(context) as server:
        clients.load(context, server, "resp", *flags, "--pipeline", 64, "--events", 256_000)
        return {"load": clients.load(context, server, "resp", *flags, "--pipeline", case, "--seconds", SECONDS)}


QUESTION = Question(
    name="hot_key",
    title="One hot key",
    about="INCR over the Redis protocol on 50 connections: all to one counter, or over 100,000.",
    subjects=[one_key.SUBJECT, uniform_keys.SUBJECT, zipf_keys.SUBJECT],
    cases=CASES,
    clients={"load": "quipu bench load"},
    bars=[bar for case in CASES for bar in (
        Bar(case, "load", ("one-key", "rate"), ("uniform-keys", "rate"), 0.95, 1.0),
        Bar(case, "load", ("zipf-keys", "rate"), ("uniform-keys", "rate")))],
    measure=measure,
    metrics={"rate": ("events/s", "{:,.0f}"), "cpu_us": ("server CPU µs/event", "{:.2f}"),
             "client_cpu_us": ("client CPU µs/event", "{:.2f}"), "p99_ms": ("p99 ms", "{:.2f}")},
)
