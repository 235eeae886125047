#!/usr/bin/env python3
"""A test instrument, not a product: the smallest server that keeps the promises, and can be told to break one of them.

    reference_server.py [--bug NAME] serve --data DIR --http HOST:PORT --resp HOST:PORT [--set key=value ...]

`test/e2e/run.py --self-test` runs the crash tests against it: they must pass against the honest server and catch every
bug. One thread; everything that has arrived is applied to a table, then one record is appended to a log and synced,
then the answers leave. From time to time a snapshot of the table is written. Names of bugs: see BUGS.
"""

import argparse
import json
import selectors
import signal
import socket
import sys
import time
import urllib.parse
from datetime import datetime, timezone

from reference_store import Store

BUGS = {
    "ack-before-write": "answers leave before the log has the record",
    "ack-before-sync": "the log is written but never synced: only a power cut shows it",
    "forget-ids": "a restart forgets which ids it has seen",
    "forget-sources": "a restart forgets how far each source has come",
    "count-twice": "a restart applies records again that the snapshot has",
    "snapshot-ahead": "the snapshot says that it has one record more than it has",
    "show-early": "reads are answered before what they show is in the log",
    "torn-batch": "a batch is written in two records",
    "lose-memory-on-stop": "SIGTERM does not write what was acknowledged in memory",
    "forget-reset": "a reset is not logged",
    "count-refused": "every two hundredth request is answered busy, and counted all the same",
}
MEMORY_SECONDS = 0.3


def position():
    """Rises with every change and over every restart."""
    return f"1:0:{time.time_ns()}"


def now():
    return datetime.now(timezone.utc).isoformat()


