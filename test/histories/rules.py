"""What a history must show. Each rule is a promise of docs/guarantees.md; a violation says which lines break it.

A counter's *events* are what may be counted: an add without an id is one, all adds with one id are one together, as long as
the window of ids holds. An *observation* is a total that was told. Of each observation some events are *certain*: it must
hold them. Others are *open*: it may. What was refused, or had not been sent yet, is neither.
"""

import bisect

from history import FOREVER

# Beyond these it is not asked whether some choice of the open events gives a total: nearly every total is one then.
OPEN_EVENTS_MAX = 64
OPEN_SUM_MAX = 1 << 20


class Promises:
    """What a form promises of totals."""

    def __init__(self, latest, replies, counted_told):
        self.latest = latest              # A total holds all that was acknowledged before it was asked for, and none goes back.
        self.replies = replies            # A new total, told to who adds, is exact. Else it is the best that a node knows.
        self.counted_told = counted_told  # A repeat is always told as one.


def promises_of(history):
    latest = history.form == "embedded"
    return Promises(latest=latest, replies=latest, counted_told=latest)


class Violation:
    def __init__(self, line, what):
        self.line, self.what = line, what

    def __str__(self):
        return f"line {self.line}: {self.what}"


class Event:
    """What may be counted once. `called`, `acked`: lines."""

    __slots__ = ("delta", "id", "called", "acked", "acked_at", "tries", "acks", "optional")

    def __init__(self, delta, identity, optional):
        self.delta, self.id = delta, identity
        self.called = self.acked = self.acked_at = FOREVER
        self.tries = []           # Operations that sent it and were not refused.
        self.acks = []            # Those that acknowledged it.
        self.optional = optional  # A repeat from beyond the window: it may be counted anew, or known all the same.

    def acknowledged(self):
        return not self.optional and bool(self.acks)

    def name(self):
        identity = f" with id {self.id!r}" if self.id is not None else ""
        return f"{self.delta:+d}{identity} of line {self.called}"


class Observation:
    """A total that an operation told, of one counter. `own`: the event that it answers."""

    __slots__ = ("operation", "total", "own", "counted")

    def __init__(self, operation, total, own=None, counted=None):
        self.operation, self.total, self.own, self.counted = operation, total, own, counted

    def words(self):
        operation = self.operation
        kind = "was told the new total" if self.own else f"read in {operation.settled}" if operation.settled else "read"
        return f"session {operation.session} {kind} {self.total}"


class Counter:
    def __init__(self, name):
        self.name = name
        self.events = []
        self.refused = []       # (line, delta).
        self.observations = []  # In the order of their ends.
        self.told = []          # (operation, event, counted), of adds with ids.
        self.mixed = []         # Lines at which an id came with another delta.

    def sign(self):
        """1 where it only grows, -1 where it only falls, else 0."""
        signs = {1 if event.delta > 0 else -1 for event in self.events if event.delta}
        return 1 if signs <= {1} else -1 if signs == {-1} else 0


def counters_of(history):
    """The counters by name, with their events and observations."""
    counters = {}
    ids = Ids(history)
    for operation in history.operations:
        for name in operation.read:
            counters.setdefault(name, Counter(name))
        for at, add in enumerate(operation.adds):
            counter = counters.setdefault(add.counter, Counter(add.counter))
            if operation.outcome == "fail":
                counter.refused.append((operation.called, add.delta))
            else:
                attempt(counter, operation, at, ids)
        if operation.read and operation.outcome == "ok":
            for name, total in zip(operation.read, operation.totals):
                counters[name].observations.append(Observation(operation, total))
    for counter in counters.values():
        counter.observations.sort(key=lambda observation: observation.operation.done)
    return counters


def attempt(counter, operation, at, ids):
    """Puts an add that was not refused, the one at `at` of its operation, into the books of its counter."""
    event = ids.event_of(counter, operation, operation.adds[at])
    event.tries.append(operation)
    event.called = min(event.called, operation.called)
    if operation.outcome != "ok":
        return
    event.acked = min(event.acked, operation.done)
    event.acked_at = min(event.acked_at, FOREVER if operation.done_at is None else operation.done_at)
    event.acks.append(operation)
    counted = operation.counted[at] if operation.counted else None
    if event.id is not None:
        counter.told.append((operation, event, counted))
    if operation.totals and operation.totals[at] is not None:
        counter.observations.append(Observation(operation, operation.totals[at], event, counted))


