# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""One controller, and a RAFT cluster of databases whose members fail."""

import re
import signal
import time

import pytest

from frames import BROADCAST
from netns import wait_until
from world import (both_ways, no_frame_lost, our_flows, wait_location,
                   wait_synced)

pytestmark = pytest.mark.parametrize("lab", [{"databases": 3}], indirect=True)

PATIENCE = 60       # A server that is silent, an election, a reconnection.
STATIC = [f"02:00:00:00:00:7{n}" for n in range(4)]


def configure(lab, *command):
    lab.control.ctl("--wait=edges", *command, timeout=PATIENCE)


def known(lab):
    """Where MACs are."""
    return {mac: (e["segment"], e["location"], e["type"])
            for mac, e in lab.control.macs().items()}


def check_known(lab, macs):
    """None of 'macs' is lost; there may be others."""
    assert macs.items() <= known(lab).items()


def learn_many(lab, wires, number=60):
    """Let the edges know MACs, on both sides; all that is known then."""
    both_ways(lab.station("ph1"), lab.station("vm1"))
    for n in range(number // 2):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:00:01:{n:02x}")
        wires["vm2"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    wait_until(lambda: len(lab.control.macs()) >= number + 2,
               what=f"{number} MACs")
    wait_synced(lab)
    return known(lab)


def cut_off(server):
    server.node.ip("link set mgmt down")


def mend(server):
    server.node.ip("link set mgmt up")


def others(lab, server):
    return [s for s in lab.databases if s is not server]


def leader_elsewhere(lab):
    """The leader, which is not on the controller's node."""
    here = lab.control.database
    if lab.database_leader() is here:
        here.kill(signal.SIGTERM)
        lab.settle_databases(*others(lab, here))
        here.start()
        lab.settle_databases()
    return lab.database_leader()


def test_one_database_after_the_other_fails(blue, wires):
    """Nothing is lost: no frame, no MAC, no configuration."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    configure(blue, "bind", "blue", "edges", "trunk0", 200)
    macs = learn_many(blue, wires)
    with no_frame_lost(ph1, vm1):
        leader = blue.database_leader()
        leader.kill()
        configure(blue, "bind", "blue", "edges", "trunk1", 100)
        leader.start()
        blue.settle_databases()

        leader = blue.database_leader()
        follower = others(blue, leader)[0]
        follower.kill()
        configure(blue, "mac-add", "blue", STATIC[0], "host1/vm2")
        follower.start()
        blue.settle_databases()

        leader = blue.database_leader()
        leader.stop()
        until = time.monotonic() + 10
        configure(blue, "mac-add", "blue", STATIC[1], "host1/vm2")
        blue.settle_databases(*others(blue, leader))
        wait_until(lambda: time.monotonic() > until, 20, "ten seconds")
        leader.cont()       # It takes itself for the leader yet.
        blue.settle_databases()

        configure(blue, "mac-add", "blue", STATIC[2], "host1/vm2")
    check_known(blue, macs)
    wait_synced(blue)
    for mac in STATIC[:3]:
        wires.check("ph1", mac, {"vm2"})
    wires.check("ph1", BROADCAST, {"ph2", "ph3", "vm1", "vm2"})
    wires.check("vm2", BROADCAST, {"ph1", "ph2", "ph3", "vm1"})


def test_leader_is_cut_off(blue, wires):
    """Its clients are not told."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    leader = leader_elsewhere(blue)
    macs = learn_many(blue, wires)
    with no_frame_lost(ph1, vm1):
        cut_off(leader)
        configure(blue, "mac-add", "blue", STATIC[0], "host1/vm2")
        mend(leader)
        blue.settle_databases()
        configure(blue, "mac-add", "blue", STATIC[1], "host1/vm2")
    check_known(blue, macs)
    for mac in STATIC[:2]:
        wires.check("ph1", mac, {"vm2"})


def kill_two(lab):
    """Kill two databases: (they, the one that is left)."""
    *dead, left = lab.databases
    for server in dead:
        server.kill()
    wait_until(lambda: left.role() == "candidate", PATIENCE,
               "a database without others")
    return dead, left


def test_no_majority(blue, wires):
    """Forwarding and learning go on, and configuration waits."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    macs = learn_many(blue, wires)
    with no_frame_lost(ph1, vm1):
        dead, left = kill_two(blue)
        status, text = blue.control.try_ctl(
            "mac-add", "blue", STATIC[0], "host1/vm2", timeout=2)
        assert status == 1
        assert re.search(f"{left.remote}: (cut off from the rest|not the "
                         "leader) of its cluster", text), text
        wires.check("ph1", BROADCAST, {"vm1", "vm2"}, src=STATIC[3])
        wait_location(blue, STATIC[3], "edges/trunk0/100")
        wires.check("vm2", STATIC[3], {"ph1"})
        for server in dead:
            server.start()
        blue.settle_databases()
        configure(blue, "mac-add", "blue", STATIC[1], "host1/vm2")
    wires.check("ph1", STATIC[1], {"vm2"})
    assert STATIC[0] not in blue.control.macs()
    check_known(blue, macs)
    assert known(blue)[STATIC[3]][1] == "edges/trunk0/100"


def test_edge_comes_back_without_a_majority(blue, wires):
    kill_two(blue)
    blue.switch("edge1").restart_vswitchd()
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})


def test_controller_starts_without_a_majority(blue, wires):
    """It leaves the switches alone until there is a leader."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    macs = learn_many(blue, wires)
    flows = {s: sorted(our_flows(s)) for s in blue.controlled}
    with no_frame_lost(ph1, vm1):
        dead, _ = kill_two(blue)
        blue.control.kill()
        blue.control.start()
        both_ways(vm1, ph1, count=20)
        for switch in blue.controlled:
            assert sorted(our_flows(switch)) == flows[switch]
        for server in dead:
            server.start()
        blue.settle_databases()
        wait_synced(blue, timeout=PATIENCE)
    check_known(blue, macs)
    for switch in blue.controlled:
        assert sorted(our_flows(switch)) == flows[switch]
