"""The commands that README and docs/ show, as they stand there; and the commands of a client with keys."""

import hashlib
import json
import os
import shlex
from random import Random

from harness.context import expect, expect_equal
from harness.pages import STOPPED, PageRun, blocks, pages
from harness.real_redis import RealRedis
from harness.wire import Resp

REDIS_PAGE = "docs/coming-from-redis.md"
LINE = '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 200 5\n'
ADMIN = "admin-admin-admin-admin-admin"
READ = "read-read-read-read-read-read"


def run(context, environment, line, code=0):
    words = shlex.split(line)[1:]
    return context.run([*context.command, *words], code=code, env=environment, cwd=context.directory)


def documented_commands(context):
    """Each command of README and of every page of docs/ works as it stands there."""
    ran = 0
    for page in pages():
        if page == REDIS_PAGE or not blocks(page):
            continue
        with PageRun(context, page) as there:
            (there.directory / "access.log").write_text("".join(LINE.format(n % 7) for n in range(100)))
            output = there.run()
            if page in LOOKS:
                LOOKS[page](there, output)
            there.stop()
            before = files_of(there.directory / "quipu-data")
            there.run_stopped()
            if audited := any("audit" in line for kind, lines in there.blocks if kind == STOPPED for line in lines):
                expect_equal(files_of(there.directory / "quipu-data"), before, "what an audit leaves of the directory")
            expect(audited or page not in ("docs/cli.md", "docs/start.md"), f"{page} shows no audit")
            expect(there.ran > 0, f"{page}: its blocks run nothing")
            context.note(f"{page}: {there.ran} lines")
            ran += there.ran
    expect(ran >= 40, f"the pages show {ran} lines only")


def cli_page(there, output):
    expect_equal(there.shell("quipu get likes cat").stdout, b"4\n", "likes/cat")
    expect_equal(there.shell("quipu top hits --limit 1").stdout, b"15\t/0\n", "the top of hits")
    for line in [line for _, lines in there.blocks for line in lines if "--json" in line and "audit" not in line]:
        expect(isinstance(json.loads(there.shell(line).stdout), dict), line)
    refused = there.shell("quipu audit", code=1)
    expect(b"stop the service first" in refused.stderr, f"audit beside a service: {refused.stderr}")


