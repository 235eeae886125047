#!/usr/bin/env python3
"""Pairs of the faults 1, 7, 12, 18, 38, 41, 43, 46 at once (docs/faults.md): 28 pairs, those that the embedded form can meet here.

    test/faults/pairs.py [--minutes M] [--only 1+12 ...]     rounds of one pair after the other, seeds random

Pairs with 7, 38, 41 or 46 need workers, a broker or PostgreSQL: test/chaos/run.py has those it has as scenarios `pair-A-B`. Every
pair has a row in docs/results/faults_pairs.md, also where it was not run, and why.
"""

import argparse
import itertools
import pathlib
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(ROOT / "tools")]

from bench.strikes import strace  # noqa: E402
from cases.kill import BUSY_DISK  # noqa: E402
from harness.context import Context, expect  # noqa: E402
from harness.image import Image, enter_own_namespace  # noqa: E402
from harness.load import Load  # noqa: E402
from harness.rounds import Crashes  # noqa: E402
from harness.runner import program  # noqa: E402
from harness.server import StartFailed  # noqa: E402
from harness.wire import Lost  # noqa: E402
from injections.clients import Through, fault_proxy, trouble  # noqa: E402
from quality import faults  # noqa: E402
from harness.origin import where  # noqa: E402

NUMBERS = (1, 7, 12, 18, 38, 41, 43, 46)
PAIRS = tuple(itertools.combinations(NUMBERS, 2))
EMBEDDED = {1, 12, 18, 43}
RESULT = ROOT / "docs" / "results" / "faults_pairs.md"
CHAOS = ROOT / "docs" / "results" / "chaos.md"
ROUNDS_OF_A_PIECE = 8
HEAD = """# Pairs of faults: the last runs

Written by `make faults-pairs` (embedded) and, from [the scenarios](chaos.md) `pair-A-B`, for the distributed form: each two of the
faults 1, 7, 12, 18, 38, 41, 43, 46 of [the list](../faults.md) at once. Half an hour of them belongs before a release.

| pair | form | result | rounds | back in | run | what it showed |
|---|---|---|---:|---:|---|---|
"""
ROW = re.compile(r"^\| (\d+) \+ (\d+) \|")


class Bites:
    """How often each fault of a pair reached the program."""

    def __init__(self, pair):
        self.counts = dict.fromkeys(pair, 0)

    def __call__(self, number, count=1):
        if number in self.counts:
            self.counts[number] += count


def one_round(pair, crashes, image, chosen, bites, scratch):
    """One start under the pair's faults, to its end; the next start judges."""
    server = crashes.server
    record = scratch / "calls"
    if 18 in pair:
        server.wrapper = strace("fdatasync,fsync", f"error=EIO:when={chosen.choice((9, 20, 60, 150))}", by_kernel=True)
        server.wrapper[server.wrapper.index("/dev/null")] = str(record)
    try:
        crashes.begin()
    except (StartFailed, Lost):
        if server.alive():
            raise
        crashes.ledger.process_died(gently=False)
        bites(18, injected(record))
        server.wrapper = []
        return recover(image)
    server.wrapper = []
    proxies = [fault_proxy().FaultProxy(port, seed=chosen.randrange(1 << 30)) for port in (server.http_port, server.resp_port)] \
        if 43 in pair else []
    for proxy in proxies:
        proxy.__enter__()
    try:
        crashes.load.start(Through(server, *proxies) if proxies else server)
        time.sleep(chosen.uniform(0.1, 0.3))
        for proxy in proxies:
            trouble(fault_proxy(), proxy, chosen.randrange(4), chosen)
        time.sleep(chosen.uniform(0.1, 0.5))
        bites(43, sum(proxy.cuts + any(proxy.held.values()) + (proxy.delay["to_server"][0] > 0) for proxy in proxies))
        end(pair, crashes, image, chosen, bites, record)
        for proxy in proxies:
            proxy.refuse()
        crashes.crash()
    finally:
        for proxy in proxies:
            proxy.__exit__()
    bites(18, injected(record))
    recover(image)


def end(pair, crashes, image, chosen, bites, record):
    """The blow that ends the round; with 18 just behind the sync that failed, while waiting requests are told."""
    server = crashes.server
    if 18 in pair:
        until = time.monotonic() + 1.5
        while server.alive() and time.monotonic() < until and not failing(record):
            time.sleep(0.001)
        time.sleep(chosen.choice((0.0, 0.0, 0.002, 0.02)))
    if 12 not in pair:
        bites(1, server.kill() == -9)
        return
    if 1 in pair:
        # Killed; the power goes while it comes up again.
        bites(1, server.kill() == -9)
        server.start(wait=False)
        time.sleep(chosen.uniform(0.0, 0.15))
    image.cut(server)
    bites(12)


