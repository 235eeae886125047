"""The bounds that are no settings and belong to no single request: what connections share, walks, files, numbers of sources."""

import signal
import socket
import subprocess
import threading
import time

from harness.bounds import (NDJSON, ended_by, events, get, metric_of, post, refused_http, row, seconds_until, wrong)
from harness.context import expect, expect_equal
from harness.wire import Connection, Http, Lost, Resp, encode, request

from .keys import key_file
from .limits_kept import long_name, start_refused


@row("source_sequence")
def source_sequence(_, server, bound):
    def one(http, sequence, status, lines=1):
        post(http, "/v1/events", events(lines), status, NDJSON + (("Quipu-Source", "s"), ("Quipu-Sequence", str(sequence))))

    with server.http() as http:
        one(http, 1, 202)
        one(http, bound, 400, lines=2)  # The second would be beyond.
        one(http, bound, 202)
        one(http, bound + 1, 400)
        expect_equal(get(http, "/v1/sources/default/s").json()["last_sequence"], bound, "the last sequence")
    return 2


@row("content_length_digits")
def content_length_digits(_, server, bound):
    body = events(1)
    length = b"%0*d" % (bound, len(body))
    with server.http() as http:
        http.send(request("POST", "/v1/events", body, NDJSON).replace(b"Content-Length: %d" % len(body), b"Content-Length: " + length))
        expect_equal(http.reply().status, 202, f"Content-Length: {length!r}")
    refused_http(server, b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 0" + length + b"\r\n\r\n" + body, 413)
    return 1


def crowd(server, count):
    """Connections that ask for much over RESP and read nothing, until the service reads none of them any further."""
    held = [Connection(server.resp_port) for _ in range(count)]
    stopped = 0
    for one in held:
        one.socket.settimeout(0.5)
        try:
            one.send(encode("ECHO", b"x" * 60_000) * 200)
        except Lost:
            stopped += 1
    expect_equal(stopped, count, "connections that are not read any further")
    return held


@row("client_share_bytes", settings={"limits.clients_bytes": "1MiB", "limits.input_bytes": "256KiB", "limits.body_bytes": "128KiB",
                                     "limits.output_bytes": "512KiB"})
def client_share(_, server, bound):
    """While others hold all there is, who holds no more than its share is served, and who holds more waits for them.

    How a command is kept until it is whole is the service's own affair, so this stays well on each side of the bound;
    test/net has it to the byte."""
    def halves(size):
        whole = encode("GET", b"n" * size)
        return whole[:-8], whole[-8:]

    with server.http() as http, Resp(server.resp_port) as within, Resp(server.resp_port) as beyond:
        for one in (within, beyond):
            one.must("PING")
        held = crowd(server, 6)
        for one, (begin, end) in ((within, halves(bound // 4)), (beyond, halves(2 * bound))):
            one.send(begin)
            for _ in range(3):
                get(http, "/livez")  # By then it was read.
            one.send(end)
        wrong(within.reply(), "at most 1024 are allowed")
        beyond.socket.settimeout(0.5)
        try:
            raise AssertionError(f"a command beyond the share was answered: {beyond.socket.recv(100)!r}")
        except (TimeoutError, socket.timeout):
            pass
        for one in held:
            one.close()
        beyond.socket.settimeout(20)
        wrong(beyond.reply(), "at most 1024 are allowed")
    return 0


def unsent(server, connection):
    """What the system has taken from the server for this client, and the client's side has not."""
    mine = "%04X" % connection.socket.getsockname()[1]
    for line in open("/proc/net/tcp", encoding="ascii"):
        words = line.split()
        if words[2].endswith(":" + mine) and words[1].endswith(":%04X" % server.resp_port):
            return int(words[4].split(":")[0], 16)
    raise AssertionError("the connection is not there")


@row("unsent_bytes", settings={"limits.write": "1s"})
def unsent_bytes(_, server, bound):
    """Who reads nothing has the system hold so much, the service the rest, and is ended in time, however little it is."""
    packet, window = 64 << 10, 16 << 10
    with server.http() as http:
        with socket.socket() as quiet:
            quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            quiet.connect(("127.0.0.1", server.resp_port))
            for size in (bound // 2, bound):  # Together beyond it.
                quiet.sendall(encode("ECHO", b"x" * (size // 8)) * 8)
            holder = type("Holder", (), {"socket": quiet})
            seconds_until(lambda: unsent(server, holder) > bound // 2, "replies that the system holds")
            most, end = 0, time.monotonic() + 10
            while metric_of(http, "quipu_resp_connections") > 0:
                expect(time.monotonic() < end, "who reads nothing is still there")
                try:
                    most = max(most, unsent(server, holder))
                except AssertionError:
                    break
            expect(most <= bound + packet + window, f"the system held {most} bytes for one client")
        seconds_until(lambda: ended_by(http, "resp", "unread_replies") == 1, "it was ended for that")
    return 0


@row("jobs")
def jobs(_, server, bound):
    """So many walks begin at one time; one more is told busy, and has a place when they are done."""
    count, step = 60_000, 5_000
    with server.http() as http:
        for begin in range(0, count, step):
            post(http, "/v1/events", b"".join(b'{"counter":"%s"}\n' % long_name(n) for n in range(begin, begin + step)), 202, NDJSON)
        asking = [Http(server.http_port) for _ in range(bound + 1)]
        for one in asking:
            get(one, "/livez")
        for more in (0, 1):
            server.process.send_signal(signal.SIGSTOP)  # So that all of them have come when it looks.
            for one in asking[:bound + more]:
                one.send(request("GET", "/v1/top/default?limit=1"))
            server.process.send_signal(signal.SIGCONT)
            answers = [one.reply() for one in asking[:bound + more]]
            expect_equal(sorted(answer.status for answer in answers), [200] * bound + [503] * more, "walks at one time")
        [refused] = [answer for answer in answers if answer.status == 503]
        expect_equal(refused.outcome(), "busy", "the one beyond")
        expect(int(refused.headers["retry-after"]) >= 1, "Retry-After")
        for one in asking:
            get(one, "/v1/top/default?limit=1")
            one.close()
    return count


@row("table_slack_bytes", serves=False)
def table_slack(context, bound):
    """What is new can not be evicted before it is on disk. Where that takes long, the table grows so far, and then writes are
    busy; reads are not. When the disk has caught up they are taken again."""
    settings = {"memory.table_bytes": "16MiB", "log.pending_bytes": "1GiB", "log.segment_bytes": "256MiB"}
    most = (16 << 20) + (16 << 20) // 8 + bound
    size, batch = 1000, 500
    batches = 2 * most // (size * batch)
    slow_disk = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                 "-e", f"inject=fdatasync:delay_enter={3_000_000}:when=4+")  # The first few are those of the start.
    with context.server(settings=settings, wrapper=slow_disk) as server:
        server.start()
        with Http(server.http_port, 60.0) as http, server.http() as other:
            bodies = [b"".join(b'{"counter":"%s"}\n' % (b"%d-" % n).ljust(size, b"n") for n in range(begin, begin + batch))
                      for begin in range(0, batches * batch, batch)]
            data = b"".join(request("POST", "/v1/events", body, NDJSON) for body in bodies)
            sender = threading.Thread(target=http.send, args=(data,), daemon=True)
            sender.start()
            seconds_until(lambda: metric_of(other, "quipu_operations_busy_total") > 0, "a write that is busy")
            table = metric_of(other, "quipu_table_bytes")
            with server.resp() as resp:
                new = resp.call("INCR", "new")
                expect(getattr(new, "kind", "") == "BUSY" or metric_of(other, "quipu_table_bytes") < most * 0.9, f"INCR: {new!r}")
            expect_equal(get(other, "/v1/counters/default/none").json()["value"], 0, "a read meanwhile")
            answers = [http.reply() for _ in range(batches)]
            taken = [number for number, answer in enumerate(answers) if answer.status == 202]
            expect_equal({(answer.status, answer.outcome()) for answer in answers if answer.status != 202}, {(503, "busy")},
                         "those that were not taken")
            expect(most * 0.9 < table < most * 1.1, f"busy at {table} bytes of the table, expected {most}")
            expect_equal(metric_of(other, "quipu_events_accepted_total"), len(taken) * batch + (new == 1), "events that were counted")
            seconds_until(lambda: other.call("POST", "/v1/counters/default/room").status == 202, "room again", 60)
            for number in range(batches):
                name = (b"%d-" % (number * batch)).ljust(size, b"n").decode()
                expect_equal(get(other, f"/v1/counters/default/{name}").json()["value"], int(number in taken), "a counter")
            sender.join(20)
        server.stop()


@row("client_key_bytes", serves=False)
def client_key(context, bound):
    """A key that no service has is told by the service, one that is too long by the command."""
    with context.server() as server:
        server.start()
        for size, code in ((bound, 3), (bound + 1, 2)):
            path = key_file(context, "k" * size + "\n", name="client-key")
            done = subprocess.run([*context.command, "get", "views", "none", "--server", f"http://127.0.0.1:{server.http_port}",
                                   "--key-file", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=30, check=False)
            said = done.stdout.decode()
            expect_equal(done.returncode, code, f"a key of {size} letters: {said}")
        expect("does not hold one key" in said, said)
        path = key_file(context, "# " + "k" * (64 << 10) + "\n", name="client-key")
        done = context.run([*context.command, "get", "views", "none", "--key-file", path], code=2)
        expect(b"has more than 64 KiB" in done.stderr, f"{done.stderr}")
        server.stop()


@row("config_file_bytes", serves=False)
def config_file(context, bound):
    path = context.directory / "quipu.toml"
    text = "[log]\npartitions = 3\n"
    for size in (bound, bound + 1):
        path.write_text(text + "#" * (size - len(text) - 1) + "\n")
        done = context.run([*context.command, "config", "print", "--config", path], code=None)
        expect_equal(done.returncode == 0, size == bound, f"a file of {size} bytes: {done.stderr}")
        expect((b"log.partitions = 3" in done.stdout) if size == bound else (b"has more than 8 MiB" in done.stderr), f"{done}")
    endless = context.run([*context.command, "config", "print", "--config", "/dev/zero"], code=None)
    expect(endless.returncode != 0 and b"has more than 8 MiB" in endless.stderr, f"{endless}")


@row("identity_bytes", serves=False)
def identity(context, bound):
    """As many names as fit are found again by the next start; more make no directory that the next start would refuse."""
    names = [f"n{number:06d}".ljust(62, "x") for number in range(bound // 63)]
    path = context.directory / "quipu.toml"

    def server_of(count, data):
        path.write_text("[resp]\nnamespaces = [" + ", ".join(f'"{name}"' for name in names[:count]) + "]\n"
                        "[namespaces]\nmax = 1000000\n")
        return context.server(data=context.directory / data, arguments=["--config", str(path)])

    fits = len(names) - 100  # The rest of the identity, and what may come to it.
    with server_of(fits, "fits") as server:
        for _ in range(2):
            server.start()
            server.stop()
        expect(bound * 0.98 < (server.data / "identity").stat().st_size <= bound, "the identity is nearly as long as it may be")
    with server_of(len(names), "beyond") as server:
        code, output = server.run_to_end()
        expect(code == 1 and "resp.namespaces" in output and str(bound) in output, f"exit code {code}: {output[-500:]}")
        expect(not (server.data / "identity").exists() and not (server.data / "log").exists(), "something was made")
    start_long = context.directory / "fits" / "identity"
    start_long.write_bytes(start_long.read_bytes() + b"\n" * bound)
    with server_of(fits, "fits") as server:
        code, output = server.run_to_end()
        expect(code == 1 and f"more than {bound}" in output, f"exit code {code}: {output[-500:]}")
    start_refused(context, {"data.dir": "/dev/null/none"}, "/dev/null")


@row("log_line_bytes", serves=False)
def log_line(context, bound):
    good = b'10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /long HTTP/1.1" 200 5 "-" "%s"'
    path = context.directory / "access.log"
    with context.server() as server:
        server.start()
        empty = len(good % b"")
        path.write_bytes(b"".join(good % (b"a" * (size - empty)) + b"\n" for size in (bound, bound + 1)))
        done = context.run([*context.command, "import", path, "--server", f"http://127.0.0.1:{server.http_port}"],
                           env={"XDG_STATE_HOME": str(context.directory), "HOME": str(context.directory)}, code=None)
        expect(b"access.log:2: not counted: the line is longer than 1 MiB" in done.stderr, f"{done.stderr[-500:]}")
        with server.http() as http:
            expect_equal(http.json("GET", "/v1/counters/hits/%2Flong")["value"], 1, "the line at the bound")
        server.stop()