def files_of(directory):
    """A digest of each file but the lock's."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file() and path.name != "LOCK"}


def resp_page(there, output):
    expect_equal(output, b"1\n42\n\n42\n\n47\n1\n47\n0\nlikes\n", "what docs/protocol/resp.md prints")


def readme(there, output):
    expect_equal(there.shell("quipu get views cat").stdout, b"2\n", "the views that README counts")
    expect_equal(there.shell("quipu get likes cat").stdout, b"2\n", "the likes that README counts")


def start_page(there, output):
    expect_equal(there.shell("quipu get likes cat").stdout, b"4\n", "the likes that docs/start.md counts")
    expect_equal(there.shell("quipu top hits --limit 1").stdout, b"15\t/0\n", "what docs/start.md imports")


def keys_page(there, output):
    keys = (there.directory / "etc/keys").read_text()
    expect_equal([line.split()[0] for line in keys.splitlines()], ["ingest", "read", "ingest,read,admin"], "the keys' rights")
    expect(b"key" in there.shell("quipu incr likes cat", code=1).stderr, "a service with keys counts without one")
    there.environment["QUIPU_KEY"] = keys.split()[1]
    there.shell("quipu incr likes cat")


LOOKS = {"README.md": readme, "docs/cli.md": cli_page, "docs/start.md": start_page, "docs/operations/keys.md": keys_page,
         "docs/protocol/resp.md": resp_page}


def coming_from_redis(context):
    """The page, word for word, beside a real Redis: every counter has its total here, also when it is done twice."""
    with RealRedis(context.directory) as redis, PageRun(context, REDIS_PAGE, redis.resp_port) as there:
        random = Random(context.seed)
        totals = {b"user:%d:likes" % n: random.randrange(-9, 10**12) for n in range(300)}
        totals |= {b'user:"a b\\':  7, "user:日本".encode(): 2**62, b"user:\x00\r\n\xff'": -3, b"views:cat": 11, b"user:zero": 0}
        with Resp(redis.resp_port) as resp:
            for name, total in totals.items():
                resp.must("SET", name, total)
            resp.must("SET", "other", "text")
            resp.must("HSET", "other:hash", "field", "1")
        there.serve()
        live = {b"user:1:likes": 5, b"user:new": 2, b"views:cat": 1}
        with Resp(there.resp_port) as resp:
            for name, more in live.items():  # The application counts here already while the old totals come over.
                resp.must("INCRBY", name, more)
        for _ in range(2):
            there.run()
        wanted = {name: totals.get(name, 0) + live.get(name, 0) for name in totals | live if not name.startswith(b"views:")}
        with Resp(there.resp_port) as resp:
            got = {name: int(resp.must("GET", name) or 0) for name in wanted}
            expect_equal(got, wanted, "the totals that came over")
            expect_equal(resp.must("EXISTS", "other", "other:hash"), 0, "what was no counter")
        context.note(f"{len(wanted)} counters, moved twice")
        there.stop()


def client_outcomes(context):
    """Keys, missing rights, counters that do not exist, a server that is none: code and JSON of each."""
    keys = context.directory / "keys"
    keys.write_text(f"read {READ}\ningest,read,admin {ADMIN}\n")
    keys.chmod(0o600)
    with context.server(settings={"auth.keys_file": keys}) as server:
        server.start()
        environment = {**os.environ, "QUIPU_SERVER": f"http://127.0.0.1:{server.http_port}/", "http_proxy": "http://127.0.0.1:1"}

        def outcome(line, code, key=None):
            done = run(context, {**environment, **({"QUIPU_KEY": key} if key else {})}, line + " --json", code)
            expect(all(secret not in done.stderr.decode() + done.stdout.decode() for secret in (READ, ADMIN)), "a key is shown")
            return json.loads(done.stdout)

        expect_equal(outcome("quipu incr likes cat", 1)["error"]["outcome"], "not_allowed", "without a key")
        expect_equal(outcome("quipu incr likes cat", 1, READ)["error"]["outcome"], "not_allowed", "without the right")
        counted = outcome("quipu incr likes cat --by=-2", 0, ADMIN)
        expect_equal((counted["outcome"], counted["value"]), ("counted", -2), "with a key")
        (context.directory / "key").write_text(f"# mine\n{ADMIN}\n")
        counted = outcome("quipu incr likes cat --id i --key-file key", 0)
        expect_equal(counted["outcome"], "counted", "with a key file")
        repeated = outcome("quipu incr likes cat --id i --key-file key", 0)
        expect_equal((repeated["outcome"], repeated["value"]), ("duplicate", -1), "the same id")
        expect_equal(outcome("quipu incr likes cat --id i --by 7 --key-file key", 1)["error"]["outcome"], "refused", "another body")
        expect_equal(outcome("quipu get likes cat", 0, READ)["counters"][0]["value"], -1, "get")
        expect_equal(outcome("quipu get likes dog", 3, READ)["counters"][0]["exists"], False, "a counter that is not there")
        expect_equal(outcome("quipu get nowhere cat", 3, READ)["error"]["outcome"], "not_found", "a namespace that is not there")
        names = " ".join(f"counter-{n:04}-{'x' * 50}" for n in range(1500))
        expect_equal(len(outcome(f"quipu get likes {names}", 3, READ)["counters"]), 1500, "many counters")
        expect_equal(outcome("quipu import absent.log", 1, ADMIN)["error"]["outcome"], "file", "a log that is not there")
        expect_equal(outcome("quipu audit --data absent", 3)["error"]["outcome"], "not_found", "no data directory")
        expect_equal(outcome("quipu get likes cat --server 127.0.0.1:1", 4)["error"]["outcome"], "unreachable", "no server")
        other = f"quipu get likes cat --server 127.0.0.1:{server.resp_port} --timeout 2"
        expect_equal(outcome(other, 1)["error"]["outcome"], "unknown", "a server that is none")
        server.stop()


TESTS = [("documented-commands", documented_commands), ("coming-from-redis", coming_from_redis),
         ("client-outcomes", client_outcomes)]
