"""True power cuts: the file system drops all that was not synced, and the process dies with it."""

import os

from harness.context import expect, expect_equal
from harness.image import Image
from harness.rounds import Crashes

from .kill import BUSY_DISK, SMALL_TABLE


def instrument_bites(context):
    """A synced file survives the cut, a later append and an unsynced file do not: else the other tests show nothing."""
    with Image(context.directory, 32) as image:
        synced = os.open(image.root / "synced", os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(synced, b"s" * 1000)
        os.fsync(synced)
        directory = os.open(image.root, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        os.write(synced, b"t" * 1000)
        with open(image.root / "unsynced", "wb") as unsynced:
            unsynced.write(b"u" * 1000)
        image.cut()
        os.close(synced)
        image.recover()
        expect_equal((image.root / "synced").read_bytes(), b"s" * 1000, "the synced file")
        unsynced = image.root / "unsynced"
        expect(not unsynced.exists() or unsynced.stat().st_size == 0, "the unsynced file survived the cut")


def power_cut(context, server_of=None, cuts=None, quiet=False):
    """Cuts under load, half of them in a phase; each time the same judgement as after a kill."""
    cuts = cuts or context.cuts
    with Image(context.directory) as image:
        server = server_of(image) if server_of else context.server(image.root / "data", BUSY_DISK)
        with server:
            crashes = Crashes(server, context.seed + 2, (lambda text: None) if quiet else context.say, [{}, {}, SMALL_TABLE])
            for _ in range(cuts):
                crashes.cut_power(image)
            crashes.begin()
            crashes.last_look()
        if not quiet:
            phases = ", ".join(f"{count} in {name}" for name, count in crashes.phases.items())
            context.note(f"{crashes.rounds} power cuts: {phases}; {crashes.summary()}")


TESTS = [("power-instrument", instrument_bites), ("power-cut", power_cut)]
