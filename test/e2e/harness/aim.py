"""Kills a process when it is in a wanted phase: a program of its own, so that nothing delays the blow.

    aim.py PID PHASES_FILE PHASE(0..2) DELAY_SECONDS LIMIT_SECONDS [MOUNT_POINT]

Waits DELAY, then watches the phases file through a mapping until PHASE is 1 and sends SIGKILL in the same breath; with
a mount point, it cuts the power of that file system first. After LIMIT the kill falls wherever it falls. Exit code 0:
aimed; 3: the limit came first; 4: the process was gone.
"""

import fcntl
import mmap
import os
import signal
import struct
import sys
import time

from stopping import stop_process

EXT4_IOC_SHUTDOWN = 0x8004587D


def main():
    pid, path, phase, delay, limit = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
    disk = os.open(sys.argv[6], os.O_RDONLY) if len(sys.argv) > 6 else None

    def strike():
        if disk is not None:
            stop_process(pid)  # As in image.py: no power, no program either.
            fcntl.ioctl(disk, EXT4_IOC_SHUTDOWN, struct.pack("I", 2))
        os.kill(pid, signal.SIGKILL)

    end = time.monotonic() + delay + limit
    time.sleep(delay)
    at = 4 * phase
    try:
        with open(path, "rb") as file:
            view = mmap.mmap(file.fileno(), 12, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        view = bytes(12)
    aimed = False
    while not aimed and time.monotonic() < end:
        for _ in range(2000):
            if view[at]:
                aimed = True
                break
    try:
        strike()
    except ProcessLookupError:
        return 4
    return 0 if aimed else 3


if __name__ == "__main__":
    sys.exit(main())
