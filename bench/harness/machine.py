"""What was measured where: the machine, the versions, the commit."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def _said(*command):
    """What a command prints; "" where it is not installed."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=30)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip()


def _found(pattern, text):
    match = re.search(pattern, text)
    return match[1] if match else "not installed"


def _line(path, pattern):
    try:
        return _found(pattern, pathlib.Path(path).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "unknown"


def commit():
    """The commit's short hash, with "+changes" where files other than the docs, which hold the results, differ from it."""
    hash_ = _said("git", "-c", "safe.directory=*", "rev-parse", "--short=12", "HEAD")
    changes = _said("git", "-c", "safe.directory=*", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return hash_ + ("+changes" if changes else "")


def versions(binary):
    return {
        "quipu": _said(str(binary), "version").splitlines()[0] if binary else "",
        "redis": _found(r"v=(\S+)", _said("redis-server", "--version")),
        "nginx": _found(r"nginx/(\S+)", _said("nginx", "-v")),
        "wrk": _found(r"wrk (\S+)", _said("wrk", "-v")),
        "redis-benchmark": _found(r"redis-benchmark (\S+)", _said("redis-benchmark", "--version")),
        "compiler": _said("g++", "--version").splitlines()[0] if _said("g++", "--version") else "not installed",
    }


def describe(scratch):
    """The machine; `scratch` is where the servers keep their data."""
    system = os.uname()
    return {
        "processor": _line("/proc/cpuinfo", r"model name\s*:\s*(.*)"),
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_line("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20, 1),
        "kernel": f"{system.sysname} {system.release}",
        "system": _line("/etc/os-release", r'PRETTY_NAME="([^"]*)"'),
        "file_system": _said("stat", "--file-system", "--format=%T", str(scratch)),
        "huge_pages": _line("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]"),
    }


class Processors:
    """What all processors did since it was made."""

    def __init__(self):
        self.began = self._ticks()

    @staticmethod
    def _ticks():
        """(all, busy, stolen); guests' time is in the user's already."""
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, idle, wait, irq, softirq, stolen = (int(word) for word in file.readline().split()[1:9])
        busy = user + nice + system + irq + softirq
        return busy + idle + wait + stolen, busy, stolen

    def stolen_share(self):
        """Which share a hypervisor took."""
        passed, _, stolen = (now - then for now, then in zip(self._ticks(), self.began, strict=True))
        return stolen / passed if passed else 0.0

    def others_share(self, own_seconds):
        """Which share went to other programs than those that took `own_seconds`."""
        passed, busy, _ = (now - then for now, then in zip(self._ticks(), self.began, strict=True))
        return max(0.0, busy - own_seconds * os.sysconf("SC_CLK_TCK")) / passed if passed else 0.0
