# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A cluster of three edges.  The third is the switch that is foreign in other
tests, with a trunk and a controller."""

import itertools
import signal

import pytest

import netns
from faults import cluster, kill, never_twice, revive, vanish
from frames import BROADCAST
from netns import wait_until
from vswitch import CONTROLLER
from world import both_ways, configure, wait_synced

PATIENCE = 20


@pytest.fixture(name="trio")
def fixture_trio(lab):
    """The lab with cluster "trio": edge1, edge2 and far."""
    far, tor = lab.switch("far"), lab.switch("tor")
    netns.ip_batch([f"link add name {trunk} netns {far.namespace} type veth "
                    f"peer name {end} netns {tor.namespace}"
                    for trunk, end in (("trunk0", "far"), ("trunk1", "idle"))])
    far.ip("link set trunk0 up", "link set trunk1 up")
    tor.ip("link set far up")
    far.vsctl("del-port", "br0", "vm9", "--", "add-port", "br0", "trunk0",
              "--", "set-controller", "br0", CONTROLLER, "--", "set",
              "controller", "br0", "max_backoff=1000")
    tor.vsctl("add-port", "br0", "far")
    configure(lab, ("edge-add", "far", far.dpid, far.tunnel_ip),
              ("cluster-add", "trio", "edge1", "edge2", "far"),
              ("segment-add", "blue", 5001),
              ("bind", "blue", "trio", "trunk0", 100),
              ("host-port-add", "blue", "host1", "vm1"),
              ("host-port-add", "blue", "host1", "vm2"))
    wait_synced(lab, *names())
    wait_until(lambda: active(lab), what="an active edge")
    both_ways(lab.station("ph1"), lab.station("vm1"))
    return lab


def names():
    return "edge1", "edge2", "far", "host1"


def active(lab):
    return cluster(lab, "trio")["active"]


def order(lab):
    """Switches in the order in which they take over: the active one, then by
    preference."""
    ranks = ["edge1", "edge2", "far"]
    first = active(lab)
    return [lab.switch(name)
            for name in [first] + [r for r in ranks if r != first]]


def see_each_other(lab):
    """Every two edges, by BFD."""
    edges = [lab.switch(name) for name in ("edge1", "edge2", "far")]
    for number, (a, b) in enumerate(itertools.combinations(edges, 2)):
        for here, there in (a, b), (b, a):
            port = f"see-{there.name}"
            here.vsctl("add-port", "br0", port, "--", "set", "interface",
                       port, "type=geneve",
                       f"options:remote_ip={there.tunnel_ip}",
                       f"options:key={0xfffff0 + number}",
                       f"options:local_ip={here.tunnel_ip}",
                       "bfd:enable=true", "bfd:min_rx=100", "bfd:min_tx=100")
    for edge in edges:
        configure(lab, ("set", "edge", edge.name,
                        *(f"bfd_ports:{other.name}=see-{other.name}"
                          for other in edges if other is not edge)))
    wait_until(lambda: "peer down" not in lab.control.appctl("cluster/show"),
               what="BFD between all")


def is_bridged(lab, wires):
    for name in "ph1", "vm1":
        wires[name].send(BROADCAST)
    return lab.station("ph1").reaches(lab.station("vm1"))


@pytest.mark.parametrize("with_bfd", [True, False], ids=["bfd", "no-bfd"])
@pytest.mark.parametrize("fault", [kill, vanish])
def test_one_after_the_other(trio, wires, fault, with_bfd):
    """By preference, and back to one that has come back."""
    if with_bfd:
        see_each_other(trio)
    first, second, third = order(trio)
    with never_twice(trio):
        for gone, follows in (first, second), (second, third):
            fault(gone)
            wait_until(lambda: active(trio) == follows.name, PATIENCE,
                       f"{follows.name} active")
            wait_until(lambda: is_bridged(trio, wires), what="the bridge")
        if fault is kill:
            revive(second)
            wait_synced(trio, second.name, third.name)
            kill(third)
            wait_until(lambda: active(trio) == second.name, PATIENCE,
                       f"{second.name} active again")
            wait_until(lambda: is_bridged(trio, wires), what="the bridge")


def test_one_after_the_other_without_controller(trio, wires):
    see_each_other(trio)
    wait_synced(trio, *names())
    first, second, third = order(trio)
    trio.control.stop_daemon(signal.SIGKILL)
    for edge in first, second, third:
        wait_until(lambda: not edge.flows("table=13"), what="no lease")
    with never_twice(trio):
        for gone in first, second:
            kill(gone)
            wait_until(lambda: is_bridged(trio, wires), what="the bridge")
    trio.control.start_daemon()
    wait_until(lambda: active(trio) == third.name, PATIENCE,
               f"{third.name} adopted")
    assert cluster(trio, "trio")["reason"] == "took over by itself"
    wait_until(lambda: is_bridged(trio, wires), what="the bridge")
