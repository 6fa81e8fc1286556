# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The lab: a small network on one machine, with a controller.

    lab = Lab("mine")
    lab.claim()                     # now it is ours
    lab.up()                        # wires, database, controller, switches
    for row in lab.demo_rows():     # edges, a segment, a binding, a port
        lab.control.ctl(*row)
    lab.station("ph1").ping(lab.station("vm1"))
    lab.down()

With databases=3 and controllers=3, say, there are control nodes "ctl", "ctl2"
and "ctl3", each with a member of the cluster of databases and a controller:
lab.databases[i] and lab.controllers[i], and lab.control is the first node.

What is in it, and with which addresses, is in plan.py.  Bringing it up is
mostly waiting for daemons, hence the threads.
"""

import concurrent.futures
import functools
import os

import database
import netns
import plan
import state
from control import ControlNode
from netns import LabError
from node import Node, StationNode
from vswitch import SwitchNode

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FABRIC_BRIDGES = {"underlay": plan.UNDERLAY_MTU, "mgmt": 1500}


def default_build():
    return os.path.join(ROOT, os.environ.get("KAKEHASHI_BUILD", "build"))


class Lab:
    """All nodes, and the wires between them."""

    def __init__(self, name="kakehashi", extras=False, ipv6=False,
                 build=None, databases=1, controllers=1, election_ms=1000,
                 names=True):
        """'names': several controllers are told their names (--name)."""
        n = max(databases, controllers)
        if min(databases, controllers) < 1 or n > plan.MAX_CONTROL_NODES:
            raise LabError("databases and controllers must be 1 to "
                           f"{plan.MAX_CONTROL_NODES}")
        self.name = name
        self.extras = extras
        self.ipv6 = ipv6
        self.build = build or default_build()
        self.directory = state.directory(name)
        self.fabric = Node(self, "fabric")
        self.n_databases = databases
        self.n_controllers = controllers
        self.election_ms = election_ms
        self.names = names
        self.control_nodes = [ControlNode(self, i) for i in range(n)]
        self.control = self.control_nodes[0]
        self.controllers = self.control_nodes[:controllers]
        self.databases = [c.database for c in self.control_nodes[:databases]]
        self.switches = [SwitchNode(self, s) for s in plan.SWITCHES
                         if extras or not s.extra]
        self.stations = [StationNode(self, s) for s in plan.STATIONS
                         if extras or not s.extra]

    @classmethod
    def attach(cls, name):
        """The lab 'name' that some other process brought up."""
        facts = state.load(name)
        if not facts or "options" not in facts:
            raise LabError(f"there is no lab '{name}'; "
                           "'tests/lab/lab up' makes one")
        return cls(name, **facts["options"])

    # ---- Who is there -----------------------------------------------------

    @property
    def nodes(self):
        return [self.fabric, *self.control_nodes, *self.switches,
                *self.stations]

    @property
    def controlled(self):
        return [s for s in self.switches if s.spec.controlled]

    @property
    def kakehashi_db(self):
        """Where the database is: all servers of it."""
        return ",".join(server.remote for server in self.databases)

    def daemon_options(self, controller):
        """Options of a controller that the other ones do not have."""
        return ([f"--name=c{controller.number + 1}"]
                if self.names and self.n_controllers > 1 else [])

    def node(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"there is no node '{name}'; there are "
                       + ", ".join(node.name for node in self.nodes))

    station = switch = node

    def ports(self, switch):
        """(bridge, port, settings) of the plain ports of a switch."""
        found = []
        if switch.kind == "edge":
            found += [("br0", trunk, []) for trunk in self._trunks()]
        if switch.kind == "tor":
            for trunk, bridge in self._trunks().items():
                found += [(bridge, tor_port(s.spec, trunk), [])
                          for s in self.switches if s.spec.kind == "edge"]
        for station in self.stations:
            spec = station.spec
            if spec.switch == switch.name:
                found.append((spec.bridge, spec.name,
                              [f"tag={spec.vlan}"] if spec.vlan else []))
        return found

    def _trunks(self):
        """Trunk ports of an edge, and the ToR's bridge each leads to."""
        trunks = {"trunk0": "br0", "trunk1": "br1"}
        return trunks if self.extras else {"trunk0": "br0"}

    # ---- Up and down ------------------------------------------------------

    def claim(self, kind="lab"):
        """Make sure that the lab is ours alone; comes before up()."""
        try:
            state.claim(self.name, kind=kind,
                        namespaces=[node.namespace for node in self.nodes],
                        options={"extras": self.extras, "ipv6": self.ipv6,
                                 "build": self.build,
                                 "databases": self.n_databases,
                                 "controllers": self.n_controllers,
                                 "election_ms": self.election_ms,
                                 "names": self.names})
        except FileExistsError:
            raise LabError(
                f"lab '{self.name}' is there already, or was left by a "
                "crash; 'tests/lab/lab down"
                + (f" --name {self.name}" if self.name != "kakehashi" else "")
                + "' removes it") from None
        for node in self.nodes:
            os.mkdir(node.directory)

    def up(self, daemon=True, report=lambda step, what: None):
        """Bring everything up.

        'report' is called after each step.  If one fails, what there is
        stays, with its logs, for down() to remove.  The controller comes
        before the switches, which would otherwise find nobody and wait for
        a second before they try again.
        """
        self.step("network", self._wires)
        report("network", f"{len(self.nodes)} namespaces and their wires")
        self.step("database", self.start_databases)
        if daemon:
            self.step("controller", self._in_parallel,
                      [c.start for c in self.controllers])
            report("controller", "kakehashi, and ovsdb-server for its rows"
                   + (" on " + ", ".join(c.name for c in self.control_nodes)
                      if self.control_nodes[1:] else ""))
        self.step("switches", self._in_parallel,
                  [s.configure for s in self.stations]
                  + [s.start for s in self.switches])
        report("switches", "Open vSwitch on "
               + ", ".join(s.name for s in self.switches))
        self.step("underlay", self._in_parallel,
                  [s.warm_up for s in self.switches if s.spec.on_underlay])
        report("underlay", "all tunnel endpoints reach each other")

    def up_empty(self, report=lambda step, what: None):
        """Bring up the machines, the ToR and the underlay alone.

        Whoever follows docs/tutorial.md does the rest: the database, the
        controller, and the bridges that it programs.
        """
        self.step("network", self._wires)
        report("network", f"{len(self.nodes)} namespaces and their wires")
        for node in self.control_nodes:
            node.configure()
        self.step("switches", self._in_parallel,
                  [s.configure for s in self.stations]
                  + [functools.partial(s.start, empty=True)
                     for s in self.switches])
        report("switches", "Open vSwitch without bridges for a controller")

    def start_databases(self):
        """Set up the control nodes, and start all databases there."""
        for node in self.control_nodes:
            node.configure()
        for server in self.databases:
            server.start()
            if self.databases[1:] and server is self.databases[0]:
                # A cluster that is sought before it is there comes late.
                database.settle([server])
        self.settle_databases()

    def settle_databases(self, *servers):
        """Until 'servers', or all, are a cluster with one leader."""
        if self.databases[1:]:
            database.settle(servers or self.databases)

    def in_sync(self, name):
        """Has the edge, says its leader, the flows that it should have?"""
        return any(c.in_sync(name) for c in self.controllers if c.alive())

    def database_leader(self):
        """The leader among the databases, once there is one."""
        return netns.wait_until(
            lambda: next((s for s in self.databases if s.role() == "leader"),
                         None), 20, "a leader of the databases")

    def step(self, name, function, *args):
        """Call 'function'; its failure names the step and the logs."""
        try:
            return function(*args)
        except LabError as error:
            raise LabError(f"{name}: {error} "
                           f"(logs: {self.directory})") from None

    def down(self):
        """Remove everything.  False if there was nothing."""
        return state.remove(self.name)

    def _wires(self):
        """Namespaces, the fabric's bridges and all veth pairs."""
        os.makedirs(netns.NETNS_DIR, exist_ok=True)
        netns.ip_batch(f"netns add {node.namespace}" for node in self.nodes)
        self.fabric.sysctl("ipv6.conf.default.disable_ipv6", 1)
        self.fabric.ip(*(f"link add {name} mtu {mtu} up type bridge"
                         for name, mtu in FABRIC_BRIDGES.items()))
        ends = list(self._cables())
        netns.ip_batch(
            f"link add name {a} mtu {mtu} netns {node_a.namespace} "
            f"type veth peer name {b} mtu {mtu} netns {node_b.namespace}"
            for node_a, a, node_b, b, mtu in ends)
        up = {}
        for node_a, a, node_b, b, _ in ends:
            up.setdefault(node_a, []).append(a)
            up.setdefault(node_b, []).append(b)
        for node, names in up.items():
            lines = [f"link set {name} up" for name in names
                     if name not in ("eth0", "mgmt")]
            if node is self.fabric:
                lines += [f"link set {name} master "
                          + ("mgmt" if name.startswith("m-") else "underlay")
                          for name in names]
            if lines:
                node.ip(*lines)

    def _cables(self):
        """(node, interface, node, interface, MTU) of every cable."""
        for node in [*self.control_nodes, *self.switches]:
            yield node, "mgmt", self.fabric, f"m-{node.name}", 1500
        for switch in self.switches:
            if switch.spec.on_underlay:
                yield (switch, "underlay", self.fabric, f"u-{switch.name}",
                       plan.UNDERLAY_MTU)
            if switch.spec.kind == "edge":
                for trunk in self._trunks():
                    yield (switch, trunk, self.node("tor"),
                           tor_port(switch.spec, trunk), 1500)
        for station in self.stations:
            yield (station, "eth0", self.node(station.spec.switch),
                   station.name, 1500)

    def wait_for_peers(self):
        """Until BFD between the edges is up, which takes a second or so."""
        netns.wait_until(
            lambda: "Local Session State: up"
            in self.node("edge1").appctl("bfd/show"), what="BFD")

    @staticmethod
    def _in_parallel(functions):
        with concurrent.futures.ThreadPoolExecutor(len(functions)) as pool:
            for future in [pool.submit(f) for f in functions]:
                future.result()

    # ---- Configuration ----------------------------------------------------

    def node_rows(self):
        """The kakehashi-ctl commands that make the nodes known."""
        yield ("init",)
        for switch in self.controlled:
            yield ("edge-add", switch.name, switch.dpid, switch.tunnel_ip,
                   *(["peer_port=peer0"] if switch.spec.kind == "edge"
                     else []))
        yield "cluster-add", "edges", "edge1", "edge2"

    def demo_rows(self):
        """All the commands of what "lab up" shows."""
        yield from self.node_rows()
        yield "segment-add", "blue", 5001
        yield "bind", "blue", "edges", "trunk0", 100
        yield "--wait=edges", "host-port-add", "blue", "host1", "vm1"


def tor_port(edge, trunk):
    """The ToR's port at the other end of an edge's trunk."""
    return edge.name if trunk == "trunk0" else f"{edge.name}-{trunk[-1]}"
