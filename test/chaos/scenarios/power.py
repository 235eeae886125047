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


def recover(disk):
    """The power is back, once the last thread that had files open there has ended. Whether it is."""
    try:
        disk.unmount()
    except AssertionError:
        return False
    disk.mount()
    return True


def under_cassandra(context):
    """With Cassandra's defaults (a sync every 10 s) acknowledged rows are gone after the cut; the workers, which live on, write
    them again from their watermarks, which wait longer than that."""
    with Image(context.directory, MEGABYTES) as disk:
        own = Servers(disk.root / "servers")
        own.up("cassandra")
        started = [own.pid("cassandra-1")]
        try:
            os.sync()
            cut_under(context, disk, own, started)
        finally:
            for pid in started:  # By number: what the disk says of them may be gone.
                if os.path.exists(f"/proc/{pid}"):
                    os.kill(pid, signal.SIGKILL)


def cut_under(context, disk, own, started):
    settings = {"cassandra.contact_points": own.address["cassandra"], "kafka.session_timeout": "45s"}
    with Cluster(context, "power", settings) as cluster:
        cluster.cassandra_port = own.port("cassandra")
        time.sleep(SYNC_SECONDS)  # Which log it counts from must outlive the cut: only what came after is at stake.
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        traffic.wait_for(0.5)
        before = totals.events_in_cassandra(own.port("cassandra"), cluster.stem, "counters")
        disk.cut(Powered(own, "cassandra-1"))
        for worker in cluster.workers:
            os.kill(worker.pid, signal.SIGSTOP)  # So that what is left can be counted before they write.
        eventually(lambda: recover(disk), 20, "nobody has files open on the disk whose power was cut")
        own.up("cassandra")
        started[:] = [own.pid("cassandra-1")]
        after = totals.events_in_cassandra(own.port("cassandra"), cluster.stem, "counters")
        for worker in cluster.workers:
            os.kill(worker.pid, signal.SIGCONT)
        expect(after < before, f"the cut took nothing: {before} events in the rows before it, {after} after it")
        finish(context, cluster, traffic)
        context.note(f"{before} events stood in the rows before the cut, {after} after it")


MORE = (("power-cassandra", under_cassandra),)
