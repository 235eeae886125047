"""The broker: killed and begun anew, and stopped until frames are given up. The topic: with partitions more, and records less."""

import json
import subprocess
import time

from fleet.cluster import Cluster
from fleet.judge import sums
from fleet.traffic import Traffic
from harness.context import eventually, expect

from .lost import judge_loss, places_agree
from .moves import quipu
from .workers import finish

SETTINGS = {"kafka.delivery_timeout": "2s", "kafka.give_up": "4s"}
STOPPED_SECONDS = 7.0
GIVEN_UP, REBUILT = "quipu_api_frames_given_up_total", "quipu_api_producers_rebuilt_total"


def total(cluster, name):
    return sum(node.metric(name) for node in cluster.nodes)


def broker(context):
    """SIGKILL of the broker, which comes back; then SIGSTOP until frames are given up, so that their fate is unknown; SIGCONT:
    it takes in what it was sent, and what has an id is sent again. No event counts twice."""
    random = context.random()
    servers = context.servers
    with Cluster(context, "broker", SETTINGS) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(random.uniform(0.2, 0.3))
        killed = servers.pid("kafka-1")
        servers.kill("kafka-1")
        servers.up("kafka-1")
        expect(servers.pid("kafka-1") != killed, "the broker was not started again")

        def resent():
            return total(cluster, "quipu_api_frames_resent_total")

        eventually(resent, 60, "a frame is sent again after the broker was killed")
        after_kill = resent()
        traffic.wait_for(random.uniform(0.55, 0.7))
        given_up = total(cluster, GIVEN_UP)
        servers.stop("kafka-1")
        time.sleep(STOPPED_SECONDS)
        servers.go_on("kafka-1")
        cluster.wait_back(traffic)

        def bite():
            context.note(f"frames sent again: {after_kill:.0f} after the kill, {resent() - after_kill:.0f} after the stop; given up: "
                         f"{given_up:.0f} and {total(cluster, GIVEN_UP) - given_up:.0f}; Kafka clients rebuilt: "
                         f"{total(cluster, REBUILT):.0f}")
            expect(total(cluster, GIVEN_UP) > given_up, "no frame was given up while the broker stood")
            expect(total(cluster, REBUILT) > 0, "no Kafka client was left behind")
            expect(traffic.ledger.events["unknown"] > 0, "no event was of unknown fate")

        finish(context, cluster, traffic, bite)


RESET = [f"reset-{number}" for number in range(40)]


def add_to_reset(node, names=RESET):
    """Adds 1 to each of the counters that were reset; returns the positions of the writes."""
    with node.http() as http:
        return [http.json("POST", f"/v1/counters/default/{name}", {"delta": 1}, status=202)["position"] for name in names]


def reset(node, names):
    """Returns the positions of the resets."""
    with node.http() as http:
        return [http.json("DELETE", f"/v1/counters/default/{name}")["position"] for name in names]


def wait_passed_on(cluster, positions):
    """Until the workers have read these resets, and all partitions know of them: events beside a reset may fall on either side of it."""
    def passed_on():
        read, owed = {}, {}
        for worker in cluster.workers:
            parted = worker.metrics()[1]
            read.update(parted.get("quipu_worker_read_offset", {}))
            owed.update(parted.get("quipu_worker_resets_owed", {}))
        places = [tuple(map(int, position.split(":")[1:])) for position in positions]
        return all(read.get(partition, 0) >= offset and owed.get(partition) == 0 for partition, offset in places)
    eventually(passed_on, 60, "all resets are passed on")


def have_read(traffic, positions):
    """Reads from now on are to include these writes as well."""
    for position in positions:
        generation, partition, offset = map(int, position.split(":"))
        traffic.positions[generation, partition] = max(offset, traffic.positions.get((generation, partition), 0))


def partitions_added(context):
    """Partitions added under traffic. They know of no reset that was before them, so they must take no event of a counter
    that was reset: also not from a node that starts later."""
    with Cluster(context, "added", partitions=6) as cluster:
        first, second = cluster.nodes
        positions = add_to_reset(first)
        reset(first, RESET)
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(context.random().uniform(0.2, 0.4))
        context.servers.kafka_tool("TopicCommand", "--alter", "--topic", cluster.stem, "--partitions", 11)
        cluster.partitions = 11
        cluster.wait_back(traffic)
        second.kill()
        second.supervise()
        positions += add_to_reset(second)
        have_read(traffic, positions)
        besides = [("default", name.encode()) for name in RESET]

        def bite():
            totals = cluster.served(first, besides)
            wrong = {name.decode(): total for (_, name), total in totals.items() if total != 1}
            expect(not wrong, f"counters that were reset and then counted 1 show {wrong}")
            context.note(f"6 partitions became 11; {len(RESET)} counters that were reset before count on")

        finish(context, cluster, traffic, bite, besides=besides)


GROWN = 11
SPREAD = [f"spread-{number}" for number in range(20)]


def refuse_growth(context, cluster, partitions, told, code=1):
    refused = context.run(quipu(cluster, "log", "grow", "--partitions", str(partitions)), code=code)
    expect(told in refused.stderr.decode(), f"growing to {partitions} said {refused.stderr.decode()!r}")


