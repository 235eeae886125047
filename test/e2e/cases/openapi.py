"""The description of the HTTP interface, docs/openapi.json, against the service: requests that are made up from it, right and wrong."""

import re

from harness import installs
from harness.context import expect, expect_equal
from harness.runner import ROOT

EXAMPLES_MAX = 20   # Of each operation in the phase that makes them up; the other phases have a number that follows from the description.
SEED = 1            # Fixed: what a run of CI finds must be there in the next one.
SECONDS_MAX = 300
AFTER_WAIT = "200ms"  # Positions are made up, too, and most of them never come.


def made_up(context, server, examples, phases="examples,coverage,fuzzing,stateful"):
    """Gives a service what is made up from the description, and judges each answer by it; answers what was done, in words."""
    command = installs.schemathesis()
    with server.http() as http:
        expect_equal(http.call("GET", "/openapi.json").body, (ROOT / "docs" / "openapi.json").read_bytes(), "the served description")
    done = context.run(command + ["run", ROOT / "docs" / "openapi.json", "--url", f"http://127.0.0.1:{server.http_port}",
                                  "--seed", SEED, "--phases", phases, "--max-examples", examples, "--continue-on-failure", "--no-shrink",
                                  "--warnings", "off"], SECONDS_MAX, code=None, cwd=context.directory)
    said = done.stdout.decode(errors="replace")
    expect(server.alive(), f"the server ended; it said:\n{server.output()[-3000:]}")
    expect_equal(done.returncode, 0, f"Schemathesis found failures:\n{failures(said)}\nits exit code")
    made = re.search(r"(\d+) generated, (\d+) passed", said)
    tested = re.search(r"Tested: (\d+)", said)
    expect(made and tested and made[1] == made[2], f"Schemathesis said:\n{said[-2000:]}")
    return f"{made[1]} requests to {tested[1]} operations"


def description(context):
    """Each answer is one that the description has, to the field; no request is answered as it must not be, and none ends the service."""
    with context.server(settings={"limits.after_wait": AFTER_WAIT}) as server:
        server.start()
        context.note(made_up(context, server, EXAMPLES_MAX))
        server.stop()


def failures(said):
    """What it says of failures and errors, lines of any length cut."""
    begin = max(0, min((said.find(word) for word in ("= FAILURES =", "= ERRORS =") if word in said), default=0))
    return "\n".join(line[:300] for line in said[begin:].splitlines() if line.strip())[:6000]


TESTS = [("openapi-description", description)]
