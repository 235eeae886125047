"""The page of the faults: what its rule refuses, and how its last column comes about."""

import unittest

from quality import faults
from quality.sources import Tree

RESULTS = """# Results

| test | result | seed | seconds | back in | run | what it showed |
|---|---|---:|---:|---:|---|---|
| `kill` | passed | 7 | 10 | 0.25 | 0123456789ab, 2 cores, Linux 6.1, 2026-11-29 | 60 kills |
| `cut` | **failed** | 8 | 11 |  | 0123456789ab, 2 cores, Linux 6.1, 2026-11-29 | no word |
"""
CHAOS = """# Chaos

| scenario | result | seed | seconds | run | what it showed |
|---|---|---:|---:|---|---|
| `broker` | passed | 9 | 70 | ba9876543210+changed, 4 cores, Linux 6.1, 2026-11-28 | 5 events; calm 2.5 s after the last event |
| `adopted` | passed | 9 | 70 | ba9876543210, 4 cores, Linux 6.1, 2026-11-28 | 5 events; calm 2.5 s after the last event; back in 10.5 s |
"""
KILL = "`kill` passed, back in 0.25 s (0123456, 2 cores, 2026-11-29)"


def row(number, held_by="`kill`", last=KILL):
    return f"| {number} | fault | how | proof | I1 | {held_by} | {last} |\n"


def tree(page):
    return Tree.of_texts({"docs/faults.md": page, "docs/results/faults.md": RESULTS, "docs/results/chaos.md": CHAOS,
                          "test/e2e/cases/kill.py": 'TESTS = [("kill", print), ("cut", print)]\n',
                          "test/chaos/scenarios/kafka.py": 'TESTS = ()\nMORE = (("broker", print),)\n',
                          "test/log/log_test.cc": "TEST_F(Log, IsOne) {}\n"})


def whole(**changes):
    """A page with all rows, some of them others."""
    return "# Faults\n\n" + "".join(changes.get(f"row{number}", row(number)) for number in range(1, faults.LAST + 1))


class Faults(unittest.TestCase):
    def said(self, page):
        return [str(finding) for finding in faults.check(tree(page))]

    def test_a_sound_page_passes(self):
        self.assertEqual(self.said(whole()), [])
        self.assertEqual(self.said(whole(row3=row(3, "not tested: no machine has it", "none"))), [])
        self.assertEqual(self.said(whole(row3=row(3, "`Log.IsOne`", "none"))), [])

    def test_a_test_that_is_not_there_is_refused(self):
        self.assertIn("not there: fill", self.said(whole(row3=row(3, "`fill`", "none")))[0])

    def test_a_row_without_a_test_says_why(self):
        self.assertIn("names no test", self.said(whole(row3=row(3, "later", "none")))[0])

    def test_each_number_has_one_row(self):
        self.assertIn("0 rows of fault 3", self.said(whole(row3=""))[0])
        self.assertIn("2 rows of fault 3", self.said(whole(row3=row(3) + row(3)))[0])
        self.assertIn("faults that are not: [56]", self.said(whole(row3=row(3) + row(56)))[0])

    def test_a_hand_in_the_last_column_is_refused(self):
        self.assertIn("--table", self.said(whole(row3=row(3, last="`kill` passed, back in 0.01 s")))[0])

    def test_a_row_with_a_cell_too_many_is_refused(self):
        self.assertIn("8 cells", self.said(whole(row3=row(3) + "| 4 | a | b | c | d | e | f | g |\n", row4=""))[0])

    def test_the_last_column_says_what_each_test_came_to(self):
        page = faults.with_results(whole(row3=row(3, "`cut`, `kill`", "x"), row4=row(4, "`broker`", "x")),
                                   faults.all_results([RESULTS, CHAOS]))
        self.assertEqual(self.said(page), [])
        self.assertIn("| `cut` **failed**, `kill` passed, back in 0.25 s (0123456, 2 cores, 2026-11-29) |", page)
        self.assertIn("| `broker` passed (ba98765+changed, 4 cores, 2026-11-28) |", page, "calm is not counted from the end of the fault")

    def test_a_test_without_a_result_is_told(self):
        page = faults.with_results(whole(row3=row(3, "`kill`, `calm`, `Log.IsOne`", "x")), faults.all_results([RESULTS]))
        self.assertIn(f"| {KILL}; `calm` (not run yet) |", page)

    def test_the_longest_time_until_it_was_as_before_is_told(self):
        self.assertEqual(faults.results_of(CHAOS)["adopted"], ("passed", "10.5", "ba98765, 4 cores, 2026-11-28"))


if __name__ == "__main__":
    unittest.main()
