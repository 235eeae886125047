"""clang-format over all C++ sources, in a few processes."""

import concurrent.futures
import os
import re
import shutil
import subprocess

from .sources import ROOT, Finding

WARNING = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+):\d+: error: code should be clang-formatted")


def _chunks(paths):
    count = max(1, os.cpu_count() or 1)
    return [chunk for chunk in (paths[start::count] for start in range(count)) if chunk]


def _run(arguments, paths):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda chunk: subprocess.run(["clang-format-19", *arguments, *chunk], cwd=ROOT,
                                                          capture_output=True, text=True), _chunks(paths)))


def _sources(tree):
    return [path for folder in ("src/", "sim/", "test/", "bench/") for path in tree.paths(folder, (".h", ".cc"))]


def check(tree):
    paths = _sources(tree)
    if shutil.which("clang-format-19") is None:
        yield Finding(".clang-format", 0, "clang-format-19 is not installed: tools/install lint")
        return
    for result in _run(["--dry-run", "-Werror"], paths):
        seen = set()
        for line in result.stderr.splitlines():
            match = WARNING.match(line)
            if match and match["path"] not in seen:
                seen.add(match["path"])
                yield Finding(match["path"], int(match["line"]), "is not formatted: `make format` does it")
        if result.returncode != 0 and not seen:
            yield Finding(".clang-format", 0, f"clang-format failed: {result.stderr.strip()[:200]}")


def fix(tree):
    _run(["-i"], _sources(tree))
