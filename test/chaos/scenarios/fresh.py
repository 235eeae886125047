"""How old totals are: a read with after= includes the write, and the age that a default read tells is right."""

import datetime
import time

from fleet.cluster import Cluster
from fleet.judge import judge, sums
from fleet.traffic import Traffic
from harness.context import expect

PROBES = 100
INTERVAL_SECONDS = 1.0
BOUND_SECONDS = 30.0  # Of a test, not of a promise: the p99 is told.
ANSWER_SECONDS = 1.0  # From when an age is told until it is read.
CLOCK_SECONDS = 0.005  # One machine, one clock; times are told in milliseconds.


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def p99(values):
    return sorted(values)[int(len(values) * 0.99) - 1]


def probe(writer, reader, number, acked, waits, ages):
    """One write to one node, a default read and one with after= from the other."""
    name = f"/v1/counters/default/fresh-{number % 10}"
    mine = acked.setdefault(number % 10, [])
    position = writer.json("POST", name, {"delta": 1}, status=202)["position"]
    mine.append(time.time())

    plain = reader.json("GET", name)
    as_of = moment(plain["as_of"])
    ages.append(time.time() - as_of)
    # What was acknowledged before that time is in it; it never shows more than was sent.
    before = sum(at < as_of - CLOCK_SECONDS for at in mine)
    expect(before <= plain["value"] <= len(mine), f"a read as of {plain['as_of']} shows {plain['value']}, and {before} to "
                                                  f"{len(mine)} events were acknowledged until then: {plain}")
    expect(ages[-1] < BOUND_SECONDS, f"a total is {ages[-1]:.0f} s old, where workers flush every second: {plain}")
    expect(0 <= ages[-1] - plain["lag_ms"] / 1000 + CLOCK_SECONDS < ANSWER_SECONDS, f"lag_ms and as_of disagree: {plain}")

    began = time.monotonic()
    fresh = reader.json("GET", f"{name}?after={position}&timeout={int(BOUND_SECONDS * 1000)}")
    waits.append(time.monotonic() - began)
    expect(fresh["value"] == len(mine) and fresh["exact"], f"a read after {position} shows {fresh}, {len(mine)} were acknowledged")


def fresh(context):
    """Probes beside traffic, without faults."""
    with Cluster(context, "fresh", {"flush.interval": f"{INTERVAL_SECONDS:.0f}s"}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds * 2).start()
        acked, waits, ages = {}, [], []
        with cluster.nodes[0].http() as writer, cluster.nodes[1].http() as reader:
            for number in range(PROBES):
                probe(writer, reader, number, acked, waits, ages)
        traffic.finish()
        judge(cluster, traffic, besides=[("default", b"fresh-%d" % number) for number in acked])
        cluster.stop()
        context.note(sums(traffic))
        context.note(f"{len(waits)} reads with after= waited {sorted(waits)[len(waits) // 2]:.2f} s at p50, {p99(waits):.2f} s at p99 "
                     f"(flush interval + 1 s is {INTERVAL_SECONDS + 1:.0f} s); default reads were {p99(ages):.2f} s old at p99, as they said")


MORE = (("freshness", fresh),)
