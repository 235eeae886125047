"""Server processes that outlive the command which started them, told apart from any other by their start time."""

import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time

STOP_SECONDS_MAX = 30
LOG_LINES_SHOWN = 25


class Failure(Exception):
    """What went wrong, in words for the user."""


def start_time(pid):
    """When a process began, in the kernel's ticks since boot; None when it is gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def boot_id():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def descendants(pid):
    """(pid, start time) of all that a process has started, and they again."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append((int(entry.name), fields[19]))
    found, ask = [], [pid]
    while ask:
        children = parents.get(ask.pop(), [])
        found += children
        ask += [child for child, _ in children]
    return found


class Process:
    """One server: its directory, its pid file there, its log."""

    def __init__(self, directory):
        self.directory = directory
        self.pid_file = directory / "pid"
        self.log = directory / "log"

    def pid(self):
        """Its process id while it runs. A pid file of another boot, or whose number is another process now, counts as none."""
        try:
            pid, began, boot = self.pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if boot == boot_id() and start_time(int(pid)) == began else None

    def start(self, command, user=None, environment=None):
        """Starts it in a session of its own: neither Ctrl-C nor a closed terminal ends it."""
        account = {"user": user, "group": user, "extra_groups": []} if user else {}
        with open(self.log, "ab") as log:
            process = subprocess.Popen([str(part) for part in command], cwd=self.directory, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**os.environ, **(environment or {})}, **account)
        began = start_time(process.pid)
        self.pid_file.write_text(f"{process.pid} {began} {boot_id()}\n")
        return process

    def stop(self, stop_signal=signal.SIGTERM):
        """Ends it, and what it started: by `stop_signal`, and by SIGKILL where that does not help. True if it ran."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        family = [(pid, start_time(pid))] + descendants(pid)
        self._send(family[:1], stop_signal)
        if stop_signal != signal.SIGKILL:
            # One that was stopped takes no signal before it goes on.
            self._send(family, signal.SIGCONT)
            self._wait(family)
        self._send(family, signal.SIGKILL)
        self._wait(family)
        self.pid_file.unlink(missing_ok=True)
        return True

    @staticmethod
    def _send(family, what):
        for pid, began in family:
            if began is not None and start_time(pid) == began:
                try:
                    os.kill(pid, what)
                except ProcessLookupError:
                    pass

    @staticmethod
    def _wait(family):
        until = time.monotonic() + STOP_SECONDS_MAX
        while time.monotonic() < until:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                pass
            if not any(start_time(pid) == began for pid, began in family):
                return
            time.sleep(0.02)

    def last_lines(self):
        try:
            return self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        except OSError:
            return []


def free_port(*hosts):
    """A port that is free on all hosts, outside the range that the kernel gives to outgoing connections: those take none
    away while a server is being started again."""
    for _ in range(1000):
        port = 20_000 + int.from_bytes(os.urandom(2), "little") % 12_000
        sockets = []
        try:
            for host in hosts:
                one = socket.socket()
                sockets.append(one)
                one.bind((host, port))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise Failure("no free port between 20000 and 32000 on the loopback")


def _over_tls(connection):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def exchange(host, port, request, size, tls=False):
    """Sends a request and returns up to `size` bytes of the answer; empty when nobody answers. Over TLS whoever answers
    is believed: this asks only whether a server of our own is up."""
    try:
        with socket.create_connection((host, port), timeout=2) as plain:
            connection = _over_tls(plain) if tls else plain
            connection.sendall(request)
            return connection.recv(size)
    except OSError:
        return b""
