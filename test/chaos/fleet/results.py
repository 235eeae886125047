"""The page of the last runs: a row for each scenario, which a later run of that scenario replaces."""

import pathlib
import platform
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
ROW = re.compile(r"^\| `([^`]+)` \|")
HEAD = """# Faults on the distributed form: the last runs

Written by `make chaos` ([what is run and what must hold](../../test/chaos/README.md)): two API nodes and five workers over real
servers, all on one machine. A row that failed says so. The seed repeats a run's random choices.

| scenario | result | seed | seconds | run | what it showed |
|---|---|---:|---:|---|---|
"""


def where():
    """Commit, machine and day, in words."""
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout.strip()
    cores = pathlib.Path("/proc/cpuinfo").read_text().count("processor\t")
    return f"{commit}, {cores} cores, {platform.system()} {platform.release()}, {time.strftime('%Y-%m-%d')}"


def put(path, order, name, passed, seed, seconds, notes):
    """Writes a row; rows stand in `order`, and those of scenarios that are not in it go."""
    rows = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if found := ROW.match(line):
                rows[found[1]] = line
    told = "; ".join(notes).replace("|", "\\|") or "no word"
    rows[name] = f"| `{name}` | {'passed' if passed else '**failed**'} | {seed} | {seconds:.0f} | {where()} | {told} |"
    path.write_text(HEAD + "".join(rows[each] + "\n" for each in order if each in rows))
