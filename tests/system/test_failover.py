# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""An edge fails and the other takes over; or nothing has to change.

Who is active, that both sides reach each other, that the edges have the flows
that they should have, and that nobody ever gets a broadcast twice: all that
is asserted.  How long it takes is not.
"""

import concurrent.futures
import contextlib
import os
import re
import signal
import time

import pytest

from faults import (PATIENCE, TRUNKS, check_bridge, cluster, cut_trunk,
                    cut_trunk_at_the_tor, kill, never_twice, part_the_edges,
                    no_peer_ports, port_is_live, prefer_first, revive,
                    status_of, takeovers, vanish, wait_active, wait_bfd,
                    wait_connected, wait_port)
from frames import BROADCAST, QUIET
from netns import wait_until
from world import (active_edge, both_ways, configure, controller_log, join,
                   our_flows, row_id, wait_error, wait_synced)

# ---- The active edge fails ----------------------------------------------

@pytest.mark.parametrize("fault", [kill, vanish, cut_trunk,
                                   cut_trunk_at_the_tor])
def test_the_other_takes_over(blue, wires, fault):
    active, standby = active_edge(blue)
    wait_bfd(blue)
    before = takeovers(blue)
    with never_twice(blue):
        fault(active)
        wait_active(blue, standby)
        if fault is vanish:
            # Nobody has waited for the connection to time out.
            assert cluster(blue)["reason"] == "active edge is silent"
            wait_connected(blue, active, False)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_the_other_takes_over_without_bfd(blue, wires):
    """An edge without peer port that vanishes is missed all the same."""
    active, standby = active_edge(blue)
    no_peer_ports(blue)
    with never_twice(blue):
        vanish(active)
        wait_active(blue, standby)
        # Nobody has waited for the connection to time out.
        assert cluster(blue)["reason"] == "active edge is silent"
        wait_connected(blue, active, False)
    check_bridge(blue, wires)


def test_disconnected_edge_vanishes(blue, wires):
    """First the controller loses sight of it, then its peer."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    with never_twice(blue):
        active.set_link("mgmt", False)
        wait_connected(blue, active, False)
        assert cluster(blue)["active"] == active.name
        vanish(active)
        wait_active(blue, standby)
    check_bridge(blue, wires)


def test_vanished_edge_comes_back(blue, wires):
    """It still has its gate open: that is closed before its links are up."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    vanish(active)
    wait_active(blue, standby)
    wait_connected(blue, active, False)
    with never_twice(blue):
        active.set_link("mgmt", True)
        wait_synced(blue)
        active.ip(*(f"link set {name} up" for name in ("underlay", *TRUNKS)))
        active.warm_up()
        wait_bfd(blue)
        wait_port(blue, active, "trunk0", True)
    check_bridge(blue, wires)
    assert cluster(blue)["active"] == standby.name


def test_vanished_edge_is_back_at_once(blue, wires):
    """With everything, its session too, and its gate open: what it sees at its
    trunk of frames that the active edge has sent does not count."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    vm = blue.station("vm1").mac
    vanish(active)
    wait_active(blue, standby)
    active.ip(*(f"link set {name} up" for name in ("mgmt", "underlay",
                                                   *TRUNKS)))

    def is_back():
        wires["vm1"].send(BROADCAST)
        return blue.control.in_sync(active.name) \
            and port_is_live(blue, active, "peer0")
    wait_until(is_back, PATIENCE, f"{active.name} back")
    check_bridge(blue, wires)
    assert not blue.control.macs()[vm]["moves"]
    assert cluster(blue)["active"] == standby.name


