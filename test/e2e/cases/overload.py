"""More comes than the disk takes: the rest is told busy, nothing acknowledged is lost, and it recovers by itself."""

import os
import threading
import time

from harness.bounds import events, metric_of, seconds_until
from harness.context import expect, expect_equal
from harness.load import Load
from harness.rounds import Crashes
from harness.server import resident_bytes
from harness.wire import request

SYNC_SECONDS = 1.0
SETTINGS = {"log.pending_bytes": "8MiB", "memory.table_bytes": "64MiB"}
RESIDENT_GROWTH_MAX = 200 << 20  # Table, pending frames, the store's own buffers, and what connections hold.
LOAD = ("bulk",) * 10 + ("plain", "once", "single", "views")
RECOVERY_SECONDS_MAX = 15.0
PROBES = 32
FULL_BATCHES = 3  # Of the probes' size: what the log takes at once while nothing waits.
# A sync that takes so long, as of a disk that is far behind: so the log takes some 8 MiB a second at most.
SLOW_DISK = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
             "-e", f"inject=fdatasync:delay_enter={int(SYNC_SECONDS * 1e6)}")


def disk_behind(context, seconds=8.0):
    """Honest load of many connections on a slow disk, judged event by event; a reader and a prober beside it."""
    with context.server(settings=SETTINGS, wrapper=SLOW_DISK) as server:
        crashes = Crashes(server, context.seed, context.say)
        crashes.ledger.tallies.clear()  # Those of the load that this one replaces.
        crashes.load = Load(crashes.ledger, context.seed, LOAD)
        crashes.begin(look=False)
        unhurried = full_rate(server, "before")
        base = peak = resident_of(server)
        slowest, busy = 0.0, 0
        crashes.load.start(server)
        end = time.monotonic() + seconds
        with server.http() as reader, server.http() as prober:
            burst = BusyProbe(prober)
            while time.monotonic() < end:
                began = time.monotonic()
                expect_equal(reader.call("GET", "/livez").status, 200, "/livez in overload")
                expect_equal(reader.call("GET", "/v1/counters/default/never").json()["value"], 0, "a read in overload")
                slowest = max(slowest, time.monotonic() - began)
                peak = max(peak, resident_of(server))
                time.sleep(0.05)
            burst.finish()
            busy = metric_of(reader, "quipu_operations_busy_total")
        crashes.load.finish()
        began = time.monotonic()
        with server.http() as http:
            seconds_until(lambda: http.call("POST", "/v1/counters/default/again").status == 202, "a write taken again",
                          RECOVERY_SECONDS_MAX)
            first = time.monotonic() - began
            seconds_until(lambda: metric_of(http, "quipu_log_durable_offset") == metric_of(http, "quipu_log_newest_offset"),
                          "nothing that waits for the disk", RECOVERY_SECONDS_MAX)
            turned_away = metric_of(http, "quipu_operations_busy_total")
            again = full_rate(server, "after")
            expect_equal(metric_of(http, "quipu_operations_busy_total"), turned_away, "what is turned away after the overload")
        context.recovered(time.monotonic() - began)
        context.note(f"{crashes.ledger.summary()}; {busy} busy by the metric; resident {base >> 20} MiB, at most {peak >> 20}; "
                     f"slowest read {slowest:.2f} s; a write answered {first:.2f} s after the load; "
                     f"{FULL_BATCHES * 8000} events at once took {unhurried:.2f} s before and {again:.2f} s after")
        expect(burst.busy > 0 and busy >= burst.busy, "nothing was busy, or not counted as such")
        burst.check(server)
        expect(crashes.ledger.events["acked"] > 0, "nothing was served")
        expect(peak - base < RESIDENT_GROWTH_MAX, f"resident memory grew from {base} to {peak}")
        crashes.look("after the overload")
        server.kill()
        crashes.crash()
        server.wrapper = []
        crashes.begin()
        burst.check(server)
        crashes.last_look()


def full_rate(server, name):
    """Sends nearly as much at once as may wait for the disk: all of it must be taken. Answers how many seconds that took."""
    began = time.monotonic()
    with server.http() as http:
        for number in range(FULL_BATCHES):
            body = events(8000, f"{name}-{number}-" + "p" * 60)
            http.send(request("POST", "/v1/events", body, (("Content-Type", "application/x-ndjson"),)))
        for number in range(FULL_BATCHES):
            expect_equal(http.reply().status, 202, f"batch {number} of what fits, {name} the overload")
    with server.resp() as resp:
        for number in range(FULL_BATCHES):
            expect_equal(resp.must("GET", f"{name}-{number}-" + "p" * 60 + "7999"), b"1", f"a counter of batch {number}")
    return time.monotonic() - began


class BusyProbe:
    """Sends batches as a client that looks at Retry-After; counts what it is told."""

    def __init__(self, http):
        self.http, self.busy, self.error, self.stopping = http, 0, None, False
        self.acked = [0] * PROBES
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            # Three times what the log holds while it waits; the same names again would join in the same frames.
            bodies = [events(8000, f"probe-{number}-" + "p" * 60) for number in range(PROBES)]
            data = b"".join(request("POST", "/v1/events", body, (("Content-Type", "application/x-ndjson"),)) for body in bodies)
            while not self.stopping:
                self.http.send(data)
                for number in range(PROBES):
                    answer = self.http.reply()
                    if answer.status == 202:
                        self.acked[number] += 1
                        continue
                    expect_equal((answer.status, answer.outcome()), (503, "busy"), f"in overload: {answer!r}")
                    expect(int(answer.headers.get("retry-after", "0")) >= 1 and answer.json()["retry_after_ms"] > 0, f"{answer!r}")
                    self.busy += 1
        except Exception as error:  # Told by finish.
            self.error = error

    def finish(self):
        self.stopping = True
        self.thread.join(60.0)
        if self.error:
            raise self.error
        expect(not self.thread.is_alive(), "the prober got no answer for 60 s")


    def check(self, server):
        """Each batch is in the totals as often as it was taken, and never where it was told busy."""
        with server.resp() as resp:
            for number, acked in enumerate(self.acked):
                for event in (0, 7999):
                    got = int(resp.must("GET", f"probe-{number}-" + "p" * 60 + str(event)) or 0)
                    expect_equal(got, acked, f"a counter of batch {number}")


def resident_of(server):
    """The server's memory; with strace -D it is the process that was started."""
    return resident_bytes(server.pid)


def disk_behind_long(context):
    """The same for as long as QUIPU_OVERLOAD_SECONDS says: `make overload`."""
    disk_behind(context, float(os.environ.get("QUIPU_OVERLOAD_SECONDS", "8")))


TESTS = [("overload", disk_behind_long)]
