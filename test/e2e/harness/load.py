"""The load: several connections at once, each with a habit of its own, until the server dies or is told to stop."""

import collections
import random
import threading
import traceback

from .ledger import Tally
from .operations import (HttpAdd, HttpBatch, HttpRead, RespAdd, RespAddOnce, RespRead, RespTransaction, View, exchange)
from .registers import RegisterUser
from .wire import Http, Lost, Resp

HABITS = ("plain", "plain", "bulk", "once", "transactions", "single", "batches", "source", "memory", "views",
          "registers", "registers")


class Load:
    """What the workers share. `start` after every start of the server, `finish` when it is dead or to be calm."""

    def __init__(self, ledger, seed, habits=HABITS, pause=0.0, long_names=1000, repeat_of_last=5000):
        self.ledger = ledger
        self.random = random.Random(seed)
        self.pause = pause  # Seconds between two turns of a worker, at most.
        self.long_names = long_names  # How many counters with long names take turns.
        self.sent_twice = False  # Something on the way repeats what is sent: even a new id may be known already.
        self.events_again = collections.deque()  # Events with ids whose fate is unknown.
        self.views_again = collections.deque()
        self.answered = collections.deque(maxlen=repeat_of_last)  # With ids, acknowledged: sent again for spite.
        self.tallies = {resend: [Tally(b"%s-video-%d-%d" % (ledger.prefix, resend, n), resend) for n in range(8)]
                        for resend in (False, True)}
        ledger.tallies += self.tallies[False] + self.tallies[True]
        self.identities = 0
        self.lock = threading.Lock()
        self.workers = [Worker(self, habit, number) for number, habit in enumerate(habits)]
        self.threads = []
        self.stopping = False

    def identity(self):
        """A new id, unlike all others."""
        with self.lock:
            self.identities += 1
            return f"{self.ledger.prefix.decode()}:{self.identities}"

    def again(self, events):
        """These are to be sent once more, where they can be."""
        self.events_again.extend(event for event in events if event.resend and isinstance(event.id, str))

    def take_again(self, most):
        """Up to `most` events to send again. Other connections may have had them answered meanwhile."""
        taken = []
        while len(taken) < most:
            try:
                taken.append(self.events_again.popleft())
            except IndexError:
                break
        return taken

    def start(self, server, only=None):
        """Lets the workers loose: all, or those of some habits."""
        self.stopping = False
        self.threads = [threading.Thread(target=worker.run, args=(server,), daemon=True) for worker in self.workers
                        if only is None or worker.habit in only]
        for thread in self.threads:
            thread.start()

    def finish(self):
        """Waits for all workers; with a living server they end after what they are in the middle of."""
        self.stopping = True
        for thread in self.threads:
            thread.join(60.0)
            if thread.is_alive():
                raise AssertionError("a connection did not come to the end of its turn within 60 s")

    def send_again(self, server):
        """Sends everything whose fate is unknown and may be sent again, until all of it is answered."""
        while self.events_again:
            events = self.take_again(200)
            with Resp(server.resp_port) as resp:
                exchange(resp, [RespAddOnce(self, event) for event in events])
            self.ledger.events["resent"] += len(events)
        with Http(server.http_port) as http:
            while self.views_again:
                tally, identity = self.views_again.popleft()
                exchange(http, [View(self, tally, identity, again=True)])
            for worker in self.workers:
                worker.send_source_again(http)


