"""After the faults: every counter against the ledger, and every place where it can be read against the others."""

import json
import time

from harness.context import expect

REDIS_SECONDS_MAX = 10.0


def difference(one, other, counters, words):
    """Words for the first counters whose totals differ; absent is 0."""
    found = [key for key in counters if one.get(key, 0) != other.get(key, 0)]
    if not found:
        return None
    examples = ", ".join(f"{key[1]!r} {one.get(key, 0)} and {other.get(key, 0)}" for key in found[:3])
    return f"{len(found)} of {len(counters)} counters differ in {words}: {examples}"


def judge(cluster, traffic, besides=()):
    """Waits until lag is 0, then: acknowledged <= total <= sent for each event of each counter, and the same total in
    the store, in the cache and from each node. `besides`: counters that the scenario itself wrote. Returns how many counters the
    cache answered for, and how long it took until lag was 0."""
    calm = cluster.wait_calm()
    cluster.must_live()
    ledger = traffic.ledger
    counters = [(counter.space, counter.name) for counter in ledger.counters]
    positions = [f"{generation}:{partition}:{offset}" for (generation, partition), offset in traffic.positions.items()]
    # What was acknowledged is waited for: workers that do not hear from the brokers look calm, since they know of no newer end.
    cluster.served(cluster.nodes[0], counters[:1], positions)
    cluster.wait_calm()
    stored = cluster.stored()
    for counter in ledger.counters:
        ledger.settle(counter, stored.get((counter.space, counter.name)), f"in the {cluster.settings['store.kind']} store")
    traffic.check()
    unexpected = set(stored) - set(counters) - set(besides)
    if unexpected:
        raise AssertionError(f"the store has {len(unexpected)} counters that nobody sent: {sorted(unexpected)[:3]}")
    return agree(cluster, counters, stored, positions), calm


def agree(cluster, counters, stored, positions):
    """Each node, past all caches (`positions`, which the store has reached), and Redis show the totals that the store has. Returns for
    how many counters Redis did."""
    for node in cluster.nodes:
        served = cluster.served(node, counters, positions)
        if problem := difference(served, stored, counters, f"{node.name} (HTTP) and the store"):
            raise AssertionError(problem)
    return cache_agrees(cluster, counters, stored)


def cache_agrees(cluster, counters, stored):
    """The totals that readers filled into the cache, of every counter that has one, and that nodes answer by it. It hears of them a
    moment after the reader has its answer, and of those that a node has just answered from its own memory only when they are read
    again, half a second later."""
    if cluster.settings["cache.kind"] != "redis":
        return 0
    end = time.monotonic() + REDIS_SECONDS_MAX
    while True:
        problem = None
        for node in cluster.nodes:
            served = cluster.served(node, counters)
            problem = problem or difference(served, stored, counters, f"{node.name} (HTTP, through its caches) and the store")
        cached = cluster.cached(counters)
        problem = problem or difference(cached, stored, list(cached), "Redis and the store")
        missing = [key for key in counters if key in stored and key not in cached]
        if not problem and not missing:
            return len(cached)
        if time.monotonic() > end:
            raise AssertionError(problem or f"Redis lacks {len(missing)} of {len(counters)} counters that were read, such as {missing[:3]}")
        time.sleep(0.5)


def replay_agrees(context, cluster):
    """The log, read once more from its beginning, comes to the rows of the store. Not those of the counter columns, which count at
    least once."""
    if cluster.settings["store.kind"] == "cassandra-counters":
        return
    done = context.run([*cluster.command, "audit", "--json", *cluster.set_words], code=None)
    expect(done.returncode == 0 and json.loads(done.stdout)["differences"] == 0,
           f"a replay of the log differs from the rows: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}")


def sums(traffic):
    """Words: how many events were sent, acknowledged, and of the rest how many were counted."""
    ledger = traffic.ledger
    counted = sum(counter.last.bit_count() for counter in ledger.counters)
    acked = sum(counter.acked.bit_count() for counter in ledger.counters)
    sent = sum(counter.attempted.bit_count() for counter in ledger.counters)
    refused = sum((counter.dead & ~counter.last).bit_count() for counter in ledger.counters)
    return (f"{sent} events in {len(ledger.counters)} counters: {acked} acknowledged, {counted} counted, {refused} busy or "
            f"of unknown fate and not counted; {ledger.events['unknown']} times unknown, {traffic.broken} connections broken")
