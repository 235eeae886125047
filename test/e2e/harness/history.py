"""Sessions that write down what they ask and what becomes of it, for test/histories/check.py to judge.

A call is written before its request is sent, an outcome after the answer has arrived, under one lock: the order of the
lines is an order of time. Sessions go on through kills; what was under way then is of unknown fate.
"""

import collections
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import traceback

from .wire import Http, Lost, Resp, RespError, encode, quote, request

CHECKER = pathlib.Path(__file__).resolve().parents[2] / "histories" / "check.py"
CHECK_SECONDS_MIN = 60.0       # Granted to the checker, ...
CHECK_SECONDS_A_BYTE = 10e-6   # ... and for each byte: twenty times what it takes where it has a processor for itself.
JSON = (("Content-Type", "application/json"),)
NDJSON = (("Content-Type", "application/x-ndjson"),)
COUNTERS_AT_A_TIME = 16
EVENTS_A_COUNTER = 150
DELTA_MAX = 9999           # So that two choices of open events hardly ever give one sum.
CALM_OPERATIONS = 300
POSITIONS_KEPT = 50
READ_AT_ONCE = 100
AFTER_MS = 20_000
ANSWER_SECONDS_MAX = 60.0
AGAIN_SECONDS_MAX = 60.0
SIGNS = ((1,), (1,), (1,), (-1,), (1, -1))


def milliseconds():
    return time.time_ns() // 1_000_000


class Recorder:
    """A file of history. Any thread."""

    def __init__(self, path, form, id_window):
        self.path = pathlib.Path(path)
        self.form = form
        self.lock = threading.Lock()
        self.operations = 0
        self.outcomes = collections.Counter()
        self.file = open(self.path, "w", encoding="utf-8")
        self.write({"history": 1, "form": form, "id_window": id_window})

    def write(self, record):
        self.file.write(json.dumps(record) + "\n")

    def call(self, session, **asked):
        """Writes a call; returns its number."""
        with self.lock:
            self.operations += 1
            self.write({"op": self.operations, "session": session, "at": milliseconds(), **asked})
            return self.operations

    def end(self, operation, outcome, **told):
        with self.lock:
            self.outcomes[outcome] += 1
            self.write({"op": operation, "at": milliseconds(), "outcome": outcome, **told})

    def note(self, text):
        with self.lock:
            self.write({"note": text})

    def settled(self, where, totals):
        """Totals that were read when nothing was under way any more: {counter: total}."""
        names = list(totals)
        self.end(self.call(where, read=names, settled=where), "ok", totals=[totals[name] for name in names])

    def close(self):
        self.file.close()


class Counter:
    """A counter that takes events; its deltas have the signs of its kind."""

    def __init__(self, name, signs):
        self.name, self.signs, self.events = name, signs, 0


class Adding:
    """Adds under way: (counter, delta, id) each."""

    def __init__(self, sessions, session, adds):
        self.sessions, self.adds = sessions, adds
        self.operation = sessions.recorder.call(session, add=adds)

    def ended(self, outcome, **told):
        self.sessions.recorder.end(self.operation, outcome, **told)
        with_ids = [add for add in self.adds if add[2] is not None]
        if outcome == "ok":
            self.sessions.acknowledged(with_ids, told.get("position"))
        else:
            self.sessions.again.extend(with_ids)

    def lost(self):
        self.ended("unknown", why="connection lost")

    def failed(self, outcome, what):
        if outcome not in ("busy", "unknown"):
            self.sessions.violate(f"an honest write was refused: {what}")
        self.ended("fail" if outcome != "unknown" else "unknown", why=outcome)


def failed_resp(asked, error):
    asked.failed({"BUSY": "busy", "UNKNOWN": "unknown"}.get(error.kind, "refused"), error.text)


class RespAdd(Adding):
    """INCR and its kin, or Q.INCRBY where there is an id."""

    def __init__(self, sessions, session, add):
        super().__init__(sessions, session, [add])
        name, delta, identity = add
        if identity is not None:
            self.wire = encode("Q.INCRBY", name, delta, "ID", identity)
        elif abs(delta) == 1:
            self.wire = encode("INCR" if delta > 0 else "DECR", name)
        else:
            self.wire = encode("INCRBY", name, delta) if delta > 0 else encode("DECRBY", name, -delta)

    def done(self, reply):
        if isinstance(reply, RespError):
            failed_resp(self, reply)
        elif self.adds[0][2] is None:
            self.ended("ok", totals=[reply])
        else:
            self.ended("ok", totals=[reply[0]], counted=[bool(reply[1])])


