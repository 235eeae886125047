"""Kills a process when it is in a wanted phase: a program of its own, so that nothing delays the blow.

    aim.py PID PHASES_FILE PHASE(0..2) DELAY_SECONDS LIMIT_SECONDS

Waits DELAY, then watches the phases file through a mapping until PHASE is 1 and sends SIGKILL in the same breath.
After LIMIT the kill falls wherever it falls. Exit code 0: aimed; 3: the limit came first; 4: the process was gone.
"""

import mmap
import os
import signal
import sys
import time


def main():
    pid, path, phase, delay, limit = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
    end = time.monotonic() + delay + limit
    time.sleep(delay)
    at = 4 * phase
    try:
        with open(path, "rb") as file:
            view = mmap.mmap(file.fileno(), 12, access=mmap.ACCESS_READ)
        while True:
            for _ in range(2000):
                if view[at]:
                    os.kill(pid, signal.SIGKILL)
                    return 0
            if time.monotonic() > end:
                break
    except (OSError, ValueError):
        pass
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 4
    return 3


if __name__ == "__main__":
    sys.exit(main())
