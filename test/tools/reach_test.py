"""What tools/lint remembers as clean depends on every file that a source reaches."""

import unittest

from quality.reach import Reach
from quality.sources import Tree


class Reaching(unittest.TestCase):
    def test_a_source_reaches_the_headers_of_its_headers(self):
        tree = Tree.of_texts({
            "src/a/one.cc": '#include "a/one.h"\n#include <vector>\n',
            "src/a/one.h": '#include "b/two.h"\n',
            "src/b/two.h": '#include "a/one.h"\n',
            "src/b/other.h": "\n",
        })
        self.assertEqual(Reach(tree).of("src/a/one.cc"), ["src/a/one.cc", "src/a/one.h", "src/b/two.h"])

    def test_tests_reach_headers_of_tests(self):
        tree = Tree.of_texts({"test/a/x_test.cc": '#include "a/fake.h"\n', "test/a/fake.h": "\n"})
        self.assertEqual(Reach(tree).of("test/a/x_test.cc"), ["test/a/fake.h", "test/a/x_test.cc"])


if __name__ == "__main__":
    unittest.main()
