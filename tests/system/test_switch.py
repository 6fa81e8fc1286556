# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Switches restart, come late, speak older versions, have other masters."""

import re
import signal

import pytest

from frames import BROADCAST
from netns import wait_until
from proxy import Proxy
from world import (active_edge, both_ways, configure, controller_log, error_of,
                   our_flows, row_id, speak_only, wait_error, wait_location,
                   wait_synced)

MAC = "02:00:00:00:00:77"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL],
                         ids=["stopped", "killed"])
@pytest.mark.parametrize("name", ["edge1", "edge2", "host1"])
def test_vswitchd_restarts(blue, wires, name, number):
    """It comes back empty and gets everything, the learned MACs too."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires["vm2"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "host1/vm2")
    wait_synced(blue)
    macs = set(blue.control.macs())
    blue.switch(name).restart_vswitchd(number)
    wait_synced(blue)
    assert set(blue.control.macs()) == macs
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires.check("ph1", MAC, {"vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})


def test_foreign_flows_survive(blue, wires):
    """Flows with another cookie are somebody else's."""
    foreign = ("cookie=0xbeef,table=0,priority=7,tcp,tp_dst=7777"
               " actions=drop",
               "cookie=0x4b49000000000000,table=6,priority=9,udp"
               " actions=drop",
               "cookie=0x0,table=200,priority=1 actions=NORMAL")

    def survivors(switch):
        return sum(not flow.startswith("cookie=0x4b48")
                   for flow in switch.flows())
    for switch in blue.controlled:
        switch.run("ovs-ofctl", "-O", "OpenFlow15", "add-flows", "br0", "-",
                   stdin="\n".join(foreign) + "\n")
    both_ways(blue.station("ph1"), blue.station("vm1"))
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    configure(blue, ("unbind", "blue", "edges", "trunk0", 200))
    blue.control.appctl("mac/flush")
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.start_daemon()
    wait_synced(blue)
    configure(blue, ("--cascade", "segment-del", "blue"))
    for switch in blue.controlled:
        assert survivors(switch) == len(foreign), switch.flows()


def test_our_flows_are_mended(blue):
    """Flows that someone removed or added in our name: next reconcile."""
    edge = blue.switch("edge1")
    flows = sorted(our_flows(edge))
    edge.ofctl("del-flows", "br0", "table=7")
    edge.ofctl("add-flow", "br0", "cookie=0x4b48010000000000,table=7,"
               "priority=999,actions=drop")
    assert blue.control.appctl("flows/diff", "edge1").strip()
    with Proxy(blue) as proxy:
        proxy.adopt(edge)
        wait_synced(blue)
        assert sorted(our_flows(edge)) == flows
        shown = blue.control.edge("edge1")
        assert shown["deleted"] == 1 and 0 < shown["added"] < len(flows)


def meters(switch):
    return set(re.findall(r"meter=(\d+)", switch.ofctl("dump-meters", "br0")))


def ages(switch, table):
    """For how many seconds flows of a table have been there: of those that
    tell the controller, and of the others."""
    text = switch.ofctl("dump-flows", "br0",
                        f"cookie=0x4b48010000000000/-1,table={table}")
    found = re.findall(r"duration=([\d.]+)s.*actions=(.*)", text)
    return ([float(age) for age, acts in found if "meter_id" in acts],
            [float(age) for age, acts in found if "meter_id" not in acts])


def test_lost_meters(blue):
    """Who deletes meters deletes flows with them: that is noticed, without a
    reconnect.  Flows that stay, but ask meters, are given the new ones."""
    configure(blue, ("set", "Binding", row_id(blue, "Binding", "vlan=100"),
                     "options:bum_in_pps=1000"))
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    for switch in active_edge(blue):
        flows, whole = sorted(our_flows(switch)), meters(switch)
        assert len(whole) > 6

        def mended():
            return (meters(switch) == whole
                    and sorted(our_flows(switch)) == flows)
        switch.ofctl("del-meters", "br0")
        assert not mended()
        wait_until(mended, 10, f"the meters of {switch.name}")
        wait_synced(blue)
        assert controller_log(blue, f"{switch.name}: somebody has deleted")
        asking, others = ages(switch, 3)
        assert max(asking) < min(others)

        # It is not given them again so soon, but who looks is told.
        switch.ofctl("del-meters", "br0")
        diff = blue.control.appctl("flows/diff", switch.name).splitlines()
        assert {f"+ meter={number}" for number in whole} < set(diff)
        wait_until(mended, 15, f"the meters of {switch.name} again")
        wait_synced(blue)
        assert not blue.control.appctl("flows/diff", switch.name).strip()
        both_ways(blue.station("ph1"), blue.station("vm1"))

    # A single one that has another rate.
    switch.ofctl("mod-meter", "br0",
                 "meter=19273,pktps,bands=type=drop,rate=1")
    wait_until(lambda: "rate=1 " not in switch.ofctl("dump-meters", "br0"),
               10, "the rate of a meter")


