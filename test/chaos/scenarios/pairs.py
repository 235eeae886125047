"""Two faults at once, again and again, under traffic: each pair of 1, 7, 12, 38, 41, 43, 46 of docs/faults.md that this form can meet.
`test/faults/pairs.py` has those of one process, and writes the page of all 28."""

import contextlib
import functools
import itertools
import os
import random
import signal
import threading
import time
import urllib.parse

from fleet.cluster import Cluster
from fleet.proxy import TO_CLIENT, TO_SERVER, FaultProxy
from fleet.traffic import Traffic
from harness.context import expect

from .kafka import GIVEN_UP, SETTINGS, STOPPED_SECONDS, total
from .links import broker_behind_a_proxy
from .power import SYNC_SECONDS, Mains
from .workers import finish

SLEEPS_SECONDS = 8.0  # Longer than a worker's session.
WORKERS_MORE = 3
UNTIL_SHARE = 0.85    # Of the events: then the faults end.


class Place:
    """The cluster with what the pair's faults need around it. A process that one fault has in hand is no other's."""

    def __init__(self, context, stack, pair):
        self.context = context
        self.servers = context.servers
        self.lock = threading.Lock()
        self.busy = set()
        self.kafka_proxy = self.postgres_proxy = self.mains = None
        settings = dict(SETTINGS) if 38 in pair else {}
        if 43 in pair:
            self.servers, self.kafka_proxy = stack.enter_context(broker_behind_a_proxy(context))
            settings["kafka.brokers"] = self.servers.address["kafka"]
        if 12 in pair:
            self.mains = stack.enter_context(Mains(context, "cassandra"))
            settings["cassandra.contact_points"] = self.mains.servers.address["cassandra"]
        if 46 in pair:
            url = context.servers.address["postgres"]
            name = f"pair{context.seed}_{pair[0]}_{pair[1]}"
            context.run(["psql", url, "-X", "-q", "-c", f"CREATE DATABASE {name}"])
            settings |= {"store.kind": "postgres", "postgres.url": url.rpartition("/")[0] + "/" + name}
        self.cluster = Cluster(context, f"pair{pair[0]}x{pair[1]}", settings)
        if 43 in pair:
            for process in (self.cluster.nodes[1], self.cluster.workers[0]):
                process.settings["kafka.brokers"] = f"127.0.0.1:{self.kafka_proxy.port}"
        if 46 in pair:
            port = urllib.parse.urlsplit(settings["postgres.url"]).port
            self.postgres_proxy = stack.enter_context(FaultProxy(port, seed=context.seed))
            for worker in self.cluster.workers:
                worker.settings["postgres.url"] = settings["postgres.url"].replace(f":{port}/", f":{self.postgres_proxy.port}/")
        if 12 in pair:
            self.cluster.cassandra_port = self.mains.servers.port("cassandra")
        stack.enter_context(self.cluster)
        if 12 in pair:
            time.sleep(SYNC_SECONDS)  # Which log it counts from must outlive the cut.

    @contextlib.contextmanager
    def one_of(self, roles, chosen):
        """One that lives and that no other fault has in hand, or None."""
        with self.lock:
            free = [role for role in roles if role.alive() and role not in self.busy]
            role = chosen.choice(free) if free else None
            self.busy.add(role)
        try:
            yield role
        finally:
            with self.lock:
                self.busy.discard(role)


class Fault:
    """Strikes again and again in a thread of its own. `bites`: how often it reached the system."""

    def __init__(self, place, seed):
        self.place = place
        self.cluster = place.cluster
        self.random = random.Random(seed)
        self.bites = 0
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopping.wait(self.random.uniform(0.5, 2.5)):
                self.strike()
        except Exception as error:  # Told by `end`.
            self.error = error

    def end(self):
        self.stopping.set()
        self.thread.join(180.0)
        expect(not self.thread.is_alive(), f"{type(self).__name__} did not end")
        if self.error:
            raise self.error


class Kills(Fault):
    """1: SIGKILL of any process, which is started again."""

    def strike(self):
        with self.place.one_of(self.cluster.processes(), self.random) as role:
            if role:
                role.kill()
                self.bites += 1
                self.stopping.wait(self.random.uniform(0.0, 1.0))
                role.supervise()


