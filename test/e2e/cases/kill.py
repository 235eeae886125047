"""SIGKILL at random and at chosen moments, SIGTERM: what was acknowledged stays, what was retried counts once."""

import time

from harness.context import expect
from harness.load import Load
from harness.rounds import Crashes
from harness.server import PHASES, resident_bytes

# The smallest bounds, so that a short run sees segments roll, rows flushed, bases made.
BUSY_DISK = {"log.segment_bytes": "8MiB", "flush.interval": "40ms", "flush.sync_interval": "150ms",
             "base.interval": "1s", "base.log_bytes": "16MiB", "log.retain_bytes": "16MiB", "log.retain_hours": "0",
             "idempotency.window": "200000"}
SMALL_TABLE = {"memory.table_bytes": "16MiB"}
PER_PHASE_MIN = 3


def kill(context):
    """Half of the kills fall at random, the others in a phase or in the start."""
    server = context.server(settings=BUSY_DISK)
    with server:
        crashes = Crashes(server, context.seed, context.say, [{}, {}, SMALL_TABLE])
        while crashes.rounds < context.kills or (min(crashes.phases.values()) < PER_PHASE_MIN
                                                 and crashes.rounds < 2 * context.kills):
            if crashes.rounds % 12 == 11:
                crashes.kill_in_start()
                continue
            crashes.begin()
            rarest = min(PHASES, key=lambda phase: crashes.phases[phase])
            aimed = crashes.rounds % 2 == 1 or crashes.rounds >= context.kills
            if aimed:
                crashes.kill_in_phase(rarest)
            else:
                crashes.kill_at_random()
        crashes.begin()
        crashes.last_look()
    report(context, crashes)
    expect(min(crashes.phases.values()) > 0, f"no kill fell into one of the phases: {crashes.phases}")


def report(context, crashes):
    phases = ", ".join(f"{count} in {name}" for name, count in crashes.phases.items())
    context.note(f"{crashes.rounds} kills: {phases}, {crashes.in_start} in the start")
    context.note(crashes.summary())


def kill_evicting(context):
    """More counters than the table may hold: rows are evicted and read back between the kills."""
    server = context.server(settings=BUSY_DISK | SMALL_TABLE)
    with server:
        crashes = Crashes(server, context.seed + 3, context.say)
        crashes.load = Load(crashes.ledger, context.seed + 3, ("bulk", "bulk", "once", "plain", "single", "registers"),
                            long_names=30_000)
        for number in range(max(4, context.kills // 7)):
            crashes.begin()
            crashes.kill_at_random(3.0, 4.0) if number < 2 else crashes.kill_at_random(0.1, 0.8)
        crashes.begin()
        resident = resident_bytes(server.pid)
        crashes.last_look()
    names = sum(len(counter.name) for counter in crashes.ledger.counters)
    context.note(f"{crashes.rounds} kills, names of {names >> 20} MiB beside a table of 16 MiB, process of {resident >> 20} MiB; "
                 + crashes.summary())
    expect(names > 18 << 20, f"the load made only {names} bytes of names, too few to evict a row")


def terminate(context):
    """SIGTERM under load loses nothing at all, not even what was acknowledged in memory, and ends with exit code 0."""
    server = context.server(settings=BUSY_DISK)
    rounds = max(3, context.kills // 6)
    slowest = 0.0
    with server:
        crashes = Crashes(server, context.seed + 1, context.say, [{}, SMALL_TABLE])
        for number in range(rounds):
            crashes.begin()
            crashes.load.start(server, ("memory",) if number % 3 == 2 else None)
            time.sleep(crashes.random.uniform(0.05, 0.5))
            crashes.must_live()
            code, seconds = server.terminate()
            slowest = max(slowest, seconds)
            crashes.crash(gently=True)
            expect(code == 0, f"SIGTERM ended the server with exit code {code}; it said:\n{server.output()}")
        crashes.begin()
        crashes.last_look()
    expect(crashes.ledger.events["memory"] > 0, "nothing was acknowledged in memory")
    context.note(f"{rounds} times SIGTERM, slowest {slowest:.2f} s; {crashes.summary()}")


TESTS = [("kill", kill), ("kill-evicting", kill_evicting), ("terminate", terminate)]
