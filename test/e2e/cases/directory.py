"""What the data directory and the configuration must be, and what is said when they are not."""

import os
import re
import shutil
import subprocess

from harness.context import expect, expect_equal
from harness.server import StartFailed, free_ports
from harness.wire import encode

SMALL = {"log.segment_bytes": "8MiB"}


def refuses(server, words, what, codes=(1,)):
    """Runs the server, which must refuse with one of these exit codes and say all of `words`."""
    code, output = server.run_to_end()
    expect(code in codes, f"{what}: exit code {code}, expected one of {codes}; it said:\n{output}")
    for word in words:
        expect(re.search(word, output, re.IGNORECASE), f"{what}: nothing about {word!r} in:\n{output}")
    return output


def counted(server, amount=5):
    """A running server with something in it."""
    server.start()
    with server.resp() as resp:
        expect_equal(resp.must("INCRBY", "kept", amount), amount, "INCRBY")


def still_counts(server, amount=5):
    server.start()
    with server.resp() as resp:
        expect_equal(int(resp.must("GET", "kept")), amount, "the total")
    server.stop()


def second_process(context):
    """One process a directory: the second is refused by name, the first goes on."""
    with context.server() as first:
        counted(first)
        with context.server() as second:
            second.scratch = context.directory / "second"
            second.scratch.mkdir()
            refuses(second, [str(first.data), "in use|another process|lock"], "a second process")
        with first.resp() as resp:
            expect_equal(resp.must("INCR", "kept"), 6, "INCR after a second process was refused")
        first.stop()
        still_counts(first, 6)


def copied_directory(context):
    """A copy would give out the same offsets as the original: it is refused, until an operator adopts it."""
    with context.server() as server:
        counted(server)
        server.stop()
        copy = context.directory / "copy"
        context.run(["cp", "-a", server.data, copy])
        with context.server(copy) as copied:
            output = refuses(copied, ["copied|copy", "quipu log adopt"], "a copied directory")
            expect(str(copy) in output, f"the directory is not named in:\n{output}")
            context.run(server.command + ["log", "adopt", "--data", copy])
            still_counts(copied)
            counted_on(copied, 6)
        still_counts(server)


def counted_on(server, wanted):
    """An adopted directory goes on from its totals, and keeps them over another start."""
    server.start()
    with server.resp() as resp:
        expect_equal(resp.must("INCR", "kept"), wanted, "INCR in an adopted directory")
    server.kill()
    server.start()
    with server.resp() as resp:
        expect_equal(int(resp.must("GET", "kept")), wanted, "the total of an adopted directory after a kill")
    server.stop()


def other_partitions(context):
    """How many partitions there are is decided once."""
    with context.server() as server:
        counted(server)
        server.stop()
        server.arguments = ["--partitions", "16"]
        refuses(server, ["partitions", "16", "8"], "other --partitions", codes=(1, 2))
        server.arguments = ["--partitions", "8"]
        still_counts(server)


def bad_configuration(context):
    """Whatever is wrong with the configuration is named, and nothing is started."""
    broken = context.directory / "broken.toml"
    broken.write_text("[log]\npartitions = \n")
    unknown = context.directory / "unknown.toml"
    unknown.write_text("[log]\npartitionz = 8\n")
    wrong = context.directory / "wrong.toml"
    wrong.write_text("[log]\npartitions = \"many\"\n")
    absent = context.directory / "absent.toml"
    for arguments, words in (
            (["--config", str(absent)], ["absent.toml"]),
            (["--config", str(context.directory)], [str(context.directory)]),
            (["--config", str(broken)], ["broken.toml", "2|line"]),
            (["--config", str(unknown)], ["log.partitionz"]),
            (["--config", str(wrong)], ["log.partitions"]),
            (["--set", "no.such.key=1"], ["no.such.key"]),
            (["--set", "log.partitions=0"], ["log.partitions"]),
            (["--set", "flush.interval=soon"], ["flush.interval", "soon"]),
            (["--set", "flush.interval"], ["flush.interval"]),
            (["--no-such-flag"], ["no-such-flag"])):
        with context.server() as server:
            server.arguments = arguments
            refuses(server, words, " ".join(arguments), codes=(2,))
            expect(not server.data.exists(), f"{arguments}: a data directory was made")


