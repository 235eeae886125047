"""Processes that stand still, or get too little: of the processor, of threads."""

import os
import pathlib
import subprocess
import sys
import threading
import time

from bench.cgroups import Group
from cases.kill import BUSY_DISK
from harness.context import eventually, expect, expect_equal
from harness.ledger import Ledger
from harness.rounds import Crashes
from harness.stopping import states
from harness.verify import verify
from harness.wire import Lost, Resp

CLIENTS = 6
CLIENT_SECONDS = 0.4
FROZEN_SECONDS = (1.5, 3.0, 6.0)
QUOTA_PERCENT = 5
QUOTA_SECONDS = 12.0
WORK, PROCESSORS = 16, 2
CROWDED_SECONDS = 8.0


class Impatient:
    """A client that gives its answers so long, and then sends the same event again, with the same id, until it is told."""

    def __init__(self, server, ledger, number):
        self.server, self.ledger = server, ledger
        self.number = number
        self.again = 0
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        made = 0
        while not self.stopping:
            made += 1
            event = self.ledger.begin("text", resend=f"impatient-{self.number}-{made}")
            while not self.tell(event):
                self.again += 1

    def tell(self, event):
        try:
            with Resp(self.server.resp_port, CLIENT_SECONDS) as resp:
                floor = self.ledger.floor(event.counter)
                total, _ = resp.must("Q.INCRBY", event.counter.key, event.delta, "ID", event.id)
        except Lost:
            self.ledger.unknown([event])
            return False
        self.ledger.acked(event)
        self.ledger.observe(event.counter, total, floor | event.weight, "Q.INCRBY")
        return True

    def finish(self):
        self.stopping = True
        self.thread.join(60.0)
        expect(not self.thread.is_alive(), "a client got no answer for 60 s after the last thaw")


def frozen(context):
    """The server stands still for seconds, as in a machine that is suspended; clients give up and send again with their ids.
    When it goes on it answers at once, and each event is there once."""
    with context.server(settings=BUSY_DISK) as server, Group("freezer") as group:
        server.start()
        group.add(server.pid)
        ledger = Ledger(context.seed, context.say)
        clients = [Impatient(server, ledger, number) for number in range(CLIENTS)]
        slowest = 0.0
        for seconds in FROZEN_SECONDS:
            time.sleep(0.5)
            before = sum(client.again for client in clients)
            group.freeze()
            expect_equal(states(server.pid) - {"D"}, set(), "the states of a frozen server's threads")
            time.sleep(seconds)
            gave_up = sum(client.again for client in clients) - before
            began = time.monotonic()
            group.thaw()
            acked = ledger.events["acked"]
            eventually(lambda: ledger.events["acked"] >= acked + CLIENTS, 20.0, "answers after the thaw")
            slowest = max(slowest, time.monotonic() - began)
            expect(gave_up >= CLIENTS, f"in {seconds:.1f} s only {gave_up} requests were given up")
        context.recovered(slowest)
        for client in clients:
            client.finish()
        verify(server, ledger, "after the thaws")
        expect(not ledger.violations, str(ledger.violations[:3]))
        server.kill()
        server.start()
        verify(server, ledger, "after a kill")
        expect(not ledger.violations, str(ledger.violations[:3]))
        server.stop()
    context.note(f"{len(FROZEN_SECONDS)} freezes of up to {max(FROZEN_SECONDS):.0f} s, {sum(client.again for client in clients)} "
                 f"requests were sent again; {ledger.summary()}")


