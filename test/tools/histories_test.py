"""The checker of histories: each history made by hand is accepted, or refused for its reason and in its line."""

import pathlib
import subprocess
import sys
import unittest

PLACE = pathlib.Path(__file__).resolve().parents[1] / "histories"
REFUSED = {
    "acknowledged_write_is_lost": "line 8: counter 'cat': session b read 5, but at least 7 is certain: as if +2 of line 4, acknowledged "
                                  "in line 5, were lost",
    "batch_is_not_behind_its_positions": "line 5: counter 'dog': session b read 0, but at least 4 is certain",
    "counted_before_it_was_sent": "line 3: counter 'cat': session a was told the new total 8, but all that may be in it is 5",
    "falling_counter_goes_back": "line 7: counter 'cat': session b read 0, but -5 had been shown in line 5",
    "first_try_is_told_as_a_repeat": "line 3: counter 'cat': session a was told that +5 with id 'x' is a repeat, but it was never sent",
    "id_with_two_deltas": "line 4: counter 'cat': an id is sent again with another delta",
    "id_within_the_window_counts_twice": "line 9: counter 'cat': session end read in end 10, but all that may be in it is 5: as if +5 with "
                                         "id 'x' of line 2 were counted twice",
    "later_reply_is_lower": "line 6: counter 'cat': session c was told the new total 1, but 2 had been shown in line 4",
    "lost_only_at_the_end": "line 7: counter 'cat': session end read in end 2, but at least 7 is certain: as if +5 of line 2",
    "not_settled": "line 4: operation 2 is under way when totals are read as settled",
    "one_lost_and_one_twice": "line 9: counter 'cat': session end read in end 6, which lies between 2 and 12, but no choice of the 2 open",
    "one_value_is_given_out_twice": "line 5: counter 'cat': line 4 was told 1 after +1, and line 5 1 after +1: a part is given out twice",
    "places_disagree_at_the_end": "line 7: counter 'cat': session redis read in redis 0, but 5 in store",
    "read_behind_a_position_lacks_the_write": "line 5: counter 'cat': session b read 0, but at least 5 is certain",
    "read_lacks_what_its_time_includes": "line 5: counter 'cat': session b read 0, but at least 5 is certain",
    "reads_with_positions_go_back": "line 9: counter 'cat': session b read 5, but 8 had been shown in line 7",
    "refused_write_is_counted": "line 5: counter 'cat': session a read 5, but all that may be in it is 0: as if +5 of line 2, which was "
                                "refused, were counted",
    "replies_overlap": "line 6: counter 'cat': line 5 was told 7 after +5, and line 6 8 after +3: a part is given out twice",
    "reply_lacks_its_own_event": "line 3: counter 'cat': session a was told the new total 0, but at least 5 is certain",
    "retry_with_an_id_counts_twice": "line 8: counter 'cat': session end read in end 10, but all that may be in it is 5: as if +5 with id "
                                     "'x' of line 2 were counted twice",
    "session_reads_back_in_time": "line 7: counter 'cat': session b read 0, but 5 had been shown in line 5, before it was asked for in line 6",
    "shown_value_is_taken_back_by_a_kill": "line 8: counter 'cat': session c read 0, but 5 had been shown in line 4",
    "told_twice_that_an_id_counts": "line 5: counter 'cat': session a was told that +5 with id 'x' counts now, as it was in line 3",
}
NO_HISTORY = {
    "called_twice": "line 3: operation 1 was called before",
    "ends_before_it_is_called": "line 2: operation 1 ends and was never called",
    "ends_twice": "line 4: operation 1 has ended before",
    "no_head": "line 1: the first line is no head of a history of version 1",
    "total_for_another_counter": "line 3: `totals` has another length than what was asked",
    "unknown_outcome": "line 3: `outcome` is 'perhaps', none of ok, fail, unknown",
}


def check(*paths):
    done = subprocess.run([sys.executable, PLACE / "check.py", *paths], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


class Histories(unittest.TestCase):
    def test_accepts_each_good_one(self):
        good = sorted((PLACE / "good").glob("*.jsonl"))
        self.assertGreaterEqual(len(good), 5)
        code, said = check(*good)
        self.assertEqual((code, said.count(": holds; ")), (0, len(good)), said)

    def refused(self, reasons, code, word):
        """All in one run: each must say its word and its reason behind its own name."""
        got, said = check(*[PLACE / "bad" / f"{name}.jsonl" for name in reasons])
        self.assertEqual(got, code)
        for name, reason in reasons.items():
            own = "\n".join(line for line in said.splitlines() if line.startswith(f"{PLACE / 'bad' / name}.jsonl: "))
            with self.subTest(name):
                self.assertIn(f": {word}", own)
                self.assertIn(reason, own)

    def test_refuses_each_bad_one_for_its_reason(self):
        self.assertEqual({path.stem for path in (PLACE / "bad").glob("*.jsonl")}, {*REFUSED, *NO_HISTORY})
        self.refused(REFUSED, 1, "refused, ")

    def test_says_of_what_is_no_history_where_it_is_none(self):
        self.refused(NO_HISTORY, 2, "no history: ")

    def test_one_bad_history_among_good_ones_is_refused(self):
        code, _ = check(PLACE / "good" / "embedded.jsonl", PLACE / "bad" / "not_settled.jsonl", PLACE / "good" / "embedded.jsonl")
        self.assertEqual(code, 1)


if __name__ == "__main__":
    unittest.main()
