"""A disk of our own: an ext4 file system in a file, whose power can be cut."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess

from .stopping import stop_process

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_FLUSH = 2  # Drop everything that was not synced, the journal too.
NAMESPACE = "QUIPU_E2E_NAMESPACE"


def enter_own_namespace(arguments):
    """Runs the whole program again in a mount namespace of its own, so that no mount outlives it, whatever ends it."""
    if os.geteuid() != 0 or os.environ.get(NAMESPACE) or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[NAMESPACE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private"] + arguments)


def tool(*command):
    """Runs a tool of the system and returns what it said, which is the error where it fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


class Image:
    """Mounted while the `with` block lasts. `root` is where; `path` the image, which lies outside of it."""

    def __init__(self, directory, megabytes=256):
        self.path = pathlib.Path(directory) / "disk.ext4"
        self.root = pathlib.Path(directory) / "disk"
        self.megabytes = megabytes

    def __enter__(self):
        if os.geteuid() != 0:
            raise AssertionError("this test mounts a file system of its own and needs root for that")
        self.root.mkdir()
        with open(self.path, "wb") as file:
            file.truncate(self.megabytes << 20)
        tool("mkfs.ext4", "-q", "-F", "-m", "0", self.path)
        self.mount()
        return self

    def mount(self):
        tool("mount", "-t", "ext4", "-o", "loop", self.path, self.root)

    def unmount(self):
        tool("umount", self.root)

    def cut(self, server=None):
        """The power goes: from now on every write fails, and only what was synced is on the disk.

        The server is stopped first and killed afterwards. A program that goes on for even a moment can be told by the
        kernel that a sync went well which the cut overtook (ext4 answers so when the aborted journal commit has ended
        before the sync looks for it): no real power cut leaves a program alive to believe that.
        """
        handle = os.open(self.root, os.O_RDONLY)
        try:
            if server:
                stop_process(server.process.pid)
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_FLUSH))
        finally:
            os.close(handle)
            if server:
                server.kill()

    def recover(self):
        """The power is back; nothing may have files open here. The file system replays its journal."""
        self.unmount()
        self.mount()

    def __exit__(self, *_):
        if subprocess.run(["umount", str(self.root)], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            subprocess.run(["umount", "--lazy", str(self.root)], check=False, stderr=subprocess.DEVNULL)
        self.path.unlink(missing_ok=True)
