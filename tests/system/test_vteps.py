# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""VTEPs that are learned, in segments that let them in."""

import os
import signal
import socket

import pytest

import netns
from crowd import in_sync, led, other
from faults import kill, wait_active
from frames import BROADCAST, ETHERTYPE, HEAD, packed
from netns import wait_until
from test_spoofing import (GENEVE_PORT, counted, geneve, wait_counted,
                           wait_uncached)
from world import (LastingPing, active_edge, both_ways, configure, our_flows,
                   program_foreign, wait_error, wait_gone, wait_location,
                   wait_synced)

MAC = "02:00:00:00:00:77"
LEARN = ("set", "segment", "blue", "options:learn_vteps=true")
REFUSAL = "table=0,tun_id=5001"


def vteps(controller, segment="blue"):
    """{address: is it learned, or configured?}"""
    return {v["ip"]: v["type"] for v in controller.json("vtep/show", segment)}


def meet(lab, wires):
    """The segment learns VTEPs, and has learned far, where vm9 is."""
    far = lab.switch("far")
    program_foreign(far, 5001, [s.tunnel_ip for s in lab.controlled])
    configure(lab, LEARN)
    wires.check("vm9", BROADCAST, {"ph1", "vm1", "vm2"}, src=MAC)
    wait_location(lab, MAC, far.tunnel_ip)
    wait_synced(lab)
    return far


@pytest.mark.parametrize("lab", [{}, {"ipv6": True}], indirect=True,
                         ids=["IPv4", "IPv6"])
def test_a_stranger_is_learned(blue, wires):
    """From its first frame on, and only where that was asked for."""
    far = meet(blue, wires)
    assert vteps(blue.control) == {far.tunnel_ip: "learned"}
    for sender in "ph1", "vm1":
        wires.check(sender, MAC, {"vm9"})
        wires.check(sender, BROADCAST, {"ph1", "vm1", "vm2", "vm9"} - {sender})
        both_ways(blue.station("vm9"), blue.station(sender))

    configure(blue, ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk0", 200),
              ("host-port-del", "blue", "host1", "vm2"),
              ("host-port-add", "red", "host1", "vm2"))
    far.ofctl("del-flows", "br0")
    program_foreign(far, 5002, [s.tunnel_ip for s in blue.controlled])
    wait_uncached(far)
    wires.check("vm9", BROADCAST, set(), src=MAC)
    assert vteps(blue.control, "red") == {}


def test_option_off(blue, wires):
    """What was learned goes at once, and is refused as before."""
    far = meet(blue, wires)
    configure(blue, ("set", "segment", "blue", "options:learn_vteps=maybe"))
    assert "neither true nor false" in wait_error(blue, "Segment", "blue")
    assert vteps(blue.control) == {}
    wait_gone(blue, MAC)
    wait_uncached(*blue.controlled)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    before = {s: counted(s, REFUSAL) for s in blue.controlled}
    wires.check("vm9", BROADCAST, set(), src=MAC, count=10)
    for switch in blue.controlled:
        wait_until(lambda: counted(switch, REFUSAL) >= before[switch] + 10,
                   what="10 frames counted")
        assert not our_flows(switch, f"tun_src={far.tunnel_ip}")


class Forger:
    """Sends to the active edge from any address in the underlay."""

    def __init__(self, lab):
        self.edge, _ = active_edge(lab)
        self.far = lab.switch("far")

    def address(self, number):
        return f"10.1.0.{200 + number}"

    def speak(self, number, count=1):
        """Frames of a station of its own at the VTEP of this number."""
        address = self.address(number)
        self.far.run("ip", "addr", "replace", f"{address}/24", "dev", "br-phy")
        frame = packed(BROADCAST) + packed(f"06:00:00:00:00:{number:02x}") \
            + HEAD.pack(ETHERTYPE, os.getpid(), 1, 0) + bytes(40)
        with netns.open_socket(self.far.namespace, socket.AF_INET,
                               socket.SOCK_DGRAM, 0) as sock:
            sock.bind((address, 0))
            for _ in range(count):
                sock.sendto(geneve(frame), (self.edge.tunnel_ip, GENEVE_PORT))


