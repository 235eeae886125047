"""The page of a long hunt of the simulator."""

import re

FEWEST = re.compile(r"fewest in a seed: (\d+) events, (\d+) faults")


def hunt_page(seeds, lines, origin):
    """The page of the seeds `seeds`, measured at `origin`, of what the simulator printed: counts, and the sum in the last line."""
    fewest = FEWEST.search("\n".join(lines))
    counts = [re.match(r"  (?!fewest)(.*?) +(\d+)$", line) for line in lines[:-1]]
    rows = [f"| {found[1]} | {int(found[2]):,} |" for found in counts if found]
    return "\n".join(["# Simulated seeds", "",
                      f"Written by `make sim SEEDS={seeds}` at {origin}: seeds of both forms by turns, none with a violation.",
                      "[The simulator](../simulator.md) says what goes wrong and what is checked.", "",
                      f"**{lines[-1]}**; in a seed at least {fewest[1]} events and {fewest[2]} faults.", "",
                      "| fault | times |", "|---|---:|", *rows]) + "\n"
