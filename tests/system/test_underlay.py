# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tunnel endpoints: over IPv6, and those that are not ours."""

import socket

import pytest

import netns
from frames import BROADCAST, packed
from netns import wait_until
from test_spoofing import GENEVE_PORT, geneve
from world import (active_edge, both_ways, configure, dropped,
                   program_foreign, wait_location, wait_synced)

ipv6 = pytest.mark.parametrize("lab", [{"ipv6": True}], indirect=True,
                               ids=["ipv6"])
both = pytest.mark.parametrize("lab", [{}, {"ipv6": True}], indirect=True,
                               ids=["ipv4", "ipv6"])


@ipv6
def test_bridge_over_ipv6(blue, wires):
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_location(blue, wires["ph1"].mac, "edges/trunk0/100")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    wait_synced(blue)


@both
def test_foreign_vtep(blue, wires):
    """Reached by replication; its MACs are learned at its address."""
    far = blue.switch("far")
    configure(blue, ("vtep-add", "blue", far.tunnel_ip))
    program_foreign(far, 5001, [s.tunnel_ip for s in blue.controlled])
    everybody = {"ph1", "vm1", "vm2", "vm9"}
    for sender in sorted(everybody):
        wires.check(sender, BROADCAST, everybody - {sender})
    wait_location(blue, wires["vm9"].mac, far.tunnel_ip)
    both_ways(blue.station("ph1"), blue.station("vm9"))
    both_ways(blue.station("vm1"), blue.station("vm9"))
    wires.check("ph1", wires["vm9"].mac, {"vm9"})
    wires.check("vm1", wires["vm9"].mac, {"vm9"})
    wait_synced(blue)


@both
def test_foreign_vtep_removed(blue, wires):
    far = blue.switch("far")
    configure(blue, ("vtep-add", "blue", far.tunnel_ip))
    program_foreign(far, 5001, [s.tunnel_ip for s in blue.controlled])
    wires.check("vm9", BROADCAST, {"ph1", "vm1", "vm2"})
    wait_location(blue, wires["vm9"].mac, far.tunnel_ip)
    configure(blue, ("vtep-del", "blue", far.tunnel_ip))
    wait_until(lambda: wires["vm9"].mac not in blue.control.macs(),
               what="the VTEP's MAC forgotten")
    for sender in "ph1", "vm1":
        assert "vm9" not in wires.burst(sender, BROADCAST, {})
        assert "vm9" not in wires.burst(sender, wires["vm9"].mac, {})
    wait_synced(blue)


def test_static_mac_at_a_foreign_vtep(blue, wires):
    far = blue.switch("far")
    program_foreign(far, 5001, [s.tunnel_ip for s in blue.controlled])
    configure(blue, ("vtep-add", "blue", far.tunnel_ip),
              ("mac-add", "blue", wires["vm9"].mac, far.tunnel_ip))
    wires.check("ph1", wires["vm9"].mac, {"vm9"})
    wires.check("vm1", wires["vm9"].mac, {"vm9"})


def test_false_answers(blue):
    """What a stranger says are answers to probes comes to nobody, and true
    ones come all the same."""
    edge, _ = active_edge(blue)
    answer = packed("02:4b:48:00:00:02")
    frame = answer + answer + bytes.fromhex("88b6") + bytes(46)

    def told():
        return blue.control.edge(edge.name)["packet_ins"]
    before = told(), dropped(edge)
    with netns.open_socket(blue.switch("far").namespace, socket.AF_INET,
                           socket.SOCK_DGRAM, 0) as sock:
        for _ in range(100):
            sock.sendto(geneve(frame, vni=0), (edge.tunnel_ip, GENEVE_PORT))
    wait_until(lambda: dropped(edge) >= before[1] + 100, what="100 drops")
    assert told() - before[0] < 100
    rows = blue.control.json("edge/mtu-probe", edge.name)
    assert rows and all(row["mtu"] for row in rows), rows
