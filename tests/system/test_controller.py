# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The controller dies, restarts, waits, and loses its database."""

import re
import signal
import subprocess

import pytest

from frames import BROADCAST
from netns import wait_until
from node import parse_ping
from proxy import Proxy
from world import (active_edge, both_ways, configure, our_flows, speak_only,
                   wait_location, wait_synced)

MAC = "02:00:00:00:00:77"


def known(lab):
    """What is known of MACs, without what only time changes."""
    return {mac: (e["segment"], e["location"], e["type"], sorted(e["edges"]))
            for mac, e in lab.control.macs().items()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM],
                         ids=["killed", "stopped"])
def test_restart_loses_no_frame_and_no_mac(blue, wires, number):
    """Under a 10 ms ping: nothing lost, nothing forgotten, nothing sent."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    for n in range(30):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:00:01:{n:02x}")
        wires["vm2"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    configure(blue, ("mac-add", "blue", MAC, "host1/vm2"))
    wait_until(lambda: len(blue.control.macs()) == 63, what="63 MACs")
    wait_synced(blue)
    macs = known(blue)
    flows = {s: sorted(our_flows(s)) for s in blue.controlled}

    ping = ph1.spawn("ping", "-n", "-q", "-i", "0.01", "-c", 400,
                     vm1.ip_address, stdout=subprocess.PIPE, text=True)
    blue.control.stop_daemon(number)
    both_ways(vm1, ph1)
    blue.control.start_daemon()
    wait_synced(blue)
    both_ways(vm1, ph1)
    text, _ = ping.communicate(timeout=30)

    assert parse_ping(text) == (400, 400)
    assert known(blue) == macs
    for switch in blue.controlled:
        edge = blue.control.edge(switch.name)
        assert edge["flow_mods"] == 0, edge
        assert (edge["added"], edge["deleted"]) == (0, 0), edge
        assert edge["adopted"] == 62, edge      # The static one is a row.
        assert sorted(our_flows(switch)) == flows[switch]


def test_others_come_back_before_the_active_edge(blue):
    """A new controller knows where the cluster was active, or waits.

    The active edge forwards all the while, but has not called yet.
    """
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    active, standby = active_edge(blue)
    active.vsctl("set-controller", "br0", "tcp:10.0.0.1:9")
    wait_until(lambda: not blue.control.edge(active.name)["connected"],
               what=f"{active.name} disconnected")
    ping = ph1.spawn("ping", "-n", "-q", "-i", "0.01", "-c", 200,
                     vm1.ip_address, stdout=subprocess.PIPE, text=True)
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.start_daemon()
    wait_synced(blue, "host1", standby.name)
    text, _ = ping.communicate(timeout=30)
    assert parse_ping(text) == (200, 200)
    active.vsctl("set-controller", "br0", "tcp:10.0.0.1:6653")
    wait_synced(blue)
    both_ways(ph1, vm1)
    assert active_edge(blue)[0] is active


def test_configuration_changes_while_dead(blue, wires):
    """What was changed meanwhile is done at the start, and no more."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires["vm2"].send(BROADCAST)
    wait_location(blue, wires["vm2"].mac, "host1/vm2")
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.ctl("bind", "blue", "edges", "trunk0", 200, "--",
                     "host-port-del", "blue", "host1", "vm2")
    blue.control.start_daemon()
    wait_synced(blue)
    wires.check("vm1", BROADCAST, {"ph1", "ph2"})
    assert wires["ph1"].mac in blue.control.macs()
    assert wires["vm2"].mac not in blue.control.macs()


def test_learning_resumes_after_a_restart(blue, wires):
    blue.control.stop_daemon(signal.SIGKILL)
    # Unseen by anybody, but forwarded; and seen when it speaks again.
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, src=MAC)
    blue.control.start_daemon()
    wait_synced(blue)

    def learned():
        wires["ph1"].send(BROADCAST, src=MAC)
        return MAC in blue.control.macs()
    wait_until(learned, what=f"{MAC} learned", interval=0.1)