class Worker:
    """One connection at a time, one habit."""

    def __init__(self, load, habit, number):
        self.load = load
        self.ledger = load.ledger
        self.habit = habit
        self.random = random.Random(load.random.random())
        self.source_name = f"{self.ledger.prefix.decode()}-source-{number}"
        self.sequence = 0
        self.pending = []  # Of the source: sent, and not acknowledged yet.
        self.sent = []     # Of the source: the last batch that was acknowledged.
        self.register_user = RegisterUser(self.ledger, self.random, number) if habit == "registers" else None

    def run(self, server):
        try:
            step = getattr(self, self.habit)
            over_http = self.habit in ("bulk", "single", "batches", "batches_once", "source", "memory", "views")
            with (Http if over_http else Resp)(server.resp_port if not over_http else server.http_port) as connection:
                if self.register_user:
                    self.register_user.connect(server)
                while not self.load.stopping:
                    step(connection)
                    if self.load.pause:
                        threading.Event().wait(self.load.pause * self.random.random())
        except Lost:
            pass
        except Exception:
            self.ledger.violate(f"habit {self.habit}: {traceback.format_exc()}")

    def kind(self):
        return self.random.choice(["text", "bytes", "text", "bytes-minus"])

    def reads(self, most):
        counters = [self.ledger.some_counter() for _ in range(self.random.randint(1, most))]
        return [counter for counter in counters if counter is not None]

    def plain(self, resp):
        operations = []
        for _ in range(self.random.choice([1, 1, 4, 16, 64])):
            if self.random.random() < 0.8:
                operations.append(RespAdd(self.load, self.ledger.begin(self.kind())))
            elif counters := self.reads(6):
                operations.append(RespRead(self.load, counters))
        if operations:
            exchange(resp, operations)

    def bulk(self, http):
        """Big batches of long names: these fill the log's segments."""
        events = [self.ledger.begin("long", pool=self.load.long_names) for _ in range(self.random.choice([50, 300, 800]))]
        exchange(http, [HttpBatch(self.load, events)])

    def once(self, resp):
        again = self.load.take_again(20)
        fresh = [self.ledger.begin(self.kind(), resend=self.load.identity()) for _ in range(self.random.randint(1, 20))]
        repeats = [self.random.choice(self.load.answered) for _ in range(5) if self.load.answered]
        operations = [RespAddOnce(self.load, event) for event in again + fresh]
        operations += [RespAddOnce(self.load, event, repeat=True) for event in repeats]
        exchange(resp, operations)
        with self.ledger.lock:
            self.ledger.events["resent"] += len(again) + len(repeats)
        self.load.answered.extend(event for event in again + fresh if event.counter.acked & event.weight)

    def transactions(self, resp):
        exchange(resp, [RespTransaction(self.load, [self.ledger.begin(self.kind()) for _ in range(self.random.randint(2, 8))])
                        for _ in range(self.random.choice([1, 1, 3]))])

    def single(self, http):
        operations = [HttpAdd(self.load, event) for event in self.load.take_again(3)]
        for _ in range(self.random.choice([1, 1, 8])):
            identity = self.load.identity() if self.random.random() < 0.4 else None
            operations.append(HttpAdd(self.load, self.ledger.begin(self.kind(), resend=identity)))
            if self.random.random() < 0.3:
                operations += [HttpRead(self.load, counter) for counter in self.reads(1)]
        exchange(http, operations)

    def batches(self, http):
        self.batch(http, with_ids=self.random.random() < 0.4)

    def batches_once(self, http):
        self.batch(http, with_ids=True)

    def batch(self, http, with_ids):
        events = [self.ledger.begin("text", resend=self.load.identity() if with_ids else None)
                  for _ in range(self.random.choice([1, 5, 40, 150]))]
        exchange(http, [HttpBatch(self.load, events)])

    def new_source_events(self, count):
        events = []
        for _ in range(count):
            self.sequence += 1
            events.append(self.ledger.begin("text", resend=self.sequence))
        return events

    def source_batch(self, http, events):
        self.pending = events
        exchange(http, [HttpBatch(self.load, events, self.source_name)])
        if all(event.counter.acked & event.weight for event in events):
            self.pending, self.sent = [], events

    def send_source_again(self, http, while_wanted=False):
        """What the source has in flight, cut anew, in order: until all of it is acknowledged, or the load is to stop."""
        while self.pending and not (while_wanted and self.load.stopping):
            middle = self.random.randint(1, len(self.pending))
            first, rest = self.pending[:middle], self.pending[middle:]
            try:
                self.source_batch(http, first)
            finally:
                self.pending = self.pending + rest
            self.ledger.events["resent"] += len(first)

    def source(self, http):
        if self.pending:
            self.send_source_again(http, while_wanted=True)
        elif self.sent and self.random.random() < 0.2:
            exchange(http, [HttpBatch(self.load, self.sent, self.source_name)])  # All known: must change nothing.
        else:
            self.source_batch(http, self.new_source_events(self.random.choice([1, 10, 60])))

    def memory(self, http):
        operations = []
        for _ in range(self.random.choice([1, 10])):
            operations.append(HttpAdd(self.load, self.ledger.begin("text"), memory=True))
        if self.random.random() < 0.3:
            operations.append(HttpRead(self.load, operations[0].events[0].counter))
        exchange(http, operations)

    def views(self, http):
        operations = []
        for _ in range(self.random.choice([1, 10])):
            if self.load.views_again and self.random.random() < 0.5:
                try:
                    tally, identity = self.load.views_again.popleft()
                    operations.append(View(self.load, tally, identity, again=True))
                except IndexError:
                    pass
            resend = self.random.random() < 0.5
            tally = self.random.choice(self.load.tallies[resend])
            operations.append(View(self.load, tally, self.load.identity() if resend else None))
        exchange(http, operations)

    def registers(self, resp):
        self.register_user.step(resp)
