"""The pages of the simulator: what that of a hunt takes of what quipu-sim printed, and what that of planted bugs refuses."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sim"))

from hunt_page import hunt_page  # noqa: E402

RUNNER = pathlib.Path(__file__).resolve().parents[1] / "sim" / "run.py"

PRINTED = """  fewest in a seed: 503 events, 41 faults
  kill                     1234
  log's end back, unseen   56
20000 seeds, 12.5 simulated hours, 12000000 events, 900000 faults injected
"""


class Page(unittest.TestCase):
    def test_it_has_the_sum_the_fewest_and_every_count(self):
        page = hunt_page("1..20000", PRINTED.splitlines(), "abc, 2 cores")
        self.assertIn("make sim SEEDS=1..20000", page)
        self.assertIn("**20000 seeds, 12.5 simulated hours, 12000000 events, 900000 faults injected**", page)
        self.assertIn("at least 503 events and 41 faults", page)
        self.assertEqual([line for line in page.splitlines() if line.startswith("| ")],
                         ["| fault | times |", "| kill | 1,234 |", "| log's end back, unseen | 56 |"])


class PlantedPage(unittest.TestCase):
    def test_rows_of_some_bugs_are_not_written_beside_those_of_another_commit(self):
        with tempfile.TemporaryDirectory() as directory:
            written = pathlib.Path(directory) / "planted.md"
            done = subprocess.run([sys.executable, RUNNER, "--bug", "epoch-ignored", "--write", written], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--write is for all bugs", done.stderr)
            self.assertFalse(written.exists())


if __name__ == "__main__":
    unittest.main()
