"""Rounds: who is measured when. First A against A, then all, each round in the other order."""

import dataclasses
import pathlib
import shutil
import tempfile
import traceback
from collections.abc import Callable

from . import machine
from .figures import order_of

AGAIN = " again"


@dataclasses.dataclass(frozen=True)
class Subject:
    """One contender. `settings` are shown on the page; `start(context)` gives a server for a `with` block."""

    name: str
    title: str
    settings: dict
    start: Callable


@dataclasses.dataclass(frozen=True)
class Question:
    """A folder of bench/. `measure(context, subject, case)` starts the subject and gives client -> values, or raises.

    `metrics`: which values the table of absolute figures shows, as metric -> (title, format).
    """

    name: str
    title: str
    about: str
    subjects: list
    cases: dict  # name -> title
    clients: dict  # name -> title
    bars: list
    measure: Callable
    metrics: dict
    rounds_max: int | None = None  # Where a round is long and what it shows hardly varies.


class Context:
    """What one run of the harness shares: where the program is, where servers may write, which processors they get."""

    def __init__(self, binary, scratch, pinned):
        self.binary = binary
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
        self.server_processors, self.client_processors = ("0", "1") if pinned else (None, None)
        self.beside = []  # Processes of a question that work beside server and client, such as slow clients.
        self.remembered = {}  # What a question finds out once, such as a rate.

    def new_directory(self):
        return tempfile.mkdtemp(dir=self.scratch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.scratch, ignore_errors=True)


def _measure(context, question, subject, case, number, order, say):
    processors = machine.Processors()
    base = {"subject": subject.name, "case": case, "round": number, "order": order}
    failed = {}
    try:
        results = question.measure(context, subject, case)
    except Exception as error:  # A sample that failed is told on the page, and the run goes on.
        results = {client: {} for client in question.clients}
        failed = {"failed": f"{type(error).__name__}: {error}"[:500]}
        traceback.print_exc()
    samples = []
    for client, values in results.items():
        rounded = {metric: float(f"{value:.6g}") for metric, value in values.items()}
        samples.append({**base, "client": client, "stolen": round(processors.stolen_share(), 4), "values": rounded, **failed})
        shown = "  ".join(f"{metric} {value:g}" for metric, value in rounded.items())
        say(f"  round {number}  {subject.name:24} {case:16} {client:16} {failed.get('failed', shown)}")
    return samples


def run(context, question, rounds, say, begin=0):
    """All samples of a question: of A against A, and of the comparison. Rounds are numbered from `begin`."""
    first = question.subjects[0]
    again = dataclasses.replace(first, name=first.name + AGAIN)
    same, samples = [], []
    for number in range(begin, begin + (rounds + 1) // 2):
        for case in question.cases:
            for order, subject in enumerate(order_of([first, again], number)):
                same += _measure(context, question, subject, case, number, order, say)
    for number in range(begin, begin + rounds):
        for case in question.cases:
            for order, subject in enumerate(order_of(question.subjects, number)):
                samples += _measure(context, question, subject, case, number, order, say)
    return same, samples


def only_cases(question, cases):
    """The question with some of its cases."""
    return dataclasses.replace(question, cases={name: title for name, title in question.cases.items() if name in cases},
                               bars=[bar for bar in question.bars if bar.case in cases])
