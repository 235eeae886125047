"""The micro-benchmarks of single parts: run by Google Benchmark, kept and shown like the questions."""

import datetime
import json
import os
import pathlib
import subprocess

from . import machine

RUN_SECONDS_MAX = 900
HEAD = """## Single parts

Google Benchmark, one thread, without sockets: [bench/micro/](../bench/micro). Median of the repetitions and their
coefficient of variation. `log_commit/N` is one commit of N KiB from submit until it is durable, in real time; all others are
processor time of one event, entry, request or reply. The number behind a name is how many there are of them."""


def run(binary, scratch, repetitions, seconds):
    """Measures; the result, as it is kept."""
    began = datetime.datetime.now(datetime.timezone.utc)
    done = subprocess.run([str(binary), "--benchmark_format=json", f"--benchmark_repetitions={repetitions}",
                           "--benchmark_report_aggregates_only=true", f"--benchmark_min_time={seconds}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=RUN_SECONDS_MAX, check=True,
                          env={**os.environ, "QUIPU_BENCH_DIR": str(scratch)})
    return {
        "date": began.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": machine.commit(),
        "machine": machine.describe(scratch),
        "repetitions": repetitions,
        "parts": parts(json.loads(done.stdout)["benchmarks"]),
    }


def parts(rows):
    """One a benchmark, out of Google Benchmark's aggregates. One that failed is kept with its reason."""
    found = {}
    for row in rows:
        part = found.setdefault(row["run_name"].removesuffix("/real_time"), {})
        if row.get("error_occurred"):
            part["failed"] = row["error_message"]
        elif row.get("aggregate_name") == "median":
            part["ns"] = float(f"{1e9 / row['items_per_second']:.5g}")
            if "bytes_per_second" in row:
                part["mib_per_second"] = float(f"{row['bytes_per_second'] / 2**20:.5g}")
            if "bytes_per_counter" in row:
                part["bytes_per_counter"] = float(f"{row['bytes_per_counter']:.5g}")
        elif row.get("aggregate_name") == "cv":
            part["variation"] = float(f"{row['items_per_second']:.3g}")
    return found


def _duration(ns):
    return f"{ns:.1f} ns" if ns < 1e4 else f"{ns / 1e3:,.0f} µs"


def text(result):
    """The page's section."""
    lines = [HEAD, "", "| part | time for one | variation | |", "|---|---|---|---|"]
    for name, part in result["parts"].items():
        if "failed" in part:
            lines.append(f"| `{name}` | **failed**: {part['failed']} | | |")
            continue
        more = [f"{part['mib_per_second']:,.1f} MiB/s"] if "mib_per_second" in part else []
        more += [f"{part['bytes_per_counter']:.0f} bytes/counter"] if "bytes_per_counter" in part else []
        lines.append(f"| `{name}` | {_duration(part['ns'])} | {part['variation']:.1%} | {', '.join(more)} |")
    lines += ["", f"- Measured {result['date']} at commit `{result['commit']}`, {result['repetitions']} repetitions; "
              f"{result['machine']['processor']}, data on {result['machine']['file_system']}."]
    return "\n".join(lines)


def path_in(out):
    return pathlib.Path(out) / "results" / "micro.json"


def write_result(out, result):
    path_in(out).parent.mkdir(parents=True, exist_ok=True)
    path_in(out).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_result(out):
    return json.loads(path_in(out).read_text(encoding="utf-8")) if path_in(out).exists() else None
