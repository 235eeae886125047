"""quipu import: the counts of a log, whatever its format, however often and however cut off it is imported."""

import collections
import gzip
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.parse

from harness.context import expect, expect_equal

CHUNK_LINES = 32768
UNREACHABLE = 4
PATHS = ["/", "/favicon.ico", "/a%20b", "/ä/→", "/back\\\\slash", "/q\\\"uote", "*", "//", "/long/" + "x" * 900, "/it's",
         "/<svg/onload=alert(1)>"] + [f"/articles/{n}/" for n in range(900)]


def line_of(chosen, target):
    return (f'10.0.{chosen.randrange(256)}.1 - - [24/Nov/2026:{chosen.randrange(24):02}:00:00 +0000] '
            f'"{chosen.choice(["GET", "POST", "HEAD"])} {target}{chosen.choice(["", "?q=1", "?a?b"])} HTTP/1.1" '
            f'{chosen.choice([200, 304, 404, 500])} {chosen.choice(["-", "123"])}')


class Log:
    """A log on the disk and what it must come to."""

    def __init__(self, path, seed):
        self.path = path
        self.chosen = random.Random(seed)
        self.counts = collections.Counter()
        self.good = self.broken = 0
        self.broken_lines = []
        path.write_bytes(b"")

    def grow(self, lines, broken=0.001):
        out = []
        for _ in range(lines):
            if self.chosen.random() < broken:
                self.broken += 1
                self.broken_lines.append(self.good + self.broken)
                out.append("this is no line of a log\n")
                continue
            target = PATHS[min(int(self.chosen.paretovariate(0.5)) - 1, len(PATHS) - 1)]
            self.counts[target] += 1
            self.good += 1
            tail = ' "-" "Mozilla (\\"x\\")"' if self.chosen.random() < 0.5 else ""
            out.append(line_of(self.chosen, target) + tail + "\n")
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(out))


class Importer:
    """Runs the program's import against a server, with notes in the test's own directory."""

    def __init__(self, context, server, space="hits"):
        self.context, self.server, self.space = context, server, space
        self.state = context.directory / "state"

    def command(self, *words):
        return [*self.context.command, "import", "--server", f"127.0.0.1:{self.server.http_port}", "--state-dir",
                str(self.state), "--namespace", self.space, "--json", *map(str, words)]

    def run(self, *words, code=0, **more):
        done = self.context.run(self.command(*words), code=code, **more)
        return json.loads(done.stdout), done.stderr.decode()

    def expect_counts(self, log, when):
        names = list(log.counts)
        found = {}
        with self.server.http() as http:
            for at in range(0, len(names), 8):
                query = "&".join("counter=" + urllib.parse.quote(name, safe="") for name in names[at:at + 8])
                for item in http.json("GET", f"/v1/counters/{self.space}?{query}")["counters"]:
                    found[item["counter"]] = item["value"]
        wrong = {name: (found[name], log.counts[name]) for name in names if found[name] != log.counts[name]}
        expect(not wrong, f"{when}: {len(wrong)} of {len(names)} counts are wrong: {dict(list(wrong.items())[:5])}")


def numbers(report):
    return {name: report[name] for name in ("already_counted", "new", "broken")}


def expect_audit(context, server):
    done = context.run([*context.command, "audit", "--data", server.data, "--json"])
    report = json.loads(done.stdout)
    expect(report["differences"] == 0 and report["rows"] > 0, f"audit: {report}")


def import_formats(context):
    """Plain, again, grown, gzipped, from a pipe, as JSON; broken lines by number; another log is refused."""
    log = Log(context.directory / "access.log", context.seed)
    log.grow(70_000)
    with context.server() as server:
        server.start()
        importer = Importer(context, server)
        report, said = importer.run(log.path)
        expect_equal(numbers(report), {"already_counted": 0, "new": log.good, "broken": log.broken}, "the first time")
        expect(f"access.log:{log.broken_lines[0]}: not counted" in said, f"the first broken line is not named: {said}")
        expect_equal(said.count(": not counted"), min(10, log.broken), "how many broken lines are shown")
        importer.expect_counts(log, "the first time")
        report, said = importer.run(log.path)
        expect_equal(numbers(report), {"already_counted": log.good, "new": 0, "broken": log.broken}, "the second time")
        expect("warning" in said and "nothing is new" in said, f"nothing new is no warning: {said}")
        before = log.good
        log.grow(40_000)
        report, _ = importer.run(log.path)
        expect_equal(numbers(report), {"already_counted": before, "new": log.good - before, "broken": log.broken}, "grown")
        importer.expect_counts(log, "grown")
        packed = context.directory / "rotated.1"
        half = log.path.read_bytes().find(b"\n", 1_000_000) + 1
        data = log.path.read_bytes()
        packed.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
        report, _ = importer.run(packed)
        expect_equal((report["already_counted"], report["new"]), (log.good, 0), "a gzipped copy in two members")
        report, _ = importer.run("-", input=data)
        expect_equal((report["already_counted"], report["new"]), (log.good, 0), "from a pipe")
        unfinished(importer, log)
        another_log(context, importer, log)
        as_json(context, server)
        server.stop()
        expect_audit(context, server)


