"""Every rule of tools/check: a sample that it must refuse, and one that it must not."""

import unittest

from quality import docs, hashing, layers, mirrors, purity, text
from quality.sources import Tree

TABLE = """# The sources

| folder | what it is | may include | start reading at |
|---|---|---|---|
| `base/` | Results. | | `result.h` |
| `event/` | Frames. | `base` | `frame.h` |
| `net/` | Sockets. | `base`, `event` | |
| `node/` | All. | everything | |

| | files | except |
|---|---|---|
| pure | `base/*`, `event/*`, `net/*_parser*` | `base/phases.cc` |
"""


def tree(**changes):
    files = {
        "src/README.md": TABLE,
        "src/base/result.h": "#pragma once\n#include <string>\n",
        "src/base/README.md": "# base\n",
        "src/event/frame.h": '#pragma once\n#include "base/result.h"\n',
        "src/event/frame.cc": '#include "event/frame.h"\n',
        "src/event/README.md": "# event\n",
        "src/net/listener.cc": "#include <boost/asio.hpp>\nint main() { ::socket(1, 2, 3); }\n",
        "src/net/README.md": "# net\n",
        "src/node/node.cc": '#include "event/frame.h"\n#include "base/result.h"\n',
        "src/node/README.md": "# node\n",
        "docs/README.md": "# Docs\n\n[frame](frame.md)\n",
        "docs/frame.md": "# Frame\n\n## The header\n",
    }
    files.update({path.replace("__", "/"): content for path, content in changes.items()})
    return Tree.of_texts({path: content for path, content in files.items() if content is not None})


def with_file(path, content):
    return tree(**{path: content})


def said(rule, sample):
    return [str(finding) for finding in rule(sample)]


