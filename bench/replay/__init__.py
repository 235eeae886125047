"""Replay at start: how fast the log is read again after a kill, against the rate at which it was written."""

from harness import clients
from harness.figures import Bar
from harness.rounds import Question

from . import quipu

EVENTS = 6_000_000
CASES = {"uniform": "100,000 keys, uniform", "zipf": "100,000 keys, Zipf 1.0"}


def measure(context, subject, case):
    """Fills the log, kills the server, starts it on the same directory and waits until it serves."""
    flags = ["--connections", 50, "--keys", 100_000, "--distribution", case, "--pipeline", 64]
    with subject.start(context) as server:
        values = clients.load(context, server, "resp", *flags, "--events", EVENTS)
        before = server.stats()
        server.process.kill()
        seconds = server.start()
        after = server.stats()
        if after["newest"] != before["newest"] or after["counters"] != before["counters"]:
            raise clients.ClientFailed(f"offset {after['newest']} of {before['newest']}, {after['counters']} counters of "
                                       f"{before['counters']} came back")
        if after["replayed_frames"] < before["frames_written"]:
            raise clients.ClientFailed(f"{after['replayed_frames']} of {before['frames_written']} frames were replayed: "
                                       "the store had some already")
        return {"load": {"events": EVENTS, "live_rate": values["rate"], "replay_rate": EVENTS / seconds,
                         "replay_seconds": seconds, "replay_cpu_us": server.process.processor_seconds() * 1e6 / EVENTS,
                         "cpu_us": values["cpu_us"], "others": values["others"]}}


QUESTION = Question(
    name="replay",
    title="Replay at start",
    about=f"{EVENTS:,} events by INCR, pipeline 64, of which none reached the store; then SIGKILL and a start on the same "
          "directory. The replay's time is the whole start: from the process's beginning until /readyz answers 200.",
    subjects=[quipu.SUBJECT],
    cases=CASES,
    clients={"load": "quipu bench load"},
    bars=[Bar(case, "load", ("quipu", "replay_rate"), ("quipu", "live_rate"), 5, 10) for case in CASES],
    measure=measure,
    metrics={"live_rate": ("live events/s", "{:,.0f}"), "replay_rate": ("replayed events/s", "{:,.0f}"),
             "replay_seconds": ("start s", "{:.2f}"), "cpu_us": ("live server CPU µs/event", "{:.2f}"),
             "replay_cpu_us": ("replay CPU µs/event", "{:.2f}")},
)
