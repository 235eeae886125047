"""Disks that fill up in one place, that fail, that lie, that no longer take anything."""

import fcntl
import os
import pathlib
import re
import shutil
import struct
import subprocess
import threading
import time

from bench.cgroups import Group
from bench.strikes import one_by_one, strace, strike
from cases.directory import refuses
from cases.disk import FULL_SECONDS_MAX, RESUME_SECONDS_MAX, busy_in_words, busy_since, fill, writes
from cases.kill import BUSY_DISK
from harness.bounds import metric
from harness.context import eventually, expect, expect_equal
from harness.image import EXT4_IOC_SHUTDOWN, Image, tool
from harness.load import Load
from harness.rounds import Crashes
from harness.wire import Lost

NOBODY = 65534
# How long one request may take while the disk of the store is full. RocksDB pauses for a second behind a failed compaction.
ANSWER_SECONDS_MAX = 10.0
NEARLY_FULL_BYTES = 6 << 20
NEARLY_FULL_SECONDS = 6.0
SLOW_BYTES = 1 << 20  # A second.
SLOW_SECONDS = 25.0
SLOW_ANSWER_SECONDS_MAX = 40.0  # What may wait (log.pending_bytes), a new segment and a flush, all at that rate.
SLOW_SLACK_BYTES = 4 << 20  # What may go through before the limit bites.


class Elsewhere:
    """Some of a data directory's folders on an image of their own. The directory is made by a first start."""

    def __init__(self, context, server, image, folders):
        self.server = server
        self.places = [(image.root / folder, server.data / folder) for folder in folders]
        shutil.rmtree(image.root / "lost+found")
        server.start()
        server.stop()

    def __enter__(self):
        for place, folder in self.places:
            folder.mkdir(exist_ok=True)
            shutil.copytree(folder, place)
            tool("mount", "--bind", place, folder)
        return self

    def __exit__(self, *_):
        for _, folder in self.places:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, stderr=subprocess.DEVNULL)


def log_full(context):
    """The disk of the log is full, that of the store is not: writes are busy, reads go on; with room it goes on by itself."""
    with Image(context.directory, 96) as image, context.server(settings=BUSY_DISK) as server:
        with Elsewhere(context, server, image, ["log"]):
            crashes = Crashes(server, context.seed, context.say)
            crashes.load.pause = 0.01
            crashes.begin()
            crashes.load.start(server)
            time.sleep(0.3)
            fill(image.root / "ballast")
            refused = busy_since(crashes.ledger)
            eventually(lambda: refused() > 20 or not server.alive(), FULL_SECONDS_MAX, "writes answered as busy")
            crashes.must_live()
            crashes.load.finish()
            crashes.check()
            busy_in_words(server)
            crashes.look("while the log's disk is full")
            told = refused()
            (image.root / "ballast").unlink()
            began = time.monotonic()
            eventually(lambda: writes(server), RESUME_SECONDS_MAX, "a write taken again after space was freed")
            context.recovered(time.monotonic() - began)
            resume(crashes, server)
            server.stop()
    context.note(f"{told} writes were busy; {crashes.summary()}")


def resume(crashes, server):
    """Full load again, a kill, and the last look, after which the server runs."""
    crashes.load.start(server)
    time.sleep(0.5)
    crashes.load.finish()
    crashes.must_live()
    crashes.look("after the fault")
    server.kill()
    crashes.crash()
    crashes.begin()
    crashes.load.send_again(server)
    crashes.look("after everything was sent again")


def flushed(server):
    return metric(server, "quipu_partition_flushed_offset")


def whole_bases(server):
    return sorted(path.name for path in (server.data / "bases").iterdir() if not path.name.endswith(".tmp"))


