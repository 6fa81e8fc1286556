# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames cross the bridge, all of them, once, to whom they are for."""

import json
import subprocess

import pytest

from frames import BROADCAST, Wire
from netns import wait_until
from world import active_edge, both_ways, configure, program_foreign

UNKNOWN = "02:00:00:00:00:99"


def test_ping_both_ways(blue):
    both_ways(blue.station("ph1"), blue.station("vm1"), count=10)


def test_full_frames_cross(blue):
    """1500 bytes of IP, which need room for GENEVE in the underlay."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    for here, there in (ph1, vm1), (vm1, ph1):
        here.run("ping", "-n", "-c", 1, "-M", "do", "-s", 1472, "-W", 2,
                 there.ip_address)


@pytest.mark.parametrize("client, server", [("ph1", "vm1"), ("vm1", "ph1")])
def test_tcp(blue, client, server):
    server = blue.station(server)
    listener = server.spawn("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: ":5201" in server.output("ss", "-ltn"),
               what="iperf3 to listen")
    text = blue.station(client).output("iperf3", "-J", "-t", 1, "-c",
                                       server.ip_address)
    listener.wait(10)
    received = json.loads(text)["end"]["sum_received"]
    assert received["bits_per_second"] > 10e6


def test_first_frames_are_not_lost(blue, wires):
    """Learning is beside forwarding, never in its way."""
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=50)
    wires.check("vm1", wires["ph1"].mac, {"ph1"}, count=50)
    wires.check("vm2", wires["vm1"].mac, {"vm1"}, count=50)


def test_broadcast_is_seen_once_by_all(blue, wires):
    """VLAN stations, local and remote ports, a foreign VTEP: each once."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200),
              ("bind", "blue", "edges", "trunk1", 100),
              ("vtep-add", "blue", blue.switch("far").tunnel_ip))
    # A foreign VTEP cannot know which edge is active: it sends to all.
    program_foreign(blue.switch("far"), 5001,
                    [s.tunnel_ip for s in blue.controlled])
    everybody = {"ph1", "ph2", "ph3", "vm1", "vm2", "vm9"}
    for sender in sorted(everybody) * 2:
        wires.check(sender, BROADCAST, everybody - {sender})


def test_unknown_unicast_is_flooded_once(blue, wires):
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("vm1", UNKNOWN, {"ph1", "ph2", "vm2"})
    wires.check("ph1", UNKNOWN, {"ph2", "vm1", "vm2"})


def test_multicast_is_flooded_once(blue, wires):
    wires.check("ph1", "01:00:5e:00:00:fb", {"vm1", "vm2"})
    wires.check("vm1", "33:33:00:00:00:fb", {"ph1", "vm2"})


def test_known_unicast_goes_to_its_owner_only(blue, wires):
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    for name in "ph1", "ph2", "vm1", "vm2":
        wires.burst(name, BROADCAST, {}, count=1)
    wait_until(lambda: len(blue.control.macs("blue")) == 4,
               what="four MACs learned")
    for sender, target in [("ph1", "vm1"), ("vm1", "ph1"), ("ph1", "ph2"),
                           ("vm1", "vm2"), ("ph2", "vm2")]:
        wires.check(sender, wires[target].mac, {target})


def test_bridge_protocols_stay_at_home(blue, wires):
    """802.1D reserved addresses are nobody's business beyond the link."""
    for last in 0x00, 0x02, 0x0e:
        for sender in "vm1", "ph1":
            got = wires.burst(sender, f"01:80:c2:00:00:{last:02x}", {})
            # The ToR may pass some on; the bridge must not.
            assert not set(got) & {"vm1", "vm2"} and \
                (sender == "ph1" or not got), f"{last:02x}: {got}"


def test_standby_forwards_nothing(blue, wires):
    active, standby = active_edge(blue)
    trunk = {edge: Wire(edge, "trunk0") for edge in (active, standby)}
    from_vm = wires["vm1"].send(BROADCAST, count=20)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=20)

    def sent(edge):
        trunk[edge].collect()
        return sum(copies for (token, _), copies in trunk[edge].sent.items()
                   if token == from_vm)
    assert sent(active) == 20
    assert sent(standby) == 0
    assert len(wires["ph1"].copies(from_vm)) == 20
