"""One server under test: started, watched, killed."""

import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import time

from .wire import Http, Lost, Resp

PHASES = ("commit", "flush", "roll")
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class StartFailed(Exception):
    """The process ended, or did not get ready in time. `code` is its exit code, or None; `output` what it said."""

    def __init__(self, what, code, output):
        super().__init__(f"{what}; it said:\n{output[-2000:]}")
        self.code = code
        self.output = output


def free_ports(count):
    """Ports that were free just now: below those that the system gives to clients, so that no client takes one."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        top = min(int(file.read().split()[0]), 65536)
    found = []
    while len(found) < count:
        port = random.randrange(min(15000, top - 1000), top)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Server:
    """A process on a data directory. `command` is what to run, without its arguments; `settings` become --set."""

    def __init__(self, command, data, scratch, settings=None, arguments=(), wrapper=()):
        self.command = list(command)
        self.data = pathlib.Path(data)
        self.scratch = pathlib.Path(scratch)
        self.settings = dict(settings or {})
        self.arguments = list(arguments)
        self.wrapper = list(wrapper)
        self.starts = 0
        self.process = None
        self.http_port = self.resp_port = 0
        self.phases_path = None
        self.log_path = None
        self.ready_seconds = 0.0
        self.restarts = []  # How long each start but the first took.
        self.readied = False
        self.kill_at = 0.0

    @property
    def pid(self):
        return self.process.pid

    def words(self):
        """What follows the program's name: the verb, and where it keeps what and listens."""
        return ["serve", "--data", str(self.data), "--http", f"127.0.0.1:{self.http_port}",
                "--resp", f"127.0.0.1:{self.resp_port}"]

    def start(self, wait=True, settings=None, same_ports=False):
        """Starts the process, on fresh ports unless told otherwise; waits until it is ready unless told otherwise."""
        self.starts += 1
        if not same_ports:
            self.http_port, self.resp_port = free_ports(2)
        self.phases_path = self.scratch / f"phases.{self.starts}"
        self.log_path = self.scratch / f"server.{self.starts}.log"
        for old in (f"phases.{self.starts - 3}", f"server.{self.starts - 3}.log"):
            (self.scratch / old).unlink(missing_ok=True)
        chosen = {"diagnostics.phases_file": str(self.phases_path), **self.settings, **(settings or {})}
        command = self.wrapper + self.command + self.words()
        for key, value in chosen.items():
            command += ["--set", f"{key}={value}"]
        command += self.arguments
        self.began = time.monotonic()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=START_SECONDS_MAX):
        """Polls /readyz until it answers 200."""
        while True:
            code = self.process.poll()
            if code is not None:
                raise StartFailed(f"the server ended with exit code {code} before it was ready", code, self.output())
            try:
                with Http(self.http_port, 5.0) as http:
                    if http.call("GET", "/readyz").status == 200:
                        self.ready_seconds = time.monotonic() - self.began
                        if self.readied:
                            self.restarts.append(self.ready_seconds)
                        self.readied = True
                        return self
            except Lost:
                pass
            if time.monotonic() - self.began > seconds:
                output = self.output()
                self.kill()
                raise StartFailed(f"the server was not ready after {seconds:.0f} s", None, output)
            time.sleep(0.01)

    def run_to_end(self, seconds=20.0):
        """Starts a process that is expected to refuse: returns (exit code, output). Ready or still there is a failure."""
        self.start(wait=False)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"the server was expected to refuse but ran; it said:\n{self.output()}") from error
        return code, self.output()

    def output(self):
        return self.log_path.read_text(errors="replace") if self.log_path and self.log_path.exists() else ""

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL to this process alone, and waits until it is gone. Returns its exit code (-9 where the kill hit)."""
        self.kill_at = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def terminate(self, seconds=STOP_SECONDS_MAX):
        """SIGTERM; returns (exit code, seconds it took)."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            output = self.output()
            self.kill()
            raise AssertionError(f"SIGTERM did not end the server in {seconds:.0f} s; it said:\n{output}") from error
        return code, time.monotonic() - began

    def stop(self):
        """SIGTERM that must end well."""
        code, _ = self.terminate()
        if code != 0:
            raise AssertionError(f"SIGTERM ended the server with exit code {code}; it said:\n{self.output()}")

    def phases(self):
        """Which phases the process was in, by name, as it left them in its file; None where there is no file."""
        try:
            data = self.phases_path.read_bytes()
        except OSError:
            return None
        if len(data) < 4 * len(PHASES):
            return None
        return {name for name, value in zip(PHASES, struct.unpack_from("<3I", data)) if value}

    def resp(self):
        return Resp(self.resp_port)

    def http(self):
        return Http(self.http_port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.alive():
            self.kill()


def resident_bytes(pid):
    """How much memory a process holds."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as status:
        return int(status.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
