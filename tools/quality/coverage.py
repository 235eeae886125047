"""Coverage: what gcovr counted, by folder; lines that nothing ran, each with its reason; and the page that tells both.

A reason stands in test/coverage/reasons.toml under its file. Its key is a text of one of the lines, `function()` for all that is
uncovered in that function, or `function(): text`. It holds for the whole stretch of uncovered lines that its text is in.
"""

import dataclasses
import json
import re

#: Their uncovered lines are named.
CORE = ("event", "log", "aggregate", "store", "ingest", "query")
OPERATOR = re.compile(r"operator(?:\(\)|[-+<>=!*&|]+)")
MARK = re.compile(r"QUIPU_MARK\(\s*\"([^\"]+)\"\s*\)")
PASSED = re.compile(r"^  mark (.+?) +(\d+)$", re.MULTILINE)


@dataclasses.dataclass
class Count:
    """How many lines and branches there are, and how many of them ran."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other):
        return Count(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Lines of one function that follow each other, with no line between them that ran, and that nothing ran."""

    path: str
    function: str
    lines: tuple  # Their numbers.
    texts: tuple  # What stands there.

    def matches(self, function, text):
        return (function is None or self.function.split("::")[-1] == function or self.function == function) and (
            text is None or any(text in line for line in self.texts))


def short_name(demangled):
    """`quipu::(anonymous namespace)::Log::open(int)` is `Log::open`."""
    name = re.sub(r"\[abi:\w+\]", "", demangled.replace("(anonymous namespace)::", "").replace("quipu::", ""))
    operators = OPERATOR.findall(name)
    name = OPERATOR.sub("operator", name)
    depth, start = 0, 0
    for at, letter in enumerate(name):
        if letter == "(" and depth == 0:
            name = name[:at]
            break
        depth += (letter == "<") - (letter == ">")
        if letter == " " and depth == 0:
            start = at + 1
    return re.sub(r"<.*>", "", name[start:]).replace("operator", operators[0] if operators else "operator", 1)


def counted(line):
    return not line.get("gcovr/noncode", False)


def count_of(file):
    """The Count of one file of gcovr's report."""
    count = Count()
    for line in filter(counted, file["lines"]):
        count += Count(1, line["count"] > 0, len(line["branches"]), sum(branch["count"] > 0 for branch in line["branches"]))
    return count


def stretches_of(file, source):
    """The Stretches of one file of gcovr's report; `source` is its text."""
    starts = sorted((function["lineno"], short_name(function["name"])) for function in file["functions"]
                    if "{lambda" not in function["name"])
    texts = source.splitlines()
    found, open_lines, open_function = [], [], ""

    def close():
        if open_lines:
            found.append(Stretch(file["file"], open_function, tuple(open_lines),
                                 tuple(texts[number - 1].strip() for number in open_lines)))
            open_lines.clear()

    for line in sorted(filter(counted, file["lines"]), key=lambda line: line["line_number"]):
        number = line["line_number"]
        function = next((name for start, name in reversed(starts) if start <= number), "")
        if line["count"] > 0 or function != open_function:
            close()
        open_function = function
        if line["count"] == 0:
            open_lines.append(number)
    close()
    return found


def folder_of(path):
    return path.split("/")[1]


def by_folder(report):
    """{folder: Count} of gcovr's report."""
    counts = {}
    for file in report["files"]:
        folder = folder_of(file["file"])
        counts[folder] = counts.get(folder, Count()) + count_of(file)
    return counts


def parse_key(key):
    """(function or None, text or None)."""
    match = re.match(r"^([\w:~=<>]+)\(\)(?:: (.+))?$", key)
    return (match[1], match[2]) if match else (None, key)


def judge(stretches, reasons):
    """({stretch: reason}, what is wrong): a stretch without a reason, and a reason of nothing, of several, or of the same lines."""
    given, wrong = {}, []
    for path, entries in reasons.items():
        for key, reason in entries.items():
            function, text = parse_key(key)
            matched = [stretch for stretch in stretches if stretch.path == path and stretch.matches(function, text)]
            if not matched:
                wrong.append(f"{path}: the reason of `{key}` matches nothing that is uncovered: delete it")
            elif len({stretch.function for stretch in matched}) > 1:
                functions = ", ".join(sorted({stretch.function for stretch in matched}))
                wrong.append(f"{path}: the reason of `{key}` matches several functions: say `function(): text` ({functions})")
            for stretch in matched:
                if stretch in given:
                    wrong.append(f"{path}: `{key}` gives a second reason to line {stretch.lines[0]}")
                given[stretch] = reason
    for stretch in stretches:
        if stretch not in given:
            wrong.append(f"{stretch.path}:{stretch.lines[0]}: nothing runs this and no reason says why, in "
                         f"`{stretch.function}()`: {stretch.texts[0]}")
    return given, wrong


def spans(numbers):
    """`3, 5-8` of the numbers 3, 5, 6, 7 and 8."""
    out = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in out)


def share(part, whole):
    """A percentage that is 100 only where all is covered."""
    return "" if whole == 0 else f"{int(1000 * part / whole) / 10:.1f} %"


def count_row(name, count):
    return (f"| {name} | {count.lines} | {count.lines_run} | {share(count.lines_run, count.lines)} | {count.branches} | "
            f"{count.branches_run} | {share(count.branches_run, count.branches)} |")