def starved(context):
    """5 % of one processor, then killed; and again without."""
    with context.server(settings=BUSY_DISK) as server, Group("cpu") as group:
        group.set("cfs_period_us", 100_000)
        group.set("cfs_quota_us", 1_000 * QUOTA_PERCENT)
        crashes = Crashes(server, context.seed, context.say)
        crashes.load.pause = 0.05
        crashes.begin()
        group.add(server.pid)
        crashes.load.start(server)
        time.sleep(QUOTA_SECONDS)
        crashes.must_live()
        acked = crashes.ledger.events["acked"]
        group.set("cfs_quota_us", -1)
        began = time.monotonic()
        throttled = group.stat("nr_throttled")
        eventually(lambda: crashes.ledger.events["acked"] > acked + 100, 20.0, "answers when it has the processor again")
        context.recovered(time.monotonic() - began)
        crashes.load.finish()
        crashes.look("after the starvation")
        server.kill()
        crashes.crash()
        crashes.begin()
        crashes.last_look()
    expect(throttled > QUOTA_SECONDS * 3, f"it was held back in only {throttled} periods of 0.1 s")
    expect(acked > 0, "nothing was served")
    context.note(f"{QUOTA_PERCENT} % of a processor for {QUOTA_SECONDS:.0f} s: held back in {throttled} periods, {acked} events "
                 f"acknowledged meanwhile; {crashes.summary()}")


class Work:
    """Programs that do nothing but take the processors, while the `with` block lasts; on those that `pid` may use."""

    def __init__(self, pid):
        self.processors = sorted(os.sched_getaffinity(pid))[:PROCESSORS]
        self.programs = []

    def __enter__(self):
        self.programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                          preexec_fn=lambda: os.sched_setaffinity(0, self.processors)) for _ in range(WORK)]
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.kill()
            program.wait()


def waited_seconds(pid):
    """How long the threads of a process were ready and had no processor."""
    return sum(int((task / "schedstat").read_text().split()[1]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def crowded(context):
    """The server shares two processors with 16 programs that take all they get; then it is killed among them; and again without."""
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed, context.say)
        crashes.begin()
        all_processors = os.sched_getaffinity(server.pid)
        for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), sorted(all_processors)[:PROCESSORS])
        crashes.load.start(server)
        time.sleep(1.0)
        alone = crashes.ledger.events["acked"]
        before = waited_seconds(server.pid)
        with Work(server.pid):
            time.sleep(CROWDED_SECONDS)
            crashes.must_live()
            waited = waited_seconds(server.pid) - before
            acked = crashes.ledger.events["acked"] - alone
        began = time.monotonic()
        eventually(lambda: crashes.ledger.events["acked"] > alone + acked + 100, 20.0, "answers when the others have gone")
        context.recovered(time.monotonic() - began)
        crashes.load.finish()
        crashes.look("after the crowd")
        with Work(server.pid):
            crashes.load.start(server)
            time.sleep(1.0)
            server.kill()
            crashes.crash()
            crashes.begin()
        crashes.last_look()
    expect(waited > CROWDED_SECONDS / 2, f"its threads waited only {waited:.1f} s for a processor in {CROWDED_SECONDS:.0f} s")
    expect(acked > 0, "nothing was served")
    context.note(f"{WORK} programs on {PROCESSORS} processors beside it for {CROWDED_SECONDS:.0f} s: its threads waited {waited:.1f} s for "
                 f"one, {acked} events acknowledged meanwhile; {crashes.summary()}")


def no_threads(context):
    """No thread can be made: a start is refused in words, and a server that has all of its threads goes on exactly."""
    with context.server(settings=BUSY_DISK) as server, Group("pids") as group:
        group.set("max", 2)
        server.wrapper = group.wrapper
        code, said = server.run_to_end()
        server.wrapper = []
        expect(code == 1 and ("thread" in said or "esource temporarily unavailable" in said),
               f"without threads the start ended with exit code {code} and said:\n{said}")
        group.set("max", "max")
        crashes = Crashes(server, context.seed, context.say)
        server.wrapper = group.wrapper
        crashes.begin()
        server.wrapper = []
        group.set("max", int(group.get("current")))
        crashes.load.start(server)
        time.sleep(3.0)
        crashes.must_live()
        crashes.load.finish()
        crashes.look("without another thread")
        refused = int(group.get("events").split()[-1])
        expect(refused > 0, "no thread was refused")
        group.set("max", "max")
        server.kill()
        crashes.crash()
        crashes.begin()
        crashes.last_look()
    context.note(f"a start without threads: {said.strip().splitlines()[-1][:200]}; later {refused} threads were refused under load; "
                 f"{crashes.summary()}")


TESTS = [("frozen", frozen), ("processor-quota", starved), ("processors-shared", crowded), ("no-threads", no_threads)]
