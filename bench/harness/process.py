"""A process that the benchmark started: its processor time, its memory, and its end."""

import os
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STOP_SECONDS_MAX = 60


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


class Process:
    """A program on `processors` (None: wherever the system likes), its output in `log`."""

    def __init__(self, command, log, processors=None, directory=None):
        prefix = ["taskset", "--cpu-list", str(processors)] if processors is not None else []
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(prefix + [str(word) for word in command], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, cwd=directory,
                                            start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def family(self):
        """This process and everything below it."""
        below = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    below.setdefault(int(_stat(entry)[1]), []).append(int(entry))
                except (OSError, IndexError):
                    continue
        found = [self.pid]
        for pid in found:
            found += below.get(pid, [])
        return found

    def processor_seconds(self):
        """User and system time of the family, of children that are gone as well."""
        ticks = 0
        for pid in self.family():
            try:
                ticks += sum(int(field) for field in _stat(pid)[11:15])
            except OSError:
                continue
        return ticks / TICKS

    def resident_bytes(self):
        """Resident memory of the family."""
        total = 0
        for pid in self.family():
            try:
                with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                    total += int(file.read().split()[1]) * PAGE_BYTES
            except OSError:
                continue
        return total

    def stop(self):
        """Asks it to end and waits; ends it where it does not."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
