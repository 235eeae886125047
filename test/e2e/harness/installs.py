"""Clients that come from package registries, kept under build/ so that the next run finds them, and one from Debian."""

import os
import pathlib
import shutil
import subprocess
import sys

from .context import Unavailable

HERE = pathlib.Path(__file__).resolve().parent.parent
PLACE = HERE.parent.parent / "build" / "e2e-clients"
REDIS_PY = "8.1.0"
IOREDIS = "6.0.0"
GO_REDIS = "v9.23.0"
SCHEMATHESIS = "4.32.5"
HYPOTHESIS = "6.170.17"  # Makes up the requests: another version makes up others from one seed.


def install(command, where, what):
    """Runs an installer; its last words are the reason where it can not."""
    where.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([str(word) for word in command], cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{what} can not be installed: {done.stdout.decode(errors='replace').strip()[-500:]}")


def environment_of_python(name, *packages):
    """The place of a Python environment that has these packages of PyPI: Debian's own Python takes none."""
    place = PLACE / name
    if not (place / "done").exists():
        install([sys.executable, "-m", "venv", place], PLACE, "a Python environment")
        install([place / "bin" / "pip", "-q", "--disable-pip-version-check", "install", *packages], PLACE, name)
        (place / "done").touch()
    return place


def redis_py():
    """The command of a Python that has redis-py."""
    place = environment_of_python(f"redis-py-{REDIS_PY}", f"redis=={REDIS_PY}")
    return [str(place / "bin" / "python"), "-B", str(HERE / "clients" / "redis_py.py")]


def schemathesis():
    """The command of Schemathesis, with what its checks may expect here."""
    place = environment_of_python(f"schemathesis-{SCHEMATHESIS}", f"schemathesis=={SCHEMATHESIS}", f"hypothesis=={HYPOTHESIS}")
    return [str(place / "bin" / "st"), "--config-file", str(HERE / "clients" / "schemathesis.toml")]


def ioredis():
    """(command, environment) of the script for ioredis."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Unavailable("node and npm are not on this machine; tools/install test installs them")
    place = PLACE / f"ioredis-{IOREDIS}"
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}\n')
        install(["npm", "install", "--silent", "--no-audit", "--no-fund", f"ioredis@{IOREDIS}"], place, "ioredis")
        (place / "done").touch()
    return ["node", str(HERE / "clients" / "ioredis.js")], {"NODE_PATH": str(place / "node_modules")}


def redis_rb():
    """The command of the script for redis-rb, Debian's own."""
    asked = ["ruby", "-e", "require 'redis'"]
    if not shutil.which("ruby") or subprocess.run(asked, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        raise Unavailable("ruby and its redis are not on this machine; tools/install test installs them")
    return ["ruby", str(HERE / "clients" / "redis_rb.rb")]


def has_go():
    """Whether this machine can build the program for go-redis."""
    return shutil.which("go") is not None


def go_redis():
    """The command of the program for go-redis."""
    place = PLACE / f"go-redis-{GO_REDIS}"
    source = (HERE / "clients" / "go" / "main.go").read_text()
    program = place / "operations"
    if not program.exists() or (place / "main.go").read_text() != source:
        place.mkdir(parents=True, exist_ok=True)
        (place / "main.go").write_text(source)
        if not (place / "go.mod").exists():
            install(["go", "mod", "init", "operations"], place, "the Go module")
        install(["go", "get", f"github.com/redis/go-redis/v9@{GO_REDIS}"], place, "go-redis")
        install(["go", "build", "-o", program, "."], place, "the program for go-redis")
    return [str(program)]


def environment(more):
    return {**os.environ, **more}
