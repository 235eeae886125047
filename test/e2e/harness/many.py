"""Very many counters over one connection: counted up, read back, every reply checked."""

import collections
import time

from .wire import Connection

INCR_AT_ONCE = 5_000
READ_AT_ONCE = 1_000
WALK_AT_ONCE = 900  # SCAN may bring a few more, and MGET takes a thousand.
IN_FLIGHT = 2
NAME_BYTES = 20
BUSY_WAIT_SECONDS = 0.02


class WrongTotal(AssertionError):
    """A reply that is not what was counted."""


def name(number):
    return b"counter:%012d" % number


def incr(number):
    return b"*2\r\n$4\r\nINCR\r\n$20\r\ncounter:%012d\r\n" % number


class Pipe:
    """One connection whose replies are taken as they come."""

    def __init__(self, port):
        self.connection = Connection(port, seconds=300.0)

    def close(self):
        self.connection.socket.close()

    def send(self, data):
        self.connection.send(data)

    def lines(self, count):
        """The next `count` lines."""
        connection = self.connection
        while connection.buffer.count(b"\r\n", connection.at) < count:
            connection.more()
        found = bytes(connection.buffer[connection.at:]).split(b"\r\n", count)
        rest = found.pop()
        connection.buffer = bytearray(rest)
        connection.at = 0
        return found


def count_up(port, numbers, totals, watch=lambda: None):
    """INCRs each of `numbers`, in their order; `totals` (a bytearray) is what each is to be. Answers how many were busy.

    Busy is not counted, and is sent again. Any other reply than the total is `WrongTotal`.
    """
    pipe = Pipe(port)
    numbers = iter(numbers)
    again = []
    flying = collections.deque()
    busy = 0
    while True:
        chunk = again[:INCR_AT_ONCE]
        again = again[INCR_AT_ONCE:]
        for number in numbers if len(chunk) < INCR_AT_ONCE else ():
            chunk.append(number)
            if len(chunk) == INCR_AT_ONCE:
                break
        if chunk:
            pipe.send(b"".join(map(incr, chunk)))
            flying.append(chunk)
        if not flying:
            break
        if len(flying) < IN_FLIGHT and chunk:
            continue
        chunk = flying.popleft()
        for number, reply in zip(chunk, pipe.lines(len(chunk))):
            if reply[:1] == b":":
                totals[number] += 1
                if int(reply[1:]) != totals[number]:
                    raise WrongTotal(f"INCR of {name(number)} answered {reply}, expected {totals[number]}")
            elif reply.startswith(b"-BUSY"):
                again.append(number)
                busy += 1
            else:
                raise WrongTotal(f"INCR of {name(number)} answered {reply}")
        if again:
            time.sleep(BUSY_WAIT_SECONDS)
        watch()
    pipe.close()
    return busy


def read_back(port, totals, order=None, watch=lambda: None):
    """Reads every counter with MGET, many in flight, and compares. `order`: the first numbers of the requests."""
    texts = [b"$-1\r\n"] + [b"$%d\r\n%d\r\n" % (len(str(i)), i) for i in range(1, 256)]
    pipe = Pipe(port)
    flying = collections.deque()

    def take():
        first = flying.popleft()
        last = min(first + READ_AT_ONCE, len(totals))
        wanted = b"*%d\r\n" % (last - first) + b"".join([texts[i] for i in totals[first:last]])
        got = pipe.lines(wanted.count(b"\r\n"))
        if wanted != b"\r\n".join(got) + b"\r\n":
            raise WrongTotal(f"MGET from {name(first)}: {mismatch(got, totals[first:last], first)}")
        watch()

    for first in order or range(0, len(totals), READ_AT_ONCE):
        last = min(first + READ_AT_ONCE, len(totals))
        keys = b"".join([b"$20\r\ncounter:%012d\r\n" % i for i in range(first, last)])
        pipe.send(b"*%d\r\n$4\r\nMGET\r\n" % (last - first + 1) + keys)
        flying.append(first)
        if len(flying) >= 4:
            take()
    while flying:
        take()
    pipe.close()


def read_walk(port, totals, watch=lambda: None):
    """Reads every counter as SCAN meets it, and compares: the order of the store, so each of its blocks is read once.

    SCAN must meet every counter, and none that is not there.
    """
    texts = [b"$-1\r\n"] + [b"$%d\r\n%d\r\n" % (len(str(i)), i) for i in range(1, 256)]
    pipe = Pipe(port)
    seen = bytearray(len(totals))
    mget, wanted, cursor = b"", b"", b"0"
    while cursor is not None or mget:
        scan = b"" if cursor is None else b"*4\r\n$4\r\nSCAN\r\n$%d\r\n%b\r\n$5\r\nCOUNT\r\n$3\r\n%d\r\n" % (
            len(cursor), cursor, WALK_AT_ONCE)
        pipe.send(mget + scan)
        if mget:
            got = pipe.lines(wanted.count(b"\r\n"))
            if wanted != b"\r\n".join(got) + b"\r\n":
                raise WrongTotal(f"MGET of {names[0]} and {len(names) - 1} more: {got[:5]}... instead of {wanted[:50]}...")
        mget = b""
        if cursor is None:
            break
        _, _, cursor, count = pipe.lines(4)
        cursor = None if cursor == b"0" else cursor
        if count != b"*0":
            names = pipe.lines(2 * int(count[1:]))[1::2]
            numbers = [int(name[8:]) for name in names]
            for number in numbers:
                seen[number] = 1
            mget = b"*%d\r\n$4\r\nMGET\r\n" % (len(names) + 1) + b"".join([b"$20\r\n%b\r\n" % name for name in names])
            wanted = b"*%d\r\n" % len(names) + b"".join([texts[totals[number]] for number in numbers])
        watch()
    pipe.close()
    if any(bool(total) != bool(met) for total, met in zip(totals, seen)):
        raise WrongTotal(f"SCAN met {seen.count(1)} of {len(totals) - totals.count(0)} counters")


def mismatch(got, wanted, first):
    """Words for the first value that differs."""
    values = [line for line in got[1:] if not line.startswith(b"$") or line == b"$-1"]
    for i, (value, total) in enumerate(zip(values, wanted)):
        if value != (b"%d" % total if total else b"$-1"):
            return f"{name(first + i)} is {value}, expected {total}"
    return f"the reply begins with {got[:3]}"


def metrics(server):
    """The service's own counts: name without labels -> value."""
    with server.http() as http:
        text = http.call("GET", "/metrics").body.decode()
    lines = [line.split(" ") for line in text.splitlines() if not line.startswith("#") and "{" not in line]
    return {name: float(value) for name, value in lines}
