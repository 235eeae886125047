"""A wall clock that jumps: by an hour, by ten years, back and forth, and over a suspension."""

import random
import threading
import time

from bench.cgroups import Group
from bench.preload import Preload
from cases.kill import BUSY_DISK
from harness.context import expect, expect_equal
from harness.rounds import Crashes
from harness.wire import encode, request

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
YEAR = 31_556_952 * SECOND
JUMPS = (HOUR, -HOUR, 10 * YEAR, -10 * YEAR, SECOND, -SECOND, 0)
BACK_AND_FORTH_SECONDS = 8.0
SUSPENDED = 600 * SECOND
WAIT_MS = 1500
WAIT_LATE_SECONDS_MAX = 5.0  # By how much a wait may come late on a machine that is busy.


class Standing:
    """Connections in each state that has a limit of time, begun before a jump: an idle one of each wire, a request of
    each wire of which half has come, and a read that waits for a position that does not come."""

    def __init__(self, server):
        self.idle = server.resp()
        self.idle_http = server.http()
        self.half = server.resp()
        self.half_http = server.http()
        self.waiting = server.http()
        expect_equal(self.idle.call("PING"), "PONG", "PING before a jump")
        expect_equal(self.idle_http.call("GET", "/livez").status, 200, "/livez before a jump")
        ping, get = encode("PING"), request("GET", "/livez")
        self.half.send(ping[:-5])
        self.half_http.send(get[:-5])
        self.rests = ping[-5:], get[-5:]
        self.began = time.monotonic()
        self.waiting.send(request("GET", f"/v1/counters/default/standing?timeout={WAIT_MS}&after=1:0:999999999999"))

    def still_served(self, where):
        """No jump ended one of them. Where this is asked before the wait should be over, that it lasted as long as it said."""
        for (connection, rest), word in zip(((self.half, self.rests[0]), (self.idle, encode("PING"))), ("half sent", "idle")):
            connection.send(rest)
            expect_equal(connection.reply(), "PONG", f"{where}, on a connection that was {word}")
        self.half_http.send(self.rests[1])
        expect_equal(self.half_http.reply().status, 200, f"{where}, a request that was half sent")
        expect_equal(self.idle_http.call("GET", "/livez").status, 200, f"{where}, on an idle connection")
        asked = time.monotonic() - self.began
        expect_equal(self.waiting.reply().status, 408, f"{where}, a read that waited")
        waited = time.monotonic() - self.began
        if asked < WAIT_MS / 1000:
            expect(-0.05 <= waited - WAIT_MS / 1000 <= WAIT_LATE_SECONDS_MAX,
                   f"{where}, a read that was to wait for {WAIT_MS} ms was answered after {waited:.2f} s")
        for connection in (self.idle, self.idle_http, self.half, self.half_http, self.waiting):
            connection.close()


def jumps(context):
    """Each jump under load, with a kill behind it; then back and forth each second. No total, id or order may depend on
    it, no connection ends by it, and a wait takes its time."""
    with context.server(settings=BUSY_DISK) as server:
        clock = Preload(context, "clock")
        server.wrapper = clock.wrapper
        crashes = Crashes(server, context.seed, context.say)
        for offset in JUMPS:
            crashes.begin()
            crashes.load.start(server)
            standing = Standing(server)
            time.sleep(0.3)
            clock[0] = offset
            time.sleep(0.5)
            crashes.must_live()
            standing.still_served(f"after a jump of {offset / SECOND:.0f} s")
            crashes.load.finish()
            crashes.look(f"after a jump of {offset / SECOND:.0f} s")
            crashes.load.start(server)
            time.sleep(0.2)
            server.kill()
            crashes.crash()
        crashes.begin()
        crashes.load.start(server)
        standing = Standing(server)
        back_and_forth(clock, random.Random(context.seed))
        crashes.must_live()
        standing.still_served("after the clock went back and forth")
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
