"""After the faults: every counter against the ledger, and every place where it can be read against the others."""

import time

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
    for node in cluster.nodes:
        served = cluster.served(node, counters, positions)
        if problem := difference(served, stored, counters, f"{node.name} (HTTP) and the store"):
            raise AssertionError(problem)
    return cache_agrees(cluster, counters, stored), calm


def cache_agrees(cluster, counters, stored):
    """The totals that readers filled into the cache. It hears of them a moment after the reader has its answer."""
    if cluster.settings["cache.kind"] != "redis":
        return 0
    end = time.monotonic() + REDIS_SECONDS_MAX
    while True:
        for node in cluster.nodes:
            cluster.served(node, counters)
        cached = cluster.cached(counters)
        problem = difference(cached, stored, list(cached), "Redis and the store")
        if not problem and len(cached) >= len(counters) // 2:
            return len(cached)
        if time.monotonic() > end:
            raise AssertionError(problem or f"Redis holds {len(cached)} of {len(counters)} counters that were read")
        time.sleep(0.5)


def sums(traffic):
    """Words: how many events were sent, acknowledged, and of the rest how many were counted."""
    ledger = traffic.ledger
    counted = sum(counter.last.bit_count() for counter in ledger.counters)
    acked = sum(counter.acked.bit_count() for counter in ledger.counters)
    sent = sum(counter.attempted.bit_count() for counter in ledger.counters)
    refused = sum((counter.dead & ~counter.last).bit_count() for counter in ledger.counters)
    return (f"{sent} events in {len(ledger.counters)} counters: {acked} acknowledged, {counted} counted, {refused} busy or "
            f"of unknown fate and not counted; {ledger.events['unknown']} times unknown, {traffic.broken} connections broken")
