"""From one process to many, and from one topic to the next: totals stay."""

import json
import signal
import subprocess
import time

from fleet.cluster import Cluster, Role
from fleet.cql import Cql
from harness.context import expect, expect_equal
from harness.operations import NDJSON

COUNTERS = 20_000
RESET = 300  # Of those, so many are reset before; every third of these counts on.
AT_ONCE = 5_000
COUNT_ON = 500


def add(http, deltas):
    """Adds to counters of namespace default: {name: delta}."""
    names = list(deltas)
    for begin in range(0, len(names), AT_ONCE):
        lines = "\n".join(json.dumps({"counter": name, "delta": deltas[name]}) for name in names[begin:begin + AT_ONCE])
        answer = http.call("POST", "/v1/events", lines.encode(), NDJSON)
        expect_equal(answer.status, 202, "the batch")


def count_in_one_process(context):
    """Fills a data directory; returns it, and what each counter comes to."""
    totals = {f"c{number}": number % 7 + 1 for number in range(COUNTERS)}
    with context.server() as server:
        server.start()
        with server.http() as http:
            add(http, totals)
            for number in range(RESET):
                http.json("DELETE", f"/v1/counters/default/c{number}")
                totals[f"c{number}"] = 0
            again = {f"c{number}": 5 for number in range(0, RESET, 3)}
            add(http, again)
            totals.update(again)
        server.stop()
        return server.data, totals


def quipu(cluster, *words):
    return [*cluster.command, *words, *cluster.set_words]


def has_begun(cluster):
    """Whether the store says which log it counts from, or that it is being filled."""
    try:
        with Cql(cluster.servers.port("cassandra")) as cql:
            return any(name == b"cluster" for name, in cql.rows(f"SELECT name FROM {cluster.stem}.settings"))
    except AssertionError:  # No such keyspace or table yet.
        return False


def interrupt_migration(cluster, command):
    """SIGKILL as soon as it has begun: nothing starts on half of the totals."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not has_begun(cluster) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    expect_equal(process.wait(), -signal.SIGKILL, "the migration was over before it could be killed; its exit code")
    code, said = Role(cluster, "too-early", "api").run_to_end(60)
    expect(code == 1 and "quipu store migrate" in said, f"a node that starts on half of the totals ended with {code}: {said}")


def agree(cluster, totals):
    counters = [("default", name.encode()) for name in totals]
    expected = {("default", name.encode()): total for name, total in totals.items()}
    cluster.wait_calm()
    for node in cluster.nodes:
        found = cluster.served(node, counters)
        wrong = {key: (total, found.get(key)) for key, total in expected.items() if found.get(key) != total}
        expect(not wrong, f"{node.name} shows {len(wrong)} wrong totals, such as {dict(list(wrong.items())[:5])}")
    stored = cluster.stored()
    wrong = {key: (total, stored.get(key, 0)) for key, total in expected.items() if stored.get(key, 0) != total}
    expect(not wrong, f"the store has {len(wrong)} wrong totals, such as {dict(list(wrong.items())[:5])}")


def count_on(cluster, totals):
    """One more for counters of every kind, at both nodes."""
    more = {name: 1 for name in list(totals)[:COUNT_ON]}
    for node in cluster.nodes:
        with node.http() as http:
            add(http, more)
    for name in more:
        totals[name] += len(cluster.nodes)


def move(context):
    """`quipu store migrate`, killed on the way and run again; then `quipu log adopt` for another topic."""
    data, totals = count_in_one_process(context)
    cluster = Cluster(context, "moved")
    migrate = quipu(cluster, "store", "migrate", "--from", str(data), "--json")
    interrupt_migration(cluster, migrate)
    moved = json.loads(context.run(migrate).stdout)
    expect_equal((moved["generation_before"], moved["generation"], moved["counters"], moved["counters_reset"]),
                 (1, 2, COUNTERS, RESET), "what the migration says")
    again = context.run(migrate, code=1)
    expect(b"the store is in use" in again.stdout, f"a second migration said {again.stdout}")
    served = context.run([*cluster.command, "serve", "--data", str(data)], code=None)
    expect(served.returncode != 0 and b"was left" in served.stdout, f"the directory that was left is served: {served.stdout[-500:]}")
    with cluster:
        agree(cluster, totals)
        count_on(cluster, totals)
        agree(cluster, totals)
        refused = context.run(quipu(cluster, "log", "adopt", "--json"), code=1)
        expect(b"there is nothing to adopt" in refused.stdout, f"adopting the same topic said {refused.stdout}")
        cluster.stop()
        for settings in [cluster.settings, *(role.settings for role in cluster.processes())]:
            settings["kafka.topic"] = cluster.stem + "-next"
        adopted = json.loads(context.run(quipu(cluster, "log", "adopt", "--json")).stdout)
        expect_equal((adopted["generation"], adopted["counters_reset"]), (3, RESET), "what the adoption says")
        cluster.start()
        agree(cluster, totals)
        count_on(cluster, totals)
        agree(cluster, totals)
        cluster.stop()
    context.note(f"{COUNTERS} totals, {RESET} of them reset before, came into the store and stayed with the next topic")


TESTS = (("migrate-and-adopt", move),)
