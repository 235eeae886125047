"""The arithmetic of tools/test: a runner is believed only when what it says and how it ended agree."""

import pathlib
import tempfile
import unittest

from quality.summary import Tally, read_junit, read_summary


class Summaries(unittest.TestCase):
    def test_the_last_summary_line_counts(self):
        self.assertEqual(read_summary(["1 passed, 0 failed", "noise", "5 passed, 2 failed", "end"]), (5, 2))

    def test_a_sentence_that_holds_a_summary_is_none(self):
        self.assertIsNone(read_summary(["all: 5 passed, 0 failed", "5 passed, 0 failed, 1 skipped"]))

    def test_a_silent_runner_failed(self):
        self.assertEqual(Tally.of_runner("x", 0, ["fine"]).plain(), "0 passed, 1 failed")

    def test_a_runner_of_nothing_failed(self):
        self.assertEqual(Tally.of_runner("x", 0, ["0 passed, 0 failed"]).plain(), "0 passed, 1 failed")

    def test_a_runner_that_crashed_after_its_summary_failed(self):
        self.assertEqual(Tally.of_runner("x", -11, ["3 passed, 0 failed"]).plain(), "3 passed, 1 failed")

    def test_a_runner_that_hides_its_failures_failed(self):
        tally = Tally.of_runner("x", 0, ["3 passed, 2 failed"])
        self.assertEqual(tally.plain(), "3 passed, 2 failed")
        self.assertTrue(tally.notes)

    def test_a_sound_runner_is_believed(self):
        tally = Tally.of_runner("x", 1, ["3 passed, 2 failed"]) + Tally.of_runner("y", 0, ["4 passed, 0 failed"])
        self.assertEqual(tally.plain(), "7 passed, 2 failed")
        self.assertEqual(tally.notes, [])


class Junit(unittest.TestCase):
    def read(self, cases, code):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "junit.xml"
            path.write_text(f"<testsuite>{cases}</testsuite>")
            return read_junit(path, code)

    def test_each_state_is_told_apart(self):
        tally = self.read('<testcase name="a" status="run"/><testcase name="b" status="fail"><failure/></testcase>'
                          '<testcase name="c" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>'
                          '<testcase name="d" status="disabled"/>'
                          '<testcase name="e" status="notrun"><skipped message="Unable to find executable"/></testcase>', 8)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (1, 2, 2))

    def test_no_tests_are_a_failure(self):
        self.assertEqual(self.read("", 0).plain(), "0 passed, 1 failed")

    def test_no_results_are_a_failure(self):
        self.assertEqual(read_junit("/nowhere/junit.xml", 0).plain(), "0 passed, 1 failed")

    def test_a_failure_that_no_test_shows_is_one(self):
        self.assertEqual(self.read('<testcase name="a" status="run"/>', 8).plain(), "1 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
