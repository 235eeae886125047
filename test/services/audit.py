"""quipu audit against a log in Kafka and a shared store, while nodes and workers go on: nothing where nothing is wrong, every row that was
falsified or removed by hand, and what can be said of a log that was trimmed."""

import contextlib
import json
import os
import subprocess
import threading
import unittest
import urllib.parse

from given import ClusterCase
from fleet.cql import Cql, items, long
from harness.context import eventually
from harness.operations import NDJSON

COUNTERS = 300
MORE = 18_000  # Above what `memory.table_bytes=16MiB` has an audit take at a time.
LATER = (1 << 62) + (1 << 45)  # A timestamp above that of every row.


class InCassandra:
    """Rows by hand, as CQL has them."""

    def __init__(self, cluster):
        self.cluster = cluster

    def rows_of(self, counter):
        with Cql(self.cluster.cassandra_port) as cql:
            query = f"SELECT generation, partition, shard FROM {self.cluster.stem}.counters WHERE namespace = 'default' AND counter = "
            return [[int.from_bytes(generation, "big"), int.from_bytes(partition, "big"), list(items(shard))]
                    for generation, partition, shard in cql.rows(query + f"0x{counter.encode().hex()}")]

    def key(self, counter, row):
        return (f"WHERE namespace = 'default' AND counter = 0x{counter.encode().hex()} AND generation = {row[0]} "
                f"AND partition = {row[1]}")

    def falsify(self, counter, by):
        for row in self.rows_of(counter):
            total, events, epoch, offset = (long(value) for value in row[2][:4])
            flags, routing = int.from_bytes(row[2][4], "big"), long(row[2][5])
            shard = (total + by, events, epoch, offset, flags, routing)
            with Cql(self.cluster.cassandra_port) as cql:
                cql.run(f"UPDATE {self.cluster.stem}.counters USING TIMESTAMP {LATER} SET shard = {shard} {self.key(counter, row)}")

    def remove(self, counter):
        with Cql(self.cluster.cassandra_port) as cql:
            for row in self.rows_of(counter):
                cql.run(f"DELETE FROM {self.cluster.stem}.counters USING TIMESTAMP {LATER} {self.key(counter, row)}")


class InPostgres:
    """The same by SQL."""

    def __init__(self, url):
        self.url = url

    def run(self, sql):
        subprocess.run(["psql", "-XAtq", self.url, "-v", "ON_ERROR_STOP=1", "-c", sql], check=True, timeout=30,
                       stdout=subprocess.PIPE)

    def falsify(self, counter, by):
        self.run(f"UPDATE quipu_rows SET total = total + {by} WHERE counter = '{counter}'::bytea")

    def remove(self, counter):
        self.run(f"DELETE FROM quipu_rows WHERE counter = '{counter}'::bytea")


@contextlib.contextmanager
def database(servers, name):
    """The URL of a database of its own."""
    shared = servers.address["postgres"]
    admin = InPostgres(shared)
    admin.run(f"CREATE DATABASE {name}")
    try:
        yield urllib.parse.urlsplit(shared)._replace(path="/" + name).geturl()
    finally:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