class HttpAdd(Adding):
    """POST to one counter."""

    def __init__(self, sessions, session, add):
        super().__init__(sessions, session, [add])
        name, delta, identity = add
        body = {"delta": delta, **({"id": identity} if identity is not None else {})}
        self.wire = request("POST", f"/v1/counters/default/{quote(name)}", json.dumps(body).encode(), JSON)

    def done(self, reply):
        if reply.status != 202:
            self.failed(reply.outcome(), reply)
            return
        body = reply.json()
        told = {"totals": [body["value"]]} if "value" in body else {}
        if self.adds[0][2] is not None:
            told["counted"] = [not body.get("duplicate", False)]
        self.ended("ok", position=body["position"], **told)


class HttpBatch(Adding):
    """POST /v1/events."""

    def __init__(self, sessions, session, adds):
        super().__init__(sessions, session, adds)
        lines = [{"counter": name, "delta": delta, **({"id": identity} if identity is not None else {})}
                 for name, delta, identity in adds]
        self.wire = request("POST", "/v1/events", "\n".join(map(json.dumps, lines)).encode(), NDJSON)

    def done(self, reply):
        if reply.status == 202:
            self.ended("ok", position=reply.json()["position"])
        else:
            self.failed(reply.outcome(), reply)


class Reading:
    """A read under way."""

    def __init__(self, sessions, session, names, **more):
        self.sessions, self.names = sessions, names
        self.operation = sessions.recorder.call(session, read=names, **more)

    def ended(self, totals, **told):
        self.sessions.recorder.end(self.operation, "ok", totals=totals, **told)

    def lost(self):
        self.sessions.recorder.end(self.operation, "unknown", why="connection lost")

    def failed(self, outcome, what):
        if outcome not in ("busy", "unknown"):
            self.sessions.violate(f"a read was refused: {what}")
        self.sessions.recorder.end(self.operation, "fail", why=outcome)


class RespRead(Reading):
    """GET or MGET. What does not exist is 0."""

    def __init__(self, sessions, session, names):
        super().__init__(sessions, session, names)
        self.wire = encode("GET" if len(names) == 1 else "MGET", *names)

    def done(self, reply):
        if isinstance(reply, RespError):
            failed_resp(self, reply)
        else:
            self.ended([int(value or 0) for value in (reply if len(self.names) > 1 else [reply])])


class HttpRead(Reading):
    """GET of one counter or of several, at once or behind a position."""

    def __init__(self, sessions, session, names, after=None):
        super().__init__(sessions, session, names, **({"after": after} if after else {}))
        query = [f"counter={quote(name)}" for name in names] if len(names) > 1 else []
        query += [f"after={quote(after)}", f"timeout={AFTER_MS}"] if after else []
        one = "" if len(names) > 1 else "/" + quote(names[0])
        self.wire = request("GET", f"/v1/counters/default{one}" + ("?" + "&".join(query) if query else ""))

    def done(self, reply):
        if reply.status != 200:
            self.failed(reply.outcome(), reply)
            return
        body = reply.json()
        values = [item["value"] for item in body["counters"]] if len(self.names) > 1 else [body["value"]]
        self.ended(values, as_of=int(datetime.datetime.fromisoformat(body["as_of"]).timestamp() * 1000))


