"""What the fuzzers' runner takes for a pass."""

import importlib.util
import unittest

from quality.sources import ROOT

SPEC = importlib.util.spec_from_file_location("fuzz_run", ROOT / "test" / "fuzz" / "run.py")
fuzz_run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fuzz_run)

SOUND = "#2 INITED cov: 5 ft: 6\n#90\tDONE cov: 7 ft: 12 corp: 3\nstat::number_of_executed_units: 1234\n"


class JudgeTest(unittest.TestCase):
    def test_a_run_without_a_failure_passes_and_says_what_it_reached(self):
        self.assertEqual(fuzz_run.judge("frame", 0, SOUND), (True, "1,234 inputs, 12 features"))

    def test_a_failure_names_the_command_that_shows_it_again(self):
        good, said = fuzz_run.judge("frame", 77, "does not hold: x\nTest unit written to build/fuzz-found/frame-crash-1\n")
        self.assertFalse(good)
        self.assertIn("build/fuzz/fuzz_frame build/fuzz-found/frame-crash-1", said)

    def test_a_run_of_nothing_fails(self):
        self.assertFalse(fuzz_run.judge("frame", 0, "")[0])
        self.assertFalse(fuzz_run.judge("frame", 0, SOUND.replace("1234", "0"))[0])

    def test_the_canary_must_be_found(self):
        self.assertTrue(fuzz_run.judge("canary", 77, "does not hold: the canary")[0])
        self.assertFalse(fuzz_run.judge("canary", 0, SOUND)[0])
        self.assertFalse(fuzz_run.judge("canary", 1, "no such program")[0])

    def test_each_source_is_a_fuzzer_and_is_built(self):
        built = (ROOT / "test" / "fuzz" / "CMakeLists.txt").read_text()
        self.assertGreater(len(fuzz_run.fuzzers()), 10)
        for name in fuzz_run.fuzzers():
            self.assertIn(f"quipu_fuzzer({name} ", built)


if __name__ == "__main__":
    unittest.main()
