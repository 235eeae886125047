"""The report of coverage: what counts as uncovered, and reasons that are missing, stale or too wide."""

import json
import pathlib
import re
import tempfile
import unittest

from quality import coverage
from quality.sources import Tree

SOURCE = """int Log::open(int n) {
  if (n < 0) {
    return refuse("no such");
  }
  return n;
}

int Log::close() {
  // Nothing to do.
  return 0;
}
"""


def line(number, count, branches=(), **more):
    return {"line_number": number, "count": count, "branches": [{"count": taken} for taken in branches], **more}


def file(*lines, path="src/log/log.cc"):
    return {"file": path, "lines": list(lines),
            "functions": [{"name": "quipu::Log::open(int)", "lineno": 1}, {"name": "quipu::Log::close()", "lineno": 8},
                          {"name": "quipu::Log::open(int)::{lambda(int)#1}::operator()(int) const", "lineno": 3}]}


OPENED = file(line(1, 5), line(2, 5, (0, 5)), line(3, 0), line(5, 5), line(6, 5), line(8, 0), line(10, 0), line(11, 0))


class Names(unittest.TestCase):
    def test_a_name_without_what_all_names_have(self):
        for demangled, short in {
                "quipu::SegmentLog::open(std::string const&, int)": "SegmentLog::open",
                "quipu::(anonymous namespace)::find(int)": "find",
                "quipu::Result<void> quipu::read<std::map<int, int>>(int (*)(int))": "read",
                "std::ostream& quipu::operator<<(std::ostream&, quipu::Offset)": "operator<<",
                "quipu::(anonymous namespace)::Less::operator()(int) const": "Less::operator()",
                "quipu::Table::Table()": "Table::Table",
                "quipu::name_of[abi:cxx11](int)": "name_of",
        }.items():
            self.assertEqual(coverage.short_name(demangled), short)


class Counts(unittest.TestCase):
    def test_lines_and_branches_add_up_by_folder(self):
        other = file(line(1, 1, (1, 0)), path="src/store/a.cc")
        counts = coverage.by_folder({"files": [OPENED, other, file(line(2, 0), path="src/log/b.cc")]})
        self.assertEqual(counts, {"log": coverage.Count(9, 4, 2, 1), "store": coverage.Count(1, 1, 2, 1)})

    def test_what_gcovr_leaves_out_counts_nowhere(self):
        left_out = file(line(3, 0, **{"gcovr/noncode": True}))
        self.assertEqual(coverage.count_of(left_out), coverage.Count())
        self.assertEqual(coverage.stretches_of(left_out, SOURCE), [])

    def test_hundred_percent_means_all(self):
        self.assertEqual(coverage.share(9_999, 10_000), "99.9 %")
        self.assertEqual(coverage.share(3, 3), "100.0 %")
        self.assertEqual(coverage.share(0, 0), "")


class Stretches(unittest.TestCase):
    def test_a_stretch_ends_where_a_line_ran_and_where_its_function_ends(self):
        found = coverage.stretches_of(OPENED, SOURCE)
        self.assertEqual([(each.function, each.lines) for each in found], [("Log::open", (3,)), ("Log::close", (8, 10, 11))])
        self.assertEqual(found[0].texts, ('return refuse("no such");',))

    def test_two_functions_that_never_ran_are_two_stretches(self):
        found = coverage.stretches_of(file(line(5, 0), line(6, 0), line(8, 0), line(10, 0)), SOURCE)
        self.assertEqual([each.lines for each in found], [(5, 6), (8, 10)])


class Reasons(unittest.TestCase):
    def setUp(self):
        self.stretches = coverage.stretches_of(OPENED, SOURCE)

    def judge(self, **reasons):
        return coverage.judge(self.stretches, {"src/log/log.cc": reasons})

    def test_each_stretch_takes_the_reason_of_its_text_or_function(self):
        for closed in ("close()", "Log::close()", "close(): return 0"):
            given, wrong = self.judge(**{"no such": "a", closed: "b"})
            self.assertEqual(wrong, [])
            self.assertEqual([given[each] for each in self.stretches], ["a", "b"])

    def test_an_uncovered_line_without_a_reason_is_wrong(self):
        _, wrong = self.judge(**{"no such": "a"})
        self.assertEqual(len(wrong), 1)
        self.assertIn("src/log/log.cc:8: ", wrong[0])

    def test_a_reason_of_a_covered_line_is_wrong(self):
        for stale in ("return n", "read()", "open(): return n"):
            _, wrong = self.judge(**{"no such": "a", "close()": "b", stale: "c"})
            self.assertEqual(len(wrong), 1)
            self.assertIn("matches nothing", wrong[0])

    def test_a_reason_of_another_file_is_wrong(self):
        _, wrong = coverage.judge([], {"src/log/gone.cc": {"open()": "a"}})
        self.assertEqual(len(wrong), 1)

    def test_a_text_of_two_functions_is_too_wide(self):
        _, wrong = self.judge(**{"return": "a"})
        self.assertEqual(len(wrong), 1)
        self.assertIn("several functions", wrong[0])

    def test_two_reasons_for_one_line_are_wrong(self):
        _, wrong = self.judge(**{"no such": "a", "open()": "b", "close()": "c"})
        self.assertEqual(len(wrong), 1)
        self.assertIn("second reason to line 3", wrong[0])


