"""quipu import at the edges: on a terminal, interrupted, odd lines, unusable files and notes; and wrong use of every verb."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from cases.import_log import Importer, Log
from harness.context import expect, expect_equal

GOOD = b'10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET %b HTTP/1.1" 200 5'
CLEARED = "\r\033[K"


def on_terminal(importer, words, interrupt_at=None, **more):
    """Runs an import whose standard error is a terminal of 120 columns; SIGINT once what it said holds `interrupt_at`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    process = subprocess.Popen(importer.command(*words), stdout=subprocess.PIPE, stderr=theirs, **more)
    os.close(theirs)
    said = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # How Linux says that the other side is closed.
                break
            if not part:
                break
            said += part
        if interrupt_at is not None and interrupt_at in said:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    output, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, json.loads(output), said.decode()


def import_terminal(context):
    """The bar moves on a terminal and leaves a clean line, none without one; Ctrl-C ends with 130, and the next run is exact."""
    log = Log(context.directory / "access.log", context.seed)
    log.grow(100_000, broken=0)
    with context.server() as server:
        server.start()
        importer = Importer(context, server)
        data = log.path.read_bytes()
        big = context.directory / "big.log"
        with open(big, "wb") as out:
            for _ in range(25):
                out.write(data)
        for name in log.counts:
            log.counts[name] *= 25
        code, report, said = on_terminal(importer, [big], interrupt_at=b"[K")
        expect_equal((code, report["error"]["outcome"]), (130, "interrupted"), said)
        last = said.rpartition(CLEARED)[2]
        expect(last.startswith("quipu: "), f"the line is not cleared before the last words: {said!r}")
        first = report["new"]
        report, said = importer.run(big)
        expect_equal((report["already_counted"], report["new"]), (first, 25 * log.good - first), "behind the interrupt")
        expect("\033" not in said and "\r" not in said, f"a bar without a terminal: {said!r}")
        importer.expect_counts(log, "behind the interrupt")
        waiting = subprocess.Popen(importer.command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        waiting.stdin.write(data)  # More than a pipe holds: the program runs, and then waits for more.
        waiting.stdin.flush()
        waiting.send_signal(signal.SIGINT)
        expect_equal(waiting.wait(30), 130, "interrupted while it waits for its input")
        waiting.stdin.close()
        waiting.stdout.close()
        code, report, said = on_terminal(Importer(context, server, "again"), [big])
        expect_equal((code, report["new"]), (0, 25 * log.good), said)
        drawn = [line for line in said.split(CLEARED) if "[" in line]
        filled = [line.count("#") for line in drawn]
        expect(len(drawn) >= 2 and filled == sorted(filled) and filled[0] < filled[-1], f"it does not move: {drawn}")
        expect(all(len(line) < 120 for line in drawn) and said.endswith(CLEARED), f"no clean line: {said!r}")
        server.stop()


def import_edges(context):
    """CRLF, NUL bytes, a line beyond the bound, no line; what is no file; two at once; notes that are lost, broken, unwritable."""
    directory = context.directory
    with context.server() as server:
        server.start()
        importer = Importer(context, server)
        odd = directory / "odd.log"
        lines = [GOOD % b"/crlf" + b"\r", GOOD % b"/nul\0byte", b"\0" * 50, GOOD % (b"/" + b"x" * (1 << 20)), GOOD % b"/\xff",
                 GOOD % b"/control\x01\x7f", b"", GOOD % b"/after"]
        odd.write_bytes(b"".join(line + b"\n" for line in lines))
        report, said = importer.run(odd)
        expect_equal((report["new"], report["broken"]), (4, 4), said)
        expect("odd.log:4: not counted: the line is longer than 1 MiB" in said, said)
        with server.http() as http:
            for name in ("%2Fcrlf", "%2Fnul%00byte", "%2Fcontrol%01%7F", "%2Fafter"):
                expect_equal(http.json("GET", f"/v1/counters/hits/{name}")["value"], 1, name)
        expect_equal(importer.run(odd)[0]["already_counted"], 4, "again")
        (directory / "empty.log").write_bytes(b"")
        report, said = importer.run(directory / "empty.log")
        expect(report["new"] == 0 and "has no complete line" in said, said)
        for unusable in (directory, directory / "absent.log"):
            report, said = importer.run(unusable, code=1)
            expect(report["error"]["outcome"] == "file" and str(unusable) in said, said)
        notes_of_every_kind(importer, odd)
        two_at_once(importer)
        server.stop()


def notes_of_every_kind(importer, odd):
    [notes] = (importer.state / "import").glob("*.json")
    good = notes.read_bytes()
    for text, more in ((b"{", []), (b'{"version": 9}', []), (None, [])):
        if text is None:
            notes.unlink()
        else:
            notes.write_bytes(text)
        report, said = importer.run(odd, *more, code=1)
        expect_equal((report["error"]["outcome"], report["new"]), ("notes", 0), said)
        expect("--unchecked" in said, said)
    notes.write_bytes(good)
    with open(odd, "ab") as file:
        file.write(GOOD % b"/more" + b"\n")
    fresh = notes.with_name(notes.name + ".new")
    fresh.symlink_to("/dev/full")  # Every write finds the disk full.
    report, said = importer.run(odd, code=1)
    expect_equal((report["error"]["outcome"], report["new"]), ("notes", 0), said)
    expect("cannot be written" in said and "--state-dir" in said, said)
    fresh.unlink()
    report, _ = importer.run(odd)
    expect_equal((report["already_counted"], report["new"]), (4, 1), "with room again")


def two_at_once(importer):
    first = subprocess.Popen(importer.command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    data = (GOOD % b"/two" + b"\n") * 40_000
    first.stdin.write(data)  # More than a pipe holds: what is behind it has been read, so the notes are held.
    first.stdin.flush()
    report, said = importer.run("-", input=data, code=1)
    expect("under way" in said and report["new"] == 0, said)
    output, _ = first.communicate(timeout=60)
    expect_equal(json.loads(output)["new"], 40_000, "the first of two")


WRONG = (  # The words, the exit code, and what the error has to name.
    ("get likes cat --sever x", 2, "--sever"),
    ("get likes", 2, "COUNTER"),
    ("incr likes cat --by many", 2, "--by"),
    ("incr likes cat --by 99999999999999999999", 2, "--by"),
    ("top likes --limit 0", 2, "--limit"),
    ("import", 2, "FILE"),
    ("import x --namespace a/b", 2, "--namespace"),
    ("import x --wait -1", 2, "--wait"),
    ("import x --source a\"b", 2, "--source"),
    ("serve --set limits.batch_event=1", 2, "limits.batch_events"),
    ("serve --set limits", 2, "limits"),
    ("config print --set limits.batch_events=many", 2, "limits.batch_events"),
    ("audit --data /absent/data", 3, "/absent/data"),
    ("version --loud", 2, "--loud"),
    ("get likes cat --server 127.0.0.1:1", 4, "127.0.0.1:1"),
    ("incr likes cat --server 127.0.0.1:1", 4, "127.0.0.1:1"),
    ("top likes --server 127.0.0.1:1", 4, "127.0.0.1:1"),
    ("get likes cat --server ftp://x", 2, "--server"),
)


def wrong_use(context):
    """Each wrong use of a verb: its exit code, what is wrong by name; as one JSON object on standard output with --json."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUIPU_")}
    environment["QUIPU_STATE_DIR"] = str(context.directory / "state")
    wrong = []
    for line, code, named in WRONG:
        for words in (line.split(" "), [*line.split(" "), "--json"]):
            done = subprocess.run([*context.command, *words], capture_output=True, text=True, timeout=60, env=environment,
                                  check=False)
            problems = [f"exit code {done.returncode}, not {code}"] if done.returncode != code else []
            if named not in done.stderr + done.stdout:
                problems.append(f"does not name {named}")
            if words[-1] == "--json":
                try:
                    error = json.loads(done.stdout)["error"]
                    if error["exit_code"] != code or not error["message"]:
                        problems.append(f"as JSON: {error}")
                except (ValueError, KeyError, TypeError):
                    problems.append("no JSON object with an error")
            elif done.stdout:
                problems.append("an error on standard output")
            if problems:
                wrong.append(f"{' '.join(words)}: {', '.join(problems)}: {done.stderr}{done.stdout}")
    expect(not wrong, "\n".join(wrong))


TESTS = [("import-terminal", import_terminal), ("import-edges", import_edges), ("wrong-use", wrong_use)]
