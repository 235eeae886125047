"""The ledger: what was attempted, what was answered, what was shown; and the judge over it.

Every event of a counter has a weight of its own: event i adds 4^i (or -4^i), at most 31 events a counter. The base-4
digits of any value of that counter then say of each single event whether it is in it never, once or several times, so
that one lost event can not hide one counted twice. A value is judged by masks, which are sums of weights:

    attempted   every event that was ever sent              (a value may hold nothing else)
    floor       acknowledged, or in a value that was shown  (a later value must hold all of it)
    dead        refused, or found missing after a crash and never sent again   (a later value may hold none of it)

The ledger lives in the test's own process, outside of what is killed.
"""

import random
import threading

EVENTS_MAX = 31
ODD_BITS = 0xAAAAAAAAAAAAAAAA  # Set in a value where a digit is 2 or 3.


def digits(mask):
    """The event numbers in a mask, for messages."""
    return [i for i in range(EVENTS_MAX + 1) if mask >> (2 * i) & 3]


def short(name):
    return repr(name if len(name) <= 60 else name[:40] + b"...")


class Counter:
    """One counter whose events have weights."""

    __slots__ = ("name", "space", "sign", "count", "attempted", "acked", "shown", "dead", "memory", "fleeting",
                 "retry", "last")

    def __init__(self, name, space="default", sign=1):
        self.name = name      # bytes
        self.space = space
        self.sign = sign
        self.count = 0        # Events given out.
        self.attempted = 0
        self.acked = 0
        self.shown = 0
        self.dead = 0
        self.memory = 0       # Acknowledged as not durable: safe only while the process lives.
        self.fleeting = 0     # Was in memory when the process was killed: judged at the next calm look.
        self.retry = 0        # Unknown, and will be sent again with an id or a sequence.
        self.last = 0         # The value read when nothing else was going on.

    def floor(self):
        return self.acked | self.shown | self.memory

    @property
    def key(self):
        """The counter's key over RESP."""
        return self.name if self.space == "default" else self.space.encode() + b":" + self.name


class Event:
    """One event. `resend` says that it has an id or a sequence, so that it may be sent until it is acknowledged."""

    __slots__ = ("counter", "weight", "resend", "id")

    def __init__(self, counter, weight, resend, identity=None):
        self.counter = counter
        self.weight = weight
        self.resend = resend
        self.id = identity

    @property
    def delta(self):
        return self.counter.sign * self.weight


class Tally:
    """A counter of which every event adds 1: judged by bounds."""

    __slots__ = ("name", "acked", "open", "shown", "resend")

    def __init__(self, name, resend):
        self.name = name
        self.acked = 0
        self.open = 0  # In flight or unknown.
        self.shown = 0
        self.resend = resend


class Register:
    """A counter of one owner that also sets and resets it: the set of values that it may have. None = does not exist."""

    __slots__ = ("name", "possible")

    def __init__(self, name):
        self.name = name
        self.possible = {None}


