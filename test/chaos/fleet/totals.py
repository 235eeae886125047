"""What each place holds, asked without Quipu: every counter's total in Cassandra, PostgreSQL and Redis, by (namespace, name)."""

import subprocess

from harness.wire import Resp

from .cql import Cql, items, long

READ_AT_ONCE = 200


def sum_of_newest(shards):
    """A total: the sum over the shards of the highest epoch. `shards` are (epoch, total)."""
    newest = max(epoch for epoch, _ in shards)
    return sum(total for epoch, total in shards if epoch == newest)


def in_cassandra(port, keyspace):
    """From the rows of the exact form."""
    shards = {}
    with Cql(port) as cql:
        for space, counter, cell in cql.rows(f"SELECT namespace, counter, shard FROM {keyspace}.counters"):
            total, _, epoch, *_ = items(cell)
            shards.setdefault((space.decode(), counter), []).append((long(epoch), long(total)))
    return {key: sum_of_newest(found) for key, found in shards.items()}


def in_counter_columns(port, keyspace):
    """From the counter columns of the literal form."""
    totals = {}
    with Cql(port) as cql:
        for space, counter, views in cql.rows(f"SELECT namespace, counter, views FROM {keyspace}.counter_columns"):
            key = (space.decode(), counter)
            totals[key] = totals.get(key, 0) + long(views)
    return totals


def asked_of_postgres(url, query):
    """The lines of the answer, fields parted by tabs."""
    done = subprocess.run(["psql", url, "-X", "-A", "-t", "-F", "\t", "-c", query], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"psql: {done.stderr.strip()}")
    return done.stdout.splitlines()


def in_postgres(url):
    shards = {}
    for line in asked_of_postgres(url, "SELECT encode(namespace, 'escape'), encode(counter, 'hex'), epoch, total FROM quipu_rows"):
        space, counter, epoch, total = line.split("\t")
        shards.setdefault((space, bytes.fromhex(counter)), []).append((int(epoch), int(total)))
    return {key: sum_of_newest(found) for key, found in shards.items()}


def in_redis(port, prefix, counters):
    """Of those of `counters` that are whole in the cache: a miss is no answer and is left out."""
    totals = {}
    with Resp(port) as redis:
        for begin in range(0, len(counters), READ_AT_ONCE):
            part = counters[begin:begin + READ_AT_ONCE]
            replies = [redis.must("HGETALL", prefix.encode() + space.encode() + b":" + name) for space, name in part]
            for key, reply in zip(part, replies):
                fields = dict(zip(reply[::2], reply[1::2]))
                values = [value.split() for field, value in fields.items() if b":" in field]
                if b"t" in fields and values:
                    totals[key] = sum_of_newest([(int(value[0]), int(value[2])) for value in values])
    return totals


def events_in_postgres(url):
    """How many events all rows together say they count."""
    return int(asked_of_postgres(url, "SELECT coalesce(sum(events), 0) FROM quipu_rows")[0])


def events_in_cassandra(port, keyspace, table):
    """How many events all rows together say they count: `counters` keeps it in the shard, `counter_columns` beside the total."""
    with Cql(port) as cql:
        if table == "counter_columns":
            return sum(long(events) for events, in cql.rows(f"SELECT events FROM {keyspace}.counter_columns"))
        return sum(long(list(items(cell))[1]) for cell, in cql.rows(f"SELECT shard FROM {keyspace}.counters"))
