"""A power cut under a server: what it had not synced is gone, on a disk of its own."""

import os
import signal
import time

from fleet import totals
from fleet.cluster import Cluster
from fleet.servers import Servers
from fleet.traffic import Traffic
from harness.context import eventually, expect
from harness.image import Image

from .lost import adopt, loss_is_named
from .workers import finish

MEGABYTES = 1024
SYNC_SECONDS = 12.0  # Cassandra's commit log is synced every 10 s.


class Powered:
    """A server as harness/image.py wants one: stopped, and killed after the cut."""

    def __init__(self, servers, name):
        self.pid = servers.pid(name)
        self.process = self

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


class Mains:
    """One server on a disk of its own, whose power can be cut. `with` ends both."""

    def __init__(self, context, service, settings=()):
        self.disk = Image(context.directory, MEGABYTES)
        self.service = service
        self.name = service if service == "postgres" else service + "-1"
        for above in (context.root, context.directory):
            above.chmod(0o711)  # PostgreSQL runs as a user of its own, who must come here.
        self.servers = Servers(self.disk.root / "servers", settings=settings)
        self.pids = []

    def __enter__(self):
        self.disk.__enter__()
        try:
            self.up()
            os.sync()
        except BaseException:  # Whatever it is, nothing stays mounted.
            self.__exit__()
            raise
        return self

    def up(self):
        self.servers.up(self.service)
        self.pids = [self.servers.pid(self.name)]
        data = self.servers.directory / self.name / "data"
        expect(self.disk.root in data.resolve().parents, f"{self.name} keeps its data at {data.resolve()}, not on the disk")

    def cut(self):
        """Returns whether what was written a moment before, and not synced, is what the disk loses."""
        unsynced = self.disk.root / "unsynced"
        unsynced.write_bytes(b"x" * 4096)
        self.disk.cut(Powered(self.servers, self.name))
        eventually(lambda: recover(self.disk), 20, "nobody has files open on the disk whose power was cut")
        expect(not unsynced.exists() or not unsynced.read_bytes(), "the cut took nothing: what was not synced is there")

    def __exit__(self, *_):
        for pid in self.pids:  # By number: what the disk says of them may be gone.
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGKILL)
        self.disk.__exit__()


def recover(disk):
    """The power is back, once the last thread that had files open there has ended. Whether it is."""
    try:
        disk.unmount()
    except AssertionError:
        return False
    disk.mount()
    return True


def events_in(cluster):
    return totals.events_in_cassandra(cluster.cassandra_port, cluster.stem, "counters")


def cut_under_cassandra(context, stem, mains):
    """The cut in the middle of the load. Returns how many events stood in the rows before and after it; the workers live on."""
    settings = {"cassandra.contact_points": mains.servers.address["cassandra"], "kafka.session_timeout": "45s"}
    with Cluster(context, stem, settings) as cluster:
        cluster.cassandra_port = mains.servers.port("cassandra")
        time.sleep(SYNC_SECONDS)  # Which log it counts from must outlive the cut: only what came after is at stake.
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.5)
        before = events_in(cluster)
        for worker in cluster.workers:
            os.kill(worker.pid, signal.SIGSTOP)  # So that what is left can be counted before they write.
        mains.cut()
        mains.up()
        after = events_in(cluster)
        for worker in cluster.workers:
            os.kill(worker.pid, signal.SIGCONT)
        cluster.wait_back(traffic)
        finish(context, cluster, traffic, stop=False)
        told = [line for worker in cluster.workers for line in worker.output().splitlines() if "may have forgotten rows" in line]
        expect(len(told) >= len(cluster.workers), f"the workers do not say that Cassandra may have forgotten rows: {told}")
        cluster.stop()
        context.note(f"{before} events stood in the rows before the cut, {after} after it")
        return before, after


def cassandra_by_default(context):
    """With Cassandra's defaults (a sync every 10 s) acknowledged rows are gone after the cut; the workers, which live on, write
    them again from their watermarks, which wait longer than that."""
    with Mains(context, "cassandra") as mains:
        before, after = cut_under_cassandra(context, "power", mains)
        expect(after < before, f"the cut took nothing: {before} events in the rows before it, {after} after it")


