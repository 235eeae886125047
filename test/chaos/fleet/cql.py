"""Just enough of Cassandra's native protocol (version 4) to read a table: the tests look at it without Quipu's own driver."""

import struct

from harness.wire import Connection

ERROR, READY, RESULT = 0x00, 0x02, 0x08
STARTUP, QUERY = 0x01, 0x07
ROWS = 2
PAGE_ROWS = 5000
QUORUM = 0x0004
HAS_PAGE_SIZE, HAS_PAGE_STATE = 0x04, 0x08
MORE_PAGES, NO_METADATA, GLOBAL_TABLE = 0x02, 0x04, 0x01


class Reader:
    """Takes values off a frame's body."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, code):
        size = struct.calcsize(code)
        value, = struct.unpack_from(">" + code, self.data, self.at)
        self.at += size
        return value

    def take(self, size):
        value = self.data[self.at:self.at + size]
        self.at += size
        return value

    def text(self):
        return self.take(self.number("H")).decode()

    def blob(self):
        size = self.number("i")
        return None if size < 0 else self.take(size)

    def skip_type(self):
        kind = self.number("H")
        if kind == 0x0000:
            self.text()
        elif kind in (0x0020, 0x0022):
            self.skip_type()
        elif kind == 0x0021:
            self.skip_type()
            self.skip_type()
        elif kind == 0x0030:
            self.text(), self.text()
            for _ in range(self.number("H")):
                self.text()
                self.skip_type()
        elif kind == 0x0031:
            for _ in range(self.number("H")):
                self.skip_type()


class Cql(Connection):
    """One connection. `rows` gives every row as a list of byte strings, null as None."""

    def __init__(self, port, seconds=30.0):
        super().__init__(port, seconds)
        self.ask(STARTUP, struct.pack(">HH11sH5s", 1, 11, b"CQL_VERSION", 5, b"3.0.0"), READY)

    def ask(self, kind, body, wanted):
        self.send(struct.pack(">BBhBi", 4, 0, 1, kind, len(body)) + body)
        _, _, _, answer, size = struct.unpack(">BBhBi", self.take(9))
        data = Reader(self.take(size))
        if answer == ERROR:
            raise AssertionError(f"Cassandra answered error {data.number('i'):#06x}: {data.text()}")
        if answer != wanted:
            raise AssertionError(f"Cassandra answered opcode {answer}")
        return data

    def rows(self, cql):
        state = None
        text = cql.encode()
        while True:
            body = struct.pack(">i", len(text)) + text
            flags = HAS_PAGE_SIZE | (HAS_PAGE_STATE if state else 0)
            body += struct.pack(">HBi", QUORUM, flags, PAGE_ROWS)
            if state:
                body += struct.pack(">i", len(state)) + state
            data = self.ask(QUERY, body, RESULT)
            if data.number("i") != ROWS:
                return
            flags, columns = data.number("i"), data.number("i")
            state = data.blob() if flags & MORE_PAGES else None
            if flags & GLOBAL_TABLE:
                data.text(), data.text()
            for _ in range(columns if not flags & NO_METADATA else 0):
                if not flags & GLOBAL_TABLE:
                    data.text(), data.text()
                data.text()
                data.skip_type()
            for _ in range(data.number("i")):
                yield [data.blob() for _ in range(columns)]
            if not state:
                return

    def run(self, cql):
        """A statement without an answer."""
        for _ in self.rows(cql):
            pass


def long(data):
    return struct.unpack(">q", data)[0]


def items(data):
    """The parts of a tuple."""
    reader = Reader(data)
    while reader.at < len(data):
        yield reader.blob()
