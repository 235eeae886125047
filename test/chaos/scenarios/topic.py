"""The topic under a running fleet: its settings altered, and written into it what is no frame of it."""

import json
import time

from fleet import records
from fleet.cluster import Cluster
from fleet.traffic import Traffic
from harness.context import eventually, expect, expect_equal
from harness.wire import Lost

from .kafka import SETTINGS
from .lost import behind, judge_loss, places_agree, stopped
from .workers import finish

CHECKED_SECONDS_MAX = 90.0  # Settings are looked at every minute.
STOP_SECONDS_MAX = 60.0
CONFIG = "kafka.admin.ConfigCommand"


def alter(cluster, **settings):
    words = ",".join(f"{name.replace('_', '.')}={value}" for name, value in settings.items())
    cluster.servers.kafka_tool(CONFIG, "--alter", "--entity-type", "topics", "--entity-name", cluster.stem, "--add-config", words)


def alter_within(cluster, traffic, **settings):
    """The tool takes longer than the traffic may: that stands still meanwhile, and goes on over the new settings."""
    traffic.pause()
    alter(cluster, **settings)
    traffic.go_on()
    expect(traffic.running() and traffic.share() < 1, "there is no traffic left for the new settings")


class Probe:
    """Adds 1 to a counter of its own: what became of it, and how often."""

    NAME = "while-the-topic-is-altered"

    def __init__(self):
        self.acked = self.unknown = 0
        self.words = b""

    def __call__(self, node):
        """Whether the event was taken."""
        try:
            with node.http() as http:
                answer = http.call("POST", f"/v1/counters/default/{self.NAME}")
        except Lost as lost:
            self.unknown += 1
            self.words = str(lost).encode()
            return False
        self.words = answer.body
        if answer.status == 202:
            self.acked += 1
            return True
        self.unknown += answer.outcome() == "unknown"
        return False

    def refused_for(self, node, setting):
        return not self(node) and setting.encode() in self.words


def settings_altered(context):
    """cleanup.policy = compact and a retention, set by mistake with Kafka's own tool: within its round each node takes no event any more
    and names the setting, workers count on, and one that starts refuses to. Set right, all go on by themselves. Then a
    max.message.bytes below the frames: what does not fit is never acknowledged, and comes through when it is set right."""
    with Cluster(context, "altered", SETTINGS) as cluster:
        first, second = cluster.nodes
        probe = Probe()
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.3)
        alter_within(cluster, traffic, cleanup_policy="[compact]", retention_ms=604800000)
        time.sleep(1.0)
        traffic.pause()
        for node in cluster.nodes:
            eventually(lambda: probe.refused_for(node, "cleanup.policy = compact"), CHECKED_SECONDS_MAX,
                       f"{node.name} takes no event and names cleanup.policy")
        told = json.loads(probe.words)
        second.kill()
        code, said = second.run_to_end(40.0)
        expect(code != 0 and "cleanup.policy = compact" in said and "retention.ms = 604800000" in said,
               f"a node that starts on these settings ended with {code} and said:\n{said}")
        alter(cluster, cleanup_policy="delete", retention_ms=-1)
        second.supervise()
        eventually(lambda: probe(first), CHECKED_SECONDS_MAX, f"{first.name} takes events again by itself")
        traffic.go_on()
        traffic.wait_for(0.5)
        refused = too_large(cluster)
        alter_within(cluster, traffic, max_message_bytes=230)
        eventually(lambda: too_large(cluster) > refused, CHECKED_SECONDS_MAX, "a frame is above max.message.bytes")
        traffic.pause()
        eventually(lambda: all("max.message.bytes = 230" in node.output() for node in cluster.nodes), CHECKED_SECONDS_MAX,
                   "nodes name max.message.bytes")
        large = too_large(cluster) - refused
        alter(cluster, max_message_bytes=8388608)
        traffic.go_on()

        def bite():
            counted = cluster.served(first, [("default", Probe.NAME.encode())])["default", Probe.NAME.encode()]
            expect(probe.acked <= counted <= probe.acked + probe.unknown,
                   f"{probe.acked} events beside the traffic were acknowledged, {probe.unknown} of unknown fate, {counted} counted")
            context.note(f"2 nodes and one that started refused: {told['detail']}; {large:.0f} times a client was left behind over frames "
                         "that were too large for the topic")

        finish(context, cluster, traffic, bite, besides=[("default", Probe.NAME.encode())])


def too_large(cluster):
    """How often nodes said that the broker found a frame too large."""
    return sum(node.output().count("Message size too large") for node in cluster.nodes)


def produce_by_tool(cluster, size, count):
    """Records of letters by Kafka's own tool, each into another partition."""
    cluster.servers.kafka_program("ProducerPerformance", "--topic", cluster.stem, "--num-records", count, "--record-size", size,
                                  "--throughput", "-1", "--producer-props", f"bootstrap.servers={cluster.servers.address['kafka']}",
                                  "max.request.size=8388608", "buffer.memory=67108864",
                                  "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner")


def said_of(cluster, partition, but=None):
    """What a worker said when it stopped there, another than `but`."""
    for worker in cluster.workers:
        if worker.name == but:
            continue
        for line in worker.output().splitlines():
            if f"partition {partition} stopped" in line:
                return line.partition(" stopped: ")[2]
    return ""


