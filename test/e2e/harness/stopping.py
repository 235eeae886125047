"""Stopping a process so that none of its threads does another step."""

import os
import pathlib
import signal
import time

STOP_SECONDS_MAX = 30.0


def states(pid):
    """The state of each thread, as /proc has it: R runs, S and D wait in the kernel, T is stopped."""
    found = set()
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            found.add(stat.read_text(errors="replace").rpartition(")")[2].split()[0])
        except (OSError, IndexError):
            continue  # The thread has ended.
    return found


def stop_process(pid):
    """SIGSTOP, and waits until it has taken hold: until then a thread may go on, longest on a busy machine.

    A thread in the middle of a sync (D) is not waited for: it stops before it could say how the sync ended. A process
    that has ended stands still.
    """
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return
    until = time.monotonic() + STOP_SECONDS_MAX
    while True:
        now = states(pid)
        if not now & {"R", "S"} and (not now or now & set("TtZX")):
            return
        if time.monotonic() > until:
            raise RuntimeError(f"process {pid} was not stopped by SIGSTOP in {STOP_SECONDS_MAX:.0f} s: {sorted(now)}")
