"""Workers struck at places that no signal from outside hits, starved of the processor; processes whose clocks jump."""

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


def failpoint_kills(context):
    """A worker is killed between two writes of a flush, between rows and watermark, between watermark and the group's offset, in
    the build that has these places; and started again as it is shipped."""
    points = [f"{point}:kill:{number}" for point in failpoints("distributed") for number in PASSES]
    with Cluster(context, "failpoints", {"flush.interval": "300ms", "flush.commit_delay": "500ms"}) as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, TRAFFIC_TIMES * context.seconds).start()
        fell = {}
        for number, point in enumerate(points):
            traffic.wait_for(0.05 + 0.8 * number / len(points))
            victim = cluster.workers[number % len(cluster.workers)]
            victim.kill()
            victim.command, shipped = planted(), victim.command
            victim.wrapper = armed(point)
            try:
                victim.start()
            except StartFailed:
                pass  # It may be struck before it is ready.
            eventually(lambda worker=victim: not worker.alive(), STRIKE_SECONDS_MAX, f"{victim.name} is killed at {point}")
            name = point.split(":")[0]
            expect(victim.process.wait() == -9 and struck(victim.output(), name, "kill"), f"{point} did not say so:\n{victim.output()[-2000:]}")
            fell[name] = fell.get(name, 0) + 1
            victim.command, victim.wrapper = shipped, []
            victim.supervise()
        finish(context, cluster, traffic)
        context.note("killed " + ", ".join(f"{count} times at {name}" for name, count in fell.items()))


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
        cluster.wait_owned()
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
        finish(context, cluster, traffic)
        expect(clock[1] > 100, f"the shifted clocks were asked only {clock[1]} times")
        context.note(f"{len(jumps)} jumps of the clocks of {len(wrong)} processes, asked {clock[1]} times while they were wrong")


TESTS = ()
MORE = (("worker-failpoints", failpoint_kills), ("processes-starved", starved), ("clocks-apart", clocks))