def frame_of_another_log(context):
    """A sound frame of partition 0 of some other topic."""
    with Cluster(context, "elsewhere", nodes=1, workers=1, partitions=1) as other:
        with other.nodes[0].http() as http:
            expect_equal(http.call("POST", "/v1/counters/default/elsewhere").status, 202, "an event of another log")
        values = records.values_on_disk(other.servers.directory / "kafka-1", other.stem, 0)
        other.stop()
    expect(values and values[0].startswith(b"QFRM"), "there is no frame of the other log on the broker's disk")
    return values[0]


def strange_records(frames, stranger):
    """What to write, and what the alarm must say of it. `frames`: sound ones of this log, by partition."""
    partition = next(iter(frames))
    mine = frames[partition][0]
    newer = bytearray(mine)
    newer[4] = 2
    flipped = bytearray(mine)
    flipped[-1] ^= 1
    return ((None, "cut off in the header"), (bytes(newer), "version 2"), (bytes(flipped), "checksum"),
            (stranger, "another log"), (mine, f"holds a frame of partition {partition}"))


def strange_written(context):
    """Into a topic that workers read: frames of its own once more, which count once; then letters and records beyond a frame's bound
    by Kafka's own tool, an empty record, a frame of a newer version, a damaged one, one of another log and one of another
    partition, each in a partition of its own. Each stops and is named, also by who takes it over; the others go on."""
    stranger = frame_of_another_log(context)
    with Cluster(context, "garbage", partitions=14) as cluster:
        servers = cluster.servers
        port = servers.port("kafka")
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events // 2, context.seconds / 2).start()
        traffic.finish()
        frames = {partition: records.values_on_disk(servers.directory / "kafka-1", cluster.stem, partition)
                  for partition in range(cluster.partitions)}
        expect(all(frames.values()), "a partition has no frame")
        copies = 0
        for partition, values in frames.items():
            for value in values[:5]:
                records.write(port, cluster.stem, partition, value)
                copies += 1
        cluster.wait_calm()
        totals = cluster.stored()
        for counter in traffic.ledger.counters:
            traffic.ledger.settle(counter, totals.get((counter.space, counter.name)), "after frames stood in the log twice")
        traffic.check()

        later = Traffic(cluster.nodes, context.seed + 1, context.say, context.events // 2, context.seconds / 2).start()
        later.wait_for(0.2)
        later.pause()
        produce_by_tool(cluster, 100, 1)
        eventually(lambda: len(stopped(cluster)) == 1, STOP_SECONDS_MAX, "a partition with letters stops")
        produce_by_tool(cluster, (4 << 20) + 100, 2)
        eventually(lambda: len(stopped(cluster)) >= 2, STOP_SECONDS_MAX, "a partition with a record beyond a frame's bound stops")
        sound = [partition for partition in range(cluster.partitions) if partition not in stopped(cluster)]
        wanted = dict.fromkeys(stopped(cluster), "no frame")
        # That of another partition is one of the last, where nothing strange is written.
        for partition, (value, word) in zip(sound, strange_records({sound[-1]: frames[sound[-1]]}, stranger)):
            records.write(port, cluster.stem, partition, value)
            wanted[partition] = word
        eventually(lambda: set(wanted) <= set(stopped(cluster)), STOP_SECONDS_MAX, f"partitions {sorted(wanted)} stop")
        later.go_on()
        first, owner = next(iter(stopped(cluster).items()))
        before = said_of(cluster, first)
        victim = next(worker for worker in cluster.workers if worker.name == owner)
        victim.kill()
        cluster.wait_owned(without=[owner])
        eventually(lambda: stopped(cluster).get(first) not in (None, owner), STOP_SECONDS_MAX,
                   f"who takes over partition {first} stops there as well")
        expect_equal(said_of(cluster, first, but=owner), before, f"why partition {first} stopped, told by another worker")
        victim.supervise()
        later.finish()
        cluster.wait_owned()
        eventually(lambda: set(stopped(cluster)) == set(wanted), STOP_SECONDS_MAX, f"partitions {sorted(wanted)} and no other stand")
        eventually(lambda: behind(cluster, wanted) == (0, cluster.partitions), STOP_SECONDS_MAX,
                   "the other partitions are counted to their ends")
        for partition, word in wanted.items():
            expect(word in said_of(cluster, partition), f"partition {partition} should have stopped over {word!r} and said "
                                                        f"{said_of(cluster, partition)!r}")
        status = json.loads(context.run([*cluster.command, "log", "status", "--json", *cluster.set_words]).stdout)
        for partition in wanted:
            expect(any(f"partition {partition}" in finding for finding in status["findings"]),
                   f"log status should name what stands in partition {partition}: {status['findings']}")
        cluster.must_live()
        stored, cached = places_agree(cluster, [traffic, later])
        changed = [key for key, total in totals.items() if stored.get(key) != total]
        expect(not changed, f"{len(changed)} totals of before changed, such as {changed[:3]}")
        missing = judge_loss(later, stored)
        cluster.stop()
        context.note(f"{copies} frames stood in the log once more and counted once; {len(wanted)} of {cluster.partitions} partitions "
                     f"stopped, each with its reason: " + "; ".join(said_of(cluster, partition) for partition in wanted))
        context.note(f"{missing} of {later.settled()} later events stand behind them and are not counted, none is there twice; "
                     f"{len(stored)} totals agree in the store and over HTTP, {cached} in Redis")


TESTS = ()
MORE = (("topic-altered", settings_altered), ("strange-records", strange_written))
