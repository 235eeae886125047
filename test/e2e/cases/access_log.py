"""An access log counted as a new user would: a few lines of shell, compared with sort | uniq -c."""

import collections
import random
import time

from harness import installs
from harness.context import expect, expect_equal
from harness.wire import quote

ODD = ["/", "/favicon.ico", "/a%20b", "/100%", "/%", "/ä/→/数", "/x?y=1&z=2", "/x?y=%31", "/a'b", "/a$HOME`id`", "/{brace}",
       "/[1-3]", "/back\\slash", "/semi;colon", "//", "/.", "/..", "/" + "long/" * 150, "/#anchor", "*", "/a,b", "/~user", "/a*b",
       "/+plus+", "/a=b", "/@at", "/-dash", "/emoji-😀"]

# One view for each line: the request's path is the video. One curl for each, four at a time.
EACH = r"""
set -euo pipefail
cut -d'"' -f2 "$LOG" | cut -d' ' -f2 |
  xargs -d '\n' -P 4 -I{} curl -sf -o /dev/null -H 'Content-Type: text/plain' --data-raw {} "$URL/view"
"""
# The same in batches: jq makes a JSON line of each path, split hands 2,000 at a time to curl.
BATCHES = r"""
set -euo pipefail
cut -d'"' -f2 "$LOG" | cut -d' ' -f2 | jq -Rc '{namespace: "views", counter: .}' |
  split -l 2000 --filter='curl -sf -o /dev/null -H "Content-Type: application/x-ndjson" --data-binary @- "$URL/v1/events"'
"""
TRUTH = r"""
set -euo pipefail
cut -d'"' -f2 "$LOG" | cut -d' ' -f2 | LC_ALL=C sort | LC_ALL=C uniq -c | LC_ALL=C sort -k2
"""
BY_CURL = r"""
set -euo pipefail
while IFS= read -r path; do
  value=$(curl -sf "$URL/v1/counters/views/$(printf %s "$path" | jq -sRr @uri)" | jq .value)
  printf '%7d %s\n' "$value" "$path"
done <"$PATHS" | LC_ALL=C sort -k2
"""
BY_REDIS_CLI = r"""
set -euo pipefail
while IFS= read -r path; do
  printf '%7d %s\n' "$(redis-cli -p "$PORT" GET "views:$path" </dev/null)" "$path"
done <"$PATHS" | LC_ALL=C sort -k2
"""
BY_REDIS_PY = """
import redis, sys
client = redis.Redis("127.0.0.1", int(sys.argv[1]))
paths = open(sys.argv[2], "rb").read().splitlines()
values = client.mget([b"views:" + path for path in paths])
for value, path in sorted(zip(values, paths), key=lambda pair: pair[1]):
    print("%7d " % int(value or 0) + path.decode())
"""


def write_log(path, lines, seed):
    """A log in the combined format; a few paths take most of the lines."""
    chosen = random.Random(seed)
    paths = ODD + [f"/articles/{n}/" for n in range(120)]
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(lines):
            target = paths[min(int(chosen.paretovariate(0.6)) - 1, len(paths) - 1)]
            file.write(f'10.{chosen.randrange(256)}.0.1 - - [24/Nov/2026:{chosen.randrange(24):02}:00:00 +0000] '
                       f'"{chosen.choice(["GET", "POST"])} {target} HTTP/1.1" {chosen.choice([200, 404, 500])} '
                       f'{chosen.randrange(10**5)} "-" "Mozilla/5.0 (X11; \\"quoted\\")"\n')


def access_log(context):
    small, large = context.directory / "small.log", context.directory / "large.log"
    write_log(small, 1200, context.seed)
    write_log(large, 40000, context.seed + 1)
    both = context.directory / "both.log"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with context.server() as server:
        server.start()
        shell(context, server, EACH, small)
        compare(context, server, small, "one curl for each line")
        shell(context, server, BATCHES, large)
        compare(context, server, both, "and the batches")
        server.kill()
        server.start()
        compare(context, server, both, "after SIGKILL")
        server.stop()


def shell(context, server, script, log):
    began = time.monotonic()
    context.run(["bash", "-c", script], env=variables(context, server, log), seconds=300)
    context.note(f"{log.name}: {len(log.read_bytes().splitlines())} lines counted in {time.monotonic() - began:.1f} s")


def variables(context, server, log):
    return installs.environment({"LOG": str(log), "URL": f"http://127.0.0.1:{server.http_port}",
                                 "PORT": str(server.resp_port), "PATHS": str(context.directory / "paths")})


def compare(context, server, log, when):
    """Three ways to read the counts, each equal to what sort | uniq -c says."""
    environment = variables(context, server, log)
    truth = context.run(["bash", "-c", TRUTH], env=environment).stdout
    expect(len(truth.splitlines()) > 40, f"the log has only {len(truth.splitlines())} paths")
    paths = [line[8:] for line in truth.splitlines()]
    (context.directory / "paths").write_bytes(b"".join(path + b"\n" for path in paths))
    by_python = [installs.redis_py()[0], "-c", BY_REDIS_PY, server.resp_port, context.directory / "paths"]
    found = {"curl": context.run(["bash", "-c", BY_CURL], env=environment).stdout,
             "redis-cli": context.run(["bash", "-c", BY_REDIS_CLI], env=environment).stdout,
             "redis-py": context.run(by_python).stdout}
    for client, output in found.items():
        wanted, got = (collections.Counter(text.splitlines()) for text in (truth, output))
        expect_equal((got - wanted, wanted - got), (collections.Counter(), collections.Counter()),
                     f"{when}: too much and too little by {client}")
    with server.http() as http:
        answer = http.json("GET", f"/v1/counters/views/{quote(paths[0])}")
        expect_equal(answer["exists"] if "exists" in answer else True, True, "exists")


TESTS = [("access-log", access_log)]
