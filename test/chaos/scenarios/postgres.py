"""PostgreSQL as the store: workers killed, connections lost between a commit and its answer, transactions that it ends to break a
deadlock."""

import contextlib
import subprocess
import urllib.parse

from fleet.cluster import Cluster
from fleet.proxy import TO_SERVER, FaultProxy
from fleet.traffic import Traffic
from harness.context import eventually, expect

from .workers import finish, kill_workers

SYNC = b"S\x00\x00\x00\x04"  # What ends a request of a pipeline, and commits it: there is no other COMMIT.
CUTS = 12
#: Locks rows against the order in which a flush takes them. The flush that waits first looks for a deadlock first.
AGAINST_ORDER = """
SET deadlock_timeout = '4s';
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT * FROM quipu_rows TABLESAMPLE BERNOULLI (20)
             ORDER BY routing DESC, namespace DESC, counter DESC, generation DESC, partition DESC LIMIT 150 LOOP
    PERFORM 1 FROM quipu_rows AS kept WHERE kept.routing = one.routing AND kept.namespace = one.namespace
      AND kept.counter = one.counter AND kept.generation = one.generation AND kept.partition = one.partition FOR UPDATE;
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
"""


def psql(url, words):
    """Returns (exit code, what it said)."""
    done = subprocess.run(["psql", url, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=words, capture_output=True,
                          text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def own_database(context, stem):
    """A database of the scenario's own: its address."""
    url = context.servers.address["postgres"]
    code, said = psql(url, f"CREATE DATABASE {stem}{context.seed}")
    expect(code == 0, said)
    return url.rpartition("/")[0] + f"/{stem}{context.seed}"


@contextlib.contextmanager
def over_postgres(context, stem, through_proxy=False):
    """A cluster, its workers through a proxy or not: (cluster, url, proxy)."""
    url = own_database(context, stem)
    port = urllib.parse.urlsplit(url).port
    cluster = Cluster(context, stem, {"store.kind": "postgres", "postgres.url": url})
    with FaultProxy(port, seed=context.seed) as proxy:
        for worker in cluster.workers if through_proxy else ():
            worker.settings = cluster.settings | {"postgres.url": url.replace(f":{port}/", f":{proxy.port}/")}
        with cluster:
            yield cluster, url, proxy


def worker_kills(context):
    """PostgreSQL as the store, and SIGKILL of workers."""
    with over_postgres(context, "postgres") as (cluster, _, _):
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        fell_unflushed = kill_workers(cluster, traffic, context.random())
        finish(context, cluster, traffic)
        expect(fell_unflushed > 0, "no kill fell while a worker had read what was not flushed")
        context.note(f"{fell_unflushed} kills fell while the worker had read frames that were not flushed")


def commits_unanswered(context):
    """The connections of all workers are cut exactly behind what commits, when PostgreSQL has answered: what they wrote is there, and
    none of them knows. The watermark that is read decides."""
    with over_postgres(context, "commits", through_proxy=True) as (cluster, _, proxy):
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        for number in range(CUTS):
            traffic.wait_for(0.05 + 0.85 * number / CUTS)
            lost = proxy.answers_lost
            proxy.cut_behind(SYNC, TO_SERVER)
            eventually(lambda least=lost: proxy.answers_lost > least, 30, "a connection is cut behind a commit")
            proxy.go_on()
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note(f"{proxy.answers_lost} connections were cut between a commit and its answer, {proxy.connections} made")


def deadlocks(context):
    """A transaction of somebody else locks rows against the order of the flushes, again and again, until PostgreSQL has ended
    transactions of workers to break the deadlock: they are made again."""
    with over_postgres(context, "deadlocks") as (cluster, url, _):
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, 2 * context.seconds).start()
        traffic.wait_for(0.1)
        own, rounds = 0, 0
        while traffic.running() and traffic.share() < 0.9:
            code, said = psql(url, AGAINST_ORDER)
            rounds += 1
            expect(code == 0 or "deadlock detected" in said, said)
            own += code != 0
        finish(context, cluster, traffic)
        _, said = psql(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        workers = int(said) - own
        expect(workers > 0, f"in {rounds} rounds PostgreSQL ended no transaction of a worker, and {own} of the other side")
        context.note(f"PostgreSQL ended {workers} transactions of workers and {own} of the other side, which locked against their order "
                     f"{rounds} times")


TESTS = ()
MORE = (("postgres-worker-kills", worker_kills), ("postgres-commits", commits_unanswered), ("postgres-deadlocks", deadlocks))