@pytest.mark.parametrize("segments", [2, 20])
def test_take_over_sends_no_mac(blue, wires, segments):
    """The standby has all of them, and its gate is one flow."""
    configure(blue, *(row for n in range(1, segments) for row in
                      [("segment-add", f"s{n}", 6000 + n),
                       ("bind", f"s{n}", "edges", "trunk0", 300 + n)]))
    both_ways(blue.station("ph1"), blue.station("vm1"))
    for n in range(50):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:00:01:{n:02x}")
        wires["vm2"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    wait_until(lambda: len(blue.control.macs()) >= 102, what="102 MACs")
    wait_synced(blue)
    active, standby = active_edge(blue)

    def youngest():
        text = standby.ofctl("dump-flows", "br0", "table=6")
        return min(map(float, re.findall(r"duration=([\d.]+)s", text)))
    wait_until(lambda: youngest() > 0.1, what="DEST flows of some age")
    flows, age = sorted(our_flows(standby, "table=6")), youngest()
    assert len(flows) > 102
    sent = blue.control.edge(standby.name)["flow_mods"]
    cut_trunk(active)
    wait_active(blue, standby)
    wait_synced(blue)
    assert sorted(our_flows(standby, "table=6")) == flows
    assert youngest() > age
    # Its gate, how it shows that, the one that would open by itself, and the
    # way to the other.
    assert blue.control.edge(standby.name)["flow_mods"] - sent <= 4
    check_bridge(blue, wires)


# ---- Nothing has to change ----------------------------------------------

@contextlib.contextmanager
def nothing_changes(lab):
    """Meanwhile the same edge is active, and a 10 ms ping loses nothing."""
    before = cluster(lab)
    history = takeovers(lab)
    ph1, vm1 = lab.station("ph1"), lab.station("vm1")
    both_ways(ph1, vm1)
    with never_twice(lab):
        yield
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        after = cluster(lab)
        for key in "active", "since", "reason":
            assert after[key] == before[key]
        assert takeovers(lab) == history


def lose_path(lab, *_):
    part_the_edges(lab)


def disable_bfd(_, edge):
    edge.vsctl("set", "interface", "peer0", "bfd:enable=false")


@pytest.mark.parametrize("fault", [lose_path, disable_bfd])
@pytest.mark.parametrize("at", ["active", "standby"])
def test_bfd_is_lost(blue, wires, fault, at):
    """Both edges are connected, so BFD has nothing to say."""
    active, standby = active_edge(blue)
    here, there = ((active, standby) if at == "active"
                   else (standby, active))
    wait_bfd(blue)
    with nothing_changes(blue):
        fault(blue, here)
        wait_port(blue, there, "peer0", False)
    check_bridge(blue, wires)


def test_bfd_comes_back(blue, wires):
    wait_bfd(blue)
    with nothing_changes(blue):
        for _ in range(2):
            part_the_edges(blue)
            wait_bfd(blue, False)
            part_the_edges(blue, False)
            wait_bfd(blue)
    check_bridge(blue, wires)


def test_edge_vanishes_after_bfd_was_lost(blue, wires):
    """Having answered once does not mean to be there for ever."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    part_the_edges(blue)
    wait_bfd(blue, False)
    with never_twice(blue):
        vanish(active)
        wait_active(blue, standby)
        assert cluster(blue)["reason"] == "active edge is silent"
        wait_connected(blue, active, False)
    check_bridge(blue, wires)


@pytest.mark.parametrize("which", ["active", "standby"])
def test_management_link_is_lost(blue, wires, which):
    """And comes back."""
    edge = active_edge(blue)[which == "standby"]
    wait_bfd(blue)
    with nothing_changes(blue):
        edge.set_link("mgmt", False)
        wait_connected(blue, edge, False)
    with nothing_changes(blue):
        edge.set_link("mgmt", True)
        wait_synced(blue)
    check_bridge(blue, wires)


def test_standby_is_killed(blue, wires):
    _, standby = active_edge(blue)
    wait_bfd(blue)
    with nothing_changes(blue):
        kill(standby)
        wait_connected(blue, standby, False)
    with nothing_changes(blue):
        revive(standby)
        wait_synced(blue)
        wait_bfd(blue)
    check_bridge(blue, wires)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM],
                         ids=["killed", "stopped"])
def test_controller_adopts_the_active_edge(blue, wires, number):
    """Also one that is not the preferred."""
    first, second = prefer_first(blue, 0)
    configure(blue, ("set", "cluster", "edges", "failover=nonpreemptive"))
    cut_trunk(first)
    wait_active(blue, second)
    cut_trunk(first, up=True)
    wait_port(blue, first, "trunk0", True)
    check_bridge(blue, wires)
    before, since = takeovers(blue), cluster(blue)["since"]
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    with never_twice(blue):
        blue.control.stop_daemon(number)
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
        blue.control.start_daemon()
        wait_active(blue, second)
        wait_synced(blue)
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
    check_bridge(blue, wires)
    assert cluster(blue)["reason"] == "adopted"
    # It has been active all the time.
    assert cluster(blue)["since"] == since
    assert takeovers(blue) == before + [second.name]
    for edge in first, second:
        assert blue.control.edge(edge.name)["flow_mods"] == 0


# ---- It comes back ------------------------------------------------------

def test_killed_edge_stays_standby(blue, wires):
    """By default, however short the hold-down and preferred the edge."""
    active, standby = prefer_first(blue, holddown=0)
    configure(blue, ("clear", "cluster", "edges", "failover"))
    before = takeovers(blue)
    with never_twice(blue):
        kill(active)
        wait_active(blue, standby)
        revive(active)
        wait_synced(blue)
        wait_bfd(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_preferred_edge_becomes_active_again(blue, wires):
    first, second = prefer_first(blue, holddown=500)
    before = takeovers(blue)
    with never_twice(blue):
        kill(first)
        wait_active(blue, second)
        revive(first)
        wait_active(blue, first)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [second.name, first.name]


def test_preferred_trunk_becomes_active_again(blue, wires):
    """Where both edges forward all the while, and many times.

    Switches have cached much, which they go through before they mean what
    they have confirmed.
    """
    first, second = prefer_first(blue, holddown=0)
    before = takeovers(blue)
    for n in range(1000):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:01:{n >> 8:02x}:"
                                         f"{n & 255:02x}")
    with never_twice(blue):
        for _ in range(20):
            cut_trunk(first)
            wait_active(blue, second)
            cut_trunk(first, up=True)
            wait_active(blue, first)
            wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + 20 * [second.name, first.name]


def test_twice_in_both_directions(blue, wires):
    before = takeovers(blue)
    expected = []
    with never_twice(blue):
        for _ in range(4):
            active, standby = active_edge(blue)
            wait_bfd(blue)
            kill(active)
            wait_active(blue, standby)
            check_bridge(blue, wires)
            expected.append(standby.name)
            revive(active)
            wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL],
                         ids=["stopped", "killed"])
def test_both_edges_restart(blue, wires, number):
    edges = active_edge(blue)
    with never_twice(blue):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda edge: edge.stop_vswitchd(number), edges))
            for edge in edges:
                wait_connected(blue, edge, False)
            list(pool.map(lambda edge: edge.start_vswitchd(), edges))
            list(pool.map(lambda edge: edge.warm_up(), edges))
        wait_synced(blue)
    check_bridge(blue, wires)
    wait_active(blue, active_edge(blue)[0])


def lose_underlay(edge, up=False):
    edge.set_link("underlay", up)


def lose_underlay_at_the_fabric(edge, up=False):
    edge.lab.fabric.ip(f"link set u-{edge.name} {'up' if up else 'down'}")


def lose_mgmt_and_underlay(edge):
    edge.ip("link set mgmt down", "link set underlay down")


@pytest.mark.parametrize("fault", [lose_underlay, lose_underlay_at_the_fabric])
def test_active_edge_loses_the_overlay(blue, wires, fault):
    """It is connected, but reaches nobody, where the other does.  When it is
    back, nothing changes."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    before = takeovers(blue)
    with never_twice(blue):
        fault(active)
        wait_active(blue, standby)
        assert cluster(blue)["reason"] == "active edge lost the overlay"
        assert status_of(blue, active) == "not ready: lost the overlay"
        check_bridge(blue, wires)
        fault(active, up=True)
        active.warm_up()
        wait_bfd(blue)
        wait_until(lambda: status_of(blue, active) == "standby",
                   what="a standby that is ready")
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_active_edge_loses_the_overlay_without_bfd(blue, wires):
    active, standby = active_edge(blue)
    no_peer_ports(blue)
    with never_twice(blue):
        lose_underlay(active)
        wait_active(blue, standby)
        assert cluster(blue)["reason"] == "active edge lost the overlay"
        lose_underlay(active, up=True)
        active.warm_up()
        wait_until(lambda: status_of(blue, active) == "standby",
                   what="a standby that is ready")
    check_bridge(blue, wires)


def test_standby_loses_the_overlay(blue, wires):
    _, standby = active_edge(blue)
    wait_bfd(blue)
    with nothing_changes(blue):
        lose_underlay(standby)
        wait_bfd(blue, False)
    with nothing_changes(blue):
        lose_underlay(standby, up=True)
        standby.warm_up()
        wait_bfd(blue)
    check_bridge(blue, wires)


@pytest.mark.parametrize("fault", [lose_mgmt_and_underlay, vanish])
def test_lost_edge_comes_back_all_at_once(blue, wires, fault):
    """With an open gate, and before it meets the controller: it is told by way
    of the other edge to keep quiet.

    What crosses until it is told is a matter of milliseconds, and may come
    twice; after that nothing does, although the controller is out of reach for
    as long as it likes."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    fault(active)
    wait_active(blue, standby)
    wait_connected(blue, active, False)
    wait_until(lambda: not active.flows("table=13"), what="no lease")
    check_bridge(blue, wires)
    active.ip(*(f"link set {name} up" for name in ("underlay", *TRUNKS)))
    wait_until(lambda: "load:0x1" in str(active.flows("table=18"))
               or "reg6" in str(active.flows("table=18")),
               what="word from the other edge")
    with never_twice(blue):
        ph1, vm1 = blue.station("ph1"), blue.station("vm1")
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        active.set_link("mgmt", True)
        wait_synced(blue)
        active.warm_up()
        wait_bfd(blue)
        wait_port(blue, active, "trunk0", True)
    wait_until(lambda: not active.flows("table=18"), 15, "no such word")
    check_bridge(blue, wires)
    assert cluster(blue)["active"] == standby.name


@pytest.mark.parametrize("with_bfd", [True, False], ids=["bfd", "no-bfd"])
def test_active_edge_reconnects(blue, wires, with_bfd):
    """A connection that is closed is no death: the edge answers others."""
    active, _ = active_edge(blue)
    if with_bfd:
        wait_bfd(blue)
    else:
        no_peer_ports(blue)
    with nothing_changes(blue):
        for number in range(3):
            # A change of its settings makes OVS connect anew.
            sessions = len(controller_log(blue, f"{active.name}: connected"))
            active.vsctl("set", "controller", "br0",
                         "connection_mode="
                         + ["out-of-band", "in-band"][number % 2])
            active.vsctl("set", "bridge", "br0", "protocols="
                         + ["OpenFlow13,OpenFlow15", "OpenFlow15"][number % 2])
            wait_until(lambda: len(controller_log(
                blue, f"{active.name}: connected")) > sessions,
                what="a new connection")
        wait_synced(blue)
    check_bridge(blue, wires)


# ---- On the operator's word ---------------------------------------------

def test_manual_failover(blue, wires):
    """There and back."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    wait_bfd(blue)
    with never_twice(blue):
        for _ in range(4):
            active, standby = active_edge(blue)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                ping = pool.submit(ph1.ping, vm1, 100, 0.01)
                blue.control.appctl("cluster/failover", "edges",
                                    *([standby.name] if _ % 2 else []))
                # The ToR takes a while to learn from the announcements.
                assert ping.result()[1] >= 50
            wait_active(blue, standby)
            assert cluster(blue)["reason"] == "operator"
    check_bridge(blue, wires)


def test_drain(blue, wires):
    """It moves all clusters, holds against preemption, and survives a restart
    of the controller; so does the operator's choice."""
    first, second = prefer_first(blue, holddown=0)
    with never_twice(blue):
        blue.control.appctl("edge/drain", first.name)
        wait_active(blue, second)
        assert status_of(blue, first) == "not ready: drained"
        wait_until(lambda: "true" in blue.control.ctl(
            "get", "edge", first.name, "drained"), what="a drained row")
        blue.control.stop_daemon(signal.SIGKILL)
        blue.control.start_daemon()
        wait_active(blue, second)
        wait_synced(blue)
        assert status_of(blue, first) == "not ready: drained"
        blue.control.appctl("edge/undrain", first.name)
        wait_active(blue, first)
        blue.control.appctl("cluster/failover", "edges", second.name)
        wait_active(blue, second)
        wait_until(lambda: "[]" not in blue.control.ctl(
            "get", "cluster", "edges", "wanted_edge"), what="a wanted edge")
        blue.control.stop_daemon(signal.SIGKILL)
        blue.control.start_daemon()
        wait_active(blue, second)
        wait_synced(blue)
        assert cluster(blue)["wanted"] == second.name
    check_bridge(blue, wires)
    # The database is as good as ovs-appctl.
    configure(blue, ("set", "edge", second.name, "drained=true"))
    wait_active(blue, first)
    configure(blue, ("clear", "edge", second.name, "drained"))
    assert cluster(blue)["wanted"] is None


def test_neighbours_are_told(blue, wires):
    """By RARP, of each MAC of the overlay: the latest first, three times."""
    macs = [f"02:00:00:00:01:{n:02x}" for n in range(20)]
    for mac in macs:
        wires["vm1"].send(BROADCAST, src=mac)
        wait_until(lambda: mac in blue.control.macs("blue"), what=mac)
    blue.control.appctl("cluster/failover", "edges")

    def told():
        wires["ph1"].collect()
        return [mac for mac in wires["ph1"].rarps if mac in macs]
    wait_until(lambda: len(told()) >= 3 * len(macs), what="announcements")
    time.sleep(QUIET)
    assert told() == 3 * macs[::-1]
    entry = history(blue)[-1]
    assert entry["decided"] <= entry["confirmed"]
    assert len(macs) <= entry["announced"] <= len(blue.control.macs("blue"))


def test_each_take_over_is_confirmed(blue):
    """By the edge that it is about, whichever is the first to answer."""
    slow, quick = sorted(active_edge(blue), key=lambda edge: edge.name)
    os.kill(slow.vswitchd_pid, signal.SIGSTOP)
    try:
        for rows in ([("cluster-add", "x", slow.name),
                      ("cluster-add", "y", quick.name)],
                     [("cluster-add", "z", quick.name)]):
            blue.control.ctl("--wait=ctl", *join(rows))
            name = rows[-1][1]
            wait_until(lambda: any(t["cluster"] == name and t["confirmed"]
                                   for t in history(blue)), what=name)
    finally:
        os.kill(slow.vswitchd_pid, signal.SIGCONT)
    wait_until(lambda: all(t["confirmed"] for t in history(blue)),
               what="confirmation of all")
    assert {t["cluster"] for t in history(blue)} >= {"x", "y", "z"}


def history(lab):
    return lab.control.json("cluster/history")


def test_orders_that_make_no_sense(blue):
    _, standby = active_edge(blue)
    for words, error in [
            (("cluster/failover", "nosuch"), 'no cluster "nosuch"'),
            (("cluster/failover", "edges", "host1"),
             'cluster edges has no edge "host1"'),
            (("cluster/failover", "edges", "edgw2"),
             '"edgw2" (did you mean "edge2"?)'),
            (("edge/drain", "nosuch"), 'no edge "nosuch"'),
            (("edge/drain", "Edge1"), '"Edge1" (did you mean "edge1"?)'),
            (("cluster/show", "edges", "more"), "one argument too many"),
            (("cluster/show", "nosuch"), 'no cluster "nosuch"'),
            (("mac/show", "--max=some"), "--max=some: not a number")]:
        status, text = blue.control.run("ovs-appctl", "-t", "kakehashi",
                                        *words, check=False)
        assert status and error in text
    cut_trunk(standby)
    wait_port(blue, standby, "trunk0", False)
    for words, error in [
            (("cluster/failover", "edges"), "has no standby that is ready"),
            (("cluster/failover", "edges", standby.name),
             f"edge {standby.name} is not ready: a port is missing or down")]:
        status, text = blue.control.run("ovs-appctl", "-t", "kakehashi",
                                        *words, check=False)
        assert status and error in text


# ---- What is said of it -------------------------------------------------

def test_readiness_in_the_database(blue):
    active, standby = active_edge(blue)
    wait_bfd(blue)
    assert status_of(blue, active) == "active"
    assert status_of(blue, standby) == "standby"
    cut_trunk(standby)
    wait_until(lambda: status_of(blue, standby)
               == "not ready: a port is missing or down", what="a status")
    cut_trunk(standby, up=True)
    wait_until(lambda: status_of(blue, standby) == "standby",
               what="a status")
    kill(standby)
    wait_until(lambda: status_of(blue, standby) == "not ready: disconnected",
               what="a status")


def test_missing_peer_port_is_shown(blue):
    active, _ = active_edge(blue)
    wait_bfd(blue)
    assert "peer up" in blue.control.appctl("cluster/show")
    active.vsctl("del-port", "br0", "peer0")
    wait_until(lambda: f"{active.name}: active, peer missing"
               in blue.control.appctl("cluster/show"), what="peer missing")
    configure(blue, ("clear", "edge", active.name, "peer_port"))
    assert f"{active.name}: active, peer not configured" \
        in blue.control.appctl("cluster/show")


def test_peer_port_that_leads_back(blue, wires):
    """What goes out by it comes back in: an error in the row, and the cluster
    does without."""
    active, standby = active_edge(blue)
    wait_bfd(blue)
    loop = "trunk1"             # Its other end is made to send back.
    configure(blue, ("set", "edge", active.name, f"peer_port={loop}"))
    blue.switch("tor").ofctl("add-flow", "br1",
                             f"priority=9,in_port={active.name}-1,"
                             "actions=in_port")
    assert f"leads back to edge {active.name} itself" \
        in wait_error(blue, "edge", active.name, timeout=20)
    assert f"{active.name}: active, peer looped" \
        in blue.control.appctl("cluster/show")
    with never_twice(blue):
        kill(active)
        wait_active(blue, standby)
    check_bridge(blue, wires)


def test_edges_that_cannot_be(blue):
    """One clear line each, and all else works on."""
    for words, error in [
            (("cluster-add", "c2", "edge1", "nosuch"), "nosuch"),
            (("cluster-add", "c2", "edge1", "edge1"), "given twice"),
            (("edge-add", "e9", "99", "10.1.0.99", "peer_port=genev0"),
             "cannot be both"),
            (("cluster-add", "c2", "edge1", "edge2", "isolation=perhaps"),
             'isolation "perhaps" is neither "forward" nor "fence"')]:
        status, text = blue.control.try_ctl(*words)
        assert status and error in text and len(text.splitlines()) == 1, text
    configure(blue, ("set", "edge", "edge2", "bfd_ports:edge2=peer0"))
    assert "names edge edge2 itself" in wait_error(blue, "edge", "edge2")
    uuid = row_id(blue, "edge", "name=edge1")
    configure(blue, ("create", "cluster", "name=c2",
                     f"edges=1={uuid},2={uuid}"),
              ("set", "cluster", "edges", "other_config:holddown=soon"))
    assert "twice" in wait_error(blue, "cluster", "c2")
    assert "is no number of milliseconds" in wait_error(blue, "cluster", "edges")
    both_ways(blue.station("ph1"), blue.station("vm1"))
    configure(blue, ("remove", "cluster", "edges", "other_config",
                     "holddown"))
    wait_error(blue, "cluster", "edges", False)
    configure(blue, ("clear", "edge", "edge2", "bfd_ports"))
    wait_error(blue, "edge", "edge2", False)
    wait_synced(blue)


# ---- Trunks -------------------------------------------------------------

def flap(edge, times=10):
    """Down and up again as soon as the switch has seen it."""
    for _ in range(times):
        for up in False, True:
            cut_trunk(edge, up)
            edge.vsctl("wait-until", "interface", "trunk0",
                       f"link_state={'up' if up else 'down'}")


def test_flapping_trunk(blue, wires):
    """One change, to the edge that does not flap."""
    active, standby = active_edge(blue)
    before = takeovers(blue)
    with never_twice(blue):
        flap(active)
        wait_active(blue, standby)
        wait_port(blue, active, "trunk0", True)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [standby.name]


def test_flapping_trunk_of_the_preferred_edge(blue, wires):
    """It is held down while it flaps, and is active in the end."""
    first, second = prefer_first(blue, holddown=2000)
    before = takeovers(blue)
    with never_twice(blue):
        flap(first)
        assert cluster(blue)["active"] == second.name
        wait_active(blue, first)
        wait_synced(blue)
    check_bridge(blue, wires)
    assert takeovers(blue) == before + [second.name, first.name]


def test_flapping_trunk_of_the_standby(blue, wires):
    _, standby = active_edge(blue)
    with nothing_changes(blue):
        flap(standby)
    check_bridge(blue, wires)


@pytest.fixture(name="shared")
def fixture_shared(lab):
    """Two clusters that share the load of two edges: vm1 - left - trunk0 -
    ph1, vm2 - right - trunk1 - ph3."""
    configure(lab, ("cluster-add", "left", "edge1", "edge2"),
              ("cluster-add", "right", "edge2", "edge1"),
              ("segment-add", "blue", 5001), ("segment-add", "red", 5002),
              ("bind", "blue", "left", "trunk0", 100),
              ("bind", "red", "right", "trunk1", 100),
              ("host-port-add", "blue", "host1", "vm1"),
              ("host-port-add", "red", "host1", "vm2"))
    wait_active(lab, lab.switch("edge1"), "left")
    wait_active(lab, lab.switch("edge2"), "right")
    return lab


@pytest.mark.parametrize("moves, stays, edge, trunk", [
    ("left", "right", "edge1", "trunk0"),
    ("right", "left", "edge2", "trunk1")])
def test_clusters_move_alone(shared, wires, moves, stays, edge, trunk):
    """With the trunk that they need, there and back."""
    other = shared.switch("edge2" if edge == "edge1" else "edge1")
    edge = shared.switch(edge)
    needless = TRUNKS[trunk == TRUNKS[0]]
    before, had = takeovers(shared, stays), takeovers(shared, moves)

    def check():
        check_bridge(shared, wires, others=())
        check_bridge(shared, wires, "ph3", "vm2", others=())
        assert takeovers(shared, stays) == before
        assert cluster(shared, stays)["active"] == other.name
    check()
    # What only the other cluster needs, where it is not active.
    edge.set_link(needless, False)
    wait_port(shared, edge, needless, False)
    check()
    for here, there in (edge, other), (other, edge):
        here.set_link(trunk, False)
        wait_active(shared, there, moves)
        check()
        here.set_link(trunk, True)
        wait_port(shared, here, trunk, True)
    check()
    assert takeovers(shared, moves) == had + [other.name, edge.name]


def test_since_when_without_a_database(blue):
    """Who was active before, and is again, is so since then."""
    active, standby = active_edge(blue)
    blue.control.stop_database()
    before = 1000 * time.time()
    for edge in standby, active:
        blue.control.appctl("cluster/failover", "edges", edge.name)
        wait_until(lambda: cluster(blue)["active"] == edge.name,
                   what=f"{edge.name} is active")
    assert cluster(blue)["since"] >= before
    blue.control.start_database()
    wait_synced(blue)
    assert cluster(blue)["since"] >= before
