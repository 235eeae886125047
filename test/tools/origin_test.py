"""Where a result comes from: a commit is named alone only where it is what was measured."""

import importlib.util
import pathlib
import subprocess
import tempfile
import unittest

# By its path: the tests of bench have a `harness` of their own in this process.
SPEC = importlib.util.spec_from_file_location("origin", pathlib.Path(__file__).resolve().parents[1] / "e2e" / "harness" / "origin.py")
ORIGIN = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ORIGIN)
commit, git = ORIGIN.commit, ORIGIN.git


class Origin(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        for name in ("src/one.cc", "docs/results/page.md"):
            self.write(name, "as it was")
        git("add", "-A", root=self.root)
        git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first", root=self.root)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_a_commit_that_is_what_was_measured_is_named_alone(self):
        self.assertRegex(commit(self.root), "^[0-9a-f]{12}$")

    def test_pages_of_results_change_nothing_that_is_measured(self):
        self.write("docs/results/page.md", "another result")
        self.assertRegex(commit(self.root), "^[0-9a-f]{12}$")

    def test_sources_that_are_changed_or_new_are_told(self):
        self.write("src/one.cc", "changed")
        self.assertRegex(commit(self.root), r"^[0-9a-f]{12}\+changed$")
        self.write("src/one.cc", "as it was")
        self.write("test/two_test.cc", "new")
        self.assertRegex(commit(self.root), r"^[0-9a-f]{12}\+changed$")


if __name__ == "__main__":
    unittest.main()
