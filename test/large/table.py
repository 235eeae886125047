#!/usr/bin/env python3
"""What the counter table takes, and that it loses nothing where it is too small: minutes and gigabytes, so not in CI.

    test/large/table.py bytes  [--counters 10000000] [--redis redis-server]     resident bytes a counter, beside Redis
    test/large/table.py bounded [--counters 50000000] [--table 256MiB]          more counters than memory, each total

Prints what it did as it goes, and at the end one line of JSON for docs/results/.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))

from harness.many import count_up, metrics, read_back, read_walk  # noqa: E402
from harness.server import Server, free_ports, resident_bytes  # noqa: E402
from harness.wire import Lost, Resp  # noqa: E402

#: Beside the table: rows on their way to the store, RocksDB's buffers and cache, the log's buffers and the program.
BESIDE_TABLE_BYTES = 384 << 20
#: A flush with sync frees RocksDB's buffers; the service makes one a minute, here one in ten seconds.
SETTLE = {"flush.sync_interval": "10s"}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {"commit": commit.stdout.strip(), "cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def settled(server):
    """Waits until everything is in the store and the store has synced."""
    while metrics(server)["quipu_dirty_rows"] > 0:
        time.sleep(1)
    time.sleep(25)
    return resident_bytes(server.pid)


def bytes_of_quipu(options, scratch):
    with Server([options.binary], scratch / "data", scratch, SETTLE) as server:
        server.start()
        empty = resident_bytes(server.pid)
        count_up(server.resp_port, range(options.counters), bytearray(options.counters))
        full = settled(server)
        counts = metrics(server)
        if counts["quipu_table_counters"] != options.counters:
            sys.exit(f"table.py: not every counter is in memory: {counts}")
        server.stop()
    return {"empty": empty, "full": full, "table": counts["quipu_table_bytes"]}


def bytes_of_redis(options, scratch):
    port = free_ports(1)[0]
    command = [options.redis, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(scratch),
               "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                Resp(port).must("PING")
                break
            except Lost:
                time.sleep(0.1)
        empty = resident_bytes(process.pid)
        count_up(port, range(options.counters), bytearray(options.counters))
        time.sleep(5)
        full = resident_bytes(process.pid)
    finally:
        process.terminate()
        process.wait()
    return {"empty": empty, "full": full}


def run_bytes(options, scratch):
    ours = bytes_of_quipu(options, scratch)
    say(f"quipu: {ours}")
    theirs = bytes_of_redis(options, scratch)
    say(f"redis: {theirs}")
    each = {name: (of["full"] - of["empty"]) / options.counters for name, of in (("quipu", ours), ("redis", theirs))}
    return {"quipu": ours, "redis": theirs, "bytes_a_counter": each, "of_redis": each["quipu"] / each["redis"],
            "of_redis_with_program": ours["full"] / theirs["full"]}


def table_bytes(text):
    return int(text.removesuffix("MiB")) << 20


def run_bounded(options, scratch):
    chosen = random.Random(options.seed)
    totals = bytearray(options.counters)
    bound = table_bytes(options.table) + BESIDE_TABLE_BYTES
    result = {"table_bytes": table_bytes(options.table), "bound": bound, "most_resident": 0, "seconds": {}}
    began = time.monotonic()
    told = 0.0

    def watch():
        nonlocal told
        now = resident_bytes(server.pid)
        result["most_resident"] = max(result["most_resident"], now)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"  {now >> 20} MiB resident, {int(sum_of(metrics(server)))} counters exist")

    def sum_of(counts):
        return counts["quipu_counters"]

    def done(what):
        nonlocal began
        result["seconds"][what] = round(time.monotonic() - began, 1)
        say(f"{what}: {result['seconds'][what]} s, at most {result['most_resident'] >> 20} MiB resident")
        began = time.monotonic()

    with Server([options.binary], options.data or scratch / "data", scratch, {"memory.table_bytes": options.table}) as server:
        server.start(wait=False)
        server.wait_ready(seconds=900)
        result["busy"] = 0
        result["filled_before"] = metrics(server)["quipu_counters"] == options.counters
        if result["filled_before"]:  # By a call that ended behind that: each of them once.
            totals = bytearray(b"\x01" * options.counters)
            done("start")
        else:
            result["busy"] = count_up(server.resp_port, range(options.counters), totals, watch)
            done("fill")
        read_walk(server.resp_port, totals, watch)
        done("read all back")
        read_back(server.resp_port, totals, order=[chosen.randrange(0, options.counters, 1000) for _ in range(100)], watch=watch)
        done("read 100,000 by name")
        again = (chosen.randrange(options.counters) for _ in range(options.again))
        result["busy"] += count_up(server.resp_port, again, totals, watch)
        done(f"count {options.again} at random")
        counts = metrics(server)
        result["rows_evicted"], result["rows_loaded"] = counts["quipu_rows_evicted_total"], counts["quipu_rows_loaded_total"]
        result["counters"] = counts["quipu_counters"]
        server.stop()
        began = time.monotonic()
        server.start(wait=False)
        server.wait_ready(seconds=900)
        done("restart")
        read_walk(server.resp_port, totals, watch)
        done("read all back after the restart")
        server.stop()
    if result["counters"] != options.counters:
        sys.exit(f"table.py: {result['counters']} counters exist, expected {options.counters}")
    if result["most_resident"] > bound:
        sys.exit(f"table.py: {result['most_resident']} bytes were resident, more than {bound}")
    result["wrong_totals"] = 0  # Any other number ends the program above.
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("bytes", "bounded"))
    parser.add_argument("--binary", default=str(ROOT / "build/release/quipu"), help="the program under test")
    parser.add_argument("--counters", type=int, help="how many; by default ten or fifty millions")
    parser.add_argument("--redis", default="redis-server", help="the Redis to compare with")
    parser.add_argument("--table", default="256MiB", help="memory.table_bytes, in MiB")
    parser.add_argument("--again", type=int, default=1_000_000, help="how many are counted again, at random")
    parser.add_argument("--seed", type=int, default=1, help="replays the random choices")
    parser.add_argument("--data", type=pathlib.Path, help="bounded: keep the data there, and do not fill it again where it is full")
    options = parser.parse_args()
    options.counters = options.counters or {"bytes": 10_000_000, "bounded": 50_000_000}[options.what]
    with tempfile.TemporaryDirectory(prefix="quipu-large.") as scratch:
        run = run_bytes if options.what == "bytes" else run_bounded
        result = run(options, pathlib.Path(scratch))
    print(json.dumps({"what": options.what, "counters": options.counters, **machine(), **result}))


if __name__ == "__main__":
    main()
