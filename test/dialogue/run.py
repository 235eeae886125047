#!/usr/bin/env python3
"""Runs the dialogues: what a client sends, and what must come back, against real servers.

    test/dialogue/run.py [--binary PATH] [--against redis quipu] [--only NAME ...]

Every *.resp runs against a real Redis and against Quipu, every *.http against Quipu. A mismatch is told with file, line,
server, what was expected and what came. README.md has the formats. The last line is "N passed, N failed", in dialogues.
"""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(1, str(HERE.parent / "e2e"))

from harness.server import Server  # noqa: E402
from harness.wire import Lost, Resp  # noqa: E402
from harness.real_redis import RealRedis  # noqa: E402
from http_player import play_http, read_http  # noqa: E402
from resp_format import FormatError, read_resp  # noqa: E402
from resp_player import play_resp  # noqa: E402

SETTINGS = {"log.segment_bytes": "8MiB"}
WRONG_SECONDS_MAX = 0.5  # These answers do not come.


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--against", nargs="+", choices=("redis", "quipu"), default=("redis", "quipu"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these alone, as in set.resp")
    return parser.parse_args()


class Run:
    """Counts and tells."""

    def __init__(self):
        self.passed = self.failed = self.exchanges = 0

    def dialogue(self, path, server, exchanges, mismatches):
        """One dialogue against one server is over. No exchange at all is a failure, too."""
        self.exchanges += exchanges
        good = exchanges > 0 and not mismatches
        self.passed += good
        self.failed += not good
        print(f"{'passed' if good else 'FAILED'}  {path.name}  {server}  {exchanges} exchanges", flush=True)
        for line, expected, got in mismatches:
            print(f"    {path.name}:{line}: {server}\n        expected {expected}\n        got      {got}", flush=True)

    def error(self, what):
        self.failed += 1
        print(f"FAILED  {what}", flush=True)


def play_all_resp(run, paths, name, port):
    for path in paths:
        try:
            blocks = read_resp(path)
            with Resp(port, 10.0) as resp:
                resp.must("FLUSHALL")
            run.dialogue(path, name, *play_resp(blocks, name, port))
        except (FormatError, Lost, AssertionError) as error:
            run.error(f"{path.name}  {name}: {error}")


def bites(run, suffix, name, play):
    """The test of this test: in wrong/* every exchange is wrong, and each must be told."""
    path = HERE / "wrong" / ("every_one" + suffix)
    exchanges, mismatches = play(path)
    lines = sorted({line for line, _, _ in mismatches})
    missed = [] if len(lines) == exchanges else [(0, f"a mismatch in each of {exchanges} exchanges", f"some in lines {lines}")]
    run.dialogue(path, name, exchanges, missed)


def against_redis(run, paths, scratch):
    if not paths:
        return
    try:
        with RealRedis(scratch) as redis:
            play_all_resp(run, paths, "redis", redis.resp_port)
            bites(run, ".resp", "redis", lambda path: play_resp(read_resp(path), "redis", redis.resp_port, WRONG_SECONDS_MAX))
    except AssertionError as error:
        run.error(f"redis: {error}")


def binary_of(path):
    """A relative path is taken from here, else from the root of the repository."""
    found = pathlib.Path(path)
    if not found.is_absolute() and not found.exists():
        found = HERE.parent.parent / path
    return found.resolve()


def against_quipu(run, resp_paths, http_paths, program, scratch):
    if not program.exists():
        run.error(f"quipu: there is no {program}; `make build` makes it")
        return
    if resp_paths:
        with_server(run, program, scratch / "resp", lambda server: play_all_resp(run, resp_paths, "quipu", server.resp_port))
    for path in http_paths:  # They tell of a new data directory: each gets one.
        with_server(run, program, scratch / path.stem,
                    lambda server, path=path: run.dialogue(path, "quipu", *play_http(read_http(path), server.http_port)))
    if http_paths:
        with_server(run, program, scratch / "wrong", lambda server: bites(
            run, ".http", "quipu", lambda path: play_http(read_http(path), server.http_port, WRONG_SECONDS_MAX)))


def with_server(run, program, directory, use):
    """A Quipu on a data directory of its own while `use` runs; it must stop in order afterwards."""
    directory.mkdir()
    try:
        with Server([str(program)], directory / "data", directory, SETTINGS) as server:
            server.start()
            use(server)
            if not server.alive():
                raise AssertionError(f"the server ended with exit code {server.process.poll()}; it said:\n{server.output()}")
            server.stop()
    except Exception as error:  # A server that does not start is one failure, not the end.
        run.error(f"quipu, {directory.name}: {error}")


def chosen(only, suffix):
    return [path for path in sorted(HERE.glob("*" + suffix)) if not only or path.name in only]


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unknown = set(arguments.only or ()) - {path.name for path in HERE.iterdir()}
    if unknown:
        sys.exit(f"run.py: no such dialogue: {', '.join(sorted(unknown))}")
    resp_paths, http_paths = chosen(arguments.only, ".resp"), chosen(arguments.only, ".http")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="quipu-dialogue-"))
    run = Run()
    began = time.monotonic()
    try:
        if "redis" in arguments.against:
            against_redis(run, resp_paths, scratch)
        if "quipu" in arguments.against:
            against_quipu(run, resp_paths, http_paths, binary_of(arguments.binary), scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\n{run.passed + run.failed} dialogues, {run.exchanges} exchanges, {run.failed} failed, "
          f"{time.monotonic() - began:.1f} s")
    print(f"{run.passed} passed, {run.failed} failed")
    return 0 if run.passed and not run.failed else 1


if __name__ == "__main__":
    sys.exit(main())