def cassandra_synced(context):
    """With a commit log that is synced before it answers, no row that was acknowledged is gone."""
    with Mains(context, "cassandra", ("cassandra.commitlog_sync=batch", "cassandra.commitlog_sync_period=0ms")) as mains:
        before, after = cut_under_cassandra(context, "power_synced", mains)
        expect(after >= before, f"the cut took rows: {before} events in them before it, {after} after it")


def postgres(context):
    """PostgreSQL, which syncs what it commits before it answers, loses its power twice under workers that live on: no row that was
    committed is gone, and what was under way is written again."""
    with Mains(context, "postgres") as mains:
        url = mains.servers.address["postgres"]
        context.run(["psql", url, "-X", "-q", "-c", "CREATE DATABASE power"])
        url = url.rpartition("/")[0] + "/power"
        with Cluster(context, "power_postgres", {"store.kind": "postgres", "postgres.url": url}) as cluster:
            traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
            before, after = [], []
            log = mains.servers.directory / "postgres" / "log"
            for share in (0.3, 0.6):
                traffic.wait_for(share)
                before.append(totals.events_in_postgres(url))
                for worker in cluster.workers:
                    os.kill(worker.pid, signal.SIGSTOP)  # So that what is left can be counted before they write.
                mains.cut()
                mains.up()
                expect("not properly shut down" in log.read_text().rpartition("starting PostgreSQL")[2],
                       f"PostgreSQL does not say that it was cut off: {log.read_text()[-2000:]}")
                after.append(totals.events_in_postgres(url))
                powered = time.monotonic()
                for worker in cluster.workers:
                    os.kill(worker.pid, signal.SIGCONT)
                eventually(lambda least=after[-1]: totals.events_in_postgres(url) > least, 60, "workers write again when the power is back")
                context.recovered(time.monotonic() - powered)
            finish(context, cluster, traffic)
            expect(all(left >= had for had, left in zip(before, after)), f"a cut took committed rows: {before} events in them before, {after} after")
            context.note(f"{len(before)} power cuts, each of which took what was not synced: {' and '.join(map(str, before))} events stood in "
                         f"the rows before them, {' and '.join(map(str, after))} after them")


def over_kafka_of_its_own(context, stem, mains):
    return Cluster(context, stem, {"kafka.brokers": mains.servers.address["kafka"]})


def kafka_synced(context):
    """A broker that syncs each record before it acknowledges it: no frame that was acknowledged is gone."""
    with Mains(context, "kafka", ("kafka.log.flush.interval.messages=1",)) as mains:
        with over_kafka_of_its_own(context, "kafka_synced", mains) as cluster:
            traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
            for share in (0.3, 0.6):
                traffic.wait_for(share)
                mains.cut()
                mains.up()
            cluster.wait_back(traffic)

            def bite():
                resent = sum(node.metric("quipu_api_frames_resent_total") for node in cluster.nodes)
                context.note(f"2 power cuts, each of which took what was not synced; {resent:.0f} frames were sent again")
                expect(resent > 0, "no frame was under way when the power was cut")

            finish(context, cluster, traffic, bite)


def kafka_by_default(context):
    """A broker answers before its disk has what it says: the cut takes frames that were acknowledged. That is found and named
    by nodes and workers, nothing is counted twice, nothing of it is guessed, and `quipu log adopt` goes on."""
    with Mains(context, "kafka") as mains:
        with over_kafka_of_its_own(context, "kafka_default", mains) as cluster:
            os.sync()  # The topic is there after the cut.
            times = 2 if context.all else 1  # The events of a scenario are to be settled before the cut, in its middle.
            traffic = Traffic(cluster.nodes, context.seed, context.say, times * context.events, times * context.seconds).start()
            traffic.wait_for(0.5)
            mains.cut()
            mains.up()
            loss_is_named(context, cluster, traffic)
            adopt(context, cluster, cluster.stem + "-next")


TESTS = ()
MORE = (("power-cassandra", cassandra_by_default), ("power-cassandra-synced", cassandra_synced),
        ("power-postgres", postgres), ("power-kafka-synced", kafka_synced), ("power-kafka", kafka_by_default))
