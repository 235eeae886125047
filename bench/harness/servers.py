"""The servers that are compared: each on free ports of the loopback, in a new directory, with stated settings."""

import http.client
import json
import pathlib
import random
import shutil
import socket
import time

from .process import Process

START_SECONDS_MAX = 120


class CannotStart(Exception):
    """A server did not come up; the text has what it said."""


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


def resp_call(port, *words, timeout=60):
    """One command over RESP; the reply's bytes, of one line or one bulk text."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        request = b"*%d\r\n" % len(words)
        for word in words:
            request += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        connection.sendall(request)
        reader = connection.makefile("rb")
        line = reader.readline().rstrip(b"\r\n")
        return reader.read(int(line[1:])) if line.startswith(b"$") else line


def http_get(port, target, timeout=60):
    """(status, body) of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Server:
    """Runs while the `with` block lasts; its directory goes with it."""

    def __init__(self, context, settings):
        self.context = context
        self.settings = settings
        self.directory = pathlib.Path(context.new_directory())
        self.resp_port = self.http_port = 0
        self.process = None

    def command(self):
        raise NotImplementedError

    def ready(self):
        raise NotImplementedError

    def start(self):
        """Starts it and waits until it serves; the seconds that took."""
        command = self.command()
        began = time.monotonic()
        self.process = Process(command, self.directory / "log", self.context.server_processors, self.directory)
        while True:
            try:
                if self.ready():
                    return time.monotonic() - began
            except (OSError, http.client.HTTPException, ValueError):
                pass
            if not self.process.alive() or time.monotonic() - began > START_SECONDS_MAX:
                said = self.process.said()
                self.process.kill()
                raise CannotStart(f"{command[0]} did not come up; it said:\n{said}")
            time.sleep(0.002)

    def acknowledged(self):
        """Events that the server itself says it counted; None where it does not count."""
        return None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Quipu(Server):
    """Our program on a fresh data directory. `settings` become --set."""

    def command(self):
        self.http_port, self.resp_port = free_ports(2)
        command = [self.context.binary, "serve", "--data", self.directory / "data", "--http",
                   f"127.0.0.1:{self.http_port}", "--resp", f"127.0.0.1:{self.resp_port}"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return command

    def ready(self):
        return http_get(self.http_port, "/readyz", 5)[0] == 200

    def stats(self):
        return json.loads(http_get(self.http_port, "/v1/stats")[1])

    def acknowledged(self):
        return self.stats()["events_accepted"]


class Redis(Server):
    """Debian's redis-server. `settings` are its configuration's."""

    def command(self):
        (self.resp_port,) = free_ports(1)
        command = ["redis-server", "--port", self.resp_port, "--bind", "127.0.0.1", "--dir", self.directory]
        for key, value in self.settings.items():
            command += [f"--{key}", value]
        return command

    def ready(self):
        return resp_call(self.resp_port, "PING", timeout=5) == b"+PONG"

    def acknowledged(self):
        for line in resp_call(self.resp_port, "INFO", "commandstats").decode().splitlines():
            if line.startswith("cmdstat_incr:"):
                fields = dict(field.split("=") for field in line.partition(":")[2].split(","))
                return int(fields["calls"]) - int(fields["rejected_calls"]) - int(fields["failed_calls"])
        return 0

    def keys(self):
        return int(resp_call(self.resp_port, "DBSIZE")[1:])


NGINX_CONF = """daemon off;
{main}pid {directory}/pid;
error_log {directory}/error.log;
events {{ {events} }}
http {{
  {http}
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""


class Nginx(Server):
    """Debian's nginx. `settings`: the directives of each block."""

    def command(self):
        (self.http_port,) = free_ports(1)
        blocks = {name: " ".join(f"{line};" for line in self.settings[name]) for name in ("main", "events", "http")}
        text = NGINX_CONF.format(directory=self.directory, port=self.http_port, server=self.settings["server"], **blocks)
        path = self.directory / "nginx.conf"
        path.write_text(text)
        self.directory.chmod(0o755)  # The worker may be another user.
        return ["nginx", "-p", self.directory, "-c", path, "-e", self.directory / "error.log"]

    def ready(self):
        return http_get(self.http_port, "/view", 5)[0] == 202
