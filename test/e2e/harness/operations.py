"""Requests of every kind, each knowing how its answer, or the lack of one, goes into the ledger."""

import json

from .wire import Lost, RespError, encode, quote, request

JSON = (("Content-Type", "application/json"),)
NDJSON = (("Content-Type", "application/x-ndjson"),)


class Operation:
    """`wire` is what to send, `replies` how many answers it gets."""

    wire = b""
    replies = 1

    def done(self, reply):
        """The answer, or the list of them where there are several."""

    def lost(self):
        """The connection broke before the (last) answer."""


def exchange(connection, operations):
    """Sends all at once, then reads all answers. On `Lost` what was not answered is told so."""
    answered = 0
    try:
        connection.send(b"".join(operation.wire for operation in operations))
        for operation in operations:
            if operation.replies == 1:
                reply = connection.reply()
            else:
                reply = [connection.reply() for _ in range(operation.replies)]
            answered += 1
            operation.done(reply)
    except Lost:
        for operation in operations[answered:]:
            operation.lost()
        raise


class Adding(Operation):
    """Adds events. Subclasses fill `wire`, and find out from the answer which of four things became of them."""

    def __init__(self, load, events):
        self.load = load
        self.ledger = load.ledger
        self.events = events
        self.floors = [self.ledger.floor(event.counter) for event in events]

    def lost(self):
        self.ledger.unknown(self.events)
        self.load.again(self.events)

    def failed(self, outcome, what):
        """The answer was no success: `outcome` is busy, unknown, or something that this load never deserves."""
        if outcome == "busy" and not isinstance(self.events[0].id, int):
            for event in self.events:
                self.ledger.refused(event)
            self.load.again([event for event in self.events if event.weight & event.counter.retry])
        elif outcome in ("busy", "unknown"):  # The events of a source are sent again in either case.
            self.lost()
        else:
            self.ledger.violate(f"an honest request was refused: {what}")
            self.lost()

    def failed_resp(self, error):
        self.failed({"BUSY": "busy", "UNKNOWN": "unknown"}.get(error.kind, "refused"), error.text)

    def shows(self, at, value, where):
        """The answer gave the new value, which must hold the event itself."""
        event = self.events[at]
        self.ledger.observe(event.counter, value, self.floors[at] | event.weight, where)


class RespAdd(Adding):
    """INCR, INCRBY, DECR, DECRBY: the exact new value comes back."""

    def __init__(self, load, event):
        super().__init__(load, [event])
        delta, key = event.delta, event.counter.key
        if abs(delta) == 1 and load.random.random() < 0.7:
            self.wire = encode("INCR" if delta > 0 else "DECR", key)
        elif delta < 0 and load.random.random() < 0.5:
            self.wire = encode("DECRBY", key, -delta)
        else:
            self.wire = encode("INCRBY", key, delta)

    def done(self, reply):
        if isinstance(reply, RespError):
            self.failed_resp(reply)
            return
        self.ledger.acked(self.events[0])
        self.shows(0, reply, "INCRBY")


class RespAddOnce(Adding):
    """Q.INCRBY with an id: may be sent again and again."""

    def __init__(self, load, event, repeat=False):
        super().__init__(load, [event])
        self.repeat = repeat
        self.fresh = not repeat and not event.weight & event.counter.retry and not load.sent_twice
        self.wire = encode("Q.INCRBY", event.counter.key, event.delta, "ID", event.id)

    def lost(self):
        if not self.repeat:
            super().lost()

    def done(self, reply):
        event = self.events[0]
        if isinstance(reply, RespError):
            if not (self.repeat and reply.kind in ("BUSY", "UNKNOWN")):
                self.failed_resp(reply)
            return
        total, applied = reply
        self.ledger.acked(event)
        self.shows(0, total, "Q.INCRBY")
        if applied and self.floors[0] & event.weight:
            self.ledger.violate(f"Q.INCRBY says applied for event {event.id!r} of {event.counter.name[:80]!r}, "
                                "which was counted before")
        if not applied and self.fresh:
            self.ledger.violate(f"Q.INCRBY says repeated for event {event.id!r}, which is new")


class RespTransaction(Adding):
    """MULTI, several INCRBY, EXEC: recorded all or not at all."""

    def __init__(self, load, events):
        super().__init__(load, events)
        self.replies = len(events) + 2
        self.wire = (encode("MULTI") + b"".join(encode("INCRBY", e.counter.key, e.delta) for e in events)
                     + encode("EXEC"))

    def done(self, reply):
        results = reply[-1]
        if isinstance(results, RespError):
            self.failed_resp(results)
            return
        if all(isinstance(value, RespError) and value.kind == "BUSY" for value in results):
            self.failed("busy", results[0].text)
            return
        for at, value in enumerate(results):
            if isinstance(value, RespError):
                self.ledger.violate(f"INCRBY in EXEC answered {value.text!r}")
                continue
            self.ledger.acked(self.events[at])
            self.shows(at, value, "EXEC")


