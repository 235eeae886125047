"""Adding up what test runners say about themselves."""

import dataclasses
import re
import xml.etree.ElementTree

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$")


@dataclasses.dataclass
class Tally:
    """How many tests passed, failed and were skipped; `notes` says what a number alone can not."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = dataclasses.field(default_factory=list)

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return self.plain() + skipped

    def plain(self):
        return f"{self.passed} passed, {self.failed} failed"

    @staticmethod
    def of_runner(name, code, lines):
        """What a runner with this exit code and this output has shown. It is believed only when both agree."""
        counts = read_summary(lines)
        if counts is None:
            return Tally(failed=1, notes=[f"{name} ended with exit code {code} and without a summary"])
        tally = Tally(*counts)
        if tally.passed + tally.failed == 0:
            return Tally(failed=1, notes=[f"{name} ran nothing"])
        if (code == 0) != (tally.failed == 0):
            note = f"{name} says {tally.plain()!r} but ended with exit code {code}"
            return Tally(tally.passed, max(tally.failed, 1), notes=[note])
        return tally


def read_summary(lines):
    """(passed, failed) of the last line that is a summary, or None."""
    for line in reversed(lines):
        match = SUMMARY.match(line.strip())
        if match:
            return int(match[1]), int(match[2])
    return None


def read_junit(path, code):
    """The tally of CTest's JUnit file; `code` is CTest's exit code."""
    try:
        cases = list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        return Tally(failed=1, notes=[f"no test results: {error}"])
    tally = Tally()
    for case in cases:
        status = case.get("status")
        if status == "run":
            tally.passed += 1
        elif status == "disabled" or (status == "notrun" and case.find("skipped") is not None
                                      and "SKIP" in (case.find("skipped").get("message") or "")):
            tally.skipped += 1
        else:
            tally.failed += 1
            tally.notes.append(f"failed: {case.get('name')}")
    if not cases:
        return Tally(failed=1, notes=["CTest found no tests"])
    if code != 0 and tally.failed == 0:
        tally.failed = 1
        tally.notes.append(f"CTest ended with exit code {code} though no test failed")
    return tally
