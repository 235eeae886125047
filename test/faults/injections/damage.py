"""A directory whose bytes are not what they were: cut, flipped, copied, swapped, put back from before."""

import os
import random
import shutil
import time

from bench.strikes import one_by_one
from cases.kill import BUSY_DISK
from harness.context import expect, expect_equal
from harness.rounds import Crashes
from harness.server import StartFailed
from harness.wire import Lost, RespError

#: A log that is still needed: nothing of it is below what the store surely has.
NEEDED = BUSY_DISK | {"flush.sync_interval": "1h", "base.interval": "1h", "flush.interval": "1h", "log.retain_bytes": "1TiB"}
FLIPS_OF_A_KIND = 8
SECTOR = 512
BLOCK = 4096
GROUP = b"QUIPUGRP"
TAIL_BYTES = 64 << 10


class Saved:
    """A directory that was filled under load and killed, and what each counter of it must be. `restore` puts every byte back;
    the directory itself stays, since a copy of it is refused."""

    def __init__(self, context, settings, seconds=0.6, kept=2):
        self.server = context.server(settings=settings)
        self.crashes = Crashes(self.server, context.seed, context.say)
        self.crashes.begin()
        for _ in range(kept):
            self.crashes.load.start(self.server)
            time.sleep(self.crashes.random.uniform(seconds, seconds + 0.2))
            self.crashes.must_live()
            self.server.kill()
            self.crashes.crash()
            self.crashes.begin()
        self.crashes.load.send_again(self.server)
        one_by_one(self.server, self.crashes.ledger, 3)  # So that the last group has something to lose.
        self.crashes.look("before the damage")
        with self.server.resp() as resp:
            names = [counter.key for counter in self.crashes.ledger.counters]
            self.totals = {}
            for at in range(0, len(names), 200):
                part = names[at:at + 200]
                self.totals.update(zip(part, resp.must("MGET", *part)))
        self.server.kill()
        self.last = last_written(self.server.data)
        self.copy = context.directory / "saved"
        shutil.copytree(self.server.data, self.copy)

    def restore(self):
        for path in list(self.server.data.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.copy.iterdir():
            target = self.server.data / path.name
            shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)

    def files(self):
        return sorted(path for path in self.server.data.rglob("*") if path.is_file())

    def wrong(self):
        """Starts the server. Returns None where it serves every total as it was, "refused: ..." where it refuses or a read
        says that it can not, and fails where a total is another one."""
        server = self.server
        try:
            server.start()
        except StartFailed as failed:
            expect(failed.code is not None and failed.code > 0, f"it neither serves nor refuses in words: exit code {failed.code}; "
                                                                f"{failed.output[-2000:]}")
            return "refused: " + failed.output.strip().splitlines()[-1]
        try:
            names = list(self.totals)
            with server.resp() as resp:
                for at in range(0, len(names), 200):
                    part = names[at:at + 200]
                    got = resp.call("MGET", *part)
                    if isinstance(got, RespError):
                        return f"refused: a read said: {got.text}"
                    other = [(name, total, self.totals[name]) for name, total in zip(part, got) if total != self.totals[name]]
                    expect(not other, f"{len(other)} totals are others, such as {other[:2]}")
            return None
        except Lost:
            expect(server.process.wait() > 0, f"it ended with exit code {server.process.returncode}; {server.output()[-2000:]}")
            return "refused: " + server.output().strip().splitlines()[-1]
        finally:
            server.kill()


def segments(data):
    return sorted(path for path in (data / "log").iterdir() if path.name.startswith("segment-"))


def written_end(path):
    """Behind the last byte of a segment that is not zero."""
    data = path.read_bytes()
    return len(data.rstrip(b"\0"))


def last_written(data):
    """The last segment that has something in it; the one behind is the spare."""
    return [path for path in segments(data) if written_end(path)][-1]


def last_group(data):
    """Where the last group of a segment begins."""
    return max(at for at in range(0, len(data), BLOCK) if data[at:at + 8] == GROUP)


def words(said):
    """What a refusal says, from the file's name on."""
    return said[said.index("segment-"):][:160] if "segment-" in said else said[-160:]


