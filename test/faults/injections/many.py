"""Very many counters beside very many connections, and SIGKILL among them."""

import random
import resource
import socket
import time

from cases.connections import allow_descriptors
from harness.bounds import metric_of
from harness.context import eventually, expect
from harness.many import count_up, read_back
from harness.rounds import Crashes
from harness.wire import encode

COUNTERS = 10_000_000
AGAIN = 200_000
CONNECTIONS_MAX = 100_000
BESIDE = 2_000  # Descriptors of the server for its files and those who count, and of this program.
OF_ONE_ADDRESS = 25_000  # Between two addresses and one port of the server there are some 28,000 connections.
KILLS = 3


def connections():
    """How many of them a process may have here, which often has a bound that root alone may raise, or nobody."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = CONNECTIONS_MAX if hard == resource.RLIM_INFINITY else min(CONNECTIONS_MAX, hard - BESIDE)
    allow_descriptors(count + BESIDE)
    return count


def held(port, count):
    """So many connections, each of which was answered once and says nothing more."""
    found = []
    for number in range(count):
        one = socket.socket()
        one.bind((f"127.0.0.{2 + number // OF_ONE_ADDRESS}", 0))
        one.connect(("127.0.0.1", port))
        one.settimeout(30)
        one.sendall(encode("PING"))
        found.append(one)
    for one in found:
        expect(one.recv(64) == b"+PONG\r\n", "an answer before it is idle")
    return found


def kills_beside_many(context):
    """SIGKILL of a process that has ten million counters, and up to a hundred thousand connections beside those that count: each event
    of the ledger is judged at each start, each of the ten million totals in the end."""
    count = connections()
    chosen = random.Random(context.seed)
    totals = bytearray(COUNTERS)
    opened = []
    with context.server(settings={"limits.connections": count + BESIDE, "memory.table_bytes": "2GiB"}) as server:
        crashes = Crashes(server, context.seed, context.say)
        crashes.begin()
        began = time.monotonic()
        count_up(server.resp_port, range(COUNTERS), totals)
        context.say(f"{COUNTERS} counters after {time.monotonic() - began:.0f} s")
        for _ in range(KILLS):
            began = time.monotonic()
            idle = held(server.resp_port, count)
            opened.append(time.monotonic() - began)
            with server.http() as http:
                expect(metric_of(http, "quipu_resp_connections") >= count, "not all connections are there")
            crashes.kill_at_random(1.0, 2.0)
            expect(all(one.recv(64) == b"" for one in idle), "a connection outlived its server")
            for one in idle:
                one.close()
            crashes.begin()
            count_up(server.resp_port, (chosen.randrange(COUNTERS) for _ in range(AGAIN)), totals)
        crashes.last_look()
        crashes.begin()
        with server.http() as http:
            eventually(lambda: metric_of(http, "quipu_resp_connections") <= 1, 10, "no connection is left of those that were there before")
        read_back(server.resp_port, totals)
        server.stop()
    context.note(f"{KILLS} kills beside {COUNTERS} counters and {count} connections, which were made within {max(opened):.1f} s; "
                 f"each total read back; {crashes.summary()}")


TESTS = [("kills-beside-many", kills_beside_many)]
