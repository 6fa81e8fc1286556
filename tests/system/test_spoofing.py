# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames that say that they are from somebody else.

What each of these tests shows stands in docs/security.md, which names them.
"""

import itertools
import os
import re
import socket
import struct

import pytest

import netns
from faults import kill, wait_active
from frames import BROADCAST, ETHERTYPE, HEAD, packed
from netns import wait_until
from world import (active_edge, configure, our_flows, program_foreign,
                   wait_location, wait_synced)

MAC = "02:00:00:00:00:77"
GUARD = "table=3,dl_src={}"


def counted(switch, match):
    """Frames that the flows of ours that have this match have dropped."""
    flows = [line for line in switch.ofctl("dump-flows", "br0", match)
             .splitlines() if line.endswith("actions=drop")]
    assert flows, f"no flow of {switch.name} drops {match}"
    return sum(int(re.search(r"n_packets=(\d+)", flow)[1]) for flow in flows)


def wait_counted(switch, match, number):
    """Until as many have been counted, which takes the datapath a moment."""
    wait_until(lambda: counted(switch, match) >= number, 10,
               f"{number} frames of {match} counted", 0.1)
    assert counted(switch, match) == number


def wait_uncached(*switches):
    """Until what the datapaths have cached follows the flows."""
    for switch in switches:
        switch.appctl("revalidator/wait")


def own_mac(switch, port):
    return switch.vsctl("get", "interface", port,
                        "mac_in_use").strip().strip('"')


# ---- Static MACs ---------------------------------------------------------

def test_static_mac_is_accepted_only_at_its_place(blue, wires):
    """From another VLAN, a host port or a foreign VTEP it goes nowhere."""
    far = blue.switch("far")
    vteps = [blue.switch(n).tunnel_ip for n in ("edge1", "edge2", "host1")]
    program_foreign(far, 5001, vteps)
    configure(blue, ("bind", "blue", "edges", "trunk0", 200),
              ("vtep-add", "blue", far.tunnel_ip),
              ("mac-add", "blue", MAC, "edges/trunk0/100"))
    active, _ = active_edge(blue)
    guard = GUARD.format(MAC)

    wires.check("ph2", BROADCAST, set(), src=MAC, count=10)
    wait_counted(active, guard, 10)
    wires.check("vm2", BROADCAST, set(), src=MAC, count=10)
    wait_counted(blue.switch("host1"), guard, 10)
    wires.check("vm9", BROADCAST, set(), src=MAC, count=10)
    wait_counted(active, guard, 20)
    wait_counted(blue.switch("host1"), guard, 20)

    # Nobody was told of these, and the MAC is where it was.
    entry = blue.control.macs("blue")[MAC]
    assert (entry["type"], entry["location"]) == ("static",
                                                  "edges/trunk0/100")
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2", "vm9"}, src=MAC)
    wires.check("vm9", MAC, {"ph1"})
    wait_counted(active, guard, 20)


def test_static_mac_at_a_foreign_vtep(blue, wires):
    far = blue.switch("far")
    vteps = [blue.switch(n).tunnel_ip for n in ("edge1", "edge2", "host1")]
    program_foreign(far, 5001, vteps)
    configure(blue, ("vtep-add", "blue", far.tunnel_ip),
              ("mac-add", "blue", MAC, far.tunnel_ip))
    wires.check("vm9", BROADCAST, {"ph1", "vm1", "vm2"}, src=MAC)
    wires.check("ph1", BROADCAST, set(), src=MAC)
    wires.check("vm1", BROADCAST, set(), src=MAC)
    # Not from ph1: the ToR believes what ph1 has said.
    wires.check("vm1", MAC, {"vm9"})


def test_static_mac_after_a_failover(blue, wires):
    """The other edge takes it from its place, and only from there."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200),
              ("mac-add", "blue", MAC, "edges/trunk0/100"))
    active, standby = active_edge(blue)
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2"}, src=MAC)
    kill(active)
    wait_active(blue, standby)
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2"}, src=MAC)
    wires.check("ph2", BROADCAST, set(), src=MAC)
    wires.check("vm1", BROADCAST, set(), src=MAC)
    wires.check("vm1", MAC, {"ph1"})


def test_mac_is_anybodys_again(blue, wires):
    """With the row goes the guard, on every node."""
    configure(blue, ("mac-add", "blue", MAC, "edges/trunk0/100"))
    for switch in blue.controlled:
        assert our_flows(switch, GUARD.format(MAC))
    configure(blue, ("mac-del", "blue", MAC))
    wait_synced(blue)
    for switch in blue.controlled:
        assert not our_flows(switch, GUARD.format(MAC))
    wires.check("vm2", BROADCAST, {"ph1", "vm1"}, src=MAC)
    wait_location(blue, MAC, "host1/vm2")


