# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How much the overlay carries is found out, and told."""

import subprocess

import plan
from netns import wait_until
from world import both_ways, wait_synced

OVERHEAD = 14 + 8 + 8 + 20      # Ethernet, GENEVE, UDP and IPv4.
NAMES = ["edge1", "edge2", "host1"]


def set_mtu(lab, switch, mtu):
    """The underlay's cable to a switch carries no more."""
    switch.ip(f"link set underlay mtu {mtu}")
    lab.fabric.ip(f"link set u-{switch.name} mtu {mtu}")


def narrow(lab, name):
    return lab.control.edge(name)["narrow"]


def probe(lab, *names):
    return {(row["from"], row["to"]): (row["mtu"], row["full"])
            for row in lab.control.json("edge/mtu-probe", *names)}


def test_probe(blue):
    """Exactly, between all that have a segment in common."""
    most = plan.UNDERLAY_MTU - OVERHEAD
    assert probe(blue) == {(a, b): (most, True) for a in NAMES for b in NAMES
                           if a != b}
    host = blue.switch("host1")
    set_mtu(blue, host, 1500)
    assert probe(blue) == {(a, b): (1450, False) if "host1" in (a, b)
                           else (most, True)
                           for a in NAMES for b in NAMES if a != b}
    text = blue.control.appctl("edge/mtu-probe", "edge1")
    assert "host1             1450  too little for frames of full size" in text

    host.ip("link set underlay down")
    assert probe(blue, "edge1", "host1") == {("edge1", "host1"): (None, False)}
    for names, why in [(("edge9",), "edge9"), (("edge1", "edge9"), "edge9"),
                       (("edge1", "edge1"), "from itself")]:
        status, text = blue.control.run(
            "ovs-appctl", "-t", "kakehashi", "edge/mtu-probe", *names,
            check=False)
        assert status and why in text


def restart(lab):
    lab.control.stop_daemon()
    lab.control.start_daemon()
    wait_synced(lab)


def come_back(switch):
    """A round comes a second after an edge has connected."""
    target = switch.vsctl("get-controller", "br0").strip()
    switch.vsctl("del-controller", "br0")
    switch.vsctl("set-controller", "br0", target)


def test_round_meanwhile(blue):
    """What a command alone has asked for is told, although a round comes when
    some searches are over and others are not."""
    host = blue.switch("host1")
    set_mtu(blue, blue.switch("edge2"), 200)
    host.ip("link set underlay down")
    blue.control.appctl("vlog/set", "unixctl:file:dbg")
    asked = blue.control.spawn("ovs-appctl", "-t", "kakehashi",
                               "edge/mtu-probe", stdout=subprocess.PIPE,
                               text=True)
    wait_until(lambda: "request edge/mtu-probe" in blue.control.log(
        "kakehashi.log"), what="the question to arrive")
    come_back(host)
    text, _ = asked.communicate(timeout=20)
    rows = [line.split() for line in text.splitlines()[1:]]
    assert {tuple(row[:2]) for row in rows} \
        == {(a, b) for a in NAMES for b in NAMES if a != b}
    assert ["edge1", "edge2", "150"] in [row[:3] for row in rows]

    # One of the two is enough for rounds: the next forgets the other, and it
    # is gone from the database, too.
    come_back(host)
    wait_until(lambda: [narrow(blue, name) for name in NAMES].count(None) == 2,
               what="a round that forgets")
    wait_until(lambda: all(
        ("narrow" in blue.control.ctl("get", "edge", name, "status"))
        == bool(narrow(blue, name)) for name in NAMES), what="the rows")


def test_warning(blue):
    """Nobody has to ask: it is found out when edges have connected, and then
    once a minute."""
    host = blue.switch("host1")
    set_mtu(blue, host, 1500)
    restart(blue)
    wait_until(lambda: narrow(blue, "edge1") == "host1: 1450 bytes"
               and narrow(blue, "edge2") == "host1: 1450 bytes", 20,
               "warnings")
    shown = blue.control.appctl("show")
    assert shown.count("warning: frames of full size do not get to "
                       "host1: 1450 bytes") == 2
    wait_until(lambda: "1450" in blue.control.ctl(
        "get", "edge", "edge1", "status:narrow"), what="the row")
    both_ways(blue.station("ph1"), blue.station("vm1"))

    set_mtu(blue, host, plan.UNDERLAY_MTU)
    assert probe(blue, "edge1", "host1")["edge1", "host1"][1]
    assert narrow(blue, "edge1") is None
    wait_until(lambda: "narrow" not in blue.control.ctl(
        "get", "edge", "edge1", "status"), what="the row")
