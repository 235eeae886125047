"""The page of a long run of histories: what it takes of what both runners leave, and when there is one."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "histories"))

import long_page  # noqa: E402

LEFT = {"kills": 66, "seed": 7, "said": "holds; 44010 operations of 10 sessions (42007 ok, 886 fail, 1117 unknown)"}
RUNNER = "import json, os, pathlib, sys; pathlib.Path(os.environ['QUIPU_HISTORIES_RESULT']).write_text(sys.argv[1])"


class Page(unittest.TestCase):
    def test_it_has_a_row_for_each_form(self):
        page = long_page.page(10, "abc, 2 cores", [{"form": form, **LEFT} for form in ("embedded", "distributed")])
        self.assertIn("make histories MINUTES=10", page)
        self.assertEqual([line for line in page.splitlines() if line.startswith(("| embedded", "| distributed"))],
                         [f"| {form} | passed | 10 | 66 | 7 | abc, 2 cores | {LEFT['said']} |" for form in ("embedded", "distributed")])

    def test_a_look_writes_none(self):
        self.assertEqual([long_page.is_long(minutes) for minutes in (2, 9, 10, 60)], [False, False, True, True])

    def test_a_form_that_fails_or_leaves_nothing_has_no_result(self):
        with tempfile.TemporaryDirectory() as directory:
            result = pathlib.Path(directory) / "result.json"
            self.assertIsNone(long_page.record([sys.executable, "-c", ""], result, 10))
            self.assertEqual(long_page.record([sys.executable, "-c", RUNNER, json.dumps(LEFT)], result, 10), LEFT)
            self.assertIsNone(long_page.record([sys.executable, "-c", "raise SystemExit(1)"], result, 10))


if __name__ == "__main__":
    unittest.main()