def failing(record):
    return record.exists() and b"(INJECTED)" in record.read_bytes()


def injected(record):
    found = record.read_bytes().count(b"(INJECTED)") if record.exists() else 0
    record.unlink(missing_ok=True)
    return found


def recover(image):
    image.recover()


def run_pair(pair, context, seed):
    """A piece of rounds on one directory: (rounds, bites, words). Raises where something did not hold."""
    chosen = random.Random(seed)
    bites = Bites(pair)
    with Image(context.directory) as image, context.server(image.root / "data", BUSY_DISK) as server:
        crashes = Crashes(server, seed, print)
        if 43 in pair:
            crashes.ledger.tallies.clear()  # Those of the load that this one replaces.
            crashes.load = Load(crashes.ledger, seed, ("plain", "once", "once", "single", "batches", "source", "views"))
        for _ in range(ROUNDS_OF_A_PIECE):
            one_round(pair, crashes, image, chosen, bites, context.directory)
        crashes.begin()
        crashes.last_look()
    missed = [number for number, count in bites.counts.items() if not count]
    expect(not missed, f"faults {missed} did not reach the program in {ROUNDS_OF_A_PIECE} rounds")
    return ROUNDS_OF_A_PIECE, bites.counts, crashes.summary()


def put(pair, cells):
    """Writes the row of a pair, and all others as they are known."""
    found = {}
    if RESULT.exists():
        found = {(int(match[1]), int(match[2])): line for line in RESULT.read_text().splitlines() if (match := ROW.match(line))}
    if pair:
        found[pair] = f"| {pair[0]} + {pair[1]} | embedded | " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    chaos = faults.results_of(CHAOS.read_text())
    for each in PAIRS:
        if set(each) <= EMBEDDED:
            found.setdefault(each, f"| {each[0]} + {each[1]} | embedded | not run | 0 | | | |")
            continue
        name = f"pair-{each[0]}-{each[1]}"
        if name in chaos:
            result, back, ran = chaos[name]
            found[each] = f"| {each[0]} + {each[1]} | distributed | {result} | 1 | {back or ''} | {ran} | [`{name}`](chaos.md) |"
        else:
            found[each] = f"| {each[0]} + {each[1]} | distributed | not run | 0 | | | `{name}` was not run |"
    RESULT.write_text(HEAD + "".join(found[each] + "\n" for each in PAIRS))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--only", nargs="+", metavar="A+B", help="these pairs alone")
    parser.add_argument("--table", action="store_true", help="write the page anew and run nothing")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.table:
        put(None, ())
        return 0
    enter_own_namespace([sys.executable, str(HERE / "pairs.py")] + sys.argv[1:] + ["--seed", str(arguments.seed)])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pairs = [pair for pair in PAIRS if set(pair) <= EMBEDDED and (not arguments.only or f"{pair[0]}+{pair[1]}" in arguments.only)]
    sums = {pair: [0, dict.fromkeys(pair, 0), 0.0, None, ""] for pair in pairs}
    scratch = tempfile.mkdtemp(prefix="quipu-faults-pairs-")
    until = time.monotonic() + 60 * arguments.minutes
    number = 0
    try:
        # Each pair at least once, then for as long as there is time.
        while number < len(pairs) or time.monotonic() < until:
            pair = pairs[number % len(pairs)]
            seed = arguments.seed + number
            number += 1
            context = Context(program(arguments.binary), seed, 0, 0, scratch)
            context.begin("pair")
            total = sums[pair]
            try:
                rounds, bites, words = run_pair(pair, context, seed)
                total[0] += rounds
                total[1] = {fault: total[1][fault] + bites[fault] for fault in pair}
                total[2] = max(total[2], context.recovery() or 0.0)
                total[4] = words
            except AssertionError as error:
                total[3] = f"seed {seed}: {str(error).splitlines()[0]}"
            context.end()
            print(f"{'FAILED' if total[3] else 'passed'}  {pair[0]} + {pair[1]}  {total[3] or total[4]}", flush=True)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False)
    for pair, (rounds, bites, back, error, words) in sums.items():
        reached = ", ".join(f"{count} times {fault}" for fault, count in bites.items())
        put(pair, ("**failed**" if error else "passed", rounds, f"{back:.2f}", where(), error or f"{reached}; the last piece: {words}"))
    failed = sum(1 for total in sums.values() if total[3])
    print(f"\n{len(pairs) - failed} passed, {failed} failed")
    return 0 if pairs and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
