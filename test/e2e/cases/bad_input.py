"""Bytes that no client should send: the right error, a closed connection, nothing counted, no memory taken."""

import random

from harness.bounds import metric, refused_http, refused_resp, rest_of, sent
from harness.context import expect, expect_equal
from harness.server import resident_bytes
from harness.wire import Connection, Lost, encode

HIDDEN = b"POST /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\n"
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))  # How a TLS client begins.
RESIDENT_GROWTH_MAX = 32 << 20

LINES = [
    (400, b"GET  /livez HTTP/1.1"), (400, b"GET\t/livez HTTP/1.1"), (400, b"GET HTTP/1.1"), (400, b"GET /livez"),
    (505, b"GET /livez HTTP/1.2"), (505, b"GET /livez HTTP/2.0"), (400, b"GET /livez http/1.1"), (501, b"get /livez HTTP/1.1"),
    (400, b"GET /li\x00vez HTTP/1.1"), (400, b"GET /\xc3\xa4 HTTP/1.1"), (400, b"GET /a\\b HTTP/1.1"),
    (400, b"GET /a#b HTTP/1.1"), (400, b"GET http://u@h/livez HTTP/1.1"), (400, b"GET * HTTP/1.1"),
    (501, b"CONNECT a:1 HTTP/1.1"), (505, b"PRI * HTTP/2.0"), (400, b"GET /livez HTTP/1.1 ")]
