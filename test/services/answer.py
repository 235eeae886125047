"""Whether the servers that the other tests are given are there, and are what they are said to be."""

import os
import socket
import subprocess
import unittest


def addresses(name):
    """(host, port) of each node; an unset name is a failure, not a reason to leave tests out."""
    return [(host, int(port)) for host, port in (node.rsplit(":", 1) for node in os.environ[name].split(","))]


def ask(address, request, size):
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while len(answer) < size:
            piece = connection.recv(size - len(answer))
            if not piece:
                break
            answer += piece
        return answer


class Answers(unittest.TestCase):
    def test_kafka_lists_its_apis(self):
        # ApiVersions, key 18, version 0, correlation 7, client "quipu": length, correlation, no error.
        request = b"\x00\x12\x00\x00\x00\x00\x00\x07\x00\x05quipu"
        for address in addresses("QUIPU_TEST_KAFKA"):
            answer = ask(address, len(request).to_bytes(4, "big") + request, 10)
            self.assertEqual(answer[4:], b"\x00\x00\x00\x07\x00\x00")

    def test_cassandra_speaks_version_5_of_its_protocol(self):
        # OPTIONS (5) is answered by SUPPORTED (6).
        for address in addresses("QUIPU_TEST_CASSANDRA"):
            self.assertEqual(ask(address, b"\x05\x00\x00\x00\x05\x00\x00\x00\x00", 5), b"\x85\x00\x00\x00\x06")

    def test_redis_stores_what_it_is_given(self):
        for address in addresses("QUIPU_TEST_REDIS"):
            self.assertEqual(ask(address, b"SET quipu:answer 1 EX 9\r\nGET quipu:answer\r\n", 12), b"+OK\r\n$1\r\n1\r\n")

    def test_postgres_lets_its_user_in_and_syncs(self):
        query = "select current_setting('fsync'), current_setting('synchronous_commit')"
        run = subprocess.run(["psql", "-XAtq", os.environ["QUIPU_TEST_POSTGRES"], "-c", query], capture_output=True,
                             text=True, timeout=30)
        self.assertEqual((run.stdout.strip(), run.stderr), ("on|on", ""))


if __name__ == "__main__":
    unittest.main()