class RespRead(Operation):
    """GET or MGET."""

    def __init__(self, load, counters):
        self.ledger = load.ledger
        self.counters = counters
        self.floors = [self.ledger.floor(counter) for counter in counters]
        self.wire = encode("GET" if len(counters) == 1 else "MGET", *[counter.key for counter in counters])

    def done(self, reply):
        if isinstance(reply, RespError):
            if reply.kind not in ("BUSY", "UNKNOWN"):
                self.ledger.violate(f"a read answered {reply.text!r}")
            return
        for counter, value, floor in zip(self.counters, reply if len(self.counters) > 1 else [reply], self.floors):
            self.ledger.observe(counter, None if value is None else int(value), floor, "GET")


class HttpAdd(Adding):
    """POST to one counter; with an id in the body or the header; durable or in memory."""

    def __init__(self, load, event, memory=False):
        super().__init__(load, [event])
        self.memory = memory
        body, headers = {"delta": event.delta}, JSON
        if event.id is not None:
            if load.random.random() < 0.5:
                body["id"] = event.id
            else:
                headers = JSON + (("Idempotency-Key", event.id),)
        target = f"/v1/counters/{event.counter.space}/{quote(event.counter.name)}" + ("?ack=memory" if memory else "")
        self.wire = request("POST", target, json.dumps(body).encode(), headers)

    def done(self, reply):
        outcome = reply.outcome()
        if outcome != "acked":
            self.failed(outcome, reply)
            return
        body = reply.json()
        if reply.status != 202 or body.get("accepted") != 1 or "position" not in body:
            self.ledger.violate(f"POST answered {reply!r}")
        if self.memory and body.get("durable") is not False:
            self.ledger.violate(f"POST with ack=memory answered {reply!r}")
        self.ledger.acked(self.events[0], durable=not self.memory)
        if "value" in body:
            self.shows(0, body["value"], "POST")


class HttpBatch(Adding):
    """POST /v1/events, as NDJSON or an array: plain, with ids, or of a source."""

    def __init__(self, load, events, source=None):
        super().__init__(load, events)
        lines = []
        for event in events:
            line = {"counter": event.counter.name.decode(), "delta": event.delta}
            if event.id is not None and source is None:
                line["id"] = event.id
            lines.append(json.dumps(line))
        headers = ()
        if source is not None:
            headers = (("Quipu-Source", source), ("Quipu-Sequence", str(events[0].id)))
        if load.random.random() < 0.7:
            self.wire = request("POST", "/v1/events", ("\n".join(lines) + "\n").encode(), NDJSON + headers)
        else:
            self.wire = request("POST", "/v1/events", ("[" + ",".join(lines) + "]").encode(), JSON + headers)

    def done(self, reply):
        outcome = reply.outcome()
        if outcome != "acked":
            self.failed(outcome, reply)
            return
        body = reply.json()
        if reply.status != 202 or body.get("accepted") != len(self.events) or "position" not in body:
            self.ledger.violate(f"a batch of {len(self.events)} answered {reply!r}")
        for event in self.events:
            self.ledger.acked(event)


class HttpRead(Operation):
    """GET of one counter."""

    def __init__(self, load, counter):
        self.ledger = load.ledger
        self.counter = counter
        self.floor = self.ledger.floor(counter)
        self.wire = request("GET", f"/v1/counters/{counter.space}/{quote(counter.name)}")

    def done(self, reply):
        if reply.status == 200:
            self.ledger.observe(self.counter, reply.json()["value"], self.floor, "HTTP GET")
        elif reply.outcome() not in ("busy", "unknown"):
            self.ledger.violate(f"a read answered {reply!r}")


class View(Operation):
    """POST /view in one of its forms; with an event_id where the tally's views are sent again."""

    def __init__(self, load, tally, identity=None, again=False):
        self.load = load
        self.ledger = load.ledger
        self.tally = tally
        self.id = identity
        if not again:
            with self.ledger.lock:
                tally.open += 1
        name = tally.name.decode()
        form = load.random.random()
        if identity is not None or form < 0.4:
            body = {"video_id": name}
            if identity is not None:
                body["event_id"] = identity
            kind = load.random.choice(["application/json", "text/plain"])
            self.wire = request("POST", "/view", json.dumps(body).encode(), (("Content-Type", kind),))
        elif form < 0.6:
            self.wire = request("POST", "/view", tally.name, (("Content-Type", "text/plain"),))
        elif form < 0.8:
            self.wire = request("POST", "/view", b"video_id=" + quote(tally.name).encode(),
                                (("Content-Type", "application/x-www-form-urlencoded"),))
        else:
            self.wire = request("POST", f"/view?video_id={quote(tally.name)}")

    def lost(self):
        if self.id is not None:
            self.load.views_again.append((self.tally, self.id))

    def done(self, reply):
        outcome = reply.outcome()
        if outcome == "acked":
            with self.ledger.lock:
                self.tally.acked += 1
                self.tally.open -= 1
        elif outcome in ("busy", "unknown"):
            self.lost()
        else:
            self.ledger.violate(f"/view answered {reply!r}")
