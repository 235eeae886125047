"""A wall clock that jumps: by an hour, by ten years, back and forth, and over a suspension."""

import random
import threading
import time

from bench.cgroups import Group
from bench.preload import Preload
from cases.kill import BUSY_DISK
from harness.context import expect
from harness.rounds import Crashes

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
YEAR = 31_556_952 * SECOND
JUMPS = (HOUR, -HOUR, 10 * YEAR, -10 * YEAR, SECOND, -SECOND, 0)
BACK_AND_FORTH_SECONDS = 8.0
SUSPENDED = 600 * SECOND


def jumps(context):
    """Each jump under load, with a kill behind it; then back and forth each second. No total, id or order may depend on it."""
    with context.server(settings=BUSY_DISK) as server:
        clock = Preload(context, "clock")
        server.wrapper = clock.wrapper
        crashes = Crashes(server, context.seed, context.say)
        for offset in JUMPS:
            crashes.begin()
            crashes.load.start(server)
            time.sleep(0.3)
            clock[0] = offset
            time.sleep(0.5)
            crashes.must_live()
            crashes.load.finish()
            crashes.look(f"after a jump of {offset / SECOND:.0f} s")
            crashes.load.start(server)
            time.sleep(0.2)
            server.kill()
            crashes.crash()
        crashes.begin()
        crashes.load.start(server)
        back_and_forth(clock, random.Random(context.seed))
        crashes.must_live()
        crashes.load.finish()
        crashes.look("after the clock went back and forth")
        clock[0] = 0
        crashes.last_look()
    expect(clock[1] > 1000, f"the shifted clock was asked only {clock[1]} times")
    context.note(f"{len(JUMPS)} jumps, and {BACK_AND_FORTH_SECONDS:.0f} s back and forth; the shifted clock was asked {clock[1]} times; "
                 f"{crashes.summary()}")


def back_and_forth(clock, chosen):
    end = time.monotonic() + BACK_AND_FORTH_SECONDS
    while time.monotonic() < end:
        clock[0] = chosen.choice((-1, 1)) * chosen.choice((HOUR, 10 * YEAR, 2 * SECOND))
        threading.Event().wait(chosen.uniform(0.2, 1.0))


def suspended(context):
    """The machine sleeps for ten minutes: every thread stands still, and the wall clock has gone on when they wake. (Really
    they stand still for 2 s; the monotonic clock of a machine that sleeps stands still too.)"""
    with context.server(settings=BUSY_DISK) as server, Group("freezer") as group:
        clock = Preload(context, "clock")
        server.wrapper = clock.wrapper
        crashes = Crashes(server, context.seed + 1, context.say)
        slowest = 0.0
        for _ in range(3):
            crashes.begin()
            group.add(server.pid)
            crashes.load.start(server)
            time.sleep(0.4)
            group.freeze()
            clock[0] = clock[0] + SUSPENDED
            time.sleep(2.0)
            acked = crashes.ledger.events["acked"]
            began = time.monotonic()
            group.thaw()
            while crashes.ledger.events["acked"] == acked:
                expect(time.monotonic() - began < 20.0, "nothing was acknowledged for 20 s after the machine woke")
                time.sleep(0.005)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.4)
            crashes.must_live()
            crashes.load.finish()
            crashes.look("after the machine woke")
            server.kill()
            crashes.crash()
        context.recovered(slowest)
        crashes.begin()
        crashes.last_look()
    expect(clock[1] > 0, "the shifted clock was never asked")
    context.note(f"3 times ten minutes by the wall clock; {crashes.summary()}")


TESTS = [("clock-jumps", jumps), ("suspended", suspended)]
