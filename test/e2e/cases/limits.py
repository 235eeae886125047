"""What clients meet: exactly at each bound all is well, one beyond it gets what the page of the configuration says."""

import itertools
import threading
import time

from harness.bounds import (CLOSE_SECONDS_MAX, JSON, NDJSON, chunked, ended_by, events, get, head, metric_of, post,
                            refused_http, refused_resp, rest_of, row, seconds_until, sent, wrong)
from harness.context import expect, expect_equal
from harness.server import resident_bytes
from harness.wire import Connection, Http, Lost, Resp, encode, request


@row("limits.header_bytes", settings={"limits.header_bytes": "1KiB"})
def header_bytes(_, server, bound):
    with server.http() as http:
        http.send(head(bound) * 2)
        expect_equal([http.reply().status for _ in range(2)], [200, 200], "heads at the bound")
    refused_http(server, head(bound + 1), 431)
    refused_http(server, b"GET /" + b"x" * bound, 414)
    return 0


@row("limits.body_bytes", settings={"limits.body_bytes": "1KiB"})
def body_bytes(_, server, bound):
    line = events(1)
    body = line + b"\n" * (bound - len(line))
    with server.http() as http:
        post(http, "/v1/events", body, 202, NDJSON)
        http.send(chunked(body))
        expect_equal(http.reply().status, 202, "a chunked body at the bound")
    refused_http(server, request("POST", "/v1/events", body + b"\n", NDJSON), 413)
    refused_http(server, chunked(body + b"\n"), 413)
    refused_http(server, b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n", 413)
    return 2


@row("limits.batch_events", settings={"limits.batch_events": 5})
def batch_events(_, server, bound):
    with server.http() as http, server.resp() as resp:
        post(http, "/v1/events", events(bound), 202, NDJSON)
        post(http, "/v1/events", events(bound + 1), 413, NDJSON)
        post(http, "/v1/events", b"[" + b",".join(events(bound + 1).split()) + b"]", 413)
        get(http, "/livez")
        for count in (bound, bound + 1):
            resp.must("MULTI")
            replies = [resp.call("INCR", f"m{number}") for number in range(count)]
            expect_equal(replies[:bound], ["QUEUED"] * bound, "queued")
            if count == bound:
                expect_equal(resp.must("EXEC"), [1] * bound, "EXEC")
            else:
                wrong(replies[-1], "limits.batch_events")
                wrong(resp.call("EXEC"), "EXECABORT")
    return 2 * bound


@row("limits.counters_per_read", settings={"limits.counters_per_read": 5})
def counters_per_read(_, server, bound):
    with server.http() as http, server.resp() as resp:
        for count, status in ((bound, 200), (bound + 1, 400), (1, 200)):
            get(http, "/v1/counters/default?" + "&".join(f"counter=c{n}" for n in range(count)), status)
            get(http, f"/v1/top/default?limit={count}", status)
        expect_equal(resp.must("MGET", *range(bound)), [None] * bound, "MGET")
        wrong(resp.call("MGET", *range(bound + 1)), "limits.counters_per_read")
        resp.must("PING")
    return 0


@row("limits.pipeline_requests", settings={"limits.pipeline_requests": 3})
def pipeline_requests(_, server, bound):
    """More than fit into one batch are answered all the same, in order."""
    total = 0
    with server.http() as http, server.resp() as resp:
        for count in (bound, bound + 1, 10 * bound + 1):
            resp.send(encode("INCR", "p") * count)
            expect_equal([resp.reply() for _ in range(count)], list(range(total + 1, total + count + 1)), "INCR")
            total += count
            http.send(request("POST", "/v1/counters/default/p", b"{}", JSON) * count)
            expect_equal([http.reply().json()["value"] for _ in range(count)], list(range(total + 1, total + count + 1)), "POST")
            total += count
    return total


@row("limits.resp_arguments", settings={"limits.resp_arguments": 10})
def resp_arguments(_, server, bound):
    with server.resp() as resp:
        expect_equal(len(resp.must("MGET", *range(bound - 1))), bound - 1, "MGET")
        resp.send(b"MGET" + b" a" * (bound - 1) + b"\r\n")
        expect_equal(len(resp.reply()), bound - 1, "an inline MGET")
    refused_resp(server, b"*%d\r\n" % (bound + 1), b"-ERR Protocol error: invalid multibulk length")
    refused_resp(server, b"MGET" + b" a" * bound + b"\r\n", b"-ERR Protocol error: invalid multibulk length")
    return 0


@row("limits.resp_argument_bytes", settings={"limits.resp_argument_bytes": "2KiB"})
def resp_argument_bytes(_, server, bound):
    with server.resp() as resp:
        expect_equal(resp.must("ECHO", b"x" * bound), b"x" * bound, "ECHO")
    refused_resp(server, b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (bound + 1), b"-ERR Protocol error: invalid bulk length")
    return 0


@row("limits.resp_inline_bytes", settings={"limits.resp_inline_bytes": "2KiB"})
def resp_inline_bytes(_, server, bound):
    with server.resp() as resp:
        resp.send(b"ECHO " + b"x" * (bound - 5) + b"\n")
        expect_equal(resp.reply(), b"x" * (bound - 5), "ECHO")
    for end in (b"", b"\n"):
        refused_resp(server, b"ECHO " + b"x" * (bound - 4) + end, b"-ERR Protocol error: too big inline request")
    return 0


@row("limits.input_bytes", settings={"limits.input_bytes": "4KiB", "limits.header_bytes": "1KiB", "limits.body_bytes": "3KiB",
                                     "limits.resp_argument_bytes": "2KiB", "limits.resp_inline_bytes": "2KiB"})
def input_bytes(_, server, bound):
    def whole(size):
        begin = b"*4\r\n$4\r\nECHO\r\n$2000\r\n" + b"a" * 2000 + b"\r\n"
        left = size - len(begin)
        second = b"$1000\r\n" + b"b" * 1000 + b"\r\n"
        left -= len(second)
        text = b"c" * (left - 4 - len(str(left)))
        text = text[:left - len(b"$%d\r\n\r\n" % len(text))]
        return begin + second + b"$%d\r\n" % len(text) + text + b"\r\n"

    with server.resp() as resp:
        data = whole(bound)
        expect_equal(len(data), bound, "the test's own command")
        resp.send(data * 3)  # Known, of a wrong number of arguments: read as a whole, and answered.
        for _ in range(3):
            wrong(resp.reply(), "wrong number of arguments")
        resp.must("PING")
    refused_resp(server, whole(bound + 1), b"-ERR Protocol error: too big command")
    with server.http() as http:
        http.send(request("POST", "/v1/events", events(1) + b"\n" * (3 * 1024 - len(events(1))), NDJSON) * 5)
        expect_equal([http.reply().status for _ in range(5)], [202] * 5, "requests that fill the buffer")
    return 5


@row("limits.output_bytes", settings={"limits.output_bytes": "64KiB"})
def output_bytes(_, server, bound):
    """Who does not read is not served further than the bound and what the system holds; who then reads gets it all."""
    count, text = 8000, b"x" * 3000
    with Resp(server.resp_port) as resp, Resp(server.resp_port) as good:
        data = (encode("INCR", "o") + encode("ECHO", text)) * count
        sender = threading.Thread(target=resp.send, args=(data,), daemon=True)
        sender.start()
        seen, again = -1, int(good.call("GET", "o") or 0)
        while again != seen:  # Until it stands still.
            time.sleep(0.3)
            seen, again = again, int(good.call("GET", "o") or 0)
        expect(0 < seen < count, f"{seen} of {count} were run before any reply was read")
        for number in range(1, count + 1):
            expect_equal(resp.reply(), number, "INCR")
            expect_equal(len(resp.reply()), len(text), "ECHO")
        sender.join(CLOSE_SECONDS_MAX)
    return count


@row("limits.clients_bytes", settings={"limits.clients_bytes": "4MiB", "limits.input_bytes": "1MiB", "limits.header_bytes": "4KiB",
                                       "limits.body_bytes": "256KiB", "limits.output_bytes": "2MiB"})
def clients_bytes(_, server, bound):
    """Many who do not read hold no more together, though each is below its own bound; one who asks little is served."""
    many, count, text = 20, 2000, b"x" * 3000
    data = encode("ECHO", text) * count
    with Resp(server.resp_port) as good:
        held = [Resp(server.resp_port, 120.0) for _ in range(many)]
        before = resident_bytes(server.pid)
        senders = [threading.Thread(target=one.send, args=(data,), daemon=True) for one in held]
        for sender in senders:
            sender.start()
        peak, end = 0, time.monotonic() + 3
        for number in itertools.count(1):
            expect_equal(good.must("INCR", "good"), number, "INCR beside those who do not read")
            peak = max(peak, resident_bytes(server.pid))
            if time.monotonic() > end:
                break
        expect(peak - before < 2 * bound + (16 << 20), f"{many} clients who do not read: {peak - before} bytes of memory more")
        for one in held:  # Who then reads gets all that it asked for.
            for _ in range(count):
                expect_equal(len(one.reply()), len(text), "ECHO")
            one.close()
        for sender in senders:
            sender.join(CLOSE_SECONDS_MAX)
    return number


@row("limits.connections", settings={"limits.connections": 5})
def connections(_, server, bound):
    for port, open_one, word in ((server.http_port, Http, b"HTTP/1.1 503 "), (server.resp_port, Resp, b"-BUSY max number of clients reached; ")):
        held = [open_one(port) for _ in range(bound)]
        for one in held:
            one.call("GET", "/livez")
        with Connection(port) as beyond:
            answer = rest_of(beyond)
        expect(answer.startswith(word), f"one connection more got {answer!r}")
        if open_one is Http:
            expect(b"Retry-After: " in answer and b'"outcome":"busy"' in answer, f"one connection more got {answer!r}")
        held[1].call("GET", "/livez")
        held.pop().close()
        seconds_until(lambda: serves(open_one, port), "a connection where one has gone")  # noqa: B023
        for one in held:
            one.close()
    seconds_until(lambda: serves(Http, server.http_port), "a connection over HTTP")
    return 0


def serves(open_one, port):
    try:
        with open_one(port) as one:
            reply = one.call("GET", "/livez")
            return not hasattr(reply, "status") or reply.status == 200
    except (Lost, AssertionError):
        return False


@row("turned_away", settings={"limits.connections": 2})
def turned_away(_, server, bound):
    with server.http() as http:
        get(http, "/livez")
        held = [Resp(server.resp_port) for _ in range(2)]
        for one in held:
            one.must("PING")
        beyond = [Resp(server.resp_port) for _ in range(bound)]
        for one in beyond:
            expect(one.line().startswith(b"-BUSY max number of clients reached; "), "told that there are too many")
        expect_equal(sent(server.resp_port, b""), b"", "what one more is told")
        expect_equal(ended_by(http, "resp", "too_many"), bound + 1, "connections turned away")
        for one in beyond:
            one.close()
        seconds_until(lambda: metric_of(http, "quipu_resp_connections") == 2, "those that were turned away have gone")
        for one in held:
            one.close()
    return 0


@row("limits.idle", settings={"limits.idle": "500ms"})
def idle(_, server, bound):
    with server.resp() as silent, server.http() as silent_http, server.resp() as busy:
        began = time.monotonic()
        for _ in range(30):
            busy.must("PING")
            time.sleep(0.1)
        for one in (silent, silent_http):
            expect_equal(rest_of(one), b"", "what an idle connection is told")
        expect(time.monotonic() - began > bound / 1000, "closed too early")
        busy.must("PING")
        with server.http() as http:
            expect_equal([ended_by(http, each, "idle") for each in ("http", "resp")], [1, 1], "idle connections ended")
    return 0


@row("limits.request", settings={"limits.request": "1s"})
def request_time(_, server, bound):
    half = request("POST", "/v1/counters/default/r", b"{}", JSON)
    chunk = chunked(events(1))
    with server.http() as http:
        http.send(half[:-1])
        time.sleep(bound / 4000)
        http.send(half[-1:])
        expect_equal(http.reply().status, 202, "a request in two pieces")
    slow = [(Http(server.http_port), data) for data in (half[:20], half[:-1], chunk[:-8], chunk[:-2])]
    slow_resp = [(Resp(server.resp_port), data) for data in (b"*2\r\n$4\r\nIN", b"PIN", b"*")]
    for connection, data in slow + slow_resp:
        connection.send(data)
    for connection, data in slow:
        expect_equal(connection.reply().status, 408, f"{data!r} that does not go on")
        expect_equal(rest_of(connection), b"", "behind it")
        connection.close()
    for connection, data in slow_resp:
        expect(rest_of(connection).startswith(b"-ERR Protocol error"), f"{data!r} that does not go on")
        connection.close()
    with server.http() as http:
        expect_equal([ended_by(http, each, "slow_request") for each in ("http", "resp")], [len(slow), len(slow_resp)],
                     "slow requests ended")
    return 1


@row("limits.write", settings={"limits.write": "1s"})
def write_time(_, server, bound):
    """Who leaves its replies unread is closed, also when it sends on."""
    with server.http() as http, Resp(server.resp_port) as resp:
        resp.socket.settimeout(0.2)
        began = time.monotonic()
        data = encode("ECHO", b"x" * 60_000)

        def gone():
            try:
                resp.send(data * 20)
            except Lost:
                pass
            expect_equal(http.call("GET", "/livez").status, 200, "another client meanwhile")
            return metric_of(http, "quipu_resp_connections") == 0
        seconds_until(gone, "who never reads is closed")
        expect_equal(ended_by(http, "resp", "unread_replies"), 1, "connections that did not read")
        expect(time.monotonic() - began >= bound / 1000, "closed too early")
    return 0


@row("linger")
def linger(_, server, bound):
    """Who sends on after the last answer is thrown away for so long, and then closed."""
    with server.http() as http, Resp(server.resp_port) as resp:
        resp.send(b"*x\r\n")
        expect(b"Protocol error" in resp.line(), "the error")
        began = time.monotonic()

        def gone():
            try:
                resp.send(encode("INCR", "behind"))
            except Lost:
                return True
            return metric_of(http, "quipu_resp_connections") == 0
        seconds_until(gone, "who sends on is closed")
        expect(time.monotonic() - began >= bound / 1000 - 0.5, "closed too early")
    return 0


@row("limits.after_wait", settings={"limits.after_wait": "1s"})
def after_wait(_, server, bound):
    with server.http() as http:
        position = post(http, "/v1/counters/default/a", b"{}", 202).json()["position"].split(":")
        never = f"{position[0]}:{position[1]}:{int(position[2]) + 1000}"
        get(http, f"/v1/counters/default/a?after={never}&timeout={bound}", 408)
        get(http, f"/v1/counters/default/a?timeout={bound + 1}", 400)
        get(http, "/livez")
    return 1


@row("limits.future", settings={"limits.future": "1h"})
def future(_, server, bound):
    """The clock goes on while it is tested: a minute to each side."""
    with server.http() as http:
        for off, status in ((-60_000, 202), (60_000, 400)):
            when = time.time_ns() // 1_000_000 + bound + off
            post(http, "/v1/counters/default/f", b'{"time":%d}' % when, status)
            post(http, "/v1/events", b'[{"counter":"f","time":%d}]' % when, status)
    return 2


@row("http_fields")
def http_fields(_, server, bound):
    with server.http() as http:
        http.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (bound - 1) + b"\r\n")
        expect_equal(http.reply().status, 200, "as many fields as allowed")
    refused_http(server, b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * bound + b"\r\n", 431)
    return 0


