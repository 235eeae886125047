"""The clients that send the load. Each run gives the values of one sample: rates, latencies, both sides' processor time."""

import csv
import io
import json
import pathlib
import resource
import subprocess

from . import machine

POST_VIEW = pathlib.Path(__file__).resolve().parent / "post_view.lua"
RUN_SECONDS_MAX = 300


class ClientFailed(Exception):
    """A client ended badly, or its replies do not add up."""


def _clients_seconds():
    """Processor time of all clients that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _own_seconds(context):
    """Processor time of the clients, and of what a question runs beside them."""
    return _clients_seconds() + sum(process.processor_seconds() for process in context.beside)


def _run(context, command):
    """Standard output of a client, and the processor seconds that it took."""
    prefix = ["taskset", "--cpu-list", str(context.client_processors)] if context.client_processors is not None else []
    before = _clients_seconds()
    done = subprocess.run(prefix + [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=RUN_SECONDS_MAX)
    if done.returncode != 0:
        raise ClientFailed(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout, _clients_seconds() - before


def measured(context, server, send):
    """Runs `send()`, which gives (values with "events" and "rate", client's processor seconds), and adds what each event
    cost. Where the server counts its events, its count must agree with the client's."""
    counted = server.acknowledged()
    processors = machine.Processors()
    used, own_used = server.process.processor_seconds(), _own_seconds(context)
    values, client_used = send()
    used, own_used = server.process.processor_seconds() - used, _own_seconds(context) - own_used
    values["others"] = processors.others_share(used + own_used)
    if counted is not None:
        counted = server.acknowledged() - counted
        if counted < values["events"]:
            raise ClientFailed(f"the client has {values['events']} replies, the server counted {counted}")
    values["cpu_us"] = used * 1e6 / values["events"]
    values["client_cpu_us"] = client_used * 1e6 / values["events"]
    return values


def redis_benchmark(context, server, pipeline, events, connections=50, keys=100_000):
    """redis-benchmark's INCR of random keys; events as a whole number of pipelines."""
    def send():
        out, used = _run(context, ["redis-benchmark", "-h", "127.0.0.1", "-p", server.resp_port, "-c", connections,
                                   "-n", events, "-r", keys, "-P", pipeline, "--csv", "INCR", "counter:__rand_int__"])
        if "rror" in out:
            raise ClientFailed(f"redis-benchmark: {out.strip()[:300]}")
        row = next(csv.DictReader(io.StringIO(out[out.index('"test"'):])))
        return {"events": events, "rate": float(row["rps"]), "p50_ms": float(row["p50_latency_ms"]),
                "p99_ms": float(row["p99_latency_ms"])}, used
    return measured(context, server, send)


def wrk(context, server, pipeline, seconds, connections=64):
    """wrk with one thread posting views; every reply must be one of success."""
    def send():
        out, used = _run(context, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", POST_VIEW,
                                   f"http://127.0.0.1:{server.http_port}/view", "--", pipeline])
        report = json.loads(out.strip().splitlines()[-1])
        if report["errors"] or not report["replies"]:
            raise ClientFailed(f"wrk: {report['errors']} errors, {report['replies']} replies")
        # Its latencies are left alone: a closed loop hides what a slow server makes it wait.
        return {"events": report["replies"], "rate": report["replies"] * 1e6 / report["microseconds"]}, used
    return measured(context, server, send)


def load(context, server, protocol, *flags):
    """`quipu bench load`; everything must be accepted."""
    port = server.resp_port if protocol == "resp" else server.http_port

    def send():
        out, _ = _run(context, [context.binary, "bench", "load", f"--{protocol}", f"127.0.0.1:{port}", "--json",
                                   *flags])
        report = json.loads(out)
        if report["accepted"] != report["sent"]:
            raise ClientFailed(f"quipu bench load: {report['accepted']} of {report['sent']} accepted: "
                               f"{report.get('first_error', '')} {report.get('trouble', '')}")
        latency = report["latency_ms"]
        return {"events": report["accepted"], "rate": report["accepted_per_second"], "p50_ms": latency["p50"],
                "p99_ms": latency["p99"], "max_ms": latency["max"]}, report["cpu_us_per_event"] * report["accepted"] / 1e6
    return measured(context, server, send)
