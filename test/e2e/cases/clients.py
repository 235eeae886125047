"""Real clients of four languages (C, Python, JavaScript, Ruby), unchanged: what they print of Quipu must be what they print
of a real Redis. One that is missing is a failure."""

import difflib
import re
import subprocess
import time

from harness import installs
from harness.context import expect, expect_equal
from harness.real_redis import RealRedis
from harness.wire import quote

# What redis-cli is given, one line each, and what a terminal user would try.
REDIS_CLI = """PING
ECHO "h\\xc3\\xa4llo"
FLUSHALL
DBSIZE
INCR a
INCRBY a 41
INCRBY a -2
DECR a
DECRBY a 9
DECRBY b 7
GET a
GET none
SET c 100
SET c 1 NX
SET none 1 XX
SET d -5 NX
MGET a none c d
EXISTS a b none a
TYPE a
TYPE none
STRLEN c
DBSIZE
SCAN 0 COUNT 1000 MATCH a
SCAN 0 COUNT 1000 TYPE list
GETDEL d
GETDEL d
DEL b none
UNLINK c
INCR "\\x00\\xff\\r\\n"
GET "\\x00\\xff\\r\\n"
INCR "views:video 1"
SET big 9223372036854775807
INCR big
DECRBY big -1
GET big
INCRBY a 1.5
INCRBY a 9223372036854775808
INCRBY a
INCR
NOSUCHCOMMAND x y
MULTI
INCR t
INCRBY t 10
GET t
EXEC
MULTI
INCR t
DISCARD
MULTI
INCR t
INCR
EXEC
EXEC
GET t
SELECT 0
CLIENT SETNAME tests
CLIENT GETNAME
DBSIZE
"""


def same_as_redis(context, name, output_of):
    """output_of(port) against both servers; every line must be the same."""
    with RealRedis(context.directory) as redis, context.server() as server:
        server.start()
        wanted = output_of(redis.resp_port).decode(errors="backslashreplace").splitlines()
        got = output_of(server.resp_port).decode(errors="backslashreplace").splitlines()
        expect(server.alive(), f"the server ended; it said:\n{server.output()}")
        server.stop()
    expect(len(wanted) >= 35, f"{name}: only {len(wanted)} lines from a real Redis: {wanted}")
    difference = "\n".join(difflib.unified_diff(wanted, got, "redis", "quipu", lineterm="", n=0))
    expect(not difference, f"{name} prints something else than with a real Redis:\n{difference}")
    context.note(f"{len(wanted)} lines, the same as with a real Redis")


def redis_cli(context):
    def output(*options):
        return lambda port: context.run(["redis-cli", "-p", port, *options], input=REDIS_CLI.encode()).stdout
    same_as_redis(context, "redis-cli", output())
    same_as_redis(context, "redis-cli --no-raw", output("--no-raw"))
    same_as_redis(context, "redis-cli -3", output("-3", "--no-raw"))
    same_as_redis(context, "redis-cli --json", output("--json"))


def redis_cli_modes(context):
    """--pipe, --scan, --bigkeys, --stat."""
    count = 5000
    load = b"".join(b"*2\r\n$4\r\nINCR\r\n$%d\r\nkey:%d\r\n" % (len(f"key:{n % 100}"), n % 100) for n in range(count))
    with RealRedis(context.directory) as redis, context.server() as server:
        server.start()
        shown = []
        for port in (redis.resp_port, server.resp_port):
            cli = ["redis-cli", "-p", port]
            piped = context.run(cli + ["--pipe"], input=load).stdout.decode()
            expect(f"errors: 0, replies: {count}" in piped, f"redis-cli --pipe: {piped!r}")
            inline = context.run(cli + ["--pipe"], input=b"INCRBY inline 7\r\nINCR inline\r\n" * 50).stdout.decode()
            expect("errors: 0, replies: 100" in inline, f"redis-cli --pipe with inline commands: {inline!r}")
            values = context.run(cli + ["MGET"] + [f"key:{n}" for n in range(100)] + ["inline"]).stdout
            expect_equal(values.split(), [b"50"] * 100 + [b"400"], "the values after --pipe")
            scanned = sorted(context.run(cli + ["--scan", "--pattern", "key:*"]).stdout.split())
            big = context.run(cli + ["--bigkeys"]).stdout.decode()
            sampled = re.search(r"Sampled (\d+) keys", big)
            expect(sampled, f"redis-cli --bigkeys: {big!r}")
            stat = limited(["stdbuf", "-oL"] + cli + ["--stat", "-i", "0.1"], 0.6)
            numbers = re.search(r"^\s*(\d+)\s", stat.split("requests")[-1], re.MULTILINE)
            expect(numbers, f"redis-cli --stat: {stat!r}")
            shown.append((scanned, sampled[1], re.search(r"(\d+) strings with", big)[1]))
            context.run(cli + ["-r", "10", "-i", "0.01", "INCR", "repeated"])
            expect_equal(context.run(cli + ["GET", "repeated"]).stdout, b"10\n", "redis-cli -r 10")
            expect(b"redis_version" in context.run(cli + ["INFO"]).stdout, "INFO has no redis_version")
        expect_equal(shown[1], shown[0], "--scan and --bigkeys")
        server.stop()


