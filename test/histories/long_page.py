"""The page of a long run of both forms, and what a runner leaves for it."""

import json
import os
import subprocess

MINUTES_OF_A_PAGE = 10
HEAD = """# Histories: the last long run

Written by `make histories MINUTES={minutes}` ([what is recorded, and what is checked](../../test/histories/README.md)): concurrent
sessions through SIGKILLs, of the one process, and of API nodes and workers over real servers. Each history was judged once more
with one acknowledged event told as refused, for two of its counters, and did not hold then.

| form | result | minutes | kills | seed | run | what the checker said |
|---|---|---:|---:|---:|---|---|
"""


def page(minutes, where, results):
    """The page of a run: `results` as the recorders leave them (`must_hold`)."""
    rows = [f"| {each['form']} | passed | {minutes} | {each['kills']} | {each['seed']} | {where} | {each['said']} |\n"
            for each in results]
    return HEAD.format(minutes=minutes) + "".join(rows)


def is_long(minutes):
    """Whether a run of so many minutes is one for the page."""
    return minutes >= MINUTES_OF_A_PAGE


def record(command, result, minutes):
    """Runs one of the runners; returns what it left, or None where its history does not hold."""
    environment = {**os.environ, "QUIPU_HISTORIES_SECONDS": str(minutes * 60), "QUIPU_HISTORIES_RESULT": str(result)}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode != 0 or not result.exists():
        return None
    return json.loads(result.read_text())
