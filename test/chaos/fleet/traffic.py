"""Events from several clients to several nodes, paced over a scenario, and the ledger of what became of each."""

import collections
import random
import threading
import time
import traceback

from harness.ledger import Ledger
from harness.operations import HttpBatch, RespAdd, RespAddOnce, exchange
from harness.wire import Http, Lost, RespError, Resp

HABITS = ("resp_plain", "resp_once", "http_plain", "http_once")
COUNTERS_IN_TURN = 150   # Counters of each kind that take events at a time; each takes 31.
CONNECT_WAIT_SECONDS = 0.05
BUSY_WAIT_SECONDS = 0.05
ANSWER_SECONDS_MAX = 90.0
AGAIN_SECONDS_MAX = 120.0


class Separately:
    """Events of one request that may stand in several partitions: one may be counted where another is not. What an
    answer shows is the total as far as its node knows, so only the event itself is looked for in it."""

    def lost(self):
        for event in self.events:
            self.ledger.unknown([event])
        self.load.again(self.events)

    def failed(self, outcome, what):
        if outcome == "busy":
            self.load.was_busy = True
        super().failed(outcome, what)

    def shows(self, at, value, where):
        """Of a total that lacks what other nodes wrote, nothing is demanded."""


class Add(Separately, RespAdd):
    """INCR and its kin."""

    def done(self, reply):
        super().done(reply)
        if not isinstance(reply, RespError):
            self.load.told(self.events)


class AddOnce(Separately, RespAddOnce):
    """Q.INCRBY with an id. Whether it was counted before, a node knows only of what it saw itself."""

    def lost(self):
        if not self.repeat:
            super().lost()

    def done(self, reply):
        if isinstance(reply, RespError):
            if not (self.repeat and reply.kind in ("BUSY", "UNKNOWN")):
                self.failed_resp(reply)
            return
        self.ledger.acked(self.events[0])
        if not self.repeat:
            self.load.told(self.events)


class Events(Separately, HttpBatch):
    """POST /v1/events."""

    def __init__(self, load, events, repeat=False):
        super().__init__(load, events)
        self.repeat = repeat

    def lost(self):
        if not self.repeat:
            super().lost()

    def done(self, reply):
        outcome = reply.outcome()
        if outcome != "acked" and self.repeat and outcome in ("busy", "unknown"):
            return
        super().done(reply)
        if outcome == "acked":
            self.load.positions_of(reply.json()["position"])
            if not self.repeat:
                self.load.told(self.events)


