"""API nodes and workers over one topic, one keyspace and one cache of their own."""

import re
import time

from harness.context import eventually
from harness.server import Server, StartFailed, free_ports
from harness.wire import Http, Lost, quote

from . import totals

METRICS_SECONDS_MAX = 2.0
CALM_SECONDS_MAX = 90.0
BACK_SECONDS_MAX = 30.0  # From the end of a fault until all is as before.
SILENT_SECONDS_MAX = 5.0  # A worker that Kafka has not answered for so long knows of no newer frame. It asks every second or two.
CALM_SECONDS = 1.5  # Longer than workers take to hear of the log's new end (a second).
READ_AT_ONCE = 100
AFTER_MS = 20_000
METRIC = re.compile(r'^(\w+)(?:\{partition="(\d+)"\})? (\S+)$')


class Role(Server):
    """One process: an API node or some workers. Its ports stay the same when it is started again."""

    def __init__(self, cluster, name, verb):
        directory = cluster.directory / name
        directory.mkdir()
        super().__init__(cluster.command, directory, directory, cluster.settings)
        self.name = name
        self.verb = verb
        self.http_port, self.resp_port = free_ports(2)
        self.told_to_end = False

    def words(self):
        http = f"127.0.0.1:{self.http_port}"
        if self.verb == "worker":
            return ["worker", "--workers", "1", "--listen", http]
        return ["api", "--http", http, "--resp", f"127.0.0.1:{self.resp_port}"]

    def stop(self):
        self.told_to_end = True
        super().stop()

    def start(self, wait=True, settings=None, same_ports=True):
        self.told_to_end = False
        return super().start(wait, settings, same_ports)

    def supervise(self):
        """Starts it, again and again where it finds no server, as what supervises processes does."""
        end = time.monotonic() + CALM_SECONDS_MAX
        while True:
            try:
                return self.start()
            except StartFailed:
                if time.monotonic() > end:
                    raise

    def metrics(self):
        """{name: value} and {name: {partition: value}}; empty where it does not answer."""
        plain, parted = {}, {}
        try:
            with Http(self.http_port, METRICS_SECONDS_MAX) as http:
                text = http.call("GET", "/metrics").body.decode()
        except Lost:
            return plain, parted
        for line in text.splitlines():
            if found := METRIC.match(line):
                name, partition, value = found.groups()
                if partition is None:
                    plain[name] = float(value)
                else:
                    parted.setdefault(name, {})[int(partition)] = float(value)
        return plain, parted

    def metric(self, name):
        return self.metrics()[0].get(name, 0)

    def read_offsets(self):
        """{partition: how far it has read}, of those that it owns."""
        return self.metrics()[1].get("quipu_worker_read_offset", {})

    def unflushed(self):
        """{partition: frames that it has counted and the store does not have yet}, of those that it owns."""
        parted = self.metrics()[1]
        read, flushed = (parted.get(f"quipu_worker_{kind}_offset", {}) for kind in ("read", "flushed"))
        return {partition: read[partition] - flushed.get(partition, 0) for partition in read}

    def has_unflushed(self):
        return any(frames > 0 for frames in self.unflushed().values())


