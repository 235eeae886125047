"""What the service is held against: Kafka's own producer test, a row for each event, and Redis."""

import csv
import io
import os
import re
import subprocess

RECORD_BYTES = 28
RECORDS = 5_000_000
IN_FLIGHT = 256  # The default of cassandra.requests_in_flight.


def output_of(*command, **more):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout[-1000:]}")
    return done.stdout


def kafka_producer_rate(servers, topic, partitions):
    """Records a second of kafka-producer-perf-test, as it says itself, on a topic of its own."""
    servers.kafka_tool("TopicCommand", "--create", "--topic", topic, "--partitions", partitions, "--replication-factor", 1)
    said = servers.kafka_program("ProducerPerformance", "--topic", topic, "--num-records", RECORDS, "--record-size", RECORD_BYTES,
                                 "--throughput", -1, "--producer-props", f"bootstrap.servers={servers.address['kafka']}",
                                 "acks=all", "linger.ms=5", "batch.size=131072")
    servers.kafka_tool("TopicCommand", "--delete", "--topic", topic)
    return float(re.findall(r"records sent, ([0-9.]+) records/sec", said)[-1])


def store_rates(program, contact_points):
    """The best rate of each: rows of the exact store, those of its form on counter columns, UPDATEs of one counter column."""
    said = output_of(program, IN_FLIGHT, env={**os.environ, "QUIPU_TEST_CASSANDRA": contact_points})
    best = {}
    for name, rate in re.findall(r"^(.+?)\s+\d+ in flight\s+(\d+) /s", said, re.MULTILINE):
        best[name] = max(best.get(name, 0.0), float(rate))
    return {f"Cassandra, {name}": rate for name, rate in best.items()}


def redis_benchmark(port, command, counters, commands, pipeline=1):
    """redis-benchmark of one command over random counters: a second, p50 and p99 in milliseconds."""
    said = output_of("redis-benchmark", "-p", port, "-c", 50, "-n", commands, "-r", counters, "-P", pipeline, "--csv", command,
                     "counter:__rand_int__")
    if "rror" in said:
        raise AssertionError(f"redis-benchmark: {said.strip()[:300]}")
    row = next(csv.DictReader(io.StringIO(said[said.index('"test"'):])))
    return float(row["rps"]), float(row["p50_latency_ms"]), float(row["p99_latency_ms"])