FIELDS = [
    (400, b"X : a"), (400, b"X"), (400, b": a"), (400, b"X: a\r\n folded"), (400, b" X: a"), (400, b"X: a\rb"), (400, b"X: a\nY: b"),
    (400, b"X: a\x00b"), (400, b"X: a\rTransfer-Encoding: chunked"), (400, b"Host: a"), (400, b"X\xe9: a"),
    (400, b"Content-Length:"), (400, b"Content-Length: +5"), (400, b"Content-Length: -1"), (400, b"Content-Length: 0x5"),
    (400, b"Content-Length: 5 5"), (400, b"Content-Length: 5,5"), (400, b"Content-Length: 5, 6"),
    (400, b"Content-Length: 5\r\nContent-Length: 5"), (400, b"Content-Length: 5\r\nContent-Length: 6"),
    (400, b"Content-Length: 1" + b"0" * 30), (413, b"Content-Length: 9" + b"0" * 16), (400, b"Content_Length: 5"),
    (400, b"Transfer-Encoding: chunked\r\nContent-Length: 5"), (400, b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    (501, b"Transfer-Encoding: xchunked"), (501, b"Transfer-Encoding: chunked, chunked"), (501, b"Transfer-Encoding: gzip, chunked"),
    (501, b"Transfer-Encoding: chunked, gzip"), (501, b"Transfer-Encoding: identity"), (501, b"Transfer-Encoding: chunked;q=1"),
    (501, b"Transfer-Encoding: chunked,"), (400, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    (400, b"Transfer-Encoding : chunked"), (400, b"Transfer-Encoding\x0b: chunked"), (400, b"Transfer-Encoding:\r\n chunked"),
    (400, b"Transfer_Encoding: chunked")]
CHUNKS = [(400, b"\r\n"), (400, b"0x5\r\nhello\r\n"), (400, b"-5\r\n"), (400, b"+5\r\n"), (400, b" 5\r\nhello\r\n"), (400, b"5 \r\nhello\r\n"),
          (400, b"5\nhello\r\n"), (400, b"5;a\nb\r\nhello\r\n"), (400, b"5\r\nhelloX"), (400, b"5\r\nhello\n"), (400, b"1" + b"0" * 16),
          (413, b"ffffffffffffffff\r\n"), (413, b"7fffffffffffffff\r\n"), (400, b"g\r\n"), (400, b"0\r\nContent-Length: 5\r\n\r\n"),
          (400, b"0\r\nHost: b\r\n\r\n"), (400, b"0\r\nAuthorization: b\r\n\r\n"), (400, b"0\r\nX : b\r\n\r\n"), (400, b"0\r\nX: b\n\r\n")]
RESP = [b"*+1\r\n", b"*01\r\n", b"*1 \r\n", b"*\x00\r\n", b"*3000000000\r\n", b"*1048577\r\n", b"*9223372036854775808\r\n",
        b"*10000000\r\n", b"*1\r\n$-10\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$3\r\nabcde", b"*1\r\n$4\r\nPING\n\n", b"*1\r\n*1\r\n$4\r\nPING\r\n",
        b"*1\r\n%1\r\n", b"*1\r\n$01\r\na\r\n", b"GET \"a\r\n"]


def http_requests():
    """(status, what is wrong, the bytes) of each."""
    for status, line in LINES:
        yield status, line, line + b"\r\nHost: a\r\n\r\n"
    for status, field in FIELDS:
        yield status, field, HEAD + field + b"\r\n\r\n"
    for status, chunks in CHUNKS:
        yield status, chunks, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    yield 400, "chunks in HTTP/1.0", HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield 400, "bare line feeds", HEAD.replace(b"\r\n", b"\n") + b"\n"
    yield 400, "two empty lines before", b"\r\n\r\n" + HEAD + b"\r\n"
    yield 400, "no Host", b"GET /livez HTTP/1.1\r\n\r\n"
    yield 400, "a TLS hello", HELLO
    yield 400, "a command of Redis", encode("INCR", "hidden")
    yield 417, "an unknown expectation", HEAD + b"Expect: wonders\r\nContent-Length: 1\r\n\r\n"


def http(context):
    """Each is refused with its status and closed; a request hidden behind it is not run. Whole, and in two pieces."""
    with context.server() as server:
        server.start()
        count = 0
        for status, _, data in http_requests():
            refused_http(server, data + HIDDEN, status)
            refused_in_pieces(server.http_port, data, b"HTTP/1.1 %d " % status)
            count += 1
        nothing_counted(server, 0)
        context.note(f"{count} broken requests, each whole and in pieces")
        server.stop()


def resp(context):
    """Each is a protocol error and closed; a command behind it is not run. Other protocols are closed."""
    with context.server() as server:
        server.start()
        for data in RESP:
            refused_resp(server, data + encode("INCR", "hidden"))
            refused_in_pieces(server.resp_port, data, b"-ERR Protocol error")
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", HIDDEN, b"Host: a\r\n", encode("POST", "/")):
            answer = sent(server.resp_port, data + encode("INCR", "hidden"))
            expect(b":1" not in answer, f"{data!r} got {answer!r}")
        refused_resp(server, HELLO, b"-ERR Protocol error: there is no TLS here")
        nothing_counted(server, 0)
        server.stop()


def refused_in_pieces(port, data, words):
    """The answer is the same where the bytes come in pieces: the verdict does not hang on how they were cut."""
    cut = max(1, len(data) // 2)
    with Connection(port) as one:
        try:
            for piece in (data[:1], data[1:cut], data[cut:]):
                one.send(piece)
        except Lost:
            pass
        expect(rest_of(one).startswith(words), f"{data[:80]!r} in pieces did not get {words!r}")


def nothing_counted(server, counted):
    expect(server.alive(), server.output())
    expect_equal(metric(server, "quipu_events_accepted_total"), counted, "events that were counted")
    with server.resp() as one:
        expect_equal(one.must("GET", "hidden"), None, "the hidden counter")


def declared(context):
    """What is declared and not sent takes no memory: hundreds of connections, each of which says that it sends much."""
    with context.server(settings={"limits.body_bytes": "1GiB", "limits.input_bytes": "2GiB", "limits.clients_bytes": "4GiB",
                                  "limits.resp_argument_bytes": "512MiB", "limits.resp_arguments": 2_000_000}) as server:
        server.start()
        with server.resp() as one:
            one.must("PING")
        before = resident_bytes(server.pid)
        held = []
        for port, data in ((server.http_port, HEAD + b"Content-Length: 1073741824\r\n\r\nx"),
                           (server.http_port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n3fffffff\r\nx"),
                           (server.resp_port, b"*2000000\r\n$4\r\nINCR\r\n"),
                           (server.resp_port, b"*2\r\n$4\r\nINCR\r\n$536870912\r\nx")):
            for _ in range(200):
                held.append(Connection(port))
                held[-1].send(data)
        with server.resp() as one, server.http() as other:
            one.must("PING")
            expect_equal(other.call("GET", "/livez").status, 200, "/livez")
        growth = peak_bytes(server.pid) - before
        context.note(f"resident memory grew by {growth >> 10} KiB for {len(held)} connections that declare up to 1 GiB each")
        expect(growth < RESIDENT_GROWTH_MAX, f"it grew by {growth} bytes")
        for one in held:
            one.close()
        nothing_counted(server, 0)
        server.stop()


def declared_beyond(context):
    """12 GiB and more, declared in every way there is, with the bounds as they are and as far as they go: refused at once."""
    widest = {"limits.body_bytes": "1GiB", "limits.input_bytes": "2GiB", "limits.clients_bytes": "8GiB", "limits.header_bytes": "16MiB",
              "limits.output_bytes": "4GiB", "limits.resp_argument_bytes": "512MiB", "limits.resp_inline_bytes": "512MiB",
              "limits.resp_arguments": 2_000_000}
    much = 12 << 30
    http_heads = (b"Content-Length: %d\r\n\r\nx" % much, b"Transfer-Encoding: chunked\r\n\r\n%x\r\nx" % much,
                  b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n%x\r\nx" % much)
    resp_begins = (b"*%d\r\n" % much, b"*2\r\n$%d\r\nx" % much, b"*2\r\n$4\r\nINCR\r\n$%d\r\nx" % much,
                   b"*2\r\n$4\r\nMGET\r\n$18446744073709551615\r\nx")
    for settings in ({}, widest):
        with context.server(settings=settings) as server:
            server.start()
            with server.resp() as one, server.http() as other:
                one.must("PING")
                expect_equal(other.call("GET", "/livez").status, 200, "/livez")
                before, most = resident_bytes(server.pid), 0
                for _ in range(50):
                    for rest in http_heads:
                        refused_http(server, HEAD + rest, 413)
                    for begin in resp_begins:
                        refused_resp(server, begin)
                    most = max(most, peak_bytes(server.pid))
                one.must("PING")
                expect_equal(other.call("GET", "/livez").status, 200, "/livez")
            expect(most - before < RESIDENT_GROWTH_MAX, f"it grew by {most - before} bytes")
            context.note(f"at most {(most - before) >> 10} KiB more were resident at any time")
            nothing_counted(server, 0)
            server.stop()


def peak_bytes(pid):
    """The most memory that a process ever held."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


def garbage(context):
    """Random bytes, and sound requests with random bytes changed: the service goes on, and stops in order."""
    chance = random.Random(context.seed)
    sound = (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /v1/top/views HTTP/1.1\r\nHost: a\r\n\r\n", encode("MGET", "a", "b"))
    with context.server(settings={"limits.request": "1s"}) as server:
        server.start()
        for number in range(600):
            data = bytearray(chance.choice(sound) if number % 2 else chance.randbytes(chance.randint(1, 300)))
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with Connection(chance.choice((server.http_port, server.resp_port))) as one:
                try:
                    one.send(bytes(data))
                except Lost:
                    pass
        with server.resp() as one, server.http() as other:
            expect_equal(one.must("INCR", "afterwards"), 1, "INCR afterwards")
            expect_equal(other.call("GET", "/livez").status, 200, "/livez afterwards")
        server.stop()


TESTS = [("bad-http", http), ("bad-resp", resp), ("declared-lengths", declared), ("declared-beyond", declared_beyond),
         ("garbage", garbage)]
