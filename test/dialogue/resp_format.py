"""Reads a *.resp dialogue; README.md beside this has the format."""

import dataclasses
import re

from harness.wire import encode

PLACE = re.compile(r"\$\{([^}]*)\}")
REPEAT = re.compile(r"(.*)\*(\d+)", re.DOTALL)
ESCAPE = re.compile(r'\\(x[0-9a-fA-F]{2}|[nrtab"\'\\])')
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", '"': '"', "'": "'", "\\": "\\"}
NAMED = {value: name for name, value in ESCAPED.items() if name not in "'\""}
WORD = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|\'((?:\\\'|[^\'])*)\'|(\S+))(?=\s|$)', re.DOTALL)
ANSWER = re.compile(r"<(~|\?|\.\.\.)?(?:x(\d+))?(?:\s+(.*))?")
REQUEST = re.compile(r"(>>?)(?:x(\d+))? (.*)")
SERVERS = ("redis", "quipu")


class FormatError(Exception):
    """A dialogue that can not be read."""


@dataclasses.dataclass
class Wanted:
    """One expected element, or `...`. `kind` is "", "~", "?" or "..."."""

    line: int
    kind: str
    text: str


@dataclasses.dataclass
class Block:
    """What is sent with one write, and what must come back."""

    line: int
    servers: tuple = SERVERS
    connection: str = "main"
    bytewise: bool = False
    sent: list = dataclasses.field(default_factory=list)  # (line, raw?, text)
    wanted: list = dataclasses.field(default_factory=list)
    end: str = ""  # "closed", "silent" or nothing

    def payload(self, names):
        """The bytes to send, with the names filled in."""
        out = b""
        for line, raw, text in self.sent:
            words = split_words(fill(text, names, line), line)
            out += b"".join(words) if raw else encode(*words)
        return out


def fill(text, names, line):
    """Replaces ${name} by what was named, and ${text*N} by N times the text."""
    def value(match):
        repeat = REPEAT.fullmatch(match[1])
        if repeat:
            return repeat[1] * int(repeat[2])
        if match[1] not in names:
            raise FormatError(f"line {line}: nothing is named {match[1]!r} so far")
        return names[match[1]]
    return PLACE.sub(value, text)


def unescape(text):
    """The bytes that a text in double quotes stands for: one character a byte where it is escaped, else UTF-8."""
    out = bytearray()
    at = 0
    for match in ESCAPE.finditer(text):
        out += text[at:match.start()].encode()
        code = match[1]
        out += bytes([int(code[1:], 16)]) if code[0] == "x" else ESCAPED[code].encode()
        at = match.end()
    return bytes(out + text[at:].encode())


def escape(data):
    """Bytes as a text in double quotes; `unescape` undoes it. The same as redis-cli shows them."""
    out = []
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char in NAMED:
            out.append("\\" + NAMED[char])
        else:
            out.append(char if 32 <= byte < 127 else f"\\x{byte:02x}")
    return '"' + "".join(out) + '"'


def split_words(text, line):
    """Words as redis-cli splits them: bare, 'literal', or "with \\r\\n and \\x00"."""
    words = []
    text = text.strip(" ")
    at = 0
    while at < len(text):
        match = WORD.match(text, at)
        if not match:
            raise FormatError(f"line {line}: quotes do not match in {text!r}")
        if match[1] is not None:
            words.append(unescape(match[1]))
        elif match[2] is not None:
            words.append(match[2].replace("\\'", "'").encode())
        else:
            words.append(match[3].encode())
        at = match.end()
    return words


class Reader:
    """Line by line into blocks."""

    def __init__(self):
        self.blocks = []
        self.open = None
        self.connection = "main"

    def block(self, number):
        if self.open is None:
            self.open = Block(number, connection=self.connection)
        return self.open

    def end(self):
        block, self.open = self.open, None
        if block is None:
            return
        if not block.sent:
            raise FormatError(f"line {block.line}: an exchange that sends nothing")
        if not block.wanted and not block.end:
            raise FormatError(f"line {block.line}: an exchange that expects nothing; `= silent` says so")
        self.blocks.append(block)

    def line(self, number, line):
        if not line.strip():
            self.end()
        elif line[0] == "#":
            return
        elif line[0] == "@":
            self.directive(number, line[1:].split())
        elif line[0] == ">":
            block = self.block(number)
            if block.wanted:
                raise FormatError(f"line {number}: a request behind answers; an empty line begins the next exchange")
            match = REQUEST.fullmatch(line)
            if not match:
                raise FormatError(f"line {number}: not understood: {line!r}")
            block.sent += [(number, match[1] == ">>", match[3])] * int(match[2] or 1)
        elif line[0] == "<":
            self.answer(number, line)
        elif line.split() in (["=", "closed"], ["=", "silent"]):
            self.block(number).end = line.split()[1]
        else:
            raise FormatError(f"line {number}: not understood: {line!r}")

    def directive(self, number, words):
        if words and words[0] == "connection" and len(words) == 2:
            self.end()
            self.connection = words[1]
        elif words == ["bytewise"]:
            self.block(number).bytewise = True
        elif words in (["redis-only"], ["quipu-only"]):
            self.block(number).servers = (words[0].split("-")[0],)
        else:
            raise FormatError(f"line {number}: no such directive: @{' '.join(words)}")

    def answer(self, number, line):
        match = ANSWER.fullmatch(line)
        if not match or self.open is None or not self.open.sent:
            raise FormatError(f"line {number}: not understood here: {line!r}")
        kind = match[1] or ""
        count = int(match[2] or 1)
        wanted = Wanted(number, kind, (match[3] or "").lstrip(" "))
        self.open.wanted += [wanted] * count


def read_resp(path):
    """The blocks of a dialogue."""
    reader = Reader()
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        reader.line(number, line)
    reader.end()
    return reader.blocks