def torn_tail(context):
    """The last group is cut at any byte, or a sector of the last 64 KiB is zeroed or scrambled: of the last group, which a
    start can not tell from a torn one, events may be gone; anything before it is refused by name. Never a crash."""
    chosen = random.Random(context.seed)
    saved = Saved(context, NEEDED)
    path = saved.last
    whole = path.read_bytes()
    end, group = written_end(path), last_group(whole)
    counts = {"cut off": 0, "refused": 0, "without effect": 0}
    for number in range(45):
        saved.restore()
        kind = ("cut", "zero", "scramble")[number % 3]
        at = chosen.randrange(group, end) if kind == "cut" else chosen.randrange(max(0, end - TAIL_BYTES), end)
        damaged = bytearray(whole)
        if kind == "cut":
            damaged[at:] = bytes(len(whole) - at)  # As preallocation leaves it.
        else:
            at = at // SECTOR * SECTOR
            damaged[at:at + SECTOR] = bytes(SECTOR) if kind == "zero" else chosen.randbytes(SECTOR)
        path.write_bytes(damaged)
        where = f"{kind} at byte {at}, the last group begins at {group} and ends at {end}"
        said = last_group_or(saved, at >= group, where)
        expect(damaged == whole or said != (None if at < group else "refused"), f"{where}: {said}")
        expect(not (said or "").startswith("refused") or at < group, f"{where}: {said}")
        expect(said in (None, "cut") or path.name in said, f"{where}: the file is not named in {said}")
        counts["without effect" if said is None else "cut off" if said == "cut" else "refused"] += 1
    expect(counts["cut off"] > 0 and counts["refused"] > 0, f"the damage did not reach what matters: {counts}")
    context.note(f"45 damaged tails of {path.name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))


def fewer_only(saved):
    """Whether a start shows for every counter what it was, or a part of it: nothing is doubled, nothing invented."""
    server = saved.server
    server.start()
    try:
        with server.resp() as resp:
            for counter in saved.crashes.ledger.counters:
                value = int(resp.must("GET", counter.key) or 0) * counter.sign
                if value & 0xAAAAAAAAAAAAAAAA or value & ~counter.attempted:
                    return False
        return True
    finally:
        server.kill()


def kinds_of(files):
    """The files by kind: one damage each says more than many of one."""
    kinds = {}
    for path in files:
        name = path.name
        stem = name.split("-")[0] if "-" in name else name.split(".")[0 if name.startswith("LOG") else -1]
        kinds.setdefault(("bases/" if "bases" in path.parts else "") + stem, []).append(path)
    return kinds


def flipped_bits(context):
    """One bit of one file of each kind, at its beginning, end and between: refused, or told by the read that meets it, or
    without effect. Never another total."""
    chosen = random.Random(context.seed)
    saved = Saved(context, BUSY_DISK, kept=3)
    outcomes = {}
    unnamed = []
    for kind, paths in kinds_of(saved.files()).items():
        for number in range(FLIPS_OF_A_KIND):
            saved.restore()
            path = chosen.choice(paths)
            size = written_end(path) if path.name.startswith("segment-") else path.stat().st_size
            if size == 0:
                continue
            at = 0 if number == 0 else size - 1 if number == 1 else chosen.randrange(size)
            flip(path, at, chosen.randrange(8))
            said = last_group_or(saved, path == saved.last, f"bit flipped at {at} of {path}")
            counts = outcomes.setdefault(kind, {"refused": 0, "without effect": 0, "cut as torn": 0})
            counts["without effect" if said is None else "cut as torn" if said == "cut" else "refused"] += 1
            if said and said != "cut" and not path.name.startswith("LOG") and path.name not in said and path.parent.name not in said:
                unnamed.append(f"{path.name}: {said[:200]}")
    expect(sum(counts["refused"] for counts in outcomes.values()) > 0, "no flipped bit was found")
    context.note("; ".join(f"{kind}: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count)
                           for kind, counts in outcomes.items()))
    if unnamed:
        context.note(f"{len(unnamed)} refusals do not name the file itself, such as {unnamed[0]}")


def last_group_or(saved, may_be_cut, where):
    """As `Saved.wrong`, but "cut" where events are gone and `may_be_cut`."""
    try:
        return saved.wrong()
    except AssertionError as lost:
        if "totals are others" not in str(lost) or not may_be_cut:
            raise AssertionError(f"{where}: {lost}") from lost
        expect(fewer_only(saved), f"{where}: {lost}")
        return "cut"


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def segments_wrong(context):
    """A block over another, a segment missing, two swapped, one from before, one of another log: refused, and named."""
    saved = Saved(context, NEEDED, seconds=1.2)
    filled = [path for path in segments(saved.server.data) if written_end(path)]
    expect(len(filled) >= 3, f"the log has only {len(filled)} segments with something in them")
    first, second = filled[0], filled[1]
    found = {}

    def block_copied():
        data = first.read_bytes()
        with open(first, "r+b") as file:
            file.seek(8 * 4096)
            file.write(data[4 * 4096:5 * 4096])

    def swapped():
        aside = first.with_name("aside")
        first.rename(aside)
        second.rename(first)
        aside.rename(second)

    def another():
        second.write_bytes(first.read_bytes())

    def older():
        data = second.read_bytes()
        groups = [at for at in range(0, len(data), BLOCK) if data[at:at + 8] == GROUP]
        kept = groups[len(groups) // 2]
        second.write_bytes(data[:kept] + bytes(len(data) - kept))

    def shortened():
        os.truncate(second, second.stat().st_size // 2)

    for name, damage in (("block copied", block_copied), ("missing", second.unlink), ("swapped", swapped), ("another's bytes", another),
                         ("as it was before", older), ("shortened", shortened)):
        saved.restore()
        damage()
        said = saved.wrong()
        expect(said is not None, f"{name}: it serves as if nothing were")
        expect("segment-" in said, f"{name}: no segment is named in {said}")
        found[name] = said
    saved.restore()
    expect(saved.wrong() is None, "after all was put back it does not serve what it did")
    context.note("; ".join(f"{name}: {words(said)}" for name, said in found.items()))


def old_records(context):
    """The spare holds sound groups of the segment that had its place before, and so does the rest of the last segment."""
    saved = Saved(context, NEEDED, seconds=1.2)
    filled = [path for path in segments(saved.server.data) if written_end(path)]
    spare = [path for path in segments(saved.server.data) if not written_end(path)]
    expect(spare, "the log has no spare segment")
    saved.restore()
    shutil.copyfile(filled[0], spare[0])
    told = saved.wrong()
    expect(told is None or "segment-" in told, f"old bytes in a spare: {told}")
    outcomes = ["in the spare: " + (words(told) if told else "without effect")]
    saved.restore()
    last = last_written(saved.server.data)
    end = (written_end(last) + 4095) // 4096 * 4096
    old = filled[0].read_bytes()
    with open(last, "r+b") as file:
        file.seek(end)
        file.write(old[end:end + (1 << 20)])
    told = saved.wrong()
    expect(told is None or "segment-" in told, f"old bytes behind the end: {told}")
    outcomes.append("behind the end: " + (words(told) if told else "without effect"))
    context.note("; ".join(outcomes))


def store_restored(context):
    """An older store beside the log: caught up by replay. A newer store beside an older log: refused."""
    settings = {"log.segment_bytes": "8MiB", "flush.interval": "40ms", "flush.sync_interval": "100ms", "base.interval": "1h",
                "log.retain_bytes": "1TiB", "log.retain_hours": "24"}
    with context.server(settings=settings) as server:
        crashes = Crashes(server, context.seed, context.say)
        crashes.begin()
        crashes.load.start(server)
        time.sleep(0.5)
        crashes.load.finish()
        server.stop()
        crashes.ledger.process_died(gently=True)
        before = context.directory / "before"
        shutil.copytree(server.data, before)
        crashes.begin()
        crashes.load.start(server)
        time.sleep(0.5)
        crashes.load.finish()
        server.stop()
        crashes.ledger.process_died(gently=True)
        after = context.directory / "after"
        shutil.copytree(server.data, after)
        for folder in ("store", "bases"):
            put(before, server.data, folder)
        crashes.begin()
        replayed = server.ready_seconds
        server.stop()
        put(after, server.data, "store")
        put(after, server.data, "bases")
        put(before, server.data, "log")
        code, said = server.run_to_end()
        expect(code == 1, f"a newer store beside an older log: exit code {code}; it said:\n{said}")
        expect("log ends before" in said or "offset" in said, f"what is missing is not named in:\n{said}")
        for folder in ("store", "bases", "log"):
            put(after, server.data, folder)
        crashes.begin()
        crashes.last_look()
    context.note(f"an older store was caught up in {replayed:.2f} s; an older log was refused: {words(said)}")


def put(source, data, folder):
    shutil.rmtree(data / folder, ignore_errors=True)
    if (source / folder).exists():
        shutil.copytree(source / folder, data / folder)


TESTS = [("torn-tail", torn_tail), ("flipped-bits", flipped_bits), ("segments-wrong", segments_wrong),
         ("old-records", old_records), ("store-restored", store_restored)]
