"""deploy/local/services starts real servers, ends these alone, and says where to look when one does not start."""

import json
import os
import pathlib
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

SERVICES = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy" / "local" / "services"

sys.path.insert(0, str(SERVICES.parent))
from local_services import cassandra  # noqa: E402  (the path is set just above)


def services(*arguments, path=None):
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run([SERVICES, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env=environment)


class Services(unittest.TestCase):
    """Redis stands for all: it starts at once, and all take the same way."""

    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="quipu-services-test-")
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name)
        self.place = self.work / "place"
        self.redis = ["--only", "redis", "--dir", str(self.place)]
        self.addCleanup(lambda: services("down", "--kill", "--dir", str(self.place)))

    def up(self):
        run = services("up", *self.redis)
        self.assertEqual(run.returncode, 0, run.stderr)
        name, _, address = run.stdout.strip().partition("=")
        self.assertEqual(name, "QUIPU_TEST_REDIS")
        host, port = shlex.split(address)[0].split(":")
        return host, int(port)

    def pid(self):
        return int((self.place / "redis" / "pid").read_text().split()[0])

    def ask(self, address, line):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(line + b"\r\n")
            return connection.recv(100)

    def test_up_starts_and_down_ends_a_server_on_the_loopback(self):
        address = self.up()
        self.assertEqual(address[0], "127.0.0.1")
        self.assertEqual(self.ask(address, b"PING"), b"+PONG\r\n")
        self.assertEqual((self.place / "env").read_text(), f"export QUIPU_TEST_REDIS={address[0]}:{address[1]}\n")
        self.assertEqual(services("status", *self.redis).returncode, 0)
        self.assertEqual(services("down", *self.redis).returncode, 0)
        with self.assertRaises(ConnectionRefusedError):
            self.ask(address, b"PING")
        self.assertEqual((self.place / "env").read_text(), "")
        self.assertEqual(services("status", *self.redis).returncode, 1)

    def test_up_leaves_a_running_server_alone_and_keeps_ports(self):
        address = self.up()
        self.ask(address, b"SET a 1")
        self.assertEqual(self.up(), address)
        self.assertEqual(self.ask(address, b"GET a"), b"$1\r\n1\r\n")
        services("down", *self.redis)
        self.assertEqual(self.up(), address)

    def test_two_places_have_servers_of_their_own(self):
        first = self.up()
        other = ["--only", "redis", "--dir", str(self.work / "other")]
        self.addCleanup(lambda: services("down", "--kill", *other))
        self.assertEqual(services("up", *other).returncode, 0)
        self.assertEqual(services("down", *other).returncode, 0)
        self.assertEqual(self.ask(first, b"PING"), b"+PONG\r\n")

    def test_a_killed_server_is_down_and_comes_back(self):
        address = self.up()
        os.kill(self.pid(), signal.SIGKILL)
        until = time.monotonic() + 30
        while services("status", *self.redis).returncode == 0 and time.monotonic() < until:
            pass
        self.assertIn("down", services("status", *self.redis).stdout)
        self.assertEqual(self.up(), address)
        self.assertIn("was killed", services("down", "--kill", *self.redis).stderr)

    def test_down_ends_a_server_that_was_stopped(self):
        self.up()
        os.kill(self.pid(), signal.SIGSTOP)
        self.assertIn("does not answer", services("status", *self.redis).stdout)
        self.assertIn("redis has ended", services("down", *self.redis).stderr)

    def test_a_process_that_only_has_the_number_is_not_ended(self):
        self.up()
        services("down", *self.redis)
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (self.place / "redis" / "pid").write_text(f"{bystander.pid} 1 {boot}\n")
        self.assertEqual(services("down", *self.redis).returncode, 0)
        self.assertIsNone(bystander.poll())

    def up_with(self, script):
        """What `up` says where redis-server is this script."""
        self.program = self.work / "redis-server"
        self.program.write_text(f"#!/bin/sh\n{script}\n")
        self.program.chmod(0o755)
        run = services("up", *self.redis, path=f"{self.work}:{os.environ['PATH']}")
        self.assertEqual(run.returncode, 1)
        return run

    def test_a_server_that_does_not_start_is_named_with_its_last_words(self):
        run = self.up_with("echo the disk is made of cheese; exit 7")
        self.assertIn("redis ended with code 7", run.stderr)
        self.assertIn(str(self.place / "redis" / "log"), run.stderr)
        self.assertIn("the disk is made of cheese", run.stderr)

    def test_another_version_of_redis_is_refused_by_name(self):
        run = self.up_with("echo 'Redis server v=6.2.1 sha=0'")
        self.assertIn(f"Redis 7 is wanted, and {self.program} is: Redis server v=6.2.1", run.stderr)
        self.assertNotIn("Traceback", run.stderr)

    def test_a_directory_with_other_things_is_refused_and_kept(self):
        self.place.mkdir()
        (self.place / "thesis").write_text("all of it")
        self.assertIn("something else", services("up", *self.redis).stderr)
        services("down", "--purge", "--dir", str(self.place))
        self.assertEqual((self.place / "thesis").read_text(), "all of it")

    def test_purge_removes_the_directory(self):
        self.up()
        self.assertEqual(services("down", "--purge", "--dir", str(self.place)).returncode, 0)
        self.assertFalse(self.place.exists())

    def test_what_holds_the_password_is_for_its_owner_alone(self):
        self.up()
        for name in ("env", "services.json"):
            self.assertEqual(stat.S_IMODE((self.place / name).stat().st_mode), 0o600)

    def test_unknown_names_are_refused(self):
        run = services("up", "--only", "kafka,mysql")
        self.assertEqual(run.returncode, 2)
        self.assertIn("there is no 'mysql'", run.stderr)

    def test_settings_stay_for_the_next_up_and_others_are_refused(self):
        self.assertEqual(services("up", *self.redis, "--set", "cassandra.a=b=c").returncode, 0)
        self.assertEqual(services("up", *self.redis, "--set", "kafka.d.e=1").returncode, 0)
        self.assertEqual(json.loads((self.place / "settings.json").read_text()),
                         {"cassandra": {"a": "b=c"}, "kafka": {"d.e": "1"}})
        for wrong in ("redis.save=1", "kafka=1", "kafka.=1", "kafka.name"):
            run = services("up", *self.redis, "--set", wrong)
            self.assertEqual(run.returncode, 2)
            self.assertIn(f"'{wrong}' is not kafka.NAME=VALUE", run.stderr)
        self.assertIn("`up` alone", services("status", *self.redis, "--set", "kafka.a=1").stderr)

    def test_a_setting_replaces_the_line_of_its_name_or_is_added(self):
        yaml = "cluster_name: quipu\nseeds:\n  - one: 1\nsync: periodic\n"
        self.assertEqual(cassandra.with_settings(yaml, {"sync": "batch", "tls": "{enabled: true}"}),
                         "cluster_name: quipu\nseeds:\n  - one: 1\nsync: batch\ntls: {enabled: true}\n")


if __name__ == "__main__":
    unittest.main()
