"""Disks that fill up and disks that fail."""

import time

from harness.context import eventually, expect
from harness.image import Image
from harness.load import Load
from harness.rounds import Crashes
from harness.server import StartFailed
from harness.wire import Lost, RespError

from .kill import BUSY_DISK

FULL_SECONDS_MAX = 60.0
RESUME_SECONDS_MAX = 30.0
STRACE = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync")


def disk_full(context):
    """Writes get busy, reads go on; when there is room again it goes on by itself, and nothing acknowledged is lost."""
    with Image(context.directory, 160) as image:
        server = context.server(image.root / "data", BUSY_DISK)
        with server:
            crashes = Crashes(server, context.seed + 4, context.say)
            crashes.load.pause = 0.01
            crashes.begin()
            crashes.load.start(server)
            time.sleep(0.5)
            ballast = image.root / "ballast"
            fill(ballast)
            began = time.monotonic()
            refused = busy_since(crashes.ledger)
            eventually(lambda: refused() > 20 or not server.alive(), FULL_SECONDS_MAX, "writes answered as busy")
            crashes.must_live()
            context.note(f"busy {time.monotonic() - began:.1f} s after the disk was full")
            crashes.load.finish()
            crashes.must_live()
            crashes.check()
            busy_in_words(server)
            crashes.look("while the disk is full")
            ballast.unlink()
            began = time.monotonic()
            eventually(lambda: writes(server), RESUME_SECONDS_MAX, "a write taken again after space was freed")
            context.recovered(time.monotonic() - began)
            context.note(f"took writes again {time.monotonic() - began:.2f} s after space was freed")
            crashes.load.start(server)
            time.sleep(0.5)
            crashes.load.finish()
            crashes.must_live()
            crashes.look("after space was freed")
            server.kill()
            crashes.crash()
            crashes.begin()
            crashes.last_look()
            context.note(crashes.summary())


def fill(path):
    """Takes all space that is left."""
    with open(path, "wb", buffering=0) as file:
        size = 1 << 20
        while size >= 4096:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 4


def busy_since(ledger):
    start = ledger.events["busy"]
    return lambda: ledger.events["busy"] - start


def busy_in_words(server):
    """While the disk is full: what both protocols say."""
    with server.resp() as resp, server.http() as http:
        # What is left of the open segment still takes writes, one small one longer than a large group.
        eventually(lambda: isinstance(resp.call("INCR", "last-room"), RespError), 30, "an INCR that is refused")
        reply = resp.call("INCR", "full-disk")
        expect(isinstance(reply, RespError) and reply.kind == "BUSY", f"INCR on a full disk answered {reply!r}")
        answer = http.call("POST", "/v1/counters/default/full-disk")
        expect(answer.status == 503 and answer.outcome() == "busy", f"POST on a full disk answered {answer!r}")
        expect(int(answer.headers.get("retry-after", "0")) >= 1, f"busy without Retry-After: {answer.headers}")
        expect(http.call("GET", "/livez").status == 200, "/livez on a full disk")
        expect(http.call("GET", "/v1/counters/default/full-disk").json()["value"] == 0, "a busy write was counted")


def writes(server):
    with server.resp() as resp:
        reply = resp.call("INCR", "room-again")
        return not isinstance(reply, RespError)


def sync_error(context):
    """A sync fails once, and would succeed the next time with the data gone: nothing may be acknowledged on that.

    The failing sync is not carried out at all, and soon after it the power is cut: a program that tries again and goes
    on, or that takes the failed sync for done, loses what it acknowledged.
    """
    rounds, ended, unknown = 8, 0, 0
    with Image(context.directory) as image:
        server = context.server(image.root / "data", BUSY_DISK)
        with server:
            crashes = Crashes(server, context.seed + 5, context.say)
            for _ in range(rounds):
                nth = crashes.random.choice([1, 3, 10, 40, 150]) + 8
                server.wrapper = [*STRACE, "-e", f"inject=fdatasync,fsync:error=EIO:when={nth}"]
                try:
                    crashes.begin()
                except (Lost, StartFailed):
                    if server.alive():
                        raise
                    ended += 1  # The sync failed in the start, which then was refused.
                    image.recover()
                    continue
                before = crashes.ledger.events["unknown"]
                crashes.load.start(server)
                end = time.monotonic() + 2.0
                while server.alive() and time.monotonic() < end:
                    time.sleep(0.005)
                if not server.alive():
                    ended += 1
                    expect(server.process.returncode > 0,
                           f"after a failed sync the server ended with exit code {server.process.returncode}")
                    expect("nput/output error" in server.output() or "EIO" in server.output(),
                           f"the server did not name the error; it said:\n{server.output()[-2000:]}")
                image.cut(server)
                crashes.crash()
                unknown += crashes.ledger.events["unknown"] - before
                image.recover()
            server.wrapper = []
            crashes.begin()
            crashes.last_look()
            context.note(f"{rounds} failed syncs; {ended} times the server ended; {unknown} events unknown; {crashes.summary()}")
    expect(ended > 0 or unknown > 0, "no sync failed: the fault did not reach the server")


TESTS = [("disk-full", disk_full), ("sync-error", sync_error)]
