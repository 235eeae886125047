#!/usr/bin/env python3
"""What PostgreSQL and Redis carry behind the store and the cache, beside what people do with PostgreSQL today.

    bench/services/run.py [--rounds N] [--write PAGE]       make bench-services

needs: tools/install build services bench; tools/build release bench_services

Starts servers of its own. postgres-row is one row a counter, updated once an event; postgres-shards has ten rows a counter,
of which each event updates a random one: both by pgbench, 32 clients, prepared statements, every commit synced. "hot" is one
counter for all, "uniform" are 100,000. The others are build/release/bench_services (store_bench.cc). Rounds alternate.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "test" / "e2e"))

from harness.origin import where  # noqa: E402  (the path is set just above)

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COUNTERS = 100_000
SECONDS = 5
PAGE = """# PostgreSQL and Redis behind the service

Written by `make bench-services` ([bench/services/](../../bench/services/run.py)). What people do today is one statement for each event:
`postgres-row` updates one row a counter, `postgres-shards` a random one of ten rows a counter, by pgbench with 32 clients, prepared
statements and every commit synced. *Hot* is one counter for all, *uniform* are {counters:,}. The store writes one row for all events that a
counter had since the last flush, many in one statement, so its rows are not events: a flush of a hot counter is one row, however many
events it stands for.

Median of {rounds} alternating rounds (lowest to highest), a second; pgbench for {seconds} s each.

| | a second |
|---|---:|
{rows}

Measured at {where}.
"""
NAMES = {"postgres_rows/100": "PostgreSQL, rows written, 100 a flush",
         "postgres_rows/1000": "PostgreSQL, rows written, 1,000 a flush",
         "postgres_rows/10000": "PostgreSQL, rows written, 10,000 a flush",
         "postgres_loads/1": "PostgreSQL, counters read, one a request",
         "postgres_loads/100": "PostgreSQL, counters read, 100 a request",
         "redis_gets/1": "Redis, totals read, one a request",
         "redis_gets/64": "Redis, totals read, 64 a request",
         "redis_updates/1": "Redis, rows of a flush, counters in the cache",
         "redis_updates/0": "Redis, rows of a flush, counters not in the cache"}
PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"


def output_of(*command, **more):
    run = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, timeout=300, **more)
    if run.returncode != 0:
        sys.exit(f"{shlex.join(str(part) for part in command)} ended with code {run.returncode}")
    return run.stdout


def events_per_second(url, mode, counters):
    said = output_of(PGBENCH, "-n", "-M", "prepared", "-c", 32, "-j", 1, "-T", SECONDS, "-D", f"counters={counters}",
                     "-f", HERE / f"{mode}.sql", url)
    return float(re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", metavar="PAGE", type=pathlib.Path)
    arguments = parser.parse_args()
    rounds = arguments.rounds
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # The servers are taken down then, too.
    services = ROOT / "deploy/local/services"
    found = {}

    def note(name, rate):
        found.setdefault(name, []).append(rate)
        print(f"  {name:50} {rate:12,.0f} a second", flush=True)

    with tempfile.TemporaryDirectory(prefix="quipu-bench-") as work:
        place = ["--dir", f"{work}/place"]
        try:
            lines = output_of(services, "up", "--only", "redis,postgres", *place).splitlines()
            env = {**os.environ, **dict(shlex.split(line)[0].split("=", 1) for line in lines)}
            url = env["QUIPU_TEST_POSTGRES"]
            output_of("psql", "-Xq", url, "-c",
                      "CREATE TABLE bench_row (id bigint PRIMARY KEY, v bigint NOT NULL) WITH (fillfactor = 75);"
                      f"INSERT INTO bench_row SELECT id, 0 FROM generate_series(1, {COUNTERS}) AS id;"
                      "CREATE TABLE bench_shards (id bigint, shard integer, v bigint NOT NULL, PRIMARY KEY (id, shard)) "
                      "WITH (fillfactor = 75);"
                      f"INSERT INTO bench_shards SELECT id, shard, 0 FROM generate_series(1, {COUNTERS}) AS id, "
                      "generate_series(1, 10) AS shard")
            for number in range(rounds):
                print(f"round {number}", flush=True)
                for mode in ("row", "shards"):
                    for case, counters in (("hot", 1), ("uniform", COUNTERS)):
                        note(f"postgres-{mode} {case}, events", events_per_second(url, mode, counters))
                said = output_of(ROOT / "build/release/bench_services", "--benchmark_format=json", env=env)
                for one in json.loads(said)["benchmarks"]:
                    note(NAMES[one["name"].split("/min_time")[0]], one["items_per_second"])
        finally:
            subprocess.run([services, "down", "--kill", "--purge", *place], check=False)
    print("\nmedian (lowest to highest)")
    for name, rates in found.items():
        print(f"  {name:50} {statistics.median(rates):12,.0f} ({min(rates):,.0f} to {max(rates):,.0f})")
    if arguments.write:
        rows = "\n".join(f"| {name} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
                         for name, rates in found.items())
        arguments.write.write_text(PAGE.format(counters=COUNTERS, seconds=SECONDS, rounds=rounds, rows=rows, where=where()),
                                   encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
