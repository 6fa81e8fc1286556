# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The controller is not there: what edges and hosts do by themselves, and what
becomes of that when it is back."""

import contextlib
import re
import signal
import struct

import pytest

from faults import (check_bridge, cluster, kill, never_twice, part_the_edges,
                    revive, takeovers, vanish, wait_active, wait_bfd,
                    wait_connected)
from frames import BROADCAST, Stream, packed
from netns import wait_until
from world import (active_edge, both_ways, configure, controller_log,
                   our_flows, wait_synced)

LEASE = "table=13"
HOST_KEY = 0xfffff0             # VNI of BFD between the host and an edge.


def silence(lab, number):
    """The controller is killed or stopped, and everyone notices."""
    if number == signal.SIGSTOP:
        lab.control.process.send_signal(number)
    else:
        lab.control.stop_daemon(number)
    for switch in lab.controlled:
        wait_until(lambda: not switch.flows(LEASE),
                   what=f"{switch.name} without lease")


def awake(lab, number):
    if number == signal.SIGSTOP:
        lab.control.process.send_signal(signal.SIGCONT)
    else:
        lab.control.start_daemon()


def speak_up(wires, *names):
    """Stations say something to all, as stations do now and then.  (No
    controller is there to do it for them.)"""
    for name in names:
        wires[name].send(BROADCAST)


def wait_bridge(lab, wires):
    """Until both sides reach each other; they speak up meanwhile."""
    ph1, vm1 = lab.station("ph1"), lab.station("vm1")

    def there():
        speak_up(wires, "ph1", "vm1")
        return ph1.reaches(vm1)
    wait_until(there, what="ph1 reaches vm1")
    both_ways(ph1, vm1)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})


def is_bridged(lab, wires):
    """Whether a broadcast gets across, either way."""
    copies = [wires.burst(sender, BROADCAST, {receiver}, timeout=0.3)
              for sender, receiver in (("ph1", "vm1"), ("vm1", "ph1"))]
    return "vm1" in copies[0] or "ph1" in copies[1]


def let_host_see(lab):
    """Give host1 a port with BFD to each edge, and them one to it."""
    host = lab.switch("host1")
    for edge in active_edge(lab):
        for here, there in (host, edge), (edge, host):
            key = HOST_KEY + edge.spec.number
            here.vsctl("add-port", "br0", f"see-{there.name}", "--", "set",
                       "interface", f"see-{there.name}", "type=geneve",
                       f"options:remote_ip={there.tunnel_ip}",
                       f"options:key={key}",
                       f"options:local_ip={here.tunnel_ip}",
                       "bfd:enable=true", "bfd:min_rx=100", "bfd:min_tx=100")
    configure(lab, ("set", "edge", "host1",
                    "bfd_ports:edge1=see-edge1", "bfd_ports:edge2=see-edge2"))
    for edge in active_edge(lab):
        wait_until(lambda: "up" in host.vsctl(
            "get", "interface", f"see-{edge.name}", "bfd_status:state"),
            what=f"BFD between host1 and {edge.name}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP],
                         ids=["killed", "stopped"])
@pytest.mark.parametrize("fault", [kill, vanish])
def test_standby_takes_over_by_itself(blue, wires, fault, number):
    """And is adopted afterwards: nobody loses a frame when the controller is
    back, which then tells the neighbours."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    active, standby = active_edge(blue)
    both_ways(ph1, vm1)
    wait_bfd(blue)
    silence(blue, number)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    fault(active)
    wait_bridge(blue, wires)
    awake(blue, number)
    with never_twice(blue):
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        wait_active(blue, standby)
        wait_connected(blue, active, False)
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
    assert cluster(blue)["reason"] == "took over by itself"
    check_bridge(blue, wires)
    wait_until(lambda: blue.control.json("cluster/history")[-1]["announced"],
               what="announcements")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP],
                         ids=["killed", "stopped"])
