#!/usr/bin/env python3
"""Tests of and by the simulator: seeds without a violation, the same run twice, and every planted bug caught.

    test/sim/run.py [--seeds N] [--distributed-seeds N] [--bugs-only] [--bug NAME] [--write FILE]
    test/sim/run.py --hunt 1..20000 [--jobs N] [--write FILE]      make sim

Uses the build with planted bugs and marks, so that a run of 500 seeds of the embedded form, or 300 of the distributed one,
also fails where a mark was never passed. With
--bugs-only the last line is "caught N of N"; --write puts the list of bugs and seeds into a page. With --bug, once or oftener,
these alone are planted, and nothing is written. A bug whose places are in both forms is caught in each of them.

--hunt runs seeds of both forms by turns in the release build. --write puts what they came to into a page, where there were at
least 20,000 of them and none failed.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from harness.origin import where  # noqa: E402
from hunt_page import FEWEST, hunt_page  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIMULATOR = ROOT / "build" / "planted" / "quipu-sim"
SHIPPED = ROOT / "build" / "release" / "quipu"
# Within so many seeds each planted bug must be caught.
SEEDS_TO_CATCH = 1000
# A mark committed over a newer one; a place trimmed twice; a mark kept out by an older one; a base without its chunks, and with
# chunks that another worker dropped; a base of which a piece is forgotten, two bases of one version; a watermark whose beside is
# forgotten; a total whose age was that of the step before.
FOUND = ((2598, "both"), (3720, "both"), (4198, "both"), (5792, "both"), (6504, "both"), (16820, "both"), (28048, "both"),
         (36382, "both"), (1095, "distributed"), (3059, "distributed"), (45816, "both"), (46416, "both"))
# A hunt of fewer seeds has no page.
SEEDS_OF_A_PAGE = 20_000
EVENTS_MIN, FAULTS_MIN = 500, 20
SUM = re.compile(r"\d+ seeds, [\d.]+ simulated hours, \d+ events, \d+ faults injected")
# In so many seeds of a bug a check must tell of it in its own words.
SEEDS_OF_A_PHRASE = 300
PHRASES = (("a client that is shown less than before", "row-loaded-at-one", "distributed", r".* to a client that had been shown \d+: "),
           ("a batch of which a part is counted", "commit-cut-in-two", "embedded", "a batch is there in part: "))
CAUGHT = re.compile(r"^seed (\d+): (the process ended: )?(.*)$")
# What a seed that came to too little says: nothing was seen.
TOO_WEAK = "the run is too weak"


def simulate(*arguments, seconds=400):
    return subprocess.run([SIMULATOR, *arguments], capture_output=True, text=True, timeout=seconds)


def bugs():
    """(name, form, what it does) of each; one that is in both forms is there for each of them."""
    listing = [line.split(maxsplit=2) for line in simulate("--bug", "help").stdout.splitlines()]
    return [(name, form, what) for name, where, what in listing
            for form in (("embedded", "distributed") if where == "both" else (where,))]


def catch(bug, form):
    """(seed, by the checker, what was seen), or None."""
    done = simulate("--bug", bug, "--form", form, "--brief", "--seeds", f"1..{SEEDS_TO_CATCH}")
    for line in done.stdout.splitlines():
        found = CAUGHT.match(line)
        if found and done.returncode == 1 and not found[3].startswith(TOO_WEAK):
            return int(found[1]), found[2] is None, found[3]
    return None


def catch_all(only):
    return [(name, form, what, catch(name, form)) for name, form, what in bugs() if not only or name in only]


def row_of(name, form, what, caught):
    seed, by = (str(caught[0]), "a check" if caught[1] else "an assertion") if caught else ("not caught", "")
    return f"| {name} | {form} | {what} | {seed} | {by} |"


def page(rows):
    commit = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "describe", "--always", "--abbrev=12"],
                            capture_output=True, text=True).stdout.strip()
    lines = ["# Planted bugs", "",
             f"Written by `make planted` at {commit}: each bug alone, from seed 1 on, at most {SEEDS_TO_CATCH} seeds of",
             "the form. [The simulator](../simulator.md) says what is checked. A bug whose places are in both forms is caught "
             "in each.", "",
             "| bug | form | what it does | caught in seed | by |", "|---|---|---|---|---|"]
    lines += [row_of(*row) for row in rows]
    return "\n".join(lines) + "\n"


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def expect(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED {name}\n{detail}", flush=True)


def check_seeds(results, form, seeds):
    done = simulate("--form", form, "--seeds", f"1..{seeds}", "--counts", seconds=1200)
    results.expect(f"{seeds} seeds of the {form} form hold", done.returncode == 0,
                   done.stdout[-4000:] + done.stderr[-1000:])
    fewest = FEWEST.search(done.stdout)
    results.expect(f"each of them has {EVENTS_MIN} events and {FAULTS_MIN} faults at least",
                   fewest and int(fewest[1]) >= EVENTS_MIN and int(fewest[2]) >= FAULTS_MIN, fewest and fewest[0])
    print(f"  {form}: " + (done.stdout.splitlines() or ["nothing"])[-1], flush=True)


def check_found(results):
    """Each of these showed a fault of the product, and holds since; beside the tests of the parts, since a change of the
    simulator makes another run of a seed."""
    for seed, form in FOUND:
        done = simulate("--seed", str(seed), "--form", form)
        results.expect(f"seed {seed} ({form}), which once found something, holds", done.returncode == 0, done.stdout[-4000:])


def check_repeats(results):
    for seed, form in (("3", "embedded"), ("44", "embedded"), ("3", "distributed"), ("44", "distributed")):
        command = ("--seed", seed, "--form", form, "--trace")
        first, second = simulate(*command), simulate(*command)
        results.expect(f"seed {seed} of the {form} form runs the same way twice",
                       first.returncode == 0 and len(first.stdout) > 10_000 and first.stdout == second.stdout)
    one, other = simulate("--seed", "1").stdout.split(), simulate("--seed", "2").stdout.split()
    results.expect("two seeds are two runs", one and other and one[-1] != other[-1])


def steps_of(done):
    found = re.search(r"^seed \d+: (\d+) steps", done.stdout, re.MULTILINE)
    return int(found[1]) if found else 0


def explained(results, what, *arguments):
    """(steps, options that replay it) of the seed that these arguments have fail; its sum still comes last."""
    done = simulate(*arguments)
    shortest = re.search(r"in its first (\d+) steps", done.stdout)
    again = re.search(r"^all of it: quipu-sim (--seed .*)$", done.stdout, re.MULTILINE)
    results.expect(f"{what}: the seed is explained", done.returncode == 1 and shortest and again, done.stdout[-2000:])
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    results.expect(f"{what}: the last line is the sum all the same", SUM.fullmatch(last), last)
    return (int(shortest[1]), again[1].split()) if shortest and again else (0, [])


def check_shortest(results, what, steps, again, fails):
    """The prefix that was printed fails, one of a step less does not."""
    replay = simulate(*again)
    results.expect(f"{what}: its line replays it", fails(replay), replay.stdout[-2000:])
    shorter = list(again)
    shorter[shorter.index("--steps") + 1] = str(steps - 1)
    results.expect(f"{what}: one step less is sound", simulate(*shorter).returncode == 0, str(shorter))


def check_failing_seed(results):
    """One is found as soon as it bites, the other when all is quiet: long after the step that it needs."""
    violates = lambda done: done.returncode == 1 and "VIOLATION" in done.stdout  # noqa: E731
    for bug, form, late in (("read-not-held", "embedded", False), ("epoch-ignored", "embedded", False),
                            ("rows-not-given-again", "distributed", True)):
        steps, again = explained(results, bug, "--bug", bug, "--form", form, "--seeds", "1..100")
        if not again:
            continue
        check_shortest(results, bug, steps, again, violates)
        seed = again[again.index("--seed") + 1]
        if not late:
            sound = steps_of(simulate("--seed", seed, "--form", form))
            results.expect(f"{bug}: the prefix is shorter than the sound run", 0 < steps < sound, f"{steps} of {sound}")
        failed = steps_of(simulate("--seed", seed, "--form", form, "--bug", bug))
        results.expect(f"{bug}: the prefix is shortened", steps < failed if late else steps <= failed, f"{steps} of {failed}")


def check_ended_process(results):
    """A process that ends is a failing seed like any other, though nobody can tell the step."""
    ended = lambda done: done.returncode == -signal.SIGABRT  # noqa: E731
    for form, step in (("embedded", 37), ("distributed", 700)):
        what = f"a process that ends ({form})"
        arguments = ("--form", form, "--seeds", "5..8", "--jobs", "1", "--abort-at", str(step))
        steps, again = explained(results, what, *arguments)
        results.expect(f"{what}: at which step is found", steps == step, f"{steps} instead of {step}")
        printed = simulate(*arguments).stdout
        results.expect(f"{what}: it is told as that", "seed 5: the process ended: by signal 6" in printed, printed[-2000:])
        if again:
            check_shortest(results, what, steps, again, ended)


def check_weak_runs(results):
    """A run with too few faults fails, and no prefix of it; so do runs in which something never occurred."""
    for form in ("embedded", "distributed"):
        weak = simulate("--form", form, "--seeds", "5..6", "--jobs", "1", "--least-faults", "1000000")
        again = re.search(r"^all of it: quipu-sim (--seed .*)$", weak.stdout, re.MULTILINE)
        results.expect(f"a run with too few faults fails ({form})", weak.returncode == 1 and again
                       and re.search(r"^seed 5: the run is too weak: \d+ events and \d+ faults$", weak.stdout, re.MULTILINE)
                       and "it fails as a whole" in weak.stdout, weak.stdout[-2000:])
        replay = simulate(*again[1].split()) if again else None
        results.expect(f"its line replays it ({form})", replay and replay.returncode == 1
                       and "VIOLATION the run is too weak" in replay.stdout, again and again[1])
        few = simulate("--form", form, "--seeds", "5..6", "--all-in", "2")
        for line in ("never occurred: .+", "never passed: mark .+", f"the place of the bug .+ is never passed in the {form} form"):
            results.expect(f"two seeds of the {form} form fail: {line}", few.returncode == 1
                           and re.search(f"^{line}$", few.stdout, re.MULTILINE), few.stdout[-2000:])
        results.expect(f"the last line is the sum all the same ({form})", SUM.fullmatch(few.stdout.splitlines()[-1]))


def check_phrases(results):
    """Checks that another one would mostly forestall, each shown to see something."""
    for what, bug, form, phrase in PHRASES:
        seen = any(re.search(rf"^VIOLATION {phrase}", simulate("--seed", str(seed), "--form", form, "--bug", bug).stdout, re.MULTILINE)
                   for seed in range(1, SEEDS_OF_A_PHRASE + 1))
        results.expect(f"{what} is seen", seen, f"in {SEEDS_OF_A_PHRASE} seeds of {bug}")


def check_usage(results):
    for arguments in (["--seeds", "9..1"], ["--seeds", "x"], ["--minutes", "0"], ["--bug", "none-such"], ["--nonsense"],
                      ["--form", "third"], ["--all-in", "0"], ["--least-faults", "few"]):
        done = simulate(*arguments)
        results.expect(f"{arguments} is a usage error", done.returncode == 2 and (done.stderr or done.stdout))
    results.expect("--help says what it is", simulate("--help").returncode == 0)


def check_shipped(results):
    """The program that is shipped has no switch for bugs in it."""
    if SHIPPED.exists():
        program = SHIPPED.read_bytes()
        found = {name for name, *_ in bugs() if name.encode() in program}
        results.expect("the shipped program has no planted bug", not found, str(found))


def check_bugs(results, write=None, only=()):
    rows = catch_all(only)
    for name, form, _, caught in rows:
        results.expect(f"the bug {name} is caught in the {form} form", caught)
    by_check = sum(1 for *_, caught in rows if caught and caught[1])
    results.expect("at least 25 bugs", only or len(rows) >= 25, str(len(rows)))
    results.expect("nearly all by a check and not by an assertion", by_check * 25 >= len(rows) * 20,
                   f"{by_check} of {len(rows)}")
    if write:
        pathlib.Path(write).write_text(page(rows))
    return rows


def hunt(seeds, jobs, write):
    """Runs seeds in the build that is shipped, shows what it prints, and writes the page of a long run."""
    built = subprocess.run([ROOT / "tools" / "build", "release", "quipu-sim", "-j", str(jobs)], stdout=subprocess.DEVNULL)
    if built.returncode != 0:
        return built.returncode
    command = [ROOT / "build" / "release" / "quipu-sim", "--seeds", seeds, "--jobs", str(jobs), "--counts"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    first, last = (int(end) for end in seeds.split("..")) if done.returncode == 0 else (1, 0)
    if write and last - first + 1 >= SEEDS_OF_A_PAGE:
        pathlib.Path(write).write_text(hunt_page(seeds, done.stdout.splitlines(), where()))
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--distributed-seeds", type=int, default=300)
    parser.add_argument("--bugs-only", action="store_true")
    parser.add_argument("--bug", action="append", default=[], metavar="NAME")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--hunt", metavar="A..B")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.bug and arguments.write:
        parser.error("--write is for all bugs: rows of other commits would stand below this one's name")
    if arguments.hunt:
        return hunt(arguments.hunt, arguments.jobs, arguments.write)
    results = Results()
    built = subprocess.run([ROOT / "tools" / "build", "planted", "quipu-sim"], capture_output=True, text=True)
    results.expect("the simulator is built", built.returncode == 0, built.stdout[-4000:])
    if built.returncode != 0:
        print("0 passed, 1 failed")
        return 1
    if arguments.bugs_only or arguments.bug:
        rows = check_bugs(results, arguments.write, arguments.bug)
        for name, form, _, caught in rows:
            print(f"{name:30} {form:11} {'seed ' + str(caught[0]) + ': ' + caught[2][:100] if caught else 'NOT CAUGHT'}")
        print(f"caught {sum(1 for row in rows if row[-1])} of {len(rows)}")
        return 0 if results.failed == 0 else 1
    check_usage(results)
    check_repeats(results)
    check_failing_seed(results)
    check_ended_process(results)
    check_weak_runs(results)
    check_phrases(results)
    check_shipped(results)
    check_found(results)
    check_seeds(results, "embedded", arguments.seeds)
    check_seeds(results, "distributed", arguments.distributed_seeds)
    check_bugs(results, arguments.write)
    print(f"{results.passed} passed, {results.failed} failed")
    return 0 if results.failed == 0 else 1


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
