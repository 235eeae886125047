"""The bounds of what is kept: names, totals, ids, memory, log, keys; and the switches that refuse."""

import pathlib
import time

from harness.bounds import (JSON, NDJSON, events, get, metric, metric_of, post, refused_resp, row, seconds_until, wrong)
from harness.context import expect, expect_equal
from harness.wire import Resp, encode, quote

from .directory import fill_segments, segments
from .keys import bearer, key_file

KEY = "k" * 24


@row("namespace_bytes")
def namespace_bytes(_, server, bound):
    with server.http() as http:
        post(http, f"/v1/counters/{'n' * bound}/c", b"{}", 202)
        post(http, f"/v1/counters/{'n' * (bound + 1)}/c", b"{}", 400)
        post(http, "/v1/events", b'[{"namespace":"%s","counter":"c"}]' % (b"n" * (bound + 1)), 400)
        get(http, "/livez")
    return 1


@row("counter_bytes")
def counter_bytes(_, server, bound):
    with server.http() as http, server.resp() as resp:
        for size, status in ((bound, 202), (bound + 1, 400), (0, 400)):
            name = "c" * size
            post(http, "/v1/events", b'[{"counter":"%s"}]' % name.encode(), status)
            post(http, "/view", b'{"video_id":"%s"}' % name.encode(), status)
            if size:
                post(http, f"/v1/counters/default/{name}", b"{}", status)
                get(http, f"/v1/counters/default/{name}", 200 if status == 202 else 400)
            if status == 202:
                expect_equal(resp.must("INCR", name), 3, "INCR")
            else:
                wrong(resp.call("INCR", name))
                wrong(resp.call("GET", name))
    return 4


@row("id_bytes", settings={"namespaces.views.viewer_window": "1h"})
def id_bytes(_, server, bound):
    with server.http() as http, server.resp() as resp:
        for size, status in ((bound, 202), (bound + 1, 400), (0, 400)):
            name = b"i" * size
            post(http, "/v1/events", b'[{"counter":"a","id":"%s"}]' % name, status)
            post(http, "/view", b'{"video_id":"a","viewer_id":"%s"}' % name, status)
            post(http, "/v1/counters/default/b", b"{}", status, JSON + (("Idempotency-Key", name.decode()),))
            reply = resp.call("Q.INCRBY", "c", 1, "ID", name)
            expect_equal(isinstance(reply, list), status == 202, f"Q.INCRBY with an id of {size} bytes: {reply!r}")
    return 4


@row("source_bytes")
def source_bytes(_, server, bound):
    with server.http() as http:
        for size, status in ((bound, 202), (bound + 1, 400)):
            headers = NDJSON + (("Quipu-Source", "s" * size), ("Quipu-Sequence", "1"))
            post(http, "/v1/events", events(1), status, headers)
            get(http, f"/v1/sources/default/{'s' * size}", 200 if status == 202 else 400)
    return 1


@row("counter_total")
def counter_total(_, server, bound):
    with server.http() as http, server.resp() as resp:
        for sign, name in ((1, "up"), (-1, "down")):
            expect_equal(resp.must("INCRBY", name, sign * bound), sign * bound, "the end")
            expect(sign < 0 or bound == 2**63 - 1, f"the bound is {bound}")
            if sign < 0:
                expect_equal(resp.must("DECR", name), -bound - 1, "one more below zero")
            wrong(resp.call("INCRBY", name, sign), "overflow")
            post(http, f"/v1/counters/default/{name}", b'{"delta":%d}' % sign, 400)
            post(http, f"/v1/counters/default/{name}", b'{"delta":%d}' % (sign * (bound + 2)), 400)
    return 3


@row("namespaces.max", settings={"namespaces.max": 4})
def namespaces_max(_, server, bound):
    with server.http() as http:
        for number in range(bound - 2):  # default and views are there.
            post(http, f"/v1/counters/n{number}/c", b"{}", 202)
        post(http, "/v1/counters/more/c", b"{}", 400)
        answer = http.call("PUT", "/v1/namespaces/more", b"{}", JSON)
        expect_equal(answer.status, 400, f"PUT of one namespace more: {answer!r}")
        post(http, "/v1/counters/n0/c", b"{}", 202)
    return bound - 1


@row("namespaces.auto_create", settings={"namespaces.auto_create": "false"})
def auto_create(_, server, _bound):
    with server.http() as http:
        post(http, "/v1/counters/new/c", b"{}", 404)
        post(http, "/v1/counters/default/c", b"{}", 202)
    return 1


@row("namespaces.NAME.memory_allowed", settings={"namespaces.firm.memory_allowed": "false"})
def memory_allowed(_, server, _bound):
    with server.http() as http:
        post(http, "/v1/counters/firm/c?ack=memory", b"{}", 400)
        post(http, "/v1/counters/default/c?ack=memory", b"{}", 202)
    return 1


