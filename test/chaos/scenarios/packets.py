"""Links that lose packets: of all processes to one of the servers, in a network of the scenario's own, by the kernel's own filter."""

import time

from fleet.cluster import Cluster
from fleet.network import own_network
from fleet.servers import Servers
from fleet.traffic import Traffic
from harness.context import expect

from .kafka import GIVEN_UP, SETTINGS, total
from .stores import repeated
from .workers import finish

WORN_SECONDS = 8.0
LOSS_PERCENT = 30
NARROW_BYTES = 1000  # A second: 8 kbit/s.
SHAPED_BYTES = 8000  # A second: 64 kbit/s.


def lossy_links(context):
    """The links to Kafka, to Cassandra and to Redis lose 30 % of their packets, one after the other; then those to Kafka and to
    Cassandra take 8 kbit/s and lose what is above; then each is a line of 64 kbit/s, before which packets wait. Each for some
    seconds, under traffic."""
    with own_network() as network:
        servers = Servers(context.directory / "own")
        try:
            servers.up("kafka", "cassandra", "redis")
            with Cluster(context, "lossy", SETTINGS | {"cassandra.request_timeout": "2s"}, servers=servers) as cluster:
                wear(context, network, cluster)
        finally:
            servers.down()


def wear(context, network, cluster):
    port = cluster.servers.port
    names = ("kafka", "cassandra", "redis")
    faults = [(f"{LOSS_PERCENT} % of {name}'s packets", lambda name=name: network.lose(port(name), LOSS_PERCENT), network.lost, "lost")
              for name in names]
    faults += [(f"{name}'s packets above 8 kbit/s", lambda name=name: network.narrow(port(name), NARROW_BYTES), network.lost, "lost")
               for name in names[:2]]
    faults += [(f"{name} behind 64 kbit/s", lambda name=name: network.shape(port(name), SHAPED_BYTES), network.held_back, "held back")
               for name in names]
    traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, 3 * context.seconds).start()
    told = []
    for number, (name, begin, bites, word) in enumerate(faults):
        traffic.wait_for(0.05 + 0.9 * number / len(faults))
        begin()
        time.sleep(WORN_SECONDS)
        bitten = bites()
        network.heal()
        told.append(f"{name}: {bitten} {word}")
        expect(bitten > 0, f"no packet was {word}: {name}")
    cluster.wait_back(traffic)

    def bite():
        context.note("; ".join(told) + f"; {total(cluster, GIVEN_UP):.0f} frames were given up, {repeated(cluster):.0f} requests to the "
                                       "store made again")

    finish(context, cluster, traffic, bite)


TESTS = ()
MORE = (("lossy-links", lossy_links),)
