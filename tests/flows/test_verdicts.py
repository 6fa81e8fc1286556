# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where frames go: ofproto/trace through the golden flows.

In tests/unit/test_pipeline.c is which MAC is where."""

import os
import re

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = "ff:ff:ff:ff:ff:ff"


def mac(number):
    return f"aa:00:00:00:00:{number:02x}"


def local(port, vlan, source, destination):
    """A frame by p1 or p2, with 'vlan' unless None."""
    tag = "" if vlan is None else f"dl_vlan={vlan},"
    number = {"p1": 2, "p2": 3}[port]
    return f"in_port={number},{tag}{addresses(source, destination)}"


def tunnel(ip, source, destination, vni=5000):
    field = "tun_ipv6_src" if ":" in ip else "tun_src"
    return f"in_port=1,tun_id={vni},{field}={ip}," + \
        addresses(source, destination)


def addresses(source, destination):
    source = mac(source) if isinstance(source, int) else source
    destination = mac(destination) if isinstance(destination, int) \
        else destination
    return f"dl_src={source},dl_dst={destination}"


E1, E2, E3 = "10.0.0.1 5000", "10.0.0.2 5000", "fd00::3 5000"
V4, V6 = "192.0.2.1 5000", "2001:db8::1 5000"
BPDU, PVST = "01:80:c2:00:00:00", "01:00:0c:cc:cc:cd"
LOOP = "03:4b:48:00:00:05"
STRANGER = 0x99         # Of whom nobody knows where it is.

ROWS = [
    # What, golden file, frame, where it goes.

    # The active edge.
    ("known unicast to the overlay", "pair.e1",
     local("p1", 10, 1, 3), [E3]),
    ("unknown unicast to the overlay", "pair.e1",
     local("p1", 10, 1, STRANGER), [E3]),
    ("broadcast to the overlay", "pair.e1",
     local("p1", 10, 1, ALL), [E3]),
    ("from an unknown station, all the same", "pair.e1",
     local("p1", 10, STRANGER, 3), [E3]),
    ("known unicast from the overlay", "pair.e1",
     tunnel("fd00::3", 3, 1), ["p1/10"]),
    ("unknown unicast from the overlay", "pair.e1",
     tunnel("fd00::3", 3, STRANGER), ["p1/10"]),
    ("broadcast from the overlay", "pair.e1",
     tunnel("fd00::3", 3, ALL), ["p1/10"]),
    ("to a static MAC", "pair.e1", tunnel("fd00::3", 3, 5), ["p1/10"]),
    ("never back out of the same port and VLAN", "pair.e1",
     local("p1", 10, 1, 5), []),
    ("a VLAN that is not bound", "pair.e1", local("p1", 11, 1, ALL), []),
    ("untagged where only a VLAN is bound", "pair.e1",
     local("p1", None, 1, ALL), []),
    ("a port that is not bound", "pair.e1", local("p2", 10, 1, ALL), []),
    ("a VNI that is not bound", "pair.e1",
     tunnel("fd00::3", 3, 1, vni=5001), []),
    ("a VTEP that is not in the segment", "pair.e1",
     tunnel("10.0.0.9", 3, 1), []),
    ("the other edge of the cluster as VTEP", "pair.e1",
     tunnel("10.0.0.2", 3, 1), []),
    ("a control packet of the overlay", "pair.e1",
     tunnel("fd00::3", 3, 1) + ",tun_flags=oam", []),
    ("an address that no bridge forwards", "pair.e1",
     local("p1", 10, 1, "01:80:c2:00:00:0e"), []),
    ("the same from the overlay", "pair.e1",
     tunnel("fd00::3", 3, "01:80:c2:00:00:00"), []),
    ("the next address, which every bridge forwards", "pair.e1",
     local("p1", 10, 1, "01:80:c2:00:00:10"), [E3]),
    ("a BPDU of one VLAN", "pair.e1", local("p1", 10, 1, PVST), []),
    ("the same from the overlay", "pair.e1",
     tunnel("fd00::3", 3, PVST), []),
    ("the address before, which is that of other things", "pair.e1",
     local("p1", 10, 1, "01:00:0c:cc:cc:cc"), [E3]),
    ("a probe for loops", "pair.e1",
     local("p1", 10, 1, LOOP) + ",dl_type=0x88b6", []),
    ("a probe for loops from the overlay", "pair.e1",
     tunnel("fd00::3", 3, LOOP) + ",dl_type=0x88b6", []),
    ("a probe for loops at a host", "pair.e3",
     local("p1", None, 3, LOOP) + ",dl_type=0x88b6", []),
    ("a group address as source", "pair.e1",
     local("p1", 10, "03:00:00:00:00:01", 3), []),
    ("zero as source", "pair.e1",
     local("p1", 10, "00:00:00:00:00:00", 3), []),
    ("the edge's own address as source", "pair.e1",
     local("p1", 10, "02:ff:00:00:01:02", 3), []),
    ("that of its peer", "pair.e1",
     local("p1", 10, "02:ff:00:00:02:02", 3), []),
    ("its own, from the overlay", "pair.e1",
     tunnel("fd00::3", "02:ff:00:00:01:02", 1), []),
    ("its own, to it", "pair.e1",
     local("p1", 10, 1, "02:ff:00:00:01:02"), [E3]),

    # The standby: its gate is closed.
    ("standby, known", "pair.e2", local("p1", 10, 1, 3), []),
    ("standby, broadcast", "pair.e2", local("p1", 10, 1, ALL), []),
    ("standby, from the overlay", "pair.e2", tunnel("fd00::3", 3, 1), []),
    ("standby, broadcast from the overlay", "pair.e2",
     tunnel("fd00::3", 3, ALL), []),

    # A host.
    ("host, known unicast", "pair.e3", local("p1", None, 3, 1), [E1]),
    ("host, unknown: to the active edge alone", "pair.e3",
     local("p1", None, 3, STRANGER), [E1]),
    ("host, broadcast: to the active edge alone", "pair.e3",
     local("p1", None, 3, ALL), [E1]),
    ("host, from the overlay", "pair.e3", tunnel("10.0.0.1", 1, 3), ["p1"]),
    ("host, from the edge that was active a moment ago", "pair.e3",
     tunnel("10.0.0.2", 1, 3), ["p1"]),
    ("host, broadcast from the overlay", "pair.e3",
     tunnel("10.0.0.1", 1, ALL), ["p1"]),
    ("host, tunnel never to tunnel", "pair.e3",
     tunnel("10.0.0.1", STRANGER, 1), []),
    ("host, tagged", "pair.e3", local("p1", 10, 3, 1), []),
    ("host, tagged with priority alone", "pair.e3",
     local("p1", 0, 3, 1), [E1]),

    # Translation.
    ("VLAN 10 to VLAN 20, out of the port it came in by", "translation.e1",
     local("p1", 10, 1, 2), ["p1/20"]),
    ("VLAN 20 to VLAN 10", "translation.e1",
     local("p1", 20, 2, 1), ["p1/10"]),
    ("broadcast in VLAN 10", "translation.e1",
     local("p1", 10, 1, ALL), ["p1/20"]),
    ("broadcast in VLAN 20", "translation.e1",
     local("p1", 20, 2, ALL), ["p1/10"]),

    # Untagged.
    ("untagged to VLAN 20", "untagged.e1",
     local("p1", None, 1, 2), ["p2/20"]),
    ("VLAN 20 to untagged", "untagged.e1", local("p2", 20, 2, 1), ["p1"]),
    ("broadcast untagged", "untagged.e1",
     local("p1", None, 1, ALL), ["p2/20"]),
    ("broadcast in VLAN 20", "untagged.e1", local("p2", 20, 2, ALL), ["p1"]),
    ("tagged at an untagged binding", "untagged.e1",
     local("p1", 20, 1, 2), []),

    # All kinds at once: no tag is left from one copy to the next.
    ("broadcast in VLAN 10 to all kinds", "mixed.e1",
     local("p1", 10, 1, ALL), ["p1/20", "p2", V4]),
    ("broadcast untagged to all kinds", "mixed.e1",
     local("p2", None, STRANGER, ALL), ["p1/10", "p1/20", V4]),
    ("broadcast from the overlay to all kinds", "mixed.e1",
     tunnel("192.0.2.1", STRANGER, ALL), ["p1/10", "p1/20", "p2"]),

    # The same VLAN on two trunks.
    ("not to the same VLAN of another trunk", "reuse.e1",
     local("p1", 10, 1, ALL), []),
    ("nor back", "reuse.e1", local("p2", 10, 1, ALL), []),

    # Foreign VTEPs.
    ("to an IPv4 VTEP", "foreign.e1", local("p1", 10, 1, 4), [V4]),
    ("to an IPv6 VTEP", "foreign.e1", local("p1", 10, 1, 6), [V6]),
    ("broadcast to both", "foreign.e1", local("p1", 10, 1, ALL), [V4, V6]),
    ("from an IPv4 VTEP", "foreign.e1", tunnel("192.0.2.1", 4, 1), ["p1/10"]),
    ("from an IPv6 VTEP", "foreign.e1",
     tunnel("2001:db8::1", 6, 1), ["p1/10"]),
    ("from one VTEP never to the other", "foreign.e1",
     tunnel("192.0.2.1", 4, 6), []),
    ("broadcast from a VTEP", "foreign.e1",
     tunnel("2001:db8::1", 6, ALL), ["p1/10"]),

    # Static MACs: from their place, and from nowhere else.
    ("a static MAC from its VLAN", "static.e1",
     local("p1", 10, 5, ALL), ["p1/20", V4, V6]),
    ("from another VLAN of the same trunk", "static.e1",
     local("p1", 20, 5, ALL), []),
    ("from an IPv4 VTEP", "static.e1", tunnel("192.0.2.1", 5, ALL), []),
    ("from an IPv6 VTEP", "static.e1", tunnel("2001:db8::1", 5, ALL), []),
    ("a static MAC from its IPv4 VTEP", "static.e1",
     tunnel("192.0.2.1", 7, 1), ["p1/10"]),
    ("from the other VTEP", "static.e1", tunnel("2001:db8::1", 7, 1), []),
    ("from a VLAN", "static.e1", local("p1", 10, 7, ALL), []),
    ("a static MAC from its IPv6 VTEP", "static.e1",
     tunnel("2001:db8::1", 8, 1), ["p1/10"]),
    ("from the other VTEP", "static.e1", tunnel("192.0.2.1", 8, 1), []),
    ("a static MAC at the active edge", "pair.e1",
     local("p1", 10, 5, 3), [E3]),
    ("its copy at the host", "pair.e3", tunnel("10.0.0.1", 5, 3), ["p1"]),
    ("from a host port", "pair.e3", local("p1", None, 5, 1), []),

    # Two clusters of the same edges, each active for one: exactly one copy.
    ("broadcast at e1", "opposite.e1", local("p1", 10, 1, ALL), [E2, E3]),
    ("its copy at e2", "opposite.e2", tunnel("10.0.0.1", 1, ALL), ["p2/20"]),
    ("its copy at e3", "opposite.e3", tunnel("10.0.0.1", 1, ALL), ["p1"]),
    ("broadcast at e2", "opposite.e2", local("p2", 20, 2, ALL), [E1, E3]),
    ("its copy at e1", "opposite.e1", tunnel("10.0.0.2", 2, ALL), ["p1/10"]),
    ("broadcast at e3", "opposite.e3", local("p1", None, 3, ALL), [E1, E2]),
    ("its copy at e1", "opposite.e1", tunnel("fd00::3", 3, ALL), ["p1/10"]),
    ("its copy at e2", "opposite.e2", tunnel("fd00::3", 3, ALL), ["p2/20"]),
    ("the other cluster's trunk at e1", "opposite.e1",
     local("p2", 20, 2, ALL), []),
    ("the other cluster's trunk at e2", "opposite.e2",
     local("p1", 10, 1, ALL), []),
    ("known, from cluster to cluster", "opposite.e1",
     local("p1", 10, 1, 2), [E2]),
    ("its copy at e2", "opposite.e2", tunnel("10.0.0.1", 1, 2), ["p2/20"]),
    ("known, at e3", "opposite.e3", local("p1", None, 3, 2), [E2]),
    ("known, and at e1 behind a closed gate", "opposite.e1",
     tunnel("fd00::3", 3, 2), []),

    # A standby that has a host port in the segment.
    ("broadcast at e1's host port", "overlap.e1",
     local("p2", None, 2, ALL), [E2, E3]),
    ("its copy at e2", "overlap.e2", tunnel("10.0.0.1", 2, ALL), ["p1/10"]),
    ("its copy at e3", "overlap.e3", tunnel("10.0.0.1", 2, ALL), ["p1"]),
    ("known, from e1's host port to the trunk", "overlap.e1",
     local("p2", None, 2, 1), [E2]),
    ("e1's trunk stands by", "overlap.e1", local("p1", 10, 1, ALL), []),
    ("broadcast at e2's trunk", "overlap.e2",
     local("p1", 10, 1, ALL), [E1, E3]),
    ("its copy at e1", "overlap.e1", tunnel("10.0.0.2", 1, ALL), ["p2"]),
    ("known, from the trunk to e1's host port", "overlap.e2",
     local("p1", 10, 1, 2), [E1]),
    ("broadcast at e3: one for e1, one for e2", "overlap.e3",
     local("p1", None, 3, ALL), [E1, E2]),
    ("its copy at e1", "overlap.e1", tunnel("fd00::3", 3, ALL), ["p2"]),
    ("its copy at e2", "overlap.e2", tunnel("fd00::3", 3, ALL), ["p1/10"]),

    # Limits of what is flooded: all pass while they are not reached.
    ("broadcast, in and out by limits", "storm.e1",
     local("p1", 10, 1, ALL), [E3, "p1/20", "p2"]),
    ("unknown unicast, out by limits", "storm.e1",
     local("p1", 20, 2, STRANGER), [E3, "p1/10", "p2"]),
    ("broadcast from the overlay, out by limits", "storm.e1",
     tunnel("fd00::3", 3, ALL), ["p1/10", "p1/20", "p2"]),
    ("a frame with a tag of its own must not leave untagged", "storm.e1",
     tunnel("fd00::3", 3, ALL) + ",dl_vlan=7,dl_vlan_pcp=0",
     ["p1/7/10", "p1/7/20"]),
    ("known unicast", "storm.e1", tunnel("fd00::3", 3, 1), ["p1/10"]),
    ("a standby floods nothing", "storm.e2", tunnel("fd00::3", 3, ALL), []),

    # BPDUs: by bindings that forward them, VLANs 10, 20, 60 and untagged.
    *((f"{what}: {row[0]}", row[1], row[2](bpdu), row[3])
      for what, bpdu in (("BPDU", BPDU), ("PVST+", PVST))
      for row in [
          ("from a VLAN", "bpdu.e1",
           lambda dst: local("p1", 10, 1, dst), ["p1/20", "p2", E3]),
          ("from another VLAN", "bpdu.e1",
           lambda dst: local("p1", 20, 1, dst), ["p1/10", "p2", E3]),
          ("untagged", "bpdu.e1",
           lambda dst: local("p2", None, 1, dst), ["p1/10", "p1/20", E3]),
          ("with a priority alone", "bpdu.e1",
           lambda dst: local("p2", 0, 1, dst), ["p1/10", "p1/20", E3]),
          ("from a VLAN that does not forward them", "bpdu.e1",
           lambda dst: local("p1", 30, 1, dst), []),
          ("from an unknown VLAN", "bpdu.e1",
           lambda dst: local("p1", 11, 1, dst), []),
          ("untagged, where VLANs have a guard", "bpdu.e1",
           lambda dst: local("p1", None, 1, dst), []),
          ("from the edge of the other cluster", "bpdu.e1",
           lambda dst: tunnel("fd00::3", 3, dst), ["p1/10", "p1/20", "p2"]),
          ("from a foreign VTEP", "bpdu.e1",
           lambda dst: tunnel("192.0.2.1", 4, dst), []),
          ("in a segment that forwards none", "bpdu.e1",
           lambda dst: tunnel("fd00::3", 3, dst, vni=5001), []),
          ("where there is a guard", "bpdu.e1",
           lambda dst: local("p1", 40, 1, dst), []),
          ("standby", "bpdu.e2", lambda dst: local("p1", 10, 1, dst), []),
          ("standby, from the overlay", "bpdu.e2",
           lambda dst: tunnel("fd00::3", 3, dst), []),
          ("from another cluster: to the active edge alone", "bpdu.e3",
           lambda dst: local("p2", 60, 3, dst), [E1]),
          ("from the overlay, to no host port", "bpdu.e3",
           lambda dst: tunnel("10.0.0.1", 1, dst), ["p2/60"]),
          ("from a host port", "bpdu.e3",
           lambda dst: local("p1", None, 3, dst), []),
      ]),
    ("802.1X where BPDUs are forwarded", "bpdu.e1",
     local("p1", 10, 1, "01:80:c2:00:00:03"), []),
    ("broadcast beside BPDUs", "bpdu.e1", local("p1", 10, 1, ALL),
     ["p1/20", "p1/30", "p2", V4, E3]),
    # Where VTEPs are learned.
    ("from a VTEP that was learned", "learning.e1",
     tunnel("192.0.2.1", 4, 1), ["p1/10"]),
    ("broadcast reaches it", "learning.e1",
     local("p1", 10, 1, ALL), [E3, V4]),
    ("and what is for its station", "learning.e3",
     local("p1", None, 3, 4), [V4]),
    ("a VTEP that is not known, all the same", "learning.e1",
     tunnel("192.0.2.9", STRANGER, 1), ["p1/10"]),
    ("broadcast from one, of IPv6", "learning.e1",
     tunnel("2001:db8::9", STRANGER, ALL), ["p1/10"]),
    ("the same at the host", "learning.e3",
     tunnel("2001:db8::9", STRANGER, ALL), ["p1"]),
    ("never to another VTEP", "learning.e1",
     tunnel("192.0.2.9", STRANGER, 4), []),
    ("nor by the standby", "learning.e2",
     tunnel("192.0.2.9", STRANGER, ALL), []),
    ("as a static MAC", "learning.e1", tunnel("192.0.2.9", 5, ALL), []),
    ("as the edge itself", "learning.e1",
     tunnel("10.0.0.1", STRANGER, ALL), []),
    ("as its peer", "learning.e1", tunnel("10.0.0.2", STRANGER, ALL), []),
    ("as the host itself", "learning.e3",
     tunnel("fd00::3", STRANGER, ALL), []),
    ("in another segment", "learning.e1",
     tunnel("192.0.2.9", STRANGER, ALL, vni=5001), []),
    ("where no more are learned", "full.e1",
     tunnel("192.0.2.9", STRANGER, ALL), []),
    ("from the one that is", "full.e1", tunnel("192.0.2.1", 4, 1), ["p1/10"]),

    # Where what has an unknown address is dropped.
    ("unknown unicast", "storm.e1", local("p1", 30, 4, STRANGER), []),
    ("unknown unicast from elsewhere", "storm.e1",
     local("p2", 30, 5, STRANGER), []),
    ("broadcast", "storm.e1", local("p1", 30, 4, ALL), ["p2/30"]),
    ("multicast", "storm.e1",
     local("p2", 30, 5, "01:00:5e:00:00:05"), ["p1/30"]),
    ("known unicast where unknown is dropped", "storm.e1",
     local("p2", 30, 5, 4), ["p1/30"]),
]


def load(switch, name):
    switch.load(f"{HERE}/golden/{name}.flows")


@pytest.mark.parametrize("what,golden,frame,expected", ROWS,
                         ids=[f"{row[1]}: {row[0]}" for row in ROWS])
def test_verdict(switch, what, golden, frame, expected):
    if switch.loaded != golden:
        load(switch, golden)
        switch.loaded = golden
    assert switch.outputs(frame) == sorted(expected), what


@pytest.mark.parametrize("limit", [1, 2])
def test_inner_tag_cannot_choose_the_vlan(switch, limit):
    """A frame with two tags in VLAN 20 of p2 has one left at the untagged p1:
    sent so, it would be in whatever VLAN it names."""
    load(switch, "untagged.e1")
    switch.vsctl("set", "open_vswitch", ".", f"other_config:vlan-limit={limit}")
    try:
        frame = switch.frame(mac(2), mac(1), 20, 30)
        assert switch.outputs("in_port=3", frame.hex(), tags=["20"]) == []
        frame = switch.frame(mac(2), mac(1), 20)
        assert switch.outputs("in_port=3", frame.hex(), tags=["20"]) == ["p1"]
    finally:
        switch.vsctl("remove", "open_vswitch", ".", "other_config",
                     "vlan-limit")


LEARN_ROWS = [
    # What, golden file, frame, a frame of the same station elsewhere.
    ("from a trunk", "mixed.e1", local("p1", 10, STRANGER, ALL),
     local("p1", 20, STRANGER, ALL)),
    ("from an untagged port", "mixed.e1", local("p2", None, STRANGER, ALL),
     tunnel("192.0.2.1", STRANGER, ALL)),
    ("from an IPv4 VTEP", "foreign.e1", tunnel("192.0.2.1", STRANGER, ALL),
     tunnel("2001:db8::1", STRANGER, ALL)),
    ("from an IPv6 VTEP", "foreign.e1", tunnel("2001:db8::1", STRANGER, ALL),
     tunnel("192.0.2.1", STRANGER, ALL)),
    ("from a VTEP that is not known", "learning.e1",
     tunnel("192.0.2.9", STRANGER, ALL),
     tunnel("2001:db8::9", STRANGER, ALL)),
]


@pytest.mark.parametrize("what,golden,frame,elsewhere", LEARN_ROWS,
                         ids=[row[0] for row in LEARN_ROWS])
def test_learn_once_a_second(switch, what, golden, frame, elsewhere):
    """The first frame of a station goes on, tells the controller, and makes
    the entry by which the second one does not."""
    load(switch, golden)
    outputs = switch.outputs(frame)
    assert outputs
    assert "controller(reason=" in switch.trace(frame, "-generate"), what
    pending = [flow for flow in switch.flows(2)
               if "cookie=0x4b4807" in flow and mac(STRANGER) in flow]
    assert len(pending) == 1 and "hard_timeout=1" in pending[0]
    assert "controller(reason=" not in switch.trace(frame, "-generate")
    assert switch.outputs(frame) == outputs

    # It is about this station, at this place, for one second.
    other = frame.replace(mac(STRANGER), mac(STRANGER + 1))
    assert "controller(reason=" in switch.trace(other)
    assert "controller(reason=" in switch.trace(elsewhere)
    switch.appctl("time/warp", "2500")
    switch.wait_until(lambda: not [flow for flow in switch.flows(2)
                                   if "cookie=0x4b4807" in flow])


@pytest.mark.parametrize("golden,frame", [
    ("pair.e1", local("p1", 10, 1, ALL)),
    ("pair.e1", local("p1", 10, 5, ALL)),
    ("pair.e1", tunnel("fd00::3", STRANGER, ALL)),
    ("foreign.e1", tunnel("192.0.2.1", 4, ALL)),
    ("foreign.e1", tunnel("2001:db8::1", 6, ALL)),
], ids=["learned", "static", "from a node of ours", "IPv4 VTEP", "IPv6 VTEP"])
def test_known_stations_tell_nobody(switch, golden, frame):
    load(switch, golden)
    assert "controller(reason=" not in switch.trace(frame)


@pytest.mark.parametrize("frame", [
    local("p1", 20, 5, ALL), tunnel("192.0.2.1", 5, ALL),
    tunnel("2001:db8::1", 5, ALL), local("p1", 10, 7, ALL),
], ids=["VLAN", "IPv4 VTEP", "IPv6 VTEP", "of a VTEP"])
def test_spoofed_stations_tell_nobody(switch, frame):
    """Frames from a static MAC elsewhere leave no trace but in a counter."""
    load(switch, "static.e1")
    assert "controller(reason=" not in switch.trace(frame, "-generate")
    assert not [flow for flow in switch.flows(2) if "cookie=0x4b4807" in flow]


@pytest.mark.parametrize("golden,frame", [
    ("learning.e1", tunnel("192.0.2.9", 5, ALL)),
    ("learning.e1", tunnel("10.0.0.2", STRANGER, ALL)),
    ("full.e1", tunnel("192.0.2.9", STRANGER, ALL)),
], ids=["static MAC", "peer", "no more VTEPs"])
def test_refused_strangers_tell_nobody(switch, golden, frame):
    load(switch, golden)
    assert "controller(reason=" not in switch.trace(frame, "-generate")


@pytest.mark.parametrize("golden,frame", [
    ("translation.e1", local("p1", 20, 1, ALL)),
    ("foreign.e1", local("p1", 10, 4, ALL)),
    ("foreign.e1", tunnel("192.0.2.1", 6, ALL)),
    ("foreign.e1", tunnel("2001:db8::1", 1, ALL)),
], ids=["other VLAN", "VTEP to VLAN", "IPv6 to IPv4 VTEP", "VLAN to VTEP"])
def test_known_stations_elsewhere_are_told(switch, golden, frame):
    """A station that has moved is not known where it is now."""
    load(switch, golden)
    assert "controller(reason=" in switch.trace(frame)


@pytest.mark.parametrize("what,golden,frame,told", [
    ("a BPDU where there is a guard", "bpdu.e1", local("p1", 40, 1, BPDU),
     [19275]),
    ("of one VLAN", "bpdu.e1", local("p1", 40, 1, PVST), [19275]),
    ("untagged, at the port", "bpdu.e1", local("p1", None, 1, BPDU), [19275]),
    ("with a priority alone", "bpdu.e1", local("p1", 0, 1, PVST), [19275]),
    ("a standby's port", "bpdu.e2", local("p1", 40, 1, BPDU), [19275]),
    ("where the guard has closed the binding", "bpdu.e1",
     local("p1", 50, 1, BPDU), []),
    ("and of a port that has no other", "bpdu.e3",
     local("p2", None, 1, BPDU), []),
    ("where they are dropped", "bpdu.e1", local("p1", 30, 1, BPDU), []),
    ("where none is bound", "bpdu.e1", local("p1", 11, 1, PVST), []),
    ("another reserved address", "bpdu.e1",
     local("p1", 40, 1, "01:80:c2:00:00:02"), []),
    ("a probe for loops", "pair.e1",
     local("p1", 10, 1, LOOP) + ",dl_type=0x88b6", [19276]),
    ("in a VLAN that is not bound", "pair.e1",
     local("p1", 11, 1, LOOP) + ",dl_type=0x88b6", [19276]),
    ("from the overlay", "pair.e1",
     tunnel("fd00::3", 3, LOOP) + ",dl_type=0x88b6", [19276]),
    ("at a standby", "pair.e2",
     local("p1", 10, 1, LOOP) + ",dl_type=0x88b6", [19276]),
])
def test_what_is_told_first(switch, what, golden, frame, told):
    """BPDUs and probes that come in: by which meter, if by any."""
    load(switch, golden)
    text = switch.trace(frame)
    meters = set(re.findall(r"controller\([^)]*meter_id=(\d+)", text))
    assert meters == {str(meter) for meter in told}, what
    assert ("controller(reason=" in text) == bool(told), text


IN10, OUT10, OUT20 = "meter:1000020010", "meter:2000020010", "meter:2000020020"
IN30 = "meter:1000020030"

METERED = [
    # What, frame, the meters that are asked, but those of gates.
    ("broadcast from a VLAN with a limit",
     local("p1", 10, 1, ALL), [IN10, OUT20]),
    ("unknown unicast from one", local("p1", 10, 1, STRANGER),
     [IN10, OUT20]),
    ("known unicast from one", local("p1", 10, 1, 3), []),
    ("known unicast into one", tunnel("fd00::3", 3, 1), []),
    ("broadcast from the overlay", tunnel("fd00::3", 3, ALL),
     [OUT10, OUT20]),
    ("broadcast where unknown is dropped", local("p1", 30, 4, ALL), [IN30]),
    ("unknown unicast where it is dropped",
     local("p1", 30, 4, STRANGER), []),
]


@pytest.mark.parametrize("what,frame,expected", METERED,
                         ids=[row[0] for row in METERED])
def test_what_is_metered(switch, what, frame, expected):
    load(switch, "storm.e1")
    asked = re.findall(r"\bmeter:[12]\d{9}\b", switch.trace(frame))
    assert sorted(asked) == expected, what


@pytest.mark.parametrize("frame,held", [
    (local("p1", 10, STRANGER, ALL), True),
    (tunnel("192.0.2.1", STRANGER, ALL), False),
    (local("p1", 30, STRANGER, ALL), False),
])
def test_held(switch, frame, held):
    """Segments that have many new MACs have a meter of their own, and nothing
    stands in for a MAC that has yet to be learned."""
    load(switch, "storm.e1")
    text = switch.trace(frame)
    assert ("meter_id=19277" in text) == held
    assert ("meter_id=19272" in text) == ("learn(" in text)


def test_a_limit_drops_its_copy_alone(switch):
    """The datapath makes a copy for each meter on the way out: what a meter
    drops is dropped with all that comes after it."""
    load(switch, "storm.e1")
    text = switch.trace(tunnel("fd00::3", 3, ALL))
    actions = re.search(r"^Datapath actions: (.*)$", text, re.M)[1]
    copies = re.findall(r"clone\(((?:[^()]|\([^()]*\))*)\)", actions)
    assert [re.sub(r"\(.*?\)", "", copy) for copy in copies] \
        == ["meter,meter,push_vlan,p1"] * 2, actions
