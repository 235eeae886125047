"""The link of one process to Kafka: through a proxy, over a listener of its own that the broker advertises at the proxy."""

import contextlib
import time

from fleet.cluster import Cluster
from fleet.proxy import TO_CLIENT, TO_SERVER, FaultProxy
from fleet.servers import Servers
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.server import free_ports

from .kafka import GIVEN_UP, SETTINGS, total
from .workers import aim, finish, read_beyond


CLIENT_LINK_SECONDS = 2.0


@contextlib.contextmanager
def broker_behind_a_proxy(context):
    """A broker of the scenario's own, reached directly or through the proxy: (servers, proxy)."""
    side, entry = free_ports(2)
    listeners = "PLAINTEXT://127.0.0.1:{port}"
    servers = Servers(context.directory / "servers", settings=(
        f"kafka.listeners={listeners},CONTROLLER://127.0.0.1:{{controller}},SIDE://127.0.0.1:{side}",
        f"kafka.advertised.listeners={listeners},SIDE://127.0.0.1:{entry}",
        "kafka.listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SIDE:PLAINTEXT"))
    try:
        servers.up("kafka")
        with FaultProxy(side, entry, context.seed) as proxy:
            yield servers, proxy
    finally:
        servers.down()


@contextlib.contextmanager
def over(context, stem, through, settings=None):
    """A cluster of which one process, chosen by `through`, reaches Kafka by the proxy alone: (cluster, process, proxy)."""
    with broker_behind_a_proxy(context) as (servers, proxy):
        cluster = Cluster(context, stem, {"kafka.brokers": servers.address["kafka"], **(settings or {})})
        process = through(cluster)
        process.settings["kafka.brokers"] = f"127.0.0.1:{proxy.port}"
        with cluster:
            yield cluster, process, proxy


def coordinator(context):
    """The brokers, and with them the group's coordinator, do not answer one worker any more, while the store does: its
    partitions go to others. It lets go of them by itself, and what it still writes changes nothing."""
    random = context.random()
    with over(context, "coordinator", lambda cluster: cluster.workers[0]) as (cluster, lonely, proxy):
        expect(proxy.connections > 0, "the worker does not use the proxy")
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        others = cluster.workers[1:]
        taken, fell_unflushed = 0, 0
        for number, fault in enumerate((proxy.hold, proxy.refuse)):
            traffic.wait_for((number + random.uniform(0.1, 0.3)) / 2)
            eventually(lonely.read_offsets, 60, f"{lonely.name} has partitions")
            aim([lonely])
            owned, unflushed = lonely.read_offsets(), lonely.has_unflushed()
            fault()
            fell_unflushed += unflushed
            taken += len(owned)
            cluster.wait_owned(without=[lonely.name])
            eventually(lambda: read_beyond(others, owned), 30, f"others read on in the partitions of {lonely.name}")
            eventually(lambda: not lonely.read_offsets(), 30, f"{lonely.name} lets go of partitions that it may not have any more")
            written = lonely.metric("quipu_worker_rows_flushed_total")
            traffic.wait_for(min(0.95, (number + 0.7) / 2))
            expect(lonely.metric("quipu_worker_rows_flushed_total") == written,
                   f"{lonely.name} went on writing rows of partitions that it had let go of")
            proxy.go_on()
        cluster.wait_back(traffic)

        def bite():
            expect(taken > 0, "the worker had no partition when the coordinator went away")
            context.note(f"a worker was cut off twice (half-open, refused), {fell_unflushed} times with frames that were not "
                         f"flushed; {taken} partitions were taken over; it let go of them, and came back")

        finish(context, cluster, traffic, bite)


def worn_link(context):
    """An API node's link to Kafka: slow, half-open in one direction so that acknowledgements are lost, cut in the middle of a
    request and of an answer, again and again."""
    random = context.random()
    with over(context, "worn", lambda cluster: cluster.nodes[1], SETTINGS) as (cluster, _, proxy):
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.1)
        proxy.slow(0.02, 0.08)
        for step in range(20):
            traffic.wait_for(0.1 + 0.02 * step)
            proxy.cut_after(random.randrange(20_000), random.choice((TO_SERVER, TO_CLIENT)))
        proxy.go_on()
        cuts, given_up = proxy.cuts, total(cluster, GIVEN_UP)
        traffic.wait_for(0.6)
        proxy.hold(TO_CLIENT)
        eventually(lambda: total(cluster, GIVEN_UP) > given_up, 60, "frames whose acknowledgements are lost are given up")
        proxy.go_on()
        cluster.wait_back(traffic)

        def bite():
            expect(cuts > 0, "no connection was cut")
            expect(traffic.ledger.events["unknown"] > 0, "no event was of unknown fate")
            context.note(f"{cuts} connections were reset after so many bytes, {proxy.connections} made; acknowledgements of "
                         f"{total(cluster, GIVEN_UP) - given_up:.0f} frames were lost until they were given up")

        finish(context, cluster, traffic, bite)


class Through:
    """A node as its clients reach it: through a proxy for each protocol. `with` ends both."""

    def __init__(self, node, seed):
        self.node = node
        self.proxies = FaultProxy(node.http_port, seed=seed), FaultProxy(node.resp_port, seed=seed + 1)
        self.http_port, self.resp_port = (proxy.port for proxy in self.proxies)

    def __enter__(self):
        for proxy in self.proxies:
            proxy.__enter__()
        return self

    def __exit__(self, *_):
        for proxy in self.proxies:
            proxy.__exit__()


def client_links(context):
    """The links between clients and both nodes: slow, half-open each way, reset in the middle of requests and of answers, refused, one
    fault of one node after the other. What has an id is sent again, to either node."""
    random = context.random()
    faults = (("slow", lambda proxy: proxy.slow(0.03, 0.05)), ("answers held", lambda proxy: proxy.hold(TO_CLIENT)),
              ("requests held", lambda proxy: proxy.hold(TO_SERVER)),
              ("cut in a request", lambda proxy: proxy.cut_after(random.randrange(1, 4000), TO_SERVER)),
              ("cut in an answer", lambda proxy: proxy.cut_after(random.randrange(1, 4000), TO_CLIENT)),
              ("refused", lambda proxy: proxy.refuse()))
    with Cluster(context, "client_links") as cluster, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(Through(node, context.seed + 2 * number)) for number, node in enumerate(cluster.nodes)]
        traffic = Traffic(sides, context.seed, context.say, context.events, 2 * context.seconds).start()
        turns = 2 * len(faults)
        for turn in range(turns):
            traffic.wait_for(0.05 + 0.85 * turn / turns)
            side = sides[turn % len(sides)]
            for proxy in side.proxies:
                faults[turn // 2][1](proxy)
            time.sleep(CLIENT_LINK_SECONDS)
            for proxy in side.proxies:
                proxy.go_on()
        healed, settled = time.monotonic(), traffic.settled()
        eventually(lambda: traffic.settled() > settled or not traffic.running(), 30, "events are taken over links that are sound again")
        context.recovered(time.monotonic() - healed)
        finish(context, cluster, traffic)
        cuts = sum(proxy.cuts for side in sides for proxy in side.proxies)
        expect(cuts > 0 and traffic.broken > 0, f"{cuts} connections were cut, {traffic.broken} broke")
        expect(traffic.ledger.events["unknown"] > 0, "no event was of unknown fate")
        context.note(f"{turns} faults ({', '.join(name for name, _ in faults)}; of each node in turn): {cuts} connections were cut between "
                     f"clients and nodes")


MORE = (("coordinator-unreachable", coordinator), ("worn-link", worn_link), ("client-node-links", client_links))
