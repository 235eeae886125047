"""What the tests of processes over shared servers stand on: the servers' addresses, and clusters of their own on these."""

import os
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "chaos"), str(HERE.parent / "e2e")]

from fleet.cluster import Cluster  # noqa: E402
from harness.context import Context  # noqa: E402


class SharedServers:
    """The servers that the tests are given; see deploy/local/README.md."""

    brokers = 1

    def __init__(self):
        self.address = {name: os.environ[f"QUIPU_TEST_{name.upper()}"].split(",")[0]
                        for name in ("kafka", "cassandra", "redis", "postgres")}

    def port(self, name):
        return int(self.address[name].rpartition(":")[2])


class ClusterCase(unittest.TestCase):
    """Clusters of the program that QUIPU_BINARY names."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="quipu-services-")
        self.addCleanup(self.scratch.cleanup)
        self.context = Context([os.environ["QUIPU_BINARY"]], 1, 0, 0, self.scratch.name)
        self.context.servers = SharedServers()

    def cluster(self, name, settings=None):
        """Not started yet: one node, two workers, three partitions; named after the test's process too."""
        return Cluster(self.context, f"{name}_{os.getpid()}",
                       {"flush.interval": "200ms", "flush.commit_delay": "500ms", **(settings or {})},
                       nodes=1, workers=2, partitions=3)
