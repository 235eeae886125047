"""Rounds of one kind: start with something set against the server, load it until it is gone, judge what it shows."""

import time

from harness.server import StartFailed
from harness.wire import Lost

GONE_SECONDS_MAX = 6.0


class Struck:
    """What one round did: whether the server ended by itself, in its start, with which code, and what it said."""

    def __init__(self, ended, in_start, code, output):
        self.ended = ended
        self.in_start = in_start
        self.code = code
        self.output = output


def strike(crashes, wrapper, seconds=GONE_SECONDS_MAX, gone=None, load=True, settings=None):
    """Starts the server with `wrapper` before it, and loads it until it has ended, `gone(server)` is true, or `seconds` are
    over; then it is killed where it still runs. A start that is struck ends the round."""
    server = crashes.server
    server.wrapper = list(wrapper)
    try:
        crashes.begin()
    except (StartFailed, Lost):
        if not ends(server):
            raise
        server.wrapper = []
        crashes.ledger.process_died(gently=False)
        crashes.in_start += 1
        return Struck(True, True, server.process.returncode, server.output())
    server.wrapper = []
    if load:
        crashes.load.start(server)
    end = time.monotonic() + seconds
    while server.alive() and time.monotonic() < end and not (gone and gone(server)):
        time.sleep(0.005)
    ended = not server.alive()
    server.kill()
    crashes.crash()
    return Struck(ended, False, server.process.returncode, server.output())


def ends(server, seconds=2.0):
    """Whether it is gone, or goes within a moment: its connections break before it is."""
    end = time.monotonic() + seconds
    while server.alive() and time.monotonic() < end:
        time.sleep(0.005)
    return not server.alive()


def one_by_one(server, ledger, count):
    """Adds events one at a time, each in a commit of its own."""
    with server.resp() as resp:
        for _ in range(count):
            event = ledger.begin("text")
            ledger.acked(event)
            ledger.observe(event.counter, resp.must("INCRBY", event.counter.key, event.delta), event.weight, "INCRBY")


def strace(calls, *inject, by_kernel=True):
    """Before the program: strace that does `inject` to these calls (by_kernel: others are not slowed down; strace 6.1 injects
    no signals with that)."""
    words = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    if by_kernel:
        words.insert(3, "--seccomp-bpf")
    for each in inject:
        words += ["-e", f"inject={calls}:{each}"]
    return words
