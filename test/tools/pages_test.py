"""Tables of the documentation that repeat what is elsewhere: each is held against its source."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"`([^`]+)`")
UNIT_TEST = re.compile(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", re.MULTILINE)
METHODS = ("get", "post", "put", "delete")


def rows(page, heading):
    """The cells of the rows of the table below a heading, without its head."""
    text = (ROOT / page).read_text()
    section = text[text.index(f"\n## {heading}\n"):]
    table = re.search(r"\n((?:\|[^\n]*\n)+)", section)[1].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def known_tests():
    """The names of all unit tests, and of all cases of the runners as they list them."""
    names = {f"{suite}.{name}" for path in (ROOT / "test").rglob("*.cc") for suite, name in UNIT_TEST.findall(path.read_text())}
    for words in (["test/e2e/run.py"], ["test/faults/run.py"], ["test/chaos/run.py", "--all"]):
        listed = subprocess.run([sys.executable, ROOT / words[0], *words[1:], "--list"], stdout=subprocess.PIPE, check=True)
        names |= set(listed.stdout.decode().split())
    return names


class HeldBy(unittest.TestCase):
    """Pages whose last column says which tests hold a row."""

    def rows_without_a_test(self, page, headings, least):
        """The first cells of rows that name no test. Each that is named exists."""
        known = known_tests()
        without = []
        for heading in headings:
            found = rows(page, heading)
            self.assertGreaterEqual(len(found), least)
            for cells in found:
                named = NAME.findall(cells[-1])
                self.assertEqual([name for name in named if name not in known], [], cells[0])
                without += [] if named else [cells[0]]
        return without

    def test_every_fault_and_setting_names_tests_that_exist(self):
        self.assertEqual(self.rows_without_a_test("docs/durability.md", ("Against which fault", "Which setting changes it"), 5),
                         ["the disk or the machine is gone"])

    def test_every_guarantee_names_tests_that_exist(self):
        self.assertEqual(self.rows_without_a_test("docs/guarantees.md", ("Counting", "Answering", "Reading", "Noticing"), 3), [])


class BesideTheDialogues(unittest.TestCase):
    """Pages beside the dialogues whose rows name exchanges too: the tests of Valkey that apply, and what may come."""

    def check(self, page, headings_least):
        known = known_tests()
        headings = re.findall(r"^## (.*)$", (ROOT / page).read_text(), re.MULTILINE)
        self.assertGreaterEqual(len(headings), headings_least)
        for heading in headings:
            for cells in rows(page, heading):
                named = NAME.findall(cells[-1])
                self.assertTrue(named, cells[0])
                self.assertEqual([name for name in named if name not in known and not self.is_there(name)], [], cells[0])

    def test_each_test_of_valkey_names_exchanges_and_tests_that_exist(self):
        self.check("test/dialogue/valkey.md", 5)

    def test_whatever_may_come_names_exchanges_and_tests_that_exist(self):
        self.check("test/dialogue/inputs.md", 10)

    def test_a_name_of_nothing_is_found(self):
        for name in ("errors.http: HTTP/1.0", "numbers.resp: signs", "http/parser_test.cc: two spaces", "url_fuzz.cc"):
            self.assertTrue(self.is_there(name), name)
        for name in ("errors.http: HTTP/3", "none.http: HTTP/1.0", "numbers.resp", "http/parser_test.cc: two", "http/parser_test.cc: ",
                     "none_fuzz.cc", "fuzz.h", "http/parser_test.cc"):
            self.assertFalse(self.is_there(name), name)

    def is_there(self, name):
        """`file.resp: words` where a comment of that dialogue begins with these words, `dir/file.cc: name` where that case stands in
        a table of that test, `name_fuzz.cc` where there is that fuzzer."""
        file, _, words = name.partition(": ")
        if not words:
            return file.endswith("_fuzz.cc") and (ROOT / "test" / "fuzz" / file).is_file()
        path = ROOT / "test" / file if file.endswith(".cc") else ROOT / "test" / "dialogue" / file
        if path.suffix not in (".cc", ".http", ".resp") or not path.is_file():
            return False
        return f'{{"{words}", ' in path.read_text() if path.suffix == ".cc" else f"\n# {words}" in "\n" + path.read_text()


class Requests(unittest.TestCase):
    def test_the_table_of_http_is_that_of_the_description(self):
        paths = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
        described = []
        for path, operations in paths.items():
            for method in [method for method in METHODS if method in operations]:
                operation = operations[method]
                rights = [right for way in operation.get("security", []) for named in way.values() for right in named]
                described.append([f"`{method.upper()} {path}`", operation["summary"], ", ".join(rights) or "none"])
            self.assertEqual("head" in operations, "get" in operations, path)
            self.assertLessEqual(set(operations), {*METHODS, "head", "parameters"}, path)
        self.assertEqual(rows("docs/protocol/http.md", "Every request"), described)


class Deviations(unittest.TestCase):
    """docs/simulator.md beside the list of src/base/planted.cc."""
    PLANTED = set(re.findall(r'^    \{"([a-z0-9-]+)",', (ROOT / "src" / "base" / "planted.cc").read_text(), re.MULTILINE))

    def test_each_of_the_models_names_planted_bugs_that_exist(self):
        page = (ROOT / "docs" / "simulator.md").read_text()
        table = page.split("| deviation of the model | planted bug |", 1)[1].split("\n\n")[0]
        rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
        self.assertGreaterEqual(len(rows), 20)
        for deviation, cell in rows:
            named = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+", cell))
            self.assertTrue(named, f"{deviation.strip()} names no planted bug")
            self.assertLessEqual(named, self.PLANTED, deviation.strip())


class Targets(unittest.TestCase):
    def test_contributing_lists_every_target_and_no_other(self):
        targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
        text = (ROOT / "CONTRIBUTING.md").read_text()
        listed = {name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`make ([a-z-]+)`", line)}
        self.assertEqual(listed, targets)


if __name__ == "__main__":
    unittest.main()