@row("http_method_bytes")
def http_method_bytes(_, server, bound):
    refused_http(server, b"A" * bound + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 501)  # A method, if an unknown one.
    refused_http(server, b"A" * (bound + 1), 400)
    return 0


@row("chunk_extension_bytes")
def chunk_extension_bytes(_, server, bound):
    data = chunked(events(1))
    at = data.index(b"\r\n\r\n") + 4
    at = data.index(b"\r\n", at)
    with server.http() as http:
        http.send(data[:at] + b";" + b"x" * (bound - 1) + data[at:])
        expect_equal(http.reply().status, 202, "extensions at the bound")
    refused_http(server, data[:at] + b";" + b"x" * bound + data[at:], 400)
    return 1


@row("chunk_size_digits")
def chunk_size_digits(_, server, bound):
    data = chunked(events(1))
    at = data.index(b"\r\n\r\n") + 4
    size = data.index(b"\r\n", at) - at
    with server.http() as http:
        http.send(data[:at] + b"0" * (bound - size) + data[at:])
        expect_equal(http.reply().status, 202, "digits at the bound")
    refused_http(server, data[:at] + b"0" * (bound + 1 - size) + data[at:], 400)
    refused_http(server, data[:at] + b"f" * bound + b"\r\n", 413)
    return 1


