"""TLS and logins, tried for real: a broker that takes SASL_SSL alone from us, and a Cassandra that takes TLS and a password.

What is right counts; each thing that is wrong is refused at the start, by name, with exit code 1.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "deploy" / "local")]

from harness.server import Server, StartFailed, free_ports  # noqa: E402  (the path is set just above)
from local_services import jars, kafka  # noqa: E402

SERVICES = ROOT / "deploy" / "local" / "services"
PROGRAM = os.environ.get("QUIPU_BINARY", str(ROOT / "build" / "release" / "quipu"))
KAFKA_PASSWORD, CASSANDRA_PASSWORD = "correct horse", "cassandra"  # The second is the one that Cassandra begins with.
LOGIN_SECONDS_MAX = 60  # Cassandra makes its first user a while after it is up.
REFUSED_SECONDS_MAX = 90


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=240, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout[-2000:]}")
    return done.stdout


class Certificates:
    """An authority, and what it signed for 127.0.0.1: by openssl, for a day."""

    def __init__(self, directory, name):
        self.authority = directory / f"{name}.pem"
        authority_key, key, request, certificate = (directory / f"{name}.{end}" for end in ("ca-key", "key", "csr", "crt"))
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN=quipu test {name}",
            "-keyout", authority_key, "-out", self.authority)
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request)
        names = directory / f"{name}.names"
        names.write_text("subjectAltName=IP:127.0.0.1\n")
        run("openssl", "x509", "-req", "-days", "1", "-in", request, "-CA", self.authority, "-CAkey", authority_key,
            "-CAcreateserial", "-extfile", names, "-out", certificate)
        self.store = directory / f"{name}.p12"
        run("openssl", "pkcs12", "-export", "-in", certificate, "-inkey", key, "-certfile", self.authority, "-out", self.store,
            "-passout", "pass:changeit")


class Secured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory(prefix="quipu-secured-")
        cls.addClassCleanup(work.cleanup)
        cls.work = pathlib.Path(work.name)
        cls.place = cls.work / "servers"
        cls.certificates = Certificates(cls.work, "right")
        cls.others = Certificates(cls.work, "other")
        cls.kafka_port, = free_ports(1)
        cls.addClassCleanup(lambda: run(SERVICES, "down", "--kill", "--dir", cls.place))
        store = cls.certificates.store
        jaas = "org.apache.kafka.common.security"
        settings = {
            "kafka.listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},"
                               f"SECURE://127.0.0.1:{cls.kafka_port}",
            "kafka.advertised.listeners": f"PLAINTEXT://127.0.0.1:{{port}},SECURE://127.0.0.1:{cls.kafka_port}",
            "kafka.listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
            "kafka.listener.name.secure.ssl.keystore.location": store,
            "kafka.listener.name.secure.ssl.keystore.type": "PKCS12",
            "kafka.listener.name.secure.ssl.keystore.password": "changeit",
            "kafka.listener.name.secure.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "kafka.listener.name.secure.plain.sasl.jaas.config":
                f'{jaas}.plain.PlainLoginModule required user_quipu="{KAFKA_PASSWORD}";',
            "kafka.listener.name.secure.scram-sha-256.sasl.jaas.config": f"{jaas}.scram.ScramLoginModule required;",
            "cassandra.authenticator": "PasswordAuthenticator",
            "cassandra.client_encryption_options":
                f'{{enabled: true, optional: false, keystore: "{store}", keystore_password: changeit, store_type: PKCS12}}',
        }
        said = run(SERVICES, "up", "--only", "kafka,cassandra", "--dir", cls.place,
                   *[word for name, value in settings.items() for word in ("--set", f"{name}={value}")])
        addresses = dict(line.split("=", 1) for line in said.splitlines() if line.startswith("QUIPU_TEST_"))
        cls.cassandra = addresses["QUIPU_TEST_CASSANDRA"]
        lib = jars.fetch(jars.default_cache(), f"kafka-{kafka.VERSION}", kafka.ARTIFACTS, lambda text: None)
        run(jars.java(), "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", "kafka.admin.ConfigCommand", "--bootstrap-server",
            addresses["QUIPU_TEST_KAFKA"], "--alter", "--entity-type", "users", "--entity-name", "quipu", "--add-config",
            f"SCRAM-SHA-256=[password={KAFKA_PASSWORD}]")
        # What is refused by the tests is not that Cassandra has no user yet.
        server = cls.server("first")
        end = time.monotonic() + LOGIN_SECONDS_MAX
        while True:
            try:
                with server.start():
                    server.stop()
                break
            except StartFailed:
                if time.monotonic() > end:
                    raise

    @classmethod
    def password(cls, name, text):
        file = cls.work / name
        file.write_text(text + "\n")
        file.chmod(0o600)
        return file

    @classmethod
    def server(cls, name, mechanism="PLAIN", client=None, **settings):
        """`quipu serve` over both, with what `client` and `settings` change."""
        directory = cls.work / name
        directory.mkdir()
        chosen = {"security.protocol": "SASL_SSL", "ssl.ca.location": cls.certificates.authority,
                  "sasl.mechanism": mechanism, "sasl.username": "quipu", **(client or {})}
        config = directory / "quipu.toml"
        listed = ", ".join(f'"{key}={value}"' for key, value in chosen.items())
        config.write_text(f"[kafka]\nclient = [{listed}]\n")
        return Server([PROGRAM], directory / "data", directory, {
            "log.kind": "kafka", "kafka.brokers": f"127.0.0.1:{cls.kafka_port}", "kafka.topic": "secured",
            "kafka.replication": 1, "kafka.partitions": 4, "kafka.password_file": cls.password("kafka", KAFKA_PASSWORD),
            "store.kind": "cassandra", "cassandra.contact_points": cls.cassandra, "cassandra.keyspace": "secured",
            "cassandra.replication": 1, "cassandra.user": "cassandra", "cassandra.tls": "true",
            "cassandra.tls_ca": cls.certificates.authority,
            "cassandra.password_file": cls.password("cassandra", CASSANDRA_PASSWORD), "flush.interval": "1s",
            **{key.replace("__", "."): value for key, value in settings.items()}}, ["--config", str(config)])

    def counts(self, server, counter):
        with server.start():
            with server.http() as http:
                position = http.json("POST", f"/v1/counters/default/{counter}", {"delta": 1}, status=202)["position"]
                read = http.json("GET", f"/v1/counters/default/{counter}?after={position}&timeout=30000")
            server.stop()
        self.assertEqual((read["value"], read["exact"]), (1, True))

    def test_counts_over_tls_with_a_plain_login(self):
        self.counts(self.server("plain"), "by-plain")

    def test_counts_over_tls_with_a_scram_login(self):
        self.counts(self.server("scram", "SCRAM-SHA-256"), "by-scram")

    def test_what_is_wrong_is_refused_by_name(self):
        wrong, other = self.password("wrong", "wrong password"), self.others.authority
        # All at once: each insists for half a minute.
        refused = {
            "a wrong password of Kafka": (self.server("kafka-plain", kafka__password_file=wrong), "uthentication failed"),
            "the same by SCRAM":
                (self.server("kafka-scram", "SCRAM-SHA-256", kafka__password_file=wrong), "uthentication failed"),
            "a broker of another authority":
                (self.server("kafka-authority", client={"ssl.ca.location": other}), "certificate verify failed"),
            "a wrong password of Cassandra":
                (self.server("cassandra-password", cassandra__password_file=wrong), "credentials"),
            "a Cassandra of another authority":
                (self.server("cassandra-authority", cassandra__tls_ca=other), "certificate verify failed"),
            "plain text to a Cassandra that wants TLS": (self.server("cassandra-text", cassandra__tls="false"), "Cassandra"),
        }
        for server, _ in refused.values():
            server.start(wait=False)
            self.addCleanup(server.kill)
        for name, (server, what) in refused.items():
            with self.subTest(name):
                self.assertEqual(server.process.wait(REFUSED_SECONDS_MAX), 1, server.output())
                self.assertIn(what, server.output())
                for secret in (KAFKA_PASSWORD, "wrong password"):
                    self.assertNotIn(secret, server.output())


if __name__ == "__main__":
    unittest.main()
