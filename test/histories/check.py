#!/usr/bin/env python3
"""Verifies histories: says of each whether what clients were told can be true, and where not, by line.

    test/histories/check.py FILE...        exit code 0: all hold; 1: one does not; 2: one is no history
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from history import Malformed, read  # noqa: E402
from rules import judge  # noqa: E402

SHOWN_MAX = 20


def summary(history):
    """How much a history holds: one that holds little proves little."""
    outcomes = {"ok": 0, "fail": 0, "unknown": 0}
    events, repeats, totals, after = 0, 0, 0, 0
    seen = set()
    for operation in history.operations:
        outcomes[operation.outcome] += 1
        totals += len([total for total in operation.totals or () if total is not None])
        after += bool(operation.after)
        for add in operation.adds:
            repeats += add.id is not None and (add.counter, add.id) in seen
            events += add.id is None or (add.counter, add.id) not in seen
            seen.add((add.counter, add.id))
    sessions = len({operation.session for operation in history.operations})
    return (f"{len(history.operations)} operations of {sessions} sessions ({', '.join(f'{n} {name}' for name, n in outcomes.items())}), "
            f"{events} events, {repeats} sent again, {totals} totals told, {after} reads with positions")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", type=pathlib.Path)
    code = 0
    for path in parser.parse_args().files:
        try:
            with open(path, encoding="utf-8") as lines:
                history = read(lines)
        except (Malformed, OSError, UnicodeDecodeError) as error:
            print(f"{path}: no history: {error}")
            code = 2
            continue
        violations = judge(history)
        for violation in violations[:SHOWN_MAX]:
            print(f"{path}: {violation}")
        verdict = f"refused, {len(violations)} violations" if violations else "holds"
        print(f"{path}: {verdict}; {summary(history)}")
        code = code or (1 if violations else 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
