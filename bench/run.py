#!/usr/bin/env python3
"""Measures Quipu beside what people use today, and writes the page that says so.

    bench/run.py                                    all questions, 9 rounds each; writes docs/benchmarks.md
    bench/run.py --question resp_incr --rounds 3    a look at one; writes below build/bench/ only
    bench/run.py --micro                            single parts alone; build bench_micro before
    bench/run.py --page                             the page again, from docs/results/, measuring nothing

Every question is a folder here, every contender a file in it. A question first measures Quipu against itself, then all
contenders, the order turning each round. Results of 9 rounds and more go to docs/results/ unless --out says otherwise.
"""

import argparse
import datetime
import importlib
import json
import pathlib
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

from harness import machine, micro, page, rounds  # noqa: E402

QUESTIONS = ("resp_incr", "http_view", "hot_key", "latency", "idle_connections", "slow_clients", "replay", "memory")
ROUNDS = 9


def question_named(name):
    return importlib.import_module(name).QUESTION


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--question", nargs="+", metavar="NAME", choices=QUESTIONS, default=list(QUESTIONS),
                        help=f"measure these alone; known: {', '.join(QUESTIONS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many rounds (default %(default)s)")
    parser.add_argument("--case", nargs="+", metavar="CASE", help="of a question, these cases alone")
    parser.add_argument("--pin", action="store_true",
                        help="servers on processor 0, clients on processor 1 (default: where the system puts them)")
    parser.add_argument("--binary", default=ROOT / "build/release/quipu", help="the program (default %(default)s)")
    parser.add_argument("--scratch", default=ROOT / "build/bench", metavar="DIR",
                        help="where servers keep their data; should be a real disk (default %(default)s)")
    parser.add_argument("--out", metavar="DIR", help="where results/, benchmarks.md and plots go "
                        f"(default: docs/ with {ROUNDS} rounds or more, else build/bench/)")
    parser.add_argument("--add", action="store_true",
                        help="keep the rounds that are there, if they are of the same commit, and add to them")
    parser.add_argument("--micro", nargs="?", const=ROOT / "build/release/bench_micro", metavar="PATH",
                        help="run the micro-benchmarks alone (default program: %(const)s)")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the page from the results")
    return parser.parse_args()


def kept(question, arguments, out):
    """Samples of A against A, samples of the comparison, and the number of the next round."""
    found = page.read_result(out, question) if arguments.add else None
    if not found:
        return [], [], 0
    if (found["commit"], found["pinned"]) != (machine.commit(), arguments.pin):
        sys.exit(f"bench/run.py: the rounds of {question.name} are of commit {found['commit']}; without --add they go")
    return found["same"], found["samples"], 1 + max(sample["round"] for sample in found["samples"])


def record(question, context, arguments, out):
    """Measures one question and keeps what came of it."""
    before, earlier, begin = kept(question, arguments, out)
    began = datetime.datetime.now(datetime.timezone.utc)
    same, samples = rounds.run(context, question, min(arguments.rounds, question.rounds_max or arguments.rounds),
                               lambda line: print(line, flush=True), begin)
    result = {
        "question": question.name,
        "date": began.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": machine.commit(),
        "machine": machine.describe(context.scratch),
        "versions": machine.versions(context.binary),
        "pinned": arguments.pin,
        "settings": {subject.name: subject.settings for subject in question.subjects},
        "same": before + same,
        "samples": earlier + samples,
    }
    page.write_result(out, result)
    print(page.question_text(question, result), flush=True)


def main():
    arguments = parse()
    out = pathlib.Path(arguments.out) if arguments.out else \
        ROOT / ("docs" if arguments.page or arguments.rounds >= ROUNDS and not arguments.case else "build/bench")
    began = time.monotonic()
    if arguments.micro:
        pathlib.Path(arguments.scratch).mkdir(parents=True, exist_ok=True)
        result = micro.run(arguments.micro, arguments.scratch, repetitions=5, seconds=0.2)
        print(micro.text(result))
        micro.write_result(out, result)
    elif not arguments.page:
        arguments.binary = pathlib.Path(arguments.binary).resolve()
        if not arguments.binary.exists():
            sys.exit(f"bench/run.py: there is no {arguments.binary}; `make build` makes it")
        pathlib.Path(arguments.scratch).mkdir(parents=True, exist_ok=True)
        for name in arguments.question:
            question = question_named(name)
            if arguments.case:
                question = rounds.only_cases(question, arguments.case)
            print(f"{question.title}", flush=True)
            with rounds.Context(arguments.binary, arguments.scratch, arguments.pin) as context:
                record(question, context, arguments, out)
    page.write(out, [question_named(name) for name in QUESTIONS])
    print(f"{out / 'benchmarks.md'}, after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
