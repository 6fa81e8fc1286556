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


def mac_flows(vni, slot, numbers):
    """The flows of MACs in a VLAN."""
    for n in numbers:
        mac = f"06:00:00:00:{n >> 8:02x}:{n & 255:02x}"
        common = (f"cookie={0x4b4806 << 40 | vni:#x},priority=100,"
                  f"metadata={vni:#x}")
        yield (f"{common},table=2,send_flow_rem,reg0={slot:#x},dl_src={mac},"
               "actions=set_field:0x1/0x1->reg3")
        yield (f"{common},table=6,dl_dst={mac},"
               f"actions=set_field:{slot:#x}->reg1,resubmit(,8),"
               "resubmit(,10)")


@pytest.mark.parametrize("limit", [2048, 100000])
def test_switch_with_many_flows(blue, limit):
    """It is asked for them in parts: nothing is forgotten, and what nobody
    would have asked for is found."""
    configure(blue, ("set", "segment", "blue", f"mac_limit={limit}"),
              ("segment-add", "red", 5002), ("segment-add", "green", 5003),
              ("bind", "red", "edges", "trunk0", 200),
              ("bind", "green", "edges", "trunk0", 300))
    edge, _ = active_edge(blue)
    trunk = next(port["ofport"]
                 for port in blue.control.edge(edge.name)["ports"]
                 if port["name"] == "trunk0") << 16
    many = 2000 if limit == 2048 else 5000
    flows = [*mac_flows(5001, trunk | 100, range(many)),
             *mac_flows(5002, trunk | 200, range(1500)),
             *mac_flows(5003, trunk | 300, range(1500)),
             *mac_flows(9999, trunk | 400, range(100))]
    for unknown in True, False:
        blue.control.stop_daemon(signal.SIGKILL)
        edge.run("ovs-ofctl", "-OOpenFlow15", "add-flows", "br0", "-",
                 stdin="\n".join(flows[:None if unknown else -200]))
        blue.control.start_daemon()
        wait_synced(blue)
        assert [len(blue.control.macs(segment)) for segment in
                ("blue", "red", "green")] == [many, 1500, 1500]
        assert not our_flows(edge, "metadata=9999")
        assert blue.control.edge(edge.name)["deleted"] == 200 * unknown
    for segment in "blue", "red", "green":
        configure(blue, ("set", "segment", segment, "mac_aging=1"))
    wait_until(lambda: not blue.control.macs(), 30, "all MACs forgotten")
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
