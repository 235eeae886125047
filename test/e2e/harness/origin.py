"""Where a result comes from."""

import os
import pathlib
import platform
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
#: What is measured, and what measures.
MEASURED = ("src", "sim", "drivers", "test", "bench", "deploy", "cmake")
CHANGED = "+changed"


def git(*words, root=ROOT):
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), *words], stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"})
    return done.stdout.strip()


def commit(root=ROOT):
    """The commit, and whether what was measured may be another: `0123456789ab`, or `0123456789ab+changed`."""
    return git("rev-parse", "--short=12", "HEAD", root=root) + (CHANGED if git("status", "--porcelain", "--", *MEASURED, root=root) else "")


def _machine():
    cores = pathlib.Path("/proc/cpuinfo").read_text().count("processor\t")
    return f"{cores} cores, {platform.system()} {platform.release()}"


def where():
    """Commit, machine and day, in words."""
    return f"{commit()}, {_machine()}, {time.strftime('%Y-%m-%d')}"
