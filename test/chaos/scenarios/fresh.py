"""How old totals are: a read with after= includes its write soon, and the age that a read tells is right, by the log's own times."""

import bisect
import datetime
import itertools
import math
import random
import threading
import time
import traceback

from fleet import records
from fleet.cluster import Cluster
from fleet.judge import judge, sums
from fleet.traffic import Traffic
from harness.context import eventually, expect

INTERVALS = (1, 5)  # Seconds; the second is the default.
PROBERS = 10        # At once, each with a counter of its own.
ROUNDS = 18         # Flush intervals for which they go on, at least.
PROBES_MIN = 100
FIRST_FLUSHES = 3   # Of processes and servers that have just begun, in intervals: those are slow, and not what is promised.
AFTER_SECONDS = 1.0   # after=: flush interval + so much, at p99. A promise.
ASKED_SECONDS = 30.0  # For how long such a read waits at most.
# A total that is read from the store says how old it is by the oldest of the partitions' marks. Each is of the begin of a flush or
# newer; then it is written, carried to the node, and the end of the log that it tells of may be a second old.
STORE_SECONDS = 2.0   # Flush interval + so much, at p99.
# One that is answered from a cache says what it said when it was filled (docs/stores.md), and grows older for so long at most.
CACHED_SECONDS = 60.0 + 0.5
ANSWER_SECONDS = 1.0  # From when an age is told until it is read.
UNKNOWN_MS = 2**32 - 1  # What lag_ms is at most.
CLOCK_MS = 5          # One machine, one clock, of which all tell milliseconds.


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def p99(values):
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


class Read:
    """What a read told: `sent` events had been sent to the counter until then, all of them acknowledged."""

    def __init__(self, answer, sent):
        self.age = time.time() - milliseconds(answer["as_of"]) / 1000
        self.as_of = milliseconds(answer["as_of"])
        self.value = answer["value"]
        self.sent = sent
        self.words = answer
        told = self.age - answer["lag_ms"] / 1000 + CLOCK_MS / 1000
        expect(0 <= told < ANSWER_SECONDS, f"lag_ms and as_of disagree: {answer}")


class Prober:
    """Adds 1 to its counter at one node; reads it at the other as it is, and with after=; waits for a random part of an interval; again."""

    def __init__(self, cluster, interval, number, seed):
        turn = number % len(cluster.nodes)
        self.writer, self.reader = cluster.nodes[turn], cluster.nodes[turn - 1]
        self.interval = interval
        self.name = f"fresh-{number}"
        self.random = random.Random(f"{seed} {number}")
        self.events = []  # (when it was sent, when it was acknowledged, "generation:partition:offset"); by this machine's clock, in s.
        self.plain, self.after, self.waits = [], [], []
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            with self.writer.http() as writer, self.reader.http() as reader:
                self.probe(writer, reader)
                while not self.stopping.wait(self.random.uniform(0, self.interval)):
                    self.probe(writer, reader)
        except Exception:  # Told by `end`.
            self.error = traceback.format_exc()

    def add(self, http):
        sent = time.time()
        position = http.json("POST", f"/v1/counters/default/{self.name}", {"delta": 1}, status=202)["position"]
        self.events.append((sent, time.time(), position))
        return position

    def probe(self, writer, reader):
        path = f"/v1/counters/default/{self.name}"
        position = self.add(writer)
        acked = time.monotonic()
        self.plain.append(Read(reader.json("GET", path), len(self.events)))
        fresh = reader.json("GET", f"{path}?after={position}&timeout={int(ASKED_SECONDS * 1000)}")
        self.waits.append(time.monotonic() - acked)
        self.after.append(Read(fresh, len(self.events)))
        expect(fresh["value"] == len(self.events) and fresh["exact"],
               f"a read after {position} shows {fresh}, {len(self.events)} were acknowledged")

    def end(self):
        self.stopping.set()
        self.thread.join(ASKED_SECONDS + self.interval)
        expect(not self.thread.is_alive() and not self.error, f"a probe of {self.name}: {self.error or 'no answer'}")


class Watcher(Prober):
    """Writes once and then only reads, so that what the cache has grows as old as it may."""

    def probe(self, writer, reader):
        if not self.events:
            self.add(writer)
        self.plain.append(Read(reader.json("GET", f"/v1/counters/default/{self.name}"), len(self.events)))


