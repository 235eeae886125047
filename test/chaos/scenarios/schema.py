"""The store's table changed by hand under a running fleet."""

import time

from fleet.cluster import Cluster
from fleet.cql import Cql
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.wire import Http, Resp, quote

from .workers import finish

COLUMN = "shard frozen<tuple<bigint, bigint, bigint, bigint, int, bigint>>"
AWAY_SECONDS = 5.0
READ_AT_ONCE = 20


def failures(cluster):
    return sum(worker.metric("quipu_worker_store_failures_total") for worker in cluster.workers)


def rows_flushed(cluster):
    return sum(worker.metric("quipu_worker_rows_flushed_total") for worker in cluster.workers)


def alter(cluster, what):
    with Cql(cluster.cassandra_port) as cql:
        cql.run(f"ALTER TABLE {cluster.stem}.counters {what}")


def read(node, names):
    """The answer of a node to a read of counters."""
    with Http(node.http_port, 60.0) as http:
        return http.call("GET", "/v1/counters/default?" + "&".join("counter=" + quote(name) for name in names))


def column_altered(context):
    """The column of the totals is dropped under nodes and workers and stands away for some seconds: workers and a start name it, a read
    that needs the store is answered by an error and by no other total. Then an operator adds it as it was, and all go on."""
    with Cluster(context, "altered_column") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, 2 * context.seconds).start()
        traffic.wait_for(0.3)
        names = [counter.name for counter in list(traffic.ledger.counters)[:READ_AT_ONCE]]
        before = failures(cluster)
        alter(cluster, "DROP shard")
        eventually(lambda: failures(cluster) > before, 30, "a write of a worker meets the table without its column")
        sent = traffic.settled()
        with Resp(cluster.redis_port) as redis:
            redis.must("FLUSHALL")  # Nobody but the store can answer.
        refused = [read(node, names) for node in cluster.nodes]
        for answer in refused:
            expect(answer.status == 503, f"a read of a table without its column was answered {answer!r}: {answer.body[:300]!r}")
        late = cluster.workers[-1]
        late.kill()
        code, said = late.run_to_end()
        expect(code not in (0, None) and "shard" in said,
               f"a worker that starts on a table without its column ended with {code} and said:\n{said}")
        time.sleep(AWAY_SECONDS)
        expect(traffic.settled() > sent, "no event was taken while the column was away")
        for worker in cluster.workers[:-1]:
            expect("shard" in worker.output(), f"{worker.name} does not say which column is not there: {worker.output()[-1000:]}")
        failed, flushed = failures(cluster) - before, rows_flushed(cluster)
        alter(cluster, f"ADD {COLUMN}")
        added = time.monotonic()
        late.supervise()
        eventually(lambda: rows_flushed(cluster) > flushed, 60, "workers write again once the column is there")
        context.recovered(time.monotonic() - added)
        eventually(lambda: all(read(node, names).status == 200 for node in cluster.nodes), 60, "nodes read again once the column is there")
        finish(context, cluster, traffic)
        context.note(f"{failed:.0f} requests of workers met a table without its column; {len(refused)} reads were answered 503; a worker that "
                     f"started ended with {code}; {said.strip().splitlines()[-1][-200:]!r}")


TESTS = ()
MORE = (("column-altered", column_altered),)
