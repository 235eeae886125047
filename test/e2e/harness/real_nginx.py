"""A real nginx before ours, as the second opinion on HTTP: Debian's, which passes on what it takes for a request."""

import os
import shutil
import subprocess
import time

from .server import free_ports
from .wire import Http, Lost

CONF = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  large_client_header_buffers 4 16k;
  client_max_body_size 1m;
  client_header_timeout {seconds}s;
  client_body_timeout {seconds}s;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


class RealNginx:
    """Runs while the `with` block lasts; passes requests on to the port `behind`, and waits `seconds` for the rest of one."""

    def __init__(self, directory, behind, seconds):
        self.directory = directory / "nginx"
        self.behind = behind
        self.seconds = seconds
        self.process = None
        (self.http_port,) = free_ports(1)

    def __enter__(self):
        if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
            raise AssertionError("nginx is not on this machine; tools/install test installs it")
        self.directory.mkdir()
        conf = self.directory / "nginx.conf"
        conf.write_text(CONF.format(directory=self.directory, port=self.http_port, behind=self.behind, seconds=self.seconds,
                                    user="user root;" if os.geteuid() == 0 else ""))
        with open(self.directory / "said", "wb") as said:
            self.process = subprocess.Popen(
                ["nginx", "-p", str(self.directory), "-c", str(conf), "-e", str(self.directory / "error.log")],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        for _ in range(500):
            try:
                with Http(self.http_port) as http:
                    if http.call("GET", "/livez").status == 200:
                        return self
            except Lost:
                time.sleep(0.01)
        self.__exit__()
        raise AssertionError(f"nginx did not answer in 5 s; it said:\n{(self.directory / 'said').read_text()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