class Askers:
    """Clients that ask for one thing at a time, and how long the slowest answer took: for counters of which no memory knows
    anything, over both wires, and for a write. Each has an answer, whatever it is."""

    def __init__(self, server):
        self.slowest = {}
        self.answers = {}
        self.wrong = []
        self.stopping = threading.Event()
        asks = {"GET": (server.resp, lambda resp, n: resp.call("GET", f"nobody-{n}")),
                "GET over HTTP": (server.http, lambda http, n: http.call("GET", f"/v1/counters/default/no-one-{n}")),
                "INCR": (server.resp, lambda resp, n: resp.call("INCR", f"asked-{n % 10}"))}
        self.threads = [threading.Thread(target=self.run, args=(what, connect, ask), daemon=True)
                        for what, (connect, ask) in asks.items()]

    def run(self, what, connect, ask):
        self.slowest[what] = self.answers[what] = 0
        try:
            with connect() as connection:
                while not self.stopping.wait(0.02):
                    began = time.monotonic()
                    ask(connection, self.answers[what])
                    self.slowest[what] = max(self.slowest[what], time.monotonic() - began)
                    self.answers[what] += 1
        except Lost as error:
            self.wrong.append(f"{what} had no answer: {error}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60.0)

    def judge(self, seconds_max=ANSWER_SECONDS_MAX, answers_min=20):
        expect(not self.wrong, "; ".join(self.wrong))
        for what, slowest in self.slowest.items():
            expect(self.answers[what] > answers_min, f"{what} had only {self.answers[what]} answers")
            expect(slowest < seconds_max, f"the slowest answer to {what} took {slowest:.1f} s")


def store_full(context):
    """The disk of the store and its bases is full, that of the log is not: what is counted stays in memory and log as far as
    `flush.dirty_bytes` allows, beyond it writes are busy, and every request is answered in bounded time; nearly full, with
    room for a flush and none for a compaction, likewise; with room it catches up."""
    settings = BUSY_DISK | {"flush.dirty_bytes": "1MiB", "memory.table_bytes": "32MiB"}
    with Image(context.directory, 64) as image, context.server(settings=settings) as server:
        with Elsewhere(context, server, image, ["store", "bases"]):
            crashes = Crashes(server, context.seed + 1, context.say)
            crashes.begin()
            crashes.load.start(server)
            eventually(lambda: whole_bases(server), 20.0, "a base")
            crashes.load.finish()
            server.stop()
            crashes.crash(gently=True)
            crashes.begin()  # Not every counter is in the memory now, so that the store must be asked.
            crashes.load.start(server)
            fill(image.root / "ballast")
            bases = whole_bases(server)
            refused = busy_since(crashes.ledger)
            with Askers(server) as askers:
                eventually(lambda: refused() > 20 or not server.alive(), FULL_SECONDS_MAX, "writes answered as busy")
                time.sleep(1.0)
                os.truncate(image.root / "ballast", (image.root / "ballast").stat().st_size - NEARLY_FULL_BYTES)
                time.sleep(NEARLY_FULL_SECONDS)
                fill(image.root / "more-ballast")
                time.sleep(1.0)
                crashes.must_live()
                crashes.load.finish()
            askers.judge()
            stood = flushed(server)
            crashes.check()
            crashes.look("while the store's disk is full")
            kept = whole_bases(server)
            told = refused()
            (image.root / "more-ballast").unlink()
            (image.root / "ballast").unlink()
            began = time.monotonic()
            eventually(lambda: writes(server) and flushed(server) > stood, RESUME_SECONDS_MAX, "flushes go on after space was freed")
            context.recovered(time.monotonic() - began)
            resume(crashes, server)
            server.stop()
    expect(told > 20, f"only {told} writes were busy")
    expect(kept, f"bases {bases} were lost while the disk was full")
    slowest = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in askers.slowest.items())
    context.note(f"{told} writes were busy; the slowest answers meanwhile: {slowest}; bases before: {len(bases)}, while full: {len(kept)}; "
                 f"{crashes.summary()}")


def reserve_refused(context):
    """The room for a new segment is there when it is asked for and gone when it is reserved."""
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 2, context.say)
        crashes.load.pause = 0.005
        server.wrapper = strace("fallocate", "error=ENOSPC:when=2..6")
        crashes.begin()
        server.wrapper = []
        refused = busy_since(crashes.ledger)
        crashes.load.start(server)
        eventually(lambda: refused() > 5 or not server.alive(), FULL_SECONDS_MAX, "writes answered as busy")
        crashes.must_live()
        began = time.monotonic()
        eventually(lambda: writes(server), RESUME_SECONDS_MAX, "a write taken again when segments can be made")
        context.recovered(time.monotonic() - began)
        crashes.load.finish()
        crashes.look("after segments could be made again")
        server.kill()
        crashes.crash()
        crashes.begin()
        crashes.last_look()
    context.note(f"{refused()} writes were busy; {crashes.summary()}")


