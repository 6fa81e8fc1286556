# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What edges and hosts do by themselves, when no controller is there.

In the golden flows of "alone", "fence" and "three", ports 4 and 5 (see4 and
see5) are those by which edges see each other."""

import os
import re

import pytest

from test_verdicts import ALL, E1, E2, E3, STRANGER, local, tunnel

HERE = os.path.dirname(os.path.abspath(__file__))
LEASE = ("cookie=0x4b48080000000000,table=13,priority=100,"
         "actions=set_field:8/8->reg3")
FROM_VLAN = local("p1", 10, STRANGER, ALL)
FROM_HOST = tunnel("fd00::3", STRANGER, ALL)
FROM_VM = local("p1", None, 3, STRANGER)
OPEN, CLOSED = True, False


@pytest.fixture(name="set_state")
def fixture_set_state(switch):
    """Makes the ports that are named dead, and all others live."""
    def set_state(golden, dead, leased):
        if switch.loaded != golden:
            switch.load(f"{HERE}/golden/{golden}.flows")
            switch.loaded = golden
        for port in "see4", "see5":
            switch.appctl("netdev-dummy/set-admin-state", port,
                          "down" if port in dead else "up")
        switch.ofctl("del-flows", "br0", "table=13")
        if leased:
            switch.ofctl("add-flow", "br0", LEASE)
        for port in "see4", "see5":
            down = port in dead
            switch.wait_until(lambda: down == ("LINK_DOWN" in re.search(
                rf"\({port}\).*?\n.*?\n.*?state: +(\S+)",
                switch.ofctl("show", "br0"))[1]))
    yield set_state
    set_state("pair.e1", "", False)


@pytest.mark.parametrize("what,golden,dead,leased,is_open", [
    ("a standby", "alone.e2", "", True, CLOSED),
    ("without a controller", "alone.e2", "", False, CLOSED),
    ("that sees nobody", "alone.e2", "see4", True, CLOSED),
    ("without a controller and nobody there", "alone.e2", "see4", False,
     OPEN),
    ("the active edge", "alone.e1", "", True, OPEN),
    ("the active edge, alone", "alone.e1", "see4", False, OPEN),
    ("a fenced standby", "fence.e2", "", False, CLOSED),
    ("a fenced standby, alone", "fence.e2", "see4", False, CLOSED),
    ("a fenced active edge", "fence.e1", "", True, OPEN),
    ("that sees nobody, fenced", "fence.e1", "see4", True, OPEN),
    ("without a controller, fenced", "fence.e1", "", False, OPEN),
    ("a fenced active edge, alone", "fence.e1", "see4", False, CLOSED),
    ("the first standby of three", "three.e1", "see4", False, OPEN),
    ("whom the third does not concern", "three.e1", "see5", False, CLOSED),
    ("the second standby of three", "three.e3", "see5", False, CLOSED),
    ("for which the first has to be dead, too", "three.e3", "see4 see5",
     False, OPEN),
    ("and there is a controller", "three.e3", "see4 see5", True, CLOSED),
])
def test_gate(switch, set_state, what, golden, dead, leased, is_open):
    """The gate is open if the frame gets to table PASS."""
    set_state(golden, dead, leased)
    for frame in FROM_VLAN, FROM_HOST:
        if frame is FROM_HOST and golden.startswith("three"):
            continue            # There are no hosts.
        text = switch.trace(frame)
        assert bool(re.search(r"^ 9\. ", text, re.M)) == is_open, what


@pytest.mark.parametrize("golden,dead,leased,expected", [
    ("alone.e2", "see4", False, [E3]),
    ("alone.e2", "see4", True, []),
    ("fence.e1", "", False, [E3]),
    ("fence.e1", "see4", False, []),
])
def test_frames(switch, set_state, golden, dead, leased, expected):
    """What passes goes where it should, and comes from there too."""
    set_state(golden, dead, leased)
    assert switch.outputs(FROM_VLAN) == expected
    assert switch.outputs(FROM_HOST) == ["p1/10"] * bool(expected)


@pytest.mark.parametrize("dead,expected", [
    ("", E1), ("see5", E1), ("see4", E2), ("see4 see5", E1)])
def test_host_follows(switch, set_state, dead, expected):
    """A host that sees edges, and no controller, sends to the first that is
    there, unknown destinations as well as known ones."""
    for leased in True, False:
        set_state("alone.e3", dead, leased)
        for frame in FROM_VM, local("p1", None, 3, 1), \
                local("p1", None, 3, ALL):
            assert switch.outputs(frame) == [E1 if leased else expected]


PROBE = "in_port=1,tun_id=0,dl_type=0x88b6,dl_dst=02:4b:48:00:00:0"


@pytest.mark.parametrize("ip", ["10.0.0.1", "fd00::3"])
def test_probe_is_sent_back(switch, set_state, ip):
    set_state("alone.e2", "", False)
    src = "tun_ipv6_src" if ":" in ip else "tun_src"
    assert ("set(eth(dst=02:4b:48:00:00:02))"
            in switch.trace(f"{PROBE}1,{src}={ip}"))
    assert switch.outputs(f"{PROBE}1,{src}={ip}") == [f"{ip} 0"]


def test_answer_goes_to_the_controller(switch, set_state):
    set_state("alone.e2", "", False)
    text = switch.ofctl("dump-flows", "br0", "table=0")
    (key,) = re.findall(r"dl_src=([0-9a-f:]+),dl_dst=02:4b:48:00:00:02", text)
    for probe in f"{PROBE}2,dl_src={key},tun_src=10.0.0.1", \
            "in_port=4,dl_type=0x88b6,dl_dst=02:4b:48:00:00:01":
        assert "controller(reason=" in switch.trace(probe)
    for other in "in_port=4,dl_type=0x88b5,dl_dst=02:4b:48:00:00:01", \
            f"{PROBE}3,tun_src=10.0.0.1", \
            f"{PROBE}2,dl_src=02:4b:48:00:00:02,tun_src=10.0.0.1", \
            "in_port=2,dl_type=0x88b6,dl_dst=02:4b:48:00:00:01":
        text = switch.trace(other)
        assert "Datapath actions: drop" in text, text


# What edges note of each other in table TAKEN.

CLUSTER = "00:03:00:01"         # Its ID, in addresses.
NOTICE = f"in_port=4,dl_dst=06:4b:{CLUSTER}"
DEPOSE = (f"in_port=1,tun_id=0,dl_type=0x88b6,dl_src=02:4b:{CLUSTER},"
          "dl_dst=02:4b:48:00:00:04,tun_src=")


def is_open(switch, frame=FROM_VLAN):
    return bool(re.search(r"^ 9\. ", switch.trace(frame), re.M))


@pytest.fixture(name="alone")
def fixture_alone(switch, set_state):
    """set_state() that starts with an empty table TAKEN."""
    switch.ofctl("del-flows", "br0", "table=18")
    yield set_state
    switch.ofctl("del-flows", "br0", "table=18")
    switch.loaded = None


def test_who_has_taken_over_goes_on(switch, alone):
    """Although the other is there again, for that may have no flows yet."""
    alone("alone.e2", "", False)
    assert not is_open(switch)
    alone("alone.e2", "see4", False)
    switch.trace(FROM_VLAN, "-generate")
    noted, = switch.flows(18)
    assert "cookie=0x4b4809" in noted and "hard_timeout=600" in noted
    alone("alone.e2", "", False)
    assert is_open(switch) and is_open(switch, FROM_HOST)
    alone("alone.e2", "", True)
    assert not is_open(switch)


def test_who_has_taken_over_gives_way(switch, alone):
    """If the other shows that it forwards."""
    alone("alone.e2", "see4", False)
    switch.trace(FROM_VLAN, "-generate")
    alone("alone.e2", "", False)
    switch.trace(NOTICE, "-generate")
    assert len(switch.flows(18)) == 2
    assert not is_open(switch) and not is_open(switch, FROM_HOST)
    # Who is there has the last word, even after that.
    alone("alone.e2", "see4", False)
    assert is_open(switch)


@pytest.mark.parametrize("golden,leased,frame,expected", [
    ("alone.e1", False, FROM_VLAN, [E3, "see4"]),
    ("alone.e1", True, FROM_VLAN, [E3]),
    ("alone.e1", False, FROM_HOST, ["p1/10"]),
    ("alone.e1", False, local("p1", 10, STRANGER, STRANGER + 1), [E3]),
    ("fence.e1", False, FROM_VLAN, [E3]),
    ("three.e2", False, FROM_VLAN, ["see4", "see5"]),
])
def test_active_edge_shows_up(switch, alone, golden, leased, frame,
                              expected):
    """With broadcasts from the VLAN, and only without a controller."""
    alone(golden, "", leased)
    assert switch.outputs(frame) == expected
    if "see4" in expected:
        text = switch.trace(frame)
        assert f"dst=06:4b:{CLUSTER}" in text
        assert "dst=ff:ff:ff:ff:ff:ff" in text


def test_deposed_edge_closes(switch, alone):
    """On the word of another edge, whether or not it has one of the
    controller's that may be of some time ago."""
    alone("alone.e1", "", False)
    switch.trace(DEPOSE + "10.0.0.9", "-generate")
    switch.trace(DEPOSE.replace(CLUSTER, "00:03:00:02") + "10.0.0.2",
                 "-generate")
    assert is_open(switch) and not switch.flows(18)
    switch.trace(DEPOSE + "10.0.0.2", "-generate")
    assert "hard_timeout=2" in switch.flows(18)[0]
    assert not is_open(switch) and not is_open(switch, FROM_HOST)
    alone("alone.e1", "", True)
    assert not is_open(switch)
    switch.ofctl("del-flows", "br0", "table=18")
    assert is_open(switch)


def test_deposed_standby_closes(switch, alone):
    alone("three.e3", "see4 see5", False)
    switch.trace(FROM_VLAN, "-generate")
    assert is_open(switch)
    switch.trace(DEPOSE + "10.0.0.1", "-generate")
    assert not is_open(switch)


@pytest.mark.parametrize("frame,dst", [
    (tunnel("10.0.0.2", STRANGER, 3), E2),
    (tunnel("10.0.0.1", STRANGER, 3), E1)])
def test_host_follows_frames(switch, alone, frame, dst):
    """Without a controller it sends to where frames of the cluster come from,
    until there is a controller again."""
    alone("pair.e3", "", True)
    switch.ofctl("del-flows", "br0", "cookie=0x4b48070000000000/-1")
    switch.trace(frame, "-generate")
    assert switch.outputs(FROM_VM) == [E1]
    alone("pair.e3", "", False)
    assert switch.outputs(FROM_VM) == [E1]
    switch.trace(frame, "-generate")
    assert switch.outputs(FROM_VM) == [dst]
    alone("pair.e3", "", True)
    assert switch.outputs(FROM_VM) == [E1]
