"""quipu audit: no difference where there is none, every difference where one is planted, also behind a trimmed log."""

import json

from harness.context import eventually, expect, expect_equal

NDJSON = (("Content-Type", "application/x-ndjson"),)
JSON = (("Content-Type", "application/json"),)


def audit(context, server, *words, code=0):
    done = context.run([*context.command, "audit", "--data", server.data, "--json", *words], code=code)
    return json.loads(done.stdout)


def audit_finds(context):
    """Ids, resets and negative deltas audit clean; with a window of ids that is too small the log comes to more."""
    with context.server(settings={"log.partitions": 1}) as server:
        server.start()
        with server.http() as http:
            for name in ("a", "b", "a"):
                body = json.dumps({"id": name, "delta": 5}).encode()
                expect_equal(http.call("POST", "/v1/counters/likes/cat", body, JSON).status, 202, name)
            http.call("POST", "/v1/counters/likes/dog", b'{"delta": 7}', JSON)
            http.call("DELETE", "/v1/counters/likes/dog")
            http.call("POST", "/v1/counters/likes/dog", b'{"delta": -2}', JSON)
        refused = audit(context, server, code=1)
        expect_equal(refused["error"]["outcome"], "refused", "beside the service")
        server.kill()
        expect_equal(audit(context, server)["differences"], 0, "after SIGKILL")
        server.start()
        server.stop()
        report = audit(context, server)
        expect_equal((report["differences"], report["counters"], report["later_entries"]), (0, 2, 0), "after a stop")
        report = audit(context, server, "--set", "idempotency.window=1", code=5)
        expect_equal(report["differences"], 1, "an id that the log is read without")
        found = report["first_differences"][0]
        expect_equal((found["namespace"], found["counter"], found["partition"], found["store_total"], found["log_total"]),
                     ("likes", "cat", 0, 10, 15), "the difference")


def audit_base(context):
    """Where the log's beginning was trimmed, the audit begins with a base."""
    settings = {"base.interval": "1s", "log.segment_bytes": "8MiB", "log.retain_hours": 0, "log.retain_bytes": 0,
                "flush.interval": "100ms", "flush.sync_interval": "200ms"}
    with context.server(settings=settings) as server:
        server.start()
        first = server.data / "log" / "segment-0000000001"
        sent = 0

        def send():
            nonlocal sent
            with server.http() as http:
                lines = [json.dumps({"namespace": "likes", "counter": f"{sent % 60}-{n}-" + "x" * 950}) for n in range(900)]
                expect_equal(http.call("POST", "/v1/events", "\n".join(lines).encode(), NDJSON).status, 202, "a batch")
            sent += 1
            return sent > 40 and not first.exists()

        expect(first.exists() or any((server.data / "log").iterdir()), "there is no segment")
        eventually(send, 60, "the first segment is trimmed")
        server.kill()
        report = audit(context, server)
        expect(report["base"] > 0, f"it did not begin with a base: {report}")
        expect_equal(report["differences"], 0, f"behind a base: {report}")
        context.note(f"{sent} batches, base at offset {report['base']}, {report['rows']} rows, {report['later_entries']} later")


TESTS = [("audit-finds", audit_finds), ("audit-base", audit_base)]
