#!/usr/bin/env python3
"""The faults of docs/faults.md on the real program: runs the tests that its rows name, and writes what they came to.

    test/faults/run.py [--only NAME ...]        a choice of two minutes, as in each run of all tests
    test/faults/run.py --all --write            all of this folder and the cases of test/e2e that the page names, each result a row of
                                                docs/results/faults.md (make faults); --shard 2/5 a part of them
    test/faults/run.py --table                  the last column of docs/faults.md anew from the pages of results

One line a test, with the seed that repeats its random choices; at the end "N passed, N failed". What can not run here fails
and says why. Rows of the distributed form are run by test/chaos/run.py, unit tests by tools/test.
"""

import argparse
import importlib
import pathlib
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

from harness.context import Context  # noqa: E402
from harness.image import enter_own_namespace  # noqa: E402
from harness.origin import where  # noqa: E402
from harness.runner import choose, program, run  # noqa: E402
from quality import faults  # noqa: E402

INJECTIONS = ("kills", "many", "failpoints", "disk", "damage", "starved", "clock", "clients")
CASES = ("directory", "promises", "kill", "power", "sweep", "disk", "memory", "overload", "connections", "slow_clients",
         "audit", "limits_table")
# What each run of all tests injects. The rest takes longer than that may take, and some of it needs the machine for itself.
CHOICE = ("kill-at-each-call", "failpoint-kills", "kill-in-recovery", "write-error", "lost-write", "torn-tail", "segments-wrong",
          "old-records", "frozen")
PAGE = ROOT / "docs" / "faults.md"
RESULTS = ROOT / "docs" / "results" / "faults.md"
HEAD = """# Faults on the real program: the last runs

Written by `make faults` ([which fault each is of, and what must hold](../faults.md)): one process, its disk and its clients on one
machine. *Back in* is how long after the fault it was as before, the slowest of the run: until it was ready again, or answered
writes again. The seed repeats a run's random choices. A row that failed says so.

| test | result | seed | seconds | back in | run | what it showed |
|---|---|---:|---:|---:|---|---|
"""
ROW = re.compile(r"^\| `([^`]+)` \|")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these alone")
    parser.add_argument("--all", action="store_true", help="all of this folder, and the cases of test/e2e that docs/faults.md names")
    parser.add_argument("--list", action="store_true", help="name all tests")
    parser.add_argument("--shard", metavar="K/N", help="every N-th test alone, from the K-th on")
    parser.add_argument("--kills", type=int, default=60, help="how many SIGKILLs in the tests that count them")
    parser.add_argument("--cuts", type=int, default=50, help="how many power cuts in the tests that count them")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run's random choices")
    parser.add_argument("--write", action="store_true", help="put each result into docs/results/faults.md and docs/faults.md")
    parser.add_argument("--table", action="store_true", help="write the last column of docs/faults.md anew, and run nothing")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory of a test that fails")
    return parser.parse_args()


def tests():
    """Those of this folder and those of test/e2e that rows of the page name, in the order of the rows."""
    found = dict(test for name in INJECTIONS for test in importlib.import_module(f"injections.{name}").TESTS)
    others = dict(test for name in CASES for test in importlib.import_module(f"cases.{name}").TESTS)
    named = [name for _, cells in faults.rows(PAGE.read_text()) for name in faults.NAME.findall(cells[-2])]
    order = [name for name in dict.fromkeys(named) if name in found or name in others]
    order += [name for name in found if name not in order]
    return [(name, found.get(name) or others[name]) for name in order]


def put(order, name, passed, context, seconds):
    """Writes a row; rows stand in `order`, and those of tests that are not in it go."""
    found = {}
    if RESULTS.exists():
        found = {match[1]: line for line in RESULTS.read_text().splitlines() if (match := ROW.match(line))}
    back = context.recovery()
    told = "; ".join(context.notes).replace(f"{context.directory}/", "").replace("|", "\\|") or "no word"
    found[name] = (f"| `{name}` | {'passed' if passed else '**failed**'} | {context.seed} | {seconds:.0f} | "
                   f"{'' if back is None else f'{back:.2f}'} | {where()} | {told} |")
    RESULTS.write_text(HEAD + "".join(found[each] + "\n" for each in order if each in found))


def write_table():
    results = faults.all_results((ROOT / path).read_text() for path in faults.RESULTS if (ROOT / path).exists())
    PAGE.write_text(faults.with_results(PAGE.read_text(), results))


def main():
    arguments = parse()
    if arguments.table:
        write_table()
        return 0
    every = tests()
    chosen = choose(every, arguments.only or (None if arguments.all or arguments.list else CHOICE))
    if arguments.shard:
        which, _, of = arguments.shard.partition("/")
        chosen = chosen[int(which) - 1::int(of)]
    if arguments.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    command = program(arguments.binary)
    enter_own_namespace([sys.executable, str(HERE / "run.py")] + sys.argv[1:] + ["--seed", str(arguments.seed)])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = 0
    scratch = tempfile.mkdtemp(prefix="quipu-faults-")
    print(f"faults, seed {arguments.seed}", flush=True)
    try:
        context = Context(command, arguments.seed, arguments.kills, arguments.cuts, scratch)
        for name, function in chosen:
            began = time.monotonic()
            passed = run(context, name, function, arguments.keep)
            failed += not passed
            if arguments.write:
                put([each for each, _ in every], name, passed, context, time.monotonic() - began)
    finally:
        if arguments.write:
            write_table()
        if not (arguments.keep and failed):
            subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False)
    print(f"\n{len(chosen) - failed} passed, {failed} failed")
    return 0 if chosen and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
