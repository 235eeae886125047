"""A table that is smaller than what is counted: it keeps its bound, and every total is right."""

import random

from harness.context import expect
from harness.many import count_up, metrics, read_back
from harness.server import resident_bytes

COUNTERS = 700_000
TABLE = "16MiB"
#: The table itself, rows on their way to the store, RocksDB's buffers and cache, and the program.
RESIDENT_MAX = 220 << 20


def more_counters_than_memory(context):
    """700,000 counters beside a table of 16 MiB, which holds about half of them: none is lost, with and without a restart."""
    chosen = random.Random(context.seed)
    totals = bytearray(COUNTERS)
    most = 0

    def watch():
        nonlocal most
        most = max(most, resident_bytes(server.pid))

    with context.server() as server:
        server.settings.update({"memory.table_bytes": TABLE, "flush.interval": "200ms"})
        server.start()
        count_up(server.resp_port, range(COUNTERS), totals, watch)
        for _ in range(2):
            count_up(server.resp_port, [chosen.randrange(COUNTERS) for _ in range(50_000)], totals, watch)
        read_back(server.resp_port, totals, watch=watch)
        counts = metrics(server)
        expect(counts["quipu_rows_evicted_total"] > COUNTERS / 10, f"nothing was evicted: {counts}")
        expect(counts["quipu_rows_loaded_total"] > COUNTERS / 10, f"nothing was read back: {counts}")
        expect(counts["quipu_counters"] == COUNTERS, f"not all exist: {counts}")
        server.stop()
        server.start()
        read_back(server.resp_port, totals, watch=watch)
        server.stop()
    expect(most < RESIDENT_MAX, f"{most >> 20} MiB were resident, more than {RESIDENT_MAX >> 20}")
    context.note(f"at most {most >> 20} MiB resident")


TESTS = [("more_counters_than_memory", more_counters_than_memory)]
