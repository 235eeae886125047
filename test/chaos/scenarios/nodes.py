"""API nodes that are killed."""

from fleet.cluster import Cluster
from fleet.traffic import Traffic
from harness.context import expect

from .workers import finish


def kills(context):
    """SIGKILL of an API node, again and again: what was not acknowledged may be missing or not, what was is there."""
    random = context.random()
    with Cluster(context, "nodes") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        bit = []
        for number in range(4):
            traffic.wait_for((number + random.uniform(0.2, 0.8)) / 4)
            victim = random.choice(cluster.nodes)
            unknown = traffic.ledger.events["unknown"]
            traffic.wait_under_way(victim)
            victim.kill()
            traffic.wait_for((number + 0.95) / 4)
            bit.append(traffic.ledger.events["unknown"] - unknown)
            victim.supervise()
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        expect(any(bit), "no kill fell while a request was under way")
        context.note(f"after the {len(bit)} kills {' and '.join(map(str, bit))} events were of unknown fate")


TESTS = (("node-kills", kills),)
