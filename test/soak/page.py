"""The page of one soak."""

from samples import SETTLED_SECONDS, median, quarters

HEAD = """# An hour under load

Written by `make soak` at {origin}, seed {seed}: one process on embedded defaults, but with a checkpoint
each 256 MiB of log, 512 MiB of it kept, and a window of 2,000 ids a partition. {capacity:,.0f} events a second was the most that
`quipu bench load` reached before; {rate:,} a second were sent all the time ({share:.0%}), of {keys:,} counters, beside clients of seven kinds
whose every event is judged. The first third in peace, then {kills} SIGKILLs at random moments; {minutes:.0f} minutes in all.

| | quarter | resident MiB | descriptors | CPU us an event | disk MiB | events a second |
|---|---:|---:|---:|---:|---:|---:|
"""


def page(soak, arguments, origin):
    text = HEAD.format(origin=origin, seed=arguments.seed, capacity=soak.capacity, rate=soak.big.rate, share=arguments.share,
                       keys=100_000, kills=soak.kills, minutes=arguments.minutes)
    for peace, words in ((True, "in peace"), (False, "between kills")):
        for number, samples in enumerate(quarters(soak.samples.part(peace)), 1):
            if samples:
                seconds = [after.at - before.at for before, after in zip(samples, samples[1:]) if after.at - before.at < 30]
                events = sum(sample.events for sample in samples[1:])
                text += (f"| {words} | {number} | {median(samples, lambda s: s.resident) / 2**20:.1f} | "
                         f"{median(samples, lambda s: s.descriptors):.0f} | {median(samples, lambda s: s.cpu_us):.2f} | "
                         f"{median(samples, lambda s: s.disk) / 2**20:.0f} | {events / max(1.0, sum(seconds)):,.0f} |\n")
    sums = soak.big.sums
    text += f"""
Medians of samples taken every 5 s, from {SETTLED_SECONDS:.0f} s after a start.

- The big load: {sums['accepted']:,} events acknowledged, {sums['lost'] + sums['unknown']:,} left without an answer by a kill, {sums['busy']:,} turned
  away as busy. At each start the sum of all counters lay between what was acknowledged and what was sent, and stayed.
- The judged clients: {soak.ledger.summary()}.
- Back in at most {max(soak.server.restarts, default=0.0):.2f} s after a kill.
"""
    return text
