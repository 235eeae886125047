#!/usr/bin/env python3
"""The real program under a steady load for an hour: the first third in peace, then killed at random moments.

    test/soak/run.py [--minutes 60] [--share 0.7] [--binary PATH] [--write FILE]      make soak

Two loads at once: `quipu bench load` at a share of what this machine was just measured to take, whose sums are held against what it
was told, and clients of test/e2e, each of whose events is judged by the ledger. Memory, descriptors, the processor time of an
event and the room on disk are sampled; the last quarter of each half must be as the second was. Fails, and writes nothing, else.
"""

import argparse
import json
import pathlib
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness.context import Context, expect  # noqa: E402
from harness.ledger import Ledger  # noqa: E402
from harness.load import Load  # noqa: E402
from harness.origin import where  # noqa: E402
from harness.runner import program  # noqa: E402
from harness.verify import verify  # noqa: E402
from page import page  # noqa: E402
from samples import Samples, judge  # noqa: E402

KEYS = 100_000
SPACE = "soak"
HABITS = ("plain", "once", "batches", "source", "transactions", "memory", "views")
PAUSE_SECONDS = 1.0
SAMPLE_SECONDS = 5.0
CAPACITY_SECONDS = 15
LIFE_SECONDS = (5.0, 90.0)
READ_AT_ONCE = 1_000
# Reached within minutes, so that checkpoints are made, segments removed and ids forgotten for most of the run.
SETTINGS = {"log.retain_bytes": "512MiB", "base.log_bytes": "256MiB", "idempotency.window": "2000"}
# Far younger than that window is long, beyond which a repeat counts again.
REPEAT_OF_LAST = 1_000


def names():
    return [b"%s:key-%08d" % (SPACE.encode(), number) for number in range(1, KEYS + 1)]


def total(server):
    """The sum of all counters of the big load."""
    found, keys = 0, names()
    with server.resp() as resp:
        for begin in range(0, KEYS, READ_AT_ONCE):
            found += sum(int(value) for value in resp.must("MGET", *keys[begin:begin + READ_AT_ONCE]) if value is not None)
    return found


class BigLoad:
    """`quipu bench load` in an open loop, and the bounds of what it may have counted."""

    def __init__(self, command, rate, scratch):
        self.command = command
        self.rate = rate
        self.output = scratch / "load.json"
        self.process = None
        self.least = self.most = 0
        self.sums = dict.fromkeys(("accepted", "busy", "lost", "unknown"), 0)

    def start(self, server):
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [*self.command, "bench", "load", "--resp", f"127.0.0.1:{server.resp_port}", "--namespace", SPACE,
                 "--rate", str(self.rate), "--keys", str(KEYS), "--seconds", "86400", "--json"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL)

    def finish(self):
        """Adds up what it was told. A load whose server was killed ends by itself."""
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        report = json.loads(self.output.read_text())
        expect(report["refused"] == 0, f"the load was refused: {report}")
        for name in self.sums:
            self.sums[name] += report[name]
        self.least += report["accepted"]
        self.most += report["accepted"] + report["lost"] + report["unknown"]

    def settle(self, found):
        """What is there must be within what was acknowledged and what was sent; from now on it stays."""
        expect(self.least <= found <= self.most, f"{found} were counted; {self.least} acknowledged, {self.most} sent")
        self.least = self.most = found

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def capacity(command, server):
    """Events a second that the same load reaches where nothing holds it back."""
    report = subprocess.run(
        [*command, "bench", "load", "--resp", f"127.0.0.1:{server.resp_port}", "--namespace", "before", "--keys", str(KEYS),
         "--seconds", str(CAPACITY_SECONDS), "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(report.stdout)["accepted_per_second"]


class Soak:
    """One directory, one ledger, many lives."""

    def __init__(self, context, server, arguments):
        self.server = server
        self.ledger = Ledger(arguments.seed, context.say)
        self.load = Load(self.ledger, arguments.seed, HABITS, PAUSE_SECONDS, repeat_of_last=REPEAT_OF_LAST)
        self.random = random.Random(arguments.seed)
        self.samples = Samples(server)
        self.seconds = arguments.minutes * 60.0
        server.start()
        self.capacity = capacity(context.command, server)
        self.big = BigLoad(context.command, int(self.capacity * arguments.share), context.directory)
        self.kills = 0

    def look(self):
        """While all is quiet: every event of the ledger, and the sum of the big load."""
        self.big.settle(total(self.server))
        verify(self.server, self.ledger, f"start {self.server.starts}")
        expect(not self.ledger.violations, f"{len(self.ledger.violations)} violations: {self.ledger.violations[:1]}")

    def live(self, seconds):
        """Under load for so long."""
        self.big.start(self.server)
        self.load.start(self.server)
        self.samples.new_life()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SAMPLE_SECONDS))
            expect(self.server.alive(), f"the server ended by itself: {self.server.output()[-2000:]}")
            expect(self.big.process.poll() is None, f"the load ended by itself: {self.big.output.read_text()}")
            if left > SAMPLE_SECONDS:
                self.samples.take()

    def kill(self):
        self.server.kill()
        self.kills += 1
        self.load.finish()
        self.ledger.process_died(False)
        self.big.finish()
        self.server.start()
        self.look()

    def calm(self):
        """Stops the loads and judges with a living server."""
        self.load.finish()
        self.big.finish()
        self.load.send_again(self.server)
        self.look()

    def run(self):
        began = time.monotonic()
        self.live(self.seconds / 3)
        self.calm()
        print(f"in peace: {self.samples.last()}; {self.ledger.summary()}", flush=True)
        self.samples.blows()
        while (left := began + self.seconds - time.monotonic()) > 0:
            self.live(min(left, self.random.uniform(*LIFE_SECONDS)))
            self.kill()
            print(f"kill {self.kills}: {self.samples.last()}", flush=True)
        self.load.send_again(self.server)
        self.look()
        self.server.stop()
        self.ledger.process_died(gently=True)
        self.server.start()
        self.look()
        self.server.stop()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.7, help="of what the machine takes")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--write", type=pathlib.Path, help="the page for the result")
    return parser.parse_args()


def main():
    arguments = parse()
    origin = where()
    with tempfile.TemporaryDirectory(prefix="quipu-soak-") as scratch:
        context = Context(program(arguments.binary), arguments.seed, 0, 0, scratch)
        context.begin("soak")
        soak = None
        try:
            with context.server(settings=SETTINGS) as server:
                soak = Soak(context, server, arguments)
                print(f"{soak.capacity:,.0f} events a second at most; {soak.big.rate:,} are sent", flush=True)
                soak.run()
            text = page(soak, arguments, origin)
            print(text)
            judge(soak.samples)
        except Exception as error:  # Whatever it is, the run has failed and says so.
            print(f"FAILED  {error}\n0 passed, 1 failed", flush=True)
            raise
        finally:
            if soak:
                soak.big.end()
        if arguments.write:
            arguments.write.write_text(text)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
