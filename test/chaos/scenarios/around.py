"""What stands around the count: the cache, which may go at any time, and the topic, which may not."""

from fleet.cluster import Cluster
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.wire import Lost, Resp

from .lost import adopt
from .moves import quipu
from .workers import finish


def redis_and_topic(context):
    """Redis flushed and killed under traffic and reads; then the topic is deleted and made anew: named, and refused by those that
    run and by one that starts; adopted when it is empty, and no earlier."""
    random = context.random()
    servers = context.servers
    with Cluster(context, "around") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(random.uniform(0.2, 0.3))
        sample = [(counter.space, counter.name) for counter in list(traffic.ledger.counters)[:50]]
        cluster.served(cluster.nodes[0], sample)
        eventually(lambda: cluster.cached(sample), 10, "reads fill Redis")
        with Resp(servers.port("redis")) as redis:
            redis.must("FLUSHALL")
        expect(not traffic.ledger.violations, "a violation while Redis was flushed")
        traffic.wait_for(random.uniform(0.4, 0.5))
        servers.kill("redis")
        eventually(lambda: not cluster.workers[0].metric("quipu_worker_cache_reachable"), 15, "a worker sees that Redis is gone")
        failures = cluster.nodes[0].metric("quipu_api_cache_failures_total")
        cluster.served(cluster.nodes[0], sample)
        expect(cluster.nodes[0].metric("quipu_api_cache_failures_total") > failures, "no read met a Redis that was gone")
        traffic.wait_for(0.8)
        servers.up("redis")
        cluster.wait_back(traffic)
        finish(context, cluster, traffic, bite=lambda: eventually(
            lambda: cluster.workers[0].metric("quipu_worker_cache_reachable"), 15, "workers find Redis again"), stop=False)
        made_anew(context, cluster)


def made_anew(context, cluster):
    """Offsets mean nothing in another topic, even of the same name and length."""
    before = cluster.stored()
    make_anew(cluster)
    for worker in cluster.workers:
        eventually(lambda: "log adopt" in worker.output(), 30, f"{worker.name} says that the topic is another one")
    for node in cluster.nodes:
        eventually(lambda: refuses(node), 60, f"{node.name} takes no event and says that the topic is another one")
    victim = cluster.workers[0]
    victim.kill()
    code, said = victim.run_to_end()
    expect(code != 0 and "log adopt" in said, f"a worker that starts on another topic ended with {code} and said:\n{said}")
    cluster.must_live(victim)
    expect(cluster.stored() == before, "totals changed after the topic was made anew")
    cluster.stop()
    context.note("another topic under the same name was refused by 2 nodes, 5 workers and one that started; totals stayed")
    servers = cluster.servers
    servers.kafka_program("ProducerPerformance", "--topic", cluster.stem, "--num-records", 1, "--record-size", 100, "--throughput",
                          "-1", "--producer-props", f"bootstrap.servers={servers.address['kafka']}")
    refused = context.run(quipu(cluster, "log", "adopt"), code=None)
    said = refused.stdout.decode() + refused.stderr.decode()
    expect(refused.returncode != 0 and "partition" in said, f"a topic with a record that is no frame: {said}")
    make_anew(cluster)
    adopt(context, cluster, cluster.stem)


def make_anew(cluster):
    """The topic under its name, without any record."""
    servers = cluster.servers
    servers.kafka_tool("TopicCommand", "--delete", "--topic", cluster.stem)
    eventually(lambda: servers.kafka_tool("TopicCommand", "--list").split().count(cluster.stem) == 0, 30, "the topic goes")
    servers.kafka_tool("TopicCommand", "--create", "--topic", cluster.stem, "--partitions", cluster.partitions,
                       "--replication-factor", 1, "--config", "retention.ms=-1", "--config", "max.message.bytes=8388608")


def refuses(node):
    """Whether no event is taken any more, by the name of what is wrong: in the answer, or, where an event was under way when
    it was found, in the node's last words."""
    try:
        with node.http() as http:
            answer = http.call("POST", "/v1/counters/default/after-the-topic")
    except Lost:
        if node.alive():
            return False
        code = node.process.wait()
        expect(code != 0 and "log adopt" in node.output(), f"{node.name} ended with {code} and said:\n{node.output()[-2000:]}")
        node.told_to_end = True
        return True
    expect(answer.status != 202, f"{node.name} took an event for a topic that is gone")
    return b"log adopt" in answer.body


TESTS = (("redis-and-topic", redis_and_topic),)
