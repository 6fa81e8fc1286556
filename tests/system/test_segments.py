# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Segments are apart, and what is bound together is together."""

from frames import BROADCAST
from netns import wait_until
from world import (both_ways, configure, dropped, our_flows, program_foreign,
                   wait_location)


def test_same_vlan_on_two_trunks(blue, wires):
    """VLAN 100 of trunk0 and of trunk1 are two networks."""
    configure(blue, ("host-port-del", "blue", "host1", "vm2"),
              ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk1", 100),
              ("host-port-add", "red", "host1", "vm2"))
    for sender, others in [("ph1", {"vm1"}), ("vm1", {"ph1"}),
                           ("ph3", {"vm2"}), ("vm2", {"ph3"})] * 2:
        wires.check(sender, BROADCAST, others)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    both_ways(blue.station("ph3"), blue.station("vm2"))
    assert not blue.station("ph1").reaches(blue.station("vm2"))


def test_same_mac_in_two_segments(blue, wires):
    """A MAC is learned per segment."""
    configure(blue, ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk1", 100))
    mac = "02:00:00:00:00:77"
    wires["ph1"].send(BROADCAST, src=mac)
    wires["ph3"].send(BROADCAST, src=mac)
    wait_location(blue, mac, "edges/trunk0/100", "blue")
    wait_location(blue, mac, "edges/trunk1/100", "red")


def test_translation_between_vlans_of_a_trunk(blue, wires):
    """In and out by the same port, with another tag."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2"})
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    both_ways(blue.station("ph1"), blue.station("ph2"))
    both_ways(blue.station("ph2"), blue.station("vm1"))


def test_segment_over_two_trunks(blue):
    """Edges join trunks even where there is no overlay."""
    configure(blue, ("bind", "blue", "edges", "trunk1", 100))
    both_ways(blue.station("ph1"), blue.station("ph3"))


def test_untagged(blue, wires):
    """VLAN 0 is what comes without a tag, and leaves without one."""
    configure(blue, ("segment-add", "bare", 5003),
              ("bind", "bare", "edges", "trunk0", 0),
              ("host-port-del", "blue", "host1", "vm2"),
              ("host-port-add", "bare", "host1", "vm2"))
    tor = blue.switch("tor")
    for edge in "edge1", "edge2":
        tor.vsctl("set", "port", edge, "vlan_mode=native-untagged", "tag=300")
    tor.vsctl("set", "port", "ph2", "tag=300")
    wires.check("ph2", BROADCAST, {"vm2"})
    wires.check("vm2", BROADCAST, {"ph2"})
    wires.check("vm1", BROADCAST, {"ph1"})
    both_ways(blue.station("ph2"), blue.station("vm2"))


def test_unbound_vlan_is_dropped_and_counted(blue, wires):
    edges = [blue.switch("edge1"), blue.switch("edge2")]
    before = {edge: dropped(edge) for edge in edges}
    wires.check("ph2", BROADCAST, set(), count=40)
    for edge in edges:
        wait_until(lambda: dropped(edge) >= before[edge] + 40,
                   what=f"40 drops counted on {edge.name}")
    assert not blue.control.macs()


def test_unbound_vni_is_dropped_and_counted(blue, wires):
    nodes = blue.controlled
    program_foreign(blue.switch("far"), 6666, [n.tunnel_ip for n in nodes])
    before = {node: dropped(node) for node in nodes}
    wires.check("vm9", BROADCAST, set(), count=40)
    for node in nodes:
        wait_until(lambda: dropped(node) >= before[node] + 40,
                   what=f"40 drops counted on {node.name}")
    assert not blue.control.macs()


def test_port_without_segment_is_dropped(blue, wires):
    configure(blue, ("host-port-del", "blue", "host1", "vm2"))
    wires.check("vm2", BROADCAST, set())
    wires.check("vm1", BROADCAST, {"ph1"})


def test_removed_binding_takes_only_its_own(blue, wires):
    """Its flows and MACs go; all other flows are those of before."""
    names = [s.name for s in blue.controlled]
    for name in "ph1", "vm1":
        wires.burst(name, BROADCAST, {}, count=1)
    wait_until(lambda: len(blue.control.macs("blue")) == 2,
               what="two MACs learned")
    wait_until(lambda: all(blue.control.in_sync(n) for n in names),
               what="switches in sync")
    before = {n: set(map(unnumbered, our_flows(blue.switch(n))))
              for n in names}

    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    wait_location(blue, wires["ph2"].mac, "edges/trunk0/200")
    configure(blue, ("unbind", "blue", "edges", "trunk0", 200))

    wires.check("ph1", wires["ph2"].mac, {"vm1", "vm2"})
    assert set(blue.control.macs("blue")) == {wires["ph1"].mac,
                                              wires["vm1"].mac}
    for name in names:
        wait_until(lambda: set(map(unnumbered, our_flows(blue.switch(name))))
                   == before[name],
                   what=f"the flows of before on {name}")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})


def unnumbered(flow):
    """A flow without what is counted or times out by itself."""
    return ",".join(part for part in flow.split(",")
                    if "importance" not in part)


def test_removed_segment_takes_all_of_it(blue):
    both_ways(blue.station("ph1"), blue.station("vm1"))
    configure(blue, ("--cascade", "segment-del", "blue"))
    for switch in blue.controlled:
        wait_until(lambda: not any("0x1389" in flow
                                   for flow in our_flows(switch)),
                   what=f"VNI 5001 gone from {switch.name}")
    assert not blue.control.macs()
    assert not blue.station("ph1").reaches(blue.station("vm1"))


def test_many_segments(blue):
    """300 segments on one edge; the last is as good as the first."""
    rows = []
    for vlan in range(1000, 1300):
        rows += [("segment-add", f"s{vlan}", 10000 + vlan),
                 ("bind", f"s{vlan}", "edges", "trunk0", vlan)]
    configure(blue, *rows)
    for switch in blue.controlled:
        assert blue.control.json("flows/diff", switch.name) == []
    configure(blue, ("host-port-del", "blue", "host1", "vm2"),
              ("host-port-add", "s1299", "host1", "vm2"))
    blue.switch("tor").vsctl("set", "port", "ph2", "tag=1299")
    both_ways(blue.station("ph2"), blue.station("vm2"))
    both_ways(blue.station("ph1"), blue.station("vm1"))