def test_ageing_goes_on_after_a_restart(blue, wires):
    """Adopted MACs age as those learned by this controller do."""
    configure(blue, ("set", "segment", "blue", "mac_aging=2"))
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    wait_synced(blue)
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.start_daemon()
    wait_until(lambda: MAC not in blue.control.macs(), 15, "MAC forgotten")
    wait_synced(blue)


@pytest.mark.parametrize("version", ["OpenFlow14", "OpenFlow15"])
def test_mac_that_ages_while_the_controller_is_dead(blue, wires, version):
    """Its SOURCE flow is gone, or says so when it is asked."""
    speak_only(blue, version)
    configure(blue, ("set", "segment", "blue", "mac_aging=1"))
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    wait_synced(blue)
    active, _ = active_edge(blue)
    blue.control.stop_daemon(signal.SIGKILL)
    # SOURCE matches the source address; DEST flows do not time out.
    source = f"table=2,dl_src={MAC}"
    if version == "OpenFlow14":
        wait_until(lambda: not our_flows(active, source), 15,
                   "SOURCE flow timed out")
    else:
        wait_until(lambda: re.search(
            "idle_age=[1-9]", active.ofctl("dump-flows", "br0", source)),
                   15, "SOURCE flow idle")
    blue.control.start_daemon()
    wait_synced(blue)
    wait_until(lambda: MAC not in blue.control.macs(), 15, "MAC forgotten")
    for switch in blue.controlled:
        wait_until(lambda: not any(MAC in f for f in our_flows(switch)),
                   what=f"{MAC} gone from {switch.name}")
    wait_synced(blue)


def test_wait_for_edges_means_confirmed(blue):
    """When the tool returns, the flows are there: at once, every time."""
    for vlan in range(300, 320):
        configure(blue, ("bind", "blue", "edges", "trunk0", vlan))
        for name in "edge1", "edge2":
            flows = our_flows(blue.switch(name), "table=0")
            assert any(f"dl_vlan={vlan} " in f or f"dl_vlan={vlan}," in f
                       for f in flows), f"VLAN {vlan} on {name}"


def test_wait_for_edges_waits(blue):
    """While a switch does not answer, the tool does not return."""
    with Proxy(blue) as proxy:
        proxy.adopt(blue.switch("edge2"))
        wait_synced(blue)
        proxy.hold()
        bind = ("bind", "blue", "edges", "trunk0", 300)
        status, _ = blue.control.try_ctl("--wait=edges", *bind, timeout=1)
        assert status
        blue.control.ctl("--wait=ctl", "sync", timeout=5)
        proxy.release()
        blue.control.ctl("--wait=edges", "sync", timeout=10)
        assert any("dl_vlan=300" in flow
                   for flow in our_flows(blue.switch("edge2")))


def test_disconnected_edge_does_not_hold_up_the_tool(blue):
    """--wait=edges is for the connected ones."""
    blue.switch("edge2").vsctl("del-controller", "br0")
    wait_until(lambda: not blue.control.edge("edge2")["connected"],
               what="edge2 disconnected")
    configure(blue, ("bind", "blue", "edges", "trunk0", 300))


def test_database_gone(blue, wires):
    """Forwarding and learning go on; it comes back by itself."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    blue.control.stop_database(signal.SIGKILL)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    wires.check("vm2", MAC, {"ph1"})
    # A switch that comes meanwhile gets its flows as well.
    blue.switch("edge1").restart_vswitchd()
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))

    blue.control.start_database()
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    assert MAC in blue.control.macs()


def test_started_without_database(blue, wires):
    """A controller that finds no database leaves the switches alone."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_synced(blue)
    macs = known(blue)
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.stop_database()
    flows = {s: sorted(our_flows(s)) for s in blue.controlled}
    blue.control.start_daemon()
    both_ways(blue.station("ph1"), blue.station("vm1"), count=20)
    for switch in blue.controlled:
        assert sorted(our_flows(switch)) == flows[switch]
    blue.control.start_database()
    wait_synced(blue)
    assert known(blue) == macs
