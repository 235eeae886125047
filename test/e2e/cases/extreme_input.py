"""Requests that go far beyond what clients send: each gets its answer, what is counted is exact, and the service goes on."""

import socket
import struct
import threading

from harness.bounds import JSON, NDJSON, get, metric, metric_of, post, refused_http, rest_of, seconds_until
from harness.context import expect, expect_equal
from harness.server import resident_bytes
from harness.wire import Connection, Http, Lost, encode, request

DEPTH = 100_000
ITEMS = 1_000_000
PIPELINE = 10_000
RESIDENT_GROWTH_MAX = 32 << 20
RESET_NOW = struct.pack("ii", 1, 0)  # SO_LINGER: closing throws away what was not sent and resets the connection.


def deep_json(context):
    """JSON of a depth of 100,000, in every form and at every place that reads JSON: refused, and no stack is used for it."""
    nested = {"arrays": b"[" * DEPTH, "objects": b'{"a":' * DEPTH, "whole arrays": b"[" * DEPTH + b"]" * DEPTH,
              "whole objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
              "a field's value": b'{"counter":"deep","delta":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
              "an item": b'[{"counter":"deep"},' + b"[" * DEPTH + b"]" * DEPTH + b"]"}
    with context.server() as server:
        server.start()
        before = resident_bytes(server.pid)
        with server.http() as http:
            for body in nested.values():
                for method, target, fields in (("POST", "/v1/events", JSON), ("POST", "/v1/events", NDJSON), ("POST", "/view", JSON),
                                               ("POST", "/v1/counters/default/deep", JSON), ("PUT", "/v1/namespaces/deep", JSON)):
                    answer = http.call(method, target, body, fields)
                    expect_equal((answer.status, answer.outcome()), (400, "refused"), f"{method} {target}: {answer!r}")
            get(http, "/v1/namespaces/deep", 404)
            post(http, "/v1/counters/default/deep", b"{}", 202)  # Over the same connection.
        grown = resident_bytes(server.pid) - before
        expect(grown < RESIDENT_GROWTH_MAX, f"it grew by {grown} bytes")
        expect_equal(metric(server, "quipu_events_accepted_total"), 1, "events that were counted")
        server.stop()


def batches(count):
    """A batch of so many events, in both forms."""
    event = b'{"counter":"a"}'
    return (NDJSON, (event + b"\n") * count), (JSON, b"[" + b",".join([event] * count) + b"]")


