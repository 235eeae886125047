"""What every runner of tests against the real program does: finds the program, chooses tests, runs one and prints its line."""

import os
import pathlib
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent


def program(path):
    """The command for a path; a relative one is taken from here, else from the root of the repository."""
    found = pathlib.Path(path)
    if not found.is_absolute() and not found.exists():
        found = ROOT / path
    if not found.exists():
        sys.exit(f"run.py: there is no {path}; `make build` makes it\n\n0 passed, 1 failed")
    return [str(found.resolve())]


def choose(found, only):
    """Those of the tests, pairs of name and function, that are named; all where none is."""
    if not only:
        return found
    unknown = set(only) - {name for name, _ in found}
    if unknown:
        sys.exit(f"run.py: no such test: {', '.join(sorted(unknown))}; known: {', '.join(name for name, _ in found)}")
    return [test for test in found if test[0] in only]


def run(context, name, function, keep):
    """Runs one test and prints its line. Returns whether it passed."""
    context.begin(name)
    began = time.monotonic()
    error = None
    try:
        function(context)
    except (Exception, subprocess.TimeoutExpired) as caught:  # A test may fail in any way; the next one still runs.
        error = caught
    seconds = time.monotonic() - began
    back = f", back in {context.recovery():.2f} s" if context.recovery() is not None else ""
    print(f"{'FAILED' if error else 'passed'}  {name}  {seconds:.1f} s{back}  (seed {context.seed})", flush=True)
    for note in context.notes:
        print(f"    {note}", flush=True)
    if error:
        trace = "".join(traceback.format_exception(error)) if not isinstance(error, AssertionError) else str(error)
        print("    " + trace.strip().replace("\n", "\n    "), flush=True)
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(f"    at {os.path.basename(where.filename)}:{where.lineno}", flush=True)
        context.note(f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}")
    if error and keep:
        print(f"    kept: {context.directory}", flush=True)
    else:
        context.end()
    return error is None
