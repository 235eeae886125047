"""Workers and nodes struck at places that no signal from outside hits, starved of the processor; processes whose clocks jump."""

import random
import time

from bench.cgroups import Group
from bench.preload import Preload
from bench.program import armed, failpoints, planted, struck
from fleet.cluster import Cluster
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.server import StartFailed

from .workers import finish

PASSES = (1, 3)
STRIKE_SECONDS_MAX = 30.0
TRAFFIC_TIMES = 3  # As long as other scenarios: each of the workers must find something to flush.
QUOTA_PERCENT = 5
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
YEAR = 31_556_952 * SECOND


def killed_at_points(traffic, points, victims, until, armed_one=lambda victim: None):
    """Each of the points, at each of PASSES, has one of `victims` killed in the build that has these places; it is started again as it
    is shipped. `armed_one` is told which one it will be. Returns how many fell at each."""
    fell = {}
    armed_points = [f"{point}:kill:{number}" for point in points for number in PASSES]
    for number, point in enumerate(armed_points):
        traffic.wait_for(0.05 + until * number / len(armed_points))
        victim = victims[number % len(victims)]
        victim.kill()
        try:
            start_armed(victim, point)
        except StartFailed:
            pass  # It may be struck before it is ready.
        armed_one(victim)
        eventually(lambda struck_one=victim: not struck_one.alive(), STRIKE_SECONDS_MAX, f"{victim.name} is killed at {point}")
        name = point.split(":")[0]
        expect(victim.process.wait() == -9 and struck(victim.output(), name, "kill"), f"{point} did not say so:\n{victim.output()[-2000:]}")
        fell[name] = fell.get(name, 0) + 1
        victim.supervise()
    return fell


def start_armed(role, *points):
    """Starts it in the build with failpoints. The next start is of what is shipped again."""
    role.command, shipped = planted(), role.command
    role.wrapper = armed(*points)
    try:
        role.start()
    finally:
        role.command, role.wrapper = shipped, []


def failpoint_kills(context):
    """A worker is killed between two writes of a flush, between rows and watermark, between watermark and the group's offset, in
    the build that has these places; and started again as it is shipped."""
    with Cluster(context, "failpoints", {"flush.interval": "300ms", "flush.commit_delay": "500ms"}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, TRAFFIC_TIMES * context.seconds).start()
        fell = killed_at_points(traffic, failpoints("worker"), cluster.workers, 0.8)
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note("killed " + ", ".join(f"{count} times at {name}" for name, count in fell.items()))


def node_failpoints(context):
    """An API node is killed before and behind the moment at which Kafka's client gets a frame, and between Kafka's acknowledgement and
    the client's. Then the client takes a frame for none, and an acknowledgement is lost on its way: what was under way is sent
    again, and what stands in the log twice counts once."""
    with Cluster(context, "node_failpoints") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, TRAFFIC_TIMES * context.seconds).start()

        def send_clients_to(node):
            """They stay where they are connected, until that one is gone."""
            for other in cluster.nodes:
                if other is not node:
                    other.kill()
                    other.supervise()

        fell = killed_at_points(traffic, failpoints("node"), cluster.nodes, 0.6, send_clients_to)
        killed_unknown = traffic.ledger.events["unknown"]
        failing = cluster.nodes[0]
        failing.kill()
        errors = [f"{point}:error:{number}" for point in ("node.handing", "node.acknowledged") for number in (2, 7, 12)]
        start_armed(failing, *errors)
        send_clients_to(failing)
        eventually(lambda: failing.output().count(": error at pass ") == len(errors), STRIKE_SECONDS_MAX, f"all of {errors} strike")
        cluster.wait_back(traffic)
        traffic.wait_for(0.9)

        def bite():
            resent, rebuilt = (failing.metric(f"quipu_api_{what}_total") for what in ("frames_resent", "producers_rebuilt"))
            context.note("killed " + ", ".join(f"{count} times at {name}" for name, count in fell.items())
                         + f", with {killed_unknown} events of unknown fate; after {len(errors)} errors {rebuilt:.0f} Kafka clients were "
                         f"left behind and {resent:.0f} frames sent again")
            expect(killed_unknown > 0, "no event was under way at a kill")
            expect(rebuilt > 0 and resent > 0, "no error had a frame sent again")

        finish(context, cluster, traffic, bite)


def starved(context):
    """All workers and nodes together have 5 % of a processor for a while: sessions run out, partitions move. Then they have it again."""
    with Cluster(context, "starved") as cluster, Group("cpu") as group:
        group.set("cfs_period_us", 100_000)
        group.set("cfs_quota_us", 1_000 * QUOTA_PERCENT)
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.3)
        for role in cluster.processes():
            group.add(role.pid)
        time.sleep(15.0)
        throttled = group.stat("nr_throttled")
        group.set("cfs_quota_us", -1)
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        expect(throttled > 50, f"they were held back in only {throttled} periods of 0.1 s")
        context.note(f"{len(cluster.processes())} processes had {QUOTA_PERCENT} % of a processor for 15 s: held back in {throttled} periods")


def clocks(context):
    """The wall clocks of a node and of two workers jump by up to ten years, while those of the others are right."""
    chosen = random.Random(context.seed)
    clock = Preload(context, "clock")
    with Cluster(context, "clocks") as cluster:
        wrong = [cluster.nodes[1], *cluster.workers[:2]]
        for role in wrong:
            role.kill()
            role.wrapper = clock.wrapper
            role.supervise()
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        jumps = (HOUR // 2, -HOUR, 2 * HOUR, -10 * YEAR, 10 * YEAR, chosen.randrange(-YEAR, YEAR), 0)
        for number, jump in enumerate(jumps):
            traffic.wait_for(0.1 + 0.8 * number / len(jumps))
            clock[0] = jump
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        expect(clock[1] > 100, f"the shifted clocks were asked only {clock[1]} times")
        context.note(f"{len(jumps)} jumps of the clocks of {len(wrong)} processes, asked {clock[1]} times while they were wrong")


TESTS = ()
MORE = (("worker-failpoints", failpoint_kills), ("node-failpoints", node_failpoints), ("processes-starved", starved), ("clocks-apart", clocks))