class Sessions:
    """`clients` sessions of each protocol on `servers` (of one, or nodes), which have `http_port` and `resp_port`."""

    def __init__(self, servers, recorder, seed, clients=3, pace=0.0):
        self.servers, self.recorder, self.pace = list(servers), recorder, pace
        self.random = random.Random(seed)
        self.prefix = f"h{seed}"
        self.lock = threading.Lock()
        self.counters, self.names, self.identities = [], [], 0
        self.again = collections.deque()                              # With ids, and not acknowledged.
        self.answered = collections.deque(maxlen=2000)                # With ids, and acknowledged: sent again for spite.
        self.positions = collections.deque(maxlen=POSITIONS_KEPT)     # The newest that were told.
        self.furthest = {}                                            # (generation, partition) -> offset, of all that were told.
        self.violations = []
        self.stopping = False
        self.sessions = [Session(self, kind, number) for kind in (Resp, Http) for number in range(clients)]
        self.threads = []

    def violate(self, what):
        self.violations.append(what)

    def acknowledged(self, with_ids, position):
        self.answered.extend(with_ids)
        if position:
            self.positions.append(position)
            with self.lock:
                for part in position.split(","):
                    generation, partition, offset = map(int, part.split(":"))
                    place = generation, partition
                    self.furthest[place] = max(offset, self.furthest.get(place, 0))

    def new_add(self, identity, choice):
        """An event for one of the counters that take some now."""
        with self.lock:
            if len(self.counters) < COUNTERS_AT_A_TIME:
                name = f"{self.prefix}-{len(self.names)}"
                self.names.append(name)
                self.counters.append(Counter(name, choice.choice(SIGNS)))
            counter = choice.choice(self.counters)
            counter.events += 1
            if counter.events == EVENTS_A_COUNTER:
                self.counters.remove(counter)
            self.identities += identity
            delta = choice.choice(counter.signs) * (1 if choice.random() < 0.2 else choice.randint(1, DELTA_MAX))
            return counter.name, delta, f"{self.prefix}-{self.identities}" if identity else None

    def some_names(self, most, choice):
        """Counters that take events now, and some that did."""
        with self.lock:
            known = [counter.name for counter in self.counters] + self.names[-COUNTERS_AT_A_TIME:]
        return sorted({choice.choice(known) for _ in range(choice.randint(1, most))}) if known else []

    def take_again(self, most):
        taken = []
        while len(taken) < most:
            try:
                taken.append(self.again.popleft())
            except IndexError:
                break
        return taken

    def start(self):
        self.threads = [threading.Thread(target=session.run, daemon=True) for session in self.sessions]
        for thread in self.threads:
            thread.start()
        return self

    def be_calm(self):
        """After the last fault: other counters from here on, which have no event of unknown fate, and some traffic for them."""
        with self.lock:
            self.counters.clear()
        wanted = self.recorder.outcomes["ok"] + CALM_OPERATIONS
        end = time.monotonic() + AGAIN_SECONDS_MAX
        while self.recorder.outcomes["ok"] < wanted:
            if time.monotonic() > end:
                raise AssertionError(f"fewer than {CALM_OPERATIONS} requests answered in {AGAIN_SECONDS_MAX:.0f} s after the last fault")
            time.sleep(0.02)

    def finish(self):
        """All sessions end; then what has an id is sent again until it is acknowledged."""
        self.stopping = True
        for thread in self.threads:
            thread.join(ANSWER_SECONDS_MAX)
            if thread.is_alive():
                raise AssertionError(f"a session got no answer for {ANSWER_SECONDS_MAX:.0f} s")
        end = time.monotonic() + AGAIN_SECONDS_MAX
        last = Session(self, Resp, len(self.sessions))
        while self.again and not self.violations:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.again)} events with ids stayed unacknowledged for {AGAIN_SECONDS_MAX:.0f} s")
            last.once()
        if self.violations:
            raise AssertionError(f"{len(self.violations)} violations, the first: {self.violations[0]}")

    def read_all(self, server, where, over=Http, after=None):
        """Every counter, when nothing is under way any more: for the record."""
        with over(server.http_port if over is Http else server.resp_port, ANSWER_SECONDS_MAX) as connection:
            for begin in range(0, len(self.names), READ_AT_ONCE):
                names = self.names[begin:begin + READ_AT_ONCE]
                if over is Resp:
                    values = [int(value or 0) for value in connection.must("MGET", *names)]
                else:
                    query = "&".join([f"counter={quote(name)}" for name in names]
                                     + ([f"after={after}", f"timeout={AFTER_MS}"] if after else []))
                    values = [item["value"] for item in connection.json("GET", f"/v1/counters/default?{query}")["counters"]]
                self.recorder.settled(where, dict(zip(names, values)))


class Session:
    """One connection at a time, to one server until it breaks; asks a few things at once and waits for the answers."""

    def __init__(self, sessions, kind, number):
        self.sessions, self.kind, self.number = sessions, kind, number
        self.name = f"{kind.__name__.lower()}-{number}"
        self.random = random.Random(sessions.random.random())
        self.position = None  # Of its last write.

    def connect(self):
        server = self.sessions.servers[self.number % len(self.sessions.servers)]
        self.number += 1
        return self.kind(server.http_port if self.kind is Http else server.resp_port, ANSWER_SECONDS_MAX)

    def run(self):
        try:
            while not self.sessions.stopping:
                try:
                    with self.connect() as connection:
                        while not self.sessions.stopping:
                            self.exchange(connection, self.turn())
                            time.sleep(self.random.uniform(0.0, 2 * self.sessions.pace))
                except Lost:
                    time.sleep(0.02)
        except Exception:  # Whatever it is must reach the test, not die with this thread.
            self.sessions.violate(f"session {self.name}: {traceback.format_exc()}")

    def once(self):
        """Sends again, on a connection of its own, what is not acknowledged."""
        try:
            with self.connect() as connection:
                self.exchange(connection, [RespAdd(self.sessions, self.name, add) for add in self.sessions.take_again(100)])
        except Lost:
            time.sleep(0.05)

    def exchange(self, connection, asked):
        """Sends all at once, then takes the answers in order. What was not answered when it breaks is of unknown fate."""
        answered = 0
        try:
            connection.send(b"".join(each.wire for each in asked))
            for each in asked:
                reply = connection.reply()
                answered += 1
                each.done(reply)
        except Lost:
            for each in asked[answered:]:
                each.lost()
            raise

    def turn(self):
        """What to ask next: mostly one thing, at times several in one go."""
        count = self.random.choice((1, 1, 1, 2, 8))
        make = self.resp if self.kind is Resp else self.http
        return [each for each in (make() for _ in range(count)) if each]

    def old(self):
        """An event that was sent before: one of unknown fate, or one that was acknowledged."""
        if taken := self.sessions.take_again(1):
            return taken[0]
        try:
            return self.random.choice(self.sessions.answered)
        except IndexError:
            return None

    def add(self):
        """An event: new or old, with an id or without."""
        if self.random.random() < 0.2 and (old := self.old()):
            return old
        return self.sessions.new_add(self.random.random() < 0.5, self.random)

    def resp(self):
        if self.random.random() < 0.6:
            return RespAdd(self.sessions, self.name, self.add())
        names = self.sessions.some_names(4, self.random)
        return RespRead(self.sessions, self.name, names) if names else None

    def http(self):
        chance = self.random.random()
        if chance < 0.4:
            return HttpAdd(self.sessions, self.name, self.add())
        if chance < 0.5:
            adds = {}
            for add in [self.add() for _ in range(self.random.randint(2, 20))]:
                adds[add[2] or len(adds)] = add  # No id twice in a batch.
            return HttpBatch(self.sessions, self.name, list(adds.values()))
        names = self.sessions.some_names(self.random.choice((1, 6)), self.random)
        if not names:
            return None
        return HttpRead(self.sessions, self.name, names, self.after() if self.random.random() < 0.5 else None)

    def after(self):
        """A position that some session was told."""
        try:
            return self.random.choice(self.sessions.positions)
        except IndexError:
            return None


