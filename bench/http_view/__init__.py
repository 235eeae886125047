"""POST /view over HTTP, against a server that answers the same and counts nothing."""

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import nginx, quipu

CONNECTIONS = 64
SECONDS = 2
CASES = {"1": (0.95, 1.3), "16": (2.5, 5.0)}
CLIENTS = {"wrk": "wrk", "load": "quipu bench load"}


def measure(context, subject, case):
    """Both clients one after the other."""
    flags = ["--connections", CONNECTIONS, "--distribution", "uniform"]
    with subject.start(context) as server:
        clients.load(context, server, "http", *flags, "--pipeline", 16, "--events", 100_000)
        return {"wrk": clients.wrk(context, server, case, SECONDS, CONNECTIONS),
                "load": clients.load(context, server, "http", *flags, "--pipeline", case, "--seconds", 1.5)}


QUESTION = Question(
    name="http_view",
    title="POST /view over HTTP",
    about=f"{CONNECTIONS} connections, one thread of wrk, requests prepared beforehand: the same method, path and body for "
          "both. Quipu answers 202 after the view is on disk; nginx answers 202 and forgets it.",
    subjects=[quipu.SUBJECT, nginx.SUBJECT],
    cases={"1": "one at a time", "16": "16 pipelined"},
    clients=CLIENTS,
    bars=[Bar(case, client, ("quipu", "rate"), ("nginx", "rate"), *(demand if client == "wrk" else ()))
          for case, demand in CASES.items() for client in CLIENTS],
    measure=measure,
    metrics={"rate": ("events/s", "{:,.0f}"), "cpu_us": ("server CPU µs/event", "{:.2f}"),
             "client_cpu_us": ("client CPU µs/event", "{:.2f}"), "p99_ms": ("p99 ms", "{:.2f}")},
)
