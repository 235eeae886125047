"""PostgreSQL. It refuses to run as root: then it runs as the user that Debian made for it."""

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile

from .process import Failure, exchange, free_port, start_time

MAJOR = "15"
HOST = "127.0.0.1"
USER = "postgres"
STOP = signal.SIGINT  # Its "fast" shutdown: clients are sent away, nothing is lost.
READY_SECONDS_MAX = 60


def names(options):
    return ["postgres"]


def ports():
    return {"port": free_port(HOST), "password": secrets.token_hex(16)}


def program(name):
    debian = pathlib.Path("/usr/lib/postgresql", MAJOR, "bin", name)
    path = str(debian) if debian.exists() else shutil.which(name)
    if not path:
        raise Failure(f"there is no {name} of PostgreSQL {MAJOR}: tools/install services")
    return path


def account():
    """The user that it runs as; None for one's own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError:
        raise Failure(f"PostgreSQL does not run as root, and there is no user {USER}: tools/install services") from None


def data_directory(instance, user):
    """Where its data is: under the instance, or, where its user may not go there, in the system's temporary directory;
    the link `data` then says where."""
    data = instance.directory / "data"
    if data.exists() or data.is_symlink():
        return data.resolve()
    place = data
    if user and subprocess.run(["test", "-x", instance.directory], user=user, group=user, extra_groups=[]).returncode:
        place = pathlib.Path(tempfile.mkdtemp(prefix="quipu-postgres-"))
        data.symlink_to(place)
    else:
        data.mkdir(mode=0o700)
    if user:
        shutil.chown(place, user, user)
    return place


def purge(instance):
    """Removes what lies outside of the instance's directory."""
    data = instance.directory / "data"
    if data.is_symlink():
        shutil.rmtree(data.resolve(), ignore_errors=True)


def forget_zombie(pid_file):
    """A postmaster that was killed and that nobody has waited for still looks alive to the next one: takes its file away."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if start_time(pid) is None:
        pid_file.unlink()


def prepare(instance, cluster, options, say):
    mine, user = cluster["postgres"], account()
    data = data_directory(instance, user)
    if not (data / "PG_VERSION").exists():
        with tempfile.NamedTemporaryFile("w", prefix="quipu-postgres-") as password:
            password.write(mine["password"])
            password.flush()
            if user:
                shutil.chown(password.name, user)
            who = {"user": user, "group": user, "extra_groups": []} if user else {}
            run = subprocess.run([program("initdb"), "-D", data, "-U", "quipu", "--auth=scram-sha-256", "--pwfile",
                                  password.name, "--encoding=UTF8", "--locale=C.UTF-8"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, errors="replace", timeout=READY_SECONDS_MAX, cwd="/", **who)
        if run.returncode != 0:
            raise Failure(f"initdb could not make {data}:\n{(run.stdout + run.stderr)[-2000:]}")
    instance.user = user
    forget_zombie(data / "postmaster.pid")
    return [program("postgres"), "-D", data, "-h", HOST, "-p", mine["port"], "-k", "", "-c", "shared_buffers=128MB",
            "-c", "max_connections=60"]


def ready(instance, mine):
    """Whether it asks for a password; while it starts or recovers it answers with an error."""
    hello = b"\x00\x03\x00\x00" + b"user\x00quipu\x00database\x00postgres\x00\x00"
    answer = exchange(HOST, mine["port"], (len(hello) + 4).to_bytes(4, "big") + hello, 9)
    return answer[:1] == b"R"


def address(cluster):
    mine = cluster["postgres"]
    return f"postgresql://quipu:{mine['password']}@{HOST}:{mine['port']}/postgres"
