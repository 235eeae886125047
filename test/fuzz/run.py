#!/usr/bin/env python3
"""Builds the fuzzers and runs each for a while, from the inputs of corpus/ and those that earlier runs found.

    test/fuzz/run.py [--seconds N] [--jobs N] [--only NAME ...]
    test/fuzz/run.py --merge [--only NAME ...]     brings what was found into corpus/, as few inputs as reach the same

One line a fuzzer, at the end "N passed, N failed". A fuzzer fails where a property does not hold, a sanitizer objects, an
input takes 10 s, or one allocation is above 16 MiB: no input is longer than 4 KiB, so such a one follows a length that was
only declared. The input is kept in build/fuzz-found, and the line says how to run it again. The canary has a bug, and
must fail.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"
FOUND = ROOT / "build" / "fuzz-found"
GROWN = ROOT / "build" / "fuzz-corpus"
CORPUS = HERE / "corpus"
INPUT_BYTES_MAX = 4096
ALLOCATION_MIB_MAX = 16
INPUT_SECONDS_MAX = 10
OVER_SECONDS_MAX = 120  # How long a fuzzer may go on behind its time: what it has begun, and a report.
FLAGS = [f"-max_len={INPUT_BYTES_MAX}", f"-malloc_limit_mb={ALLOCATION_MIB_MAX}", f"-timeout={INPUT_SECONDS_MAX}",
         "-rss_limit_mb=1024"]
ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
               "ASAN_OPTIONS": "detect_stack_use_after_return=1", "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19"}


def fuzzers():
    return sorted(source.name.removesuffix("_fuzz.cc") for source in HERE.glob("*_fuzz.cc"))


def run(name, seconds):
    """Runs one fuzzer; (whether it passed, what to say)."""
    grown = GROWN / name
    grown.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(parents=True, exist_ok=True)
    corpora = [grown] + [place for place in [CORPUS / name] if place.is_dir()]
    command = [BUILD / f"fuzz_{name}", f"-max_total_time={seconds}", f"-artifact_prefix={FOUND}/{name}-",
               "-print_final_stats=1", *FLAGS, *corpora]
    try:
        done = subprocess.run([str(word) for word in command], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=seconds + OVER_SECONDS_MAX)
        code, output = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        code, output = -1, (late.stdout or b"").decode(errors="replace") + "\nit did not come to its end"
    return judge(name, code, output)


def judge(name, code, output):
    """What a fuzzer's exit code and output mean."""
    if name == "canary":
        found = code != 0 and "does not hold: the canary" in output
        return found, "its bug was found" if found else f"its bug was not found\n{output[-2000:]}"
    runs = re.search(r"stat::number_of_executed_units: (\d+)", output)
    features = re.findall(r" ft: (\d+)", output)
    if code != 0:
        kept = re.search(r"Test unit written to (\S+)", output)
        again = f"\n  again: build/fuzz/fuzz_{name} {kept[1]}" if kept else ""
        return False, f"failed with exit code {code}{again}\n{output[-6000:]}"
    if not runs or int(runs[1]) == 0 or not features:
        return False, f"it ran nothing\n{output[-2000:]}"
    return True, f"{int(runs[1]):,} inputs, {int(features[-1]):,} features"


def merge(name):
    """Replaces a corpus by the few inputs that reach all branches that it and what was found reach."""
    with tempfile.TemporaryDirectory() as place:
        command = [BUILD / f"fuzz_{name}", "-set_cover_merge=1", "-use_counters=0", *FLAGS, place, CORPUS / name, GROWN / name]
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        (GROWN / name).mkdir(parents=True, exist_ok=True)
        subprocess.run([str(word) for word in command], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        shutil.rmtree(CORPUS / name)
        shutil.copytree(place, CORPUS / name)
    sizes = [file.stat().st_size for file in (CORPUS / name).iterdir()]
    print(f"{name}: {len(sizes)} inputs, {sum(sizes):,} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="how long each fuzzer runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many run at a time")
    parser.add_argument("--only", nargs="+", choices=fuzzers(), default=fuzzers(), metavar="NAME", help="run these alone")
    parser.add_argument("--merge", action="store_true", help="bring what was found into the corpora")
    arguments = parser.parse_args()
    built = subprocess.run([str(ROOT / "tools/build"), "fuzz", "-j", str(arguments.jobs)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if built.returncode != 0:
        print(built.stdout.decode(errors="replace")[-6000:])
        print("the fuzzers can not be built\n0 passed, 1 failed")
        return 1
    if arguments.merge:
        for name in arguments.only:
            if name != "canary":
                merge(name)
        return 0

    passed = failed = 0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, (good, said) in zip(arguments.only, pool.map(lambda name: run(name, arguments.seconds), arguments.only)):
            print(f"{'ok  ' if good else 'FAIL'} {name}: {said}", flush=True)
            passed, failed = (passed + 1, failed) if good else (passed, failed + 1)
    print(f"{len(arguments.only)} fuzzers in {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
