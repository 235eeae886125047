"""The page of the faults: one row a fault, tests that exist, and last results that are those of the pages of results."""

import ast
import re

from .sources import Finding

PAGE = "docs/faults.md"
LAST = 55
#: Where the results of the tests stand, and how a row of theirs begins.
RESULTS = ("docs/results/faults.md", "docs/results/chaos.md")
ROW = re.compile(r"^\| (\d+) \|(.*)\|$")
RESULT = re.compile(r"^\| `([^`]+)` \| (\*\*)?(passed|failed)(\*\*)? \|(.*)\|$", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")
UNIT_TEST = re.compile(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", re.MULTILINE)
#: Files whose TESTS or MORE name tests of the runners.
RUNNERS = ("test/e2e/cases/", "test/chaos/scenarios/", "test/faults/injections/")
#: Cells of a row: number, fault, injection, proof, what must hold, held by, last result.
CELLS = 7
#: In the page of the embedded form "back in" is a column; the distributed form tells it in words.
BACK = re.compile(r"back in ([0-9.]+) s")
COMMIT = re.compile(r"\b([0-9a-f]{12})(\+changed)?, (\d+ cores?), (.+?), (\d{4}-\d{2}-\d{2})$")


def cells_of(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def rows(text):
    """(line number, cells) of each row that begins with a number."""
    return [(number, cells_of(line)) for number, line in enumerate(text.splitlines(), 1) if ROW.match(line)]


def runner_tests(source):
    """The names in the TESTS and MORE of a Python file."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") in ("TESTS", "MORE") for target in node.targets):
            for each in getattr(node.value, "elts", ()):
                if isinstance(each, ast.Tuple) and isinstance(each.elts[0], ast.Constant):
                    found.add(each.elts[0].value)
    return found


def known_tests(tree):
    names = {f"{suite}.{name}" for path in tree.paths("test/", ".cc") for suite, name in UNIT_TEST.findall(tree.text(path))}
    for folder in RUNNERS:
        for path in tree.paths(folder, ".py"):
            names |= runner_tests(tree.text(path))
    return names


def results_of(text):
    """{test: (result, seconds until it was as before or None, where)} of a page of results."""
    found = {}
    for name, _, result, _, rest in RESULT.findall(text):
        cells = cells_of("|" + rest + "|")
        where = next((COMMIT.search(cell) for cell in cells if COMMIT.search(cell)), None)
        back = max(BACK.findall(cells[-1]), key=float, default=None)
        if len(cells) == 5:  # seed, seconds, back in, run, what it showed.
            back = cells[2] or None
        found[name] = (result, back, where and f"{where[1][:7]}{where[2] or ''}, {where[3]}, {where[5]}")
    return found


def last_result(held_by, results):
    """The cell: what the tests that it names came to. Unit tests have no page of results: every run of all tests has them."""
    told = {}
    for name in NAME.findall(held_by):
        if name not in results and "." not in name:
            told.setdefault("not run yet", []).append(f"`{name}`")
        if name in results:
            result, back, where = results[name]
            words = ("**failed**" if result == "failed" else "passed") + (f", back in {back} s" if back else "")
            told.setdefault(where or "", []).append(f"`{name}` {words}")
    return "; ".join(", ".join(each) + (f" ({where})" if where else "") for where, each in told.items()) or "none"


def with_results(text, results):
    """The page with its last column made from `results`."""
    lines = text.splitlines()
    for number, cells in rows(text):
        if len(cells) == CELLS:
            cells[-1] = last_result(cells[-2], results)
            lines[number - 1] = "| " + " | ".join(cells) + " |"
    return "\n".join(lines) + "\n"


def all_results(texts):
    found = {}
    for text in texts:
        found.update(results_of(text))
    return found


def check(tree):
    if PAGE not in tree:
        return
    text = tree.text(PAGE)
    known = known_tests(tree)
    results = all_results(tree.text(path) for path in RESULTS if path in tree)
    seen = []
    for line, cells in rows(text):
        if len(cells) != CELLS:
            yield Finding(PAGE, line, f"has {len(cells)} cells instead of {CELLS}")
            continue
        seen.append(int(cells[0]))
        named = NAME.findall(cells[-2])
        for name in named:
            if name not in known:
                yield Finding(PAGE, line, f"names a test that is not there: {name}")
        if not named and not cells[-2].startswith("not tested: "):
            yield Finding(PAGE, line, "names no test; where there is none, say `not tested: why`")
        if cells[-1] != last_result(cells[-2], results):
            yield Finding(PAGE, line, "its last result is not what docs/results says: run test/faults/run.py --table")
    for number in range(1, LAST + 1):
        if seen.count(number) != 1:
            yield Finding(PAGE, 0, f"has {seen.count(number)} rows of fault {number}")
    if set(seen) - set(range(1, LAST + 1)):
        yield Finding(PAGE, 0, f"has rows of faults that are not: {sorted(set(seen) - set(range(1, LAST + 1)))}")
