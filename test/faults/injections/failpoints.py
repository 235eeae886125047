"""At places that no call from outside names: killed, made to fail, its power cut, in the build that has these places."""

import time

from bench.program import armed, failpoints, planted, struck
from bench.strikes import strike
from cases.kill import BUSY_DISK
from harness.context import expect, expect_equal, eventually
from harness.image import Image
from harness.rounds import Crashes
from harness.server import StartFailed
from harness.wire import Lost

PASSES = (1, 2, 7)
HELD_MS = 60_000
#: Between a name and its sync, between rows and watermark: where a power cut must find nothing half done.
CUT_AT = ("log.written", "log.synced", "segment.filled", "segment.named", "segment.removed", "store.watermark", "store.marked",
          "store.synced", "base.checkpoint", "base.filled", "base.named")
#: What fails there, how often, and whether the process must end of it.
FAILS = (("store.rows", "1", False), ("store.rows", "2+", False), ("store.watermark", "1", False),
         ("store.watermark", "3+", False), ("base.checkpoint", "1", False), ("base.checkpoint", "1+", False),
         ("log.written", "5", True))


def of_planted(context, data=None):
    """A server of the build with failpoints."""
    server = context.server(data, BUSY_DISK)
    server.command = planted()
    return server


def kills(context):
    """SIGKILL at every place, at its first, second and seventh pass."""
    fell = dict.fromkeys(failpoints("one"), 0)
    with of_planted(context) as server:
        crashes = Crashes(server, context.seed, context.say)
        for point in fell:
            for number in PASSES:
                found = strike(crashes, armed(f"{point}:kill:{number}"), 5.0)
                if not found.ended:
                    continue
                expect_equal(found.code, -9, f"{point}: the exit code; it said:\n{found.output[-2000:]}")
                expect(struck(found.output, point, "kill"), f"{point}: it did not say so:\n{found.output[-2000:]}")
                fell[point] += 1
        crashes.begin()
        crashes.last_look()
    missed = [point for point, count in fell.items() if count == 0]
    expect(not missed, f"no kill fell at {missed}")
    context.note(f"{sum(fell.values())} kills: " + ", ".join(f"{count} at {point}" for point, count in fell.items())
                 + f"; {crashes.summary()}")


def power_cuts(context):
    """Held at the place, then the power goes: what has its final name is whole, and nothing acknowledged is gone."""
    fell = {}
    with Image(context.directory) as image, of_planted(context, image.root / "data") as server:
        crashes = Crashes(server, context.seed + 1, context.say)
        for point in CUT_AT:
            for number in (1, 4):
                server.wrapper = armed(f"{point}:sleep={HELD_MS}:{number}")
                try:
                    server.start(wait=False)
                    eventually(lambda: struck(server.output(), point, "sleep") or ready(server), 60.0, f"a start held at {point}")
                finally:
                    server.wrapper = []
                if not struck(server.output(), point, "sleep"):
                    crashes.load.start(server)
                    held_within(server, point, 6.0)
                held = struck(server.output(), point, "sleep")
                image.cut(server)
                crashes.crash()
                image.recover()
                fell[point] = fell.get(point, 0) + held
                crashes.begin()
                server.kill()
                crashes.crash()
        crashes.begin()
        crashes.last_look()
    missed = [point for point in CUT_AT if not fell[point]]
    expect(not missed, f"no power cut fell at {missed}")
    context.note(f"{sum(fell.values())} power cuts: " + ", ".join(f"{count} at {point}" for point, count in fell.items())
                 + f"; {crashes.summary()}")


def ready(server):
    """Whether it serves; a process that is gone is no answer."""
    if not server.alive():
        raise AssertionError(f"the server ended by itself; it said:\n{server.output()[-2000:]}")
    try:
        with server.http() as http:
            return http.call("GET", "/readyz").status == 200
    except Lost:
        return False


def held_within(server, point, seconds):
    try:
        eventually(lambda: struck(server.output(), point, "sleep"), seconds, f"held at {point}")
    except AssertionError:
        pass  # That pass never came; another number of it does.


def errors(context):
    """What fails there once, or from there on: nothing acknowledged is lost, and where only the store fails it goes on."""
    with of_planted(context) as server:
        crashes = Crashes(server, context.seed + 2, context.say)
        for point, when, ends in FAILS:
            found = strike(crashes, armed(f"{point}:error:{when}"), 2.0)
            expect(struck(found.output, point, "error"), f"{point} did not fail; it said:\n{found.output[-2000:]}")
            expect(found.ended == ends, f"{point}:error:{when}: it {'ended' if found.ended else 'went on'}; it said:\n"
                                        f"{found.output[-2000:]}")
            expect(found.code != 0, f"{point}: exit code {found.code}")
        crashes.begin()
        crashes.last_look()
    context.note(f"{len(FAILS)} rounds of errors in store, base and log; {crashes.summary()}")


def refused(context):
    """A failpoint that can not be armed is never taken for one that did not strike; what is shipped has none."""
    for spec in ("nowhere:kill:1", "log.written:kill", "log.synced:error:1", "log.written:kill:0"):
        with of_planted(context) as server:
            server.wrapper = armed(spec)
            code, said = server.run_to_end()
            expect(code == 2 and "failpoint" in said, f"QUIPU_FAIL={spec}: exit code {code}, it said:\n{said}")
    with context.server() as server:
        server.wrapper = armed("log.written:kill:1")
        code, said = server.run_to_end()
        expect(code == 2 and "failpoint" in said, f"what is shipped took a failpoint: exit code {code}, it said:\n{said}")
    with open(context.command[0], "rb") as program:
        held = program.read()
    found = [name for name in failpoints("one") + failpoints("worker") + failpoints("node") if name.encode() + b"\0" in held]
    expect(not found, f"what is shipped has failpoints: {found}")


#: Planted bugs that these tests must see: what strikes meanwhile, where something must, and in how many rounds at most.
CAUGHT = (("ids-not-seen-before-watermark", "", 12), ("read-not-held", "", 60), ("flush-error-swallowed", "store.rows:error:2+", 6))


def seen(context, bug, points, rounds):
    """Whether rounds of kills with a bug planted in the real program end in a violation."""
    with of_planted(context) as server:
        server.data = context.directory / bug
        crashes = Crashes(server, context.seed + 3, lambda text: None)
        try:
            for _ in range(rounds):
                server.wrapper = ["env", f"QUIPU_PLANT={bug}"] + armed(points)[1:]
                try:
                    crashes.begin()
                except (StartFailed, Lost):
                    if server.alive():
                        raise
                    crashes.ledger.process_died(gently=False)
                    continue
                crashes.load.start(server)
                time.sleep(crashes.random.uniform(0.1, 0.5))
                server.kill()
                crashes.crash()
        except AssertionError:
            return bool(crashes.ledger.violations)
        finally:
            if server.alive():
                server.kill()
    return False


def catches(context):
    """Bugs planted in the real program, on the real disk, must be seen: else the runs without them say nothing."""
    missed = [bug for bug, points, rounds in CAUGHT if not seen(context, bug, points, rounds)]
    expect(not missed, f"planted bugs that were not seen: {missed}")
    context.note("seen: " + ", ".join(bug for bug, _, _ in CAUGHT))


TESTS = [("failpoint-kills", kills), ("power-cut-at-failpoints", power_cuts), ("failpoint-errors", errors),
         ("failpoints-refused", refused), ("faults-catch-planted-bugs", catches)]