def limited(command, seconds):
    """The output of a program that never ends by itself."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        time.sleep(seconds)
        process.kill()
        return process.stdout.read().decode(errors="replace")


def redis_benchmark(context):
    """Everything that redis-benchmark sends is counted, to the last one."""
    with context.server() as server:
        server.start()
        bench = ["redis-benchmark", "-p", server.resp_port, "-q"]
        plain = context.run(bench + ["-t", "incr", "-n", 20000, "-c", 20]).stdout.decode()
        context.run(bench + ["-t", "incr", "-n", 100000, "-P", 16, "-c", 20])
        context.run(bench + ["-n", 100000, "-P", 16, "-r", 500, "INCRBY", "custom:__rand_int__", 3])
        with server.resp() as resp:
            expect_equal(int(resp.must("GET", "counter:__rand_int__")), 120000, "what redis-benchmark -t incr sent")
            values = resp.must("MGET", *[f"custom:{n:012}" for n in range(500)])
        expect_equal(sum(int(value or 0) for value in values), 300000, "what redis-benchmark INCRBY sent")
        server.stop()
    context.note(plain.replace("\r", "\n").strip().splitlines()[-1].strip())


def redis_py(context):
    command = installs.redis_py()
    for protocol in (2, 3):
        same_as_redis(context, f"redis-py in RESP{protocol}",
                      lambda port, protocol=protocol: context.run(command + [port, protocol]).stdout)


def ioredis(context):
    command, more = installs.ioredis()
    same_as_redis(context, "ioredis",
                  lambda port: context.run(command + [port], env=installs.environment(more)).stdout)


def redis_rb(context):
    command = installs.redis_rb()
    same_as_redis(context, "redis-rb", lambda port: context.run(command + [port]).stdout)


def go_redis(context):
    command = installs.go_redis()
    same_as_redis(context, "go-redis", lambda port: context.run(command + [port]).stdout)


def curl(context):
    """The lines of the README by hand: every form of /view, a batch, a read, a reset."""
    with context.server() as server:
        server.start()
        url = f"http://127.0.0.1:{server.http_port}"

        def ask(*words, status, **more):
            out = context.run(["curl", "-s", "-S", "-w", "\n%{http_code}", *words], **more).stdout.decode()
            body, _, code = out.rpartition("\n")
            expect_equal(int(code), status, f"curl {' '.join(words)}: {body}")
            return body

        ask(f"{url}/view", "-H", "Content-Type: application/json", "-d", '{"video_id": "abc"}', status=202)
        ask(f"{url}/view", "-d", "video_id=abc", status=202)
        ask(f"{url}/view", "-H", "Content-Type: text/plain", "--data-raw", "abc", status=202)
        ask("-X", "POST", f"{url}/view?video_id=abc", status=202)
        for _ in range(2):
            ask(f"{url}/view", "-H", "Content-Type: application/json", "-d", '{"video_id": "abc", "event_id": "e1"}', status=202)
        expect('"value":5' in ask(f"{url}/v1/counters/views/abc", status=200).replace(" ", ""), "five views of abc")
        batch = "\n".join(f'{{"counter": "c{n % 10}", "delta": {n}}}' for n in range(100))
        ask(f"{url}/v1/events", "-H", "Content-Type: application/x-ndjson", "--data-binary", "@-", status=202,
            input=batch.encode())
        expect('"value":450' in ask(f"{url}/v1/counters/default/c0", status=200).replace(" ", ""), "the sum of a batch")
        broken = batch.replace('"c7"', '"c7', 1)
        problem = ask(f"{url}/v1/events", "-H", "Content-Type: application/x-ndjson", "--data-binary", "@-", status=400,
                      input=broken.encode())
        expect("8" in problem and "refused" in problem, f"the broken line is not named: {problem}")
        expect('"value":450' in ask(f"{url}/v1/counters/default/c0", status=200).replace(" ", ""), "after a refused batch")
        ask("-X", "DELETE", f"{url}/v1/counters/default/c0", status=200)
        expect('"value":0' in ask(f"{url}/v1/counters/default/c0", status=200).replace(" ", ""), "after DELETE")
        odd = "/a b%2Fc?d=ä"
        ask("-X", "POST", f"{url}/v1/counters/default/{quote(odd)}", status=202)
        expect('"value":1' in ask(f"{url}/v1/counters/default/{quote(odd)}", status=200).replace(" ", ""), "an odd name")
        for path, kind in (("/livez", ""), ("/readyz", ""), ("/healthz", ""), ("/metrics", "quipu_"), ("/openapi.json", "3.1"),
                           ("/v1/stats", "{"), ("/v1/top/views", "abc")):
            expect(kind in ask(f"{url}{path}", status=200), f"{path} has no {kind!r}")
        ask(f"{url}/nothing", status=404)
        server.stop()


def wrk(context):
    """wrk sends a fixed number of views as fast as it can: every 202 is in the totals."""
    threads, posts = 2, 5000  # So few that a machine at work on other things has sent them long before wrk ends.
    script = installs.HERE / "wrk_view.lua"
    with context.server() as server:
        server.start()
        out = context.run(["wrk", "-t", threads, "-c", 32, "-d", "6s", "-s", script,
                           f"http://127.0.0.1:{server.http_port}", "--", posts]).stdout.decode()
        accepted, other = (int(number) for number in re.search(r"accepted (\d+) other (\d+)", out).groups())
        expect_equal((accepted, other), (threads * posts, 0), f"the answers that wrk counted in\n{out}")
        with server.resp() as resp:
            values = resp.must("MGET", *[f"views:wrk-{n}" for n in range(100)])
        expect_equal(sum(int(value or 0) for value in values), accepted, "the total of what wrk was told is counted")
        server.stop()
    context.note(f"{accepted} views accepted, {re.search(r'Requests/sec: *([0-9.]+)', out)[1]} requests a second")


TESTS = [("redis-cli", redis_cli), ("redis-cli-modes", redis_cli_modes), ("redis-benchmark", redis_benchmark),
         ("redis-py", redis_py), ("ioredis", ioredis), ("redis-rb", redis_rb), ("curl", curl), ("wrk", wrk)]
if installs.has_go():  # Debian's is too old for go-redis, so it is a fifth language for machines that have another.
    TESTS.append(("go-redis", go_redis))
