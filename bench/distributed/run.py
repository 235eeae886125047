#!/usr/bin/env python3
"""What the distributed form carries on one machine: real Kafka, Cassandra and Redis, the service and its load together.

    bench/distributed/run.py [--seconds 60] [--rounds 3] [--only rate ratios reads] [--write PAGE]

Starts servers, one API node and one process of five workers of its own. Asked are:

rate     batches over HTTP for --seconds, the same with ids and INCR over RESP for a third of it each (100,000 counters, Zipf 1.0): the workers' lag
         meanwhile, what each process took of the processors, the rows written, and whether the totals are exact at the end
ratios   in alternating rounds: that rate for a few seconds; Kafka's own producer test, one event of 28 bytes a record, on
         the same broker; rows a second of the exact store, of its form on counter columns and of one counter column's UPDATE, by the same driver
reads    GET over RESP out of the node's own cache, of Redis and of Cassandra, beside GET of that Redis

needs: tools/install build services bench; tools/build release quipu bench_cassandra
"""

import argparse
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "chaos"), str(ROOT / "test" / "e2e"), str(ROOT / "bench" / "distributed")]

from fleet.cluster import CALM_SECONDS, Cluster, Role  # noqa: E402  (the path is set just above)
from harness.origin import where  # noqa: E402
from fleet.servers import Servers  # noqa: E402
from harness.context import Context  # noqa: E402
from peers import kafka_producer_rate, redis_benchmark, store_rates  # noqa: E402
from sampling import Lag, Processors, load  # noqa: E402

QUIPU = ROOT / "build" / "release" / "quipu"
COUNTERS = 100_000
HOT_COUNTERS = 1_000
PARTITIONS = 8
RATIO_SECONDS = 6
CACHE_DATABASE = "1"  # Beside the counters of Redis itself, which are in database 0.
TAKEN = "quipu_events_accepted_total"
WARM_SECONDS = 10
BATCHES = ("--http", "--keys", COUNTERS, "--distribution", "zipf", "--connections", 16, "--pipeline", 2, "--batch", 1000)
COMMANDS = ("--resp", "--keys", COUNTERS, "--distribution", "zipf", "--connections", 50, "--pipeline", 256)


class Workers(Role):
    """Five workers in one process, on a machine that has few processors."""

    def words(self):
        return ["worker", "--workers", "5", "--listen", f"127.0.0.1:{self.http_port}"]


class Fleet(Cluster):
    """One API node and one process of workers, with the settings that the program has by itself but for names and copies."""

    def __init__(self, context, stem, settings=None):
        super().__init__(context, stem, {"flush.interval": "5s", "kafka.session_timeout": "10s", **(settings or {})}, nodes=1,
                         workers=0, partitions=PARTITIONS)
        self.workers = [Workers(self, "workers", "worker")]

    @property
    def node(self):
        return self.nodes[0]

    def audit(self):
        """Whether every counter in the store is what a replay of the log gives."""
        return subprocess.run([*self.command, "audit", *self.set_words], stdout=subprocess.DEVNULL, timeout=1200).returncode == 0


