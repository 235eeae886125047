"""The model of the architecture beside the processes of the distributed form, all of them together, both ways."""

import unittest

from given import ClusterCase
from harness.context import eventually

JSON = (("Content-Type", "application/json"),)
PARTS = {"container", "component", "database", "queue"}


def of_distributed(technology):
    """What a technology of the model says of this form: alternatives."""
    return technology.partition("Distributed: ")[2].split(" or ")


def graph(role):
    with role.http() as http:
        stats = http.json("GET", "/v1/stats")
    return stats["parts"], {(edge["from"], edge["to"]): edge["count"] for edge in stats["edges"]}


class Model(ClusterCase):
    def test_what_runs_is_what_the_model_says_and_every_edge_counts(self):
        with self.cluster("model") as cluster:
            node, workers = cluster.nodes[0], cluster.workers
            with node.http() as http:
                model = http.json("GET", "/v1/architecture")
            self.assertEqual(model["form"], "Distributed")
            self.compare_parts(model, cluster)

            edges = set(graph(node)[1]).union(*(graph(worker)[1] for worker in workers))
            self.assertEqual(edges, {(one["from"], one["to"]) for one in model["relations"]}, "relations")
            with node.http() as http:
                self.assertEqual(http.call("POST", "/view", b'{"video_id":"cat"}', JSON).status, 202)
                for name in ("cat", "never"):  # The second is neither in the cache nor, at first, in the node.
                    http.json("GET", f"/v1/counters/views/{name}")

            def counted(edge):
                return sum(graph(role)[1].get(edge, 0) for role in cluster.processes())
            for scenario in model["scenarios"]:
                along = [(step["from"], step["to"]) for step in scenario["steps"] if (step["from"], step["to"]) in edges]
                back = [(step["from"], step["to"]) for step in scenario["steps"] if (step["from"], step["to"]) not in edges]
                self.assertGreaterEqual(len(along), 3, scenario["id"])
                self.assertTrue(all((to, start) in edges for start, to in back), f"neither edges nor replies: {back}")
                for edge in along:
                    eventually(lambda edge=edge: counted(edge) > 0, 20, f"{edge} of {scenario['id']} counts")
            cluster.must_live()
            cluster.stop()

    def compare_parts(self, model, cluster):
        said = {item["id"]: item for item in model["elements"] if item["kind"] in PARTS}
        instances = dict.fromkeys(said, 0)
        for role in cluster.processes():
            for part in graph(role)[0]:
                self.assertIn(part["id"], said)
                self.assertEqual(part["kind"], said[part["id"]]["kind"], part["id"])
                self.assertIn(part["technology"], of_distributed(said[part["id"]]["technology"]), part["id"])
                instances[part["id"]] += part["instances"]
        self.assertEqual([name for name, count in instances.items() if count == 0], [], "parts of the model that run nowhere")
        self.assertEqual(instances["CounterService.Worker"], len(cluster.workers))


if __name__ == "__main__":
    unittest.main()
