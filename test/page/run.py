#!/usr/bin/env python3
"""Looks at the page in a real Chromium: the real program, the real browser, no other host.

    test/page/run.py [--binary PATH] [--screenshots FOLDER]

One line a check; at the end "N passed, N failed". What can not run here fails and says why.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness.context import Context  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
SECONDS_MAX = 180
KEY = "page-test-key-0123456789abcdef"
OTHER_KEY = "page-test-other-0123456789abcdef"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/quipu", help="the program under test")
    parser.add_argument("--screenshots", metavar="FOLDER", help="keep the pictures there")
    return parser.parse_args()


def install():
    """playwright-core as package-lock.json names it, in build/page-test; answers that folder."""
    place = ROOT / "build" / "page-test"
    place.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package-lock.json").read_bytes()
    stamp = place / "installed-lock.json"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place / name)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place, check=True,
                       timeout=SECONDS_MAX)
        stamp.write_bytes(wanted)
    return place


class Servers:
    """Starts, stops and starts again what the browser looks at, as it asks on its standard output."""

    def __init__(self, context):
        self.context = context
        self.server = None
        self.settings = {}

    def obey(self, command):
        """One command of the browser's script; answers what it needs to know."""
        if command["do"] == "start":
            if self.server is not None and self.server.alive():
                self.server.stop()
            self.settings = {"flush.interval": "200ms", **command.get("settings", {})}
            self.server = self.context.server(data=self.context.directory / command["data"])
            self.server.start(settings=self.settings)
        elif command["do"] == "stop":
            self.server.stop()
        elif command["do"] == "again":  # On the same ports: the page that is open finds it.
            self.server.start(settings=self.settings, same_ports=True)
        return {"http": self.server.http_port, "resp": self.server.resp_port}

    def end(self):
        if self.server is not None and self.server.alive():
            self.server.kill()


def main():
    arguments = parse()
    binary = ROOT / arguments.binary if not os.path.isabs(arguments.binary) else pathlib.Path(arguments.binary)
    missing = [name for name in ("node", "npm", CHROMIUM) if not shutil.which(name)]
    if not binary.exists():
        missing.append(f"{binary} (`make build` makes it)")
    if missing:
        print(f"FAILED  there is no {', no '.join(missing)}; `tools/install test` installs what is missing\n\n"
              "0 passed, 1 failed")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = tempfile.mkdtemp(prefix="quipu-page-")
    context = Context([str(binary)], 0, 0, 0, scratch)
    context.begin("page")
    servers = Servers(context)
    passed = failed = 0
    pictures = pathlib.Path(arguments.screenshots or os.path.join(scratch, "pictures")).resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    keys = context.directory / "keys"
    keys.write_text(f"ingest,read {KEY}\ningest {OTHER_KEY}\n")
    keys.chmod(0o600)
    try:
        place = install()
        options = {"chromium": CHROMIUM, "pictures": str(pictures), "key": KEY, "other_key": OTHER_KEY, "keys_file": str(keys)}
        process = subprocess.Popen(["node", str(HERE / "browser.mjs"), json.dumps(options)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   env={**os.environ, "PLAYWRIGHT_CORE": str(place / "node_modules" / "playwright-core" / "index.mjs")})
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
        signal.alarm(SECONDS_MAX)
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                print("    " + line.rstrip(), flush=True)
                continue
            if "do" in said:
                process.stdin.write(json.dumps(servers.obey(said)) + "\n")
                process.stdin.flush()
                continue
            passed += said["passed"]
            failed += not said["passed"]
            print(f"{'passed' if said['passed'] else 'FAILED'}  {said['name']}  {said['seconds']:.1f} s", flush=True)
            for text in said["notes"]:
                print("    " + text.replace("\n", "\n    "), flush=True)
        code = process.wait()
        signal.alarm(0)
        if code != 0:
            failed += 1
            print(f"FAILED  the browser's script ended with {code}")
    except subprocess.SubprocessError as error:
        failed += 1
        print(f"FAILED  {error}")
    finally:
        servers.end()
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\n{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