class Bench:
    def __init__(self, arguments, scratch, servers):
        self.seconds, self.rounds = arguments.seconds, arguments.rounds
        self.servers = servers
        self.context = Context([str(QUIPU)], 0, 0, 0, scratch)
        self.context.servers = servers
        self.lines = []
        self.exact = True  # Of all rates that were held.

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def rate(self):
        """The rate that is held, and whether every total is exact after it."""
        self.say("## The rate that is held\n")
        self.say(f"{COUNTERS:,} counters, Zipf 1.0, {PARTITIONS} partitions, `acks=all`, flush every 5 s; one API node, one process of "
                 "five workers. Closed loops. A row is written once in a flush, however many events it stands for: at a lower rate it stands "
                 "for fewer.\n")
        self.hold("NDJSON, 1,000 events a request, 16 connections, 2 requests under way on each", BATCHES, self.seconds)
        self.hold("The same, each event with an id", (*BATCHES, "--ids"), self.seconds / 3)
        self.hold("INCR over RESP, 50 connections, 256 commands under way on each: each reply has the total", COMMANDS, self.seconds / 3)

    def hold(self, title, flags, seconds):
        with Fleet(self.context, f"rate{len(self.lines)}") as fleet:
            load(QUIPU, fleet.node, *flags, "--seconds", WARM_SECONDS)
            fleet.wait_calm(300)
            rows, taken = fleet.workers[0].metric("quipu_worker_rows_flushed_total"), fleet.node.metric(TAKEN)
            pids = {"API node": fleet.node.pid, "workers": fleet.workers[0].pid, "Kafka": self.servers.pid("kafka-1"),
                    "Cassandra": self.servers.pid("cassandra-1"), "Redis": self.servers.pid("redis")}
            processors, lag = Processors(pids), Lag(fleet.workers[0])
            done = load(QUIPU, fleet.node, *flags, "--seconds", seconds)
            meanwhile, lags = processors.used(), lag.finish()
            ended = time.monotonic()
            fleet.wait_calm(300)
            behind, used = time.monotonic() - ended, processors.used()
            rows = fleet.workers[0].metric("quipu_worker_rows_flushed_total") - rows
            stored, all_taken = sum(fleet.stored().values()), fleet.node.metric(TAKEN)
            audited = fleet.audit()
            fleet.stop()
        events = done["accepted"]
        self.say(f"**{title}**\n")
        self.say("| | |\n|---|---|")
        self.say(f"| events acknowledged | {events:,} in {done['seconds']:.1f} s: {done['accepted_per_second']:,.0f} a second |")
        self.say(f"| busy, unknown, refused, lost | {done['busy']:,}, {done['unknown']:,}, {done['refused']:,}, {done['lost']:,} |")
        self.say(f"| latency of a request, p50 and p99 | {done['latency_ms']['p50']:.1f} ms, {done['latency_ms']['p99']:.1f} ms |")
        exact = "exact" if stored == all_taken == taken + events and audited else "**NOT EXACT**"
        self.exact &= exact == "exact"
        self.say(f"| totals in Cassandra at the end | {stored:,} of {all_taken:,.0f} events, those of the warm-up with them, and each counter "
                 f"as a replay of the log gives it (`quipu audit`): {exact} |")
        self.say(f"| rows written for each event | {rows / events:.4f} |")
        self.say(f"| how old the newest frame was that a worker had read while others waited | {statistics.median(lags):.1f} s as "
                 f"median, {max(lags):.1f} s at most |")
        self.say(f"| until all was read and flushed after the load | {behind:.1f} s, of which {CALM_SECONDS:.1f} s to be sure |")
        self.say("\n| process | processors taken meanwhile | µs for each event, until all was flushed |\n|---|---:|---:|")
        for name, seconds_used in used.items():
            self.say(f"| {name} | {meanwhile[name] / done['seconds']:.2f} | {seconds_used * 1e6 / events:.3f} |")
        self.say(f"| `quipu bench load` | {done['cpu_us_per_event'] * events / 1e6 / done['seconds']:.2f} | "
                 f"{done['cpu_us_per_event']:.3f} |")
        own = (used["API node"] + used["workers"]) * 1e6 / events
        self.say(f"\nThe service's own share, API node and workers: **{own:.3f} µs** of processor time for each event.\n")

    def ratios(self):
        """Beside Kafka's own producer and beside one UPDATE for each event."""
        found = {}
        with Fleet(self.context, "ratios") as fleet:
            load(QUIPU, fleet.node, *BATCHES, "--seconds", WARM_SECONDS)
            for number in range(self.rounds):
                asked = [lambda: {"events through the service": load(QUIPU, fleet.node, *BATCHES, "--seconds", RATIO_SECONDS)
                         ["accepted_per_second"]},
                         lambda n=number: {"Kafka's producer test, records": kafka_producer_rate(self.servers, f"perf-{n}", PARTITIONS)},
                         lambda: store_rates(ROOT / "build/release/bench_cassandra", self.servers.address["cassandra"])]
                for ask in asked if number % 2 == 0 else reversed(asked):
                    for name, rate in ask().items():
                        found.setdefault(name, []).append(rate)
                        print(f"  round {number}: {name} {rate:,.0f}", flush=True)
                fleet.wait_calm(300)
            fleet.stop()
        self.say("## Beside what others do for each event\n")
        self.say(f"Median of {self.rounds} alternating rounds (lowest to highest), a second.\n")
        self.say("| | a second | events for one of these |\n|---|---:|---:|")
        ours = found["events through the service"]
        for name, rates in found.items():
            ratio = statistics.median(our / rate for our, rate in zip(ours, rates))
            self.say(f"| {name} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) | {ratio:.1f} |")
        self.say()

    def reads(self):
        """Where a total comes from, and what that costs."""
        found, shares = {}, {}

        def note(name, port, node=None, commands=200_000, counters=COUNTERS):
            before = node.metrics()[0] if node else {}
            rate, p50, p99 = redis_benchmark(port, "GET", counters, commands)
            found.setdefault(name, []).append((rate, p50, p99))
            if node:
                after = node.metrics()[0]
                shares[name] = {kind: after[f"quipu_api_reads_{kind}_total"] - before[f"quipu_api_reads_{kind}_total"]
                                for kind in ("local", "cached", "stored")}

        with Fleet(self.context, "reads", {"redis.ttl": "10m", "redis.database": CACHE_DATABASE}) as fleet:
            redis_benchmark(fleet.node.resp_port, "INCR", COUNTERS, 1_000_000, 64)
            redis_port = self.servers.port("redis")
            redis_benchmark(redis_port, "INCR", COUNTERS, 1_000_000, 64)
            fleet.wait_calm(300)
            for _ in range(self.rounds):
                subprocess.run(["redis-cli", "-p", str(redis_port), "-n", CACHE_DATABASE, "FLUSHDB"], check=True,
                               stdout=subprocess.DEVNULL, timeout=60)
                fleet.node.stop()
                fleet.node.start()
                note("out of Cassandra (first read)", fleet.node.resp_port, fleet.node, 30_000)
                redis_benchmark(fleet.node.resp_port, "GET", COUNTERS, 600_000, 64)
                fleet.node.stop()
                fleet.node.start()
                note("out of Redis (a node that has just begun)", fleet.node.resp_port, fleet.node, 30_000)
                note("Redis, GET", redis_port)
            fleet.stop()
        with Fleet(self.context, "reads_local", {"cache.kind": "local"}) as fleet:
            redis_benchmark(fleet.node.resp_port, "INCR", HOT_COUNTERS, 100_000, 64)
            fleet.wait_calm(300)
            for _ in range(self.rounds):
                note(f"out of the node's own cache, {HOT_COUNTERS:,} counters", fleet.node.resp_port, fleet.node, counters=HOT_COUNTERS)
                note(f"Redis, GET, {HOT_COUNTERS:,} counters", redis_port, counters=HOT_COUNTERS)
            fleet.stop()
        self.say("## A read\n")
        self.say(f"GET over RESP, 50 connections, one command on its way on each, counters drawn uniformly, {COUNTERS:,} where nothing else is "
                 "said. A node keeps a total for itself for half a second, so its own cache is for hot counters. Median of alternating rounds.\n")
        self.say("| | reads a second | p50 ms | p99 ms | of them local, cached, stored |\n|---|---:|---:|---:|---|")
        for name, runs in found.items():
            share = shares.get(name)
            told = ", ".join(f"{value:,.0f}" for value in share.values()) if share else ""
            self.say(f"| {name} | " + " | ".join(f"{statistics.median(run[i] for run in runs):,.{2 if i else 0}f}" for i in range(3)) +
                     f" | {told} |")
        self.say()


