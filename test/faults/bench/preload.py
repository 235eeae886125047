"""Libraries put before libc in the program under test: a clock that jumps, calls that do less than they were asked, memory
that runs out. What to do, and what was done, stands in a file that both sides map."""

import mmap
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SLOTS = 8


class Preload:
    """One of the C files beside this one, compiled for this run. `wrapper` starts a process with it. Slots of 64 bits:
    what they mean is said in the C file."""

    def __init__(self, context, name):
        self.shared_object = context.directory / f"{name}.so"
        self.path = context.directory / f"{name}.slots"
        context.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self.shared_object, HERE / f"{name}.c", "-ldl"])
        self.path.write_bytes(bytes(8 * SLOTS))
        with open(self.path, "r+b") as file:
            self.view = mmap.mmap(file.fileno(), 8 * SLOTS)

    @property
    def wrapper(self):
        return ["env", f"LD_PRELOAD={self.shared_object}", f"QUIPU_FAULT_SLOTS={self.path}"]

    def __getitem__(self, slot):
        return struct.unpack_from("<q", self.view, 8 * slot)[0]

    def __setitem__(self, slot, value):
        struct.pack_into("<q", self.view, 8 * slot, value)

