"""What reference_server.py keeps, and how: a table, a log that is synced before any answer leaves, a snapshot."""

import mmap
import os
import pathlib
import pickle
import struct
import time
import zlib

PHASE_COMMIT, PHASE_FLUSH, PHASE_ROLL = range(3)


class Store:
    """The table, the log, the snapshot."""

    def __init__(self, directory, settings, bug):
        self.bug = bug
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.table, self.ids, self.sources, self.number = {}, set(), {}, 0
        self.pending, self.memory = [], []
        self.memory_since = 0.0
        self.shown = False  # Something was shown that may rest on what is in memory alone.
        self.segment_bytes = 1 << 20
        self.phase = self.map_phases(settings.get("diagnostics.phases_file"))
        self.recover()
        self.open_segment()

    @staticmethod
    def map_phases(path):
        if not path:
            return bytearray(12)
        with open(path, "wb") as file:
            file.write(bytes(12))
        with open(path, "r+b") as file:
            return mmap.mmap(file.fileno(), 12)

    def set_phase(self, phase, value):
        struct.pack_into("<I", self.phase, 4 * phase, value)

    def recover(self):
        snapshot = self.directory / "snapshot"
        if snapshot.exists():
            self.table, self.ids, self.sources, self.number = pickle.loads(snapshot.read_bytes())
        kept = self.number
        for path in sorted(self.directory.glob("log.*")):
            data = path.read_bytes()
            at = 0
            while at + 16 <= len(data):
                size, number, check = struct.unpack_from("<IQI", data, at)
                body = data[at + 16:at + 16 + size]
                if len(body) < size or zlib.crc32(body) != check:
                    break
                at += 16 + size
                if number > kept or (self.bug == "count-twice" and number > kept - 3):
                    for change in pickle.loads(body):
                        self.apply(change)
                    self.number = max(self.number, number)
            if at < len(data):
                os.truncate(path, at)
        if self.bug == "forget-ids":
            self.ids = set()
        if self.bug == "forget-sources":
            self.sources = {}

    def open_segment(self):
        self.file = os.open(self.directory / f"log.{self.number + 1:020}", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self.size = 0
        self.sync_directory()

    def sync_directory(self):
        handle = os.open(self.directory, os.O_RDONLY)
        if self.bug != "ack-before-sync":
            os.fsync(handle)
        os.close(handle)

    def apply(self, change):
        kind, key, value, identity = change
        if kind == "add":
            if identity is not None:
                if identity[0] == "source":
                    if self.sources.get(identity[1], 0) >= identity[2]:
                        return False
                    self.sources[identity[1]] = identity[2]
                elif identity in self.ids:
                    return False
                else:
                    self.ids.add(identity)
            self.table[key] = self.table.get(key, 0) + value
        elif value is None:
            self.table.pop(key, None)
        else:
            self.table[key] = value
        return True

    def change(self, kind, key, value, identity=None, memory=False):
        """Applies it and puts it into the open record. Returns whether it changed something."""
        changed = self.apply((kind, key, value, identity))
        if changed and not (kind == "set" and value is None and self.bug == "forget-reset"):
            if memory and not self.memory:
                self.memory_since = time.monotonic()
            (self.memory if memory and not self.pending else self.pending).append((kind, key, value, identity))
        return changed

    def commit(self):
        changes = self.memory + self.pending
        if not changes:
            return
        self.memory, self.pending, self.shown = [], [], False
        self.set_phase(PHASE_COMMIT, 1)
        if self.bug in ("show-early", "ack-before-write"):
            time.sleep(0.002)  # Bugs are planted wide, so that few kills are enough.
        if self.bug == "torn-batch" and len(changes) > 1:
            self.write(changes[:len(changes) // 2])
            time.sleep(0.005)
            self.write(changes[len(changes) // 2:])
        else:
            self.write(changes)
        self.set_phase(PHASE_COMMIT, 0)
        if self.size > self.segment_bytes:
            self.roll()

    def write(self, changes):
        self.number += 1
        body = pickle.dumps(changes)
        record = struct.pack("<IQI", len(body), self.number, zlib.crc32(body)) + body
        os.write(self.file, record)
        if self.bug != "ack-before-sync":
            os.fdatasync(self.file)
        self.size += len(record)

    def roll(self):
        self.set_phase(PHASE_FLUSH, 1)
        path = self.directory / "snapshot.new"
        ahead = 1 if self.bug == "snapshot-ahead" else 0
        with open(path, "wb") as file:
            file.write(pickle.dumps((self.table, self.ids, self.sources, self.number + ahead)))
            file.flush()
            if self.bug != "ack-before-sync":
                os.fsync(file.fileno())
        os.rename(path, self.directory / "snapshot")
        self.set_phase(PHASE_FLUSH, 0)
        self.set_phase(PHASE_ROLL, 1)
        os.close(self.file)
        old = sorted(self.directory.glob("log.*"))
        self.open_segment()
        for path in old[:-1]:
            path.unlink()
        self.set_phase(PHASE_ROLL, 0)

    def stop(self):
        if self.bug == "lose-memory-on-stop":
            self.memory = []
        self.commit()
