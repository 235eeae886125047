"""Two faults at once, again and again, under traffic: each pair of 1, 7, 12, 18, 38, 41, 43, 46 of docs/faults.md that needs this form.
`test/faults/pairs.py` has those of one process, and writes the page of all 28."""

import contextlib
import functools
import itertools
import os
import random
import signal
import threading
import time
import subprocess
import urllib.parse

from fleet.cluster import Cluster
from fleet.proxy import TO_CLIENT, TO_SERVER, FaultProxy
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import expect

from .kafka import GIVEN_UP, SETTINGS, STOPPED_SECONDS, total
from .links import broker_behind_a_proxy
from .power import SYNC_SECONDS, Mains
from .workers import finish

SLEEPS_SECONDS = 8.0  # Longer than a worker's session.
JOINS_SECONDS = 8.0  # Until who joins has partitions.
WORKERS_MORE = 3
UNTIL_SHARE = 0.85    # Of the events: then the faults end.
SYNC_FAILS_SECONDS = 10.0
BROKER_ENDS_SECONDS = 15.0  # After a sync of its failed.


class Place:
    """The cluster with what the pair's faults need around it. A process that one fault has in hand is no other's."""

    def __init__(self, context, stack, pair):
        self.context = context
        self.servers = context.servers
        self.lock = threading.Lock()
        self.busy = set()
        self.broker = threading.Lock()  # Held by a fault that has the broker in hand.
        self.kafka_proxy = self.postgres_proxy = self.mains = self.postgres = None
        settings = dict(SETTINGS) if 38 in pair else {}
        if 18 in pair and 46 not in pair:
            # One that syncs what it acknowledges: else there is no sync to fail.
            self.servers = stack.enter_context(OwnServers(context, "kafka", settings=("kafka.log.flush.interval.messages=1",)))
            settings["kafka.brokers"] = self.servers.address["kafka"]
        if 43 in pair:
            self.servers, self.kafka_proxy = stack.enter_context(broker_behind_a_proxy(context))
            settings["kafka.brokers"] = self.servers.address["kafka"]
        if 12 in pair:
            self.mains = stack.enter_context(Mains(context, "postgres" if 46 in pair else "cassandra"))
        if 46 in pair:
            self.postgres = self.mains.servers if self.mains else context.servers
            if 18 in pair:
                self.postgres = stack.enter_context(OwnServers(context, "postgres"))
            url = self.postgres.address["postgres"]
            name = f"pair{context.seed}_{pair[0]}_{pair[1]}"
            context.run(["psql", url, "-X", "-q", "-c", f"CREATE DATABASE {name}"])
            settings |= {"store.kind": "postgres", "postgres.url": url.rpartition("/")[0] + "/" + name}
        elif self.mains:
            settings["cassandra.contact_points"] = self.mains.servers.address["cassandra"]
        self.cluster = Cluster(context, f"pair{pair[0]}x{pair[1]}", settings)
        if 43 in pair:
            for process in (self.cluster.nodes[1], self.cluster.workers[0]):
                process.settings["kafka.brokers"] = f"127.0.0.1:{self.kafka_proxy.port}"
        if 46 in pair:
            port = urllib.parse.urlsplit(settings["postgres.url"]).port
            self.postgres_proxy = stack.enter_context(FaultProxy(port, seed=context.seed))
            for worker in self.cluster.workers:
                worker.settings["postgres.url"] = settings["postgres.url"].replace(f":{port}/", f":{self.postgres_proxy.port}/")
        on_cassandra = self.mains and 46 not in pair
        if on_cassandra:
            self.cluster.cassandra_port = self.mains.servers.port("cassandra")
        stack.enter_context(self.cluster)
        if on_cassandra:
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
    """7: a worker stands still past its session, others take its partitions over, and it goes on."""

    def strike(self):
        with self.place.one_of(self.cluster.workers, self.random) as role:
            if role:
                owned = set(role.read_offsets())
                os.kill(role.pid, signal.SIGSTOP)
                try:
                    time.sleep(SLEEPS_SECONDS)
                    others = [worker for worker in self.cluster.workers if worker is not role and worker.alive()]
                    self.bites += any(owned & set(other.read_offsets()) for other in others)
                finally:
                    os.kill(role.pid, signal.SIGCONT)


class Cuts(Fault):
    """12: a power cut under Cassandra or PostgreSQL, once in the middle."""

    def strike(self):
        if not self.bites:
            self.place.mains.cut()
            self.bites += 1
            self.place.mains.up()


