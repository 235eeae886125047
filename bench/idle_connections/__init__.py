"""What 5,000 idle connections cost 50 busy ones."""

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import alone, beside_idle

IDLE = 5_000
SECONDS = 1.5
CASES = {"1": "pipeline 1", "16": "pipeline 16"}


def measure(context, subject, case):
    flags = ["--connections", 50, "--distribution", "uniform", "--keys", 100_000]
    idle = ["--idle-connections", IDLE] if subject.name.startswith("beside-idle") else []
    with subject.start(context) as server:
        clients.load(context, server, "resp", *flags, "--pipeline", 64, "--events", 256_000)
        return {"load": clients.load(context, server, "resp", *flags, *idle, "--pipeline", case, "--seconds", SECONDS)}


QUESTION = Question(
    name="idle_connections",
    title="Idle connections",
    about=f"INCR on 50 connections, alone and while {IDLE:,} others are open and say nothing. None of them may be lost.",
    subjects=[beside_idle.SUBJECT, alone.SUBJECT],
    cases=CASES,
    clients={"load": "quipu bench load"},
    bars=[Bar(case, "load", ("beside-idle", "rate"), ("alone", "rate"), 0.7) for case in CASES],
    measure=measure,
    metrics={"rate": ("events/s", "{:,.0f}"), "cpu_us": ("server CPU µs/event", "{:.2f}"), "p99_ms": ("p99 ms", "{:.2f}")},
)
