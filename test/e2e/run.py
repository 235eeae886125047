#!/usr/bin/env python3
"""Runs the end-to-end tests: the real program, real clients, kills, power cuts.

    test/e2e/run.py [--binary PATH] [--only NAME ...] [--kills N] [--cuts N] [--seed S] [--jobs N]
    test/e2e/run.py --self-test [--only NAME ...]     the tests of the tests: planted bugs

One line a test, with the seed that replays it; at the end "N passed, N failed". What can not run here fails and says why.
With --jobs, modules of cases run side by side, each by a process of its own; those that load the whole machine follow alone.
"""

import argparse
import concurrent.futures
import importlib
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness.context import Context  # noqa: E402
from harness.image import enter_own_namespace  # noqa: E402
from harness.runner import choose, program, run  # noqa: E402

CASES = ("self", "directory", "promises", "histories", "keys", "model", "kill", "power", "sweep", "disk", "memory",
         "clients", "openapi", "access_log", "import_log", "import_edges", "commands", "audit", "limits_table", "overload", "connections",
         "slow_clients", "bad_input", "framing", "extreme_input")
ALONE = ("memory", "overload", "connections", "slow_clients")
SUMMARY = re.compile(r"(\d+) passed, (\d+) failed\n?$")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these tests alone")
    parser.add_argument("--case", nargs="+", choices=CASES, metavar="MODULE", help="run the tests of these modules alone")
    parser.add_argument("--jobs", type=int, default=1, help="so many modules at once")
    parser.add_argument("--list", action="store_true", help="name the tests")
    parser.add_argument("--kills", type=int, default=60, help="how many SIGKILLs")
    parser.add_argument("--cuts", type=int, default=50, help="how many power cuts")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="replays a run's random choices")
    parser.add_argument("--self-test", action="store_true", help="run the tests of the tests alone, without Quipu")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory of a test that fails")
    return parser.parse_args()


def tests(arguments):
    names = CASES[:1] if arguments.self_test else arguments.case or CASES
    found = [test for name in names for test in importlib.import_module(f"cases.{name}").TESTS]
    return choose(found, arguments.only)


def run_module(arguments, name):
    """Runs one module by another process; returns how many tests passed and failed. What it printed comes in one piece."""
    command = [sys.executable, str(HERE / "run.py"), "--binary", arguments.binary, "--case", name, "--kills", str(arguments.kills),
               "--cuts", str(arguments.cuts), "--seed", str(arguments.seed)] + (["--keep"] if arguments.keep else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    summary = SUMMARY.search(done.stdout)
    print(done.stdout[:summary.start()].rstrip() if summary else f"{done.stdout}\nFAILED  {name} ended with {done.returncode}",
          flush=True)
    return (int(summary[1]), int(summary[2])) if summary else (0, 1)


def run_side_by_side(arguments):
    """All modules, `--jobs` at once; then those that want the machine for themselves."""
    together = [name for name in CASES if name not in ALONE]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        counts = list(pool.map(lambda name: run_module(arguments, name), together))
    counts += [run_module(arguments, name) for name in ALONE]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"\n{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def main():
    arguments = parse()
    if arguments.jobs > 1 and not (arguments.only or arguments.case or arguments.list or arguments.self_test):
        return run_side_by_side(arguments)
    chosen = tests(arguments)
    if arguments.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    command = [] if arguments.self_test else program(arguments.binary)
    enter_own_namespace([sys.executable, str(HERE / "run.py")] + sys.argv[1:] + ["--seed", str(arguments.seed)])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = 0
    scratch = tempfile.mkdtemp(prefix="quipu-e2e-")
    print(f"end-to-end tests, seed {arguments.seed}", flush=True)
    try:
        context = Context(command, arguments.seed, arguments.kills, arguments.cuts, scratch)
        for name, function in chosen:
            failed += not run(context, name, function, arguments.keep)
    finally:
        if not (arguments.keep and failed):
            subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False)
    print(f"\n{len(chosen) - failed} passed, {failed} failed")
    return 0 if chosen and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
