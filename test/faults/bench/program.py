"""The build with failpoints and planted bugs, of the same sources as the program under test."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
PLANTED = ROOT / "build" / "planted" / "quipu"
POINT = re.compile(r'^    \{"([a-z.]+)", (true|false), "', re.MULTILINE)
BUILD_SECONDS_MAX = 1500


@functools.cache
def planted():
    """Its command. Built when it is not what the sources are now."""
    done = subprocess.run([ROOT / "tools" / "build", "planted", "quipu"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS_MAX, check=False)
    if done.returncode != 0:
        raise AssertionError(f"the build with failpoints failed:\n{done.stdout[-3000:]}")
    return [str(PLANTED)]


def failpoints(role):
    """The names of those of a "worker", of an API "node", or of "one" process that is everything."""
    text = (ROOT / "src/base/failpoint.cc").read_text()
    names = [name for name, _ in POINT.findall(text)]
    return [name for name in names if (name.split(".")[0] if name.startswith(("worker.", "node.")) else "one") == role]


def armed(*points):
    """Before the program: failpoints, each as name:action:when."""
    return ["env", "QUIPU_FAIL=" + ",".join(points)]


def struck(output, point, action):
    """Whether a failpoint said that it struck."""
    return f"failpoint {point}: {action} at pass " in output
