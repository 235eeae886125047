"""Redis as a cache: nothing is persisted, and what is used least goes when memory is full."""

import re
import shutil
import signal
import subprocess

from .process import Failure, exchange, free_port

HOST = "127.0.0.1"
MAJOR = "7"
STOP = signal.SIGTERM
READY_SECONDS_MAX = 30


def names(options):
    return ["redis"]


def ports():
    return {"port": free_port(HOST)}


def prepare(instance, cluster, options, say):
    program = shutil.which("redis-server")
    if not program:
        raise Failure("there is no redis-server: tools/install services")
    # One that does not even tell its version is started all the same: it then says what is wrong with it.
    version = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, check=False, timeout=READY_SECONDS_MAX).stdout
    found = re.search(r"\bv=(\d+)", version)
    if found and found[1] != MAJOR:
        raise Failure(f"Redis {MAJOR} is wanted, and {program} is: {version.strip()}")
    return [program, "--bind", HOST, "--port", cluster["redis"]["port"], "--dir", instance.directory, "--save", "",
            "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]


def ready(instance, mine):
    return exchange(HOST, mine["port"], b"PING\r\n", 7) == b"+PONG\r\n"


def address(cluster):
    return f"{HOST}:{cluster['redis']['port']}"
