"""Workers that are killed, and such as sleep through their session and go on."""

import os
import signal
import time

from fleet.cluster import Cluster
from fleet.judge import judge, replay_agrees, sums
from fleet.traffic import Traffic
from harness.context import eventually, expect


def finish(context, cluster, traffic, bite=lambda: None, stop=True, besides=()):
    """Traffic ends, everything is judged; `bite` shows that the fault bit; all processes end in order, if `stop`."""
    traffic.finish()
    cached, calm = judge(cluster, traffic, besides)
    replay_agrees(context, cluster)
    context.note(sums(traffic))
    context.note(f"calm {calm:.1f} s after the last event")
    context.note(f"{len(traffic.ledger.counters)} totals agree in the store, in a replay of the log and over HTTP, {cached} in Redis")
    bite()
    if stop:
        cluster.stop()


def aim(workers, seconds=10.0):
    """Waits for a moment at which all of them have counted what the store does not have yet. Whether one came."""
    end = time.monotonic() + seconds
    while not all(worker.has_unflushed() for worker in workers):
        if time.monotonic() > end:
            return False
    return True


ROUNDS = (1, 2, 1, 2)  # How many workers are killed at once.


def kill_workers(cluster, traffic, random):
    """SIGKILL at a random moment, then at moments at which there is something to lose; each is started again a while later. Returns how many of them had
    counted what was not flushed."""
    fell_unflushed = 0
    for number, count in enumerate(ROUNDS):
        traffic.wait_for((number + random.uniform(0.2, 0.8)) / len(ROUNDS))
        victims = random.sample(cluster.workers, count)
        if number:
            aim(victims)
        fell_unflushed += sum(victim.has_unflushed() for victim in victims)
        for victim in victims:
            victim.process.send_signal(signal.SIGKILL)
        for victim in victims:
            victim.kill()
        if number % 2:
            cluster.wait_owned(without=[victim.name for victim in victims])
        for victim in victims:
            victim.supervise()
    cluster.wait_back(traffic)
    return fell_unflushed


def kills(context):
    """SIGKILL of a worker, and of two at once."""
    with Cluster(context, "kills") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        fell_unflushed = kill_workers(cluster, traffic, context.random())
        finish(context, cluster, traffic)
        expect(fell_unflushed > 0, "no kill fell while a worker had read what was not flushed")
        context.note(f"{sum(ROUNDS)} kills, {fell_unflushed} of them while the worker had read frames that were not flushed")


def read_beyond(workers, offsets):
    """Whether these workers have read further than `offsets` in some of the partitions, and as far in all of them."""
    read = {}
    for worker in workers:
        for partition, offset in worker.read_offsets().items():
            read[partition] = max(offset, read.get(partition, 0))
    return (all(read.get(partition, -1) >= offset for partition, offset in offsets.items())
            and any(read[partition] > offset for partition, offset in offsets.items()))


def zombie(context):
    """SIGSTOP of a worker past its session timeout; others take its partitions over; SIGCONT: it goes on where it was."""
    random = context.random()
    with Cluster(context, "zombie") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        rounds, fell_unflushed, taken = 2, 0, 0
        for number in range(rounds):
            traffic.wait_for((number + random.uniform(0.1, 0.4)) / rounds)
            sleeper = random.choice(cluster.workers)
            aim([sleeper])
            unflushed = sleeper.has_unflushed()
            owned = sleeper.read_offsets()
            os.kill(sleeper.pid, signal.SIGSTOP)
            fell_unflushed += unflushed
            others = [worker for worker in cluster.workers if worker is not sleeper]
            cluster.wait_owned(without=[sleeper.name])
            # They count on, so what the sleeper still has to write is old.
            eventually(lambda: read_beyond(others, owned), 30, f"others read on in the partitions of {sleeper.name}")
            taken += len(owned)
            os.kill(sleeper.pid, signal.SIGCONT)
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        expect(fell_unflushed > 0, "no worker was stopped while it had read what was not flushed")
        expect(taken > 0, "no partition was taken over")
        context.note(f"{rounds} workers slept past their session and went on, {fell_unflushed} of them with frames that were not "
                     f"flushed; {taken} partitions had been taken over")


def elastic(context):
    """Workers that join, and such as leave in order: each hands its partitions over, and ends with 0."""
    random = context.random()
    with Cluster(context, "elastic") as cluster:
        traffic = Traffic(cluster.nodes, context.seed, context.say, context.events, context.seconds).start()
        most = len(cluster.workers)
        for number in range(6):
            traffic.wait_for((number + random.uniform(0.2, 0.8)) / 6)
            if number % 3 < 2:
                joined = cluster.add_worker()
                eventually(joined.read_offsets, 60, f"{joined.name} gets partitions")
            else:
                for leaver in random.sample([worker for worker in cluster.workers if worker.alive()], 2):
                    leaver.stop()
                cluster.wait_owned()
            most = max(most, sum(worker.alive() for worker in cluster.workers))
        cluster.wait_back(traffic)
        finish(context, cluster, traffic)
        context.note(f"beside 5 workers, 4 joined and 4 left under traffic, {most} at most; each that joined got partitions")


TESTS = (("worker-kills", kills), ("worker-zombie", zombie))
MORE = (("workers-come-and-go", elastic),)