HEAD = """# The distributed form, measured

Written by `make bench-distributed` ([bench/distributed/](../../bench/distributed/run.py)): real Kafka, Cassandra and Redis, the
service and the load generator together on one machine. Kafka acknowledges before it syncs, Cassandra syncs its log every 10 s
(their defaults).
"""
SECTION = re.compile(r"^(## .*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def write(page, lines):
    """Puts the sections among the lines into the page, in the place of older ones."""
    sections = {}
    for text in (page.read_text() if page.exists() else "", "\n".join(lines)):
        for section in SECTION.findall(text):
            sections[section.partition("\n")[0]] = section.strip()
    page.write_text("\n\n".join([HEAD.strip(), *sections.values()]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=("rate", "ratios", "reads"), default=["rate", "ratios", "reads"])
    parser.add_argument("--write", metavar="PAGE")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # The servers are taken down then, too.
    with tempfile.TemporaryDirectory(prefix="quipu-distributed-") as scratch:
        servers = Servers(pathlib.Path(scratch) / "servers", java={})
        try:
            servers.up("kafka", "cassandra", "redis")
            bench = Bench(arguments, scratch, servers)
            for name in arguments.only:
                getattr(bench, name)()
                bench.say(f"Measured at {where()}.\n")
        finally:
            servers.down()
    if arguments.write:
        write(pathlib.Path(arguments.write), bench.lines)
    return 0 if bench.exact else 1


if __name__ == "__main__":
    sys.exit(main())
