# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Faults of edges, and what is to be seen of them."""

import contextlib
import json
import re
import signal

from frames import BROADCAST, Stream
from netns import wait_until
from world import active_edge, both_ways, configure, wait_synced

PATIENCE = 20                   # More than two inactivity probes.
TRUNKS = "trunk0", "trunk1"


# ---- What the controller says -------------------------------------------

def cluster(lab, name="edges"):
    """What the controller says of a cluster, once it knows it."""
    def shown():
        status, text = lab.control.run(
            "ovs-appctl", "-t", "kakehashi", "cluster/show", "--format=json",
            name, check=False)
        return not status and text
    return json.loads(wait_until(shown, what=f"cluster {name}"))[0]


def wait_active(lab, edge, name="edges"):
    """Until an edge is active, as controller and database say."""
    wait_until(lambda: cluster(lab, name)["active"] == edge.name, PATIENCE,
               f"{edge.name} active for {name}")
    wait_until(lambda: active_edge(lab, name)[0] is edge,
               what=f"{edge.name} in the row of {name}")


def status_of(lab, edge, name="edges"):
    """What the row of a cluster says of an edge."""
    return lab.control.ctl("get", "cluster", name,
                           f"edge_status:{edge.name}").strip().strip('"')


def takeovers(lab, name="edges"):
    """The edges that became active, one after the other."""
    return re.findall(rf"cluster {name}: (\S+) is active",
                      lab.control.log("kakehashi.log"))


def port_is_live(lab, edge, port):
    return any(p["name"] == port and p["live"]
               for p in lab.control.edge(edge.name)["ports"])


def wait_port(lab, edge, port, live):
    """Until the controller knows that a port is live, or is not."""
    wait_until(lambda: port_is_live(lab, edge, port) == live, PATIENCE,
               f"{port} of {edge.name} {'live' if live else 'dead'}")


def wait_bfd(lab, live=True):
    """Until the controller knows that BFD is up, or down, at both ends."""
    for edge in active_edge(lab):
        wait_port(lab, edge, "peer0", live)


def no_peer_ports(lab):
    """The edges do not see each other by BFD."""
    for edge in active_edge(lab):
        edge.vsctl("del-port", "br0", "peer0")
        wait_until(lambda: not port_is_live(lab, edge, "peer0"),
                   what=f"no peer port on {edge.name}")


def wait_connected(lab, edge, connected=True):
    wait_until(lambda: lab.control.edge(edge.name)["connected"] == connected,
               PATIENCE, f"{edge.name} {'' if connected else 'dis'}connected")


# ---- What stations see --------------------------------------------------

@contextlib.contextmanager
def never_twice(lab):
    """Meanwhile no broadcast arrives twice; before and after, each does."""
    streams = {Stream(lab, "vm1"): ("ph1", "vm2"),
               Stream(lab, "ph1"): ("vm1", "vm2")}
    try:
        for stream, names in streams.items():
            stream.wait_for(*names)
        yield
        for stream, names in streams.items():
            stream.wait_for(*names, timeout=PATIENCE)
    finally:
        for stream in streams:
            stream.close()
    for stream in streams:
        assert not stream.excess(), f"copies of frames from {stream.sender}"


def check_bridge(lab, wires, vlan="ph1", vm="vm1", others=("vm2",)):
    """Both sides reach each other, and every edge has what it should.

    The first pings are for the switches in between to learn the way.
    """
    vlan, vm = lab.station(vlan), lab.station(vm)
    for here, there in (vm, vlan), (vlan, vm):
        wait_until(lambda: here.reaches(there), PATIENCE,
                   f"{here.name} reaches {there.name}")
    both_ways(vlan, vm)
    wires.check(vm.name, BROADCAST, {vlan.name, *others})
    wires.check(vlan.name, BROADCAST, {vm.name, *others})
    wait_synced(lab, *(s.name for s in lab.controlled
                       if lab.control.edge(s.name)["connected"]))


# ---- Faults -------------------------------------------------------------

def kill(edge):
    edge.stop_vswitchd(signal.SIGKILL)


def revive(edge):
    edge.start_vswitchd()
    edge.warm_up()


def vanish(edge):
    """All links at once, that of the controller first: it is not told."""
    edge.ip(*(f"link set {name} down"
              for name in ("mgmt", "underlay", *TRUNKS)))


def cut_trunk(edge, up=False):
    edge.set_link("trunk0", up)


def cut_trunk_at_the_tor(edge, up=False):
    edge.lab.switch("tor").set_link(edge.name, up)


def part_the_edges(lab, apart=True):
    """The edges do not reach each other, but all others do.

    The underlay's bridge forwards nothing between ports that are isolated.
    """
    for edge in active_edge(lab):
        lab.fabric.ip(f"link set u-{edge.name} type bridge_slave isolated "
                      + ("on" if apart else "off"))


def prefer_first(lab, holddown):
    """Make the cluster preemptive, with its first edge active: (it, other).

    Until it is active, it is not held down.
    """
    first, other = sorted(active_edge(lab), key=lambda edge: edge.name)
    configure(lab, ("set", "cluster", "edges", "failover=preemptive",
                    "other_config:holddown=0"))
    wait_active(lab, first)
    configure(lab, ("set", "cluster", "edges",
                    f"other_config:holddown={holddown}"))
    wait_synced(lab)
    return first, other
