# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where MACs are: learned, moved, aged, pinned, limited."""

import re
import time

import pytest

from frames import BROADCAST
from netns import wait_until
from world import (both_ways, configure, flows_of_mac, our_flows,
                   speak_only, speak_until, wait_gone, wait_location,
                   wait_synced)

MAC = "02:00:00:00:00:77"
TRUNK = "edges/trunk0/100"


def test_locations(blue):
    both_ways(blue.station("ph1"), blue.station("vm1"))
    ph1, vm1 = blue.station("ph1").mac, blue.station("vm1").mac
    wait_location(blue, ph1, TRUNK)
    wait_location(blue, vm1, "host1/vm1")
    entry = blue.control.macs("blue")[ph1]
    assert (entry["vni"], entry["type"]) == (5001, "dynamic")
    assert entry["moves"] == 0
    for most in range(3):
        assert len(blue.control.json("mac/show", f"--max={most}",
                                     "blue")) == most


def test_learned_everywhere(blue, wires):
    """Every node that has the segment gets the MAC, the standby too."""
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, TRUNK)
    for switch in blue.controlled:
        wait_until(lambda: flows_of_mac(switch, MAC),
                   what=f"{MAC} on {switch.name}")
    wait_synced(blue)


def test_station_moves_to_the_other_side(blue):
    """The same MAC and IP leave the VLAN and come up as a VM."""
    ph1, vm1, vm2 = map(blue.station, ("ph1", "vm1", "vm2"))
    both_ways(ph1, vm1)
    wait_location(blue, ph1.mac, TRUNK)
    ph1.ip("link set eth0 down")
    take_over(vm2, ph1)
    both_ways(vm2, vm1)
    wait_location(blue, ph1.mac, "host1/vm2")
    assert blue.control.macs("blue")[ph1.mac]["moves"] == 1
    told = blue.control.json("explain", "mac", "blue", ph1.mac)
    assert "moved there" in told["how"][0] and told["since"].endswith("Z")
    wait_synced(blue)


def move(blue, wires, sender, location):
    """MAC comes up at 'sender', and frames for it go there."""
    speak_until(wires[sender], MAC,
                lambda: blue.control.macs("blue").get(MAC, {}).get(
                    "location") == location, 5, f"{MAC} at {location}")
    wires.follow("vm1", MAC, {sender})


def test_station_moves_back_and_forth(blue, wires):
    """Each move is seen, the way back included, and once."""
    configure(blue, ("set", "kakehashi_global", ".", "options:flap_moves=0"))
    places = [("ph1", TRUNK), ("vm2", "host1/vm2")]
    for n in range(6):
        move(blue, wires, *places[n % 2])
    assert blue.control.macs("blue")[MAC]["moves"] == 5


def test_station_moves_between_trunks(blue, wires):
    configure(blue, ("bind", "blue", "edges", "trunk1", 100))
    for sender, location in [("ph1", TRUNK), ("ph3", "edges/trunk1/100"),
                             ("ph1", TRUNK)]:
        move(blue, wires, sender, location)


# By OpenFlow 1.4 SOURCE flows have timeouts, by 1.5 the controller asks.
both_kinds_of_ageing = pytest.mark.parametrize(
    "version", ["OpenFlow14", "OpenFlow15"], ids=["timeout", "asked"])


@both_kinds_of_ageing
def test_ageing(blue, wires, version):
    """A MAC that is silent is forgotten everywhere."""
    speak_only(blue, version)
    configure(blue, ("set", "segment", "blue", "mac_aging=1"))
    for sender in "ph1", "vm2":
        wires[sender].send(BROADCAST, src=MAC)
        wait_until(lambda: MAC in blue.control.macs("blue"), what=MAC)
        wait_gone(blue, MAC)
    wait_synced(blue)