class Traffic:
    """Sends `events` in `seconds` by `clients` clients of each habit, each to one node after the other as connections
    break. Events that were surely not counted (busy) are left, and others sent in their place. Any thread may look."""

    sent_twice = False  # Nothing on the way repeats what is sent.

    def __init__(self, nodes, seed, say, events, seconds, clients=2):
        self.nodes = nodes
        self.random = random.Random(seed)
        self.ledger = Ledger(seed, say)
        self.seconds = seconds
        self.events_again = collections.deque()
        self.answered = collections.deque(maxlen=5000)  # With ids and acknowledged: sent again for spite.
        self.positions = {}  # (generation, partition) -> the newest offset that was acknowledged.
        self.identities = 0
        self.broken = 0   # Connections.
        self.lock = threading.Lock()
        self.was_busy = False
        self.stopping = False
        self.paused_at = None
        habits = HABITS * clients
        share = -(-events // len(habits))
        self.clients = [Client(self, habit, number, share) for number, habit in enumerate(habits)]
        self.threads = []

    # What the operations ask of their load.

    def identity(self):
        with self.lock:
            self.identities += 1
            return f"{self.ledger.prefix.decode()}:{self.identities}"

    def again(self, events):
        self.events_again.extend(event for event in events if event.resend)

    def told(self, events):
        """These were acknowledged; those with ids are sent again now and then."""
        self.answered.extend(event for event in events if event.resend and event.counter.acked & event.weight)

    def positions_of(self, text):
        with self.lock:
            for position in text.split(","):
                generation, partition, offset = map(int, position.split(":"))
                key = generation, partition
                self.positions[key] = max(self.positions.get(key, 0), offset)

    def take_again(self, most):
        taken = []
        while len(taken) < most:
            try:
                taken.append(self.events_again.popleft())
            except IndexError:
                break
        return taken

    # What a scenario asks.

    def start(self):
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=client.run, daemon=True) for client in self.clients]
        for thread in self.threads:
            thread.start()
        return self

    def running(self):
        return any(thread.is_alive() for thread in self.threads)

    def settled(self):
        """Events that were acknowledged, or whose fate is or was unknown."""
        return sum(client.sent for client in self.clients)

    def share(self):
        """Which share of the events has an outcome."""
        return self.settled() / sum(client.share for client in self.clients)

    def wait_for(self, share, seconds=180.0):
        """Until this share of the events has an outcome."""
        wanted = share * sum(client.share for client in self.clients)
        end = time.monotonic() + seconds
        while self.settled() < wanted:
            if time.monotonic() > end:
                raise AssertionError(f"{self.settled()} events in {seconds:.0f} s, {wanted:.0f} were to be "
                                     f"sent: {self.ledger.summary()}")
            time.sleep(0.01)

    def pause(self):
        """No new event, until `go_on`; then at the pace of before."""
        self.paused_at = time.monotonic()

    def go_on(self):
        self.began += time.monotonic() - self.paused_at
        self.paused_at = None

    def wait_under_way(self, node, seconds=5.0):
        """Until a request to this node waits for its answer, or for `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not any(client.asking is node for client in self.clients):
            time.sleep(0)

    def finish(self, seconds=ANSWER_SECONDS_MAX):
        """Waits until all were sent; then sends again what may be, until each is acknowledged."""
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                self.stopping = True
                raise AssertionError(f"the clients were not done in {seconds:.0f} s: {self.ledger.summary()}")
        end = time.monotonic() + AGAIN_SECONDS_MAX
        while self.events_again:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.events_again)} events with ids stayed unacknowledged for "
                                     f"{AGAIN_SECONDS_MAX:.0f} s after the last fault")
            self.clients[0].send_again()
        self.check()

    def give_up(self, seconds=ANSWER_SECONDS_MAX):
        """Sends nothing more; what has no answer stays unknown."""
        self.stopping = True
        for thread in self.threads:
            thread.join(seconds)
            if thread.is_alive():
                raise AssertionError(f"a client got no answer in {seconds:.0f} s: {self.ledger.summary()}")
        self.check()

    def check(self):
        if self.ledger.violations:
            raise AssertionError(f"{len(self.ledger.violations)} violations, the first: {self.ledger.violations[0]}\n"
                                 f"ledger: {self.ledger.summary()}")


class Client:
    """One connection at a time, one habit."""

    def __init__(self, traffic, habit, number, share):
        self.traffic = traffic
        self.ledger = traffic.ledger
        self.habit = habit
        self.kind = Http if habit.startswith("http") else Resp
        self.once = habit.endswith("once")
        self.number = number
        self.share = share
        self.random = random.Random(traffic.random.random())
        self.sent = 0
        self.node = None    # To which it is connected.
        self.asking = None  # The node of which it waits for an answer.

    def connect(self):
        """To the node whose turn it is."""
        node = self.traffic.nodes[self.number % len(self.traffic.nodes)]
        self.number += 1
        self.node = node
        return self.kind(node.http_port if self.kind is Http else node.resp_port, ANSWER_SECONDS_MAX)

    def run(self):
        try:
            while self.sent < self.share and not self.traffic.stopping:
                try:
                    with self.connect() as connection:
                        while self.sent < self.share and not self.traffic.stopping:
                            self.turn(connection)
                except Lost:
                    with self.traffic.lock:
                        self.traffic.broken += 1
                    time.sleep(CONNECT_WAIT_SECONDS)
        except Exception:  # Whatever it is must reach the test, not die with this thread.
            self.ledger.violate(f"client {self.habit}: {traceback.format_exc()}")

    def due(self):
        """How many events it is behind its schedule."""
        elapsed = time.monotonic() - self.traffic.began
        return min(self.share, int(self.share * elapsed / self.traffic.seconds) + 1) - self.sent

    def turn(self, connection):
        count = min(self.due(), self.random.choice((1, 10, 50, 200)))
        if count <= 0 or self.traffic.paused_at is not None:
            time.sleep(0.005)
            return
        self.traffic.was_busy = False
        fresh = [self.ledger.begin("text-minus" if self.random.random() < 0.2 else "text",
                                   resend=self.traffic.identity() if self.once else None, pool=COUNTERS_IN_TURN)
                 for _ in range(count)]
        again = self.traffic.take_again(50) if self.once else []
        repeats = self.repeats()
        self.asking = self.node
        try:
            exchange(connection, self.operations(fresh, again, repeats))
        finally:
            self.asking = None
            self.sent += count - self.refused(fresh)
        if self.traffic.was_busy:
            time.sleep(BUSY_WAIT_SECONDS)

    @staticmethod
    def refused(events):
        return sum(1 for event in events if event.weight & event.counter.dead)

    def repeats(self):
        """Some that were acknowledged before, perhaps by the other node."""
        if not self.once or not self.traffic.answered or self.random.random() > 0.3:
            return []
        try:
            return list({self.random.choice(self.traffic.answered) for _ in range(5)})
        except (IndexError, RuntimeError):  # Another thread has just changed it.
            return []

    def operations(self, fresh, again, repeats):
        traffic = self.traffic
        if self.kind is Http:
            found = [Events(traffic, fresh)]
            found += [Events(traffic, again)] if again else []
            return found + ([Events(traffic, repeats, repeat=True)] if repeats else [])
        if not self.once:
            return [Add(traffic, event) for event in fresh]
        return ([AddOnce(traffic, event) for event in again + fresh]
                + [AddOnce(traffic, event, repeat=True) for event in repeats])

    def send_again(self):
        events = self.traffic.take_again(200)
        try:
            with Resp(self.traffic.nodes[self.number % len(self.traffic.nodes)].resp_port, ANSWER_SECONDS_MAX) as resp:
                self.number += 1
                self.traffic.was_busy = False
                exchange(resp, [AddOnce(self.traffic, event) for event in events])
        except Lost:
            time.sleep(CONNECT_WAIT_SECONDS)
        if self.traffic.was_busy:
            time.sleep(BUSY_WAIT_SECONDS)
