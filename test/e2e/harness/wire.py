"""Connections that send many requests at once and read the answers in order: RESP and HTTP, standard library alone.

They are plain on purpose: an answer counts only when every byte of it has arrived, and whatever was not answered when
the connection breaks is reported as lost, request by request.
"""

import json
import socket
import urllib.parse


class Lost(Exception):
    """The connection broke: requests without an answer have an unknown fate."""


class RespError(Exception):
    """An error reply. `kind` is its first word."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text
        self.kind = text.split(" ", 1)[0]

    def __eq__(self, other):
        return isinstance(other, RespError) and other.text == self.text

    def __hash__(self):
        return hash(self.text)


class Connection:
    """A socket with a read buffer. Any failure of the socket is `Lost`."""

    def __init__(self, port, seconds=30.0):
        self.buffer = bytearray()
        self.at = 0
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Lost(f"connect: {error}") from error

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Lost(f"send: {error}") from error

    def more(self):
        try:
            chunk = self.socket.recv(1 << 18)
        except OSError as error:
            raise Lost(f"receive: {error}") from error
        if not chunk:
            raise Lost("the server closed the connection")
        if self.at > (1 << 20):
            del self.buffer[:self.at]
            self.at = 0
        self.buffer += chunk

    def line(self, end=b"\r\n"):
        """The next line, without its end."""
        while True:
            found = self.buffer.find(end, self.at)
            if found >= 0:
                text = bytes(self.buffer[self.at:found])
                self.at = found + len(end)
                return text
            self.more()

    def take(self, size):
        while len(self.buffer) - self.at < size:
            self.more()
        data = bytes(self.buffer[self.at:self.at + size])
        self.at += size
        return data

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def encode(*words):
    """One RESP command."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if isinstance(word, int):
            word = b"%d" % word
        elif isinstance(word, str):
            word = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Resp(Connection):
    """RESP2 and RESP3 replies as Python values; error replies are returned as RespError, not raised."""

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RespError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind in (b"$", b"="):
            size = int(rest)
            if size < 0:
                return None
            data = self.take(size + 2)
            if data[-2:] != b"\r\n":
                raise AssertionError(f"a bulk string of {size} bytes ends in {data[-2:]!r}")
            return data[:-2]
        if kind in (b"*", b"~", b">"):
            size = int(rest)
            return None if size < 0 else [self.reply() for _ in range(size)]
        if kind == b"%":
            return {self.hashable(self.reply()): self.reply() for _ in range(int(rest))}
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        if kind == b"(":
            return int(rest)
        raise AssertionError(f"not a RESP reply: {line!r}")

    @staticmethod
    def hashable(value):
        return tuple(value) if isinstance(value, list) else value

    def call(self, *words):
        self.send(encode(*words))
        return self.reply()

    def must(self, *words):
        """The reply, or an exception where it is an error."""
        reply = self.call(*words)
        if isinstance(reply, RespError):
            raise AssertionError(f"{words[:3]} answered {reply.text!r}")
        return reply


class Answer:
    """An HTTP response."""

    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def outcome(self):
        """"acked", "busy", "unknown" or "refused", as the wire says it."""
        if 200 <= self.status < 300:
            return "acked"
        try:
            return self.json().get("outcome", f"no outcome in {self.status}")
        except (ValueError, AttributeError):
            return f"no problem document with {self.status}"

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def quote(name):
    """A name as one path segment."""
    return urllib.parse.quote_from_bytes(name if isinstance(name, bytes) else name.encode(), safe="")


def request(method, target, body=b"", headers=()):
    """The bytes of one HTTP request. `headers` is a sequence of (name, value)."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Http(Connection):
    """HTTP/1.1 with keep-alive: any number of requests may be sent before the first answer is read."""

    def reply(self):
        while True:
            status_line = self.line()
            version, status, *_ = status_line.split(b" ", 2)
            if version != b"HTTP/1.1":
                raise AssertionError(f"not an HTTP answer: {status_line!r}")
            headers = {}
            while line := self.line():
                name, _, value = line.partition(b":")
                headers[name.decode().lower()] = value.strip().decode(errors="replace")
            if status == b"100":
                continue
            if headers.get("transfer-encoding", "").lower() == "chunked":
                return Answer(int(status), headers, self.chunks())
            return Answer(int(status), headers, self.take(int(headers.get("content-length", "0"))))

    def chunks(self):
        body = b""
        while size := int(self.line().split(b";")[0], 16):
            body += self.take(size)
            self.take(2)
        while self.line():
            pass
        return body

    def call(self, method, target, body=b"", headers=()):
        self.send(request(method, target, body, headers))
        return self.reply()

    def json(self, method, target, value=None, status=200):
        """The JSON answer to a JSON request; an exception where the status is another."""
        body = b"" if value is None else json.dumps(value).encode()
        answer = self.call(method, target, body, (("Content-Type", "application/json"),) if body else ())
        if answer.status != status:
            raise AssertionError(f"{method} {target} answered {answer!r}, expected {status}")
        return answer.json()