class Cluster:
    """Runs while the `with` block lasts. `stem` names the topic, the keyspace, the group and the cache's prefix. `servers`: others than
    those of the run."""

    def __init__(self, context, stem, settings=None, nodes=2, workers=5, partitions=10, servers=None):
        self.context = context
        self.servers = servers or context.servers
        self.command = context.command
        self.directory = context.directory / stem
        self.directory.mkdir()
        self.stem = stem
        self.partitions = partitions
        at = self.servers.address
        self.settings = {
            "log.kind": "kafka", "kafka.brokers": at["kafka"], "kafka.topic": stem, "kafka.group": stem,
            "kafka.partitions": partitions, "kafka.replication": self.servers.brokers,
            "store.kind": "cassandra", "cassandra.contact_points": at["cassandra"], "cassandra.keyspace": stem,
            "cassandra.replication": 1, "cache.kind": "redis", "redis.address": at["redis"],
            "redis.prefix": stem + ":", "flush.interval": "1s", "kafka.session_timeout": "6s", **(settings or {})}
        self.cassandra_port = self.servers.port("cassandra")
        self.redis_port = self.servers.port("redis")
        self.nodes = [Role(self, f"api-{number}", "api") for number in range(1, nodes + 1)]
        self.workers = [Role(self, f"worker-{number}", "worker") for number in range(1, workers + 1)]

    @property
    def set_words(self):
        """The settings as words of a command line."""
        return [word for key, value in self.settings.items() for word in ("--set", f"{key}={value}")]

    def processes(self):
        return self.nodes + self.workers

    def start(self):
        """The first node alone, since it makes topic and keyspace; then all others at once; then all partitions owned."""
        self.nodes[0].start()
        rest = self.nodes[1:] + self.workers
        for role in rest:
            role.start(wait=False)
        for role in rest:
            role.wait_ready()
        self.wait_owned()
        return self

    def add_worker(self):
        role = Role(self, f"worker-{len(self.workers) + 1}", "worker")
        self.workers.append(role)
        return role.start()

    def owners(self):
        """{partition: names of the workers that say they own it}."""
        found = {}
        for worker in self.workers:
            if worker.alive():
                for partition in worker.read_offsets():
                    found.setdefault(partition, []).append(worker.name)
        return found

    def read_offsets(self):
        """{partition: how far it is read}, by who owns it."""
        found = {}
        for worker in self.workers:
            if worker.alive():
                found.update(worker.read_offsets())
        return found

    def wait_owned(self, seconds=CALM_SECONDS_MAX, without=()):
        """Until each partition has an owner, none of them among `without`."""
        end = time.monotonic() + seconds
        while True:
            owners = {partition: [name for name in names if name not in without]
                      for partition, names in self.owners().items()}
            if sum(bool(names) for names in owners.values()) >= self.partitions:
                return owners
            if time.monotonic() > end:
                raise AssertionError(f"not all {self.partitions} partitions have an owner after {seconds:.0f} s: {owners}; "
                                     f"{self.last_words()}")
            time.sleep(0.2)

    def wait_back(self, traffic):
        """From the end of a fault, which is now, until all is as before under the traffic that goes on: events are acknowledged, every
        partition has an owner, and what the log had by then is flushed. Tells the scenario how long that took."""
        began = time.monotonic()
        acked = traffic.ledger.events["acked"]
        ends = {}

        def as_before():
            nonlocal ends
            found = [worker.metrics()[1] for worker in self.workers if worker.alive()]
            read, lag, flushed = ({partition: value for parted in found for partition, value in parted.get(f"quipu_worker_{name}", {}).items()}
                                  for name in ("read_offset", "lag_frames", "flushed_offset"))
            if not ends and len(read) >= self.partitions:
                ends = {partition: read[partition] + lag.get(partition, 0) for partition in read}
            return (bool(ends) and all(flushed.get(partition, -1) >= end for partition, end in ends.items())
                    and (traffic.ledger.events["acked"] > acked or not traffic.running()))

        # A quick run shares its machine with builds.
        seconds = BACK_SECONDS_MAX if self.context.all else 2 * BACK_SECONDS_MAX
        eventually(as_before, seconds, "events are acknowledged, every partition has an owner, and what the log had is flushed")
        self.context.recovered(time.monotonic() - began)

    def wait_calm(self, seconds=CALM_SECONDS_MAX):
        """Until every partition has one owner that has read and flushed all there is, and stays so. Returns how long it took."""
        began = time.monotonic()
        end = began + seconds
        calm_since = None
        while True:
            problem = self.unrest()
            now = time.monotonic()
            if problem:
                calm_since = None
            elif calm_since is None:
                calm_since = now
            elif now - calm_since >= CALM_SECONDS:
                return calm_since - began
            if now > end:
                raise AssertionError(f"not calm {seconds:.0f} s after the last fault: {problem}; {self.last_words()}")
            time.sleep(0.2)

    def unrest(self):
        owned = {}
        for worker in self.workers:
            if not worker.alive():
                continue
            plain, parted = worker.metrics()
            if not plain:
                return f"{worker.name} does not answer"
            if plain["quipu_worker_kafka_silent_seconds"] > SILENT_SECONDS_MAX:
                return f"{worker.name} hears nothing from Kafka for {plain['quipu_worker_kafka_silent_seconds']:.0f} s"
            for partition, read in parted.get("quipu_worker_read_offset", {}).items():
                if partition in owned:
                    return f"partition {partition} has two owners"
                owned[partition] = worker.name
                lag = parted["quipu_worker_lag_frames"][partition]
                flushed = parted["quipu_worker_flushed_offset"][partition]
                if lag or flushed < read:
                    return f"{worker.name}: partition {partition} lags {lag:.0f} frames, has read {read:.0f}, flushed {flushed:.0f}"
                if parted["quipu_worker_stopped"][partition]:
                    return f"{worker.name}: partition {partition} has an alarm"
        if len(owned) < self.partitions:
            return f"{self.partitions - len(owned)} partitions have no owner"
        return None

    def must_live(self, *but):
        """No process has ended but those that were told to."""
        for role in self.processes():
            if role not in but and role.process and not role.alive() and not role.told_to_end:
                raise AssertionError(f"{role.name} ended by itself with exit code {role.process.returncode}; it said:\n"
                                     f"{role.output()[-3000:]}")

    def stored(self):
        """Every counter's total in the store: {(namespace, name): total}."""
        if self.settings["store.kind"] == "postgres":
            return totals.in_postgres(self.settings["postgres.url"])
        if self.settings["store.kind"] == "cassandra-counters":
            return totals.in_counter_columns(self.cassandra_port, self.stem)
        return totals.in_cassandra(self.cassandra_port, self.stem)

    def cached(self, counters):
        """Of those of `counters` that Redis holds whole."""
        return totals.in_redis(self.redis_port, self.settings["redis.prefix"], counters)

    def served(self, node, counters, positions=()):
        """The totals that a node answers over HTTP, those of `positions` included: {(namespace, name): total}."""
        after = f"&after={','.join(positions)}&timeout={AFTER_MS}" if positions else ""
        found = {}
        with Http(node.http_port, 60.0) as http:
            for begin in range(0, len(counters), READ_AT_ONCE):
                part = counters[begin:begin + READ_AT_ONCE]
                query = "&".join("counter=" + quote(name) for _, name in part)
                answer = http.call("GET", f"/v1/counters/default?{query}{after}")
                if answer.status != 200:
                    raise AssertionError(f"{node.name} answered {answer!r} to a read of {len(part)} counters")
                for (space, name), item in zip(part, answer.json()["counters"]):
                    if item["counter"].encode() != name:
                        raise AssertionError(f"{node.name} answered {item['counter']!r} where {name!r} was asked for")
                    found[space, name] = item["value"]
        return found

    def stop(self):
        """SIGTERM to all, workers last, which must end with 0."""
        for role in self.nodes + self.workers:
            if role.alive():
                role.stop()

    def abandon(self):
        """Whatever still runs is killed."""
        for role in self.processes():
            if role.alive():
                role.kill()

    def last_words(self):
        """The ends of what the processes said, warnings and errors first."""
        words = []
        for role in self.processes():
            told = [line for line in role.output().splitlines() if " warn" in line or " error" in line][-3:]
            words += [f"{role.name}: {line}" for line in told]
        return "\n".join(words[-30:])

    def __enter__(self):
        try:
            return self.start()
        except BaseException:  # Whatever it is, no process outlives it.
            self.abandon()
            raise

    def __exit__(self, *_):
        self.abandon()
