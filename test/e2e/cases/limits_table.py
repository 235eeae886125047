"""Every row of the table of bounds has a test, and every such test has a row."""

import re

from harness.bounds import ROWS, row, table, test_of
from harness.context import expect_equal
from harness.pages import ROOT

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


# Bounds of the distributed form: the tests of the parts that keep them, most of which run against real servers.
OF_PARTS = {
    "kafka.frame_bytes": ("test/api/api_node_test.cc", "ClosesAFrameThatIsFull"),
    "kafka.linger": ("test/api/api_node_test.cc", "FillsAFrameWhileOthersAreUnderWayUpToItsLinger"),
    "kafka.give_up": ("test/api/producer_session_test.cc", "GivesUpAsUnknownAndBeginsANewBoot"),
    "kafka.session_timeout": ("test/kafka_broker/kafka_group_test.cc", "AStoppedMemberLosesItsPartitionsToAnotherAndLearnsIt"),
    "kafka.release_timeout": ("test/kafka_broker/kafka_group_test.cc", "APartitionThatIsNotReleasedInTimeIsLost"),
    "kafka.fetch_ahead_bytes": ("test/kafka_broker/kafka_log_test.cc", "FetchesNoMoreAheadThanItsBoundAndOneFetch"),
    "store.waiting_bytes": ("test/cassandra/cassandra_store_test.cc", "BeyondItsBoundsARequestIsBusyInItsTurn"),
    "redis.waiting_bytes": ("test/services/redis_cache_test.cc", "WhatWaitsIsBounded"),
    "base_bytes": ("test/worker/worker_bases_test.cc", "AreMadeOneAfterTheOtherBeyondTheirBytes"),
    "store_walks": ("test/api/store_walks_test.cc", "TellsOneBeyondItsBoundThatItIsBusy"),
    "password_bytes": ("test/cluster/shared_store_test.cc", "WhatHasNoneIsRefusedByKeyAndName"),
    "hot.events_per_second": ("test/api/api_node_partitions_test.cc", "SpreadsAHotCounterAndKeepsItsTotalExact"),
}


def whole(context):
    """A row without a test is a failure, and so is a test without a row."""
    expect_equal(sorted([*ROWS, *OF_PARTS]), sorted(table(context)), "the rows that have a test")
    for name, (path, test) in OF_PARTS.items():
        found = re.findall(rf"^TEST(?:_F|_P)?\(\w+, {test}\)", (ROOT / path).read_text(), re.MULTILINE)
        expect_equal(len(found), 1, f"{name}: tests called {test} in {path}")
    for name, found in table(context).items():
        expect_equal(bool(found["what"]) and bool(found["beyond"]), True, f"{name}: what it bounds, and what is beyond")


TESTS = [("limits-table", whole)]
seen = set()
for name, (function, _, _) in ROWS.items():
    if function not in seen and function is not pending_bytes:  # One test may stand for several rows; `overload` runs by itself.
        TESTS.append((f"limit-{name}", test_of(name)))
    seen.add(function)