def uncovered_rows(stretches, given):
    """One row a function and reason."""
    rows = {}
    for stretch in stretches:
        file = stretch.path.split("/", 2)[2]
        rows.setdefault((file, stretch.function, given[stretch]), []).extend(stretch.lines)
    return [f"| `{file}` | {f'`{function}`' if function else 'a default value'} | {spans(numbers)} | {reason} |"
            for (file, function, reason), numbers in rows.items()]


def marks_in(tree):
    """{mark: the files that have it} of the product's sources."""
    found = {}
    for path in tree.paths("src/", ".cc") + tree.paths("src/", ".h"):
        for mark in MARK.findall(tree.text(path)):
            found.setdefault(mark, []).append(path.removeprefix("src/"))
    return found


def passed_marks(output):
    """{mark: how often it was passed} of the simulator's --counts."""
    return {name: int(times) for name, times in PASSED.findall(output)}


def marks_of_form(output, form):
    """The lines of the marks that stand in a form's code: those of the distributed one begin with a part and a colon."""
    return "".join(line + "\n" for line in output.splitlines()
                   if line.startswith("  mark ") and (": " in line) == (form == "distributed"))


def tests_of_marks(text):
    """{mark: its tests}, of the lines `mark<tab>Suite.Test` that test programs of the planted build leave."""
    found = {}
    for line in text.splitlines():
        mark, test = line.split("\t")
        found.setdefault(mark, set()).add(test)
    return found


def programs_of_marks(marks, beside):
    """The test programs of the folders that have marks, and those that `beside` names for files that begin so."""
    files = {path for paths in marks.values() for path in paths}
    return sorted({f"test_{path.partition('/')[0]}" for path in files} |
                  {program for start, program in beside.items() if any(path.startswith(start) for path in files)})


@dataclasses.dataclass
class Marks:
    """The marks of rare branches: where each stands, how often the simulator passed it, and which tests did."""

    files: dict
    passed: dict
    tests: dict

    def without_test(self):
        return [f"no test passes the mark `{mark}` of {', '.join(sorted(set(files)))}"
                for mark, files in sorted(self.files.items()) if not self.tests.get(mark)]

    def wrong(self):
        return self.without_test() + [f"the simulator never passed the mark `{mark}`" for mark in sorted(self.files)
                                      if not self.passed.get(mark)]

    def test_of(self, mark):
        """The test that passes the fewest marks beside it: the one that is about it."""
        alone = {test: sum(test in tests for tests in self.tests.values()) for test in self.tests[mark]}
        return min(alone, key=lambda test: (alone[test], test))


class Parts:
    """Which parts were run of one state of the sources, with what is to be known of each: kept in a file from run to run."""

    def __init__(self, path, sources, anew=False):
        """`sources`: a digest of them. What the file has of others, or of the same where all is to begin anew, is forgotten."""
        self.path, self.sources, self.done = path, sources, {}
        before = json.loads(path.read_text()) if path.exists() and not anew else {}
        if before.get("sources") == sources:
            self.done = before["parts"]

    def note(self, name, known):
        """A part was run whole."""
        self.done[name] = known
        self.path.write_text(json.dumps({"sources": self.sources, "parts": self.done}))

    def missing(self, names):
        return [name for name in names if name not in self.done]


def page(counts, stretches, given, marks, head):
    """docs/results/coverage.md."""
    core = sum((counts[folder] for folder in CORE), Count())
    title = ["| folder | lines | run | | branches | taken | |", "|---|---:|---:|---:|---:|---:|---:|"]
    lines = ["# Coverage", "", *head, "", *title]
    lines += [count_row(f"[`{folder}`](#{folder})", counts[folder]) for folder in CORE]
    lines.append(count_row("all", core))
    lines += ["", "## Uncovered lines of the core", "",
              "Every one, with its reason; [reasons.toml](../../test/coverage/reasons.toml) keeps them."]
    for folder in CORE:
        of_folder = [stretch for stretch in stretches if folder_of(stretch.path) == folder]
        lines += ["", f"### {folder}", ""]
        if of_folder:
            lines += ["| file | function | lines | why nothing runs them |", "|---|---|---|---|", *uncovered_rows(of_folder, given)]
        else:
            lines.append("None.")
    lines += ["", "## Around the core", "",
              "The same counts of the other folders. Servers, verbs and the shells around the parts are mostly run end to end, which is not",
              "counted.", "", *title]
    lines += [count_row(f"`{folder}`", counts[folder]) for folder in sorted(counts) if folder not in CORE]
    lines += ["", "## Rare branches", "",
              "Each carries a mark. `tools/test --only sim` fails where one was never passed by the simulator's seeds of its form; *passed* is",
              "how often they did. The test is the one that passes it and the fewest others.", "",
              "| mark | where | test | form | passed |", "|---|---|---|---|---:|"]
    lines += [f"| {mark} | {', '.join(f'`{path}`' for path in sorted(set(marks.files[mark])))} | `{marks.test_of(mark)}` | "
              f"{'distributed' if ': ' in mark else 'embedded'} | {marks.passed[mark]} |" for mark in marks.passed]
    return "\n".join(lines) + "\n"