def unfinished(importer, log):
    line = line_of(log.chosen, "/half")
    with open(log.path, "a", encoding="utf-8") as file:
        file.write(line[:60])
    report, said = importer.run(log.path)
    expect(report["new"] == 0 and report["files"][0]["unfinished_line"], f"half a line: {report}")
    expect("the last line has no end" in said, f"half a line is no warning: {said}")
    with open(log.path, "a", encoding="utf-8") as file:
        file.write(line[60:] + "\n")
    log.counts["/half"] += 1
    log.good += 1
    report, _ = importer.run(log.path)
    expect_equal(report["new"], 1, "the line with its end")
    importer.expect_counts(log, "the line with its end")


def another_log(context, importer, log):
    lines = log.path.read_bytes().splitlines(keepends=True)
    lines[20_000] = lines[20_000].replace(b"10.0.", b"10.9.")
    other = context.directory / "other.log"
    other.write_bytes(b"".join(lines) + lines[0] * 50_000)
    older = context.directory / "older.log"
    older.write_bytes(b"".join(lines[:10_000]))
    for path in (other, older):
        report, said = importer.run(path, code=1)
        expect_equal((report["new"], report["error"]["outcome"]), (0, "other_log"), path.name)
        expect("--source NAME" in said, said)
    elsewhere = Importer(context, importer.server)
    elsewhere.state = context.directory / "elsewhere"
    report, _ = elsewhere.run(log.path, code=1)
    expect_equal((report["new"], report["error"]["outcome"]), (0, "notes"), "without notes")
    report, _ = elsewhere.run(log.path, "--unchecked")
    expect_equal((report["already_counted"], report["new"]), (log.good, 0), "--unchecked")
    importer.expect_counts(log, "after other logs")


def as_json(context, server):
    path = context.directory / "caddy.json"
    objects = [{"request": {"method": "GET", "uri": "/j?x=1"}, "status": 200}, {"request": "GET /j HTTP/1.1"},
               {"request_uri": "/k"}]
    path.write_text("".join(json.dumps(one) + "\n" for one in objects) + '{"request_uri": "/k"\n')
    report, said = Importer(context, server, "jsonlog").run(path)
    expect_equal(numbers(report), {"already_counted": 0, "new": 3, "broken": 1}, "JSON")
    expect("caddy.json:4: not counted" in said, said)
    with server.http() as http:
        expect_equal(http.json("GET", "/v1/counters/jsonlog/%2Fj")["value"], 2, "/j")


def import_kills(context):
    """The importing program and the server are killed at random moments, while the log grows; each line counts once."""
    chosen = random.Random(context.seed)
    log = Log(context.directory / "access.log", context.seed)
    log.grow(200_000)
    kills = partial = 0
    with context.server() as server:
        server.start()
        importer = Importer(context, server)
        importer.run("-", input=b"")  # Warms the caches up.
        for _ in range(12):
            process = subprocess.Popen(importer.command(log.path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(chosen.uniform(0, 0.12))
            # One that had not asked the server for anything yet finds none, and says so.
            ends = {0, -signal.SIGKILL}
            if chosen.random() < 0.4:
                server.kill()
                ends.add(UNREACHABLE)
                server.start(same_ports=True)
            if chosen.random() < 0.75:
                process.send_signal(signal.SIGKILL)
            code = process.wait(60)
            process.communicate()
            expect(code in ends, f"the import ended with {code}")
            kills += code != 0
            report, _ = importer.run(log.path, code=None) if chosen.random() < 0.2 else ({"new": 0}, "")
            partial += 0 < report["new"] < log.good
            log.grow(chosen.randrange(2, 25_000))
        report, _ = importer.run(log.path)
        partial += report["already_counted"] > 0 and report["new"] > 0
        expect_equal(report["already_counted"] + report["new"], log.good, "already counted and new")
        importer.expect_counts(log, "after the kills")
        report, _ = importer.run(log.path)
        expect_equal((report["already_counted"], report["new"]), (log.good, 0), "again")
        context.note(f"{kills} imports were killed, {partial} runs went on in the middle, {log.good} lines")
        expect(kills > 0 and partial > 0, "no kill fell in the middle of an import")
        server.stop()
        expect_audit(context, server)


def import_waits(context):
    """A server that is killed in the middle and comes back: the import waits and goes on by itself. Without: exit code 4."""
    log = Log(context.directory / "access.log", context.seed)
    log.grow(150_000)
    with context.server() as server:
        server.start()
        importer = Importer(context, server)
        reader, writer = os.pipe()
        process = subprocess.Popen(importer.command("-"), stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(reader)
        data = log.path.read_bytes()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data[:len(data) // 2])
            pipe.flush()
            server.kill()
            rest = threading.Thread(target=pipe.write, args=(data[len(data) // 2:],))
            rest.start()  # It gets through only as fast as the import reads.
            time.sleep(0.5)
            server.start(same_ports=True)
            rest.join(60)
        output, said = process.communicate(timeout=60)
        expect_equal(process.returncode, 0, f"the import's exit code; it said {said}")
        expect_equal(json.loads(output)["new"], log.good, "new")
        expect(b"waiting: " in said, f"it does not say that it waits: {said}")
        importer.expect_counts(log, "after the wait")
        server.kill()
        report, said = importer.run(log.path, "--wait", "0", code=4)
        expect_equal(report["error"]["outcome"], "unreachable", said)


TESTS = [("import-formats", import_formats), ("import-kills", import_kills), ("import-waits", import_waits)]
