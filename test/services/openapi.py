"""The description of the HTTP interface against an API node: requests that are made up from it, right and wrong."""

import os
import unittest

from audit import database
from given import ClusterCase
from cases.openapi import AFTER_WAIT, made_up

# Of each operation a few: the embedded form is asked all (test/e2e/cases/openapi.py); here the question is whether a node differs.
EXAMPLES_MAX = 6
PHASES = "examples,fuzzing"


class Description(ClusterCase):
    def test_a_node_answers_as_the_description_says(self):
        # Over PostgreSQL: a namespace that is put has to be durable, for which Cassandra takes 15 s each time.
        with database(self.context.servers, f"described_{os.getpid()}") as url:
            settings = {"limits.after_wait": AFTER_WAIT, "store.kind": "postgres", "postgres.url": url}
            with self.cluster("described", settings) as cluster:
                print(made_up(self.context, cluster.nodes[0], EXAMPLES_MAX, PHASES))
                cluster.must_live()
                cluster.stop()


if __name__ == "__main__":
    unittest.main()
