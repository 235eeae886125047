"""The arithmetic of bench/: a wrong median there is a wrong claim everywhere. And the page is what its results say."""

import dataclasses
import pathlib
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import run as bench  # noqa: E402
from harness import micro, page, rounds  # noqa: E402
from harness.figures import Bar, Spread, order_of, ratios, verdict  # noqa: E402


def sample(subject, number, rate, **more):
    return {"subject": subject, "case": "1", "client": "load", "round": number, "stolen": 0.0,
            "values": {"rate": rate}, **more}


RATE = Bar("1", "load", ("us", "rate"), ("them", "rate"), 1.2, 1.4)


class Arithmetic(unittest.TestCase):
    def test_median_and_quartiles_of_known_values(self):
        self.assertEqual(Spread.of([5, 1, 4, 2, 3]), Spread(3, 2, 4, 5))
        self.assertEqual(Spread.of([1, 2, 3, 4]), Spread(2.5, 1.75, 3.25, 4))

    def test_one_value_is_its_own_spread_and_none_has_none(self):
        self.assertEqual(Spread.of([7.0]), Spread(7.0, 7.0, 7.0, 1))
        self.assertIsNone(Spread.of([]))

    def test_a_ratio_is_taken_within_its_round(self):
        samples = [sample("them", 1, 10), sample("us", 0, 30), sample("us", 1, 40), sample("them", 0, 20)]
        self.assertEqual(ratios(samples, RATE), {0: 1.5, 1: 4.0})

    def test_the_median_of_ratios_is_not_the_ratio_of_medians(self):
        samples = [sample("us", n, us) for n, us in enumerate((10, 20, 90))]
        samples += [sample("them", n, them) for n, them in enumerate((10, 40, 30))]
        self.assertEqual(Spread.of(ratios(samples, RATE).values()).median, 1.0)

    def test_a_round_that_failed_on_one_side_has_no_ratio(self):
        samples = [sample("us", 0, 30), sample("them", 0, 20, failed="it ended"), sample("us", 1, 30),
                   sample("us", 2, 30), sample("them", 2, 0)]
        self.assertEqual(ratios(samples, RATE), {})

    def test_other_cases_and_clients_do_not_mix(self):
        other = [{**sample("them", 0, 1), "case": "16"}, {**sample("them", 0, 1), "client": "wrk"}]
        self.assertEqual(ratios([sample("us", 0, 30), *other], RATE), {})

    def test_the_verdict_follows_the_median(self):
        for median, said in ((1.19, "missed"), (1.2, "met"), (1.39, "met"), (1.4, "aim")):
            self.assertEqual(verdict(RATE, Spread(median, 0, 9, 3)), said)
        self.assertEqual(verdict(RATE, None), "not measured")
        self.assertEqual(verdict(dataclasses.replace(RATE, at_least=None, aim=None), Spread(1, 1, 1, 3)), "")

    def test_where_less_is_better_the_bar_is_reached_from_above(self):
        bar = dataclasses.replace(RATE, at_least=1.0, aim=0.6, less_is_better=True)
        for median, said in ((1.01, "missed"), (1.0, "met"), (0.61, "met"), (0.6, "aim")):
            self.assertEqual(verdict(bar, Spread(median, 0, 9, 3)), said)

    def test_the_order_turns_each_round(self):
        self.assertEqual([order_of("ABC", number) for number in range(3)], [list("ABC"), list("CBA"), list("ABC")])


def question(measure):
    subjects = [rounds.Subject(name, title, {}, None) for name, title in (("us", "Us"), ("them", "Them"))]
    return rounds.Question("made_up", "Made up", "About.", subjects, {"1": "one"}, {"load": "our client"}, [RATE],
                           measure, {"rate": ("events/s", "{:,.0f}")})


def result_of(measure, count=3):
    asked = question(measure)
    same, samples = rounds.run(types.SimpleNamespace(), asked, count, lambda line: None)
    return asked, {
        "question": "made_up", "date": "2026-01-01", "commit": "abc", "pinned": False, "settings": {"us": {}, "them": {}},
        "machine": {"processors": 2, "processor": "P", "memory_gib": 1, "system": "S", "kernel": "K", "file_system": "ext4",
                    "huge_pages": "never"},
        "versions": {"quipu": "q", "compiler": "c", "redis": "r", "redis-benchmark": "b", "nginx": "n", "wrk": "w"},
        "same": same, "samples": samples}


