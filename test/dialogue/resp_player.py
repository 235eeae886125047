"""Plays the blocks of a *.resp dialogue against a server."""

import re
import socket
import time

from harness.wire import Connection, Lost
from resp_format import FormatError, escape, fill, unescape

REPLY_SECONDS_MAX = 5.0
SILENCE_SECONDS = 0.05  # So long nothing may come where nothing is expected.
BYTE_PAUSE_SECONDS = 0.001  # Between bytes of @bytewise: enough to arrive as reads of their own.
SHOWN_CHARACTERS_MAX = 300
FIXED_NAMES = {"space": " "}


class Mismatch(Exception):
    """What came is not what is written. (line, expected, got)"""


def short(text):
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}... ({len(text)} characters)"


def around_difference(expected, got):
    """Both texts; where they are long, the stretch in which they part."""
    if max(len(expected), len(got)) <= SHOWN_CHARACTERS_MAX:
        return expected, got
    parting = next((at for at, (a, b) in enumerate(zip(expected, got)) if a != b), min(len(expected), len(got)))
    begin = max(parting - SHOWN_CHARACTERS_MAX // 4, 0)
    where = f"(at character {begin}) ..." if begin else ""
    return where + short(expected[begin:]), where + short(got[begin:])


class Elements(Connection):
    """A connection whose replies come element by element, each as a line of text."""

    def __init__(self, port, seconds):
        super().__init__(port, seconds)
        self.seconds = seconds
        self.left = 0  # Elements of the reply under way that have not come yet.

    def element(self):
        """The next element: `+OK`, `:1`, `"bulk"`, `="txt:verbatim"`, `$-1`, `*3`, `%2`, `_`, ..."""
        head = self.line().decode("latin-1")
        kind, rest = head[:1], head[1:]
        self.left = max(self.left - 1, 0)
        if kind in ("$", "=") and rest.isdigit():
            data = self.take(int(rest) + 2)
            if data[-2:] != b"\r\n":
                raise AssertionError(f"{head} is followed by {escape(data)}, which has another length")
            return ("" if kind == "$" else "=") + escape(data[:-2])
        if kind in ("*", "~", ">", "%") and rest.isdigit():
            self.left += int(rest) * (2 if kind == "%" else 1)
        return head

    def surplus(self, seconds):
        """Bytes that came though nothing was expected, within `seconds`; b"" where none did, None: it was closed."""
        rest = bytes(self.buffer[self.at:])
        self.at = len(self.buffer)
        self.socket.settimeout(seconds or 1e-6)
        try:
            while not rest and (chunk := self.socket.recv(1 << 16)):
                rest += chunk
            return rest or None
        except (socket.timeout, BlockingIOError):
            return rest
        except OSError:
            return rest or None
        finally:
            self.socket.settimeout(self.seconds)


class Player:
    """One dialogue against one server."""

    def __init__(self, port, seconds):
        self.port = port
        self.seconds = seconds
        self.connections = {}
        self.names = dict(FIXED_NAMES)
        self.mismatches = []
        self.exchanges = 0

    def connection(self, name):
        if name not in self.connections:
            self.connections[name] = Elements(self.port, self.seconds)
        return self.connections[name]

    def drop(self, name):
        self.connections.pop(name).close()

    def play(self, block):
        self.exchanges += 1
        connection = self.connection(block.connection)
        try:
            self.send(connection, block)
            self.expect(connection, block)
        except Mismatch as mismatch:
            self.mismatches.append(mismatch.args)
            self.drop(block.connection)  # What else it would say can not be told apart.
        except (Lost, AssertionError) as error:
            self.mismatches.append((block.line, "an exchange that ends", str(error)))
            self.drop(block.connection)

    def send(self, connection, block):
        data = block.payload(self.names)
        if not block.bytewise:
            connection.send(data)
            return
        for at in range(len(data)):
            connection.send(data[at:at + 1])
            time.sleep(BYTE_PAUSE_SECONDS)

    def expect(self, connection, block):
        wanted = list(block.wanted)
        while wanted:
            if wanted[0].kind == "?":
                run = wanted[:next((at for at, item in enumerate(wanted) if item.kind != "?"), len(wanted))]
                self.any_order(connection, run)
                del wanted[:len(run)]
                continue
            item = wanted.pop(0)
            if item.kind == "...":
                if not connection.left:
                    raise Mismatch(item.line, "a reply that goes on", "its end")
                while connection.left:
                    connection.element()
                continue
            got = self.next(connection, item)
            if not self.matches(item, got):
                expected = item.text if item.kind else fill(item.text, self.names, item.line)
                raise Mismatch(item.line, *around_difference(expected, got))
        self.expect_end(connection, block)

    def next(self, connection, item):
        try:
            return connection.element()
        except Lost as lost:
            raise Mismatch(item.line, short(item.text), str(lost)) from lost

    def any_order(self, connection, run):
        got = [self.next(connection, item) for item in run]
        left = list(got)
        for item in run:
            found = next((text for text in left if self.matches(item, text)), None)
            if found is None:
                raise Mismatch(item.line, f"{short(item.text)}, in any order", short(", ".join(got)))
            left.remove(found)

    def matches(self, item, got):
        """Whether an element is what is written; a regular expression names what it finds."""
        if item.kind == "~":
            try:
                match = re.fullmatch(fill(item.text, self.names, item.line), got, re.DOTALL)
            except re.error as error:
                raise FormatError(f"line {item.line}: {error}") from error
            if match:
                self.names.update({name: value for name, value in match.groupdict().items() if value is not None})
            return match is not None
        text = fill(item.text, self.names, item.line)
        mark = "=" if text.startswith('="') else ""
        body = text[len(mark):]
        if body.startswith('"') and body.endswith('"') and len(body) >= 2:
            return got == mark + escape(unescape(body[1:-1]))
        return got == text

    def expect_end(self, connection, block):
        line = block.line
        if connection.left:
            raise Mismatch(line, "the end of the reply", f"{connection.left} more elements")
        if block.end == "closed":
            rest = connection.surplus(self.seconds)
            if rest is not None:
                raise Mismatch(line, "the end of the connection", short(escape(rest)) if rest else "nothing")
            self.drop(block.connection)
            return
        rest = connection.surplus(SILENCE_SECONDS if block.end == "silent" else 0)
        if rest != b"":
            raise Mismatch(line, "nothing more", "the end of the connection" if rest is None else short(escape(rest)))

    def end(self):
        for name, connection in sorted(self.connections.items()):
            rest = connection.surplus(SILENCE_SECONDS)
            if rest != b"":
                what = "its end" if rest is None else short(escape(rest))
                self.mismatches.append(("end", f"an open connection {name} on which nothing more comes", what))
            connection.close()


def play_resp(blocks, name, port, seconds=REPLY_SECONDS_MAX):
    """Plays what is meant for this server; no reply may take more than `seconds`.

    Returns (number of exchanges, mismatches as (line, expected, got)).
    """
    player = Player(port, seconds)
    for block in blocks:
        if name in block.servers:
            player.play(block)
    player.end()
    return player.exchanges, player.mismatches