class Ids:
    """Which adds are one event: those with one id of one counter, as long as the window of ids holds."""

    def __init__(self, history):
        self.window = history.id_window
        self.lines = [operation.called for operation in history.operations for add in operation.adds if add.id is not None]
        self.events = {}  # (counter, id) -> its event, and the line of the call that surely put it into the window.

    def event_of(self, counter, operation, add):
        key = (counter.name, add.id)
        event, since = self.events.get(key, (None, 0)) if add.id is not None else (None, 0)
        known = event is not None and self.called_between(since, operation.done) < self.window
        if not known:
            event = Event(add.delta, add.id, optional=event is not None)
            counter.events.append(event)
        if known and add.delta != event.delta:
            counter.mixed.append(operation.called)
        if not known or operation.outcome == "ok":
            self.events[key] = (event, operation.called)
        return event

    def called_between(self, begin, end):
        """How many ids were sent between two lines: at least as many as are distinct."""
        return bisect.bisect_left(self.lines, end) - bisect.bisect_right(self.lines, begin)


def covers(after, position):
    """Whether all places of `position` are at or below those of `after`."""
    return position is not None and all(offset <= after.get(place, -1) for place, offset in position.items())


def is_certain(event, observation, promises):
    """Whether the observation must hold the event."""
    operation = observation.operation
    if event is observation.own:
        return not event.optional
    if not event.acknowledged():
        return False
    if operation.settled or (promises.latest and event.acked < operation.called):
        return True
    if operation.after and any(covers(operation.after, ack.position) for ack in event.acks):
        return True
    return operation.as_of is not None and event.acked_at < operation.as_of


def is_sum_of_some(total, deltas):
    """Whether some of the deltas add up to the total."""
    total -= sum(delta for delta in deltas if delta < 0)
    reached = 1
    for delta in deltas:
        reached |= reached << abs(delta)
    return total >= 0 and bool(reached >> total & 1)


def judge_total(counter, observation, promises):
    """certain <= total <= certain + open, and a sum that some choice of the open events gives."""
    certain = [event for event in counter.events if is_certain(event, observation, promises)]
    known = set(map(id, certain))
    open_events = [event for event in counter.events if event.called < observation.operation.done and id(event) not in known]
    base = sum(event.delta for event in certain)
    low = base + sum(event.delta for event in open_events if event.delta < 0)
    high = base + sum(event.delta for event in open_events if event.delta > 0)
    where = f"counter {counter.name!r}: {observation.words()}"
    total = observation.total
    if total < low:
        return f"{where}, but at least {low} is certain: {explain(total - low, counter, certain, open_events)}"
    if total > high:
        return f"{where}, but all that may be in it is {high}: {explain(total - high, counter, certain, open_events)}"
    if len(open_events) <= OPEN_EVENTS_MAX and high - low <= OPEN_SUM_MAX:
        if not is_sum_of_some(total - base, [event.delta for event in open_events]):
            return (f"{where}, which lies between {low} and {high}, but no choice of the {len(open_events)} open events gives it: "
                    "something is lost and something else counted that must not be")
    return None


def explain(excess, counter, certain, open_events):
    """Words for what is wrong: by the event, where one alone explains it."""
    found = [f"as if {event.name()}, acknowledged in line {event.acked}, were lost" for event in certain if event.delta == -excess]
    found += [f"as if {event.name()} were counted twice" for event in certain + open_events if event.delta == excess]
    found += [f"as if {delta:+d} of line {line}, which was refused, were counted" for line, delta in counter.refused if delta == excess]
    if len(found) == 1:
        return found[0]
    return (f"{-excess} of what was acknowledged is lost" if (excess < 0) == (counter.sign() >= 0)
            else f"{excess} is counted that was refused, never sent, or is there twice")


def totals(counter, promises):
    """Bounds, positions, `as_of`, once per id: all of them say which events a total must and may hold."""
    for observation in counter.observations:
        if observation.own and not promises.replies:
            continue
        if what := judge_total(counter, observation, promises):
            yield Violation(observation.operation.done, what)


