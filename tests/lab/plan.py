# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Who is in the lab, and with which names and addresses.

    vm1, vm2 ─ host1 ─┐          ┌─ edge1 ─ trunk0, trunk1 ─┐
                      ├ underlay ┤    ║ peer, BFD           ├─ tor ─ ph1 ...
         vm9 ─ far ───┘          └─ edge2 ─ trunk0, trunk1 ─┘

Switches run Open vSwitch; stations are the hosts at the ends.  Addresses are
fixed: nobody outside sees them, and a person who explores two labs finds the
same ones in both.  What is marked as an extra exists only in labs that ask
for it, which the system tests do; trunk1 leads to a second bridge of the ToR,
so that it is a network of its own.
"""

import dataclasses

UNDERLAY_MTU = 1700             # 1500, plus Ethernet, VLAN, GENEVE and IPv6.
CONTROLLER_IP = "10.0.0.1"
MAX_CONTROL_NODES = 9
OPENFLOW_PORT = 6653
DATABASE_PORT = 6641            # Of a cluster: for clients, and for members.
RAFT_PORT = 6643
PEER_KEY = 0xfffffe             # VNI of the BFD sessions between edges.


@dataclasses.dataclass(frozen=True)
class Switch:
    """A node with an Open vSwitch of its own."""

    name: str
    number: int
    kind: str                   # "edge", "host", "tor" or "far".
    extra: bool = False

    @property
    def mgmt_ip(self):
        return f"10.0.0.{self.number}"

    @property
    def dpid(self):
        """Fixed, so that rows can be made before the switch connects."""
        return f"{self.number:016x}"

    @property
    def controlled(self):
        return self.kind in ("edge", "host")

    @property
    def on_underlay(self):
        return self.kind != "tor"

    def tunnel_ip(self, ipv6):
        return f"fd00:1::{self.number}" if ipv6 else f"10.1.0.{self.number}"


@dataclasses.dataclass(frozen=True)
class Station:
    """A host: a namespace with one interface, eth0."""

    name: str
    number: int
    switch: str                 # Where it is attached...
    bridge: str = "br0"
    vlan: int = 0               # ...and its access VLAN, if that is a ToR.
    extra: bool = False

    @property
    def ip(self):
        return f"192.168.100.{self.number}"

    @property
    def mac(self):
        """Reads like the IP: 02:00:00:00:00:11 is .11."""
        return f"02:00:00:00:00:{self.number:02d}"


SWITCHES = [
    Switch("edge1", 11, "edge"),
    Switch("edge2", 12, "edge"),
    Switch("host1", 21, "host"),
    Switch("tor", 31, "tor"),
    Switch("far", 41, "far", extra=True),
]

STATIONS = [
    Station("ph1", 11, "tor", vlan=100),
    Station("ph2", 12, "tor", vlan=200, extra=True),
    Station("ph3", 13, "tor", bridge="br1", vlan=100, extra=True),
    Station("vm1", 21, "host1"),
    Station("vm2", 22, "host1", extra=True),
    Station("vm9", 29, "far", extra=True),
]


def control_ip(number):
    """Of a control node, the first of which has number 0."""
    return f"10.0.0.{number + 1}"


def peer(edge):
    """The other one of the two edges."""
    return next(s for s in SWITCHES if s.kind == "edge" and s != edge)