def test_guards_survive_restarts(blue, wires):
    """Of the controller, which changes none, and of a switch, which gets
    them back."""
    configure(blue, ("mac-add", "blue", MAC, "edges/trunk0/100"))
    wires.check("vm2", BROADCAST, set(), src=MAC, count=5)
    wait_counted(blue.switch("host1"), GUARD.format(MAC), 5)
    blue.control.stop_daemon()
    blue.control.start_daemon()
    wait_synced(blue)
    for switch in blue.controlled:
        edge = blue.control.edge(switch.name)
        assert (edge["added"], edge["changed"], edge["deleted"]) == (0, 0, 0)
    wires.check("vm2", BROADCAST, set(), src=MAC, count=5)
    wait_counted(blue.switch("host1"), GUARD.format(MAC), 10)
    blue.switch("host1").restart_vswitchd()
    wait_synced(blue)
    wires.check("vm2", BROADCAST, set(), src=MAC)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, src=MAC)


# ---- Addresses of the edges, and of nobody ------------------------------

def test_nobody_is_an_edge(blue, wires):
    """Who says that he is one is not believed, nor that he is its peer."""
    active, standby = active_edge(blue)
    for switch in active, standby:
        for port in "trunk0", "br0":
            mac = own_mac(switch, port)
            refusal = f"table=9,dl_src={mac}"
            before = counted(active, refusal)
            wires.check("ph1", BROADCAST, set(), src=mac, count=5)
            wait_counted(active, refusal, before + 5)
            # The host is no peer, and its own stations may hear it.
            wires.check("vm1", BROADCAST, {"vm2"}, src=mac, count=5)
            wait_counted(active, refusal, before + 10)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})


def test_group_and_zero_are_nobodys(blue, wires):
    active, _ = active_edge(blue)
    group = "table=9,dl_src=01:00:00:00:00:00/01:00:00:00:00:00"
    # The ToR drops some of these itself, but not what the host's ports get.
    for mac in "01:00:00:00:00:77", BROADCAST:
        wires.check("vm1", BROADCAST, set(), src=mac)
    wait_counted(blue.switch("host1"), group, 20)
    wires.check("vm1", BROADCAST, set(), src="00:00:00:00:00:00")
    wait_counted(blue.switch("host1"), "table=9,dl_src=00:00:00:00:00:00", 10)
    assert not counted(active, group)


def test_addresses_survive_a_restart(blue):
    """Whichever edge connects first, no flow goes and comes back."""
    before = {edge.name: sorted(our_flows(edge, "table=9"))
              for edge in active_edge(blue)}
    for flows in before.values():
        assert sum("cookie=0x4b480a" in flow for flow in flows) >= 4
    late = active_edge(blue)[1]
    late.set_link("mgmt", False)
    blue.control.stop_daemon()
    blue.control.start_daemon()
    wait_synced(blue, active_edge(blue)[0].name, "host1")
    late.set_link("mgmt", True)
    wait_synced(blue)
    for edge in active_edge(blue):
        assert sorted(our_flows(edge, "table=9")) == before[edge.name]
        shown = blue.control.edge(edge.name)
        assert (shown["added"], shown["changed"], shown["deleted"]) \
            == (0, 0, 0)


def test_address_that_changes(blue, wires):
    """A trunk gets another address: it is the edge's from then on."""
    active, standby = active_edge(blue)
    mac = "02:00:00:00:00:99"
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, src=mac)
    standby.ip(f"link set trunk0 address {mac}")
    wait_until(lambda: our_flows(active, f"table=9,dl_src={mac}"),
               what="its address refused by the other")
    wait_synced(blue)
    wait_uncached(active)
    wires.check("ph1", BROADCAST, set(), src=mac)


# ---- VTEPs ---------------------------------------------------------------

def test_unknown_vtep_is_refused(blue, wires):
    """It is counted by segment, nothing is learned, and once it has a row its
    frames pass."""
    far = blue.switch("far")
    refusal = "table=0,tun_id=5001"
    program_foreign(far, 5001, [n.tunnel_ip for n in blue.controlled])
    for dst in BROADCAST, wires["vm1"].mac:
        wires.check("vm9", dst, set(), src=MAC, count=10)
    for switch in blue.controlled:
        wait_counted(switch, refusal, 20)
    assert MAC not in blue.control.macs("blue")

    configure(blue, ("vtep-add", "blue", far.tunnel_ip))
    wires.check("vm9", BROADCAST, {"ph1", "vm1", "vm2"}, src=MAC)
    wait_location(blue, MAC, far.tunnel_ip)
    configure(blue, ("vtep-del", "blue", far.tunnel_ip))
    wait_uncached(*blue.controlled)
    wires.check("vm9", BROADCAST, set(), src=MAC, count=5)
    # A datapath may count those before under what their flow has become.
    for switch in blue.controlled:
        wait_until(lambda: counted(switch, refusal) >= 25, what="5 more")


