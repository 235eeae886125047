"""API keys: what is refused at the start, and that real clients give their key as they give a password."""

import json
import os
import pathlib
import subprocess

from harness import installs
from harness.context import eventually, expect, expect_equal
from harness.wire import Lost

INGEST = "ingest-ingest-ingest-ingest"
READ = "read-read-read-read-read-read"
ADMIN = "admin-admin-admin-admin-admin"
JSON = (("Content-Type", "application/json"),)
REDIS_PY = """
import sys, redis
port, key, wrong = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for protocol in (2, 3):
    for user in (None, "default", "anyone"):
        client = redis.Redis(port=port, username=user, password=key, protocol=protocol, decode_responses=True)
        print(client.get("c"))
for password in (None, wrong):
    try:
        redis.Redis(port=port, password=password).get("c")
        print("let in")
    except redis.AuthenticationError as error:
        print(error)
try:
    redis.Redis(port=port, password=key).incr("c")
    print("let in")
except redis.exceptions.NoPermissionError as error:
    print(error)
"""


def key_file(context, text, mode=0o600, name="keys"):
    path = context.directory / name
    path.write_text(text)
    os.chmod(path, mode)
    return path


def all_keys(context):
    return key_file(context, f"# three\ningest {INGEST}\nread {READ}\ningest,read,admin {ADMIN}\n")


def bearer(key):
    return (("Authorization", f"Bearer {key}"),)


def http_keys(context):
    """Over HTTP each request needs a key with its right; health needs none; nothing shows a key."""
    with context.server(settings={"auth.keys_file": all_keys(context)}) as server:
        server.start()
        with server.http() as http:
            answer = http.call("POST", "/v1/counters/n/c", b"{}", JSON)
            expect_equal((answer.status, answer.outcome()), (401, "refused"), "without a key")
            expect_equal(http.call("POST", "/v1/counters/n/c", b"{}", JSON + bearer(READ)).status, 403, "without the right")
            expect_equal(http.call("POST", "/v1/counters/n/c", b"{}", JSON + bearer(INGEST)).status, 202, "with the right")
            for path in ("/livez", "/readyz", "/healthz", "/", "/page/main.js"):
                expect_equal(http.call("GET", path).status, 200, path)
            seen = ""
            for path in ("/metrics", "/v1/stats", "/v1/architecture"):
                expect_equal(http.call("GET", path).status, 401, path)
                answer = http.call("GET", path, b"", bearer(READ))
                expect_equal(answer.status, 200, path)
                seen += answer.body.decode()
        with server.resp() as resp:
            expect_equal(resp.must("AUTH", ADMIN), "OK", "AUTH")
            seen += str(resp.call("INFO")) + str(resp.call("CONFIG", "GET", "*")) + str(resp.call("CLIENT", "INFO"))
        curl = context.run(["curl", "-sS", "-i", f"http://127.0.0.1:{server.http_port}/v1/counters/n/c"])
        text = curl.stdout.decode()
        expect("401 Unauthorized" in text and "WWW-Authenticate: Bearer" in text, f"curl without a key: {text}")
        curl = context.run(["curl", "-sS", "-H", f"Authorization: Bearer {READ}",
                            f"http://127.0.0.1:{server.http_port}/v1/counters/n/c"])
        expect_equal(json.loads(curl.stdout)["value"], 1, "curl with a key")
        server.stop()
        seen += server.output()
        for key in (INGEST, READ, ADMIN):
            expect(key not in seen, f"a key is shown: {seen}")