def once_per_id(counter, promises):
    """What is told of an id: a first try is no repeat, and no event is told as counted twice."""
    counted = {}
    for operation, event, told in sorted(counter.told, key=lambda entry: entry[0].done):
        what = f"counter {counter.name!r}: session {operation.session} was told that {event.delta:+d} with id {event.id!r}"
        before = [tried for tried in event.tries if tried is not operation and tried.called < operation.done]
        if told is False and not before and not event.optional:
            yield Violation(operation.done, f"{what} is a repeat, but it was never sent before")
        if told and promises.counted_told and not event.optional:
            if event in counted:
                yield Violation(operation.done, f"{what} counts now, as it was in line {counted[event]}")
            elif event.acked < operation.called:
                yield Violation(operation.done, f"{what} counts now, but it was acknowledged in line {event.acked}")
            counted[event] = operation.done


def never_back(counter, promises):
    """Totals of a counter that only grows (or only falls): no answer is behind one that had arrived before it was asked for.
    Where totals may be behind, this holds for a session's reads with positions."""
    sign = counter.sign()
    if not sign:
        return
    ends, highest, sessions = [], [], {}
    for observation in counter.observations:
        operation = observation.operation
        if not (promises.latest or operation.after):
            continue
        shown = sign * observation.total
        if promises.latest:
            at = bisect.bisect_left(ends, operation.called)
            before = highest[at - 1] if at else None
            ends.append(operation.done)
            highest.append(max((shown, -operation.done), highest[-1]) if highest else (shown, -operation.done))
        else:
            before = sessions.get(operation.session)
            sessions[operation.session] = max((shown, -operation.done), before or (shown, -operation.done))
        if before and shown < before[0]:
            yield Violation(operation.done, f"counter {counter.name!r}: {observation.words()}, but {sign * before[0]} had been shown in "
                                            f"line {-before[1]}, before it was asked for in line {operation.called}")


def exact_replies(counter, promises):
    """New totals of a counter that only grows, where they are exact: each unit is given out once, so no two overlap."""
    sign = counter.sign()
    if not promises.replies or not sign:
        return
    told = sorted((sign * observation.total, observation.operation.done, observation) for observation in counter.observations
                  if observation.own and observation.counted is not False and observation.own.delta)
    for (below, line, one), (above, _, other) in zip(told, told[1:]):
        if above - abs(other.own.delta) < below:
            yield Violation(max(line, other.operation.done),
                            f"counter {counter.name!r}: line {line} was told {one.total} after {one.own.delta:+d}, and line "
                            f"{other.operation.done} {other.total} after {other.own.delta:+d}: a part is given out twice")


def same_delta_per_id(counter, _promises):
    """An id says what happened: one that came with two deltas can not be judged."""
    for line in counter.mixed:
        yield Violation(line, f"counter {counter.name!r}: an id is sent again with another delta")


def settled_agree(counter, _promises):
    """When nothing is under way, every place and every reader shows one total."""
    settled = [observation for observation in counter.observations if observation.operation.settled]
    for observation in settled[1:]:
        if observation.total != settled[0].total:
            yield Violation(observation.operation.done, f"counter {counter.name!r}: {observation.words()}, but "
                                                        f"{settled[0].total} in {settled[0].operation.settled}")


RULES = (totals, once_per_id, same_delta_per_id, never_back, exact_replies, settled_agree)


def settled_last(history):
    """A settled read says that nothing is under way: no call is open when it is asked for, and no add comes behind it."""
    begun = min((operation.called for operation in history.operations if operation.settled), default=FOREVER)
    for operation in history.operations:
        late = operation.called > begun and operation.adds
        open_then = operation.called < begun < operation.done < FOREVER
        if late or open_then:
            yield Violation(operation.called, f"operation {operation.number} is under way when totals are read as settled")


def judge(history):
    """All violations, by line."""
    counters = counters_of(history)
    promises = promises_of(history)
    found = list(settled_last(history))
    for counter in counters.values():
        for rule in RULES:
            found += rule(counter, promises)
    return sorted(found, key=lambda violation: violation.line)
