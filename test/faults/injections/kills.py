"""Killed at every call that matters, in the start again and again, told to end twice, out of memory."""

import random
import time

from bench.cgroups import Group
from bench.preload import Preload
from bench.strikes import strace, strike
from cases.kill import BUSY_DISK
from harness.context import expect
from harness.load import Load
from harness.rounds import Crashes
from harness.server import StartFailed
from harness.wire import Lost

#: What is swept, and how many calls of it a round may take until the blow.
CALLS = {"pwrite64": (1, 3, 10, 40, 150), "fdatasync": (1, 2, 5, 20, 60, 150), "fsync": (1, 3, 8, 20),
         "rename,renameat,renameat2": (1, 2, 4, 8), "ftruncate,fallocate": (1, 2, 3), "unlink,unlinkat": (1, 2, 5),
         "sendto": (1, 5, 25, 120, 400)}
IN_START = ("openat,fsync,fdatasync,pwrite64,rename,renameat2,unlink,ftruncate,fallocate,mkdir,pread64,write,clone,clone3")
START_STEPS = 40
#: Which allocation under load gets nothing; then, which of those that RocksDB asks of libc itself.
ALLOCATIONS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 1000, 2000, 4000, 8000, 20000, 50000)
ALLOCATIONS_OF_ROCKSDB = (1, 2, 3, 4)
KILLS_PER_START = 3


def at_each_call(context):
    """SIGKILL exactly at the N-th call of a kind, in the start or under load: the call is not carried out."""
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed, context.say)
        fell = {}
        for calls, numbers in CALLS.items():
            for number in numbers:
                struck = strike(crashes, strace(calls, f"signal=KILL:when={number}", by_kernel=False), 3.0)
                if struck.ended:
                    expect(struck.code == -9, f"{calls} {number}: the server ended with exit code {struck.code}; it said:\n"
                                              f"{struck.output[-2000:]}")
                    fell[calls] = fell.get(calls, 0) + 1
        crashes.begin()
        crashes.last_look()
    missed = [calls for calls in CALLS if not fell.get(calls)]
    expect(not missed, f"no kill fell at {missed}")
    context.note(f"{sum(fell.values())} kills, each at a chosen call: "
                 + ", ".join(f"{count} at {calls.split(',')[0]}" for calls, count in fell.items())
                 + f"; {crashes.in_start} of them in the start; {crashes.summary()}")


def in_recovery(context):
    """Each start has a log to replay, and is killed at a later call than the one before, three times in a row: the fourth
    comes up by itself, with everything."""
    chosen = random.Random(context.seed)
    kills = 0
    with context.server(settings=BUSY_DISK | {"flush.sync_interval": "1h", "base.interval": "1h"}) as server:
        crashes = Crashes(server, context.seed + 1, context.say)
        step = 1.0
        for _ in range(START_STEPS):
            crashes.begin()
            crashes.kill_at_random(0.05, 0.2)
            for again in range(KILLS_PER_START):
                number = int(step) + chosen.randrange(1 + int(step)) * again
                server.wrapper = strace(IN_START, f"signal=KILL:when={number}", by_kernel=False)
                try:
                    server.start()
                except (StartFailed, Lost):
                    expect(server.process.wait() == -9, f"killed at call {number} of its start, the server ended with exit code "
                                                        f"{server.process.returncode}:\n{server.output()}")
                    kills += 1
                else:
                    server.kill()
                finally:
                    server.wrapper = []
            step = max(step + 1, step * 1.1)
        crashes.begin()
        crashes.last_look()
    expect(kills > START_STEPS, f"only {kills} kills fell into a start")
    context.note(f"{kills} kills in starts that replay, up to {KILLS_PER_START} in a row; {crashes.summary()}")


