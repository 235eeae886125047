"""A real Redis beside ours, as the second opinion: Debian's redis-server on a free port, nothing persisted."""

import shutil
import subprocess
import time

from .server import free_ports
from .wire import Lost, Resp


class RealRedis:
    """Runs while the `with` block lasts."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        (self.resp_port,) = free_ports(1)

    def __enter__(self):
        if not shutil.which("redis-server"):
            raise AssertionError("redis-server is not on this machine; tools/install test installs it")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.resp_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.directory)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                with Resp(self.resp_port) as resp:
                    if resp.call("PING") == "PONG":
                        return self
            except Lost:
                time.sleep(0.01)
        raise AssertionError("redis-server did not answer in 5 s")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
