"""What the processes of the distributed form say to whom asks the wrong one, and about a configuration that is not the others'."""

import json
import unittest

from given import ClusterCase
from harness.context import eventually
from harness.operations import NDJSON

JSON = (("Content-Type", "application/json"),)


class Roles(ClusterCase):
    def test_a_worker_that_is_asked_for_a_counter_says_whom_to_ask(self):
        with self.cluster("asked") as cluster:
            with cluster.workers[0].http() as http:
                for method, target, body, fields in (
                        ("GET", "/v1/counters/default/cat", b"", ()), ("GET", "/v1/counters/default?counter=cat", b"", ()),
                        ("POST", "/v1/counters/default/cat", b'{"delta": 1}', JSON),
                        ("DELETE", "/v1/counters/default/cat", b"", ()), ("POST", "/view", b'{"video_id": "cat"}', JSON),
                        ("POST", "/v1/events", b'{"counter": "cat"}', NDJSON), ("GET", "/v1/top/default", b"", ()),
                        ("GET", "/v1/namespaces", b"", ()), ("PUT", "/v1/namespaces/likes", b"{}", JSON),
                        ("GET", "/v1/sources/default/s", b"", ())):
                    answer = http.call(method, target, body, fields)
                    said = answer.json()
                    self.assertEqual((answer.status, said["outcome"]), (421, "refused"), f"{method} {target}: {answer!r}")
                    self.assertIn("this process is a worker", said["detail"])
                    self.assertIn("ask an API node", said["detail"])
                for target in ("/livez", "/readyz", "/metrics", "/v1/stats"):
                    self.assertEqual(http.call("GET", target).status, 200, target)
                self.assertEqual(http.call("GET", "/v1/nothing").status, 404)
            with cluster.nodes[0].http() as http:
                self.assertEqual(http.json("POST", "/v1/counters/default/cat", {"delta": 1}, status=202)["value"], 1)
            cluster.must_live()
            cluster.stop()

    def status(self, cluster, words=()):
        return self.context.run([*cluster.command, "log", "status", *words, *cluster.set_words]).stdout.decode()

    def test_log_status_says_how_many_events_wait(self):
        cluster = self.cluster("status")
        node = cluster.nodes[0]
        try:
            node.start()
            lines = "\n".join(json.dumps({"counter": f"c{number}", "delta": 3} if number % 2 else {"counter": "c", "id": str(number)})
                              for number in range(2_000))
            with node.http() as http:
                self.assertEqual(http.call("POST", "/v1/events", lines.encode(), NDJSON).status, 202)
            waiting = json.loads(self.status(cluster, ["--json"]))["partitions"]
            self.assertEqual(sum(partition["lag_events"] for partition in waiting), 2_000, waiting)
            self.assertEqual({partition["lag_events_complete"] for partition in waiting}, {True})
            self.assertGreater(sum(partition["lag_frames"] for partition in waiting), 0)
            self.assertIn("of 2000 events, are not in the store yet", self.status(cluster))
            for worker in cluster.workers:
                worker.start()
            eventually(lambda: "0 frames, of 0 events, are not" in self.status(cluster), 60, "the workers count what waited")
            cluster.must_live()
            cluster.stop()
        finally:
            cluster.abandon()

    def test_a_hot_counter_is_spread_over_partitions_and_stays_exact(self):
        with self.cluster("hot", {"hot.events_per_second": 500, "hot.partitions": 3}) as cluster:
            node = cluster.nodes[0]
            load = [*cluster.command, "bench", "load", "--json", "--resp", f"127.0.0.1:{node.resp_port}", "--keys", "1",
                    "--distribution", "one", "--connections", "4", "--rate", "4000", "--seconds", "8"]
            done = json.loads(self.context.run(load).stdout)
            self.assertGreater(done["accepted"], 4_000, done)
            self.assertEqual((done["unknown"], done["lost"]), (0, 0), done)
            cluster.wait_calm()
            stored = cluster.stored()
            self.assertEqual(list(stored.values()), [done["accepted"]], stored)
            (space, name), = stored
            with node.http() as http:
                counter = http.json("GET", f"/v1/counters/{space}/{name.decode()}?shards=1")
            self.assertEqual(counter["value"], done["accepted"])
            self.assertEqual({shard["partition"] for shard in counter["shards"]}, {0, 1, 2}, "in a row of each partition")
            self.assertEqual(sum(shard["total"] for shard in counter["shards"]), done["accepted"])
            cluster.must_live()
            cluster.stop()

    def test_a_node_warns_of_other_namespaces_than_the_store_holds(self):
        cluster = self.cluster("spaces", {"resp.namespaces": "views,likes"})
        node = cluster.nodes[0]
        try:
            node.start()
            self.assertNotIn("resp.namespaces", node.output())
            node.stop()
            node.settings["resp.namespaces"] = "likes,views"
            node.start()
            self.assertNotIn("resp.namespaces", node.output(), "the order says nothing")
            node.stop()
            node.settings["resp.namespaces"] = "views,plays"
            node.start()
            self.assertIn("resp.namespaces is plays,views in the configuration, and likes,views in the store", node.output())
            with node.resp() as resp:
                resp.must("INCR", "likes:cat")
                resp.must("INCR", "plays:cat")
            with node.http() as http:
                self.assertEqual(http.json("POST", "/v1/counters/likes/cat", {"delta": 1}, status=202)["value"], 2)
                self.assertEqual(http.json("POST", "/v1/counters/default/plays:cat", {"delta": 1}, status=202)["value"], 2)
            node.stop()
        finally:
            cluster.abandon()


if __name__ == "__main__":
    unittest.main()