def test_limit_and_ageing(blue):
    """Beyond the limit all are strangers, until some have been silent."""
    configure(blue, ("set", "segment", "blue", "options:learn_vteps=true",
                     "options:vtep_limit=2"))
    forger = Forger(blue)
    for number in 1, 2:
        forger.speak(number)
        wait_until(lambda: len(vteps(blue.control)) == number,
                   what=f"{number} VTEPs")
    assert "vtep_limit" in wait_error(blue, "Segment", "blue")
    wait_synced(blue)
    wait_uncached(*blue.controlled)
    before = counted(forger.edge, REFUSAL)      # Those that were let in.
    forger.speak(3, count=5)
    wait_counted(forger.edge, REFUSAL, before + 5)
    # A row is not learned, and not bound by the limit.
    configure(blue, ("vtep-add", "blue", forger.address(3)))
    assert vteps(blue.control) == {
        forger.address(1): "learned", forger.address(2): "learned",
        forger.address(3): "configured"}

    configure(blue, ("set", "segment", "blue", "mac_aging=1"))
    wait_until(lambda: vteps(blue.control)
               == {forger.address(3): "configured"}, 20, "two VTEPs aged")
    wait_error(blue, "Segment", "blue", False)
    wait_synced(blue)
    forger.speak(1)
    wait_until(lambda: forger.address(1) in vteps(blue.control),
               what="one learned again")
    blue.control.appctl("vtep/flush", "blue", forger.address(1))
    assert vteps(blue.control) == {forger.address(3): "configured"}


def lasting_ping(lab):
    """vm9 to ph1, every 10 ms, both of which are known."""
    both_ways(lab.station("vm9"), lab.station("ph1"))
    wait_synced(lab)
    return LastingPing(lab.station("vm9"), lab.station("ph1"))


def test_restart_of_the_controller(blue, wires):
    """It finds the VTEP in the switches, and changes nothing.  What gets a row
    then keeps its MACs."""
    far = meet(blue, wires)
    both_ways(blue.station("vm9"), blue.station("ph1"))
    ping = lasting_ping(blue)
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.start_daemon()
    wait_synced(blue)
    for switch in blue.controlled:
        assert blue.control.edge(switch.name)["flow_mods"] == 0
    assert vteps(blue.control) == {far.tunnel_ip: "learned"}
    wait_location(blue, MAC, far.tunnel_ip)

    before = blue.control.macs("blue")
    configure(blue, ("vtep-add", "blue", far.tunnel_ip))
    assert vteps(blue.control) == {far.tunnel_ip: "configured"}
    assert blue.control.macs("blue").keys() == before.keys()
    wait_synced(blue)
    assert not ping.stop()
    wires.check("ph1", BROADCAST, {"vm1", "vm2", "vm9"})


def test_the_standby_knows_it(blue, wires):
    """It forwards to and from the VTEP as soon as it takes over."""
    far = meet(blue, wires)
    active, standby = active_edge(blue)
    for switch in active, standby:
        assert our_flows(switch, f"table=0,tun_src={far.tunnel_ip}")
    kill(active)
    wait_active(blue, standby)
    wires.check("ph1", BROADCAST, {"vm1", "vm2", "vm9"})
    wires.follow("ph1", MAC, {"vm9"})
    both_ways(blue.station("vm9"), blue.station("ph1"))


@pytest.mark.parametrize("lab", [{"controllers": 2}], indirect=True,
                         ids=["two"])
def test_next_leader(blue, wires):
    """The other controller shows what it does not lead, and takes it over."""
    far = meet(blue, wires)
    one = led(blue)
    two = other(blue, one)
    assert {m["mac"]: m["location"] for m in two.json("mac/show", "blue")
            }[MAC] == far.tunnel_ip
    ping = lasting_ping(blue)
    one.kill()
    assert led(blue) is two
    in_sync(blue)
    for switch in blue.controlled:
        edge = two.edge(switch.name)
        assert (edge["added"], edge["changed"], edge["deleted"]) == (0, 0, 0)
    assert vteps(two) == {far.tunnel_ip: "learned"}
    assert MAC in {m["mac"] for m in two.json("mac/show", "blue")}
    assert not ping.stop()
    one.start()