def test_many_age_at_once(blue, wires):
    """More than are let go in one go, and not those that still speak."""
    stations = {f"06:00:00:00:{n >> 8:02x}:{n & 255:02x}"
                for n in range(300)}

    def speak():
        for mac in stations:
            wires["ph1"].send(BROADCAST, src=mac)
        wires["ph1"].send(BROADCAST, src=MAC)
        return {*stations, MAC} <= set(blue.control.macs("blue"))
    wait_until(speak, what="301 MACs", interval=0.5)
    configure(blue, ("set", "segment", "blue", "mac_aging=3"))

    def alone():
        wires["ph1"].send(BROADCAST, src=MAC)
        macs = set(blue.control.macs("blue"))
        assert MAC in macs
        return not macs & stations
    wait_until(alone, 30, "300 MACs gone", 0.2)
    wait_synced(blue)
    for switch in blue.controlled:
        assert not [flow for flow in our_flows(switch)
                    if re.search("dl_(src|dst)=06:00:", flow)]
        assert blue.control.json("flows/diff", switch.name) == []


@both_kinds_of_ageing
def test_talking_keeps_a_mac(blue, wires, version):
    """Ageing follows the traffic, not the time since learning."""
    speak_only(blue, version)
    configure(blue, ("set", "segment", "blue", "mac_aging=2"))
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, TRUNK)
    until = time.monotonic() + 6
    while time.monotonic() < until:
        wires["ph1"].send(BROADCAST, src=MAC)
        time.sleep(0.2)
        assert MAC in blue.control.macs("blue")
    wait_gone(blue, MAC)


def test_static_neither_ages_nor_moves(blue, wires):
    configure(blue, ("set", "segment", "blue", "mac_aging=1"),
              ("mac-add", "blue", MAC, TRUNK))
    entry = blue.control.macs("blue")[MAC]
    assert (entry["type"], entry["location"]) == ("static", TRUNK)
    # Others age meanwhile, so it had its chance to.
    other = "02:00:00:00:00:78"
    wires["ph1"].send(BROADCAST, src=other)
    wait_until(lambda: other in blue.control.macs("blue"), what=other)
    wires.check("vm2", BROADCAST, set(), src=MAC)
    wait_gone(blue, other)
    entry = blue.control.macs("blue")[MAC]
    assert (entry["type"], entry["location"]) == ("static", TRUNK)
    wires.follow("vm1", MAC, {"ph1"})

    configure(blue, ("mac-del", "blue", MAC))
    wait_gone(blue, MAC)


def test_static_replaces_learned(blue, wires):
    wires["vm2"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "host1/vm2")
    configure(blue, ("mac-add", "blue", MAC, TRUNK))
    wait_location(blue, MAC, TRUNK)
    assert blue.control.macs("blue")[MAC]["type"] == "static"
    blue.switch("tor").appctl("fdb/flush", "br0")
    wires.follow("vm1", MAC, {"ph1"})
    wait_synced(blue)


def test_limit_evicts_fairly(blue, wires):
    """Who floods loses its own entries, its neighbours lose nothing."""
    configure(blue, ("set", "segment", "blue", "mac_limit=20"))
    quiet = [f"02:00:00:00:01:{n:02x}" for n in range(5)]
    for mac in quiet:
        wires["ph1"].send(BROADCAST, src=mac)
    wait_until(lambda: set(quiet) <= set(blue.control.macs("blue")),
               what="five quiet MACs learned")
    for n in range(200):
        wires["vm2"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    wait_until(lambda: len(blue.control.macs("blue")) == 20,
               what="the limit reached")
    # A later sighting proves that the flood has been worked off.
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, TRUNK)
    macs = set(blue.control.macs("blue"))
    assert len(macs) == 20
    assert set(quiet) <= macs
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    wait_synced(blue)


def test_flush(blue, wires):
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_location(blue, wires["ph1"].mac, TRUNK)
    configure(blue, ("mac-add", "blue", MAC, "host1/vm2"))
    blue.control.appctl("mac/flush", "blue")
    wait_until(lambda: set(blue.control.macs("blue")) == {MAC},
               what="only the static MAC left")
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))


def test_never_learned(blue, wires):
    """Group addresses and zero are nobody's."""
    for mac in "01:00:00:00:00:77", BROADCAST, "00:00:00:00:00:00":
        wires["ph1"].send(BROADCAST, src=mac, count=3)
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, TRUNK)
    assert set(blue.control.macs("blue")) == {MAC}


def take_over(node, other):
    """Give 'node' the identity of 'other', as a moved machine has it."""
    node.ip("link set eth0 down", f"link set eth0 address {other.mac}",
            "addr flush dev eth0", f"addr add {other.ip_address}/24 dev eth0",
            "link set eth0 up")
    node.ip_address, node.mac = other.ip_address, other.mac
