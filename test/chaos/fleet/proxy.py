"""A TCP proxy that does to connections what networks do: for links of one process alone, and for delays, which this kernel can
not be told to make.

    with FaultProxy(port_of_the_server) as proxy:     clients connect to proxy.port
        proxy.slow(0.05, 0.02)                        each piece arrives 50 to 70 ms later, in order
        proxy.hold(TO_CLIENT)                         half-open: answers stay here, requests go on
        proxy.go_on()
        proxy.cut_after(10_000, TO_SERVER)            each connection is reset once so many more bytes went that way
        proxy.cut_behind(b"...", TO_SERVER)           each connection is reset when the next such bytes have arrived and were
                                                      answered; neither the answer nor anything behind them gets through
        proxy.refuse()                                every connection is reset, also new ones, until go_on()
        proxy.turn_to(port)                           every connection is reset; new ones reach another server
        proxy.duplicate()                             each new connection's requests also reach the server over a second one, as
                                                      when a balancer tries again: in their order, before or behind the first

Bounds: 1,000 connections at a time (others are reset), 64 KiB a piece, and what a delay holds back: 100 pieces a direction of a
connection, beyond which nothing more is read.
"""

import collections
import random
import select
import socket
import struct
import threading
import time

TO_SERVER, TO_CLIENT = "to_server", "to_client"
BOTH = (TO_SERVER, TO_CLIENT)
PIECE_BYTES = 65536
PIECES_MAX = 100
CONNECTIONS_MAX = 1000
TURN_SECONDS = 0.02
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 1.0  # How long the answer to a mark is waited for, ...
ANSWERED_SECONDS = 0.05  # ... and its end.
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: closing resets.


def reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    except OSError:
        pass
    connection.close()


class FaultProxy:
    """Listens while the `with` block lasts. What is set holds for connections that are there and for new ones. Any thread."""

    def __init__(self, server_port, port=0, seed=0):
        self.server = ("127.0.0.1", server_port)
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.delay = {way: (0.0, 0.0) for way in BOTH}   # At least, and at most so much more.
        self.held = dict.fromkeys(BOTH, False)
        self.refusing = False
        self.duplicating = False
        self.ending = False
        self.links = set()
        self.connections = 0   # Ever.
        self.cuts = 0          # Connections that were reset here.
        self.bytes = dict.fromkeys(BOTH, 0)
        self.answers_lost = 0  # To the marks of `cut_behind`.
        self.copied = 0        # Bytes that reached the server a second time.
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.listener.settimeout(TURN_SECONDS)
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()
        self.listener.close()
        self.cut()
        for link in list(self.links):
            link.join()

    def slow(self, seconds, jitter=0.0, ways=BOTH):
        for way in ways:
            self.delay[way] = (seconds, jitter)

    def hold(self, *ways):
        """Half-open: connections live and take what they are sent, as far as buffers go; nothing arrives. All ways by default."""
        for way in ways or BOTH:
            self.held[way] = True

    def refuse(self):
        self.refusing = True
        self.cut()

    def duplicate(self):
        """What each connection made from now on sends reaches the server twice. Answers to the copies are dropped."""
        self.duplicating = True

    def turn_to(self, server_port):
        """The address goes over to another server: every connection is reset, and new ones lead there."""
        self.server = ("127.0.0.1", server_port)
        self.cut()

    def go_on(self):
        """No fault any more. What was held arrives; connections whose requests are sent twice stay so to their end."""
        self.refusing = self.duplicating = False
        for way in BOTH:
            self.held[way] = False
            self.delay[way] = (0.0, 0.0)
        for link in self.all():
            link.left.clear()
            link.marks.clear()

    def cut(self):
        """Resets every connection, both sides of it."""
        for link in self.all():
            link.cut()

    def cut_after(self, count, way):
        """Each connection that is there now is reset when it has carried `count` more bytes this way; none beyond them arrives."""
        for link in self.all():
            link.left[way] = count

    def cut_behind(self, mark, way):
        """Each connection that is there now is reset once `mark` went this way and the other side has answered; the answer, and
        what stands behind the mark, is lost."""
        for link in self.all():
            link.marks[way] = mark

    def all(self):
        with self.lock:
            return list(self.links)

    def accept(self):
        while not self.ending:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            if self.refusing or len(self.links) >= CONNECTIONS_MAX:
                self.count_cut()
                reset(client)
                continue
            link = Link(self, client, self.duplicating)
            with self.lock:
                self.links.add(link)
                self.connections += 1
            link.start()

    def count_cut(self):
        with self.lock:
            self.cuts += 1

    def count_lost_answer(self):
        with self.lock:
            self.answers_lost += 1

    def ended(self, link):
        with self.lock:
            self.links.discard(link)

    def due(self, way):
        """When what arrives now may go on."""
        least, more = self.delay[way]
        return time.monotonic() + least + (self.random.random() * more if more else 0.0)


