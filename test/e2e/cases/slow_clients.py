"""slowhttptest holds a thousand sockets in each of its ways, and floods of header fields come; a good client goes on being
served, each of its answers right, and every slow socket is ended for what it does."""

import re
import shutil
import subprocess
import threading
import time

from harness.bounds import NDJSON, ended_by, metric_of, rest_of, seconds_until
from harness.context import expect, expect_equal
from harness.server import resident_bytes
from harness.wire import Connection, Lost

from .connections import allow_descriptors, good

SOCKETS = 1000
FLOODS = 8
FLOOD_SECONDS_MAX = 30.0
BOUNDS = {"limits.request": "4s", "limits.write": "4s", "limits.output_bytes": "64KiB", "limits.header_bytes": "8KiB"}
RESIDENT_GROWTH_MAX = 192 << 20  # Of each slow reader the reply that passes its 64 KiB, too: some 120 KiB.
#: What slowhttptest does, to which target, and why the service ends its sockets.
KINDS = {
    "slow-headers": (["-H", "-t", "POST"], "/view", "slow_request"),
    "slow-bodies": (["-B", "-t", "POST", "-s", "8192"], "/view", "slow_request"),
    "slow-readers": (["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "10"], "/openapi.json", "unread_replies"),
}


class Slow:
    """slowhttptest against a server, until its sockets are gone."""

    def __init__(self, server, flags, target, directory):
        self.output = directory / "slowhttptest.log"
        command = ["slowhttptest", *flags, "-c", str(SOCKETS), "-r", str(SOCKETS), "-i", "1", "-l", "60", "-p", "10",
                   "-u", f"http://127.0.0.1:{server.http_port}{target}"]
        with open(self.output, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def report(self):
        """What it says at its end, without the colours."""
        self.process.wait(90)
        return re.sub(r"\x1b\[[0-9;]*m", "", self.output.read_text(errors="replace"))


def slow(kind):
    def test(context):
        flags, target, cause = KINDS[kind]
        expect(shutil.which("slowhttptest"), "slowhttptest is not here: tools/install test")
        allow_descriptors(4 * SOCKETS)
        with context.server(settings=BOUNDS) as server:
            server.start()
            with server.http() as http, server.resp() as resp:
                good(http, resp)
                before = peak = resident_bytes(server.pid)
                served, most = 1, 0
                with Slow(server, flags, target, context.directory) as attack:
                    end = time.monotonic() + 90
                    while ended_by(http, "http", cause) < SOCKETS:
                        expect(time.monotonic() < end, f"{ended_by(http, 'http', cause)} of {SOCKETS} were ended; {most} were there at most")
                        expect_equal(http.call("POST", f"/view?video_id={kind}").status, 202, "a view beside slow clients")
                        served += 1
                        expect_equal(resp.must("INCR", "good"), served, "INCR beside slow clients")
                        most = max(most, metric_of(http, "quipu_http_connections") - 1)
                        peak = max(peak, resident_bytes(server.pid))
                    # It sees that a sender's socket ended, but not that of one whose replies it does not read.
                    said = attack.report() if cause == "slow_request" else None
                expect(most >= SOCKETS / 2, f"only {most} slow sockets were there at one time")
                if said is not None:
                    expect(re.search(r"service available:\s+YES", said), f"to slowhttptest's own probe it was not there: {said[-500:]}")
                    expect("No open connections left" in said, f"slowhttptest did not see its sockets end: {said[-500:]}")
                expect(peak - before < RESIDENT_GROWTH_MAX, f"resident memory grew by {peak - before} bytes")
                seconds_until(lambda: metric_of(http, "quipu_http_connections") == 1, "the end of all slow sockets")
                expect_equal(http.json("GET", f"/v1/counters/views/{kind}")["value"], served - 1, "the views")
                expect_equal(metric_of(http, "quipu_events_accepted_total"), 2 * served - 1, "events that were counted")
                context.note(f"{most} slow sockets at one time, {served} turns of a good client beside them; resident memory "
                             f"grew by {(peak - before) >> 20} MiB at most")
            server.stop()
    return test


def endless(begin, piece, more):
    """Bytes without end: `begin`, and `piece` with a number in it, many at a time."""
    yield begin
    number = 0
    while True:
        yield b"".join(piece % (number + n) for n in range(more))
        number += more


def pour(server, begin, piece, got):
    """Sends until the server has closed; then what it had said, and how long that took."""
    with Connection(server.http_port) as one:
        began = time.monotonic()
        try:
            for data in endless(begin, piece, 20):
                one.send(data)
                if time.monotonic() - began > FLOOD_SECONDS_MAX:
                    break
        except Lost:
            pass
        got.append((rest_of(one), time.monotonic() - began))


def flood(context):
    """Header fields, one header, trailer fields and chunks without end: each is told so, closed, and takes no memory."""
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\n"
    chunked = head + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    kinds = {
        "small fields": (431, head, b"X-%d: a\r\n"),
        "large fields": (431, head, b"X-%d: " + b"y" * 500 + b"\r\n"),
        "one field": (431, head + b"X: ", b"%d"),
        "a target": (414, b"GET /", b"%d"),
        "a method": (4, b"", b"%dA"),  # Too long a method, or too long a line: 400 or 414, as the bytes come.
        "trailer fields": (431, chunked + b"0\r\n", b"X-%d: a\r\n"),
        "chunks": (413, chunked, b"10\r\n%015d\n\r\n"),
        "digits of a chunk": (400, chunked + b"1", b"0%.0d"),
        "a chunk's extension": (400, chunked + b"1;", b"a%d"),
    }
    with context.server(settings={**BOUNDS, "limits.body_bytes": "64KiB"}) as server:
        server.start()
        with server.http() as http, server.resp() as resp:
            good(http, resp)
            before = peak = resident_bytes(server.pid)
            answers = {what: [] for what in kinds}
            threads = [threading.Thread(target=pour, args=(server, begin, piece, answers[what]), daemon=True)
                       for what, (_, begin, piece) in kinds.items() for _ in range(FLOODS)]
            for thread in threads:
                thread.start()
            turns = 0
            while any(thread.is_alive() for thread in threads):
                good(http, resp)
                turns += 1
                peak = max(peak, resident_bytes(server.pid))
            for what, (status, _, _) in kinds.items():
                expect_equal(len(answers[what]), FLOODS, f"floods of {what}")
                for answer, seconds in answers[what]:
                    expect(seconds < FLOOD_SECONDS_MAX, f"a flood of {what} was not ended")
                    # Where bytes were on their way when it closed, the system may throw away what it had said.
                    expect(not answer or answer.startswith(b"HTTP/1.1 %d" % status), f"{what}: {answer[:300]!r}")
            expect(peak - before < RESIDENT_GROWTH_MAX, f"resident memory grew by {peak - before} bytes")
            for what, (status, begin, piece) in kinds.items():  # The same, a little of it: each is told.
                data = b"".join(data for data, _ in zip(endless(begin, piece, 20), range(1000)))
                with Connection(server.http_port) as one:
                    try:
                        one.send(data)
                    except Lost:
                        pass
                    answer = rest_of(one)
                    expect(answer.startswith(b"HTTP/1.1 %d" % status), f"{what}, a little of it: {answer[:300]!r}")
            expect_equal(http.call("POST", "/v1/events", b'{"counter":"afterwards"}\n', NDJSON).status, 202, "a batch afterwards")
            context.note(f"{len(kinds)} kinds of floods, {FLOODS} of each, {turns} turns of a good client beside them; resident "
                         f"memory grew by {(peak - before) >> 20} MiB at most")
        server.stop()


TESTS = [(kind, slow(kind)) for kind in KINDS] + [("header-floods", flood)]