class Rules(unittest.TestCase):
    def refuses(self, rule, sample, *words):
        findings = said(rule, sample)
        self.assertEqual(len(findings), 1, findings)
        for word in words:
            self.assertIn(word, findings[0])

    def test_a_sound_tree_passes_every_rule(self):
        for rule in (layers.check, layers.check_dead_headers, layers.check_folder_readmes, purity.check, hashing.check,
                     docs.check, text.check):
            self.assertEqual(said(rule, tree()), [])

    def test_an_include_against_the_table_is_refused(self):
        self.refuses(layers.check, with_file("src/event/bad.cc", '#include "net/listener.cc"\n'), "src/event/bad.cc:1", "may not include src/net")

    def test_an_include_in_a_comment_is_none(self):
        self.assertEqual(said(layers.check, with_file("src/event/ok.cc", '// #include "net/listener.cc"\n')), [])

    def test_an_include_of_a_file_that_is_not_there_is_refused(self):
        self.refuses(layers.check, with_file("src/event/bad.cc", '#include "frame.h"\n'), "no file of src/")

    def test_a_folder_without_a_row_is_refused(self):
        self.refuses(layers.check, with_file("src/utils/bad.cc", "\n"), "not in the table")

    def test_a_cycle_in_the_table_is_refused(self):
        table = TABLE.replace("| `base/` | Results. | |", "| `base/` | Results. | `net` |")
        findings = said(layers.check, with_file("src/README.md", table))
        self.assertTrue(any("a cycle" in finding for finding in findings), findings)

    def test_a_row_without_its_folder_is_refused(self):
        table = TABLE.replace("| `node/`", "| `gone/` | Nothing. | | |\n| `node/`")
        self.refuses(layers.check, with_file("src/README.md", table), "gone/")

    def test_a_start_that_is_not_there_is_refused(self):
        self.refuses(layers.check, with_file("src/README.md", TABLE.replace("`result.h`", "`gone.h`")), "gone.h")

    def test_a_heavy_header_in_a_header_is_refused(self):
        sample = with_file("src/event/frame.h", '#pragma once\n#include "base/result.h"\n#include <simdjson.h>\n')
        self.refuses(layers.check, sample, "slow to compile")

    def test_a_header_that_nobody_includes_is_refused(self):
        self.refuses(layers.check_dead_headers, with_file("src/event/dead.h", "#pragma once\n"), "dead.h")

    def test_a_folder_without_a_page_is_refused(self):
        self.refuses(layers.check_folder_readmes, with_file("src/event/README.md", None), "is missing")

    def test_a_folder_with_a_long_page_is_refused(self):
        self.refuses(layers.check_folder_readmes, with_file("src/event/README.md", "# event\n" + "x\n" * 15), "more than 15")

    def test_impure_code_in_a_pure_file_is_refused(self):
        for bad in ("#include <thread>", "#include <mutex>", "#include <fstream>", "#include <boost/asio.hpp>",
                    "#include <sys/socket.h>", "auto t = std::chrono::steady_clock::now();", "auto t = time(nullptr);",
                    "int r = rand();", "std::random_device d;", 'auto e = getenv("HOME");', "std::mutex m;",
                    "int fd = ::open(path, 0);", "thread_local int x;", "std::ofstream out;"):
            with self.subTest(bad):
                self.refuses(purity.check, with_file("src/event/bad.cc", bad + "\n"), "src/event/bad.cc:1", "in a pure file")

    def test_words_that_only_look_impure_pass(self):
        for good in ("// std::mutex is not used here", 'auto s = "rand()";', "int operand(int x);", "log.read(offset);",
                     "connection.close();", "auto runtime(int x) -> int;", "using std::chrono::milliseconds;"):
            with self.subTest(good):
                self.assertEqual(said(purity.check, with_file("src/event/good.cc", good + "\n")), [])

    def test_shells_and_exceptions_may_be_impure(self):
        self.assertEqual(said(purity.check, with_file("src/base/phases.cc", "#include <sys/mman.h>\n")), [])
        self.assertEqual(said(purity.check, with_file("src/node/clock.cc", "auto t = time(nullptr);\n")), [])

    def test_a_pure_file_of_an_impure_folder_is_held_to_it(self):
        self.refuses(purity.check, with_file("src/net/http_parser.cc", "std::mutex m;\n"), "http_parser.cc")

    def test_a_page_without_pure_files_is_refused(self):
        self.refuses(purity.check, with_file("src/README.md", TABLE.replace("| pure |", "| p |")), "names no pure files")

    def test_a_table_of_texts_without_a_seeded_hash_is_refused(self):
        for bad in ("std::unordered_map<std::string, int> known;", "std::unordered_set<std::string> known;",
                    "std::unordered_map<std::string_view, std::vector<int>> known;", "std::unordered_multimap<std::string, int> known;",
                    "boost::unordered_flat_map<std::string, int> known;", "boost::unordered_flat_set<std::string_view> known;",
                    "std::unordered_map<const std::string, int> known;", "std::unordered_map<\n    std::string, int> known;",
                    "using Known = std::unordered_map<std::string, int>;  // SeededHasher would be better.",
                    "std::unordered_map<std::string, int> known; SeededHasher hasher;",
                    "// Not fed by users:\nstd::unordered_set<std::string> known;",
                    "// Not fed by users: constants.\n\nstd::unordered_set<std::string> known;",
                    "auto slot = std::hash<std::string_view>()(name);"):
            with self.subTest(bad):
                self.refuses(hashing.check, with_file("src/node/bad.cc", bad + "\n"), "src/node/bad.cc:", "SeededHasher")

    def test_tables_that_users_can_not_make_collide_pass(self):
        for good in ("std::unordered_map<std::string, std::vector<std::pair<int, int>>, SeededHasher> known;",
                     "boost::unordered_flat_map<std::string_view, int,\n                          SeededHasher> known;",
                     "std::unordered_set<std::string, SeededHasher> known;", "std::unordered_map<std::uint64_t, std::string> known;",
                     "std::map<std::string, int> known;", "// std::unordered_map<std::string, int> known;",
                     "std::unordered_set<std::string> known;  // Not fed by users: settings of Kafka.",
                     "// Not fed by users: settings of Kafka.\nstd::unordered_set<std::string> known;"):
            with self.subTest(good):
                self.assertEqual(said(hashing.check, with_file("src/node/good.cc", good + "\n")), [])

    def test_a_broken_link_is_refused(self):
        self.refuses(docs.check, with_file("docs/frame.md", "# Frame\n\n[gone](gone.md)\n"), "docs/frame.md:3", "gone.md")

    def test_a_link_to_a_missing_heading_is_refused(self):
        self.refuses(docs.check, with_file("docs/README.md", "# Docs\n\n[frame](frame.md#the-footer)\n"), "#the-footer")

    def test_links_that_lead_somewhere_pass(self):
        page = "# Docs\n\n[frame](frame.md#the-header) [src](../src/) [here](#docs) `[no](link.md)` [far](https://example.org)\n"
        self.assertEqual(said(docs.check, with_file("docs/README.md", page)), [])

    def test_an_untitled_page_is_refused(self):
        self.refuses(docs.check, with_file("docs/frame.md", "Frame\n"), "no title")

    def test_a_page_that_cannot_be_found_is_refused(self):
        self.refuses(docs.check, with_file("docs/lost.md", "# Lost\n"), "cannot be found")

    def test_a_page_can_be_found_by_its_folder(self):
        sample = tree(**{"docs/ideas/x.md": "# X\n", "docs/README.md": "# Docs\n\n[frame](frame.md) [ideas](ideas/)\n"})
        self.assertEqual(said(docs.check, sample), [])

    def test_a_comment_that_cites_a_missing_page_is_refused(self):
        self.refuses(docs.check, with_file("src/event/frame.cc", "// see docs/gone" + ".md\n"), "docs/gone" + ".md")

    def test_leftovers_are_refused(self):
        for bad in ("// FIX" + "ME", "// TO" + "DO later", "<<<<" + "<<< HEAD", "see /wo" + "rk/x", "see .." + "/shared/x", "blank \n"):
            with self.subTest(bad):
                self.assertEqual(len(said(text.check, with_file("src/event/bad.cc", bad + "\n"))), 1)

    def test_numbered_work_and_data_pass(self):
        self.assertEqual(said(text.check, with_file("src/event/ok.cc", "// TO" + "DO(#12): faster\n")), [])
        self.assertEqual(said(text.check, with_file("test/dialogue/x.resp", "> PING \n")), [])

    def test_a_file_that_ends_without_a_newline_is_refused(self):
        self.refuses(text.check, with_file("src/event/bad.cc", "int x;"), "no newline")

    def test_a_large_blob_is_refused(self):
        self.refuses(text.check, with_file("docs/picture.bin", "x" * (256 * 1024 + 1)), "outside the repository")


class Mirrors(unittest.TestCase):
    def test_functions_are_measured_from_signature_to_brace(self):
        code = "namespace quipu {\n\nint declared(int);\n\nint one() { return 1; }\n\nint\nthree() {\n  return 3;\n}\n\n}  // namespace quipu\n"
        self.assertEqual([length for length in mirrors.function_lengths(code) if length > 2], [4])

    def test_the_report_has_every_mirror(self):
        report = "\n".join(mirrors.report(tree()))
        for word in ("source files", "headers", "functions", "checks", "tests", "largest"):
            self.assertIn(word, report)


if __name__ == "__main__":
    unittest.main()
