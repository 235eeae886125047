"""A run of the load generator, and what is watched meanwhile."""

import json
import os
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def load(program, node, wire, *flags):
    """`quipu bench load` to an API node, `wire` being --http or --resp; its report."""
    port = node.http_port if wire == "--http" else node.resp_port
    done = subprocess.run([str(program), "bench", "load", wire, f"127.0.0.1:{port}", "--namespace", "default", "--json",
                           *map(str, flags)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise AssertionError(f"the load generator ended with {done.returncode}: {done.stderr[-500:]} {done.stdout[-500:]}")
    return json.loads(done.stdout)


def seconds_of(pid):
    """Processor time of a process and its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Processors:
    """Processor time that each of {name: pid} takes from now on."""

    def __init__(self, pids):
        self.pids = pids
        self.before = {name: seconds_of(pid) for name, pid in pids.items()}

    def used(self):
        return {name: seconds_of(pid) - self.before[name] for name, pid in self.pids.items()}


class Lag:
    """How many seconds old the oldest partition's newest read frame is, asked of the workers each second."""

    def __init__(self, workers):
        self.workers, self.found, self.stopping = workers, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(1.0):
            lags = self.workers.metrics()[1].get("quipu_worker_lag_seconds")
            if lags:
                self.found.append(max(lags.values()))

    def finish(self):
        self.stopping.set()
        self.thread.join(10.0)
        if not self.found:
            raise AssertionError("the workers told no lag")
        return self.found
