"""The store under workers that live on: killed, slow, forgetful."""

import time

from fleet.cluster import Cluster
from fleet.cql import Cql
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import eventually, expect

from .workers import finish


def returns(cluster):
    return sum(worker.metric("quipu_worker_returns_total") for worker in cluster.workers)


def cassandra(context):
    """SIGKILL of Cassandra, twice, under workers that live on. A worker that is started while it is away waits for it."""
    random = context.random()
    servers = context.servers
    with Cluster(context, "store", {"cassandra.request_timeout": "2s"}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        found = []
        for number in range(2):
            traffic.wait_for((number + random.uniform(0.3, 0.5)) / 2)
            before = returns(cluster)
            killed = servers.pid("cassandra-1")
            servers.kill("cassandra-1")
            if number == 1:
                late = cluster.workers[-1]
                late.kill()
                late.start(wait=False)
            servers.up("cassandra-1")
            expect(servers.pid("cassandra-1") != killed, "Cassandra was not started again")
            eventually(lambda: returns(cluster) > before, 60, "workers return to their watermarks after Cassandra's restart")
            found.append(returns(cluster) - before)
            if number == 1:
                late.wait_ready()
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note(f"after the {len(found)} kills workers returned to their watermarks in "
                     f"{' and '.join(f'{count:.0f}' for count in found)} partitions")


def one_of_three(context):
    """SIGKILL of each node of Cassandra in turn, which comes back; the other two go on meanwhile, and workers see every start."""
    random = context.random()
    with OwnServers(context, "cassandra", cassandra=3) as nodes, Cluster(context, "three_nodes", {
            "cassandra.contact_points": nodes.address["cassandra"], "cassandra.replication": 3,
            "cassandra.request_timeout": "2s"}) as cluster:
        cluster.cassandra_port = nodes.port("cassandra")
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds * 2).start()
        gone, back = 0, 0
        for turn, number in enumerate(random.sample((1, 2, 3), 3)):
            traffic.wait_for((turn + random.uniform(0.1, 0.3)) / 3)
            before = returns(cluster)
            nodes.kill(f"cassandra-{number}")
            eventually(lambda: returns(cluster) > before, 60, f"workers see that node {number} went away")
            flushed = sum(worker.metric("quipu_worker_rows_flushed_total") for worker in cluster.workers)
            eventually(lambda: sum(worker.metric("quipu_worker_rows_flushed_total") for worker in cluster.workers) > flushed
                       or not traffic.running(), 60, f"rows are written without node {number}")
            between = returns(cluster)
            nodes.up(f"cassandra-{number}")
            eventually(lambda: returns(cluster) > between, 60, f"workers see that node {number} has started again")
            gone, back = gone + between - before, back + returns(cluster) - between
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note(f"3 nodes were killed one after the other; workers returned to their watermarks in {gone:.0f} partitions when one "
                     f"went away, in {back:.0f} when it was back")


def repeated(cluster):
    """Requests of workers that were made again, by the store's client or, after a while, by themselves."""
    return sum(worker.metric(f"quipu_worker_store_{what}_total") for worker in cluster.workers for what in ("repeats", "failures"))


def slow(context):
    """Cassandra that stands still for seconds at a time, so that writes time out and are sent again as they are."""
    random = context.random()
    servers = context.servers
    with Cluster(context, "slow", {"cassandra.request_timeout": "1s"}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        before = repeated(cluster)
        for number in range(4):
            traffic.wait_for((number + random.uniform(0.2, 0.8)) / 4)
            servers.stop("cassandra-1")
            time.sleep(random.uniform(2.0, 8.0))
            servers.go_on("cassandra-1")
        cluster.wait_back(traffic)
        timed_out = repeated(cluster) - before
        finish(context, cluster, traffic)
        expect(timed_out > 0, "no request of a worker timed out")
        context.note(f"{timed_out:.0f} requests of workers got no answer in time and were made again")


def stray_delete(context):
    """Rows deleted by hand, while they change and when nothing does: no total is lost to it."""
    servers = context.servers
    with Cluster(context, "stray") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        deleted = 0
        for share in (0.3, 0.6, 0.9):
            traffic.wait_for(share)
            deleted += delete_some(servers.port("cassandra"), cluster.stem)
        traffic.finish()
        cluster.wait_calm()
        deleted += delete_some(servers.port("cassandra"), cluster.stem)
        finish(context, cluster, traffic)
        expect(deleted > 0, "nothing was deleted")
        context.note(f"{deleted} counters were deleted by CQL")


def delete_some(port, keyspace):
    """DELETE of up to 50 counters that have rows."""
    with Cql(port) as cql:
        found = {(space, counter) for space, counter in cql.rows(f"SELECT namespace, counter FROM {keyspace}.counters LIMIT 500")}
        for space, counter in list(found)[:50]:
            cql.run(f"DELETE FROM {keyspace}.counters WHERE namespace = '{space.decode()}' AND counter = 0x{counter.hex()}")
        return min(50, len(found))


TESTS = (("cassandra-kills", cassandra),)
MORE = (("cassandra-slow", slow), ("cassandra-of-three", one_of_three), ("stray-delete", stray_delete))