@row("namespaces.NAME.viewer_window", settings={"namespaces.views.viewer_window": "365d"})
def viewer_window(_, server, _bound):
    with server.http() as http:
        for viewer in ("ann", "bob", "ann"):
            post(http, "/view", b'{"video_id":"v","viewer_id":"%s"}' % viewer.encode(), 202)
        expect_equal(get(http, "/v1/counters/views/v").json()["value"], 2, "two viewers, one of them twice")
    return 2


@row("idempotency.window", settings={"idempotency.window": 10, "log.partitions": 1})
def id_window(_, server, bound):
    with server.resp() as resp:
        for number in range(bound):
            expect_equal(resp.must("Q.INCRBY", "c", 1, "ID", f"i{number}"), [number + 1, 1], "an id")
        resp.must("Q.INCRBY", "c", 1, "ID", "one more")
        expect_equal(resp.must("Q.INCRBY", "c", 1, "ID", "i1"), [bound + 1, 0], "the oldest that is remembered")
        expect_equal(resp.must("Q.INCRBY", "c", 1, "ID", "i0"), [bound + 2, 1], "one that is forgotten")
    return bound + 2


@row("idempotency.sources", settings={"idempotency.sources": 3, "log.partitions": 1})
def sources(_, server, bound):
    def send(http, number):
        post(http, "/v1/events", events(1), 202, NDJSON + (("Quipu-Source", f"s{number}"), ("Quipu-Sequence", "1")))

    def last(http, number):
        return get(http, f"/v1/sources/default/s{number}").json()["last_sequence"]

    with server.http() as http:
        for number in range(bound):
            send(http, number)
        expect_equal([last(http, number) for number in range(bound)], [1] * bound, "as many as are remembered")
        send(http, bound)
        expect_equal([last(http, number) for number in range(bound + 1)], [0] + [1] * bound, "one more")
    return bound + 1


@row("flush.dirty_bytes", settings={"flush.dirty_bytes": "1MiB", "memory.table_bytes": "16MiB"})
def dirty_bytes(_, server, _bound):
    """Batches of new counters in one write: beyond the bound they are busy, and taken when the store has the others."""
    batches, size, busy, waiting = 6, 9000, 0, []
    with server.http() as http:
        waiting = [events(size, f"b{number}-") for number in range(batches)]
        began = time.monotonic()
        while waiting:
            expect(time.monotonic() - began < 60, f"{len(waiting)} batches are still busy")
            http.send(b"".join(b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body for body in waiting))
            again = []
            for body in waiting:
                answer = http.reply()
                if answer.status != 202:
                    expect_equal((answer.status, answer.outcome()), (503, "busy"), f"{answer!r}")
                    expect(int(answer.headers["retry-after"]) >= 1, "Retry-After")
                    again.append(body)
            busy += len(again)
            waiting = again
            if again:
                time.sleep(0.1)
        expect(busy > 0, "no batch was busy")
        expect(metric_of(http, "quipu_operations_busy_total") > 0, "the metric of busy ones")
    with server.resp() as resp:
        expect_equal(resp.must("DBSIZE"), batches * size, "counters")
        seconds_until(lambda: resp.call("INCR", "room") == 1, "room again")
    return batches * size + 1


def long_name(n):
    return b"counter-%092d" % n


