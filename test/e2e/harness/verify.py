"""Reads everything back while nothing else is going on, over several routes, and lets the ledger judge."""

import json

from .wire import quote, request

CHUNK = 200


def is_text(name):
    try:
        name.decode()
        return True
    except UnicodeDecodeError:
        return False


def verify(server, ledger, where, http_share=0.2):
    """Judges every counter. Values over HTTP must equal those over RESP."""
    values = {}
    with server.resp() as resp:
        for begin in range(0, len(ledger.counters), CHUNK):
            part = ledger.counters[begin:begin + CHUNK]
            reply = resp.must("MGET", *[counter.key for counter in part])
            for counter, value in zip(part, reply):
                value = None if value is None else int(value)
                values[counter.key] = value
                ledger.settle(counter, value, where)
        for tally in ledger.tallies:
            value = resp.must("GET", b"views:" + tally.name)
            ledger.settle_tally(tally, None if value is None else int(value), where)
        for register in ledger.registers:
            value = resp.must("GET", register.name)
            ledger.settle_register(register, None if value is None else int(value), where)
    ledger.settle_groups(where)
    over_http(server, ledger, values, where, http_share)


def over_http(server, ledger, values, where, share):
    """The same values over HTTP: one by one, and many at once."""
    chosen = [counter for counter in ledger.counters if ledger.random.random() < share][-300:]
    singles, several = chosen[::2], [counter for counter in chosen[1::2] if is_text(counter.name)][:100]
    with server.http() as http:
        http.send(b"".join(request("GET", f"/v1/counters/{c.space}/{quote(c.name)}") for c in singles))
        for counter in singles:
            answer = http.reply()
            expected = values[counter.key]
            if answer.status != 200 or answer.json()["value"] != (expected or 0):
                ledger.violate(f"{where}: {counter.name!r} is {expected} over RESP and {answer!r} over HTTP")
        for begin in range(0, len(several), 10):  # Ten long names fit into the bound of a request's head.
            part = several[begin:begin + 10]
            query = "&".join("counter=" + quote(counter.name) for counter in part)
            answer = http.call("GET", f"/v1/counters/default?{query}")
            if answer.status != 200:
                ledger.violate(f"{where}: reading {len(part)} counters at once answered {answer!r}")
                continue
            got = {item["counter"].encode(): item["value"] for item in counters_of(json.loads(answer.body))}
            want = {counter.name: values[counter.key] or 0 for counter in part}
            if got != want:
                ledger.violate(f"{where}: many counters over HTTP: {got} instead of {want}")


def counters_of(body):
    """The list of counters in the answer to a read of several."""
    return body["counters"] if isinstance(body, dict) else body

