# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Why a frame did not arrive is said, with what has counted it.

That what is said is what a switch does, is in tests/flows/test_explain.py."""

import os
import signal
import subprocess

import pytest

from crowd import led, other, spread
from frames import BROADCAST
from netns import wait_until
from world import active_edge, both_ways, configure, wait_location

PH1, VM1, STRANGER = ("02:00:00:00:00:11", "02:00:00:00:00:21",
                      "02:00:00:00:00:99")


def ends(control, *frame):
    """What becomes of a frame: (edge, verdict, frames counted)."""
    return [(end["edge"], end["verdict"],
             end["counter"] and end["counter"]["frames"])
            for end in control.json("explain", "frame", *frame)["ends"]]


def refused(control, *words):
    """What is said of a command that is none."""
    status, text = control.run("ovs-appctl", "-t", "kakehashi", *words,
                               check=False)
    assert status, text
    return text.splitlines()[0]


def test_frame(blue, wires):
    """On to where it leaves, or who has counted it."""
    control = blue.control
    edge, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    addresses = f"src={PH1}", f"dst={VM1}"
    assert ends(control, edge.name, "trunk0", "vlan=100", *addresses) \
        == [(edge.name, "on", None), ("host1", "sent", None)]
    text = control.appctl("explain/frame", edge.name, "trunk0", "vlan=100",
                          *addresses)
    assert "\nhost1: out of port vm1, untagged\n" in text
    assert "note:" not in text

    # Nothing is bound to VLAN 200, where ph2 is.
    nowhere = edge.name, "trunk0", "vlan=200", *addresses
    ((_, verdict, before),) = ends(control, *nowhere)
    assert verdict == "dropped"
    wires["ph2"].send(BROADCAST, count=10)
    wait_until(lambda: ends(control, *nowhere)[0][2] >= before + 10,
               what="the counter of what is not bound")
    assert "VLAN 200 of port trunk0 is bound to no segment" \
        in control.appctl("explain", "frame", *nowhere)

    # What a standby does with the same frame, and what it has counted.
    held = standby.name, "trunk0", "vlan=100", f"src={PH1}", f"dst={BROADCAST}"
    ((_, verdict, before),) = ends(control, *held)
    assert verdict == "dropped"
    wires["ph1"].send(BROADCAST, count=10)
    wait_until(lambda: ends(control, *held)[0][2] >= before + 10,
               what="the counter of the gate")

    for words, what in (
            (["explain"], "what is to be explained"),
            (["explain", "frame", "edge9", "trunk0"], 'no edge "edge9"'),
            (["explain/frame", edge.name, "p9"],
             f'edge {edge.name} has no port "p9"'),
            (["explain/frame", edge.name, "trunk0", "vlan=x", *addresses],
             '"vlan=x"'),
            (["explain", "frame", edge.name, "trunk0", f"dst={VM1}"],
             "src= is missing"),
            (["explain", "mac", "red", VM1], 'no segment "red"'),
            (["explain/mac", "blue", BROADCAST], "group address"),
            (["explain/mac", "blue"], "name a segment and a MAC")):
        assert what in refused(control, *words)


def test_switch_that_does_not_answer(blue):
    """Who asked is told when the edge goes, and which command tells."""
    control = blue.control
    _, standby = active_edge(blue)
    control.appctl("vlog/set", "unixctl:file:dbg")
    os.kill(standby.vswitchd_pid, signal.SIGSTOP)
    try:
        asked = control.spawn("ovs-appctl", "-t", "kakehashi", "explain/frame",
                              standby.name, "trunk0", "vlan=7", f"src={PH1}",
                              f"dst={VM1}", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        wait_until(lambda: "request explain/frame" in control.log(
            "kakehashi.log"), what="the question to arrive")
        text = control.appctl("explain/frame", standby.name, "trunk0",
                              "vlan=7", f"src={PH1}", f"dst={VM1}")
        assert "did not say how many\n    ovs-ofctl dump-flows br0" in text
        control.ctl("--cascade", "edge-del", standby.name)
        text, _ = asked.communicate(timeout=5)
        assert not asked.returncode and "did not say how many" in text
    finally:
        os.kill(standby.vswitchd_pid, signal.SIGCONT)


def test_mac(blue):
    """Where it is, how it got there, and whether its flows are installed."""
    control = blue.control
    edge, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_location(blue, PH1, "edges/trunk0/100")
    told = control.json("explain", "mac", "blue", PH1)
    assert told["location"] == "edges/trunk0/100"
    assert told["type"] == "dynamic" and told["moves"] == 0
    assert told["how"][0].startswith(f"edge {edge.name} saw it come in")
    flows = {(flow["edge"], flow["table"]): flow for flow in told["flows"]}
    assert set(flows) == {(edge.name, "SOURCE")} | {
        (name, "DEST") for name in (edge.name, standby.name, "host1")}
    assert all(flow["installed"] and flow["as_meant"]
               for flow in flows.values())
    assert flows["host1", "DEST"]["frames"] is not None

    # One is gone, and another is changed.
    key = f"table=6,metadata=5001,dl_dst={PH1}"
    blue.switch("host1").ofctl("del-flows", "br0", key)
    standby.ofctl("mod-flows", "br0", f"{key},actions=drop")
    text = control.appctl("explain/mac", "blue", PH1)
    assert "host1 DEST: MISSING" in text
    assert f"{standby.name} DEST: DIFFERENT" in text
    assert f"{edge.name} DEST: installed" in text

    configure(blue, ("segment-add", "red", 5002))
    assert "segment blue has it at edges/trunk0/100" \
        in control.appctl("explain", "mac", "red", PH1)
    assert "flooded" in control.appctl("explain", "mac", "blue", STRANGER)

    # The edge's own address, which its guards refuse as a source.
    own = edge.vsctl("get", "interface", "trunk0", "mac_in_use").strip('\n"')
    configure(blue, ("mac-add", "blue", own, "edges/trunk0/100"))
    assert f"a port of edge {edge.name}, which drops all frames from it" \
        in control.appctl("explain", "mac", "blue", own)


@pytest.mark.parametrize("lab", [{"extras": False, "controllers": 2}],
                         indirect=True, ids=["two"])
def test_ask_who_leads(blue):
    """Others have no MACs to tell of."""
    spread(blue)
    one = led(blue)
    two = other(blue, one)
    frame = "edge1", "trunk0", "vlan=7", f"src={PH1}", f"dst={VM1}"
    assert ends(one, *frame)[0][1] == "dropped"
    assert "is led by controller" in refused(two, "explain", "frame", *frame)
    assert "is led by controller" in refused(two, "explain", "mac", "blue",
                                             VM1)
