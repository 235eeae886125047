"""The loop of the crash tests: start, look calmly, load, crash, again; and the last look, after which nothing is open."""

import pathlib
import random
import subprocess
import sys
import time

from .ledger import Ledger
from .load import Load
from .server import PHASES
from .verify import verify

AIM = pathlib.Path(__file__).with_name("aim.py")
AUDIT_SECONDS_MAX = 300
REFERENCE = "reference_server.py"


class Crashes:
    """One data directory, one ledger, many rounds. Stops early when something is wrong."""

    def __init__(self, server, seed, say, settings=(), load=None):
        self.server = server
        self.random = random.Random(seed)
        self.say = say
        self.ledger = Ledger(seed, say)
        self.load = load or Load(self.ledger, seed)
        self.settings = settings or [{}]
        self.phases = dict.fromkeys(PHASES, 0)
        self.rounds = 0
        self.in_start = 0
        self.starts = []

    def begin(self, look=True):
        """Starts the server and judges what it shows."""
        self.server.start(settings=self.random.choice(self.settings))
        self.starts.append(self.server.ready_seconds)
        if look:
            self.look(f"start {self.server.starts}")

    def look(self, where):
        verify(self.server, self.ledger, where)
        self.check()

    def check(self):
        if self.ledger.violations:
            raise AssertionError(f"{len(self.ledger.violations)} violations, the first: {self.ledger.violations[0]}\n"
                                 f"ledger: {self.ledger.summary()}\nserver's last words:\n{self.server.output()[-3000:]}")

    def crash(self, gently=False):
        """After the process is gone: settles the workers and the ledger, counts the phases."""
        self.load.finish()
        self.ledger.process_died(gently)
        self.rounds += 1
        found = self.server.phases()
        for phase in found or ():
            self.phases[phase] += 1
        self.check()
        return found

    def kill_at_random(self, low=0.02, high=0.4):
        self.load.start(self.server)
        time.sleep(self.random.uniform(low, high))
        self.must_live()
        self.server.kill()
        return self.crash()

    def kill_in_phase(self, phase):
        """A kill that waits for its moment."""
        self.load.start(self.server)
        self.aim(phase)
        self.must_have_been_killed()
        return self.crash()

    def cut_power(self, image):
        """One round under load that ends by a power cut of `image`: every other one in the phase that had the fewest."""
        aimed = self.rounds % 2 == 1
        self.begin()
        self.load.start(self.server)
        if aimed:
            self.aim(min(PHASES, key=lambda phase: self.phases[phase]), disk=image.root)
        else:
            time.sleep(self.random.uniform(0.02, 0.3))
            self.must_live()
            image.cut(self.server)
        self.crash()
        image.recover()

    def aim(self, phase, limit=1.5, disk=None):
        """Kills the server when it is in `phase`, or after `limit` seconds; cuts the power of `disk` just before."""
        command = [sys.executable, str(AIM), str(self.server.pid), str(self.server.phases_path), str(PHASES.index(phase)),
                   f"{self.random.uniform(0.0, 0.15):.3f}", str(limit)] + ([str(disk)] if disk else [])
        code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
        self.server.process.wait()
        if code not in (0, 3, 4):
            raise AssertionError(f"aim.py ended with exit code {code}")

    def kill_in_start(self, high=0.15):
        """A kill while the server comes up, or just has."""
        self.server.start(wait=False, settings=self.random.choice(self.settings))
        time.sleep(self.random.uniform(0.0, high))
        self.server.kill()
        self.must_have_been_killed()
        self.in_start += 1
        return self.crash()

    def must_live(self):
        if not self.server.alive():
            raise AssertionError(f"the server ended by itself with exit code {self.server.process.returncode}; it said:\n"
                                 f"{self.server.output()[-3000:]}")

    def must_have_been_killed(self):
        if self.server.process.returncode != -9:
            self.must_live()

    def last_look(self):
        """With a living server: sends everything again that may be, and judges; stops gently, starts, judges again. At last its log is
        replayed beside its rows."""
        self.load.send_again(self.server)
        self.look("after everything was sent again")
        open_events = sum((counter.retry & ~counter.acked).bit_count() for counter in self.ledger.counters)
        if open_events:
            raise AssertionError(f"{open_events} events were sent again and are still not acknowledged")
        self.server.stop()
        self.ledger.process_died(gently=True)
        self.begin()
        self.server.stop()
        self.audit()

    def audit(self):
        """A replay of the log of the stopped server comes to its rows. The reference keeps no rows."""
        server = self.server
        if any(str(word).endswith(REFERENCE) for word in server.command):
            return
        words = [word for key, value in server.settings.items() for word in ("--set", f"{key}={value}")]
        done = subprocess.run([*server.command, "audit", "--data", str(server.data), "--json", *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=AUDIT_SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise AssertionError(f"a replay of the log differs from the rows, audit ended with exit code {done.returncode}: "
                                 f"{done.stdout[-2000:]} {done.stderr[-2000:]}")

    def summary(self):
        slowest = max(self.starts, default=0.0)
        return f"{self.ledger.summary()}; slowest start {slowest:.2f} s"
