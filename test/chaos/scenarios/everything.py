"""All processes and all servers killed at once."""

import signal

from fleet.cluster import Cluster
from fleet.traffic import Traffic
from harness.context import expect

from .workers import aim, finish

SERVERS = ("kafka-1", "cassandra-1", "redis")


def killed(context):
    """SIGKILL of every node and worker, of Kafka, Cassandra and Redis in one moment, in which something is not flushed; all are
    started again."""
    random = context.random()
    with Cluster(context, "everything") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(random.uniform(0.3, 0.6))
        aim(cluster.workers[:2])
        unflushed = sum(worker.has_unflushed() for worker in cluster.workers)
        for role in cluster.processes():
            role.process.send_signal(signal.SIGKILL)
        for name in SERVERS:
            context.servers.kill(name)
        for role in cluster.processes():
            role.kill()
        context.servers.up(*SERVERS)
        for role in cluster.processes():
            role.supervise()
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        expect(unflushed > 0, "nothing was unflushed when everything was killed")
        expect(traffic.broken > 0, "no client lost its connection")
        context.note(f"{len(cluster.processes())} processes and {len(SERVERS)} servers were killed at once, {unflushed} workers with frames "
                     "that were not flushed")


TESTS = ()
MORE = (("everything-killed", killed),)