def bad_places(context):
    """A directory that is none, and an address that is taken, are named."""
    file = context.directory / "file"
    file.write_text("not a directory")
    with context.server(file) as server:
        refuses(server, [str(file)], "a file as the data directory")
    with context.server() as first, context.server(context.directory / "other") as second:
        first.start()
        second.scratch = context.directory / "second"
        second.scratch.mkdir()
        second.arguments = ["--set", f"http.listen=127.0.0.1:{first.http_port}"]
        refuses(second, [str(first.http_port), "in use"], "an address in use", codes=(1, 2))
    (port,) = free_ports(1)
    done = subprocess.run(context.command + ["serve", "--data", str(context.directory / "third"), "--http", "nowhere",
                                             "--resp", f"127.0.0.1:{port}"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    expect(done.returncode == 2 and b"nowhere" in done.stderr, f"--http nowhere: {done.returncode} {done.stderr!r}")


def fill_segments(server, count):
    """Counts until the log has that many segments with something in them."""
    total, batch = 0, 200
    with server.resp() as resp:
        while total < (count + 1) * (8 << 20):
            names = [f"{total}-{at}-".encode().ljust(900, b"n") for at in range(batch)]
            resp.send(b"".join(encode("INCR", name) for name in names))
            for _ in names:
                expect_equal(resp.reply(), 1, "INCR")
            total += batch * 900
            if len(segments(server.data)) > count and total > count * (8 << 20):
                return
    raise AssertionError(f"the log never had {count} segments: {segments(server.data)}")


def segments(data):
    """The segment files, oldest first."""
    return sorted(path for path in (data / "log").iterdir() if path.is_file() and path.stat().st_size >= 1 << 20)


def flipped_byte(context):
    """One altered byte in the middle of the log: refused, naming file and offset; never a shorter history."""
    server = context.server(settings={**SMALL, "flush.sync_interval": "1h"})
    with server:
        counted(server)
        fill_segments(server, 3)
        with server.resp() as resp:
            size = resp.must("DBSIZE")
        server.kill()
        damaged = segments(server.data)[1]
        at = damaged.stat().st_size // 2
        flip(damaged, at)
        output = refuses(server, [re.escape(damaged.name), r"offset|position|byte"], "a flipped byte")
        numbers = [int(number) for number in re.findall(r"\d+", output)]
        expect(any(at - 600_000 <= number <= at for number in numbers), f"no offset at or before {at} in:\n{output}")
        flip(damaged, at)
        server.start()
        with server.resp() as resp:
            expect_equal(resp.must("DBSIZE"), size, "DBSIZE after the byte was put right")
        server.stop()


def flip(path, at):
    """Flips one bit at, or shortly after, an offset: where something was written."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def log_removed(context):
    """A store without the log that it was made from: refused, since what it lacks can not be known."""
    with context.server() as server:
        counted(server)
        server.stop()
        saved = context.directory / "saved"
        (server.data / "log").rename(saved)
        refuses(server, ["log"], "a directory without its log")
        (server.data / "log").mkdir(exist_ok=True)
        refuses(server, ["log"], "a directory with an empty log")
        shutil.rmtree(server.data / "log")
        saved.rename(server.data / "log")
        still_counts(server)


def store_removed(context):
    """The store is made again from the log where the log has everything; otherwise it is refused. Never less."""
    with context.server() as server:
        counted(server)
        server.kill()
        saved = context.directory / "saved"
        (server.data / "store").rename(saved)
        server.start(wait=False)
        try:
            server.wait_ready()
        except StartFailed:
            expect(server.process.poll() not in (None, 0), "the server neither serves nor refuses")
            expect("store" in server.output(), f"the store is not named in:\n{server.output()}")
            context.note("refused")
            return
        with server.resp() as resp:
            expect_equal(int(resp.must("GET", "kept") or 0), 5, "the total without the store")
        context.note("made again from the log")
        server.stop()


def private_directory(context):
    """What is in the directory is nobody else's business."""
    with context.server() as server:
        counted(server)
        expect_equal(oct(os.stat(server.data).st_mode & 0o777), "0o700", "the mode of the data directory")
        server.stop()


TESTS = [("second-process", second_process), ("copied-directory", copied_directory), ("other-partitions", other_partitions),
         ("bad-configuration", bad_configuration), ("bad-places", bad_places), ("flipped-byte", flipped_byte),
         ("log-removed", log_removed), ("store-removed", store_removed), ("private-directory", private_directory)]