def huge_batch(context):
    """A batch of a million events: refused by its bytes; else by its number; else by what one commit of the log can take. What
    these allow is counted to the last event."""
    wide = {"limits.body_bytes": "32MiB", "limits.input_bytes": "64MiB"}
    most = {**wide, "limits.batch_events": ITEMS}
    for settings, count, status, why in (({}, ITEMS, 413, "limits.body_bytes"), (wide, ITEMS, 413, "limits.batch_events"),
                                         (most, ITEMS, 413, "in one commit"), (most, ITEMS // 10, 202, "")):
        with context.server(data=context.directory / f"data-{status}-{len(settings)}", settings=settings) as server:
            server.start()
            counted = 0
            for fields, body in batches(count):
                data = request("POST", "/v1/events", body, fields)
                if not settings:  # Nothing of the body is read: the connection is closed.
                    refused_http(server, data, status)
                    continue
                with Http(server.http_port, 120.0) as http:
                    http.send(data)
                    answer = http.reply()
                    expect_equal(answer.status, status, f"{count} events: {answer!r}")
                    expect(why.encode() in answer.body, f"{count} events: {answer!r}")
                    counted += count if status == 202 else 0
                    get(http, "/livez")
            with server.http() as http:
                expect_equal(http.json("GET", "/v1/counters/default/a")["value"], counted, "the total")
            expect_equal(metric(server, "quipu_events_accepted_total"), counted, "events that were counted")
            server.stop()


def long_pipeline(context):
    """10,000 requests of HTTP in one go: each has its answer, in their order, with the exact total."""
    with context.server() as server:
        server.start()
        for chunked in (False, True):
            name = f"p{int(chunked)}"
            one = request("POST", f"/v1/counters/default/{name}", b"" if chunked else b'{"delta":1}', JSON)
            if chunked:
                one = one.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"b\r\n{\"delta\":1}\r\n0\r\n\r\n"
            with Http(server.http_port, 60.0) as http:
                sender = threading.Thread(target=http.send, args=(one * PIPELINE,), daemon=True)
                sender.start()
                for number in range(1, PIPELINE + 1):
                    answer = http.reply()
                    expect_equal((answer.status, answer.json()["value"]), (202, number), f"answer {number}")
                sender.join(20)
                expect_equal(get(http, f"/v1/counters/default/{name}").json()["value"], PIPELINE, "the total")
        server.stop()


def upgrades(context):
    """Nobody is switched to another protocol: the request is answered as it is, and so is the next one."""
    asked = ((("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
              ("Sec-WebSocket-Version", "13")),
             (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")),
             (("Upgrade", "h2c"),), (("Connection", "keep-alive, upgrade"), ("Upgrade", "TLS/1.3, websocket")))
    with context.server() as server:
        server.start()
        with server.http() as http:
            for number, fields in enumerate(asked, 1):
                for method, status in (("GET", 200), ("POST", 202)):
                    answer = http.call(method, "/v1/counters/default/up", headers=fields)
                    expect_equal((answer.status, answer.headers.get("upgrade"), answer.json()["value"]),
                                 (status, None, number - (method == "GET")), f"{method} with {fields}")
        # A client that goes on as if it had been switched is refused, and closed.
        refused_http(server, request("POST", "/v1/counters/default/up", b"", asked[1]) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, before=1)
        expect_equal(metric(server, "quipu_events_accepted_total"), len(asked) + 1, "events that were counted")
        server.stop()


def many_parameters(context):
    """As many parameters as a request line can hold: known, unknown, without a value, without a name."""
    with context.server() as server:
        server.start()
        with server.http() as http:
            for query, status in (("counter=a&" * 1000, 200), ("counter=a&" * 1001, 400), ("a&" * 8000, 400), ("a=1&" * 4000, 400),
                                  ("&" * 16000, 200), ("=&" * 8000, 400), ("counter=%61&" * 900, 200), ("timeout=1ms&" * 1000, 400)):
                names = "" if "counter" in query else "counter=a&"
                answer = http.call("GET", f"/v1/counters/default?{names}{query}")
                expect_equal(answer.status, status, f"?{query[:20]}... of {len(query)} bytes: {answer!r}")
                answer = http.call("POST", f"/v1/counters/default/many?{query}")
                expect(400 <= answer.status < 500 or query.strip("&") == "", f"POST ?{query[:20]}...: {answer!r}")
            target = "/view?" + "&".join(f"video_id=v{n}" for n in range(1000))
            expect_equal(http.call("POST", target).status, 400, "a video named a thousand times")
        server.stop()


def reset_after(port, data):
    """Sends this and resets the connection."""
    with Connection(port) as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOW)
        try:
            one.send(data)
        except Lost:
            pass


def resets(context):
    """Connections that are reset behind each byte of a request: what is not whole counts nothing, what is counts once at most."""
    body = b'{"delta":1}'
    head = request("POST", "/v1/counters/default/cut", body, JSON)
    chunked = request("POST", "/v1/counters/default/cut", b"", JSON).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") \
        + b"b\r\n" + body + b"\r\n0\r\nX: y\r\n\r\n"
    transaction = encode("MULTI") + encode("INCR", "cut") + encode("INCR", "cut") + encode("EXEC")
    with context.server() as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            count = 0
            for port, data in ((server.http_port, head), (server.http_port, chunked), (server.resp_port, encode("INCR", "cut")),
                               (server.resp_port, b"INCR cut\r\n"), (server.resp_port, transaction)):
                end = len(data) - (1 if data == b"INCR cut\r\n" else 0)  # Of a line the LF alone is its end.
                for size in range(1, end):
                    reset_after(port, data[:size])
                    count += 1
            seconds_until(lambda: (metric_of(http, "quipu_http_connections"), metric_of(http, "quipu_resp_connections")) == (1, 1),
                          "the end of the connections that were reset")
            expect_equal(resp.must("GET", "cut"), None, "what half requests counted")
            whole = 200
            for _ in range(whole):
                reset_after(server.http_port, head)
                reset_after(server.resp_port, encode("INCR", "cut"))
            seconds_until(lambda: (metric_of(http, "quipu_http_connections"), metric_of(http, "quipu_resp_connections")) == (1, 1),
                          "the end of the connections that were reset")
            counted = int(resp.must("GET", "cut") or 0)
            expect(counted <= 2 * whole, f"{2 * whole} requests counted {counted}")
            expect_equal(metric_of(http, "quipu_events_accepted_total"), counted, "events that were counted")
            expect_equal(resp.must("INCR", "cut"), counted + 1, "INCR afterwards")
        context.note(f"{count} connections reset within a request, {2 * whole} behind one, of which {counted} counted")
        server.stop()


def half_closed(context):
    """A client that ends its side behind its requests gets every answer; what is not whole counts nothing. Each is closed."""
    add = request("POST", "/v1/counters/default/half", b'{"delta":1}', JSON)
    with context.server() as server:
        server.start()
        for port, data, counted in ((server.http_port, add, 1), (server.http_port, add * 3, 3), (server.http_port, add + add[:-1], 1),
                                    (server.http_port, add[:20], 0), (server.resp_port, encode("INCR", "half") * 2, 2),
                                    (server.resp_port, encode("INCR", "half") + encode("INCR", "half")[:-1], 1),
                                    (server.resp_port, b"INCR half\r\nINCR ha", 1), (server.resp_port, b"*1\r\n$", 0)):
            before = metric(server, "quipu_events_accepted_total")
            with Connection(port) as one:
                one.send(data)
                one.socket.shutdown(socket.SHUT_WR)
                said = rest_of(one)
            answers = said.count(b"HTTP/1.1 202") + said.count(b"\r\n") * said.startswith(b":")
            expect_equal(answers, counted, f"successes behind {data[-30:]!r}: {said[-200:]!r}")
            expect_equal(metric(server, "quipu_events_accepted_total") - before, counted, f"what {data[-30:]!r} counted")
        server.stop()


def hostile_names(context):
    """Counters whose names would be lines of the metrics, JSON or markup: what is printed of them is read as what it is."""
    names = ('x"} 1\nquipu_events_accepted_total 99\n# ', '"],"value":99,"x":["', "<svg onload=alert(1)>", "]]></script>", "a\\u0000\r\nX: y")
    with context.server() as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            bare = [line.split(" ")[0] for line in http.call("GET", "/metrics").body.decode().splitlines() if line[:1] != "#"]
            for name in names:
                expect_equal(resp.must("INCR", name), 1, f"INCR {name!r}")
            shown = {each["counter"]: each["value"] for each in http.json("GET", "/v1/top/default?limit=100")["counters"]}
            expect_equal(shown, dict.fromkeys(names, 1), "the largest counters")
            page = http.call("GET", "/metrics").body.decode()
            for name in names:
                expect(name.splitlines()[0] not in page, f"the metrics name {name!r}")
            named = [line.split(" ")[0] for line in page.splitlines() if line[:1] != "#"]
            expect_equal(sorted(set(named)), sorted(set(bare)), "the names of the metrics")
            expect_equal(metric_of(http, "quipu_events_accepted_total"), len(names), "events that were counted")
        server.stop()


TESTS = [("deep-json", deep_json), ("huge-batch", huge_batch), ("long-pipeline", long_pipeline), ("upgrade-headers", upgrades),
         ("many-parameters", many_parameters), ("resets", resets), ("half-closed", half_closed), ("hostile-names", hostile_names)]