def resp_keys(context):
    """redis-cli and redis-py give a key as a password."""
    with context.server(settings={"auth.keys_file": all_keys(context)}) as server:
        server.start()

        def cli(*words):
            done = subprocess.run(["redis-cli", "-p", str(server.resp_port), *words], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
            return done.stdout.decode().strip()

        expect_equal(cli("INCR", "c"), "NOAUTH Authentication required.", "redis-cli without a key")
        expect_equal(cli("--no-auth-warning", "-a", INGEST, "INCR", "c"), "1", "redis-cli -a")
        expect_equal(cli("--no-auth-warning", "--user", "me", "--pass", INGEST, "-3", "INCR", "c"), "2", "redis-cli --user")
        expect_equal(cli("--no-auth-warning", "-a", INGEST, "SET", "c", "9"),
                     "NOPERM this user has no permissions to run the 'set' command", "redis-cli without the right")
        python = installs.redis_py()[0]
        done = subprocess.run([python, "-B", "-c", REDIS_PY, str(server.resp_port), READ, READ + "x"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        lines = done.stdout.decode().splitlines()
        expect_equal(lines[:6], ["2"] * 6, f"redis-py with a password: {lines}")
        expect(lines[6].startswith("HELLO must be called with the client already authenticated"), f"redis-py without: {lines}")
        expect_equal(lines[7], "invalid username-password pair or user is disabled.", "redis-py with a wrong one")
        expect_equal(lines[8:], ["this user has no permissions to run the 'incrby' command"], "redis-py without the right")
        with server.resp() as resp:
            for _ in range(10):
                expect_equal(resp.call("AUTH", "wrong").kind, "WRONGPASS", "a wrong key")
            try:
                answer = resp.call("AUTH", READ)
            except Lost:
                answer = None
            expect_equal(answer, None, "the answer after ten wrong keys")
        server.stop()


def refused_starts(context):
    """Other addresses than the loopback need keys, or to be told; and wrong keys are told with file and line."""
    def refused(what, settings, *words):
        with context.server(settings=settings) as server:
            code, output = server.run_to_end()
            expect(code == 1 and all(word in output for word in words), f"{what}: exit code {code}: {output}")

    for key in ("http.listen", "resp.listen"):
        for address in ("0.0.0.0:0", "[::]:0", ":0"):
            refused(address, {key: address}, key, "--insecure", "auth.keys_file")
    good = f"read {READ}\n"
    for mode in (0o644, 0o620):
        path = key_file(context, good, mode)
        refused(f"mode {mode:o}", {"auth.keys_file": path}, "chmod 600", str(path))
    for text, word in ((good + "write x\n", "keys:2: unknown right 'write'"), (good + good, "keys:2: the key stands at"),
                       ("read short\n", "keys:1: the key has 5 letters"), ("#\n", "holds no key")):
        refused(text, {"auth.keys_file": key_file(context, text)}, word)
    refused("no file", {"auth.keys_file": context.directory / "none"}, "cannot be read")

    for settings, word in (({"auth.insecure": "true"}, "INSECURE"), ({"auth.keys_file": all_keys(context)}, "no TLS")):
        with context.server(settings={"http.listen": "0.0.0.0:0", **settings}) as server:
            server.start(wait=False)
            eventually(lambda: "ready: data in" in server.output(), 30, "the start")  # noqa: B023
            expect("http.listen 0.0.0.0:0: " in server.output() and word in server.output(), f"no warning: {server.output()}")
            server.stop()


def environment(context):
    """QUIPU_AUTH_KEYS works as the file does, and `config print` does not show it."""
    surroundings = {**os.environ, "QUIPU_AUTH_KEYS": f"ingest {INGEST}; read {READ}"}
    for form in ((), ("--json",)):
        done = subprocess.run([*context.command, "config", "print", *form], env=surroundings, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=True)
        expect(INGEST not in done.stdout.decode(), "config print shows a key")
        expect("QUIPU_AUTH_KEYS in the environment" not in done.stdout.decode(), done.stdout.decode())
    os.environ["QUIPU_AUTH_KEYS"] = surroundings["QUIPU_AUTH_KEYS"]
    try:
        with context.server() as server:
            server.start()
            with server.http() as http:
                expect_equal(http.call("GET", "/v1/stats").status, 401, "without a key")
                expect_equal(http.call("GET", "/v1/stats", b"", bearer(READ)).status, 200, "with a key")
            server.stop()
    finally:
        del os.environ["QUIPU_AUTH_KEYS"]


def loopback_alone(context):
    """Without a setting it listens on the loopback of IPv4, at two ports, and nowhere else; in a network of its own."""
    data = context.directory / "data"
    process = subprocess.Popen(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *context.command, "serve",
                                "--data", str(data)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        def listening():
            found = set()
            for version in ("tcp", "tcp6"):
                lines = pathlib.Path(f"/proc/{process.pid}/net/{version}").read_text(encoding="ascii").splitlines()[1:]
                found |= {line.split()[1] for line in lines if line.split()[3] == "0A"}
            return found

        # Its directory is made when it has left this network, in which others may listen, too.
        eventually(lambda: (data / "identity").exists() or process.poll() is not None, 30, "the data directory")
        eventually(lambda: len(listening()) >= 2 or process.poll() is not None, 30, "two listening addresses")
        expect_equal(listening(), {"0100007F:1F90", "0100007F:18EC"}, "what it listens on: 127.0.0.1:8080 and :6380")
        expect_equal(data.stat().st_mode & 0o777, 0o700, "the mode of the data directory")
    finally:
        process.terminate()
        said = process.communicate(timeout=30)[0].decode()
    expect_equal(process.returncode, 0, said)


TESTS = [("keys-http", http_keys), ("keys-resp", resp_keys), ("keys-start", refused_starts),
         ("keys-environment", environment), ("loopback-alone", loopback_alone)]
