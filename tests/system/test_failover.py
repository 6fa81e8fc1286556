# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""An edge fails and the other takes over; or nothing has to change.

Who is active, that both sides reach each other, that the edges have the flows
that they should have, and that nobody ever gets a broadcast twice: all that
is asserted.  How long it takes is not.
"""

import concurrent.futures
import contextlib
import re
import signal

import pytest

from frames import BROADCAST, Stream
from netns import wait_until
from world import (active_edge, both_ways, configure, our_flows,
                   wait_synced)

PATIENCE = 20                   # More than two inactivity probes.
TRUNKS = "trunk0", "trunk1"


# ---- What the controller says -------------------------------------------

def cluster(lab, name="edges"):
    """What "show" says of a cluster."""
    return next(c for c in lab.control.json("show")["clusters"]
                if c["name"] == name)


def wait_active(lab, edge, name="edges"):
    """Until an edge is active, as "show" and the cluster's row say."""
    wait_until(lambda: cluster(lab, name)["active"] == edge.name, PATIENCE,
               f"{edge.name} active for {name}")
    wait_until(lambda: active_edge(lab, name)[0] is edge,
               what=f"{edge.name} in the row of {name}")


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


# ---- The active edge fails ----------------------------------------------

@pytest.mark.parametrize("fault", [kill, vanish, cut_trunk,
                                   cut_trunk_at_the_tor])
def test_the_other_takes_over(blue, wires, fault):
    active, standby = active_edge(blue)
    wait_bfd(blue)
    before = takeovers(blue)
    with never_twice(blue):
        fault(active)
        wait_active(blue, standby)
        if fault is vanish:
            # Nobody has waited for the connection to time out.
            assert cluster(blue)["reason"] == "active edge is silent"
            wait_connected(blue, active, False)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_the_other_takes_over_without_bfd(blue, wires):
    """An edge without peer port that vanishes is missed all the same."""
    active, standby = active_edge(blue)
    for edge in active, standby:
        edge.vsctl("del-port", "br0", "peer0")
        wait_until(lambda: not port_is_live(blue, edge, "peer0"),
                   what=f"no peer port on {edge.name}")
    with never_twice(blue):
        vanish(active)
        wait_active(blue, standby)
    check_bridge(blue, wires)


def test_disconnected_edge_vanishes(blue, wires):
    """First the controller loses sight of it, then its peer."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    with never_twice(blue):
        active.set_link("mgmt", False)
        wait_connected(blue, active, False)
        assert cluster(blue)["active"] == active.name
        vanish(active)
        wait_active(blue, standby)
    check_bridge(blue, wires)


def test_vanished_edge_comes_back(blue, wires):
    """It still has its gate open: that is closed before its links are up."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    vanish(active)
    wait_active(blue, standby)
    wait_connected(blue, active, False)
    with never_twice(blue):
        active.set_link("mgmt", True)
        wait_synced(blue)
        active.ip(*(f"link set {name} up" for name in ("underlay", *TRUNKS)))
        active.warm_up()
        wait_bfd(blue)
        wait_port(blue, active, "trunk0", True)
    check_bridge(blue, wires)
    assert cluster(blue)["active"] == standby.name


