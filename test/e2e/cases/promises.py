"""What is promised beside exact totals, each over a SIGKILL."""

import json
import time

from harness.context import eventually, expect, expect_equal
from harness.wire import RespError, quote

from .directory import fill_segments, segments

JSON = (("Content-Type", "application/json"),)


def restart(server):
    server.kill()
    server.start()


def post(http, target, body, status=202, headers=()):
    answer = http.call("POST", target, json.dumps(body).encode(), JSON + tuple(headers))
    expect(answer.status == status, f"POST {target} {body} answered {answer!r}, expected {status}")
    return answer.json()


def value(server, counter, space="default", query=""):
    with server.http() as http:
        return http.json("GET", f"/v1/counters/{space}/{quote(counter)}{query}")["value"]


def viewer_once(context):
    """With a window, a viewer counts once in it, whatever is killed in between."""
    with context.server(settings={"namespaces.views.viewer_window": "1h"}) as server:
        server.start()
        hour = time.time_ns() // 3_600_000_000_000
        for _ in range(3):
            with server.http() as http:
                for viewer in ("ann", "bob", "ann"):
                    post(http, "/view", {"video_id": "v", "viewer_id": viewer})
                post(http, "/view", {"video_id": "w", "viewer_id": "ann"})
                refused = post(http, "/view", {"video_id": "v"}, status=400)
                expect_equal(refused["outcome"], "refused", "a view without a viewer")
            restart(server)
        begun = {False: (2, 1), True: (4, 2)}[time.time_ns() // 3_600_000_000_000 != hour]  # A new hour counts anew.
        got = value(server, "v", "views"), value(server, "w", "views")
        expect((2, 1) <= got <= begun, f"views of two videos by two viewers: {got}")
        server.stop()


def same_id_other_content(context):
    """An id says what happened, once: with another content it is refused, also after a restart."""
    with context.server() as server:
        server.start()
        with server.http() as http:
            post(http, "/v1/counters/default/c", {"delta": 5, "id": "x"})
        for _ in range(2):
            with server.http() as http, server.resp() as resp:
                post(http, "/v1/counters/default/c", {"delta": 5}, headers=[("Idempotency-Key", "x")])
                answer = http.call("POST", "/v1/counters/default/c", b'{"delta": 6, "id": "x"}', JSON)
                expect(400 <= answer.status < 500 and answer.outcome() == "refused", f"another content answered {answer!r}")
                reply = resp.call("Q.INCRBY", "c", 6, "ID", "x")
                expect(isinstance(reply, RespError) and reply.kind == "ERR", f"another content answered {reply!r}")
                expect_equal(resp.call("Q.INCRBY", "c", 5, "ID", "x"), [5, 0], "a repeat")
            restart(server)
        expect_equal(value(server, "c"), 5, "the total")
        server.stop()


def positions(context):
    """after= waits for what a write said; a position that does not come is told in time."""
    with context.server() as server:
        server.start()
        with server.http() as http:
            for number in range(1, 6):
                position = post(http, "/v1/counters/default/p", {})["position"]
                expect_equal(value(server, "p", query=f"?after={quote(position)}&timeout=20000"), number, "read after a write")
            generation, partition, offset = position.split(":")
            later = f"{generation}:{partition}:{int(offset) + 1_000_000}"
            began = time.monotonic()
            answer = http.call("GET", f"/v1/counters/default/p?after={quote(later)}&timeout=300")
            waited = time.monotonic() - began
            expect(answer.status == 408 and 0.2 < waited < 5, f"a position to come answered {answer!r} after {waited:.2f} s")
            expect_equal(http.call("GET", "/v1/counters/default/p?after=nonsense").status, 400, "a position that is none")
        restart(server)
        expect_equal(value(server, "p", query=f"?after={quote(position)}&timeout=20000"), 5, "read after a restart")
        server.stop()


def sources(context):
    """How far a source has come is known after a restart, and what it sends again changes nothing."""
    def send(http, first, count, status=202):
        body = "".join('{"counter": "s"}\n' for _ in range(count)).encode()
        answer = http.call("POST", "/v1/events", body, (("Content-Type", "application/x-ndjson"), ("Quipu-Source", "file one"),
                                                        ("Quipu-Sequence", str(first))))
        expect_equal(answer.status, status, f"sequence {first}: {answer!r}")

    with context.server() as server:
        server.start()
        for first, count in ((1, 100), (50, 100), (1, 149), (150, 1)):
            with server.http() as http:
                send(http, first, count)
            restart(server)
        with server.http() as http:
            text = http.call("GET", f"/v1/sources/default/{quote('file one')}").body.decode()
            expect("150" in text, f"the last sequence is not in {text}")
            post(http, "/v1/events", [{"counter": "s", "id": "x"}], 400,
                 [("Quipu-Source", "file one"), ("Quipu-Sequence", "151")])
        expect_equal(value(server, "s"), 150, "the total")
        server.stop()


def overflow(context):
    """A total does not wrap: what would pass its end is refused, over both protocols and after a restart."""
    largest = 2**63 - 1
    with context.server() as server:
        server.start()
        with server.resp() as resp:
            expect_equal(resp.must("SET", "o", largest - 1), "OK", "SET")
            expect_equal(resp.must("INCR", "o"), largest, "INCR")
        for _ in range(2):
            with server.resp() as resp, server.http() as http:
                reply = resp.call("INCR", "o")
                expect(isinstance(reply, RespError) and "overflow" in reply.text, f"INCR beyond the end answered {reply!r}")
                answer = http.call("POST", "/v1/counters/default/o", b"{}", JSON)
                expect(400 <= answer.status < 500 and answer.outcome() == "refused", f"POST beyond the end: {answer!r}")
                got = http.json("GET", "/v1/counters/default/o")
                expect_equal(got["value"], largest, "the total")
                expect(str(largest) in [text for text in got.values() if isinstance(text, str)],
                       f"a total beyond 2^53 is not there as a string: {got}")
            restart(server)
        server.stop()


def retention(context):
    """The log is trimmed below a base, and what it held is in the totals all the same."""
    settings = {"log.segment_bytes": "8MiB", "log.retain_bytes": "0", "log.retain_hours": "0", "base.interval": "1s",
                "flush.interval": "50ms", "flush.sync_interval": "100ms"}
    with context.server(settings=settings | {"log.retain_bytes": "1TiB", "log.retain_hours": "24"}) as server:
        server.start()
        fill_segments(server, 4)
        before = len(segments(server.data))
        with server.resp() as resp:
            size, sample = resp.must("DBSIZE"), resp.must("GET", b"0-0-".ljust(900, b"n"))
            resp.must("Q.INCRBY", "c", 3, "ID", "old")
        server.stop()
        server.settings = settings
        server.start()
        # A base, and the trimming below it, come with a flush: something has to be counted.
        with server.resp() as resp:
            eventually(lambda: resp.must("INCR", "counted") and len(segments(server.data)) < before - 1, 30.0,
                       f"fewer than {before - 1} segments")
            size += 2  # And "c".
        context.note(f"{before} segments became {len(segments(server.data))}")
        restart(server)
        with server.resp() as resp:
            expect_equal((resp.must("DBSIZE"), resp.must("GET", b"0-0-".ljust(900, b"n")), sample), (size, b"1", b"1"),
                         "the counters after the log was trimmed")
            expect_equal(resp.must("Q.INCRBY", "c", 3, "ID", "old"), [3, 0], "an id older than the log")
        server.stop()


def reset_everything(context):
    """FLUSHALL resets every counter, for good; ids that counted before it are not counted again."""
    with context.server() as server:
        server.start()
        with server.resp() as resp:
            for number in range(500):
                resp.send(b"*2\r\n$4\r\nINCR\r\n$5\r\nk%04d\r\n" % number)
            for _ in range(500):
                resp.reply()
            resp.must("Q.INCRBY", "c", 3, "ID", "once")
            expect_equal(resp.must("FLUSHALL"), "OK", "FLUSHALL")
            expect_equal(resp.must("DBSIZE"), 0, "DBSIZE")
            expect_equal(resp.must("INCR", "k0001"), 1, "INCR after FLUSHALL")
        restart(server)
        with server.resp() as resp:
            expect_equal(resp.must("DBSIZE"), 1, "DBSIZE after a restart")
            expect_equal(resp.must("MGET", "k0000", "k0001"), [None, b"1"], "counters after a restart")
            expect_equal(resp.must("Q.INCRBY", "c", 3, "ID", "once"), [0, 0], "an id from before FLUSHALL")
        server.stop()


TESTS = [("viewer-once", viewer_once), ("same-id-other-content", same_id_other_content), ("positions", positions),
         ("sources", sources), ("overflow", overflow), ("retention", retention), ("reset-everything", reset_everything)]
