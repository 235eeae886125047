"""The commands of a page of the documentation, run in order as a reader would type them.

A shell block is a fence that begins with ```sh; ```sh after the service was stopped is run without the service. Two kinds of
lines are not given to the shell, and these alone:

- `make TARGET`: it needs the checkout and takes minutes. The target must be in the Makefile.
- `quipu serve ...`: it does not end. It is started here with what the page gives it, and is stopped at the end.

What is changed in a line is where it happens: ports, the directory /etc/quipu, and where `quipu` is found.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from .context import expect, expect_equal
from .server import START_SECONDS_MAX, STOP_SECONDS_MAX, free_ports
from .wire import Http, Lost

ROOT = pathlib.Path(__file__).resolve().parents[3]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STOPPED = "sh after the service was stopped"
OTHER_KINDS = ("", "text", "json", "toml")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:make|curl|redis-cli|redis-server|quipu|build/release/quipu|tools/\w+|test/[\w/.]+py|cmake|wrk)"
                     r"(?: |$)(?!data directory)")
MAKE = re.compile(r"make ([a-z-]+)(?:\s+#.*)?$")
SERVE = re.compile(r"(?:build/release/)?quipu serve(?: |$)")
HELP = re.compile(r"\$ quipu [a-z -]*--help\n")
BLOCK_SECONDS_MAX = 120.0
# Exit codes that tell a refusal: without these switches both clients end with 0 whatever the server says.
CLIENTS = {"curl": "--fail-with-body --silent --show-error", "redis-cli": "-e"}


def pages():
    """The pages whose commands are run: README and everything in docs."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def blocks(page):
    """The shell blocks of a page as (kind, lines). A command that stands in code of another kind is a failure."""
    text = (ROOT / page).read_text()
    found = []
    for kind, body in FENCE.findall(text):
        lines = body.splitlines()
        if kind in ("sh", STOPPED):
            found.append((kind, lines))
        else:
            expect(kind in OTHER_KINDS, f"{page}: a block of the kind {kind!r}: known are sh, {STOPPED}, {', '.join(OTHER_KINDS)}")
            if not (kind == "text" and HELP.match(body)):  # What --help prints is held by the command line's unit test.
                check_no_commands(page, lines)
    rest = FENCE.sub("", text)
    expect(not re.search(r"^\s*(```|~~~)", rest, re.MULTILINE), f"{page}: a fence that is indented, not closed or of another sort")
    check_no_commands(page, [line for line in rest.splitlines() if line.startswith("    ")])
    return found


def check_no_commands(page, lines):
    for line in lines:
        expect(not COMMAND.match(line), f"{page}: a command that no test runs: write its block as ```sh: {line.strip()}")


class PageRun:
    """One page in a directory of its own. The service runs while the `with` block lasts."""

    def __init__(self, context, page, redis_port=None):
        self.page = page
        self.directory = context.directory / page.replace("/", "-")
        self.blocks = blocks(page)
        self.http_port, self.resp_port = free_ports(2)
        self.redis_port = redis_port
        self.process = None
        self.stopped = False
        self.ran = 0
        (self.directory / "build/release").mkdir(parents=True)
        (self.directory / "bin").mkdir()
        self.script("bin/quipu", context.command)
        self.script("build/release/quipu", context.command)
        simulator = pathlib.Path(context.command[0]).resolve().parent / "quipu-sim"
        self.script("build/release/quipu-sim", [str(simulator)])
        for client, switches in CLIENTS.items():
            self.script(f"bin/{client}", [shutil.which(client) or f"/usr/bin/{client}", *switches.split()])
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("QUIPU_")}
        self.environment |= {"PATH": f"{self.directory}/bin:{os.environ['PATH']}",
                             "QUIPU_STATE_DIR": str(self.directory / "state"),
                             "QUIPU_SERVER": f"127.0.0.1:{self.http_port}",
                             "QUIPU_HTTP_LISTEN": f"127.0.0.1:{self.http_port}",
                             "QUIPU_RESP_LISTEN": f"127.0.0.1:{self.resp_port}"}

    def script(self, name, command):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\nexec {' '.join(map(str, command))} \"$@\"\n")
        path.chmod(0o755)

    def here(self, line):
        """The line at the ports and in the directory of this run."""
        line = re.sub(r"\b8080\b", str(self.http_port), line)
        line = re.sub(r"\b6380\b", str(self.resp_port), line)
        if re.search(r"\b6379\b", line):
            expect(self.redis_port, f"{self.page}: there is no Redis for: {line}")
            line = re.sub(r"\b6379\b", str(self.redis_port), line)
        return line.replace("/etc/quipu", f"{self.directory}/etc")

    def shell(self, text, code=0):
        """Runs a script, which must end with `code`; returns what it wrote."""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", self.here(text)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=BLOCK_SECONDS_MAX, check=False,
                              cwd=self.directory, env=self.environment)
        expect_equal(done.returncode, code, f"{self.page}: exit code of\n{text}\n{done.stderr.decode()}{done.stdout.decode()}")
        return done

    def serve(self, line="quipu serve"):
        """Starts what the page starts, and waits until it is ready."""
        expect(self.process is None, f"{self.page} starts a second service")
        log = self.directory / "serve.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(["bash", "-c", "exec " + self.here(line)], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, cwd=self.directory,
                                            env=self.environment, start_new_session=True)
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            expect(self.process.poll() is None and time.monotonic() < end, f"{self.page}: {line}: {log.read_text()}")
            try:
                with Http(self.http_port, 5.0) as http:
                    if http.call("GET", "/readyz").status == 200:
                        return
            except Lost:
                pass
            time.sleep(0.01)

    def run(self):
        """Runs the blocks that want the service, in order; returns what they wrote to standard output."""
        output = b""
        for kind, lines in self.blocks:
            if kind == "sh":
                output += self.block(lines)
        return output

    def run_stopped(self):
        """Stops the service, then runs the blocks that want it stopped."""
        self.stop()
        return b"".join(self.block(lines) for kind, lines in self.blocks if kind == STOPPED)

    def block(self, lines):
        script, serves = [], None
        for line in lines:
            if match := MAKE.match(line):
                expect(re.search(rf"^{match[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE),
                       f"{self.page}: there is no target: {line}")
                continue
            expect(serves is None, f"{self.page}: behind `{serves}`, which does not end, stands: {line}")
            if SERVE.match(line):
                serves = line
            else:
                script.append(line)
        if script and not serves and self.process is None and not self.stopped:
            self.serve()
        done = self.shell("\n".join(script)).stdout if script else b""
        if serves:
            self.serve(serves)
        self.ran += len(script) + bool(serves)
        return done

    def stop(self):
        """SIGTERM, which must end well."""
        self.stopped = True
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            expect_equal(self.process.wait(STOP_SECONDS_MAX), 0, f"{self.page}: the exit code of the service")
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