class Ledger:
    """All that is known. Any thread."""

    def __init__(self, seed, say):
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.prefix = f"e{seed}".encode()
        self.counters = []
        self.open = {}       # kind -> counters that have events left
        self.tallies = []
        self.registers = []
        self.groups = []     # Lists of events that are recorded all or not at all; unknown ones only.
        self.violations = []
        self.say = say
        self.events = {"attempted": 0, "acked": 0, "unknown": 0, "busy": 0, "resent": 0, "reads": 0, "memory": 0,
                       "memory lost": 0}
        self.made = 0

    def violate(self, what):
        with self.lock:
            self.violations.append(what)
            if len(self.violations) <= 5:
                self.say(f"VIOLATION: {what}")

    # Making counters and events.

    def name(self, kind):
        """A new name; some of them are odd. Kinds: text (UTF-8), bytes (anything), long (fills the log)."""
        self.made += 1
        stem = b"%s-%d" % (self.prefix, self.made)
        if kind == "long":
            return stem + b"/" + b"x" * (900 - len(stem))
        if kind == "bytes":
            return stem + self.random.choice([b"", b"\xff\xfe", b" a b", b"%41%", b"/x?y#z", b"\x01\x00\r\n", b"+&="])
        return stem + self.random.choice(["", "/ä→数", " and more", "?q=1&r=%20", "\"quoted\"", ":x"]).encode()

    def begin(self, kind, resend=None, pool=60):
        """A new event of some counter of this kind ("text", "bytes", "long", each also with "-minus")."""
        with self.lock:
            counters = self.open.setdefault(kind, [])
            if len(counters) < pool:
                counter = Counter(self.name(kind.split("-")[0]), sign=-1 if kind.endswith("-minus") else 1)
                counters.append(counter)
                self.counters.append(counter)
                at = len(counters) - 1
            else:
                at = self.random.randrange(len(counters))
            counter = counters[at]
            weight = 1 << (2 * counter.count)
            counter.count += 1
            counter.attempted |= weight
            if counter.count == EVENTS_MAX:
                counters[at] = counters[-1]
                counters.pop()
            self.events["attempted"] += 1
            return Event(counter, weight, resend is not None, resend)

    def some_counter(self):
        """A counter to read, mostly a young one."""
        with self.lock:
            recent = self.counters[-400:] if self.random.random() < 0.7 else self.counters
            return self.random.choice(recent) if recent else None

    # What became of an event.

    def acked(self, event, durable=True):
        with self.lock:
            counter = event.counter
            if event.weight & counter.dead:
                self.violate(f"{short(counter.name)}: event {digits(event.weight)} was given up and then acknowledged")
            if durable:
                counter.acked |= event.weight
                counter.retry &= ~event.weight
                self.events["acked"] += 1
            else:
                counter.memory |= event.weight
                self.events["memory"] += 1

    def refused(self, event):
        """Surely not counted: the answer said so."""
        with self.lock:
            if not event.weight & event.counter.retry:  # An earlier attempt may have been counted.
                event.counter.dead |= event.weight
            self.events["busy"] += 1

    def unknown(self, events):
        """No answer, or one that says so. Events of one group that can not be sent again stand or fall together."""
        with self.lock:
            for event in events:
                if event.resend:
                    event.counter.retry |= event.weight
                self.events["unknown"] += 1
            if len(events) > 1 and not events[0].resend:
                self.groups.append(list(events))

    # Values that were shown.

    def floor(self, counter):
        """What a read that is sent now must show at least."""
        with self.lock:
            self.events["reads"] += 1
            return counter.floor()

    def observe(self, counter, value, floor, where):
        """A value arrived. Returns whether it is possible; remembers it, since it may never be taken back."""
        with self.lock:
            value = 0 if value is None else value
            mask = value * counter.sign
            problem = self.judge(counter, mask, floor)
            if problem:
                self.violate(f"{where}: {counter.space}/{short(counter.name)} showed {value}: {problem}")
                return False
            counter.shown |= mask
            return True

    @staticmethod
    def judge(counter, mask, floor):
        if mask < 0 or mask >> (2 * EVENTS_MAX):
            return "no sum of these events gives that value"
        if mask & ODD_BITS:
            twice = mask & ODD_BITS
            return f"events {digits(twice)} are counted more than once"
        if mask & ~counter.attempted:
            return f"events {digits(mask & ~counter.attempted)} were never sent"
        if floor & ~mask:
            lost = floor & ~mask
            return (f"events {digits(lost)} are missing (acknowledged: {digits(lost & counter.acked)}, "
                    f"shown before: {digits(lost & counter.shown)}, in memory: {digits(lost & counter.memory)})")
        if mask & counter.dead:
            return f"events {digits(mask & counter.dead)} were refused, or were missing after a crash, and came back"
        return None

    # A crash, a stop, and the calm look afterwards.

    def process_died(self, gently):
        """The process is gone: what was acknowledged as not durable is safe only after a gentle stop."""
        with self.lock:
            for counter in self.counters:
                if gently:
                    counter.acked |= counter.memory
                else:
                    counter.fleeting |= counter.memory
                counter.memory = 0

    def settle(self, counter, value, where):
        """A value read while nothing was under way: from now on the fate of every event is known."""
        with self.lock:
            if not self.observe(counter, value, counter.floor(), where):
                return
            mask = counter.shown
            counter.last = mask
            self.events["memory lost"] += (counter.fleeting & ~mask).bit_count()
            counter.fleeting = 0
            counter.dead |= counter.attempted & ~mask & ~counter.retry

    def settle_groups(self, where):
        """After all counters were settled: what stands or falls together must have done so."""
        with self.lock:
            for group in self.groups:
                there = [bool(event.counter.last & event.weight) for event in group]
                if any(there) and not all(there):
                    self.violate(f"{where}: a batch of {len(group)} events is there with {sum(there)} of them")
            self.groups.clear()

    def settle_tally(self, tally, value, where):
        with self.lock:
            value = value or 0
            low = max(tally.acked, tally.shown)
            if not low <= value <= tally.acked + tally.open:
                self.violate(f"{where}: views/{tally.name!r} showed {value}, possible is {low} to "
                             f"{tally.acked + tally.open}")
                return
            tally.shown = max(tally.shown, value)
            if not tally.resend:
                tally.acked, tally.open = value, 0

    def settle_register(self, register, value, where):
        with self.lock:
            if value not in register.possible:
                self.violate(f"{where}: register {register.name!r} is {value}, possible is {register.possible}")
            register.possible = {value}

    def summary(self):
        with self.lock:
            return (", ".join(f"{count} {name}" for name, count in self.events.items() if count)
                    + f"; {len(self.counters)} counters")
