"""Clients that leave at every moment, links that break, calls that do half, and settings that change meanwhile."""

import json
import os
import pathlib
import random
import signal
import socket
import struct
import sys
import threading
import time

from bench.preload import Preload
from cases.kill import BUSY_DISK
from harness.bounds import metric_of, seconds_until
from harness.context import expect, expect_equal
from harness.ledger import Ledger
from harness.load import Load
from harness.rounds import Crashes
from harness.verify import verify
from harness.wire import Lost, encode, quote, request

LEAVING = 1500
JSON = (("Content-Type", "application/json"),)
EACH_CALL = 5
WINDOW = 2000
LINK_ROUNDS = 10
WITH_IDS = ("once", "batches_once", "source")
COPY_SECONDS_MAX = 20.0


def sockets(pid):
    """How many descriptors of a process are sockets."""
    return sum(os.readlink(file).startswith("socket:") for file in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def reset(one):
    """Closes so that the other side is told of a reset."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def leave(context):
    """1,500 clients that leave behind the body, in its middle, half-closed, or with a pipeline whose replies they do not read;
    those with an id come again. Each event is there at most once, those that were acknowledged are; no descriptor stays."""
    chosen = random.Random(context.seed)
    ways = {"behind the request": 0, "in its middle": 0, "half-closed": 0, "reset at once": 0}
    with context.server(settings=BUSY_DISK) as server:
        server.start()
        ledger = Ledger(context.seed, context.say)
        with server.http() as http:
            http.call("GET", "/livez")
        before = sockets(server.pid)
        again = []
        for number in range(LEAVING):
            event = ledger.begin("text", resend=f"leaving-{number}" if number % 2 else None)
            wire = request("POST", f"/v1/counters/default/{name_of(event)}", json.dumps(
                {"delta": event.delta} | ({"id": event.id} if event.resend else {})).encode(), JSON)
            if number % 3 == 0:
                words = ["Q.INCRBY", event.counter.key, event.delta, "ID", event.id] if event.resend else \
                    ["INCRBY", event.counter.key, event.delta]
                wire = encode(*words)
            one = socket.create_connection(("127.0.0.1", server.resp_port if number % 3 == 0 else server.http_port), timeout=20)
            way = chosen.choice(list(ways))
            ways[way] += 1
            if way == "in its middle":
                one.sendall(wire[:chosen.randrange(1, len(wire))])
                reset(one)
            elif way == "half-closed":
                one.sendall(wire)
                one.shutdown(socket.SHUT_WR)
                answer = rest(one)
                expect(answer[:1] in b":*+" or answer.startswith(b"HTTP/1.1 202"), f"half-closed, it was answered {answer[:200]!r}")
                ledger.acked(event)
                one.close()
                continue
            else:
                one.sendall(wire + (encode("PING") * 50 if number % 3 == 0 else b""))
                if way == "reset at once":
                    reset(one)
                else:
                    one.close()
            ledger.unknown([event])
            if event.resend:
                again.append(event)
        with server.resp() as resp:
            for event in again:
                floor = ledger.floor(event.counter)
                total, _ = resp.must("Q.INCRBY", event.counter.key, event.delta, "ID", event.id)
                ledger.acked(event)
                ledger.observe(event.counter, total, floor | event.weight, "Q.INCRBY")
        with server.http() as http:
            taken = seconds_until(lambda: metric_of(http, "quipu_http_connections") == 1 and metric_of(http, "quipu_resp_connections") == 0,
                                  "the end of all connections")
            context.recovered(taken)
        left = sockets(server.pid) - before
        expect(left <= 1, f"{left} sockets stayed")
        verify(server, ledger, "after they left")
        server.kill()
        server.start()
        verify(server, ledger, "after a kill")
        expect(not ledger.violations, str(ledger.violations[:3]))
        server.stop()
    counted = sum(counter.last.bit_count() for counter in ledger.counters)
    context.note(f"{LEAVING} clients left: " + ", ".join(f"{count} {way}" for way, count in ways.items())
                 + f"; {counted} events counted, {len(again)} sent again")


def name_of(event):
    return quote(event.counter.name)


def rest(one):
    data = b""
    while chunk := one.recv(1 << 16):
        data += chunk
    return data


def short_calls(context):
    """Every fifth read and write, of files and sockets, does half of what it was asked, or is interrupted before it began."""
    with context.server(settings=BUSY_DISK) as server:
        calls = Preload(context, "calls")
        calls[0] = EACH_CALL
        server.wrapper = calls.wrapper
        crashes = Crashes(server, context.seed, context.say)
        for _ in range(6):
            crashes.begin()
            crashes.kill_at_random(0.2, 0.5)
        crashes.begin()
        crashes.last_look()
    expect(calls[1] > 100 and calls[2] > 100, f"only {calls[1]} calls were cut short, {calls[2]} interrupted")
    context.note(f"{calls[1]} calls did half, {calls[2]} were interrupted, of {calls[3]}; {crashes.summary()}")


class Through:
    """A server as it looks through two proxies, one for each protocol."""

    def __init__(self, server, http, resp):
        self.server = server
        self.http_port, self.resp_port = http.port, resp.port


def links(context):
    """Between clients and the server: slow, half-open, reset in the middle of an answer, away; each while it is killed now and
    then. Events with ids come again. Then requests with ids that reach the server twice."""
    proxy = fault_proxy()
    chosen = random.Random(context.seed)
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 1, context.say)
        crashes.ledger.tallies.clear()  # Those of the load that this one replaces.
        crashes.load = Load(crashes.ledger, context.seed + 1, ("plain", "once", "once", "single", "batches", "batches_once", "source",
                                                                     "views"))
        cuts = carried = 0
        for number in range(LINK_ROUNDS):
            crashes.begin()
            with proxy.FaultProxy(server.http_port, seed=number) as http, proxy.FaultProxy(server.resp_port, seed=number) as resp:
                crashes.load.start(Through(server, http, resp))
                time.sleep(0.3)
                for each in (http, resp):
                    trouble(proxy, each, number, chosen)
                time.sleep(0.6)
                crashes.must_live()
                for each in (http, resp):
                    each.go_on()
                crashes.load.stopping = True
                time.sleep(0.2)
                for each in (http, resp):
                    each.refuse()  # What still waits is lost, whatever became of it.
                server.kill()
                crashes.crash()
                cuts += http.cuts + resp.cuts
                carried += sum(http.bytes.values()) + sum(resp.bytes.values())
        told_twice = [copied(crashes, proxy, LINK_ROUNDS + number) for number in range(2)]
        crashes.begin()
        crashes.last_look()
    expect(cuts > 20, f"only {cuts} connections were cut")
    context.note(f"{cuts} connections cut, {carried >> 20} MiB carried; {sum(counted for counted, _ in told_twice)} events of requests "
                 f"that reached the server twice were counted once, {sum(known for _, known in told_twice)} times it knew them already; "
                 f"{crashes.summary()}")


def copied(crashes, proxy, seed):
    """A round in which every request reaches the server twice, all with ids or sequences. Returns how many events were counted, and
    how many times the server knew one already: as often, at least. Then it is killed while copies are under way."""
    server, ledger, load = crashes.server, crashes.ledger, crashes.load
    crashes.begin()
    load.send_again(server)
    load.sent_twice = True
    with server.http() as metrics, proxy.FaultProxy(server.http_port, seed=seed) as http, \
            proxy.FaultProxy(server.resp_port, seed=seed) as resp:
        for each in (http, resp):
            each.duplicate()
            each.slow(0.0, 0.01)  # Either of the two may be the first.

        def new_and_known():
            return metric_of(metrics, "quipu_events_accepted_total"), metric_of(metrics, "quipu_events_duplicate_total")

        new_before, known_before = new_and_known()
        sent_before = sum(counter.count for counter in ledger.counters)
        load.start(Through(server, http, resp), only=WITH_IDS)
        time.sleep(0.6)
        load.finish()
        sent = sum(counter.count for counter in ledger.counters) - sent_before
        expect(sent > 100, f"only {sent} events were sent")
        seconds_until(lambda: new_and_known()[1] - known_before >= sent, f"the copies of {sent} events reach the server", COPY_SECONDS_MAX)
        new, known = new_and_known()
        expect_equal(new - new_before, sent, "events counted, of requests that reached the server twice")
        expect(min(http.copied, resp.copied) > 0, "one of the protocols' requests were not sent twice")
        load.start(Through(server, http, resp), only=WITH_IDS)
        time.sleep(0.2)
        for each in (http, resp):
            each.refuse()
        server.kill()
        crashes.crash()
    load.sent_twice = False
    return sent, known - known_before


def trouble(proxy, one, number, chosen):
    if number % 4 == 0:
        one.slow(0.03, 0.03)
    elif number % 4 == 1:
        one.hold(proxy.TO_CLIENT if chosen.random() < 0.5 else proxy.TO_SERVER)
    elif number % 4 == 2:
        one.cut_after(chosen.randrange(1, 2000), chosen.choice((proxy.TO_CLIENT, proxy.TO_SERVER)))
    else:
        one.refuse()


def fault_proxy():
    """That of the distributed form's scenarios."""
    chaos = str(pathlib.Path(__file__).resolve().parent.parent.parent / "chaos")
    if chaos not in sys.path:
        sys.path.append(chaos)
    from fleet import proxy
    return proxy


def window_edge(context):
    """An id counts once as long as fewer others than the window came since, by the log and by no clock; the next one may count
    again. Over kills, from a base and from the log."""
    settings = BUSY_DISK | {"idempotency.window": str(WINDOW), "log.partitions": "1"}
    with context.server(settings=settings) as server:
        server.start()
        ledger = Ledger(context.seed, context.say)
        sent = []

        def send(count):
            with server.resp() as resp:
                events = [ledger.begin("text", resend=f"edge-{len(sent) + number}") for number in range(count)]
                resp.send(b"".join(encode("Q.INCRBY", event.counter.key, event.delta, "ID", event.id) for event in events))
                for event in events:
                    expect_equal(resp.reply()[1], 1, f"whether {event.id} is new")
                    ledger.acked(event)
                sent.extend(events)

        def again(event):
            with server.resp() as resp:
                return resp.must("Q.INCRBY", event.counter.key, event.delta, "ID", event.id)[1]

        send(3 * WINDOW)
        for kill in (False, True, True):
            if kill:
                server.kill()
                server.start()
            oldest = sent[-WINDOW]
            expect_equal(again(oldest), 0, f"the oldest of the last {WINDOW} ids, sent again{' after a kill' if kill else ''}")
            sent.append(sent.pop(-WINDOW))  # That renewed it.
            verify(server, ledger, "within the window")
            expect(not ledger.violations, str(ledger.violations[:3]))
            send(WINDOW // 3)
        forgotten = sent[-WINDOW - 1]
        expect_equal(again(forgotten), 1, "one id beyond the window, sent again: counted once more, as the page says")
        with server.resp() as resp:
            value = int(resp.must("GET", forgotten.counter.key))
        digit = value * forgotten.counter.sign // forgotten.weight & 3
        expect_equal(digit, 2, "how often the forgotten event is counted")
        server.stop()
    context.note(f"{len(sent)} ids past a window of {WINDOW}: the last {WINDOW} are known, over two kills; the one before counts again")


def settings_change(context):
    """Under load: policies of a namespace change, a SIGHUP comes (which ends the process like any other: it reads its
    configuration at a start alone), and the next start has other settings."""
    others = ({"flush.interval": "1s", "base.interval": "2s"}, {"log.commit_wait_us": "0"}, {"memory.table_bytes": "16MiB"}, {})
    changed = 0
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed, context.say)
        for number in range(8):
            crashes.settings = [others[number % len(others)]]
            crashes.begin()
            crashes.load.start(server)
            stopping = threading.Event()
            changes = [0]
            changer = threading.Thread(target=change_policies, args=(server, stopping, changes), daemon=True)
            changer.start()
            time.sleep(0.5)
            crashes.must_live()
            if number % 2:
                server.process.send_signal(signal.SIGHUP)
                code = server.process.wait(30)
                expect(code in (-signal.SIGHUP, 0), f"SIGHUP ended the server with exit code {code}")
            else:
                server.kill()
            stopping.set()
            changer.join(30)
            changed += changes[0]
            crashes.crash()
        crashes.settings = [{}]
        crashes.begin()
        crashes.last_look()
    expect(changed > 20, f"only {changed} policies were changed")
    context.note(f"{changed} changes of a policy, 4 times SIGHUP, 4 other sets of settings; {crashes.summary()}")


def change_policies(server, stopping, changes):
    """Another policy of the namespace of the views, again and again."""
    try:
        with server.http() as http:
            while not stopping.is_set():
                body = json.dumps({"memory_allowed": changes[0] % 2 == 0}).encode()
                if http.call("PUT", "/v1/namespaces/other", body, JSON).status in (200, 201, 204):
                    changes[0] += 1
                stopping.wait(0.01)
    except Lost:
        pass


TESTS = [("clients-leave", leave), ("short-calls", short_calls), ("client-links", links), ("id-window-edge", window_edge),
         ("settings-change", settings_change)]
