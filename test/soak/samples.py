"""What a process takes, sampled while it is under load, and whether that stays as it is."""

import os
import pathlib
import statistics
import time
from dataclasses import dataclass

from harness.context import expect
from harness.many import metrics
from harness.server import resident_bytes

TICKS = os.sysconf("SC_CLK_TCK")
#: A life's first samples are of a process that still fills its buffers and caches.
SETTLED_SECONDS = 20.0
#: The last quarter of a part beside its second: how much more is still the same.
MEMORY_MORE = 1.05
DESCRIPTORS_MORE = 8  # RocksDB's files and the log's segments come and go.
CPU_MORE = 1.15       # Other programs share the cores and their caches.
DISK_MORE = 1.25      # Segments and RocksDB's files go in steps.


@dataclass
class Sample:
    """One moment. Events and processor time are of the time since the sample before."""
    at: float
    age: float
    peace: bool
    resident: int
    descriptors: int
    disk: int
    events: float
    cpu: float

    @property
    def cpu_us(self):
        return self.cpu / self.events * 1e6


def size_of(directory):
    found = 0
    for path in pathlib.Path(directory).rglob("*"):
        try:
            found += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass
    return found


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Samples:
    """All that was sampled of one server, over all its lives."""

    def __init__(self, server):
        self.server = server
        self.began = time.monotonic()
        self.peace = True
        self.life_began = 0.0
        self.before = None
        self.found = []

    def new_life(self):
        """The load begins anew: nothing is compared with what was before."""
        self.life_began = time.monotonic()
        self.before = (cpu_seconds(self.server.pid), metrics(self.server)["quipu_events_accepted_total"])

    def blows(self):
        """From now on the process is killed."""
        self.peace = False

    def take(self):
        now = time.monotonic()
        pid = self.server.pid
        after = (cpu_seconds(pid), metrics(self.server)["quipu_events_accepted_total"])
        expect(after[1] > self.before[1], "nothing was taken since the sample before")
        self.found.append(Sample(now - self.began, now - self.life_began, self.peace, resident_bytes(pid),
                                 len(os.listdir(f"/proc/{pid}/fd")), size_of(self.server.data),
                                 after[1] - self.before[1], after[0] - self.before[0]))
        self.before = after

    def part(self, peace):
        """The settled samples of one part."""
        return [sample for sample in self.found if sample.peace == peace and sample.age >= SETTLED_SECONDS]

    def last(self):
        if not self.found:
            return "no sample yet"
        sample = self.found[-1]
        return (f"{sample.at / 60:.1f} min, {sample.resident >> 20} MiB, {sample.descriptors} descriptors, "
                f"{sample.cpu_us:.2f} us an event, {sample.disk >> 20} MiB on disk")


def quarters(samples):
    """Four runs of samples, as even as they go."""
    size = len(samples) / 4
    return [samples[int(i * size):int((i + 1) * size)] for i in range(4)]


def median(samples, value):
    return statistics.median(value(sample) for sample in samples)


def judge(samples):
    """Each part's last quarter beside its second; raises where something grew."""
    for peace in (True, False):
        settled = samples.part(peace)
        words = "in peace" if peace else "between kills"
        expect(len(settled) >= 8, f"{words}: {len(settled)} settled samples are too few")
        _, second, _, last = quarters(settled)
        for name, value, most in (
                ("resident bytes", lambda s: s.resident, lambda before: before * MEMORY_MORE),
                ("descriptors", lambda s: s.descriptors, lambda before: before + DESCRIPTORS_MORE),
                ("processor time of an event in us", lambda s: s.cpu_us, lambda before: before * CPU_MORE),
                ("bytes on disk", lambda s: s.disk, lambda before: before * DISK_MORE)):
            before, after = median(second, value), median(last, value)
            expect(after <= most(before), f"{words}: {name} grew from {before:.2f} to {after:.2f}")
