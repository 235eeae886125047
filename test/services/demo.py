"""The demonstration of the distributed form, as the documentation has one run it: with servers of its own."""

import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Demonstration(unittest.TestCase):
    def test_it_shows_that_all_agree_and_takes_everything_down(self):
        done = subprocess.run([sys.executable, "-B", str(ROOT / "tools" / "demo_distributed"), "--events", "20000"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])
        for place in ("sent", "in Cassandra", "in Redis", "over HTTP"):
            self.assertRegex(done.stdout, rf"(?m)^{place} +20000$")
        self.assertIn("\nthey agree\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