def test_vtep_of_another_segment_is_refused(blue, wires):
    """To be known is not enough."""
    far = blue.switch("far")
    configure(blue, ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk0", 200),
              ("vtep-add", "red", far.tunnel_ip))
    active, _ = active_edge(blue)
    nodes = [n.tunnel_ip for n in blue.controlled]
    program_foreign(far, 5002, nodes)
    wires.check("vm9", BROADCAST, {"ph2"}, src=MAC)
    far.ofctl("del-flows", "br0")
    program_foreign(far, 5001, nodes)
    wait_uncached(far)
    wires.check("vm9", BROADCAST, set(), src=MAC, count=10)
    for switch in active, blue.switch("host1"):
        wait_counted(switch, "table=0,tun_id=5001", 10)
    assert set(blue.control.macs("blue")) == set()


# ---- What GENEVE itself says (RFC 8926) ----------------------------------

GENEVE_PORT = 6081
ETHERNET = 0x6558
OAM, CRITICAL = 0x80, 0x40
tokens = itertools.count(1000000)


def option(kind, words=1):
    """Of a class for experiments; critical if the kind has 0x80."""
    return struct.pack("!HBB", 0xfff1, kind, words) + bytes(4 * words)


def geneve(frame, options=b"", flags=0, version=0, protocol=ETHERNET,
           length=None, vni=5001):
    length = len(options) // 4 if length is None else length
    return struct.pack("!BBHI", version << 6 | length, flags, protocol,
                       vni << 8) + options + frame


class Forger:
    """Sends to an edge what no OVS would, from the address of a VTEP."""

    def __init__(self, lab, wires):
        self.edge, _ = active_edge(lab)
        self.wire = wires["ph1"]
        far = lab.switch("far")
        configure(lab, ("vtep-add", "blue", far.tunnel_ip))
        self.socket = netns.open_socket(far.namespace, socket.AF_INET,
                                        socket.SOCK_DGRAM, 0)
        self.socket.bind((far.tunnel_ip, 0))

    def send(self, src=MAC, count=3, **header):
        """Numbered frames; the function tells how many have arrived."""
        token = next(tokens)
        for number in range(count):
            frame = packed(BROADCAST) + packed(src) \
                + HEAD.pack(ETHERTYPE, os.getpid(), token, number) + bytes(40)
            self.socket.sendto(geneve(frame, **header),
                               (self.edge.tunnel_ip, GENEVE_PORT))
        return lambda: len(self.wire.copies(token))

    def check(self, passes, **header):
        """Frames with this header arrive, or do not, but those that are sent
        after them do."""
        # As if nothing had been sent before.
        self.edge.appctl("revalidator/purge")
        arrived = self.send(**header)
        self.wait_sent(arrived if passes else None)
        assert arrived() == (3 if passes else 0)

    def wait_sent(self, arrived):
        self.edge.appctl("revalidator/purge")
        arrived = arrived or self.send()
        wait_until(lambda: arrived() == 3, what="later frames at ph1")

    def close(self):
        self.socket.close()


@pytest.fixture(name="forger")
def fixture_forger(blue, wires):
    forger = Forger(blue, wires)
    yield forger
    forger.close()


GENEVE = [
    # What, is it delivered, header.
    ("nothing special", True, {}),
    ("an option to be ignored", True, {"options": option(1)}),
    ("an option that must be known", False,
     {"options": option(0x81), "flags": CRITICAL}),
    ("the same behind another", False,
     {"options": option(1) + option(0x81, 3), "flags": CRITICAL}),
    ("the same, but the header does not say so", False,
     {"options": option(0x81)}),
    ("a header that says so of none", True, {"flags": CRITICAL}),
    ("a control packet", False, {"flags": OAM}),
    ("another version", False, {"version": 1}),
    ("no Ethernet frame", False, {"protocol": 0x0800}),
    ("options longer than the packet", False, {"length": 63}),
    ("an option longer than the options", False,
     {"options": struct.pack("!HBB", 0xfff1, 1, 5) + bytes(4)}),
]


@pytest.mark.parametrize("what,passes,header", GENEVE,
                         ids=[row[0] for row in GENEVE])
def test_geneve_header(forger, what, passes, header):
    forger.check(passes, **header)


def test_control_packets_are_counted(forger):
    forger.send(count=7, flags=OAM)
    wait_counted(forger.edge, "table=0,tun_flags=+oam", 7)


def test_critical_option_is_refused_before_the_flows(forger):
    """By Open vSwitch, which says so in its log.  Version 3.1 takes others of
    the same VTEP, segment and EtherType for the same, as long as they come."""
    forger.edge.appctl("revalidator/purge")
    arrived = forger.send(count=1, options=option(0x81), flags=CRITICAL)
    wait_until(lambda: "Invalid Geneve tunnel metadata"
               in forger.edge.log("ovs-vswitchd.log"), what="a warning")
    assert not arrived()
    forger.wait_sent(None)
