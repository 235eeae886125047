"""A history of concurrent sessions at two nodes while workers and nodes are killed, judged by test/histories/check.py."""

import signal
import time

from fleet.cluster import Cluster
from harness.context import expect
from harness.history import Recorder, Sessions, must_hold

ID_WINDOW = 1_000_000  # The default.
PACE_SECONDS = 0.02    # Between two requests of a session: the servers have the same processors.


def histories(context):
    """Bounds, once per id, positions, what `as_of` says, and one total in the store and at each node."""
    chance = context.random()
    recorder = Recorder(context.directory / "history.jsonl", "distributed", ID_WINDOW)
    with Cluster(context, "histories") as cluster:
        sessions = Sessions(cluster.nodes, recorder, context.seed, pace=PACE_SECONDS).start()
        end = time.monotonic() + context.seconds
        kills = 0
        while time.monotonic() < end:
            time.sleep(chance.uniform(1.0, 4.0))
            victim = chance.choice(cluster.workers if kills % 2 else cluster.nodes)
            victim.process.send_signal(signal.SIGKILL)
            victim.kill()
            kills += 1
            recorder.note(f"kill {kills}: {victim.name}")
            victim.supervise()
        sessions.be_calm()
        sessions.finish()
        context.recovered(cluster.wait_calm())
        cluster.must_live()
        stored = cluster.stored()
        recorder.settled("store", {name: stored.get(("default", name.encode()), 0) for name in sessions.names})
        after = ",".join(f"{generation}:{partition}:{offset}" for (generation, partition), offset in sessions.furthest.items())
        for node in cluster.nodes:
            sessions.read_all(node, node.name, after=after)
        cluster.stop()
    expect(recorder.outcomes["unknown"] > 0, "no kill fell while a request was under way")
    must_hold(context, recorder, kills)
    context.note(f"{kills} kills of nodes and workers")


TESTS = (("histories", histories),)
