"""The table of bounds that the program prints, one test a row, and what every such test asks afterwards."""

import json
import socket
import time

from .context import expect, expect_equal
from .wire import Connection, Http, Lost, RespError, request

ROWS = {}
JSON = (("Content-Type", "application/json"),)
NDJSON = (("Content-Type", "application/x-ndjson"),)
CLOSE_SECONDS_MAX = 20.0


def row(*names, settings=None, serves=True):
    """The decorated test(context, server, bound) goes to the bound and one beyond it, and returns how many events are
    counted by then. It gets a running server; with serves=False it gets the context alone."""
    def keep(function):
        for name in names:
            ROWS[name] = (function, settings or {}, serves)
        return function
    return keep


def table(context, settings=None):
    """name -> row, as the program prints it with these settings."""
    words = [word for key, value in (settings or {}).items() for word in ("--set", f"{key}={value}")]
    rows = json.loads(context.run([*context.command, "config", "print", "--bounds", *words]).stdout)
    return {found["name"]: found for found in rows}


def test_of(name):
    function, settings, serves = ROWS[name]

    def run(context):
        bound = table(context, settings)[name]["value"]
        if not serves:
            function(context, bound)
            return
        with context.server(settings=settings) as server:
            server.start()
            counted = function(context, server, bound)
            expect(server.alive(), f"the server ended; it said:\n{server.output()}")
            expect_equal(metric(server, "quipu_events_accepted_total"), counted, "events that were counted")
            with server.resp() as resp, server.http() as http:
                expect_equal(resp.must("INCR", "afterwards"), 1, "INCR afterwards")
                expect_equal(http.json("GET", "/v1/counters/default/afterwards")["value"], 1, "a read afterwards")
            server.stop()
    return run


def metric(server, name):
    with server.http() as http:
        return metric_of(http, name)


def metric_of(http, name):
    for line in http.call("GET", "/metrics").body.decode().splitlines():
        if line.startswith((name + " ", name + "{")):
            return int(float(line.rsplit(" ", 1)[1]))
    raise AssertionError(f"there is no metric {name}")


def ended_by(http, protocol, cause):
    """How many connections a limit has ended, as the metrics count them."""
    return metric_of(http, f'quipu_connections_ended_total{{protocol="{protocol}",cause="{cause}"}}')


def rest_of(connection):
    """Everything that comes until the server closes. Its not closing is a failure."""
    connection.socket.settimeout(CLOSE_SECONDS_MAX)
    data = bytes(connection.buffer[connection.at:])
    try:
        while chunk := connection.socket.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        pass
    except (TimeoutError, socket.timeout) as error:
        raise AssertionError(f"the server did not close; it said {data[:300]!r}") from error
    return data


def sent(port, data):
    """What is answered to these bytes until the server closes, which it must."""
    with Connection(port) as connection:
        try:
            connection.send(data)
        except Lost:
            pass  # It may close before it has read all.
        return rest_of(connection)


def refused_http(server, data, status, what="", before=0):
    """These bytes get one answer of this status (behind `before` others), and their connection is closed."""
    with Http(server.http_port) as http:
        try:
            http.send(data)
        except Lost:
            pass
        for _ in range(before):
            expect(200 <= http.reply().status < 300, f"{what}: what stands before was refused")
        answer = http.reply()
        expect_equal(answer.status, status, f"{what or data[:80]!r}: {answer!r}")
        expect_equal(answer.headers.get("connection"), "close", f"{what or data[:80]!r}: Connection")
        expect_equal(rest_of(http), b"", f"{what or data[:80]!r}: behind the answer")
        return answer


def refused_resp(server, data, words=b"-ERR Protocol error"):
    """These bytes get one error that begins so, and their connection is closed."""
    answer = sent(server.resp_port, data)
    expect(answer.startswith(words) and answer.count(b"\r\n") == 1, f"{data[:80]!r} got {answer[:300]!r}")


def wrong(reply, word=""):
    """The reply is an error over RESP that says `word`."""
    expect(isinstance(reply, RespError) and word in reply.text, f"no error with {word!r}: {reply!r}")


def post(http, target, body, status, headers=JSON):
    answer = http.call("POST", target, body, headers)
    expect_equal(answer.status, status, f"POST {target[:80]} {body[:80]!r}: {answer!r}")
    return answer


def get(http, target, status=200):
    answer = http.call("GET", target)
    expect_equal(answer.status, status, f"GET {target[:80]}: {answer!r}")
    return answer


def events(count, name="e"):
    return b"".join(b'{"counter":"%s%d"}\n' % (name.encode(), number) for number in range(count))


def head(size, extra=b""):
    """A GET whose head has exactly so many bytes."""
    begin = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + extra + b"X: "
    return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"


def chunked(body, target="/v1/events"):
    return request("POST", target, b"", NDJSON + (("Transfer-Encoding", "chunked"),)).replace(b"Content-Length: 0\r\n", b"") \
        + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


def seconds_until(condition, what, seconds=CLOSE_SECONDS_MAX):
    began = time.monotonic()
    while not condition():
        expect(time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - began
