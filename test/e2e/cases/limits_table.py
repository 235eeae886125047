"""Every row of the table of bounds has a test, and every such test has a row."""

from harness.bounds import ROWS, row, table, test_of
from harness.context import expect_equal

from . import limits, limits_fixed, limits_kept  # noqa: F401: their rows.
from .overload import TESTS as OVERLOAD
from .promises import retention


@row("log.retain_hours", "log.retain_bytes", serves=False)
def retain(context, _bound):
    retention(context)


@row("log.pending_bytes", serves=False)
def pending_bytes(context, _bound):
    """Frames beyond the bound are busy while the disk is behind: what `overload` shows."""
    OVERLOAD[0][1](context)


def whole(context):
    """A row without a test is a failure, and so is a test without a row."""
    expect_equal(sorted(ROWS), sorted(table(context)), "the rows that have a test")
    for name, found in table(context).items():
        expect_equal(bool(found["what"]) and bool(found["beyond"]), True, f"{name}: what it bounds, and what is beyond")


TESTS = [("limits-table", whole)]
seen = set()
for name, (function, _, _) in ROWS.items():
    if function not in seen and function is not pending_bytes:  # One test may stand for several rows; `overload` runs by itself.
        TESTS.append((f"limit-{name}", test_of(name)))
    seen.add(function)
