"""Many connections: idle ones, more than there are descriptors, and slow ones in every way. A good client is served."""

import resource
import socket
import time

from harness.bounds import NDJSON, ended_by, head, metric_of, rest_of, seconds_until
from harness.context import expect, expect_equal
from harness.server import resident_bytes
from harness.wire import Http, Lost, Resp, encode, request

from .limits_fixed import crowd

IDLE = 5000
IDLE_BYTES_MAX = 8 << 10  # Of the process, for one idle connection; what it has read was given back.
SLOW = 1000


def opened(port, count, data=b"", room=None):
    """So many sockets that have sent this."""
    found = []
    for _ in range(count):
        one = socket.socket()
        if room:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        one.connect(("127.0.0.1", port))
        one.settimeout(30)
        if data:
            one.sendall(data)
        found.append(one)
    return found


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    expect(hard == resource.RLIM_INFINITY or hard >= count, f"the machine allows {hard} descriptors, this needs {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def good(http, resp):
    expect_equal(http.call("GET", "/livez").status, 200, "/livez meanwhile")
    expect(isinstance(resp.must("INCR", "good"), int), "INCR meanwhile")


def idle_ones(context):
    """5,000 idle connections cost little memory each, and busy ones beside them are served exactly."""
    allow_descriptors(3 * IDLE)
    with context.server() as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            good(http, resp)
            before = resident_bytes(server.pid)
            held = opened(server.http_port, IDLE // 2, request("GET", "/livez")) + \
                opened(server.resp_port, IDLE // 2, encode("PING"))
            for one in held:
                expect(one.recv(4096)[:1] in (b"H", b"+"), "an answer before it is idle")
            seconds_until(lambda: metric_of(http, "quipu_http_connections") == IDLE // 2 + 1, "all connections")
            each = (resident_bytes(server.pid) - before) // IDLE
            context.note(f"{each} bytes of resident memory for each of {IDLE} idle connections")
            expect(each < IDLE_BYTES_MAX, f"{each} bytes for an idle connection")
            for number in range(2, 502):
                expect_equal(resp.must("INCR", "good"), number, "INCR beside idle ones")
            for one in held:
                one.close()
            context.recovered(seconds_until(lambda: metric_of(http, "quipu_http_connections") == 1, "the end of all connections"))
        server.stop()


def no_descriptors(context):
    """Without a descriptor left nobody is accepted, those who are there are served, and it goes on when some close."""
    with context.server(wrapper=("prlimit", "--nofile=150:150")) as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            good(http, resp)
            held = opened(server.http_port, 300)
            for _ in range(20):
                good(http, resp)
                time.sleep(0.05)
            with open(f"/proc/{server.pid}/stat", encoding="ascii") as stat:
                before = sum(map(int, stat.read().split()[13:15]))
            time.sleep(1)
            with open(f"/proc/{server.pid}/stat", encoding="ascii") as stat:
                ticks = sum(map(int, stat.read().split()[13:15])) - before
            expect(ticks < 50, f"it spins: {ticks} of 100 ticks of a second")
            for one in held:
                one.close()

            def accepted():
                try:
                    with Http(server.http_port, 5.0) as another:
                        return another.call("GET", "/livez").status == 200
                except Lost:
                    return False
            context.recovered(seconds_until(accepted, "a connection after descriptors came back"))
            good(http, resp)
        server.stop()


def slow_ones(context):
    """Slow heads, slow bodies and unread replies, a thousand of each: every one is ended, a good client served."""
    allow_descriptors(4 * SLOW)
    bounds = {"limits.request": "2s", "limits.write": "2s", "limits.output_bytes": "64KiB"}
    with context.server(settings=bounds) as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            slow = opened(server.http_port, SLOW, head(200)[:100])
            slow += opened(server.http_port, SLOW, request("POST", "/v1/counters/default/slow", b"{}" + b" " * 100)[:-50])
            unread = opened(server.http_port, SLOW, request("GET", "/metrics") * 1200, room=4096)
            began = time.monotonic()
            while (left := metric_of(http, "quipu_http_connections")) > 1:
                expect(time.monotonic() - began < 40, f"{left} connections are still there")
                good(http, resp)
                time.sleep(0.05)
            context.recovered(time.monotonic() - began)
            context.note(f"{3 * SLOW} slow connections were ended within {time.monotonic() - began:.1f} s")
            for one in slow:
                expect(one.recv(4096).startswith(b"HTTP/1.1 408 "), "what a slow sender is told")
                one.close()
            for one in unread:
                one.close()
            expect_equal(http.call("GET", "/v1/counters/default/slow").json()["value"], 0, "what the slow ones counted")
        server.stop()


def crowded_ones(context):
    """Who is not read since others hold all the memory there is, is told that the service is busy, not that it was slow."""
    bounds = {"limits.clients_bytes": "1MiB", "limits.input_bytes": "256KiB", "limits.body_bytes": "128KiB",
              "limits.output_bytes": "512KiB", "limits.request": "4s"}
    with context.server(settings=bounds) as server:
        server.start()
        with server.http() as http, Resp(server.resp_port) as resp, Http(server.http_port) as late:
            good(http, resp)
            held = crowd(server, 6)
            resp.send(encode("GET", b"n" * 60_000)[:-8])
            late.send(request("POST", "/v1/events", b"\n" * 100_000, NDJSON)[:-8])
            said = rest_of(resp)
            expect(said.startswith(b"-BUSY ") and b"retry in " in said, f"over RESP it was told {said!r}")
            answer = late.reply()
            expect_equal((answer.status, answer.outcome()), (503, "busy"), f"over HTTP: {answer!r}")
            expect(int(answer.headers["retry-after"]) >= 1, "Retry-After")
            expect_equal(rest_of(late), b"", "behind it")
            for one in held:
                one.close()
            expect_equal(ended_by(http, "http", "memory"), 1, "connections over HTTP that memory ended")
            expect(ended_by(http, "resp", "memory") >= 1, "none over RESP was ended by memory")
            seconds_until(lambda: metric_of(http, "quipu_resp_connections") == 0, "the end of those who held it")
            with server.resp() as another:
                good(http, another)
        server.stop()


TESTS = [("idle-connections", idle_ones), ("no-descriptors", no_descriptors), ("slow-connections", slow_ones),
         ("crowded-connections", crowded_ones)]