class Lane:
    """One direction of a connection: what was read and not passed on, each piece with the time from which it may go."""

    def __init__(self, source, target):
        self.source = source
        self.target = target
        self.pieces = collections.deque()
        self.beside = None    # The lane that gets the same pieces.
        self.ended = False    # The source sends nothing more.
        self.closed = False   # The target was told so.

    def reads(self):
        return not self.ended and self.has_room() and (not self.beside or self.beside.has_room())

    def has_room(self):
        return len(self.pieces) < PIECES_MAX

    def ready(self, now):
        return bool(self.pieces) and self.pieces[0][0] <= now


class Copy(Lane):
    """What a client sends, once more, over a second connection to the server."""

    def __init__(self, target):
        super().__init__(None, target)
        self.answered = False  # The server sends nothing more.

    def reads(self):
        return not self.answered

    def drop_answers(self):
        self.answered = not self.target.recv(PIECE_BYTES)


class Link(threading.Thread):
    """A client's connection and the one to the server, or two."""

    def __init__(self, proxy, client, twice):
        super().__init__(daemon=True)
        self.proxy = proxy
        self.client = client
        self.twice = twice
        self.copy = None
        self.left = {}   # By direction: how many bytes go on before the cut.
        self.marks = {}  # By direction: behind which bytes.
        self.cutting = False

    def cut(self):
        self.cutting = True

    def run(self):
        ends = [self.client]
        try:
            for _ in range(2 if self.twice else 1):
                ends.append(socket.create_connection(self.proxy.server, timeout=CONNECT_SECONDS))
            for one in ends:
                one.setblocking(False)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lanes = {TO_SERVER: Lane(self.client, ends[1]), TO_CLIENT: Lane(ends[1], self.client)}
            if self.twice:
                self.copy = Copy(ends[2])
                lanes[TO_SERVER].beside = self.copy
            while not (all(lane.closed for lane in lanes.values()) and (not self.copy or self.copy.answered)):
                if self.cutting:
                    raise ConnectionResetError
                self.turn(lanes)
        except OSError:
            if self.cutting:
                self.proxy.count_cut()
            for one in ends:
                reset(one)
        finally:
            for one in ends:
                one.close()
            self.proxy.ended(self)

    def turn(self, lanes):
        now = time.monotonic()
        due = {way: lane for way, lane in lanes.items() if not self.proxy.held[way]}
        copy = self.copy if TO_SERVER in due else None
        moving = [*due.values(), *([copy] if copy else [])]
        reading = [lane.source for lane in lanes.values() if lane.reads()]
        reading += [copy.target] if copy and copy.reads() else []
        writing = [lane.target for lane in moving if lane.ready(now)]
        waits = [lane.pieces[0][0] - now for lane in moving if lane.pieces]
        wait = max(0.0, min([TURN_SECONDS, *waits]))
        if not reading and not writing:
            time.sleep(wait or 0.001)
        readable, writable, _ = select.select(reading, writing, [], wait) if reading or writing else ((), (), ())
        for way, lane in lanes.items():
            if lane.source in readable:
                self.read(way, lane)
            if way in due and lane.target in writable and lane.ready(now):
                self.write(way, lane)
        if copy and copy.target in readable:
            copy.drop_answers()
        if copy and copy.target in writable and copy.ready(now):
            self.write_copy(copy)
        for lane in moving:
            if lane.ended and not lane.pieces and not lane.closed:
                lane.closed = True
                lane.target.shutdown(socket.SHUT_WR)

    def read(self, way, lane):
        data = lane.source.recv(PIECE_BYTES)
        for each in (lane, lane.beside) if lane.beside else (lane,):
            if not data:
                each.ended = True
                continue
            # In order, whatever the jitter.
            last = each.pieces[-1][0] if each.pieces else 0.0
            each.pieces.append((max(last, self.proxy.due(way)), data))

    def write_copy(self, copy):
        at, data = copy.pieces.popleft()
        sent = copy.target.send(data)
        self.proxy.copied += sent
        if sent < len(data):
            copy.pieces.appendleft((at, data[sent:]))

    def write(self, way, lane):
        at, data = lane.pieces.popleft()
        if (mark := self.marks.get(way)) and mark in data:
            self.end_behind(mark, data, lane.target)
        left = self.left.get(way)
        sent = lane.target.send(data if left is None else data[:left]) if left != 0 else 0
        self.proxy.bytes[way] += sent
        if left is not None:
            self.left[way] = left - sent
            if sent == left:
                self.cutting = True
                raise ConnectionResetError
        if sent < len(data):
            lane.pieces.appendleft((at, data[sent:]))

    def end_behind(self, mark, data, target):
        """The rest of the way of `cut_behind`, in which nothing else passes on this connection."""
        target.setblocking(True)
        target.settimeout(ANSWER_SECONDS)
        target.sendall(data[:data.index(mark) + len(mark)])
        if select.select([target], [], [], ANSWER_SECONDS)[0] and target.recv(1, socket.MSG_PEEK):
            time.sleep(ANSWERED_SECONDS)  # What came first may be the answer to what stood before the mark.
            self.proxy.count_lost_answer()
        self.cutting = True
        raise ConnectionResetError