def test_port_that_comes_later(blue, wires):
    """A binding waits, with an error, for its port."""
    configure(blue, ("segment-add", "red", 5002),
              ("host-port-add", "red", "host1", "late0"),
              ("bind", "red", "edge1", "late1", 100))
    port = row_id(blue, "host_port", "port=late0")
    binding = row_id(blue, "binding", "port=late1")
    assert "late0" in wait_error(blue, "host_port", port)
    assert "late1" in wait_error(blue, "binding", binding)
    both_ways(blue.station("ph1"), blue.station("vm1"))

    # vm2's cable gets the name that was waited for; so does ph3's trunk.
    for switch, old, new in (blue.switch("host1"), "vm2", "late0"), \
                            (blue.switch("edge1"), "trunk1", "late1"):
        switch.vsctl("--if-exists", "del-port", old)
        switch.ip(f"link set {old} down", f"link set {old} name {new}",
                  f"link set {new} up")
        switch.vsctl("add-port", "br0", new)
    wait_error(blue, "host_port", port, wanted=False)
    wait_error(blue, "binding", binding, wanted=False)
    wires.check("ph3", BROADCAST, {"vm2"})
    wires.check("vm2", BROADCAST, {"ph3"})
    wait_synced(blue)


def test_port_that_goes_and_comes(blue, wires):
    """With another OpenFlow port number, too."""
    host = blue.switch("host1")
    both_ways(blue.station("ph1"), blue.station("vm1"))
    port = row_id(blue, "host_port", "port=vm1")
    host.vsctl("del-port", "br0", "vm1")
    wait_error(blue, "host_port", port)
    wires.check("ph1", BROADCAST, {"vm2"})
    host.vsctl("add-port", "br0", "vm1", "--", "set", "interface", "vm1",
               "ofport_request=77")
    wait_error(blue, "host_port", port, wanted=False)
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))


def test_unknown_switch(blue):
    """One without a row is shown, and left as it is."""
    far = blue.switch("far")
    far.vsctl("set-controller", "br0", "tcp:10.0.0.1:6653")

    def listed():
        return [e for e in blue.control.json("edge/show")
                if e["datapath_id"] == far.dpid]
    wait_until(listed, what="the unknown switch listed")
    assert listed()[0]["name"] is None
    assert listed()[0]["state"] == "unknown"
    assert far.spec.mgmt_ip in listed()[0]["address"]
    show = blue.control.appctl("show")
    assert far.dpid in show and far.spec.mgmt_ip in show
    both_ways(blue.station("ph1"), blue.station("vm1"))
    assert not our_flows(far)

    configure(blue, ("edge-add", "far", far.dpid, far.tunnel_ip),
              ("host-port-add", "blue", "far", "vm9"))
    wait_synced(blue, "far")
    both_ways(blue.station("ph1"), blue.station("vm9"))

    configure(blue, ("host-port-del", "blue", "far", "vm9"),
              ("edge-del", "far"))
    wait_until(lambda: not our_flows(far), what="no flows left on far")


@pytest.mark.parametrize("version", ["OpenFlow13", "OpenFlow14",
                                     "OpenFlow15"])
def test_versions(blue, wires, version):
    """Bridges that speak one version only."""
    speak_only(blue, version)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    # By the latest the controller asks which MACs are idle.
    source, = our_flows(active_edge(blue)[0], f"table=2,dl_src={MAC}")
    assert ("idle_timeout" in source) == (version != "OpenFlow15")
    wires.check("vm1", MAC, {"ph1"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2"})
    for switch in blue.controlled:
        assert blue.control.json("flows/diff", switch.name) == []


def test_lost_control_connection_changes_nothing(blue, wires):
    """The active edge forwards on, and the standby stays closed.

    Who has merely lost its controller is not dead: two that forward would be
    worse than one that cannot learn.
    """
    active, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    # Not del-controller, with which a bridge forgets its flows.
    active.vsctl("set-controller", "br0", "tcp:10.0.0.1:9")
    wait_until(lambda: not blue.control.edge(active.name)["connected"],
               what=f"{active.name} disconnected")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    standby.restart_vswitchd()
    wait_synced(blue, standby.name)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    active.vsctl("set-controller", "br0", "tcp:10.0.0.1:6653")
    wait_synced(blue)
    assert active_edge(blue)[0] is active


def test_same_datapath_id_twice(blue):
    """A second switch with edge1's ID must not disturb edge1 for good."""
    far = blue.switch("far")
    far.vsctl("set", "bridge", "br0", "other-config:datapath-id="
              + blue.switch("edge1").dpid, "--",
              "set-controller", "br0", "tcp:10.0.0.1:6653")
    both_ways(blue.station("ph1"), blue.station("vm1"), count=20)
    far.vsctl("del-controller", "br0")
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    assert not error_of(blue, "segment", "blue")
