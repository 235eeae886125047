"""The commands that README and docs/cli.md show, as they stand there; and the commands of a client with keys."""

import json
import os
import pathlib
import re
import shlex

from harness.context import expect, expect_equal

ROOT = pathlib.Path(__file__).resolve().parents[3]
FENCE = re.compile(r"```sh([^\n]*)\n(.*?)```", re.DOTALL)
LINE = '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /{} HTTP/1.1" 200 5\n'
ADMIN = "admin-admin-admin-admin-admin"
READ = "read-read-read-read-read-read"


def shown(text):
    """The lines of a page that run the program, in order."""
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(build/release/)?quipu (?!serve)", line)]


def run(context, environment, line, code=0):
    words = shlex.split(line)[1:]
    return context.run([*context.command, *words], code=code, env=environment, cwd=context.directory)


def documented_commands(context):
    """Each command of README and docs/cli.md works as it stands."""
    (context.directory / "access.log").write_text("".join(LINE.format(n % 7) for n in range(100)))
    page = (ROOT / "docs/cli.md").read_text()
    while_serving, stopped = [], []
    for kind, text in FENCE.findall(page):
        (stopped if "stopped" in kind else while_serving).extend(shown(text))
    readme = [line for line in shown((ROOT / "README.md").read_text()) if "quipu log adopt" not in line]
    expect(len(while_serving) >= 10 and len(stopped) == 2 and len(readme) >= 4, "the pages show too few commands")
    environment = {**os.environ, "QUIPU_STATE_DIR": str(context.directory / "state")}
    with context.server(data=context.directory / "quipu-data") as server:
        server.start()
        environment["QUIPU_SERVER"] = f"127.0.0.1:{server.http_port}"
        for line in while_serving + readme:
            done = run(context, environment, line)
            if "--json" in line:
                expect(isinstance(json.loads(done.stdout), dict), f"{line}: {done.stdout}")
        expect_equal(run(context, environment, "quipu get likes cat").stdout, b"5\n", "likes/cat")
        expect_equal(run(context, environment, "quipu top hits --limit 1").stdout, b"15\t/0\n", "the top of hits")
        refused = run(context, environment, "quipu audit", code=1)
        expect(b"stop the service first" in refused.stderr, f"audit beside a service: {refused.stderr}")
        server.stop()
        before = files_of(context.directory / "quipu-data")
        for line in stopped:
            run(context, environment, line)
        expect_equal(files_of(context.directory / "quipu-data"), before, "what an audit leaves of the directory")


def files_of(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file() and path.name != "LOCK"}


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


TESTS = [("documented-commands", documented_commands), ("client-outcomes", client_outcomes)]