@row("memory.table_bytes", settings={"memory.table_bytes": "16MiB", "flush.interval": "100ms"})
def table_bytes(_, server, bound):
    count, step = 200_000, 5000
    with server.resp() as resp, server.http() as http:
        for begin in range(0, count, step):
            names = [long_name(n) for n in range(begin, begin + step)]
            while names:  # The store may be behind: what is told busy was not counted, and is sent again.
                resp.send(b"".join(encode("INCR", name) for name in names))
                replies = [(name, resp.reply()) for name in names]
                names = [name for name, reply in replies if reply != 1]
                for name, reply in replies:
                    expect(reply == 1 or getattr(reply, "kind", "") == "BUSY", f"INCR {name!r} answered {reply!r}")
                if names:
                    time.sleep(0.1)
        seconds_until(lambda: metric_of(http, "quipu_rows_evicted_total") > 0, "counters evicted")
        seconds_until(lambda: metric_of(http, "quipu_table_bytes") <= bound * 1.25, "a table within its bound", 30)
        for n in (0, 1, count // 2, count - 1):
            expect_equal(resp.must("GET", long_name(n)), b"1", "a counter that was read back")
    return count


@row("log.segment_bytes", "base.log_bytes", settings={"log.segment_bytes": "8MiB", "base.log_bytes": "16MiB",
                                                      "base.interval": "30d", "flush.interval": "100ms"})
def log_sizes(_, server, _bound):
    """Segments are as long as they may be, and a checkpoint comes before its time where the log has grown."""
    fill_segments(server, 3)
    found = segments(server.data)
    expect(len(found) >= 4 and all(path.stat().st_size <= 8 << 20 for path in found), f"{found}")
    seconds_until(lambda: any((server.data / "bases").iterdir()), "a checkpoint", 30)
    return metric(server, "quipu_counters")


def switches_of_other_threads(server):
    """How often threads beside the one that serves have gone to sleep: each write that is handed over is one."""
    tasks = pathlib.Path(f"/proc/{server.pid}/task")
    return sum(int(line.split()[1]) for task in tasks.iterdir() if task.name != str(server.pid)
               for line in (task / "status").read_text(encoding="ascii").splitlines()
               if line.startswith("voluntary_ctxt"))


@row("log.disk_wait_us", settings={"log.disk_wait_us": 0, "flush.interval": "1h"})
def disk_wait(_, server, _bound):
    """No disk is quicker than 0: each commit is handed to the disk's thread."""
    before = switches_of_other_threads(server)
    with server.resp() as resp:
        for number in range(100):
            expect_equal(resp.must("INCR", "c"), 1 + number, "INCR")
    expect(switches_of_other_threads(server) - before >= 100, "the thread that serves did not wait for the disk")
    return 100


@row("log.commit_wait_us", settings={"log.commit_wait_us": 10_000})
def commit_wait(_, server, _bound):
    """Nobody else comes: the commit does not wait for them for ever."""
    with server.resp() as one, server.resp() as other:
        one.send(encode("INCR", "c") * 10)
        for _ in range(10):
            one.reply()
        for number in range(20):
            expect_equal(other.must("INCR", "c"), 11 + number, "INCR alone")
    return 30


def keys_of(context, text=f"ingest,read,admin {KEY}\n"):
    return {"auth.keys_file": key_file(context, text)}


@row("limits.auth_failures", serves=False)
def auth_failures(context, _bound):
    bound = 3
    with context.server(settings={**keys_of(context), "limits.auth_failures": bound}) as server:
        server.start()
        for failures in (bound - 1, bound):
            with server.http() as http, server.resp() as resp:
                for number in range(failures):
                    answer = http.call("GET", "/v1/stats", b"", bearer("x" * 24))
                    expect_equal((answer.status, answer.headers.get("connection")),
                                 (401, "close" if number == bound - 1 else None), "a wrong key")
                    wrong(resp.call("AUTH", "x" * 24), "WRONGPASS")
                for closed, call in ((b"", lambda: resp.socket.recv(10)), (b"", lambda: http.socket.recv(10))):  # noqa: B023
                    if failures == bound:
                        expect_equal(call(), closed, "the end of the connection")
                if failures < bound:
                    expect_equal(resp.must("AUTH", KEY), "OK", "the right key after wrong ones")
                    expect_equal(http.call("GET", "/v1/stats", b"", bearer(KEY)).status, 200, "the right key")
        server.stop()


@row("login_arguments", "login_argument_bytes", serves=False)
def login(context, _bound):
    with context.server(settings=keys_of(context)) as server:
        server.start()
        with Resp(server.resp_port) as resp:
            wrong(resp.call(*("MGET " + "a " * 9).split()), "NOAUTH")
            wrong(resp.call("AUTH", "x" * (16 << 10)), "WRONGPASS")
            resp.must("AUTH", KEY)
            expect_equal(resp.must("MGET", *range(10)), [None] * 10, "ten keys after AUTH")
        refused_resp(server, encode("MGET", *range(10)), b"-ERR Protocol error: unauthenticated multibulk length")
        refused_resp(server, b"*2\r\n$4\r\nAUTH\r\n$%d\r\n" % ((16 << 10) + 1),
                     b"-ERR Protocol error: unauthenticated bulk length")
        server.stop()


@row("http.public_view", serves=False)
def public_view(context, _bound):
    for allowed, status in (("false", 401), ("true", 202)):
        with context.server(settings={**keys_of(context), "http.public_view": allowed}) as server:
            server.start()
            with server.http() as http:
                expect_equal(http.call("POST", "/view?video_id=v").status, status, f"http.public_view = {allowed}")
                expect_equal(http.call("GET", f"/v1/counters/views/{quote('v')}", b"", bearer(KEY)).json()["value"],
                             int(allowed == "true"), "the views")
            server.stop()


def start_refused(context, settings, *words):
    with context.server(settings=settings) as server:
        code, output = server.run_to_end()
        expect(code == 1 and all(word in output for word in words), f"exit code {code}: {output}")


@row("auth.insecure", serves=False)
def insecure(context, _bound):
    start_refused(context, {"http.listen": "0.0.0.0:0"}, "--insecure")
    with context.server(settings={"resp.listen": "0.0.0.0:0", "auth.insecure": "true"}) as server:
        server.start()
        server.stop()


@row("key_bytes", "key_bytes_min", "keys", "key_file_bytes", serves=False)
def key_bounds(context, _bound):
    good = "".join(f"read {number:024d}\n" for number in range(100))
    small = f"read {'m' * 24}\n"
    fits = small + "#" * ((64 << 10) - len(small) - 1) + "\n"
    for text in (small, f"read {'m' * 256}\n", good, fits):
        with context.server(settings=keys_of(context, text)) as server:
            server.start()
            server.stop()
    for text, word in ((f"read {'m' * 23}\n", "23 letters"), (f"read {'m' * 257}\n", "257 letters"),
                       (good + small, "more than 100 keys"), (fits + "\n", "more than 64 KiB")):
        start_refused(context, keys_of(context, text), word)
