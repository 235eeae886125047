"""A history of concurrent sessions over both protocols, through SIGKILLs, judged by test/histories/check.py."""

import os
import random
import time

from harness.context import expect
from harness.history import Recorder, Sessions, must_hold
from harness.wire import Http, Resp

from .kill import BUSY_DISK, SMALL_TABLE

SECONDS = float(os.environ.get("QUIPU_HISTORIES_SECONDS", "6"))
ID_WINDOW = int(BUSY_DISK["idempotency.window"])
ALIVE_SECONDS = (0.1, 0.8)  # From a start to the next kill.
PACE_SECONDS = 0.002        # Between two requests of a session: enough events, and a history that is judged in seconds.


def record(context, server, recorder, seconds, starts, seed):
    """Sessions for `seconds`, the server killed and started again under them; then every total, before and after a stop."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    kills = 0
    with server:
        server.start(settings=starts[0])
        sessions = Sessions([server], recorder, seed, pace=PACE_SECONDS).start()
        while time.monotonic() < end:
            time.sleep(chance.uniform(*ALIVE_SECONDS))
            expect(server.alive(), f"the server ended by itself; it said:\n{server.output()[-3000:]}")
            server.kill()
            kills += 1
            recorder.note(f"kill {kills}")
            server.start(settings=chance.choice(starts))
        sessions.be_calm()
        sessions.finish()
        for round_ in ("the last run", "the run after a stop in order"):
            for over in (Http, Resp):
                sessions.read_all(server, f"{round_} over {over.__name__.upper()}", over)
            server.stop()
            if round_ == "the last run":
                server.start(settings=starts[0])
    return kills


def judge_history(context, server, seconds, starts=({},), seed=None):
    """Records and has the checker judge. `seed` names the counters: another for each history on one directory."""
    recorder = Recorder(context.directory / "history.jsonl", "embedded", ID_WINDOW)
    kills = record(context, server, recorder, seconds, starts, context.seed if seed is None else seed)
    expect(recorder.outcomes["unknown"] > 0, "no kill fell while a request was under way")
    must_hold(context, recorder, kills)
    context.note(f"{kills} kills")


def histories(context):
    """Bounds, once per id, totals that never go back, positions, exact replies: over SIGKILL, as Jepsen looks at it."""
    judge_history(context, context.server(settings=BUSY_DISK), SECONDS, ({}, SMALL_TABLE))


TESTS = [("histories", histories)]
