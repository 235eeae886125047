"""The cache behind an address that goes over to a replica: one that takes no writes, then one that lacks what was written last."""

import time

from fleet.cluster import Cluster
from fleet.proxy import FaultProxy
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import eventually, expect, expect_equal
from harness.wire import Resp

from .workers import finish

TTL_SECONDS = 10  # Of an entry: so long may be shown what a replica has missed.
SAMPLE = 100
PROBE = "beside-the-failover"
NEW = "behind-the-failover"
PROBES = 20
READ_ONLY_SECONDS = 4.0


def link_is_up(port):
    with Resp(port) as redis:
        return b"master_link_status:up" in redis.must("INFO", "replication")


def add_and_read_back(cluster, probed, times):
    """Adds 1 through one node and reads it back, with its position, through each: the total is exact. Returns the new total."""
    for number in range(times):
        with cluster.nodes[number % len(cluster.nodes)].http() as http:
            position = http.json("POST", f"/v1/counters/default/{PROBE}", status=202)["position"]
        probed += 1
        for node in cluster.nodes:
            expect_equal(cluster.served(node, [("default", PROBE.encode())], [position]), {("default", PROBE.encode()): probed},
                         f"{node.name}: the total that holds what was acknowledged just now")
    return probed


def behind(cluster, sample, ports):
    """How many of these counters the replica has whole, with an older total than the primary, or lacks."""
    totals = []
    for port in ports:
        cluster.redis_port = port
        totals.append(cluster.cached(sample))
    primary, replica = totals
    return sum(replica.get(key) != total for key, total in primary.items())


def failover(context):
    """The address of Redis goes over to a replica that does not take writes and lacks what came last; it is made a primary; the old one
    is killed. What was acknowledged is in every read with its position, and when what was missed has run out all places agree."""
    with OwnServers(context, "redis") as primary, Replica(context, primary) as replica, \
            FaultProxy(primary.port("redis"), seed=context.seed) as address, \
            Cluster(context, "failover", {"redis.address": f"127.0.0.1:{address.port}", "redis.ttl": f"{TTL_SECONDS}s"}) as cluster:
        ports = primary.port("redis"), replica.port
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, 2 * context.seconds).start()
        traffic.wait_for(0.2)
        sample = [(counter.space, counter.name) for counter in list(traffic.ledger.counters)[-SAMPLE:]]
        probed = add_and_read_back(cluster, 0, PROBES)
        cluster.served(cluster.nodes[0], sample)
        eventually(lambda: link_is_up(replica.port) and not behind(cluster, sample, ports), 20, "the replica has what the primary has")
        replica.link.hold()  # Half-open: it hears nothing more, and does not know.
        traffic.wait_for(0.4)
        cluster.served(cluster.nodes[0], sample)
        missing = 0

        def is_behind():
            nonlocal missing
            missing = behind(cluster, sample, ports)
            return missing > 0

        eventually(is_behind, 20, "the replica is behind")
        failed = cluster.nodes[0].metric("quipu_api_cache_failures_total")
        address.turn_to(replica.port)
        probed = add_and_read_back(cluster, probed, PROBES)
        end = time.monotonic() + READ_ONLY_SECONDS
        while time.monotonic() < end:
            cluster.served(cluster.nodes[0], sample)
            time.sleep(0.5)
        refused = cluster.nodes[0].metric("quipu_api_cache_failures_total") - failed
        expect(refused > 0, "nothing was refused by a replica that takes no writes")

        primary.kill("redis")
        replica.promote()
        promoted = time.monotonic()
        cluster.redis_port = replica.port
        new = [("default", NEW.encode())]  # Of which the replica knows nothing.
        with cluster.nodes[0].http() as http:
            http.json("POST", f"/v1/counters/default/{NEW}", status=202)
        eventually(lambda: cluster.served(cluster.nodes[0], new) and cluster.cached(new), 60, "a read fills the new primary")
        context.recovered(time.monotonic() - promoted)
        probed = add_and_read_back(cluster, probed, PROBES)
        traffic.finish()
        cluster.wait_calm()
        time.sleep(TTL_SECONDS)
        finish(context, cluster, traffic, besides=[("default", PROBE.encode()), *new])
        context.note(f"the replica was behind in {missing} of {len(sample)} counters when the address went over to it; {refused:.0f} requests "
                     f"of one node were refused while it took no writes; {probed} totals were read back exactly through each node")


class Replica:
    """A Redis that follows another through a proxy, which is `link`. `with` ends both."""

    def __init__(self, context, primary):
        self.servers = OwnServers(context, "redis", name="replica")
        self.link = FaultProxy(primary.port("redis"), seed=context.seed)

    @property
    def port(self):
        return self.servers.port("redis")

    def __enter__(self):
        self.link.__enter__()
        try:
            self.servers.__enter__()
            with Resp(self.port) as redis:
                redis.must("REPLICAOF", "127.0.0.1", str(self.link.port))
        except BaseException:  # Whatever it is, nothing outlives it.
            self.__exit__()
            raise
        return self

    def promote(self):
        with Resp(self.port) as redis:
            redis.must("REPLICAOF", "NO", "ONE")

    def __exit__(self, *_):
        self.servers.down()
        self.link.__exit__()


TESTS = ()
MORE = (("redis-failover", failover),)