class Sleeps(Fault):
    """7: a worker stands still past its session, and goes on."""

    def strike(self):
        with self.place.one_of(self.cluster.workers, self.random) as role:
            if role:
                os.kill(role.pid, signal.SIGSTOP)
                try:
                    time.sleep(SLEEPS_SECONDS)
                finally:
                    os.kill(role.pid, signal.SIGCONT)
                self.bites += 1


class Cuts(Fault):
    """12: a power cut under Cassandra, once in the middle."""

    def strike(self):
        if not self.bites:
            self.place.mains.cut()
            self.bites += 1
            self.place.mains.up()


class Stops(Fault):
    """38: the broker stands still until frames are given up."""

    def strike(self):
        before = total(self.cluster, GIVEN_UP)
        self.place.servers.stop("kafka-1")
        try:
            time.sleep(STOPPED_SECONDS)
        finally:
            self.place.servers.go_on("kafka-1")
        time.sleep(2.0)
        self.bites += total(self.cluster, GIVEN_UP) > before


class Storm(Fault):
    """41: workers join and leave every two seconds."""

    def __init__(self, place, seed):
        super().__init__(place, seed)
        self.more = []

    def strike(self):
        if len(self.more) < WORKERS_MORE:
            self.more.append(self.cluster.add_worker())
        else:
            with self.place.one_of(self.more, self.random) as role:
                if role:
                    role.stop()
                    self.more.remove(role)
        self.bites += 1


class Link(Fault):
    """43: the link to Kafka of one node and one worker is slow, half-open, cut in the middle."""

    def strike(self):
        proxy = self.place.kafka_proxy
        kind = self.random.randrange(3)
        if kind == 0:
            proxy.slow(0.02, 0.08)
        elif kind == 1:
            proxy.hold(TO_CLIENT)
        else:
            proxy.cut_after(self.random.randrange(20_000), self.random.choice((TO_SERVER, TO_CLIENT)))
        self.stopping.wait(3.0)
        proxy.go_on()
        self.bites += 1

    def end(self):
        super().end()
        self.place.kafka_proxy.go_on()
        expect(self.place.kafka_proxy.connections > 0, "nobody uses the proxy")


class Commits(Fault):
    """46: connections to PostgreSQL are lost around their COMMIT: behind some bytes of a request, or of an answer."""

    def strike(self):
        proxy = self.place.postgres_proxy
        before = proxy.cuts
        proxy.cut_after(self.random.randrange(1, 3000), self.random.choice((TO_SERVER, TO_CLIENT)))
        self.stopping.wait(1.0)
        proxy.go_on()
        self.bites += proxy.cuts - before


FAULTS = {1: Kills, 7: Sleeps, 12: Cuts, 38: Stops, 41: Storm, 43: Link, 46: Commits}
#: Those of one process are in test/faults/pairs.py; PostgreSQL on a disk of its own is not there.
NOT_HERE = ((1, 12), (1, 43), (12, 43), (12, 46))


def both(pair, context):
    """Both faults of a pair from the first tenth of the events on; then everything is judged."""
    with contextlib.ExitStack() as stack:
        place = Place(context, stack, pair)
        traffic = Traffic(place.cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.1)
        faults = [FAULTS[number](place, context.seed + number) for number in pair]
        for fault in faults:
            fault.thread.start()
        try:
            while traffic.running() and traffic.share() < UNTIL_SHARE:
                time.sleep(0.1)
        finally:
            for fault in faults:
                fault.stopping.set()
        for fault in faults:
            fault.end()
        traffic.finish()
        place.cluster.wait_owned()
        finish(context, place.cluster, traffic)
        for number, fault in zip(pair, faults):
            expect(fault.bites > 0, f"fault {number} did not reach the system")
        context.note(", ".join(f"{fault.bites:.0f} times {number}" for number, fault in zip(pair, faults)))


TESTS = ()
MORE = tuple((f"pair-{one}-{other}", functools.partial(both, (one, other)))
             for one, other in itertools.combinations(FAULTS, 2) if (one, other) not in NOT_HERE)
