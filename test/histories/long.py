#!/usr/bin/env python3
"""Records a history of each form through kills, has the checker verify both, and writes what a long run came to.

    test/histories/long.py [--minutes M] [--seed S] [--binary PATH]        M minutes of each form (make histories)

The page `histories` among the results is written where both hold and each had 10 minutes or more.
"""

import argparse
import pathlib
import secrets
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "histories"), str(ROOT / "test" / "e2e")]

from harness.origin import where  # noqa: E402
from long_page import is_long, page, record  # noqa: E402

PAGE = ROOT / "docs" / "results" / "histories.md"
EVENTS_A_MINUTE = 240_000  # By their number test/chaos/run.py chooses how long it takes: 25 s for 100,000.


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=2, help="so long for each form")
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run's random choices")
    arguments = parser.parse_args()
    more = ["--only", "histories", "--binary", arguments.binary, "--seed", str(arguments.seed)]
    runners = ([ROOT / "test/e2e/run.py", *more],
               [ROOT / "test/chaos/run.py", *more, "--events", str(EVENTS_A_MINUTE * arguments.minutes)])
    with tempfile.TemporaryDirectory(prefix="quipu-histories-") as scratch:
        results = [pathlib.Path(scratch) / f"{number}.json" for number in range(len(runners))]
        measured = where()
        found = [record(command, result, arguments.minutes) for command, result in zip(runners, results)]
    if None in found:
        return 1
    if is_long(arguments.minutes):
        PAGE.write_text(page(arguments.minutes, measured, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