def write_error(context):
    """A write of the log fails: nothing is acknowledged on it, what waits is unknown, and the process ends and says why."""
    ended = 0
    with context.server(settings=BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 3, context.say)
        for number in (2, 40, 70, 150, 300, 500):
            struck = strike(crashes, strace("pwrite64", f"error=EIO:when={number}"), 4.0)
            if not struck.ended:
                continue
            ended += 1
            expect(struck.code > 0, f"after a failed write the server ended with exit code {struck.code}")
            expect("nput/output error" in struck.output, f"the error is not named in:\n{struck.output[-2000:]}")
        crashes.begin()
        crashes.last_look()
    expect(ended >= 3, f"only {ended} of 6 failing writes ended the process")
    context.note(f"{ended} failing writes ended the process, {crashes.in_start} of them in the start; "
                 f"{crashes.ledger.events['unknown']} events unknown; {crashes.summary()}")


def lost_write(context):
    """A disk that says of one group that it is written, and has not written it: later ones follow. The next start finds the
    gap, names file and offset, and refuses; the operator's way out loses that group and nothing before it."""
    with context.server(settings=BUSY_DISK | {"flush.sync_interval": "1h", "base.interval": "1h"}) as server:
        crashes = Crashes(server, context.seed + 4, context.say)
        crashes.ledger.tallies.clear()
        crashes.begin(look=False)
        one_by_one(server, crashes.ledger, 40)
        attached = subprocess.Popen(["strace", "-f", "-qq", "-o", str(context.directory / "calls"), "-e", "trace=pwrite64",
                                     "-e", "inject=pwrite64:retval=4096:when=5", "-p", str(server.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            calls = context.directory / "calls"
            eventually(lambda: traced(server.pid), 10.0, "strace holds the server")
            one_by_one(server, crashes.ledger, 40)
            eventually(lambda: "(INJECTED)" in calls.read_text(errors="replace"), 10.0, "a write that was not carried out")
        finally:
            server.kill()
            attached.wait(30)
        lied = [line for line in (context.directory / "calls").read_text(errors="replace").splitlines() if "(INJECTED)" in line]
        sizes = {int(found[1]) for line in lied if (found := re.search(r", (\d+), \d+\) *= ", line))}
        expect_equal(sizes, {4096}, f"the sizes of the writes that were not carried out: {lied}")
        output = refuses(server, ["segment-0000000001", r"offset|byte"], "a log that lacks a group")
    context.note(f"{len(lied)} write was not carried out; refused: {output[output.index('segment-'):][:200].splitlines()[0]}")


def traced(pid):
    """Whether every thread of the process is traced."""
    states = [int(re.search(r"TracerPid:\s+(\d+)", status.read_text())[1]) for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")]
    return all(states)


def file_system_gone(context):
    """From one moment on the file system takes no write any more, while the process lives: it answers no success, ends, says
    why; when the disk is back, everything that was acknowledged is there."""
    rounds = 5
    with Image(context.directory) as image, context.server(image.root / "data", BUSY_DISK) as server:
        crashes = Crashes(server, context.seed + 5, context.say)
        for _ in range(rounds):
            crashes.begin()
            crashes.load.start(server)
            time.sleep(crashes.random.uniform(0.1, 0.4))
            crashes.must_live()
            shut_down(image)
            eventually(lambda: not server.alive(), 20.0, "the end of a server whose disk takes nothing")
            server.process.wait()
            expect(server.process.returncode > 0, f"without a disk the server ended with exit code {server.process.returncode}")
            expect("nput/output error" in server.output(), f"the error is not named in:\n{server.output()[-2000:]}")
            crashes.crash()
            image.recover()
        crashes.begin()
        crashes.last_look()
    context.note(f"{rounds} times the file system went away; {crashes.ledger.events['unknown']} events unknown; {crashes.summary()}")


def shut_down(image):
    """All that was written is on the disk, and from now on every call fails: unlike a power cut, nothing that the program was
    told meanwhile is untrue."""
    handle = os.open(image.root, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", 0))
    finally:
        os.close(handle)


def permissions_lost(context):
    """The log's directory may not be written any more, by a server that is not root: it is busy or ends and says why, and
    goes on when the permission is back; nothing acknowledged is lost."""
    for directory in (context.root, context.directory):
        directory.chmod(0o755)
    place = context.directory / "place"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    with context.server(place / "data", BUSY_DISK | {"diagnostics.phases_file": str(place / "phases")}) as server:
        crashes = Crashes(server, context.seed + 6, context.say)
        outcomes = []
        for _ in range(3):
            server.wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            crashes.begin()
            crashes.load.start(server)
            time.sleep(0.2)
            (server.data / "log").chmod(0)
            refused = busy_since(crashes.ledger)
            try:
                eventually(lambda: not server.alive() or refused() > 20, 10.0, "busy, or the end")
            finally:
                (server.data / "log").chmod(0o700)
            if server.alive():
                began = time.monotonic()
                eventually(lambda: writes(server), RESUME_SECONDS_MAX, "a write taken again")
                context.recovered(time.monotonic() - began)
                outcomes.append("busy")
                server.kill()
            else:
                expect(server.process.wait() > 0 and "ermission denied" in server.output(),
                       f"exit code {server.process.returncode}; it said:\n{server.output()[-2000:]}")
                outcomes.append("ended")
            crashes.crash()
        crashes.begin()
        crashes.last_look()
    context.note(f"{', '.join(outcomes)}; {crashes.summary()}")


def slow_disk(context):
    """The disk takes 1 MiB a second, and more comes: what waits is bounded and the rest busy, every request is answered, and when
    the disk is as fast as before, so is the service."""
    settings = BUSY_DISK | {"log.pending_bytes": "8MiB"}
    with Image(context.directory, 512) as image, Group("blkio") as group, context.server(image.root / "data", settings) as server:
        crashes = Crashes(server, context.seed + 7, context.say)
        crashes.ledger.tallies.clear()  # Those of the load that this one replaces.
        crashes.load = Load(crashes.ledger, context.seed + 7, ("bulk",) * 16 + ("plain", "once", "single", "views"))
        server.wrapper = group.wrapper
        crashes.begin()
        server.wrapper = []
        device = os.stat(image.root).st_dev
        device = f"{os.major(device)}:{os.minor(device)}"
        group.set("throttle.write_bps_device", f"{device} {SLOW_BYTES}")
        refused, before = busy_since(crashes.ledger), written(group, device)
        began = time.monotonic()
        with Askers(server) as askers:
            crashes.load.start(server)
            time.sleep(SLOW_SECONDS)
            carried, took = written(group, device) - before, time.monotonic() - began
            told = refused()
            crashes.must_live()
            group.set("throttle.write_bps_device", f"{device} 0")
            back = time.monotonic()
            eventually(lambda: writes(server), RESUME_SECONDS_MAX, "a write taken again on a disk that is quick again")
            context.recovered(time.monotonic() - back)
        askers.judge(SLOW_ANSWER_SECONDS_MAX, answers_min=2)
        crashes.load.finish()
        crashes.must_live()
        crashes.look("after the disk was slow")
        expect(carried < SLOW_BYTES * took + SLOW_SLACK_BYTES, f"the disk took {carried} bytes in {took:.1f} s: it was not slow")
        expect(told > 0, "nothing was busy")
        server.kill()
        crashes.crash()
        crashes.begin()
        crashes.last_look()
    slowest = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in askers.slowest.items())
    context.note(f"the disk took {carried / took / (1 << 20):.2f} MiB a second for {took:.0f} s, {told} writes were busy; the slowest answers "
                 f"meanwhile: {slowest}; {crashes.summary()}")


def written(group, device):
    """Bytes that the group wrote to a device, as the kernel's throttle counts them."""
    for line in group.get("throttle.io_service_bytes").splitlines():
        found = line.split()
        if found[:2] == [device, "Write"]:
            return int(found[2])
    return 0


TESTS = [("log-disk-full", log_full), ("store-disk-full", store_full), ("reserve-refused", reserve_refused),
         ("write-error", write_error), ("lost-write", lost_write), ("file-system-gone", file_system_gone),
         ("permissions-lost", permissions_lost), ("slow-disk", slow_disk)]