def check(path):
    """Has the checker judge a history; returns (whether it holds, what it said)."""
    seconds_max = CHECK_SECONDS_MIN + CHECK_SECONDS_A_BYTE * path.stat().st_size
    done = subprocess.run([sys.executable, str(CHECKER), str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds_max, check=False)
    return done.returncode == 0, done.stdout.strip().replace(f"{path}: ", "")


def must_hold(context, recorder, kills):
    """The history holds; and the checker would have seen it if one of its acknowledged events had not counted. `kills`: how many it
    went through. What it came to is left in the file that QUIPU_HISTORIES_RESULT names, if it does."""
    recorder.close()
    holds, said = check(recorder.path)
    if not holds:
        raise AssertionError(f"violation of the history: {said}")
    verdict = said.splitlines()[-1]
    context.note(verdict)
    altered = recorder.path.with_suffix(".altered")
    for number, counter in altered_histories(recorder.path, altered):
        holds, said = check(altered)
        if holds or repr(counter) not in said:
            raise AssertionError(f"the history holds although operation {number}, an acknowledged event of {counter!r}, is written "
                                 f"as refused: {said}")
    altered.unlink(missing_ok=True)
    if result := os.environ.get("QUIPU_HISTORIES_RESULT"):
        pathlib.Path(result).write_text(json.dumps({"form": recorder.form, "kills": kills, "seed": context.seed, "said": verdict}))


def altered_histories(path, altered, most=2):
    """Writes the history of one counter anew with one acknowledged event told as refused; gives its operation and counter. It is
    an event without an id, of a counter that has no event of unknown fate: no other event may stand in for it."""
    head, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    adds = {line["op"]: line["add"] for line in lines if "add" in line}
    ends = {line["op"]: line["outcome"] for line in lines if "outcome" in line}
    doubtful = {name for number, added in adds.items() if ends.get(number) not in ("ok", "fail")
                for name, _, identity in added if identity is None}
    choice = [number for number, added in adds.items() if ends.get(number) == "ok" and len(added) == 1
              and added[0][2] is None and added[0][0] not in doubtful]
    if not choice:
        raise AssertionError("no event of this history is without doubt")
    for number in choice[::-(-len(choice) // most)]:
        counter = adds[number][0][0]
        with open(altered, "w", encoding="utf-8") as file:
            for line in [head] + about(lines, counter):
                if line.get("op") == number and "outcome" in line:
                    line = {"op": number, "outcome": "fail"}
                file.write(json.dumps(line) + "\n")
        yield number, counter


def about(lines, counter):
    """What a history says of one counter."""
    found, places = [], {}
    for line in lines:
        names = line.get("read") or [name for name, *_ in line.get("add", ())]
        if counter in names:
            kept = places[line["op"]] = [at for at, name in enumerate(names) if name == counter]
            asked = "read" if "read" in line else "add"
            found.append({**line, asked: [line[asked][at] for at in kept]})
        elif "outcome" in line and line["op"] in places:
            told = {name: [line[name][at] for at in places[line["op"]]] for name in ("totals", "counted") if line.get(name)}
            found.append({**line, **told})
    return found
