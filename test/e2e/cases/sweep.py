"""A power cut at every step of making a data directory, and of coming up again: the next start needs no human."""

import shutil
import time

from harness.context import expect, expect_equal
from harness.image import Image
from harness.server import StartFailed

STEPS = "fsync,fdatasync,rename,renameat,renameat2,mkdir,unlink,ftruncate,fallocate,link"
POINTS_MAX = 60


def dies_at(server, step):
    """Starts the server, of which the first thread to make its step-th call of a kind that matters kills it all. False
    when none made so many before it was ready. (strace 6.1 injects no signals together with --seccomp-bpf.)"""
    server.wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={STEPS}",
                      "-e", f"inject={STEPS}:signal=KILL:when={step}"]
    try:
        server.start()
    except StartFailed as failed:
        server.wrapper = []
        expect(failed.code == -9, f"killed at step {step}, the start ended with exit code {failed.code}:\n{failed.output}")
        return True
    server.wrapper = []
    return False


def steps():
    """1, 2, 3, ... and then wider apart."""
    step = 1.0
    for _ in range(POINTS_MAX):
        yield int(step)
        step = max(step + 1, step * 1.05)


def first_start(context):
    """The directory is made: cut at each step, it is there whole or made anew."""
    points = 0
    with Image(context.directory) as image, context.server() as server:
        for step in steps():
            server.data = image.root / f"data-{step}"
            died = dies_at(server, step)
            image.cut(server)
            image.recover()
            server.start()
            with server.resp() as resp:
                expect_equal(resp.must("INCR", "first"), 1, f"INCR after a cut at step {step} of the first start")
            server.stop()
            shutil.rmtree(server.data)
            points += 1
            if not died:
                break
    context.note(f"{points} power cuts in the first start")


def next_start(context):
    """A start with a log to replay is cut at each step, again and again on the same directory: nothing is lost."""
    points, total = 0, 0
    with Image(context.directory) as image, context.server(image.root / "data") as server:
        for step in steps():
            server.start()
            with server.resp() as resp:
                for _ in range(20):
                    total += 1
                    expect_equal(resp.must("INCR", "again"), total, f"INCR before step {step}")
            if step % 3 == 0:
                time.sleep(0.2)
            image.cut(server)
            image.recover()
            died = dies_at(server, step)
            image.cut(server)
            image.recover()
            points += 1
            if not died:
                break
        server.start()
        with server.resp() as resp:
            expect_equal(int(resp.must("GET", "again")), total, "the total after all cuts")
        server.stop()
    context.note(f"{points} power cuts in a later start, {2 * points} in all")


TESTS = [("cut-in-first-start", first_start), ("cut-in-next-start", next_start)]