@pytest.mark.parametrize("segments", [2, 20])
def test_take_over_sends_no_mac(blue, wires, segments):
    """The standby has all of them, and its gate is one flow."""
    configure(blue, *(row for n in range(1, segments) for row in
                      [("segment-add", f"s{n}", 6000 + n),
                       ("bind", f"s{n}", "edges", "trunk0", 300 + n)]))
    both_ways(blue.station("ph1"), blue.station("vm1"))
    for n in range(50):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:00:01:{n:02x}")
        wires["vm2"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    wait_until(lambda: len(blue.control.macs()) >= 102, what="102 MACs")
    wait_synced(blue)
    active, standby = active_edge(blue)

    def youngest():
        text = standby.ofctl("dump-flows", "br0", "table=6")
        return min(map(float, re.findall(r"duration=([\d.]+)s", text)))
    wait_until(lambda: youngest() > 0.1, what="DEST flows of some age")
    flows, age = sorted(our_flows(standby, "table=6")), youngest()
    assert len(flows) > 102
    sent = blue.control.edge(standby.name)["flow_mods"]
    cut_trunk(active)
    wait_active(blue, standby)
    wait_synced(blue)
    assert sorted(our_flows(standby, "table=6")) == flows
    assert youngest() > age
    # The standby opens its gate, one flow.
    assert blue.control.edge(standby.name)["flow_mods"] - sent <= 2
    check_bridge(blue, wires)


# ---- Nothing has to change ----------------------------------------------

@contextlib.contextmanager
def nothing_changes(lab):
    """Meanwhile the same edge is active, and a 10 ms ping loses nothing."""
    before = cluster(lab)
    history = takeovers(lab)
    ph1, vm1 = lab.station("ph1"), lab.station("vm1")
    both_ways(ph1, vm1)
    with never_twice(lab):
        yield
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        after = cluster(lab)
        for key in "active", "since", "reason":
            assert after[key] == before[key]
        assert takeovers(lab) == history


def lose_path(lab, *_):
    part_the_edges(lab)


def disable_bfd(_, edge):
    edge.vsctl("set", "interface", "peer0", "bfd:enable=false")


@pytest.mark.parametrize("fault", [lose_path, disable_bfd])
@pytest.mark.parametrize("at", ["active", "standby"])
def test_bfd_is_lost(blue, wires, fault, at):
    """Both edges are connected, so BFD has nothing to say."""
    active, standby = active_edge(blue)
    here, there = ((active, standby) if at == "active"
                   else (standby, active))
    wait_bfd(blue)
    with nothing_changes(blue):
        fault(blue, here)
        wait_port(blue, there, "peer0", False)
    check_bridge(blue, wires)


def test_bfd_comes_back(blue, wires):
    wait_bfd(blue)
    with nothing_changes(blue):
        for _ in range(2):
            part_the_edges(blue)
            wait_bfd(blue, False)
            part_the_edges(blue, False)
            wait_bfd(blue)
    check_bridge(blue, wires)


def test_edge_vanishes_after_bfd_was_lost(blue, wires):
    """Having answered once does not mean to be there for ever."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    part_the_edges(blue)
    wait_bfd(blue, False)
    with never_twice(blue):
        vanish(active)
        wait_active(blue, standby)
    check_bridge(blue, wires)


@pytest.mark.parametrize("which", ["active", "standby"])
def test_management_link_is_lost(blue, wires, which):
    """And comes back."""
    edge = active_edge(blue)[which == "standby"]
    wait_bfd(blue)
    with nothing_changes(blue):
        edge.set_link("mgmt", False)
        wait_connected(blue, edge, False)
    with nothing_changes(blue):
        edge.set_link("mgmt", True)
        wait_synced(blue)
    check_bridge(blue, wires)


def test_standby_is_killed(blue, wires):
    _, standby = active_edge(blue)
    wait_bfd(blue)
    with nothing_changes(blue):
        kill(standby)
        wait_connected(blue, standby, False)
    with nothing_changes(blue):
        revive(standby)
        wait_synced(blue)
        wait_bfd(blue)
    check_bridge(blue, wires)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM],
                         ids=["killed", "stopped"])
def test_controller_adopts_the_active_edge(blue, wires, number):
    """Also one that is not the preferred."""
    first, second = prefer_first(blue, 0)
    configure(blue, ("set", "cluster", "edges", "failover=nonpreemptive"))
    cut_trunk(first)
    wait_active(blue, second)
    cut_trunk(first, up=True)
    wait_port(blue, first, "trunk0", True)
    check_bridge(blue, wires)
    before = takeovers(blue)
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    with never_twice(blue):
        blue.control.stop_daemon(number)
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
        blue.control.start_daemon()
        wait_active(blue, second)
        wait_synced(blue)
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
    check_bridge(blue, wires)
    assert cluster(blue)["reason"] == "adopted"
    assert takeovers(blue) == before + [second.name]
    for edge in first, second:
        assert blue.control.edge(edge.name)["flow_mods"] == 0


# ---- It comes back ------------------------------------------------------

def test_killed_edge_stays_standby(blue, wires):
    """By default, however short the hold-down and preferred the edge."""
    active, standby = prefer_first(blue, holddown=0)
    configure(blue, ("clear", "cluster", "edges", "failover"))
    before = takeovers(blue)
    with never_twice(blue):
        kill(active)
        wait_active(blue, standby)
        revive(active)
        wait_synced(blue)
        wait_bfd(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_preferred_edge_becomes_active_again(blue, wires):
    first, second = prefer_first(blue, holddown=500)
    before = takeovers(blue)
    with never_twice(blue):
        kill(first)
        wait_active(blue, second)
        revive(first)
        wait_active(blue, first)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [second.name, first.name]


def test_preferred_trunk_becomes_active_again(blue, wires):
    """Where both edges forward all the while, and many times.

    Switches have cached much, which they go through before they mean what
    they have confirmed.
    """
    first, second = prefer_first(blue, holddown=0)
    before = takeovers(blue)
    for n in range(1000):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:01:{n >> 8:02x}:"
                                         f"{n & 255:02x}")
    with never_twice(blue):
        for _ in range(20):
            cut_trunk(first)
            wait_active(blue, second)
            cut_trunk(first, up=True)
            wait_active(blue, first)
            wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + 20 * [second.name, first.name]


def test_twice_in_both_directions(blue, wires):
    before = takeovers(blue)
    expected = []
    with never_twice(blue):
        for _ in range(4):
            active, standby = active_edge(blue)
            wait_bfd(blue)
            kill(active)
            wait_active(blue, standby)
            check_bridge(blue, wires)
            expected.append(standby.name)
            revive(active)
            wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL],
                         ids=["stopped", "killed"])
def test_both_edges_restart(blue, wires, number):
    edges = active_edge(blue)
    with never_twice(blue):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda edge: edge.stop_vswitchd(number), edges))
            for edge in edges:
                wait_connected(blue, edge, False)
            list(pool.map(lambda edge: edge.start_vswitchd(), edges))
            list(pool.map(lambda edge: edge.warm_up(), edges))
        wait_synced(blue)
    check_bridge(blue, wires)
    wait_active(blue, active_edge(blue)[0])


# ---- Trunks -------------------------------------------------------------

def flap(edge, times=10):
    """Down and up again as soon as the switch has seen it."""
    for _ in range(times):
        for up in False, True:
            cut_trunk(edge, up)
            edge.vsctl("wait-until", "interface", "trunk0",
                       f"link_state={'up' if up else 'down'}")


def test_flapping_trunk(blue, wires):
    """One change, to the edge that does not flap."""
    active, standby = active_edge(blue)
    before = takeovers(blue)
    with never_twice(blue):
        flap(active)
        wait_active(blue, standby)
        wait_port(blue, active, "trunk0", True)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_flapping_trunk_of_the_preferred_edge(blue, wires):
    """It is held down while it flaps, and is active in the end."""
    first, second = prefer_first(blue, holddown=2000)
    before = takeovers(blue)
    with never_twice(blue):
        flap(first)
        assert cluster(blue)["active"] == second.name
        wait_active(blue, first)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [second.name, first.name]


def test_flapping_trunk_of_the_standby(blue, wires):
    _, standby = active_edge(blue)
    with nothing_changes(blue):
        flap(standby)
    check_bridge(blue, wires)


@pytest.fixture(name="shared")
def fixture_shared(lab):
    """Two clusters that share the load of two edges: vm1 - left - trunk0 -
    ph1, vm2 - right - trunk1 - ph3."""
    configure(lab, ("cluster-add", "left", "edge1", "edge2"),
              ("cluster-add", "right", "edge2", "edge1"),
              ("segment-add", "blue", 5001), ("segment-add", "red", 5002),
              ("bind", "blue", "left", "trunk0", 100),
              ("bind", "red", "right", "trunk1", 100),
              ("host-port-add", "blue", "host1", "vm1"),
              ("host-port-add", "red", "host1", "vm2"))
    wait_active(lab, lab.switch("edge1"), "left")
    wait_active(lab, lab.switch("edge2"), "right")
    return lab


@pytest.mark.parametrize("moves, stays, edge, trunk", [
    ("left", "right", "edge1", "trunk0"),
    ("right", "left", "edge2", "trunk1")])
def test_clusters_move_alone(shared, wires, moves, stays, edge, trunk):
    """With the trunk that they need, there and back."""
    other = shared.switch("edge2" if edge == "edge1" else "edge1")
    edge = shared.switch(edge)
    needless = TRUNKS[trunk == TRUNKS[0]]
    before, had = takeovers(shared, stays), takeovers(shared, moves)

    def check():
        check_bridge(shared, wires, others=())
        check_bridge(shared, wires, "ph3", "vm2", others=())
        assert takeovers(shared, stays) == before
        assert cluster(shared, stays)["active"] == other.name
    check()
    # What only the other cluster needs, where it is not active.
    edge.set_link(needless, False)
    wait_port(shared, edge, needless, False)
    check()
    for here, there in (edge, other), (other, edge):
        here.set_link(trunk, False)
        wait_active(shared, there, moves)
        check()
        here.set_link(trunk, True)
        wait_port(shared, here, trunk, True)
    check()
    assert takeovers(shared, moves) == had + [other.name, edge.name]