class Peer:
    """One connection."""

    def __init__(self, server, connection, parse):
        self.server = server
        self.socket = connection
        self.parse = parse
        self.input, self.output = b"", b""
        self.queue = None

    def serve(self):
        """Parses and applies all that has arrived. False when the client has left."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        self.input += data
        self.parse(self)
        return True

    def flush(self):
        try:
            while self.output:
                self.output = self.output[self.socket.send(self.output):]
        except BlockingIOError:
            pass
        except OSError:
            self.output = b""


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%d\r\n" % (len(str(value)), value)


class ReferenceServer:
    """Sockets, and the two protocols as far as the load speaks them."""

    def __init__(self, arguments, settings):
        self.bug = arguments.bug
        self.store = Store(arguments.data, settings, arguments.bug)
        self.selector = selectors.DefaultSelector()
        self.listen(arguments.http, self.parse_http)
        self.listen(arguments.resp, self.parse_resp)
        self.stopping = False
        self.requests = 0

    def listen(self, address, parse):
        host, port = address.rsplit(":", 1)
        listener = socket.create_server((host, int(port)), backlog=128)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, parse)

    def run(self):
        peers = set()
        while not self.stopping:
            for key, _ in self.selector.select(0.02):
                if not isinstance(key.data, Peer):
                    connection, _ = key.fileobj.accept()
                    connection.setblocking(False)
                    peer = Peer(self, connection, key.data)
                    peers.add(peer)
                    self.selector.register(connection, selectors.EVENT_READ, peer)
                elif not key.data.serve():
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    peers.discard(key.data)
            if self.bug == "ack-before-write":
                for peer in peers:
                    peer.flush()
            memory_is_due = time.monotonic() - self.store.memory_since > MEMORY_SECONDS
            if self.store.pending or (self.store.memory and (memory_is_due or self.store.shown)):
                self.store.commit()
            for peer in peers:
                peer.flush()
        self.store.stop()

    def busy(self):
        self.requests += 1
        return self.bug == "count-refused" and self.requests % 200 == 0

    # RESP

    def parse_resp(self, peer):
        while True:
            words, rest = self.split_command(peer.input)
            if words is None:
                return
            peer.input = rest
            answer = self.command(peer, [words[0].upper()] + words[1:])
            peer.output += answer
            if self.bug == "show-early" and words[0] in (b"GET", b"MGET"):
                peer.flush()

    @staticmethod
    def split_command(data):
        end = data.find(b"\r\n")
        if end < 0:
            return None, data
        count, at, words = int(data[1:end]), end + 2, []
        for _ in range(count):
            end = data.find(b"\r\n", at)
            if end < 0:
                return None, data
            size = int(data[at + 1:end])
            at = end + 2
            if len(data) < at + size + 2:
                return None, data
            words.append(data[at:at + size])
            at += size + 2
        return words, data[at:]

    def command(self, peer, words):
        name = words[0]
        if name == b"MULTI":
            peer.queue = []
            return b"+OK\r\n"
        if name == b"EXEC":
            queue, peer.queue = peer.queue, None
            return b"*%d\r\n" % len(queue) + b"".join(self.execute(command) for command in queue)
        if peer.queue is not None:
            peer.queue.append(words)
            return b"+QUEUED\r\n"
        return self.execute(words)

    def execute(self, words):
        store, name = self.store, words[0]
        key = words[1] if len(words) > 1 else b""
        value = store.table.get(key)
        store.shown = True
        if name == b"GET":
            return bulk(value)
        if name == b"MGET":
            return b"*%d\r\n" % (len(words) - 1) + b"".join(bulk(store.table.get(key)) for key in words[1:])
        if name in (b"INCR", b"DECR", b"INCRBY", b"DECRBY"):
            delta = int(words[2]) if len(words) > 2 else 1
            store.change("add", key, delta if name[:1] == b"I" else -delta)
            return b"-BUSY planted\r\n" if self.busy() else b":%d\r\n" % store.table[key]
        if name == b"Q.INCRBY":
            applied = store.change("add", key, int(words[2]), (key, words[4]))
            return b"*2\r\n:%d\r\n:%d\r\n" % (store.table.get(key, 0), applied)
        if name in (b"DEL", b"GETDEL"):
            if value is not None:
                store.change("set", key, None)
            return b":%d\r\n" % (value is not None) if name == b"DEL" else bulk(value)
        if name == b"SET":
            if (words[3:] == [b"NX"] and value is not None) or (words[3:] == [b"XX"] and value is None):
                return b"$-1\r\n"
            store.change("set", key, int(words[2]))
            return b"+OK\r\n"
        return b"-ERR unknown command\r\n"

    # HTTP

    def parse_http(self, peer):
        while True:
            head, mark, rest = peer.input.partition(b"\r\n\r\n")
            if not mark:
                return
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            size = int(headers.get("content-length", "0"))
            if len(rest) < size:
                return
            peer.input = rest[size:]
            method, target, _ = lines[0].split(" ")
            status, body = self.route(method, target, headers, rest[:size])
            text = json.dumps(body).encode()
            peer.output += b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text
            if self.bug == "show-early" and method == "GET":
                peer.flush()

    def route(self, method, target, headers, body):
        path, _, query = target.partition("?")
        parameters = urllib.parse.parse_qs(query)
        parts = [urllib.parse.unquote_to_bytes(part) for part in path.split("/")[1:]]
        if path in ("/readyz", "/livez"):
            return 200, {"ready": True}
        if path == "/view":
            return self.view(headers, body, parameters)
        if parts[:2] == [b"v1", b"counters"] and len(parts) == 4:
            return self.counter(method, self.key(parts[2], parts[3]), headers, body, parameters)
        if parts[:2] == [b"v1", b"counters"]:
            self.store.shown = True
            names = [name.encode() for name in parameters["counter"]]
            return 200, {"counters": [{"counter": name.decode(), "value": self.store.table.get(name, 0)} for name in names],
                         "as_of": now()}
        if path == "/v1/events":
            return self.events(headers, body)
        return 404, {"outcome": "refused"}

    @staticmethod
    def key(space, name):
        return name if space == b"default" else space + b":" + name

    def counter(self, method, key, headers, body, parameters):
        value = self.store.table.get(key)
        self.store.shown = self.store.shown or method == "GET"
        if method == "GET":
            return 200, {"value": value or 0, "exists": value is not None, "as_of": now()}
        if method == "DELETE":
            if value is not None:
                self.store.change("set", key, None)
            return 200, {"existed": value is not None, "position": position()}
        fields = json.loads(body)
        identity = fields.get("id", headers.get("idempotency-key"))
        memory = parameters.get("ack") == ["memory"]
        applied = self.store.change("add", key, fields["delta"], None if identity is None else (key, identity.encode()), memory)
        if self.busy():
            return 503, {"outcome": "busy"}
        more = {"durable": False} if memory else {"value": self.store.table[key]}
        return 202, {"accepted": 1, "position": position()} | more | ({} if applied else {"duplicate": True})

    def events(self, headers, body):
        lines = json.loads(body) if body.startswith(b"[") else [json.loads(line) for line in body.splitlines() if line]
        source, sequence = headers.get("quipu-source"), int(headers.get("quipu-sequence", "0"))
        for at, line in enumerate(lines):
            key, identity = self.key(line.get("namespace", "default").encode(), line["counter"].encode()), None
            if source:
                identity = ("source", source, sequence + at)
            elif "id" in line:
                identity = (key, line["id"].encode())
            self.store.change("add", key, line.get("delta", 1), identity)
        return 202, {"accepted": len(lines), "position": position()}

    def view(self, headers, body, parameters):
        identity = None
        if headers.get("content-type", "").startswith("application/x-www-form"):
            name = urllib.parse.parse_qs(body.decode())["video_id"][0]
        elif body.startswith(b"{"):
            fields = json.loads(body)
            name, identity = fields["video_id"], fields.get("event_id")
        elif body:
            name = body.decode()
        else:
            name = parameters["video_id"][0]
        key = b"views:" + name.encode()
        self.store.change("add", key, 1, None if identity is None else (key, identity.encode()))
        return 202, {"accepted": 1, "position": position()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bug", choices=sorted(BUGS))
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--http", required=True)
    parser.add_argument("--resp", required=True)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    server = ReferenceServer(arguments, dict(setting.split("=", 1) for setting in arguments.set))

    def stop(_signal, _frame):
        server.stopping = True

    signal.signal(signal.SIGTERM, stop)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
