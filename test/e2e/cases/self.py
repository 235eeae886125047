"""Tests of the tests: the crash tests must pass on an honest server, and catch each planted bug."""

import pathlib
import sys
import time

from harness.context import expect
from harness.rounds import Crashes
from harness.server import Server

from .histories import judge_history
from .power import power_cut

INSTRUMENT = str(pathlib.Path(__file__).resolve().parent.parent / "reference_server.py")
ROUNDS = 10
BUG_ROUNDS_MAX = 40
HISTORY_SECONDS = 3.0
BUG_HISTORIES_MAX = 5
BY_HISTORY = ("ack-before-write", "forget-ids", "show-early", "count-refused")
BY_KILL = ("ack-before-write", "forget-ids", "forget-sources", "count-twice", "snapshot-ahead", "show-early", "torn-batch",
           "forget-reset", "count-refused")


def command_of(bug):
    return [sys.executable, "-B", INSTRUMENT] + (["--bug", bug] if bug else [])


def reference(context, bug=None):
    return Server(command_of(bug), context.directory / "data", context.directory)


def kills(context, server, rounds, load=None):
    """Some rounds of kills, then the last look. Returns the rounds."""
    with server:
        crashes = Crashes(server, context.seed, lambda text: None)
        for number in range(rounds):
            crashes.begin()
            if number % 3 == 1:
                crashes.kill_in_phase("commit")
            else:
                crashes.kill_at_random(0.1, 0.4)
        crashes.begin()
        crashes.last_look()
    return crashes


def honest(context):
    """The honest server passes; otherwise no catch of a bug means anything."""
    crashes = kills(context, reference(context), ROUNDS)
    context.note(f"{crashes.rounds} kills, {crashes.phases}; {crashes.summary()}")
    expect(crashes.phases["commit"] > 0, "no kill fell between write and sync")


def honest_terminate(context):
    crashes = terminations(context, reference(context), 4)
    context.note(crashes.summary())


def terminations(context, server, rounds):
    with server:
        crashes = Crashes(server, context.seed, lambda text: None)
        for number in range(rounds):
            crashes.begin()
            crashes.load.start(server, ("memory",) if number % 2 else None)
            time.sleep(0.3)
            code, _ = server.terminate()
            crashes.crash(gently=True)
            expect(code == 0, f"exit code {code}")
        crashes.begin()
        crashes.last_look()
    expect(crashes.ledger.events["memory"] > 0, "nothing was acknowledged in memory")
    return crashes


def catches(bug, run):
    """A test that passes when the crash test `run(context, bug)` fails with a violation."""
    def test(context):
        try:
            run(context, bug)
        except AssertionError as caught:
            expect("violation" in str(caught), f"it failed in another way: {caught}")
            context.note("caught: " + str(caught).splitlines()[0][:200])
            return
        raise AssertionError("the planted bug was not caught")
    return test


def cuts(context, bug=None):
    def server_of(image):
        return Server(command_of(bug), image.root / "data", context.directory)
    power_cut(context, server_of, 12, quiet=bug is not None)


def history(context, bug=None):
    """A recorded history and the checker of test/histories alone: what the ledger sees, it must see from outside."""
    for number in range(BUG_HISTORIES_MAX if bug else 1):
        judge_history(context, reference(context, bug), HISTORY_SECONDS, seed=context.seed + number)


TESTS = [("honest-kill", honest), ("honest-history", history), ("honest-terminate", honest_terminate), ("honest-power-cut", cuts)]
TESTS += [(f"catches-{bug}", catches(bug, lambda context, bug: kills(context, reference(context, bug), BUG_ROUNDS_MAX)))
          for bug in BY_KILL]
TESTS += [("catches-lose-memory-on-stop",
           catches("lose-memory-on-stop",
                   lambda context, bug: terminations(context, reference(context, bug), BUG_ROUNDS_MAX))),
          ("catches-ack-before-sync", catches("ack-before-sync", cuts))]
TESTS += [(f"history-catches-{bug}", catches(bug, history)) for bug in BY_HISTORY]
