"""Three brokers: one of them killed, and a follower that lags made leader."""

import json

from fleet.cluster import Cluster
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import eventually, expect

from .lost import adopt, loss_is_named
from .workers import finish


def over(context, stem, brokers, settings=None):
    return Cluster(context, stem, {"kafka.brokers": brokers.address["kafka"], "kafka.replication": 3, **(settings or {})})


class Copies:
    """Who has a partition: by the numbers of the brokers. `leader` is None where there is none."""

    def __init__(self, words):
        def numbers(name):
            return {int(one) for one in words[words.index(name) + 1].split(",") if one.isdigit()} if name in words else set()
        self.leader = next(iter(numbers("Leader:")), None)
        self.replicas = numbers("Replicas:")
        self.in_sync = numbers("Isr:")


def copies(brokers, topic):
    """{partition: Copies}."""
    found = {}
    for line in brokers.kafka_tool("TopicCommand", "--describe", "--topic", topic).splitlines():
        words = line.split()
        if "Partition:" in words:
            found[int(words[words.index("Partition:") + 1])] = Copies(words)
    return found


def one_of_three(context):
    """SIGKILL of each broker in turn, which comes back; the other two go on meanwhile."""
    random = context.random()
    with OwnServers(context, "kafka", brokers=3) as brokers, over(context, "three", brokers) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        moved = 0
        for turn, number in enumerate(random.sample((1, 2, 3), 3)):
            traffic.wait_for((turn + random.uniform(0.1, 0.3)) / 3)
            led = [partition for partition, found in copies(brokers, cluster.stem).items() if found.leader == number]
            brokers.kill(f"kafka-{number}")

            def taken_over():
                now = copies(brokers, cluster.stem)
                return all(now[partition].leader not in (None, number) for partition in led)

            eventually(taken_over, 60, f"the partitions that broker {number} led have other leaders")
            sent = traffic.settled()
            eventually(lambda: traffic.settled() > sent or not traffic.running(), 60, f"events are taken without broker {number}")
            moved += len(led)
            brokers.up(f"kafka-{number}")
            eventually(lambda: all(len(found.in_sync) == 3 for found in copies(brokers, cluster.stem).values()), 90,
                       f"broker {number} is in sync again")
        finish(context, cluster, traffic)
        expect(moved > 0, "no broker led a partition when it was killed")
        context.note(f"3 brokers were killed one after the other; {moved} partitions got another leader")


def elect(brokers, topic, partitions):
    """Has brokers lead that are not in sync: an operator's own doing."""
    wish = brokers.directory / "elect.json"
    wish.write_text(json.dumps({"partitions": [{"topic": topic, "partition": partition} for partition in partitions]}))
    brokers.kafka_tool("LeaderElectionCommand", "--election-type", "unclean", "--path-to-json-file", wish)


def unclean(context):
    """A follower that was away is made leader (two copies of each partition, an unclean election): what it lacks was
    acknowledged and is gone. That is found and named, what both had stays whole, and `quipu log adopt` goes on."""
    with OwnServers(context, "kafka", brokers=3) as brokers, over(context, "unclean", brokers, {"kafka.replication": 2}) as cluster:
        whole = None
        if context.all:  # All events of a scenario before the loss; where they are few for a quick look, the traffic of the loss is enough.
            whole = Traffic(cluster.nodes, context.seed + 2, context.say, context.events, context.seconds).start()
            whole.finish()
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds * 4).start()
        traffic.wait_for(0.05)
        now = copies(brokers, cluster.stem)
        leader = now[0].leader
        follower, = now[0].replicas - {leader}
        torn = [partition for partition, found in now.items() if found.replicas == {leader, follower}]

        brokers.kill(f"kafka-{follower}")
        eventually(lambda: all(copies(brokers, cluster.stem)[partition].in_sync == {leader} for partition in torn), 60,
                   "the leader is the only one in sync")
        traffic.wait_for(traffic.share() + 0.15)  # What it acknowledges now, the other does not have.
        brokers.kill(f"kafka-{leader}")
        brokers.up(f"kafka-{follower}")
        eventually(lambda: all(copies(brokers, cluster.stem)[partition].leader is None for partition in torn), 60,
                   "the partitions whose leader is gone have none")
        elect(brokers, cluster.stem, torn)
        brokers.up(f"kafka-{leader}")
        context.note(f"partitions {', '.join(map(str, torn))} are led by a broker that was away for what it lacks")
        loss_is_named(context, cluster, traffic, torn, whole)
        adopt(context, cluster, cluster.stem + "-next")


MORE = (("broker-of-three", one_of_three), ("unclean-election", unclean))
