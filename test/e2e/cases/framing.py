"""Where one request ends and the next begins, beside a real nginx: what it does not pass on is not run here either.

Each case is sent to the service, and to an nginx before the same service, with a second request hidden behind it. A counter of
the case's own then says what was run: each of its own requests adds 1 or what its body says, the hidden one 100.
"""

import concurrent.futures
import random

from harness.context import expect, expect_equal
from harness.real_nginx import RealNginx
from harness.wire import Connection, Lost

from .bad_input import http_requests

WAIT_SECONDS = 1  # For the rest of a request: nginx, and here.
AT_A_TIME = 16
RANDOM = 400
NAME = b"hidden"  # In each case: the counter, which gets a name of its own.
BEHIND = b"POST /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n" \
    b"Content-Length: 13\r\n\r\n{\"delta\":100}"
POST = b"POST /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\n"
ADD = POST + b"Content-Type: application/json\r\n"
BODY = b'{"delta": 7}'


def field(text):
    return POST + text + b"\r\n\r\n"


def chunks(text):
    return ADD + b"Transfer-Encoding: chunked\r\n\r\n" + text


# What is sound, at the edges of what is: what we take of these, nginx must take as the same.
SOUND = {
    "no body": field(b"X: a"),
    "a length": ADD + b"Content-Length: 12\r\n\r\n" + BODY,
    "a length with zeros before it": ADD + b"Content-Length: 0012\r\n\r\n" + BODY,
    "spaces around a length": ADD + b"Content-Length:   12  \r\n\r\n" + BODY,
    "tabs around a length": ADD + b"Content-Length:\t12\t\r\n\r\n" + BODY,
    "a length in capitals": ADD + b"CONTENT-LENGTH:12\r\n\r\n" + BODY,
    "a length smaller than what follows": ADD + b"Content-Length: 12\r\n\r\n" + BODY + b"XX",
    "a length greater than what follows": ADD + b"Content-Length: 9000\r\n\r\n" + BODY,
    "no length, then a body": ADD + b"\r\n" + BODY,
    "a request in a body": ADD + b"Content-Length: %d\r\n\r\n" % len(BEHIND) + BEHIND,
    "an empty line before it": b"\r\n" + field(b"X: a"),
    "an empty line between two": field(b"X: a") + b"\r\n" + field(b"X: a"),
    "ten of them": field(b"X: a") * 10,
    "one chunk": chunks(b"c\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "two chunks": chunks(b"1\r\n{\r\n00B\r\n\"delta\": 7}\r\n0\r\n\r\n"),
    "capitals in the size": chunks(b"C\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a last chunk of many zeros": chunks(b"c\r\n" + BODY + b"\r\n0000\r\n\r\n"),
    "a size with its extension": chunks(b"c;a=b;c\r\n" + BODY + b"\r\n0;d\r\n\r\n"),
    "an extension in quotes": chunks(b"c;a=\"b c\"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a trailer": chunks(b"c\r\n" + BODY + b"\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "two trailers": chunks(b"c\r\n" + BODY + b"\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"),
    "no last chunk": chunks(b"c\r\n" + BODY + b"\r\n"),
    "no empty line behind the last chunk": chunks(b"c\r\n" + BODY + b"\r\n0\r\n"),
    "an empty chunk list": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in capitals": ADD + b"TRANSFER-ENCODING: CHUNKED \r\n\r\nc\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunks that are announced": ADD + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a body that is announced": ADD + b"Expect: 100-Continue\r\nContent-Length: 12\r\n\r\n" + BODY,
    "a body of GET": b"GET /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n" + BODY,
    "a body of HEAD": b"HEAD /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n" + BODY,
    "a body of OPTIONS": b"OPTIONS /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n" + BODY,
    "chunks of GET": b"GET /v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "HTTP/1.0": b"POST /v1/counters/default/hidden HTTP/1.0\r\n\r\n",
    "HTTP/1.0 that stays": b"POST /v1/counters/default/hidden HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.0 with a length": ADD.replace(b"1.1", b"1.0") + b"Content-Length: 12\r\n\r\n" + BODY,
    "close": field(b"Connection: close"),
    "close among others": field(b"Connection: keep-alive, Close"),
    "a switch to a websocket": field(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
                                     b"\r\nSec-WebSocket-Version: 13"),
    "a switch to HTTP/2": field(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
    "an absolute target": b"POST http://a/v1/counters/default/hidden HTTP/1.1\r\nHost: a\r\n\r\n",
    "a host with its port": POST.replace(b"Host: a", b"Host: a:80") + b"\r\n",
    "a host in brackets": POST.replace(b"Host: a", b"Host: [::1]:80") + b"\r\n",
    "a host with an underscore": POST.replace(b"Host: a", b"Host: a_b.c-d") + b"\r\n",
    "an empty value": field(b"X:"),
    "a value that is not ASCII": field(b"X: \xc3\xa4\xff"),
    "a tab in a value": field(b"X: a\tb"),
    "odd letters in a name": field(b"!#$%&'*+-.^`|~: a"),
    "a name twice": field(b"X: a\r\nX: b"),
    "a comma in a name's value": field(b"X: Content-Length: 5, Transfer-Encoding: chunked"),
    "odd bytes in a query": POST.replace(b"hidden ", b"hidden?delta=%31 ") + b"\r\n",
    "a target that climbs": b"GET /v1/../livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with two slashes": b"GET //livez HTTP/1.1\r\nHost: a\r\n\r\n",
}

# Where we refuse what nginx takes, each with its reason. The test fails where this is no longer so, too.
LINE = "nginx mends request lines; what is not METHOD SP target SP HTTP/1.1 may be another request to whoever stands between"
FIELD = "nginx drops fields that it does not understand, and passes the request on without them; another proxy may understand them"
TRAILER = "nginx reads no field behind the last chunk, and passes none on; a proxy that merges them would change the request"
END = "nginx takes a line feed alone for a line's end, and any number of empty lines before a request; RFC 9112 lets a server refuse both"
STRICTER = {
    **dict.fromkeys([b"GET  /livez HTTP/1.1", b"GET /livez HTTP/1.2", b"GET /\xc3\xa4 HTTP/1.1", b"GET /a\\b HTTP/1.1",
                     b"GET /a#b HTTP/1.1", b"GET /livez HTTP/1.1 "], LINE),
    **dict.fromkeys([b"X", b"X\xe9: a", b"Content_Length: 5", b"Transfer_Encoding: chunked"], FIELD),
    **dict.fromkeys([b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nHost: b\r\n\r\n", b"0\r\nAuthorization: b\r\n\r\n",
                     b"0\r\nX : b\r\n\r\n", b"0\r\nX: b\n\r\n", "no empty line behind the last chunk"], TRAILER),
    **dict.fromkeys([b"X: a\nY: b", "bare line feeds", "two empty lines before"], END),
}

# Where we run what nginx does not pass on.
LAXER = {
    "tabs around a length": "a tab is white space (RFC 9110, 5.5), which nginx takes for a part of the value; nobody reads another length",
}

# Not changed at random: nginx refuses a target that climbs above the root, which is a matter of its files, and takes any
# option with `close` in it for it (`closex`), behind which nothing is run there.
UNCHANGED = ("a target that climbs", "close", "close among others")


def cases():
    """(name, bytes) of everything that is sent."""
    yield from SOUND.items()
    for _, odd, data in http_requests():
        yield odd, data


def run_one(ports, number, data):
    """What the counter of this case says after the data went to each of the ports: [direct, by nginx]."""
    found = []
    for place, port in enumerate(ports):
        name = b"%d-%d" % (number, place)
        with Connection(port) as one:
            try:
                one.send((data + BEHIND).replace(NAME, name))
            except Lost:
                pass
            said = said_until_closed(one)
        with Connection(ports[0]) as one:
            one.send(b"GET /v1/counters/default/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % name)
            value = int(said_until_closed(one).partition(b'"value":')[2].split(b",")[0])
        found.append((value, said))
    return found


def said_until_closed(one):
    """Everything that is answered; both close in the end, since the hidden request asks for it and no half one may wait."""
    one.socket.settimeout(30)
    said = b""
    try:
        while chunk := one.socket.recv(1 << 16):
            said += chunk
    except ConnectionResetError:
        pass
    return said


def run_all(ports, found):
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        waiting = [(name, data, pool.submit(run_one, ports, number, data)) for number, (name, data) in enumerate(found)]
        return [(name, data, *future.result()) for name, data, future in waiting]


def beside_nginx(context, use):
    with context.server(settings={"limits.request": f"{WAIT_SECONDS}s"}) as server:
        server.start()
        with RealNginx(context.directory, server.http_port, WAIT_SECONDS) as nginx:
            use((server.http_port, nginx.http_port))
        expect(server.alive(), f"the server ended; it said:\n{server.output()}")
        server.stop()


def table(context):
    """Every refused framing and every sound one at the edge."""
    def use(ports):
        stricter, laxer, told = set(), set(), []
        for name, data, (ours, we_said), (theirs, they_said) in run_all(ports, cases()):
            if ours == theirs:
                continue
            (stricter if ours < theirs else laxer).add(name)
            told.append(f"{name!r}: {data[:90]!r}: {ours} here ({we_said[:40]!r}), {theirs} by nginx ({they_said[:40]!r})")
        differences = "\n".join(told)
        expect_equal(laxer, set(LAXER), f"what is run here and not passed on by nginx:\n{differences}\nthese")
        expect_equal(stricter, set(STRICTER), f"what nginx passes on and is not run here:\n{differences}\nthese")
        context.note(f"{len(list(cases()))} framings; stricter than nginx in {len(stricter)}, laxer in {len(laxer)}")
    beside_nginx(context, use)


def changed(chance, data):
    """A sound request with something that is about framing put in, taken out or doubled; no tab, which is among LAXER."""
    pieces = (b" ", b"\r", b"\n", b"\r\n", b":", b",", b";", b"0", b"5", b"\x0b", b"\x00", b"chunked", b"-", b"+", b"x",
              b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 12\r\n", b"\r\n ", b"0\r\n\r\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.randint(0, 2))
        data = data[:at] + chance.choice(pieces) * chance.randint(0, 2) + data[end:]
    return data


def changes(context):
    """Sound requests with random changes: never more is run here than nginx passes on."""
    chance = random.Random(context.seed)
    sound = [data for name, data in SOUND.items() if len(data) < 400 and name not in LAXER and name not in UNCHANGED]
    found = [(number, changed(chance, chance.choice(sound))) for number in range(RANDOM)]

    def use(ports):
        same = taken = 0
        for _, data, (ours, we_said), (theirs, they_said) in run_all(ports, found):
            expect(ours <= theirs, f"{data!r}: {ours} was counted here ({we_said[:200]!r}), {theirs} by nginx ({they_said[:200]!r})")
            same += ours == theirs
            taken += ours > 0
        context.note(f"{RANDOM} changed requests; {same} counted the same, {taken} counted something here")
        expect(taken > RANDOM // 20, f"only {taken} of them counted anything")
    beside_nginx(context, use)


TESTS = [("framing-nginx", table), ("framing-nginx-changes", changes)]