class Log:
    """When the broker appended each record, as it says itself (LogAppendTime)."""

    def __init__(self, cluster):
        self.directory = cluster.servers.directory / "kafka-1"
        self.topic = cluster.stem
        self.partitions = {}

    def time_of(self, event):
        """In ms. What the clients saw is the bound: behind the sending, before the acknowledgement."""
        sent, acked, position = event
        _, partition, offset = map(int, position.split(":"))
        if partition not in self.partitions:
            self.partitions[partition] = records.times_on_disk(self.directory, self.topic, partition)
        appended = self.partitions[partition][offset - 1]  # Kafka counts from 0.
        expect(sent * 1000 - CLOCK_MS <= appended <= acked * 1000 + CLOCK_MS,
               f"the log says that {position} came at {appended} ms; it was sent at {sent:.3f} s and acknowledged at {acked:.3f} s")
        return appended


def judge_values(probers, log):
    """Each read holds all that the log had before its as_of, and no more than was sent."""
    for prober in probers:
        times = [log.time_of(event) for event in prober.events]
        for read in prober.plain + prober.after:
            held = bisect.bisect_left(times, read.as_of - CLOCK_MS)
            expect(held <= read.value <= read.sent, f"{prober.name} shows {read.value}; the log had {held} of its events until as_of, and "
                                                    f"{read.sent} were sent: {read.words}")


def judge_ages(context, probers, watcher, interval):
    """How long reads with after= waited, and how old totals may say that they are."""
    waits = [wait for prober in probers for wait in prober.waits]
    store = [read.age for prober in probers for read in prober.after]
    cached = [read.age for prober in [*probers, watcher] for read in prober.plain]
    context.note(f"flush interval {interval} s: {len(waits)} reads with after= waited {sorted(waits)[len(waits) // 2]:.2f} s at p50, "
                 f"{p99(waits):.2f} s at p99 ({interval + AFTER_SECONDS:.0f} s are promised), and were {p99(store):.2f} s old at p99, "
                 f"{max(store):.2f} s at most; {len(cached)} default reads were {max(cached):.2f} s old at most, as they said")
    expect(len(waits) >= PROBES_MIN, f"only {len(waits)} probes")
    expect(p99(waits) <= interval + AFTER_SECONDS, f"reads with after= waited {p99(waits):.2f} s at p99, where workers flush every "
                                                   f"{interval} s: {interval + AFTER_SECONDS:.0f} s are promised")
    expect(p99(store) <= interval + STORE_SECONDS, f"totals from the store say that they are {p99(store):.2f} s old at p99, where workers "
                                                   f"flush every {interval} s")
    bound = CACHED_SECONDS + interval + STORE_SECONDS
    expect(max(cached) <= bound, f"a total says that it is {max(cached):.2f} s old: caches keep it for {CACHED_SECONDS} s, and workers "
                                 f"flush every {interval} s")


def wait_first_marks(cluster):
    """Until workers have said of each partition how far the store is: before, a total's age is not known, and is told as 49 days. Asks for
    another counter each time: what a cache has would say the same for a minute."""
    numbers = itertools.count()
    for node in cluster.nodes:
        with node.http() as http:
            eventually(lambda: http.json("GET", f"/v1/counters/default/nobody-{next(numbers)}")["lag_ms"] < UNKNOWN_MS, 30,
                       f"{node.name} knows how old totals are")


def probe_all(context, interval):
    """Probes beside traffic, without faults."""
    with Cluster(context, f"fresh_{interval}", {"flush.interval": f"{interval}s"}) as cluster:
        seconds = max(context.seconds, ROUNDS * interval)
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, seconds).start()
        wait_first_marks(cluster)
        time.sleep(FIRST_FLUSHES * interval)
        probers = [Prober(cluster, interval, number, context.seed) for number in range(PROBERS)]
        watcher = Watcher(cluster, interval, PROBERS, context.seed)
        for prober in [*probers, watcher]:
            prober.thread.start()
        while traffic.running():
            time.sleep(0.1)
        for prober in [*probers, watcher]:
            prober.stopping.set()
        for prober in [*probers, watcher]:
            prober.end()
        traffic.finish()
        judge(cluster, traffic, besides=[("default", prober.name.encode()) for prober in [*probers, watcher]])
        judge_values([*probers, watcher], Log(cluster))
        judge_ages(context, probers, watcher, interval)
        cluster.stop()
        context.note(sums(traffic))


def fresh(context):
    """With a flush every second, and as it is by default."""
    for interval in INTERVALS:
        probe_all(context, interval)


MORE = (("freshness", fresh),)
