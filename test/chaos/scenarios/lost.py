"""Brokers that have lost acknowledged frames: who must say so, what must hold, and the way on."""

import json
import time

from fleet.cluster import CALM_SECONDS
from fleet.judge import agree, judge, sums
from fleet.traffic import Traffic
from harness.context import eventually, expect, expect_equal
from harness.ledger import ODD_BITS
from harness.wire import Lost

from .moves import quipu

NAMED_SECONDS_MAX = 90.0


def stopped(cluster):
    """{partition: name of the worker} of those that stand still with an alarm."""
    return {partition: worker.name for worker in cluster.workers if worker.alive()
            for partition, value in worker.metrics()[1].get("quipu_worker_stopped", {}).items() if value}


def behind(cluster, but):
    """Frames that are not read or not flushed, over all partitions but those, and how many partitions have an owner."""
    frames, owned = 0, 0
    for worker in cluster.workers:
        metrics = worker.metrics()[1]
        for partition, lag in metrics.get("quipu_worker_lag_frames", {}).items():
            owned += 1
            if partition not in but:
                frames += lag + metrics["quipu_worker_read_offset"][partition] - metrics["quipu_worker_flushed_offset"][partition]
    return frames, owned


def places_agree(cluster, traffics):
    """Where partitions stand still: waits until the others are read and flushed to their ends, and stay so; then store, Redis and
    each node show the same totals. Returns the store's, and for how many of these counters Redis had one."""
    calm_since = None

    def calm():
        nonlocal calm_since
        if behind(cluster, stopped(cluster)) != (0, cluster.partitions):
            calm_since = None
        elif calm_since is None:
            calm_since = time.monotonic()
        return calm_since is not None and time.monotonic() - calm_since >= CALM_SECONDS

    eventually(calm, NAMED_SECONDS_MAX, "the partitions that do not stand are counted to their ends")
    # What was acknowledged may be gone, so the places up to which the rows are; of those that stand the first frame will do. Either has
    # nodes ask the store.
    standing = stopped(cluster)
    flushed = {}
    for worker in cluster.workers:
        flushed.update(worker.metrics()[1].get("quipu_worker_flushed_offset", {}))
    places = {place for traffic in traffics for place in traffic.positions}
    after = [f"{generation}:{partition}:{1 if partition in standing else int(flushed[partition])}" for generation, partition in places
             if flushed.get(partition)]
    stored = cluster.stored()
    counters = [(counter.space, counter.name) for traffic in traffics for counter in traffic.ledger.counters]
    return stored, agree(cluster, counters, stored, after)


class Late:
    """What was waited for in vain, told when it is: with the last answer, and what the processes said."""

    def __init__(self, what, heard, cluster):
        self.what, self.heard, self.cluster = what, heard, cluster

    def __str__(self):
        return f"{self.what}; the last answer was {self.heard[-1:]}; {self.cluster.last_words()}"


def refuses(node, heard):
    """Whether a node takes no event and says what to do about it."""
    try:
        with node.http() as http:
            answer = http.call("POST", "/v1/counters/default/after-the-loss")
    except Lost as lost:
        heard[:] = [lost]
        return False
    heard[:] = [(answer.status, answer.body)]
    return answer.status == 503 and b"log adopt" in answer.body


def loss_is_named(context, cluster, traffic, partitions=(), whole=None):
    """Every node takes no event any more and says why; the workers of the partitions (those that are given, else any) stop and
    say why. Then store, Redis and HTTP agree, and of what is in the store nothing is twice and nothing was not sent, and what is
    missing was acknowledged, so the loss was one. `whole`: traffic from before, of which nothing may be missing."""
    for node in cluster.nodes:
        heard = []
        eventually(lambda: refuses(node, heard), NAMED_SECONDS_MAX,
                   Late(f"{node.name} takes no event and says that frames were lost", heard, cluster))
    eventually(lambda: stopped(cluster) and set(partitions) <= set(stopped(cluster)), NAMED_SECONDS_MAX,
               f"workers stop at the partitions that lost frames {partitions}")
    for partition, name in stopped(cluster).items():
        worker = next(worker for worker in cluster.workers if worker.name == name)
        expect(f"partition {partition} stopped" in worker.output(), f"{name} does not say why partition {partition} stopped")
    traffic.give_up()
    cluster.must_live()
    stored, cached = places_agree(cluster, [traffic, whole] if whole else [traffic])
    if whole:
        for counter in whole.ledger.counters:
            whole.ledger.settle(counter, stored.get((counter.space, counter.name)), "of what no broker may have lost")
        whole.check()
        context.note(f"before: {sums(whole)}")
    missing = judge_loss(traffic, stored)
    cluster.stop()
    expect_equal(cluster.stored(), stored, "the totals after all processes have ended")
    context.note(f"{traffic.settled()} events were settled{' since' if whole else ''}; {len(stored)} totals agree in the store and over "
                 f"HTTP, {cached} in Redis")
    context.note(f"{missing} acknowledged events were lost with the brokers' frames, none is counted twice; 2 nodes refuse events, "
                 f"{len(stopped_said(cluster))} partitions stopped: {stopped_said(cluster)[0]}")


def stopped_said(cluster):
    """What the workers said of partitions that stopped."""
    return [line.partition(" stopped: ")[2] for worker in cluster.workers for line in worker.output().splitlines()
            if " stopped: partition" in line]


def judge_loss(traffic, stored):
    """Returns how many acknowledged events are missing."""
    missing = 0
    for counter in traffic.ledger.counters:
        mask = stored.get((counter.space, counter.name), 0) * counter.sign
        twice = mask < 0 or mask & ODD_BITS
        expect(not twice, f"{counter.name!r} is {mask * counter.sign}: events are counted twice")
        expect(not mask & ~counter.attempted, f"{counter.name!r} is {mask * counter.sign}: events that were never sent are in it")
        expect(not mask & counter.dead, f"{counter.name!r} is {mask * counter.sign}: events that were refused are in it")
        missing += (counter.acked & ~mask).bit_count()
    expect(missing > 0, "nothing that was acknowledged is missing: the fault took nothing")
    return missing


def adopt(context, cluster, topic):
    """`quipu log adopt` of another topic: the totals stay, and from there on all is exact. The way back takes from the command until
    every node is ready and every partition has an owner."""
    before = cluster.stored()
    for settings in [cluster.settings, *(role.settings for role in cluster.processes())]:
        settings["kafka.topic"] = topic
    began = time.monotonic()
    adopted = json.loads(context.run(quipu(cluster, "log", "adopt", "--json")).stdout)
    expect_equal(adopted["generation"], 2, "the generation that the adoption begins")
    cluster.start()
    context.recovered(time.monotonic() - began)
    later = Traffic(cluster.nodes, context.seed + 1, context.say, context.events // 4, context.seconds / 4).start()
    later.finish()
    judge(cluster, later, besides=list(before))
    after = cluster.stored()
    changed = [key for key, total in before.items() if after.get(key, 0) != total]
    expect(not changed, f"{len(changed)} totals changed by the adoption, such as {changed[:3]}")
    agree(cluster, list(before), after, [f"{generation}:{partition}:{offset}"
                                         for (generation, partition), offset in later.positions.items()])
    cluster.stop()
    context.note(f"after `log adopt` {len(before)} totals stayed, in the store, in Redis and over HTTP, and {sums(later)}")
