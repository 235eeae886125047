"""Ctrl-C ends an operator's verb within seconds, whatever server it waits for: a store that says nothing at all, and one that does not
answer what it was asked."""

import os
import signal
import socket
import subprocess
import time
import unittest

from audit import InPostgres, database
from given import ClusterCase

SECONDS_MAX = 10.0  # A second for an end in order, and the rest for a machine that has much to do.


class Interrupted(ClusterCase):
    def interrupt(self, cluster, verb, waits):
        """Starts a verb, and interrupts it once `waits` is true."""
        verb = subprocess.Popen([*cluster.command, *verb, "--json", *cluster.set_words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            end = time.monotonic() + 30
            while not waits():
                self.assertIsNone(verb.poll(), "it waits for the server")
                self.assertLess(time.monotonic(), end, "it never waited for the server")
                time.sleep(0.05)
            began = time.monotonic()
            verb.send_signal(signal.SIGINT)
            out, err = verb.communicate(timeout=60)
        finally:
            verb.kill()
        self.assertLess(time.monotonic() - began, SECONDS_MAX, err)
        self.assertEqual(verb.returncode, 130, (out, err))
        self.assertIn(b'"interrupted"', out, err)

    def silent(self, verb):
        """A server that is stopped: its system takes the connection, and nothing is ever said."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0)
            taken = []

            def connected():
                try:
                    taken.append(server.accept()[0])
                except BlockingIOError:
                    pass
                return bool(taken)

            url = f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/none"
            cluster = self.cluster("silent", {"store.kind": "postgres", "postgres.url": url})
            self.interrupt(cluster, verb, connected)
            for connection in taken:
                connection.close()

    def test_an_audit_ends_though_the_store_says_nothing(self):
        self.silent(["audit"])

    def test_growing_a_log_ends_though_the_store_says_nothing(self):
        self.silent(["log", "grow", "--partitions", "5"])

    def test_an_audit_ends_though_a_page_of_the_store_does_not_come(self):
        name = f"interrupted_{os.getpid()}"
        with database(self.context.servers, name) as url:
            with self.cluster("page", {"store.kind": "postgres", "postgres.url": url}) as cluster:
                with cluster.nodes[0].http() as http:
                    http.json("POST", "/v1/counters/default/c", {"delta": 1}, status=202)
                cluster.wait_calm()
                cluster.stop()  # Else they would wait for the lock, too.
                with subprocess.Popen(["psql", "-XAtq", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
                    holder.stdin.write("BEGIN; LOCK TABLE quipu_rows IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n")
                    holder.stdin.flush()
                    self.assertEqual(holder.stdout.readline().strip(), "held")
                    look = InPostgres(url)

                    def waits():
                        found = subprocess.run(["psql", "-XAtq", look.url, "-c", "SELECT count(*) FROM pg_locks WHERE NOT granted"],
                                               check=True, timeout=30, stdout=subprocess.PIPE)
                        return int(found.stdout) > 0

                    self.interrupt(cluster, ["audit"], waits)
                    holder.stdin.close()


if __name__ == "__main__":
    unittest.main()
