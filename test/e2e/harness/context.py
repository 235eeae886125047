"""What a test is given: the program, scratch space, a seed, and a voice."""

import pathlib
import shutil
import subprocess
import tempfile
import time

from .server import Server


class Unavailable(Exception):
    """A client that is not on this machine and can not be installed here: a failure that says so."""


class Context:
    """One per run. `command` starts the server under test."""

    def __init__(self, command, seed, kills, cuts, scratch):
        self.command = list(command)
        self.seed = seed
        self.kills = kills
        self.cuts = cuts
        self.root = pathlib.Path(scratch)
        self.notes = []
        self.started = []
        self.slowest_recovery = None
        self.directory = self.root

    def begin(self, name):
        """A fresh scratch directory for a test."""
        self.notes = []
        self.started = []
        self.slowest_recovery = None
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.root))

    def end(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def note(self, text):
        """A fact about the run, shown with the test's line."""
        self.notes.append(text)

    def say(self, text):
        print(f"    {text}", flush=True)

    def server(self, data=None, settings=None, **more):
        """A server on this test's own directory; not started yet."""
        server = Server(self.command, data or self.directory / "data", self.directory, settings, **more)
        self.started.append(server)
        return server

    def recovered(self, seconds):
        """How long after the end of a fault it was as before; the longest counts."""
        self.slowest_recovery = max(seconds, self.slowest_recovery or 0.0)

    def recovery(self):
        """Seconds from the end of a fault until it was as before: as the test told, else the slowest start but the first of
        each server. None where neither was."""
        if self.slowest_recovery is not None:
            return self.slowest_recovery
        return max((seconds for server in self.started for seconds in server.restarts), default=None)

    def run(self, command, seconds=120, code=0, **more):
        """Runs a program to its end and returns its output; another exit code than `code` (None: any) is a failure."""
        more.setdefault("stdin", subprocess.DEVNULL if "input" not in more else None)
        if more["stdin"] is None:
            del more["stdin"]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds, check=False, **more)
        if code is not None and done.returncode != code:
            raise AssertionError(f"{command[0]} ended with exit code {done.returncode}: "
                                 f"{done.stderr[-1000:]!r} {done.stdout[-1000:]!r}")
        return done


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def eventually(condition, seconds, what):
    """Waits until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
