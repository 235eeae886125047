"""PostgreSQL behind an address that goes over to a standby which lacks what was committed last: first while that takes no writes, then
when it was made the primary."""

import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

from fleet import totals
from fleet.cluster import Cluster
from fleet.proxy import FaultProxy
from fleet.servers import OwnServers
from fleet.traffic import Traffic
from harness.context import eventually, expect
from local_services import postgres
from local_services.process import free_port

from .workers import finish

READ_ONLY_SECONDS = 4.0
COPY_SECONDS_MAX = 60
END_SECONDS_MAX = 20


def at_port(url, port):
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{parts.hostname}:{port}").geturl()


def failover(context):
    """The address of PostgreSQL goes over to a standby that takes no writes and lacks what was committed last; the old primary is
    killed, the standby made one. The workers live on: they go by what it has, and write again what it lacks."""
    with OwnServers(context, "postgres") as primary:
        url = primary.address["postgres"]
        port = urllib.parse.urlsplit(url).port
        with Standby(context, url, port) as standby, FaultProxy(port, seed=context.seed) as address:
            settings = {"store.kind": "postgres", "postgres.url": at_port(url, address.port)}
            with Cluster(context, "standby", settings) as cluster:
                fail_over(context, cluster, primary, standby, address)


def fail_over(context, cluster, primary, standby, address):
    url = primary.address["postgres"]
    traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
    traffic.wait_for(0.3)
    eventually(lambda: totals.events_in_postgres(standby.url) > 0, 20, "the standby has what the primary has")
    standby.link.hold()  # Half-open: it hears nothing more, and does not know.
    traffic.wait_for(0.5)
    left, before = totals.events_in_postgres(standby.url), totals.events_in_postgres(url)
    expect(left < before, f"the standby is not behind: {left} events stand in its rows, {before} in those of the primary")

    address.turn_to(standby.port)
    time.sleep(READ_ONLY_SECONDS)
    expect(totals.events_in_postgres(standby.url) == left, "a standby took writes")
    primary.kill("postgres")
    standby.promote()
    promoted = time.monotonic()
    eventually(lambda: totals.events_in_postgres(standby.url) > before, 60, "what it lacked is written again, and more")
    context.recovered(time.monotonic() - promoted)

    finish(context, cluster, traffic, stop=False)
    told = [worker.name for worker in cluster.workers if "may have forgotten rows" in worker.output()]
    expect(len(told) == len(cluster.workers), f"of the workers only {told} say that PostgreSQL may have forgotten rows")
    cluster.stop()
    context.note(f"{before} events stood in the rows of the primary, {left} in those of the standby that took over")


class Standby:
    """A PostgreSQL that follows another through a proxy, which is `link`. `with` ends both."""

    def __init__(self, context, primary_url, primary_port):
        self.context = context
        self.link = FaultProxy(primary_port, seed=context.seed)
        self.followed = at_port(primary_url, self.link.port)
        self.port = free_port(postgres.HOST)
        self.url = at_port(primary_url, self.port)
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="quipu-standby-"))  # Its user may go there.
        self.said = context.directory / "standby.log"
        self.process = None

    def __enter__(self):
        self.link.__enter__()
        try:
            self.copy_and_start()
        except BaseException:  # Whatever it is, nothing outlives it.
            self.__exit__()
            raise
        return self

    def copy_and_start(self):
        user = postgres.account()
        who = {"user": user, "group": user, "extra_groups": []} if user else {}
        if user:
            shutil.chown(self.place, user, user)
        data = self.place / "data"
        with self.said.open("w") as said:
            io = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": subprocess.STDOUT, "cwd": "/", **who}
            copied = subprocess.run([postgres.program("pg_basebackup"), "-d", self.followed, "-D", data, "-R", "-X", "stream", "-c", "fast"],
                                    timeout=COPY_SECONDS_MAX, check=False, **io)
            expect(copied.returncode == 0, f"pg_basebackup: {self.said.read_text()[-2000:]}")
            self.process = subprocess.Popen([postgres.program("postgres"), "-D", data, "-h", postgres.HOST, "-p", str(self.port), "-k", "",
                                             "-c", "max_connections=60"], **io)
        eventually(self.follows, 30, "the standby follows the primary")

    def follows(self):
        expect(self.process.poll() is None, f"the standby ended: {self.said.read_text()[-2000:]}")
        try:
            return totals.asked_of_postgres(self.url, "SELECT status FROM pg_stat_wal_receiver") == ["streaming"]
        except AssertionError:  # It is starting.
            return False

    def promote(self):
        expect(totals.asked_of_postgres(self.url, "SELECT pg_promote()") == ["t"], "the standby was not made the primary")

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(signal.SIGQUIT)  # At once, with its children.
            self.process.wait(END_SECONDS_MAX)
        self.link.__exit__()
        shutil.rmtree(self.place, ignore_errors=True)


TESTS = ()
MORE = (("postgres-standby", failover),)
