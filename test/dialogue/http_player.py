"""Reads and plays *.http dialogues: the same as test/http/dialogue.h does without sockets; it has the format."""

import dataclasses
import re
import socket

from harness.wire import Connection, Lost

ANSWER_SECONDS_MAX = 10.0
SURPLUS_SECONDS = 0.005  # So long nothing may come behind an answer.
PLACE = re.compile(r"<(?:([a-z]+):)?(number|text|any|time|position)>")
MEANINGS = {
    "number": r"-?[0-9]+",
    "text": r'[^"]*(?:"[^"]*")?',
    "any": r"[\s\S]*",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "position": r"[0-9]+:[0-9]+:[0-9]+(?:,[0-9]+:[0-9]+:[0-9]+)*",
}
BODILESS = (204, 304)


@dataclasses.dataclass
class Exchange:
    """One request, and what must be answered."""

    line: int
    request: list = dataclasses.field(default_factory=list)
    answer: list = dataclasses.field(default_factory=list)
    closed: bool = False


def read_http(path):
    exchanges = []
    is_open = False
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line:
            is_open = False
        if not line or line[0] == "#":
            continue
        if not is_open:
            exchanges.append(Exchange(number))
        is_open = True
        if line[0] == ">":
            exchanges[-1].request.append(line[2:])
        elif line[0] == "<":
            exchanges[-1].answer.append(line[2:])
        elif line == "= closed":
            exchanges[-1].closed = True
    return exchanges


class Names:
    """What was named so far, and texts with it put in."""

    def __init__(self):
        self.values = {}

    def filled(self, text):
        for name, value in self.values.items():
            text = text.replace(f"<{name}>", value)
        return text

    def matches(self, pattern, text):
        """Whether `text` is what `pattern` allows; keeps what it names."""
        full = self.filled(pattern)
        expression, names, at = "", [], 0
        for place in PLACE.finditer(full):
            expression += re.escape(full[at:place.start()]) + f"({MEANINGS[place[2]]})"
            names.append(place[1])
            at = place.end()
        match = re.fullmatch(expression + re.escape(full[at:]), text)
        if match:
            self.values.update({name: value for name, value in zip(names, match.groups()) if name})
        return match is not None


def request_bytes(exchange, names):
    lines = exchange.request
    empty = lines.index("") if "" in lines else len(lines)
    chunked = any(line.startswith("Transfer-Encoding") for line in lines)
    body = lines[empty + 1:]
    text = "".join(line + "\r\n" for line in body) if chunked else "\n".join(body)
    head = ""
    for line in lines[:empty]:
        head += (f"Content-Length: {len(text.encode())}" if line == "Content-Length: *" else names.filled(line)) + "\r\n"
    return (head + ("" if empty == len(lines) else "\r\n") + text).encode()


class HttpConnection(Connection):
    """Reads one answer at a time."""

    def __init__(self, port, seconds):
        super().__init__(port, seconds)
        self.seconds = seconds

    def answer(self, head):
        """(status line, fields, body); `head` says that the request was HEAD."""
        status = self.line().decode()
        fields = {}
        while line := self.line():
            name, _, value = line.decode().partition(": ")
            fields[name] = value
        code = int(status.split(" ")[1])
        size = 0 if head or code in BODILESS else int(fields.get("Content-Length", "0"))
        return status, fields, self.take(size).decode()

    def rest(self, seconds):
        """What comes behind the answer: b"" where nothing does, None at the end of the connection."""
        if self.at < len(self.buffer):
            return bytes(self.buffer[self.at:])
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1 << 16) or None
        except (socket.timeout, BlockingIOError):
            return b""
        except OSError:
            return None
        finally:
            self.socket.settimeout(self.seconds)


def differences(exchange, names, status, fields, body):
    """(expected, got) of everything that is not as written."""
    wanted = exchange.answer
    if status != wanted[0]:
        yield wanted[0], f"{status} {body}"
        return
    empty = wanted.index("") if "" in wanted else len(wanted)
    for line in wanted[1:empty]:
        name, _, value = line.partition(": ")
        if not names.matches(value, fields.get(name, "")):
            yield line, f"{name}: {fields[name]}" if name in fields else f"no {name}"
    if empty + 1 < len(wanted) and not names.matches("".join(wanted[empty + 1:]), body):
        yield "".join(wanted[empty + 1:]), body


def play_http(exchanges, port, seconds=ANSWER_SECONDS_MAX):
    """Plays a dialogue; no answer may take more than `seconds`.

    Returns (number of exchanges, mismatches as (line, expected, got)).
    """
    names = Names()
    mismatches = []
    connection = None
    for exchange in exchanges:
        connection = connection or HttpConnection(port, seconds)
        try:
            connection.send(request_bytes(exchange, names))
            answer = connection.answer(exchange.request[0].startswith("HEAD "))
            mismatches += [(exchange.line, *found) for found in differences(exchange, names, *answer)]
            rest = connection.rest(seconds if exchange.closed else SURPLUS_SECONDS)
            if rest != (None if exchange.closed else b""):
                expected = "the end of the connection" if exchange.closed else "an open connection and nothing more"
                mismatches.append((exchange.line, expected, "its end" if rest is None else repr(rest[:300])))
            lost = rest != b""
        except (Lost, ValueError, IndexError) as error:
            mismatches.append((exchange.line, exchange.answer[0], str(error)))
            lost = True
        if lost:
            connection.close()
            connection = None
    if connection:
        connection.close()
    return len(exchanges), mismatches