def interrupt_growth(cluster):
    """`quipu log grow`, killed when the topic has the partitions and nobody was told that they are open."""
    grow = subprocess.Popen(quipu(cluster, "log", "grow", "--partitions", str(GROWN)), stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    for line in grow.stderr:
        if "waiting until the store's watermarks" in line:
            break
    grow.kill()
    expect(grow.wait() < 0, "the growth was over before it could be killed")
    grow.stderr.close()


def grown(context):
    """`quipu log grow` under traffic, killed on its way and run again, while a worker is killed and counters are reset: the
    added partitions take events, and every total is exact."""
    settings = {"flush.commit_delay": "2s"}
    with Cluster(context, "grown", settings, partitions=6) as cluster:
        first, second = cluster.nodes
        before, during = RESET[::2], RESET[1::2]
        add_to_reset(first)
        reset(first, before)
        refuse_growth(context, cluster, 6, "6 partitions of topic grown take events already")
        refuse_growth(context, cluster, 1025, "at most 1024")
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.15)
        interrupt_growth(cluster)
        refuse_growth(context, cluster, GROWN - 1, f"topic grown has {GROWN} partitions, of which 6 take events")
        again = subprocess.Popen(quipu(cluster, "log", "grow", "--partitions", str(GROWN), "--json"),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        victim = cluster.workers[0]
        victim.kill()
        resets = reset(second, during)
        victim.supervise()
        told, said = again.communicate(timeout=120)
        expect(again.returncode == 0, f"growing ended with {again.returncode}: {told} {said}")
        told = json.loads(told)
        expect((told["partitions_before"], told["partitions"]) == (6, GROWN), f"growing answered {told}")
        expect(told["counters_reset"] >= len(before), f"growing answered {told}")
        cluster.partitions = GROWN
        second.kill()
        second.supervise()
        eventually(lambda: any(int(position.split(":")[1]) >= 6 for position in add_to_reset(first, SPREAD)), 30,
                   "a node that ran all the while writes to the added partitions")
        wait_passed_on(cluster, resets)
        have_read(traffic, add_to_reset(first) + add_to_reset(second))
        counted = [("default", name.encode()) for name in RESET]
        besides = counted + [("default", name.encode()) for name in SPREAD]

        def bite():
            taken = sorted({partition for _, partition in traffic.positions if partition >= 6})
            expect(taken == list(range(6, GROWN)), f"of the added partitions, {taken} took events")
            totals = cluster.served(first, counted)
            wrong = {name.decode(): total for (_, name), total in totals.items() if total != 2}
            expect(not wrong, f"counters that were reset and then counted 2 show {wrong}")
            context.note(f"6 partitions became {GROWN}, all of which took events; {len(RESET)} counters were reset before or meanwhile")

        finish(context, cluster, traffic, bite, besides=besides)
        refuse_growth(context, cluster, GROWN, f"{GROWN} partitions of topic grown take events already")


def trimmed(context):
    """Records that are removed before they were read: the partition stops and says so, the others go on; nothing is guessed. What
    was counted before stays, and of what came later each event is counted once or, where it was removed, not at all."""
    servers = context.servers
    with Cluster(context, "trimmed") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events // 2, context.seconds / 2).start()
        traffic.finish()
        cluster.wait_calm()
        counted = cluster.read_offsets()
        for worker in cluster.workers:
            worker.stop()
        later = Traffic(cluster.nodes, context.seed + 1, context.say, context.events // 2, context.seconds / 2).start()
        later.finish()
        lost, kept = 0, 1
        servers.trim_topic(cluster.stem, {lost: int(counted[lost]) + 3})
        for worker in cluster.workers:
            worker.start(wait=False)
        for worker in cluster.workers:
            worker.wait_ready()

        def stopped():
            found = {}
            for worker in cluster.workers:
                found.update(worker.metrics()[1].get("quipu_worker_stopped", {}))
            return found.get(lost) == 1
        eventually(stopped, 60, f"partition {lost}, of which records were removed before they were read, stops")
        eventually(lambda: cluster.read_offsets().get(kept, 0) > counted[kept], 60, "the other partitions go on")
        told = [line for worker in cluster.workers for line in worker.output().splitlines() if f"partition {lost} stopped" in line]
        expect(told, "no worker said that the partition stopped")
        cluster.must_live()
        stored, cached = places_agree(cluster, [traffic, later])
        for counter in traffic.ledger.counters:
            traffic.ledger.settle(counter, stored.get((counter.space, counter.name)), "of what was counted before")
        traffic.check()
        missing = judge_loss(later, stored)
        cluster.stop()
        context.note(told[0].partition("error ")[2])
        context.note(sums(traffic))
        context.note(f"{len(stored)} totals agree in the store and over HTTP, {cached} in Redis")
        context.note(f"{missing} of {later.settled()} later events are missing, none is there twice")


GROUPS = "consumer.group.ConsumerGroupCommand"


def group_gone(context):
    """An operator deletes the group with its offsets while no worker runs: they are a hint alone, and the workers go on from
    their watermarks, neither from the beginning nor from the end."""
    servers = context.servers
    with Cluster(context, "groupless") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.4)
        for worker in cluster.workers:
            worker.stop()
        traffic.wait_for(0.6)  # So that there is something behind the watermarks.
        known = servers.kafka_tool(GROUPS, "--describe", "--group", cluster.stem)
        expect(cluster.stem in known, f"Kafka does not know the group: {known}")
        servers.kafka_tool(GROUPS, "--delete", "--group", cluster.stem)
        expect(cluster.stem not in servers.kafka_tool(GROUPS, "--list").split(), "the group is still there")
        for worker in cluster.workers:
            worker.start(wait=False)
        for worker in cluster.workers:
            worker.wait_ready()
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note("the group was deleted with its offsets; the workers went on from their watermarks")


TESTS = (("broker", broker),)
MORE = (("group-deleted", group_gone), ("partitions-added", partitions_added), ("log-grown", grown), ("records-trimmed", trimmed))
