"""A network of a scenario's own: a namespace with a loopback interface, whose packets can be dropped and held back by the kernel."""

import contextlib
import ctypes
import os
import re

from harness.image import tool

CLONE_NEWNET = 0x40000000
TABLE = "quipu"
BURST_BYTES = 2000  # A whole packet passes.
QUEUE_BYTES = 16_000
SHAPED = re.compile(r"qdisc tbf .*\n.*overlimits (\d+)")
COUNTED = re.compile(r"packets (\d+) bytes \d+ drop")


def call(function, *arguments):
    if function(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


@contextlib.contextmanager
def own_network():
    """This thread, and the threads and processes that it starts meanwhile, have a loopback of their own. Needs root. What runs outside
    can not be reached; the kernel removes all of it when the last of them has ended."""
    if os.geteuid() != 0:
        raise AssertionError("this test makes a network namespace and needs root for that")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        call(libc.unshare, CLONE_NEWNET)
        tool("ip", "link", "set", "lo", "up")
        # Packets as large as those of an Ethernet, or a connection would have only a handful to lose.
        tool("ip", "link", "set", "lo", "mtu", 1500, "gso_max_size", 1500)
        yield Network()
    finally:
        call(libc.setns, before, CLONE_NEWNET)
        os.close(before)


class Network:
    """What its packets meet, by the port of the server whose links are worn; both directions alike."""

    def lose(self, port, percent):
        """So many of 100 packets are lost."""
        self.drop(port, f"numgen random mod 100 < {percent}")

    def narrow(self, port, bytes_a_second):
        """What is above this is lost, each direction by itself."""
        self.drop(port, f"limit rate over {bytes_a_second} bytes/second burst {BURST_BYTES} bytes")

    def shape(self, port, bytes_a_second):
        """What is above this waits in a queue, as at a thin line; what does not fit there is lost. Both directions share it."""
        self.heal()
        tool("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb")
        tool("tc", "class", "add", "dev", "lo", "parent", "1:", "classid", "1:1", "htb", "rate", "1gbit", "quantum", 1500)
        tool("tc", "qdisc", "add", "dev", "lo", "parent", "1:1", "handle", "2:", "tbf", "rate", f"{8 * bytes_a_second}bit",
             "burst", BURST_BYTES, "limit", QUEUE_BYTES)
        tool("nft", f"add table ip {TABLE}; add chain ip {TABLE} out {{ type filter hook output priority 0; }}; "
                    f"add rule ip {TABLE} out tcp dport {port} meta priority set 1:1 ; "
                    f"add rule ip {TABLE} out tcp sport {port} meta priority set 1:1")

    def held_back(self):
        """How often a packet had to wait for its turn at the shaped link, since it was shaped."""
        found = SHAPED.search(tool("tc", "-s", "qdisc", "show", "dev", "lo"))
        return int(found[1]) if found else 0

    def drop(self, port, what):
        self.heal()
        tool("nft", f"add table ip {TABLE}; add chain ip {TABLE} out {{ type filter hook output priority 0; }}; "
                    f"add rule ip {TABLE} out tcp dport {port} {what} counter drop; "
                    f"add rule ip {TABLE} out tcp sport {port} {what} counter drop")

    def lost(self):
        """How many packets were dropped since the last fault began."""
        return sum(int(count) for count in COUNTED.findall(tool("nft", "list", "ruleset")))

    def heal(self):
        tool("nft", f"add table ip {TABLE}; delete table ip {TABLE}")
        if "htb" in tool("tc", "qdisc", "show", "dev", "lo"):
            tool("tc", "qdisc", "del", "dev", "lo", "root")