def test_nothing_happens(blue, wires, number):
    """For as long as the controller likes: no frame is lost, the same edge is
    active, and one that was started again changes no flow."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    wait_bfd(blue)
    wait_synced(blue)
    before = cluster(blue)
    with never_twice(blue):
        silence(blue, number)
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        awake(blue, number)
        assert ph1.ping(vm1, 100, 0.01) == (100, 100)
        wait_synced(blue)
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
    assert cluster(blue)["active"] == before["active"]
    for switch in blue.controlled:
        if number == signal.SIGKILL:
            assert blue.control.edge(switch.name)["flow_mods"] == 0
    check_bridge(blue, wires)


def test_host_that_sees_edges_follows_at_once(blue, wires):
    """Without a word from the VLAN."""
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    let_host_see(blue)
    active, _ = active_edge(blue)
    both_ways(ph1, vm1)
    wait_bfd(blue)
    silence(blue, signal.SIGKILL)
    kill(active)

    def there():
        speak_up(wires, "vm1")
        return vm1.reaches(ph1)
    wait_until(there, what="vm1 reaches ph1")
    both_ways(vm1, ph1)


def test_killed_edge_comes_back_to_an_empty_chair(blue, wires):
    """It has no flows before the controller is back, and then stands by."""
    active, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_bfd(blue)
    silence(blue, signal.SIGKILL)
    kill(active)
    wait_bridge(blue, wires)
    revive(active)
    wait_bridge(blue, wires)
    with never_twice(blue):
        awake(blue, signal.SIGKILL)
        wait_active(blue, standby)
        wait_synced(blue)
    check_bridge(blue, wires)


@pytest.mark.parametrize("who", ["standby", "active", "both"])
def test_lease_alone_changes_nothing(blue, wires, who):
    """An edge that has lost the controller, but sees the other."""
    edges = dict(zip(("active", "standby"), active_edge(blue)))
    chosen = [edges[who]] if who in edges else list(edges.values())
    wait_bfd(blue)
    with never_twice(blue):
        for edge in chosen:
            edge.set_link("mgmt", False)
        for edge in chosen:
            wait_until(lambda: not edge.flows(LEASE),
                       what=f"{edge.name} without lease")
        ph1, vm1 = blue.station("ph1"), blue.station("vm1")
        assert ph1.ping(vm1, 50, 0.01) == (50, 50)
        for edge in chosen:
            edge.set_link("mgmt", True)
        wait_synced(blue)
    assert active_edge(blue)[0] is edges["active"]
    check_bridge(blue, wires)


def test_edges_part_and_meet_again_without_controller(blue, wires):
    """With isolation=forward, the default, both forward while they are apart;
    when they meet again, the standby steps back by itself."""
    active, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_bfd(blue)
    silence(blue, signal.SIGKILL)
    part_the_edges(blue)
    wait_until(lambda: "Up" not in bfd_state(standby), what="BFD down")
    part_the_edges(blue, False)
    for edge in active, standby:
        wait_until(lambda: bfd_state(edge) == "up", what="BFD up")
    wait_until(lambda: one_copy(wires), what="one copy of each frame")
    with never_twice(blue):
        awake(blue, signal.SIGKILL)
        wait_active(blue, active)
        wait_synced(blue)
    assert cluster(blue)["reason"] == "adopted"
    check_bridge(blue, wires)


def test_controller_comes_back_to_two_active_edges(blue, wires):
    """It leaves one of them, and the other closes."""
    active, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_bfd(blue)
    silence(blue, signal.SIGKILL)
    part_the_edges(blue)
    wait_until(lambda: bfd_state(standby) != "up", what="BFD down")
    awake(blue, signal.SIGKILL)
    wait_synced(blue)
    wait_until(lambda: one_copy(wires), what="one copy of each frame")
    with never_twice(blue):
        check_bridge(blue, wires)
    assert len(takeovers(blue)) == 2, controller_log(blue, "is active")


def bfd_state(edge):
    return edge.vsctl("get", "interface", "peer0",
                      "bfd_status:state").strip().strip('"')


def one_copy(wires):
    """Whether broadcasts arrive, and just once, either way."""
    return all(wires.burst(sender, BROADCAST, expected, timeout=1)
               == {name: "all" for name in expected}
               for sender, expected in (("ph1", {"vm1", "vm2"}),
                                        ("vm1", {"ph1", "vm2"})))


# ---- isolation=fence ----------------------------------------------------

@pytest.fixture(name="fenced")
def fixture_fenced(blue):
    configure(blue, ("set", "cluster", "edges", "isolation=fence"))
    wait_bfd(blue)
    return blue


def test_fenced_edge_closes_when_cut_off(fenced, wires):
    """From the controller and from the other edge; one of them is enough to
    keep it open, and to open it again."""
    active, standby = active_edge(fenced)
    silence(fenced, signal.SIGKILL)
    assert one_copy(wires)
    part_the_edges(fenced)
    wait_until(lambda: bfd_state(active) != "up", what="BFD down")
    wait_until(lambda: not is_bridged(fenced, wires), what="a closed gate")
    part_the_edges(fenced, False)
    wait_until(lambda: one_copy(wires), what="an open gate")
    part_the_edges(fenced)
    wait_until(lambda: not is_bridged(fenced, wires), what="a closed gate")
    awake(fenced, signal.SIGKILL)
    wait_active(fenced, active)
    wait_until(lambda: one_copy(wires), what="an open gate")
    assert takeovers(fenced)[-1] == active.name
    assert standby.name not in takeovers(fenced)[-1:]


def test_new_lease_reaches_what_is_cached(fenced, wires):
    """A stream that was dropped for want of a lease, and never pauses, goes
    on when there is one.

    The active edge is met last: flows that change when the other one is met
    would make OVS look at its cache anyhow.
    """
    active, standby = active_edge(fenced)
    silence(fenced, signal.SIGKILL)
    part_the_edges(fenced)
    wait_until(lambda: not is_bridged(fenced, wires), what="a closed gate")
    with contextlib.closing(Stream(fenced, "ph1")) as stream:
        active.set_link("mgmt", False)
        awake(fenced, signal.SIGKILL)
        wait_synced(fenced, standby.name)
        active.set_link("mgmt", True)
        wait_active(fenced, active)
        stream.wait_for("vm1")


def test_fenced_standby_does_not_take_over_alone(fenced, wires):
    """But the controller makes it do so when it is back."""
    active, standby = active_edge(fenced)
    silence(fenced, signal.SIGKILL)
    kill(active)
    wait_until(lambda: bfd_state(standby) != "up", what="BFD down")
    wait_until(lambda: not is_bridged(fenced, wires), what="a closed gate")
    assert not is_bridged(fenced, wires)
    awake(fenced, signal.SIGKILL)
    wait_active(fenced, standby)
    check_bridge(fenced, wires)


def test_isolation_changes_flows_of_gates_alone(blue):
    """And how active edges show up.  There and back, and without a change of
    who is active."""
    def flows():
        return {s.name: sorted(our_flows(s)) for s in blue.controlled}
    before, history = flows(), takeovers(blue)
    configure(blue, ("set", "cluster", "edges", "isolation=fence"))
    wait_synced(blue)
    changed = flows()
    for name in before:
        differ = set(before[name]) ^ set(changed[name])
        assert all("table=1," in flow or "table=17," in flow
                   for flow in differ), differ
    configure(blue, ("set", "cluster", "edges", "isolation=forward"))
    wait_synced(blue)
    assert flows() == before and takeovers(blue) == history


# ---- An edge is told by way of another that it is not active --------------

TAKEN = "table=18"


def depose(by, edge, generation):
    """Tell 'edge', by way of the edge 'by', that it is not active any more,
    as the leader of that generation does."""
    source, = set(re.findall(r"tun_src=" + re.escape(by.tunnel_ip) +
                             r",.*?dl_src=([\da-f:]+),"
                             r"dl_dst=02:4b:48:00:00:04",
                             "\n".join(our_flows(edge, "table=0"))))
    body = struct.pack("!QQIIQ", 0, 0, 0, 0, generation)
    body = body[:16] + packed(source)[2:] + body[20:] + bytes(14)
    frame = packed("02:4b:48:00:00:04") + packed(source) + b"\x88\xb6" + body
    by.ofctl("packet-out", "br0", f"in_port=local,packet={frame.hex()},"
             f"actions=set_field:{edge.tunnel_ip}->tun_dst,set_field:0->tun_id,"
             "output:genev0")


def test_told_late(blue):
    """What was decided before the edge was made active, by the same leader or
    another one, counts no more; what a later leader says does."""
    active, standby = active_edge(blue)

    def times():
        return len(controller_log(blue, f"{active.name}: was told late"))

    def obeys():
        depose(standby, active, 1 << 63)
        return active.flows(TAKEN)

    for n in 1, 2:
        depose(standby, active, 0)
        wait_until(lambda: times() == n, what="somebody notices")
        wait_until(lambda: not active.flows(TAKEN), what="it is forgotten")
        both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_until(obeys, what="the word of a later leader")
    depose(standby, active, 0)
    wait_until(lambda: times() > 2, what="somebody notices")
    assert times() == 3
    wait_until(lambda: not active.flows(TAKEN), what="it is forgotten")
    both_ways(blue.station("ph1"), blue.station("vm1"))