def told_twice(context):
    """SIGTERM, and a second one while it drains: that ends the process at once, with 1, as its log says. What was durable
    stays; what was acknowledged in memory may go, as with a kill."""
    chosen = random.Random(context.seed)
    codes = {0: 0, 1: 0}
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 2, context.say)
        for _ in range(16):
            crashes.begin()
            crashes.load.start(server)
            time.sleep(chosen.uniform(0.05, 0.3))
            crashes.must_live()
            server.process.terminate()
            time.sleep(chosen.uniform(0.0, 0.03))
            code, _ = server.terminate()
            expect(code in codes, f"told twice, the server ended with exit code {code}; it said:\n{server.output()}")
            expect(code == 0 or "second signal" in server.output(), f"nothing about the second signal in:\n{server.output()}")
            codes[code] += 1
            crashes.crash(gently=code == 0)
        crashes.begin()
        crashes.last_look()
    expect(codes[1] > 0, "no second SIGTERM came before the end")
    context.note(f"16 times told twice: {codes[1]} ended at the second signal, {codes[0]} had ended in order; {crashes.summary()}")


def out_of_memory(context):
    """The kernel kills it for the memory that its group may take."""
    rounds, killed = 4, 0
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 3, context.say)
        crashes.load = Load(crashes.ledger, context.seed + 3, ("bulk", "bulk", "bulk", "once", "plain"), long_names=60_000)
        for number in range(rounds):
            with Group("memory") as group:
                group.set("limit_in_bytes", (56 + 6 * number) << 20)
                if (group.path / "memory.memsw.limit_in_bytes").exists():
                    group.set("memsw.limit_in_bytes", (56 + 6 * number) << 20)
                struck = strike(crashes, group.wrapper, 25.0)
                if struck.ended:
                    expect(struck.code == -9, f"out of memory, the server ended with exit code {struck.code}; it said:\n"
                                              f"{struck.output[-2000:]}")
                    expect(group.stat("oom_kill", "oom_control") > 0, "the server was not killed for its memory")
                    killed += 1
        crashes.begin()
        crashes.last_look()
    expect(killed > 0, f"none of {rounds} rounds ran out of memory")
    context.note(f"killed for its memory in {killed} of {rounds} rounds, {crashes.in_start} times in the start; {crashes.summary()}")


def allocation_fails(context):
    """The N-th allocation under load gets nothing: the process may end, or answer busy; nothing acknowledged goes, no batch
    is there in part, nothing is counted twice. It ends with a word, but for one place: what RocksDB's cache asks of libc for
    an entry it uses unseen (7.8, LRUCacheShard::Insert), and that ends the process by signal 11."""
    ended, failed, unseen = 0, 0, 0
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 4, context.say)
        memory = Preload(context, "memory")
        rounds = [(number, 0) for number in ALLOCATIONS] + [(number, 1) for number in ALLOCATIONS_OF_ROCKSDB]
        for number, of_rocksdb in rounds:
            for slot in (0, 1, 3, 4):
                memory[slot] = 0
            server.wrapper = memory.wrapper
            crashes.begin()
            server.wrapper = []
            crashes.load.start(server)
            time.sleep(0.05)
            memory[3] = of_rocksdb
            memory[0] = number
            end = time.monotonic() + 1.0
            while server.alive() and memory[1] == 0 and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(0.1)
            failed += memory[1]
            if not server.alive():
                ended += 1
                unseen += server.process.returncode == -11
                expect(server.process.returncode in ((1, -6, -11) if memory[4] else (1, -6)),
                       f"without memory the server ended with exit code {server.process.returncode}; it said:\n{server.output()[-2000:]}")
            server.kill()
            crashes.crash()
        crashes.begin()
        crashes.last_look()
    expect(failed > 10, f"only {failed} allocations failed")
    expect(unseen > 0, "none that RocksDB's cache asked for failed")
    context.note(f"{failed} allocations got no memory, which ended the process {ended} times, {unseen} of them by signal 11 in RocksDB; "
                 f"{crashes.summary()}")


TESTS = [("kill-at-each-call", at_each_call), ("kill-in-recovery", in_recovery), ("terminate-twice", told_twice),
         ("out-of-memory", out_of_memory), ("allocation-fails", allocation_fails)]
