"""Control groups (version 1) of the run's own: a process in one can be frozen, starved of the processor, memory or threads."""

import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")
EMPTY_SECONDS_MAX = 10.0


class Group:
    """A group of one controller while the `with` block lasts. `wrapper` is what to start a process with, so that it is in
    the group from its first instruction on."""

    made = 0

    def __init__(self, controller):
        self.controller = controller
        Group.made += 1
        self.path = ROOT / controller / f"quipu-faults-{os.getpid()}-{Group.made}"

    def __enter__(self):
        if os.geteuid() != 0:
            raise AssertionError("this test makes a control group and needs root for that")
        if not (ROOT / self.controller / "tasks").exists():
            raise AssertionError(f"this machine has no control groups of version 1 for {self.controller}")
        self.path.mkdir()
        return self

    @property
    def wrapper(self):
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs")]

    def add(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))

    def set(self, file, value):
        (self.path / f"{self.controller}.{file}").write_text(str(value))

    def get(self, file):
        return (self.path / f"{self.controller}.{file}").read_text().strip()

    def stat(self, name, file="stat"):
        """A number of a file of `name value` lines."""
        for line in self.get(file).splitlines():
            word, _, value = line.partition(" ")
            if word == name:
                return int(value)
        raise AssertionError(f"{self.path}/{self.controller}.{file} says nothing about {name}")

    def freeze(self):
        """Every thread of the group stands still when this returns."""
        self.set("state", "FROZEN")
        end = time.monotonic() + EMPTY_SECONDS_MAX
        while self.get("state") != "FROZEN":
            if time.monotonic() > end:
                raise AssertionError(f"the group was not frozen in {EMPTY_SECONDS_MAX:.0f} s")
            time.sleep(0.01)

    def thaw(self):
        self.set("state", "THAWED")

    def __exit__(self, *_):
        if self.controller == "freezer":
            self.thaw()
        end = time.monotonic() + EMPTY_SECONDS_MAX
        while True:
            for pid in (self.path / "cgroup.procs").read_text().split():
                try:
                    (ROOT / self.controller / "cgroup.procs").write_text(pid)
                except OSError:
                    pass  # It has just ended.
            try:
                self.path.rmdir()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