@row("resp_line_bytes")
def resp_line_bytes(_, server, bound):
    refused_resp(server, b"*" + b"1" * bound, b"-ERR Protocol error: too big mbulk count string")
    refused_resp(server, b"*1\r\n$" + b"1" * bound, b"-ERR Protocol error: too big bulk count string")
    with Resp(server.resp_port) as resp:
        resp.send(b"*1\r\n$" + b"1" * (bound - 1))  # At the bound it could still end.
        time.sleep(0.1)
        resp.send(b"\r\n")
        expect(rest_of(resp).startswith(b"-ERR Protocol error: invalid bulk length"), "a line that ends at the bound")
    return 0


@row("client_name_bytes")
def client_name_bytes(_, server, bound):
    with server.resp() as resp:
        expect_equal(resp.must("CLIENT", "SETNAME", "n" * bound), "OK", "a name at the bound")
        wrong(resp.call("CLIENT", "SETNAME", "n" * (bound + 1)), str(bound))
        expect_equal(resp.must("CLIENT", "GETNAME"), b"n" * bound, "the name")
    return 0


@row("pattern_bytes")
def pattern_bytes(_, server, bound):
    with server.resp() as resp:
        for words in (("SCAN", 0, "MATCH"), ("CONFIG", "GET")):
            resp.must(*words, "*" * bound)
            wrong(resp.call(*words, "*" * (bound + 1)), str(bound))
    return 0