class Rounds(unittest.TestCase):
    def test_itself_first_and_then_all_in_turning_order(self):
        seen = []

        def measure(_context, subject, _case):
            seen.append(subject.name)
            return {"load": {"rate": 1.0}}
        result_of(measure, 2)
        self.assertEqual(seen, ["us", "us again", "us", "them", "them", "us"])

    def test_a_sample_that_fails_is_kept_and_told(self):
        def measure(_context, subject, _case):
            if subject.name == "them":
                raise ValueError("it ended | badly")
            return {"load": {"rate": 1.0}}
        held, sys.stderr = sys.stderr, tempfile.TemporaryFile("w")  # The traceback is for people at a terminal.
        try:
            asked, result = result_of(measure)
        finally:
            sys.stderr.close()
            sys.stderr = held
        self.assertEqual(len(result["samples"]), 6)
        text = page.question_text(asked, result)
        self.assertEqual(text.count("**Failed**"), 3)
        self.assertIn("**not measured**", text)


class Page(unittest.TestCase):
    def test_the_table_says_ratio_spread_and_verdict(self):
        rates = {"us": 30.0, "them": 20.0, "us again": 30.0}
        asked, result = result_of(lambda _context, subject, _case: {"load": {"rate": rates[subject.name]}})
        text = page.question_text(asked, result)
        self.assertIn("| one | our client | Us / Them | 1.50 (1.50 – 1.50) | 1.00 (1.00 – 1.00) | ≥ 1.2 | ≥ 1.4 | "
                      "yes, and the aim |", text)
        self.assertIn("| one | our client | Them | 20 (20 – 20) |", text)

    def test_work_of_others_beside_it_is_told(self):
        asked, calm = result_of(lambda _context, _subject, _case: {"load": {"rate": 2.0, "others": 0.02}})
        self.assertIn("took 2.0% of processor time, at most 2.0%.", page.question_text(asked, calm))
        _, loud = result_of(lambda _context, subject, _case: {
            "load": {"rate": 2.0, "others": 0.5 if subject.name == "them" else 0.02}})
        self.assertIn("**3 of 10 samples had more than 10% taken**", page.question_text(asked, loud))

    def test_what_was_written_is_read_back(self):
        asked, result = result_of(lambda _context, _subject, _case: {"load": {"rate": 2.0}})
        with tempfile.TemporaryDirectory() as out:
            page.write_result(out, result)
            self.assertEqual(page.read_result(out, asked), result)
            first = page.texts(out, [asked])
            self.assertEqual(first, page.texts(out, [asked]))
            self.assertIn("<svg", first["benchmarks/made_up.svg"])

    def test_the_repositorys_page_is_what_its_results_say(self):
        written = page.texts(ROOT / "docs", [bench.question_named(name) for name in bench.QUESTIONS])
        self.assertGreater(len(written), 1)
        for name, text in written.items():
            self.assertEqual((ROOT / "docs" / name).read_text(encoding="utf-8"), text,
                             f"docs/{name}: `bench/run.py --page` writes it")

    def test_every_question_names_its_cases_clients_and_subjects(self):
        for name in bench.QUESTIONS:
            asked = bench.question_named(name)
            self.assertEqual(asked.name, name)
            subjects = {subject.name for subject in asked.subjects}
            for bar in asked.bars:
                self.assertIn(bar.case, asked.cases)
                self.assertIn(bar.client, asked.clients)
                self.assertTrue({bar.over[0], bar.under[0]} <= subjects)
                self.assertTrue({bar.over[1], bar.under[1]} <= set(asked.metrics))


class Micro(unittest.TestCase):
    ROWS = [
        {"run_name": "find/9", "aggregate_name": "mean", "items_per_second": 1.0},
        {"run_name": "find/9", "aggregate_name": "median", "items_per_second": 4e7, "bytes_per_counter": 99.4},
        {"run_name": "find/9", "aggregate_name": "cv", "items_per_second": 0.0251},
        {"run_name": "log/1/real_time", "aggregate_name": "median", "items_per_second": 4000.0,
         "bytes_per_second": 2.0**22},
        {"run_name": "log/1/real_time", "aggregate_name": "cv", "items_per_second": 0.1},
        {"run_name": "bad", "error_occurred": True, "error_message": "no disk"}]

    def test_medians_become_times_for_one(self):
        self.assertEqual(micro.parts(self.ROWS), {
            "find/9": {"ns": 25.0, "bytes_per_counter": 99.4, "variation": 0.0251},
            "log/1": {"ns": 250000.0, "mib_per_second": 4.0, "variation": 0.1}, "bad": {"failed": "no disk"}})

    def test_the_table_tells_what_failed(self):
        text = micro.text({"date": "d", "commit": "c", "repetitions": 5, "parts": micro.parts(self.ROWS),
                           "machine": {"processor": "p", "file_system": "f"}})
        self.assertIn("| `find/9` | 25.0 ns | 2.5% | 99 bytes/counter |", text)
        self.assertIn("| `log/1` | 250 µs | 10.0% | 4.0 MiB/s |", text)
        self.assertIn("| `bad` | **failed**: no disk |", text)


if __name__ == "__main__":
    unittest.main()