class FailedSync(Fault):
    """18: a sync of the broker or of PostgreSQL fails, once in a while. The broker ends of it and is started again; PostgreSQL ends all
    its sessions, and reads its log again."""

    def strike(self):
        with self.place.broker:
            self.bites += self.fail_postgres() if self.place.postgres else self.fail_broker()
        self.stopping.wait(3.0)

    def fail_broker(self):
        servers = self.place.servers
        pid = servers.pid("kafka-1")
        failed = self.fail_sync("-f", "-p", str(pid))
        end = time.monotonic() + BROKER_ENDS_SECONDS
        while failed and running(pid) and time.monotonic() < end:
            time.sleep(0.05)
        if not running(pid):
            servers.up("kafka-1")
        return failed

    def fail_postgres(self):
        servers = self.place.postgres
        # Those that there are, and not those that it starts to read its log again.
        pid = servers.pid("postgres")
        failed = self.fail_sync(*(word for each in children(pid) for word in ("-p", str(each))))
        time.sleep(1.0)
        if not running(pid):
            servers.up("postgres")
        return failed

    def fail_sync(self, *processes):
        """Has the next sync of each thread of these fail as a disk does, until the first has. Whether it did, in the time there is."""
        record = self.place.context.directory / "syncs"
        record.unlink(missing_ok=True)
        strace = subprocess.Popen(["strace", "-qq", "-o", str(record), "-e", "trace=fsync,fdatasync", "-e",
                                   "inject=fsync,fdatasync:error=EIO:when=1", *processes],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + SYNC_FAILS_SECONDS
            while not injected(record) and time.monotonic() < end and strace.poll() is None:
                time.sleep(0.02)
        finally:
            strace.terminate()
            strace.wait(30)
        return injected(record)


def injected(record):
    return record.exists() and b"(INJECTED)" in record.read_bytes()


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(each) for each in file.read().split()]


class Stops(Fault):
    """38: the broker stands still until frames are given up."""

    def strike(self):
        with self.place.broker:
            before = total(self.cluster, GIVEN_UP)
            self.place.servers.stop("kafka-1")
            try:
                time.sleep(STOPPED_SECONDS)
            finally:
                self.place.servers.go_on("kafka-1")
        time.sleep(2.0)
        self.bites += total(self.cluster, GIVEN_UP) > before


class Storm(Fault):
    """41: workers join, get partitions and leave, every few seconds."""

    def __init__(self, place, seed):
        super().__init__(place, seed)
        self.more = []

    def strike(self):
        if len(self.more) < WORKERS_MORE:
            with self.place.broker:  # A worker that finds no broker when it starts ends.
                joined = self.cluster.add_worker()
            self.more.append(joined)
            end = time.monotonic() + JOINS_SECONDS
            while joined.alive() and not joined.read_offsets() and time.monotonic() < end and not self.stopping.wait(0.2):
                pass
            self.bites += bool(joined.read_offsets())
        else:
            with self.place.one_of(self.more, self.random) as role:
                if role:
                    owned = role.read_offsets()
                    role.stop()
                    self.more.remove(role)
                    self.bites += bool(owned)


class Link(Fault):
    """43: the link to Kafka of one node and one worker is slow, half-open, cut in the middle."""

    def strike(self):
        proxy = self.place.kafka_proxy
        kind = self.random.randrange(3)
        cuts, carried = proxy.cuts, proxy.bytes[TO_SERVER]
        if kind == 0:
            proxy.slow(0.02, 0.08)
        elif kind == 1:
            proxy.hold(TO_CLIENT)
        else:
            proxy.cut_after(self.random.randrange(20_000), self.random.choice((TO_SERVER, TO_CLIENT)))
        self.stopping.wait(3.0)
        self.bites += proxy.cuts - cuts if kind == 2 else proxy.bytes[TO_SERVER] > carried
        proxy.go_on()

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


FAULTS = {1: Kills, 7: Sleeps, 12: Cuts, 18: FailedSync, 38: Stops, 41: Storm, 43: Link, 46: Commits}
#: Those of one process: in test/faults/pairs.py.
NOT_HERE = ((1, 12), (1, 18), (1, 43), (12, 18), (12, 43), (18, 43))


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
        place.cluster.wait_back(traffic)
        finish(context, place.cluster, traffic)
        for number, fault in zip(pair, faults):
            expect(fault.bites > 0, f"fault {number} did not reach the system")
        context.note(", ".join(f"{fault.bites:.0f} times {number}" for number, fault in zip(pair, faults)))


TESTS = ()
MORE = tuple((f"pair-{one}-{other}", functools.partial(both, (one, other)))
             for one, other in itertools.combinations(FAULTS, 2) if (one, other) not in NOT_HERE)
