# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Switches that lie, each in its way, beside edges that work.

Two liars at a time: one has the datapath ID of an edge, the other one that
nobody knows.  The controller is the same process afterwards, the other edges'
frames have all arrived, and a real switch with that datapath ID works.
"""

import json
import os
import re
import subprocess
import sys

import pytest

import liar
from netns import wait_until
from world import (active_edge, both_ways, configure, controller_log,
                   no_frame_lost, wait_synced)

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "liar.py")
UNKNOWN = "00000000000bad00"
SECONDS = 4
MEMORY = 200 * 1024             # That the controller may grow by, in kB.
SANITIZED = "asan" in os.environ.get("KAKEHASHI_BUILD", "")


def memory(lab, which="VmRSS"):
    """What the controller takes, in kB."""
    with open(f"/proc/{lab.control.process.pid}/status",
              encoding="ascii") as status:
        return int(re.search(which + r":\s+(\d+)", status.read())[1])


def start_liar(lab, mode, dpid, version="1.5", seconds=SECONDS):
    return lab.switch("far").spawn(
        sys.executable, PROGRAM, f"--version={version}",
        f"--seconds={seconds}", "10.0.0.1:6653", dpid, mode,
        stdout=subprocess.PIPE, text=True)


def counts(process):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


@pytest.fixture(name="ping")
def fixture_ping(blue):
    """A frame each way every 10 ms, none of which may get lost, and that
    goes on when a test has ended sooner."""
    with no_frame_lost(blue.station("ph1"), blue.station("vm1")) as ping:
        yield ping.process


@pytest.fixture(name="far")
def fixture_far(blue):
    """A host that is an edge already, but has not connected."""
    far = blue.switch("far")
    configure(blue, ("edge-add", "far", far.dpid, far.tunnel_ip),
              ("host-port-add", "blue", "far", "vm9"))
    return far


def comes_true(lab, far):
    """The real switch connects, and works."""
    far.vsctl("set-controller", "br0", "tcp:10.0.0.1:6653", "--",
              "set", "controller", "br0", "max_backoff=1000")
    wait_synced(lab, "far", timeout=30)
    both_ways(lab.station("ph1"), lab.station("vm9"))


@pytest.mark.parametrize("mode", list(liar.modes()))
def test_liar(blue, far, ping, mode):
    pid = blue.control.process.pid
    before = memory(blue)
    liars = [start_liar(blue, mode, far.dpid),
             start_liar(blue, mode, UNKNOWN, "1.3")]
    for process in liars:
        assert counts(process)["sessions"]
    assert blue.control.alive() and blue.control.process.pid == pid
    if not SANITIZED:
        assert memory(blue, "VmHWM") - before < MEMORY
    blue.control.json("edge/show")
    blue.control.appctl("show")
    comes_true(blue, far)
    assert ping.poll() is None
    wait_synced(blue)
    assert blue.control.ctl("--bare", "get", "edge", "far",
                            "error").strip() == "[]"


@pytest.mark.parametrize("mode", ["honest", "fickle", "mac_storm"])
def test_liar_says_to_be_another(blue, ping, mode):
    """The datapath ID is that of an edge that is there, and answers."""
    active = active_edge(blue)[0]
    since = blue.control.edge(active.name)["connected_for"]
    assert counts(start_liar(blue, mode, active.dpid))["sessions"]
    shown = blue.control.edge(active.name)
    assert shown["address"].startswith(f"tcp:{active.spec.mgmt_ip}:")
    assert shown["connected_for"] >= since + SECONDS - 1
    assert controller_log(blue, f"and answers")
    assert active_edge(blue)[0] is active
    assert ping.poll() is None


def test_edge_that_is_silent_is_replaced(blue, far):
    """Who does not answer may be the same switch, which connects anew."""
    silent = start_liar(blue, "mute", far.dpid, seconds=30)
    wait_until(lambda: blue.control.edge("far")["connected"],
               what="the silent one")
    comes_true(blue, far)
    assert silent.poll() is None
    silent.kill()
    silent.communicate()
