"""A good client's latency while slowhttptest holds 1,000 sockets."""

import contextlib
import time

from harness import clients
from harness.figures import Bar
from harness.process import Process
from harness.rounds import Question
from harness.servers import http_get

from . import alone, slow_bodies, slow_headers, slow_readers

SOCKETS = 1_000
RATE = 10_000
SECONDS = 3
HOLD_SECONDS_MAX = 15
FLAGS = ["--connections", 50, "--distribution", "uniform", "--keys", 100_000]
KINDS = {
    "slow-headers": ["-H", "-t", "POST"],
    "slow-bodies": ["-B", "-t", "POST", "-s", 8192],
    "slow-readers": ["-X", "-w", 10, "-y", 20, "-n", 5, "-z", 32, "-k", 3],
}
TARGETS = {"slow-headers": "/view", "slow-bodies": "/view", "slow-readers": "/openapi.json"}


@contextlib.contextmanager
def held(context, server, kind):
    """slowhttptest with all its sockets open, for the block."""
    if kind not in KINDS:
        yield
        return
    slow = Process(["slowhttptest", *KINDS[kind], "-c", SOCKETS, "-r", SOCKETS, "-i", 5, "-l", HOLD_SECONDS_MAX,
                    "-u", f"http://127.0.0.1:{server.http_port}{TARGETS[kind]}"],
                   server.directory / "slow.log", context.client_processors, server.directory)
    context.beside.append(slow)
    try:
        began = time.monotonic()
        while open_connections(server) < SOCKETS * 0.95:
            if not slow.alive() or time.monotonic() - began > 8:
                raise clients.ClientFailed(f"slowhttptest holds {open_connections(server)} sockets: {slow.said()[-300:]}")
            time.sleep(0.05)
        yield
        left = open_connections(server)
        if left < SOCKETS * 0.9:
            raise clients.ClientFailed(f"only {left} of {SOCKETS} slow sockets were there to the end")
    finally:
        slow.kill()
        context.beside.remove(slow)


def open_connections(server):
    return server.stats()["server"]["http_connections"]


def measure(context, subject, case):
    with subject.start(context) as server:
        clients.load(context, server, "http", *FLAGS, "--pipeline", 16, "--events", 100_000)
        with held(context, server, subject.name.removesuffix(" again")):
            values = clients.load(context, server, "http", *FLAGS, "--pipeline", 1, "--rate", RATE, "--seconds", SECONDS)
        status, _ = http_get(server.http_port, "/readyz")
        if status != 200:
            raise clients.ClientFailed(f"/readyz answers {status} afterwards")
        return {"load": values}


QUESTION = Question(
    name="slow_clients",
    title="Slow clients",
    about=f"POST /view in an open loop, {RATE:,} a second on 50 connections, alone and while slowhttptest holds "
          f"{SOCKETS:,} sockets with headers or bodies that never end, or answers that it hardly reads. slowhttptest itself "
          "keeps a processor busy while it does.",
    subjects=[slow_headers.SUBJECT, slow_bodies.SUBJECT, slow_readers.SUBJECT, alone.SUBJECT],
    cases={"view": f"POST /view, {RATE:,}/s"},
    clients={"load": "quipu bench load"},
    bars=[Bar("view", "load", (kind, "p99_ms"), ("alone", "p99_ms"), 1.5, less_is_better=True) for kind in KINDS],
    measure=measure,
    metrics={"rate": ("events/s", "{:,.0f}"), "p50_ms": ("p50 ms", "{:.2f}"), "p99_ms": ("p99 ms", "{:.2f}"),
             "max_ms": ("max ms", "{:.1f}"), "cpu_us": ("server CPU µs/event", "{:.2f}")},
)
