#!/usr/bin/env python3
"""1,000 SIGKILLs and 300 power cuts of the real program, every event judged: the long form of two tests of test/e2e.

    test/faults/long.py [--kills 1000] [--cuts 300]      all in one go (make faults-long)
    test/faults/long.py --seconds 240 --state FILE       as much as fits; again with the same FILE goes on from there

The run is one ledger and one data directory a piece of --piece rounds, so that what a piece keeps in memory stays small; the sums
of all pieces are written to docs/results/faults_long.md. A piece that fails ends the run.
"""

import argparse
import json
import pathlib
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

from cases.kill import BUSY_DISK, SMALL_TABLE  # noqa: E402
from harness.context import Context  # noqa: E402
from harness.image import Image, enter_own_namespace  # noqa: E402
from harness.ledger import ODD_BITS  # noqa: E402
from harness.rounds import Crashes  # noqa: E402
from harness.runner import program  # noqa: E402
from harness.server import PHASES  # noqa: E402
from harness.origin import where  # noqa: E402

RESULT = ROOT / "docs" / "results" / "faults_long.md"
PIECE = 25
PAGE = """# Kills and power cuts in a long run

Written by `make faults-long` at {where}, seed {seed}: one process with its disk on one machine, full load
of twelve kinds of clients, half of the blows aimed at a phase. Each event is judged by
[the ledger](../../test/e2e/README.md) at every start.

| | kills | power cuts |
|---|---:|---:|
"""


def piece_of_kills(context, rounds, seed):
    """So many kills on one directory, every twelfth in a start."""
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, seed, print, [{}, {}, SMALL_TABLE])
        while crashes.rounds < rounds:
            if crashes.rounds % 12 == 11:
                crashes.kill_in_start()
                continue
            crashes.begin()
            if crashes.rounds % 2:
                crashes.kill_in_phase(min(PHASES, key=lambda phase: crashes.phases[phase]))
            else:
                crashes.kill_at_random()
        crashes.begin()
        crashes.last_look()
    return crashes


def piece_of_cuts(context, rounds, seed):
    """So many power cuts of one disk."""
    with Image(context.directory) as image, context.server(image.root / "data", BUSY_DISK) as server:
        crashes = Crashes(server, seed, print, [{}, {}, SMALL_TABLE])
        while crashes.rounds < rounds:
            crashes.cut_power(image)
        crashes.begin()
        crashes.last_look()
    return crashes


KINDS = {"kills": piece_of_kills, "cuts": piece_of_cuts}


def empty(arguments):
    return {"seed": arguments.seed, "where": where(), "seconds": 0.0,
            "kinds": {kind: {"rounds": 0, "phases": dict.fromkeys(PHASES, 0), "in_start": 0, "events": {}, "starts": []}
                      for kind in KINDS}}


def add(into, crashes):
    into["rounds"] += crashes.rounds
    into["in_start"] += crashes.in_start
    into["starts"] += [round(seconds, 3) for seconds in crashes.starts[1:]]
    for phase, count in crashes.phases.items():
        into["phases"][phase] += count
    counters = crashes.ledger.counters
    found = {"counted": sum(counter.last.bit_count() for counter in counters),
             "lost": sum((counter.acked & ~counter.last).bit_count() for counter in counters),
             "twice": sum((counter.last & ODD_BITS).bit_count() for counter in counters)}
    for name, count in {**crashes.ledger.events, **found}.items():
        into["events"][name] = into["events"].get(name, 0) + count


def page(state, wanted):
    kinds = [state["kinds"][kind] for kind in KINDS]

    def row(words, value):
        return f"| {words} | " + " | ".join(f"{value(kind):,}" for kind in kinds) + " |\n"

    def slowest(kind, share):
        starts = sorted(kind["starts"]) or [0.0]
        return starts[min(len(starts) - 1, int(share * len(starts)))]

    text = PAGE.format(**state) + row("blows", lambda kind: kind["rounds"])
    text += "| blows that were wanted | " + " | ".join(f"{wanted[kind]:,}" for kind in KINDS) + " |\n"
    for phase in PHASES:
        text += row(f"of them in a {phase}", lambda kind: kind["phases"][phase])  # pylint: disable=cell-var-from-loop
    text += row("of them in a start", lambda kind: kind["in_start"])
    for name, words in (("attempted", "events sent"), ("acked", "acknowledged"), ("unknown", "left without an answer"),
                        ("resent", "sent again"), ("reads", "reads judged"), ("counted", "counted at the end"),
                        ("lost", "acknowledged and lost"), ("twice", "counted twice")):
        text += row(words, lambda kind: kind["events"].get(name, 0))  # pylint: disable=cell-var-from-loop
    text += row("back in, median seconds", lambda kind: slowest(kind, 0.5))
    text += row("back in, slowest", lambda kind: slowest(kind, 1.0))
    return text + f"\nIt took {state['seconds'] / 60:.0f} minutes. A lost or doubled event ends the run: this page is written only without one.\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=300)
    parser.add_argument("--piece", type=int, default=PIECE, help="rounds on one directory")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no piece after so long")
    parser.add_argument("--state", type=pathlib.Path, help="keep the sums here, and go on from them")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    return parser.parse_args()


def one_piece(state, wanted, arguments, scratch):
    """Runs the next piece. False when all is done."""
    for kind, piece in KINDS.items():
        sums = state["kinds"][kind]
        left = wanted[kind] - sums["rounds"]
        if left <= 0:
            continue
        context = Context(program(arguments.binary), state["seed"], 0, 0, scratch)
        context.begin(kind)
        crashes = piece(context, min(left, arguments.piece), state["seed"] + sum(each["rounds"] for each in state["kinds"].values()))
        context.end()
        add(sums, crashes)
        print(f"{kind}: {sums['rounds']} of {wanted[kind]}; {crashes.summary()}", flush=True)
        return True
    return False


def main():
    arguments = parse()
    enter_own_namespace([sys.executable, str(HERE / "long.py")] + sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    state = empty(arguments)
    if arguments.state and arguments.state.exists():
        state = json.loads(arguments.state.read_text())
    wanted = {"kills": arguments.kills, "cuts": arguments.cuts}
    began = time.monotonic()
    scratch = tempfile.mkdtemp(prefix="quipu-faults-long-")
    try:
        more = True
        while more and time.monotonic() - began < arguments.seconds:
            at = time.monotonic()
            more = one_piece(state, wanted, arguments, scratch)
            state["seconds"] += time.monotonic() - at
            if arguments.state:
                arguments.state.write_text(json.dumps(state))
        RESULT.write_text(page(state, wanted))
        if not more:
            print("1 passed, 0 failed")
        return 0 if not more else 3
    except Exception as error:  # Whatever it is, the run has failed and says so.
        print(f"FAILED  {error}\n0 passed, 1 failed", flush=True)
        raise
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False)


if __name__ == "__main__":
    sys.exit(main())
