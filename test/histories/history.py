"""Reads a history: what clients asked, and what became of it, a line of JSON each. README.md has the format.

The number of a line is its place in time: a call is written before its request is sent, an outcome after its answer has
arrived. So whatever ended on an earlier line than another was called had happened before it.
"""

import json

FORMS = ("embedded", "distributed")
OUTCOMES = ("ok", "fail", "unknown")
FOREVER = 1 << 62  # The line of what never came.


class Malformed(Exception):
    """No history: the line, and what is wrong with it."""


class Add:
    """One event of an operation: so much to a counter, with an id or without."""

    __slots__ = ("counter", "delta", "id")

    def __init__(self, counter, delta, identity):
        self.counter, self.delta, self.id = counter, delta, identity


class Operation:
    """A request of a session: `adds`, or the counters that it reads. `outcome` is unknown where none came."""

    __slots__ = ("number", "session", "called", "done", "adds", "read", "after", "settled", "outcome", "why", "totals", "counted",
                 "position", "as_of", "done_at")

    def __init__(self, number, session, called):
        self.number, self.session, self.called = number, session, called
        self.done = FOREVER
        self.adds, self.read = (), ()
        self.after = {}        # (generation, partition) -> offset.
        self.settled = None    # Where a total was read when nothing was under way any more.
        self.outcome, self.why = "unknown", ""
        self.totals = None     # As told: one for each add or counter, None where none was told.
        self.counted = None    # As told: whether each add counts now, or is a repeat.
        self.position = None   # (generation, partition) -> offset.
        self.as_of = None      # Milliseconds.
        self.done_at = None    # Milliseconds.


class History:
    """The head, and the operations in the order of their calls."""

    def __init__(self, form, id_window, operations):
        self.form, self.id_window, self.operations = form, id_window, operations


def positions(text):
    """ "1:2:3,1:4:5" as (generation, partition) -> offset."""
    found = {}
    for part in text.split(","):
        generation, partition, offset = (int(number) for number in part.split(":"))
        found[generation, partition] = max(offset, found.get((generation, partition), 0))
    return found


def require(condition, what):
    if not condition:
        raise ValueError(what)


def read_call(record, line):
    operation = Operation(record["op"], str(record["session"]), line)
    require(("add" in record) != ("read" in record), "a call has either `add` or `read`")
    if "add" in record:
        operation.adds = tuple(Add(*add) for add in record["add"])
        require(operation.adds, "`add` is empty")
        require(all(isinstance(add.delta, int) for add in operation.adds), "a delta is no integer")
    else:
        operation.read = tuple(record["read"])
        require(operation.read, "`read` is empty")
        operation.after = positions(record["after"]) if record.get("after") else {}
        operation.settled = record.get("settled")
    return operation


def read_outcome(record, operation, line):
    require(operation.done == FOREVER, f"operation {operation.number} has ended before")
    require(record["outcome"] in OUTCOMES, f"`outcome` is {record['outcome']!r}, none of {', '.join(OUTCOMES)}")
    operation.done = line
    operation.outcome = record["outcome"]
    operation.why = record.get("why", "")
    if operation.outcome != "ok":
        return
    size = len(operation.adds or operation.read)
    for name in ("totals", "counted"):
        told = record.get(name)
        require(told is None or len(told) == size, f"`{name}` has another length than what was asked")
        setattr(operation, name, told)
    require(operation.adds or (operation.totals and None not in operation.totals), "a read that is ok has a total for each counter")
    operation.position = positions(record["position"]) if record.get("position") else None
    operation.as_of = record.get("as_of")
    operation.done_at = record.get("at")


def read(lines):
    """The history in these lines, or Malformed."""
    operations, header, line = {}, None, 0
    try:
        for line, text in enumerate(lines, 1):
            record = json.loads(text)
            if header is None:
                require(record.get("history") == 1, "the first line is no head of a history of version 1")
                require(record["form"] in FORMS, f"`form` is {record['form']!r}, none of {', '.join(FORMS)}")
                header = record
            elif "outcome" in record:
                require(record["op"] in operations, f"operation {record['op']} ends and was never called")
                read_outcome(record, operations[record["op"]], line)
            elif "note" not in record:
                require(record["op"] not in operations, f"operation {record['op']} was called before")
                operations[record["op"]] = read_call(record, line)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"a field is missing: {error}" if isinstance(error, KeyError) else error
        raise Malformed(f"line {line}: {what}") from error
    if header is None:
        raise Malformed("line 1: nothing is there")
    return History(header["form"], int(header["id_window"]), list(operations.values()))
