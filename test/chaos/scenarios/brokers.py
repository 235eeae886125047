"""Three brokers: one of them killed, all of them, and a follower that lags made leader."""

import collections
import json
import os
import threading
import time

from fleet.cluster import Cluster
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.server import resident_bytes
from harness.wire import Http, Lost

from .kafka import SETTINGS
from .lost import adopt, loss_is_named
from .workers import finish

AWAY_SECONDS = 300.0
AWAY_SECONDS_OF_A_LOOK = 45.0
PRESSED_SECONDS = 8.0  # Longer than a frame is sent again (SETTINGS).
ANSWER_SECONDS_MAX = 60.0
GROWTH_BYTES_MAX = 24 << 20
BUSY_MAX = 0.1  # Of a processor. One that connected without a pause took most of one.
PROBE = "while-no-broker-is-there"


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
        cluster.wait_back(traffic)
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


def processor_seconds(pid):
    """What a process has taken of the processors."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Asks each node for one more event every second, and looks at the memory of every process: how much it has, by second."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.outcomes = collections.Counter()
        self.memory = []

    def look(self, node):
        """Sends an event; its outcome counts."""
        try:
            with Http(node.http_port, ANSWER_SECONDS_MAX) as http:
                outcome = http.call("POST", f"/v1/counters/default/{PROBE}").outcome()
        except Lost:
            outcome = "lost"
        self.outcomes[outcome] += 1

    def look_all(self, seconds):
        """For so many seconds; both nodes at once, since each may hold its answer until it gives a frame up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asking = [threading.Thread(target=self.look, args=(node,)) for node in self.cluster.nodes]
            for each in asking:
                each.start()
            self.memory.append({role.name: resident_bytes(role.pid) for role in self.cluster.processes()})
            time.sleep(1.0)
            for each in asking:
                each.join()

    def growth(self, since):
        """By how much memory each process has grown at most since that look."""
        return max(found[name] - self.memory[since][name] for found in self.memory[since:] for name in found)


def all_away(context):
    """SIGKILL of all three brokers, for five minutes where all scenarios run: every event is answered as busy or unknown, no process
    ends, grows or spins. When they are back all goes on by itself."""
    seconds = AWAY_SECONDS if context.all else AWAY_SECONDS_OF_A_LOOK
    with OwnServers(context, "kafka", brokers=3) as brokers, over(context, "away", brokers, SETTINGS) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, 2 * context.seconds).start()
        traffic.wait_for(0.4)
        brokers.kill("kafka-1", "kafka-2", "kafka-3")
        time.sleep(PRESSED_SECONDS)  # Clients go on: what may wait is full now.
        traffic.pause()
        acked = traffic.ledger.events["acked"]
        watch = Watch(cluster)
        spent = {role.name: processor_seconds(role.pid) for role in cluster.processes()}
        began = time.monotonic()
        watch.look_all(seconds)
        cluster.must_live()
        busiest = max(processor_seconds(role.pid) - spent[role.name] for role in cluster.processes()) / (time.monotonic() - began)
        expect(busiest <= BUSY_MAX, f"a process took {busiest:.0%} of a processor while there was no broker to talk to")
        expect(not watch.outcomes.keys() - {"busy", "unknown"}, f"without a broker events were answered {dict(watch.outcomes)}")
        late = traffic.ledger.events["acked"] - acked
        expect(late == 0, f"{late} events were acknowledged without a broker")
        grown = watch.growth(len(watch.memory) // 3)
        expect(grown <= GROWTH_BYTES_MAX, f"a process grew by {grown >> 20} MiB while no broker was there")
        brokers.up("kafka")
        back = time.monotonic()
        traffic.go_on()
        settled = traffic.ledger.events["acked"]
        eventually(lambda: traffic.ledger.events["acked"] > settled, 120, "events are acknowledged when the brokers are back")
        acknowledged = time.monotonic() - back
        cluster.wait_owned(120)
        context.recovered(time.monotonic() - back)
        finish(context, cluster, traffic, besides=[("default", PROBE.encode())])
        counted = cluster.stored().get(("default", PROBE.encode()), 0)
        expect(counted <= watch.outcomes["unknown"], f"{counted} events are counted, {watch.outcomes['unknown']} were of unknown fate")
        context.note(f"3 brokers were away for {seconds:.0f} s: {watch.outcomes['busy']} events answered as busy, {watch.outcomes['unknown']} as "
                     f"unknown, of which {counted} count; no process grew by more than {grown / (1 << 20):.1f} MiB or took more than "
                     f"{busiest:.0%} of a processor; the first event was acknowledged {acknowledged:.1f} s after they were back")


MORE = (("broker-of-three", one_of_three), ("brokers-away", all_away), ("unclean-election", unclean))