class Marks(unittest.TestCase):
    def test_marks_are_found_where_they_stand(self):
        tree = Tree.of_texts({"src/log/a.cc": 'QUIPU_MARK("torn"); QUIPU_MARK(\n  "worker: gone");', "src/log/b.h": 'QUIPU_MARK("torn")',
                              "src/base/planted.h": "#define QUIPU_MARK(name) x\n", "sim/c.cc": 'QUIPU_MARK("no")'})
        self.assertEqual(coverage.marks_in(tree), {"torn": ["log/a.cc", "log/b.h"], "worker: gone": ["log/a.cc"]})

    def test_the_simulator_counts_exactly_the_marks_that_the_sources_carry(self):
        tree = Tree.of_repository()
        known = re.search(r"kMarks = [^{]*\{(.*?)\}\);", tree.text("src/base/planted.cc"), re.DOTALL)[1]
        self.assertEqual(set(re.findall(r'"([^"]+)"', known)), set(coverage.marks_in(tree)))

    def test_counts_of_the_simulator_are_read(self):
        output = "  disk is full             7\n  mark torn                         12\n  mark worker: gone      3\n3 seeds\n"
        self.assertEqual(coverage.passed_marks(output), {"torn": 12, "worker: gone": 3})

    def test_a_mark_without_a_test_is_named(self):
        tests = coverage.tests_of_marks("torn\tLog.All\ntorn\tLog.Torn\ncut\tLog.All\n")
        marks = coverage.Marks({"torn": ["log/a.cc"], "cut": ["log/a.cc"], "gone": ["log/b.cc"]}, {"torn": 3, "gone": 1}, tests)
        self.assertEqual(marks.without_test(), ["no test passes the mark `gone` of log/b.cc"])
        self.assertEqual(marks.wrong(), [*marks.without_test(), "the simulator never passed the mark `cut`"])
        self.assertEqual(marks.test_of("torn"), "Log.Torn", "it passes the fewest others")
        self.assertEqual(marks.test_of("cut"), "Log.All")

    def test_a_file_is_tested_by_its_folder_and_by_what_stands_beside_it(self):
        marks = {"torn": ["log/a.cc"], "store: older": ["store/cassandra_bases.cc"]}
        beside = {"store/cassandra_": "test_cassandra", "kafka/kafka_": "test_kafka_broker", "store/rocksdb_": "test_contract"}
        self.assertEqual(coverage.programs_of_marks(marks, beside), ["test_cassandra", "test_log", "test_store"])

    def test_each_form_tells_of_the_marks_in_its_own_code(self):
        output = "  mark torn     12\n  mark worker: gone      3\n3 seeds\n"
        self.assertEqual(coverage.marks_of_form(output, "embedded"), "  mark torn     12\n")
        self.assertEqual(coverage.marks_of_form(output, "distributed"), "  mark worker: gone      3\n")


class Parts(unittest.TestCase):
    """What is kept of parts that were run one by one, and for how long."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.path = pathlib.Path(place.name) / "parts.json"

    def test_they_add_up_while_the_sources_stay(self):
        coverage.Parts(self.path, "one").note("a", 7)
        parts = coverage.Parts(self.path, "one")
        self.assertEqual(parts.missing(["a", "b"]), ["b"])
        parts.note("b", 8)
        again = coverage.Parts(self.path, "one")
        self.assertEqual((again.missing(["a", "b"]), again.done), ([], {"a": 7, "b": 8}))

    def test_those_of_other_sources_are_forgotten(self):
        coverage.Parts(self.path, "one").note("a", 7)
        parts = coverage.Parts(self.path, "other")
        self.assertEqual(parts.missing(["a", "b"]), ["a", "b"])
        parts.note("b", 7)
        self.assertEqual(coverage.Parts(self.path, "one").missing(["a", "b"]), ["a", "b"])

    def test_all_may_begin_anew(self):
        coverage.Parts(self.path, "one").note("a", 7)
        self.assertEqual(coverage.Parts(self.path, "one", anew=True).missing(["a"]), ["a"])


class Page(unittest.TestCase):
    def test_the_page_names_every_uncovered_line_of_the_core(self):
        others = [file(line(1, 1), path=f"src/{folder}/a.cc") for folder in (*coverage.CORE, "net") if folder != "log"]
        report = json.loads(json.dumps({"files": [OPENED, *others]}))
        stretches = coverage.stretches_of(OPENED, SOURCE)
        given, _ = coverage.judge(stretches, {"src/log/log.cc": {"no such": "nobody asks", "close()": "never"}})
        marks = coverage.Marks({"torn": ["log/a.cc"]}, {"torn": 5}, {"torn": {"Log.CutsATornTail"}})
        page = coverage.page(coverage.by_folder(report), stretches, given, marks, ["Head."])
        self.assertTrue(page.startswith("# Coverage\n\nHead.\n"))
        for row in ("| [`log`](#log) | 8 | 4 | 50.0 % | 2 | 1 | 50.0 % |", "| [`store`](#store) | 1 | 1 | 100.0 % | 0 | 0 |  |",
                    "| all | 13 | 9 | 69.2 % | 2 | 1 | 50.0 % |",
                    "| `log.cc` | `Log::open` | 3 | nobody asks |", "| `log.cc` | `Log::close` | 8, 10-11 | never |",
                    "### event\n\nNone.\n", "| `net` | 1 | 1 | 100.0 % | 0 | 0 |  |",
                    "| torn | `log/a.cc` | `Log.CutsATornTail` | embedded | 5 |"):
            self.assertIn(row, page)


if __name__ == "__main__":
    unittest.main()
