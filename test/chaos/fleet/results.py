"""The page of the last runs: a row for each scenario, which a later run of that scenario replaces."""

import re

from harness.origin import where

ROW = re.compile(r"^\| `([^`]+)` \|")
HEAD = """# Faults on the distributed form: the last runs

Written by `make chaos-distributed` ([what is run and what must hold](../../test/chaos/README.md)): two API nodes and five workers over real
servers, all on one machine. A row says how many events it had: 200,000 or more, or fewer where the run was given another `--events`;
`migrate-and-adopt` moves 20,000 totals, `histories` has sessions that send for as long as other scenarios. *Calm* is the time after the
last event until lag was 0, *back in* that from the end of the fault until it was as before. A row that failed says so. The seed repeats
a run's random choices.

| scenario | result | seed | seconds | run | what it showed |
|---|---|---:|---:|---|---|
"""


def put(path, order, name, passed, seed, seconds, notes, back=None):
    """Writes a row; rows stand in `order`, and those of scenarios that are not in it go. `back`: seconds from the end of a fault until
    it was as before, where the scenario told them."""
    rows = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if found := ROW.match(line):
                rows[found[1]] = line
    notes = [*notes, *([] if back is None else [f"back in {back:.1f} s"])]
    told = "; ".join(notes).replace("|", "\\|") or "no word"
    rows[name] = f"| `{name}` | {'passed' if passed else '**failed**'} | {seed} | {seconds:.0f} | {where()} | {told} |"
    path.write_text(HEAD + "".join(rows[each] + "\n" for each in order if each in rows))
