"""The store in its textbook form (UPDATE … SET views = views + ?) and the exact one, through the same worker kills."""

import pathlib

from fleet import totals
from fleet.cluster import Cluster
from fleet.judge import judge
from fleet.traffic import Traffic
from harness.context import expect
from harness.origin import where

from .workers import ROUNDS, kill_workers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
PAGE = ROOT / "docs" / "results" / "overcount.md"
FORMS = (("cassandra", "counters"), ("cassandra-counters", "counter_columns"))

TEXT = """# What the textbook form of the store counts twice

Written by `make chaos-distributed`: {events} events from eight clients, half of them with ids, to two API nodes and five workers over Kafka
and Cassandra; {kills} workers killed by SIGKILL ({rounds} at a time) and started again, the same way for both forms, with
`flush.commit_delay` at its default of 30 s. Run at {where}.

| `store.kind` | events acknowledged | counted in Cassandra | too many | writes |
|---|---:|---:|---:|---|
{rows}

The textbook form adds in place. What a worker had added before it was killed, and had not yet noted as read, is added again
when the log is read again; nothing in the row tells. In the exact form a row says up to which offset it counts, so the same
reading changes nothing. The literal form is for comparison alone ([stores](../stores.md)).
"""


def one(context, kind, table):
    """Returns (events acknowledged, events that the rows count). All were acknowledged: no API node and no broker fails."""
    with Cluster(context, "literal_" + table, {"store.kind": kind}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        kill_workers(cluster, traffic, context.random())
        traffic.finish()
        if kind == "cassandra":
            _, calm = judge(cluster, traffic)  # Each event of each counter, in every place.
            context.recovered(calm)
        else:
            cluster.wait_calm()
            cluster.must_live()
        acked = sum(counter.acked.bit_count() for counter in traffic.ledger.counters)
        expect(acked == traffic.ledger.events["attempted"], f"not all was acknowledged: {traffic.ledger.summary()}")
        counted = totals.events_in_cassandra(context.servers.port("cassandra"), cluster.stem, table)
        cluster.stop()
        return acked, counted


def overcount(context):
    """Both totals side by side, in the report and in docs/results."""
    found = {kind: one(context, kind, table) for kind, table in FORMS}
    for kind, (acked, counted) in found.items():
        context.note(f"{kind}: {acked} events acknowledged, {counted} counted, {counted - acked:+d}")
    exact, literal = (found[kind] for kind, _ in FORMS)
    expect(exact[0] == exact[1], f"the exact store counts {exact[1]} of {exact[0]} events")
    expect(literal[1] >= literal[0], f"the literal store lost events: {literal[1]} of {literal[0]}")
    expect(literal[1] > literal[0], "no kill made the literal store count twice: they did not bite")
    if context.all:
        write(context, found)


def write(context, found):
    words = {"cassandra": "INSERT of (total, offset)", "cassandra-counters": "UPDATE … SET views = views + ?"}
    rows = "\n".join(f"| `{kind}` | {acked:,} | {counted:,} | {counted - acked:,} | `{words[kind]}` |"
                     for kind, (acked, counted) in found.items())
    PAGE.write_text(TEXT.format(events=f"{context.events:,}", kills=sum(ROUNDS), rounds="one and two", where=where(), rows=rows))


MORE = (("literal-overcount", overcount),)
