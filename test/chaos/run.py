#!/usr/bin/env python3
"""Runs the distributed form through faults: two API nodes and five workers, real Kafka, Cassandra, Redis and PostgreSQL.

    test/chaos/run.py [--binary PATH] [--only NAME ...] [--events N] [--seed S]     the scenarios of CI
    test/chaos/run.py --all [--events N]                                            all of them (make chaos-distributed)

One line a scenario, with its seed; at the end "N passed, N failed". What can not run here fails and says why.
"""

import argparse
import importlib
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
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "faults")]

from fleet import results  # noqa: E402
from fleet.servers import Servers  # noqa: E402
from harness.context import Context  # noqa: E402
from harness.image import enter_own_namespace  # noqa: E402
from harness.runner import choose, program, run  # noqa: E402

MODULES = ("workers", "nodes", "kafka", "topic", "brokers", "links", "packets", "stores", "schema", "failover", "postgres", "standby", "around", "moves", "literal",
           "fresh", "power", "histories", "everything", "struck", "pairs")
EVENTS = 50_000
EVENTS_OF_ALL = 200_000
SECONDS_OF_TRAFFIC = 25.0


class Chaos(Context):
    """What a scenario is given: the servers, how many events to send, in how many seconds, and whether all scenarios run."""

    def __init__(self, command, arguments, scratch, servers):
        super().__init__(command, arguments.seed, 0, 0, scratch)
        self.servers = servers
        self.events = arguments.events
        self.all = arguments.all
        self.seconds = SECONDS_OF_TRAFFIC * max(1.0, self.events / 100_000)

    def random(self):
        return random.Random(self.seed)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these scenarios alone")
    parser.add_argument("--all", action="store_true", help="all scenarios, not only those of CI")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("--events", type=int, help=f"how many in each ({EVENTS}; with --all {EVENTS_OF_ALL})")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run's random choices")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE", help="put a row for each into this page")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory of a scenario that fails")
    arguments = parser.parse_args()
    arguments.events = arguments.events or (EVENTS_OF_ALL if arguments.all else EVENTS)
    return arguments


def scenarios(arguments):
    modules = [importlib.import_module(f"scenarios.{name}") for name in MODULES]
    found = [test for module in modules for test in getattr(module, "TESTS", ())]
    if arguments.all or arguments.only:
        found += [test for module in modules for test in getattr(module, "MORE", ())]
    return choose(found, arguments.only)


def main():
    arguments = parse()
    chosen = scenarios(arguments)
    if arguments.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    names = [name for name, _ in scenarios(argparse.Namespace(all=True, only=None))]
    command = program(arguments.binary)
    enter_own_namespace([sys.executable, str(HERE / "run.py")] + sys.argv[1:] + ["--seed", str(arguments.seed)])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = 0
    scratch = tempfile.mkdtemp(prefix="quipu-chaos-")
    print(f"chaos, {arguments.events} events a scenario, seed {arguments.seed}", flush=True)
    servers = Servers(pathlib.Path(scratch) / "servers")
    try:
        servers.up()
        context = Chaos(command, arguments, scratch, servers)
        for name, function in chosen:
            began = time.monotonic()
            passed = run(context, name, function, arguments.keep)
            failed += not passed
            if arguments.write:
                results.put(arguments.write, names, name, passed, context.seed, time.monotonic() - began, context.notes,
                            context.recovery())
    finally:
        servers.down(purge=not (arguments.keep and failed))
        if not (arguments.keep and failed):
            subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False)
    print(f"\n{len(chosen) - failed} passed, {failed} failed")
    return 0 if chosen and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
