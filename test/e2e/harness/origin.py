"""Where a result comes from."""

import pathlib
import platform
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent


def where():
    """Commit, machine and day, in words."""
    commit = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    cores = pathlib.Path("/proc/cpuinfo").read_text().count("processor\t")
    return f"{commit}, {cores} cores, {platform.system()} {platform.release()}, {time.strftime('%Y-%m-%d')}"
