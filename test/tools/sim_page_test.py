"""The page of a hunt of the simulator: what it takes of what quipu-sim printed."""

import importlib.util
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRINTED = """  fewest in a seed: 503 events, 41 faults
  kill                     1234
  log's end back, unseen   56
20000 seeds, 12.5 simulated hours, 12000000 events, 900000 faults injected
"""


def runner():
    """test/sim/run.py as a module."""
    spec = importlib.util.spec_from_file_location("sim_run", ROOT / "test" / "sim" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(unittest.TestCase):
    def test_it_has_the_sum_the_fewest_and_every_count(self):
        page = runner().hunt_page("1..20000", PRINTED.splitlines())
        self.assertIn("make sim SEEDS=1..20000", page)
        self.assertIn("**20000 seeds, 12.5 simulated hours, 12000000 events, 900000 faults injected**", page)
        self.assertIn("at least 503 events and 41 faults", page)
        self.assertEqual([line for line in page.splitlines() if line.startswith("| ")],
                         ["| fault | times |", "| kill | 1,234 |", "| log's end back, unseen | 56 |"])


if __name__ == "__main__":
    unittest.main()
