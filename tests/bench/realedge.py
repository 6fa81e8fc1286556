# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A real edge, between the two ends of a wire.

    wire ─ trunk0, VLAN 1 ─ edge1, br0 ─ genev0, VNI 10000 ─ underlay ─ wire

The edge runs ovs-vswitchd with the userspace datapath in a namespace of its
own.  The other ends of its interfaces are together in a second namespace, in
which no IP stack has an address: tests/bench/wire.c sends frames there, in
GENEVE where they come from the overlay, and sees what comes back.  So nothing
but the edge forwards.  "plain0" and "plain1" are two more cables, for bridges
to compare with.

Controllers are outside, and reached by sockets in the edge's folder, since
ovs-vswitchd connects to no other.  VLAN, VNI and the numbers of the ports are
those that tests/bench/ofanswer.c answers with.
"""

import json
import os
import sys

import netns
import plan
import state
from controllers import cpu_time
from kklab import Lab
from netns import LabError, wait_until
from node import Node
from vswitch import SwitchNode

VLAN = 1
VNI = 10000
TRUNK = 2                       # OpenFlow port.
VTEP, VTEP_MAC = "10.1.0.99", "0a:00:00:00:00:99"
STATION = "0a:00:00:00:99:01"   # Behind the VTEP.
LIMIT = 1000000
LEARNED = f"cookie={0x4b480600 << 32 | VNI:#x}/-1"
CABLES = "mgmt", "trunk0", "underlay", "plain0", "plain1"

ROWS = [
    ("init",),
    ("edge-add", "edge1", f"{11:016x}", "10.1.0.11"),
    ("cluster-add", "edges", "edge1"),
    ("segment-add", "blue", VNI, f"mac_limit={LIMIT}", "mac_aging=300"),
    ("bind", "blue", "edges", "trunk0", VLAN),
    ("vtep-add", "blue", VTEP),
]


def skip_without_root():
    """The other benchmarks need none."""
    if os.geteuid():
        print("A real edge needs root: skipped.")
        sys.exit()


class RealEdge(SwitchNode):
    """The edge."""

    def start(self):
        super().start()
        self.vsctl("set", "interface", "genev0", "ofport_request=1", "--",
                   "set", "interface", "trunk0", f"ofport_request={TRUNK}")
        self.appctl("tnl/neigh/set", "br-phy", VTEP, VTEP_MAC)

    @property
    def socket(self):
        """Where a controller can listen."""
        return self.path("of.sock")

    def connect(self, controller, bridge="br0"):
        # The database would say so too, but only every five seconds.
        line = f"{bridge}<->{controller.target}: connected"
        n = self.log("ovs-vswitchd.log").count(line)
        self.vsctl("set-controller", bridge, controller.target, "--", "set",
                   "controller", bridge, "max_backoff=1000")
        wait_until(lambda: self.log("ovs-vswitchd.log").count(line) > n,
                   what=f"{self.name} connected to {controller.name}")

    def disconnect(self):
        """Without losing the flows, as del-controller would."""
        self.vsctl("set-controller", "br0", "unix:" + self.path("none"))

    def learned(self):
        """How many MACs have a SOURCE flow."""
        text = self.ofctl("dump-aggregate", "br0", f"table=2,{LEARNED}")
        return int(text.split("flow_count=")[1])

    def cpu(self):
        """Seconds of CPU time so far of the thread that forwards."""
        return cpu_time(self.vswitchd_pid)


class EdgeLab(Lab):
    """The edge, and the other ends of its interfaces."""

    def __init__(self, name):
        super().__init__(name)
        # Of no kind that the lab knows: it sets its controller itself.
        self.edge = RealEdge(self, plan.Switch("edge1", 11, "bench"))
        self.wire = Node(self, "wire")
        self.switches, self.stations = [self.edge], []

    @property
    def nodes(self):
        return [self.edge, self.wire]

    def ports(self, switch):
        return [("br0", "trunk0", [])]

    def __enter__(self):
        self.claim("bench")
        try:
            self.step("network", self._wires)
            self.step("switch", self.edge.start)
        except BaseException:
            state.remove(self.name)
            raise
        return self

    def __exit__(self, *_):
        state.remove(self.name)

    def _wires(self):
        os.makedirs(netns.NETNS_DIR, exist_ok=True)
        a, b = self.edge, self.wire
        netns.ip_batch(
            [f"netns add {node.namespace}" for node in self.nodes]
            + [f"link add name {name} mtu 1700 netns {a.namespace} type veth "
               f"peer name {name} mtu 1700 netns {b.namespace}"
               for name in CABLES])
        b.sysctl("ipv6.conf.all.disable_ipv6", 1)
        for node in a, b:
            node.ip(*(f"link set {name} up" for name in CABLES))

    # ---- Frames -----------------------------------------------------------

    def run_wire(self, *options, timeout=120):
        """The result of tests/bench/wire.c, a dictionary."""
        status, text = self.wire.run(
            os.path.join(self.build, "tests", "wire"), *options,
            check=False, timeout=timeout)
        if status:
            raise LabError("wire: " + text.strip())
        return json.loads(text)

    def to_overlay(self, *options, by="trunk0"):
        """Frames from the VLAN to the station behind the VTEP."""
        return self.run_wire(f"--vlan={VLAN}", f"--destination={STATION}",
                             *options, by, "underlay")

    def to_vlan(self, *options, vni=VNI, by="trunk0"):
        """Frames from the VTEP."""
        return self.run_wire(
            f"--geneve={vni},{VTEP},{VTEP_MAC},{self.edge.tunnel_ip},"
            f"{self.edge.underlay_mac}", *options, "underlay", by)