class Audits(ClusterCase):
    def run_audit(self, cluster, words=()):
        return self.context.run([*cluster.command, "audit", "--json", *words, *cluster.set_words], code=None)

    def status(self, cluster):
        return json.loads(self.context.run([*cluster.command, "log", "status", "--json", *cluster.set_words]).stdout)

    def audit(self, cluster, code=0, words=()):
        done = self.run_audit(cluster, words)
        self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout)

    def add(self, node, lines):
        with node.http() as http:
            answer = http.call("POST", "/v1/events", "\n".join(json.dumps(line) for line in lines).encode(), NDJSON)
        self.assertEqual(answer.status, 202, answer)

    def fill(self, node):
        """Plain events, ids that come twice, negative deltas, and every third counter reset on the way."""
        names = [f"c{number}" for number in range(COUNTERS)]
        self.add(node, [{"counter": name, "delta": number - 20} for number, name in enumerate(names)])
        with node.http() as http:
            for name in names[::3]:
                http.json("DELETE", f"/v1/counters/default/{name}")
        for _ in range(2):
            self.add(node, [{"counter": name, "delta": 7, "id": f"id of {name}"} for name in names])

    @contextlib.contextmanager
    def traffic(self, node):
        """Batches one after the other until the block ends; gives how many were acknowledged."""
        stopped = threading.Event()
        sent, trouble = [0], []

        def send():
            try:
                while not stopped.is_set():
                    begin = 50 * sent[0]
                    self.add(node, [{"counter": f"c{(begin + i) % COUNTERS}", "id": f"{(begin + i) // 2}"} for i in range(50)])
                    sent[0] += 1
            except BaseException as error:
                trouble.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield lambda: sent[0]
        finally:
            stopped.set()
            thread.join()
        self.assertEqual(trouble, [])

    def finds(self, cluster, store):
        node = cluster.nodes[0]
        self.fill(node)
        cluster.wait_calm()  # Else there is nothing in the store yet that could be wrong.
        with self.traffic(node) as sent:
            for _ in range(3):
                before = sent()
                report = self.audit(cluster)
                self.assertGreater(sent(), before, "nodes went on meanwhile")
                self.assertGreaterEqual(report["rows"], COUNTERS, report)
                self.assertEqual((report["differences"], report["partial_rows"]), (0, 0), report)
        for begin in range(0, MORE, 6_000):
            self.add(node, [{"counter": f"more {number}"} for number in range(begin, begin + 6_000)])
        cluster.wait_calm()
        report = self.audit(cluster)
        counted = (report["differences"], report["counters"], report["later_entries"])
        self.assertEqual(counted, (0, COUNTERS + MORE, 0), report)
        # Too little for all rows at once: the log is read again for each range of counters.
        self.assertEqual(self.audit(cluster, words=("--set", "memory.table_bytes=16MiB")), report)
        self.assertEqual(report["base"], 0)
        store.falsify("c4", 1)
        store.remove("c5")
        report = self.audit(cluster, code=5)
        self.assertEqual(report["differences"], len(report["first_differences"]), report)
        found = {(one["namespace"], one["counter"]) for one in report["first_differences"]}
        self.assertEqual(found, {("default", "c4"), ("default", "c5")}, report)
        for one in report["first_differences"]:
            if one["counter"] == "c5":
                self.assertIsNone(one["store_total"], one)
            else:
                self.assertEqual(one["store_total"], one["log_total"] + 1, one)
        wrong = self.audit(cluster, code=5, words=("--set", "idempotency.window=1"))
        self.assertGreater(wrong["differences"], report["differences"], "ids that the log is read without")

    def test_finds_a_total_that_was_falsified_in_cassandra_and_a_row_that_was_deleted(self):
        with self.cluster("cassandra") as cluster:
            self.finds(cluster, InCassandra(cluster))
            cluster.must_live()
            cluster.stop()

    def test_finds_the_same_in_postgresql(self):
        with database(self.context.servers, f"audit_{os.getpid()}") as url:
            with self.cluster("postgres", {"store.kind": "postgres", "postgres.url": url}) as cluster:
                self.finds(cluster, InPostgres(url))
                cluster.must_live()
                cluster.stop()

    def trim(self, cluster):
        """Until the workers, which make bases often, have trimmed each partition's log."""
        node = cluster.nodes[0]
        self.fill(node)

        def trimmed():
            self.add(node, [{"counter": f"c{number}", "id": f"again {number}"} for number in range(COUNTERS)])
            return all(partition["begin"] > 1 for partition in self.status(cluster)["partitions"])

        eventually(trimmed, 60, "workers trim the log behind a base")
        return node

    def test_behind_a_log_that_was_trimmed_over_postgresql(self):
        with database(self.context.servers, f"audit_trim_{os.getpid()}") as url:
            settings = {"store.kind": "postgres", "postgres.url": url, "base.interval": "1s"}
            with self.cluster("trimmed_postgres", settings) as cluster:
                self.trim(cluster)
                for worker in cluster.workers:  # They begin with a base, since the log has not what their ids need.
                    worker.kill()
                    worker.start()
                cluster.wait_calm()
                before = cluster.stored()
                self.add(cluster.nodes[0], [{"counter": f"c{number}", "id": f"again {number}"} for number in range(COUNTERS)])
                cluster.wait_calm()
                self.assertEqual(cluster.stored(), before, "ids that a base remembers count once")
                report = self.audit(cluster)
                self.assertEqual(report["differences"], 0, report)
                self.assertGreater(report["partial_rows"], 0, report)
                cluster.must_live()
                cluster.stop()

    def test_behind_a_trimmed_log_says_which_rows_it_could_not_compare(self):
        with self.cluster("trimmed", {"base.interval": "1s"}) as cluster:
            node = self.trim(cluster)
            with self.traffic(node) as sent:
                eventually(lambda: sent() > 0, 30, "traffic is acknowledged")
                report = self.audit(cluster)
                self.assertEqual(report["differences"], 0, report)
                self.assertGreater(report["partial_rows"], 0, report)
            for worker in cluster.workers:
                worker.stop()
                worker.settings["base.interval"] = "1h"
                worker.start()
            # The first flush of each partition still makes a base; what comes after it is kept.
            self.add(node, [{"counter": f"c{number}", "id": f"again {number}"} for number in range(COUNTERS)])
            cluster.wait_calm()
            with node.http() as http:
                http.json("DELETE", "/v1/counters/default/c4")
            self.add(node, [{"counter": "c4", "delta": 5}, {"counter": "new", "delta": 6, "id": "n"}])
            cluster.wait_calm()
            report = self.audit(cluster)
            self.assertEqual(report["differences"], 0, report)
            store = InCassandra(cluster)
            store.falsify("c4", 1)
            store.remove("new")

            def found():
                self.report = json.loads(self.run_audit(cluster).stdout)
                return {one["counter"] for one in self.report["first_differences"]}

            eventually(lambda: found() == {"c4", "new"}, 30, "the watermark passes both rows")
            # A reset begins its counter anew in its home partition, so that the row there is whole again.
            self.assertEqual(self.report["differences"], 2, self.report)
            cluster.must_live()
            cluster.stop()

    def test_a_log_that_nobody_began_is_not_found(self):
        cluster = self.cluster("nothing")
        refused = self.audit(cluster, code=3)
        self.assertEqual(refused["error"]["outcome"], "not_found", refused)


if __name__ == "__main__":
    unittest.main()
