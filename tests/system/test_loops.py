# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""MACs that move to and fro, and loops."""

import time

from frames import BROADCAST
from netns import wait_until
from world import (both_ways, configure, error_of, row_id, speak_until,
                   wait_synced)

MAC = "02:00:00:00:00:77"
PLACES = {"ph1": "edges/trunk0/100", "vm2": "host1/vm2"}


def options(lab, **values):
    configure(lab, ("set", "kakehashi_global", ".",
                    *(f"options:{key}={value}"
                      for key, value in values.items())))


def entry(lab):
    return lab.control.macs("blue").get(MAC, {})


def move(lab, wires, sender):
    speak_until(wires[sender], MAC,
                lambda: entry(lab).get("location") == PLACES[sender],
                10, f"{MAC} at {sender}")


def test_a_mac_is_frozen(blue, wires):
    """It stays where it is, and may move again later."""
    options(blue, flap_hold=2)
    for _ in range(2):
        move(blue, wires, "ph1")
        move(blue, wires, "vm2")
    move(blue, wires, "ph1")
    speak_until(wires["vm2"], MAC,
                lambda: entry(blue)["type"] == "frozen", 10, f"{MAC} frozen")
    assert (entry(blue)["location"], entry(blue)["moves"]) == (PLACES["ph1"],
                                                               4)
    wires.follow("vm1", MAC, {"ph1"})
    wait_synced(blue)
    assert "has moved too often" in blue.control.log("kakehashi.log")
    move(blue, wires, "vm2")


def bindings(lab):
    """VLANs of the bindings that are open, and of those that are closed."""
    found = [row.split(",") for row in lab.control.ctl(
        "--format=csv", "--no-headings", "--columns=vlan,closed_until",
        "list", "binding").split()]
    return ({int(vlan) for vlan, until in found if until == "[]"},
            {int(vlan) for vlan, until in found if until != "[]"})


def binding(lab, vlan):
    return row_id(lab, "binding", f"vlan={vlan}")


def test_a_loop(blue, wires):
    """The end of it where MACs come in that are elsewhere is closed, and the
    segment works; when the loop is gone, it is opened, in time or by hand."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    tor = blue.node("tor")

    def speak():
        # The ToR, too, has seen stations where they are not.
        for name in "ph1", "vm1", "vm2":
            wires[name].send(BROADCAST)
        time.sleep(0.1)

    def loop(close_time):
        options(blue, close_time=close_time)
        tor.vsctl("add-port", "br0", "p100", "tag=100", "--", "set",
                  "interface", "p100", "type=patch", "options:peer=p200", "--",
                  "add-port", "br0", "p200", "tag=200", "--", "set",
                  "interface", "p200", "type=patch", "options:peer=p100")
        wait_until(lambda: speak() or bindings(blue)[1], 60,
                   "a binding closed")
        assert [len(vlans) for vlans in bindings(blue)] == [1, 1]
        return bindings(blue)[1].pop()

    def works():
        # Some frames are on their way yet.
        wait_synced(blue)
        wait_until(lambda: speak() or ph1.ping(vm1, 1) == (1, 1), 20, "a ping")
        both_ways(ph1, vm1)

    def unloop(vlan):
        wait_until(lambda: not bindings(blue)[1], 20, "both open")
        assert not error_of(blue, "binding", binding(blue, vlan))
        works()

    vlan = loop(600)
    assert "loop" in error_of(blue, "binding", binding(blue, vlan))
    works()
    blue.control.kill()
    blue.control.start()
    wait_synced(blue)
    assert vlan in bindings(blue)[1]
    assert "loop" in error_of(blue, "binding", binding(blue, vlan))
    both_ways(ph1, vm1)
    tor.vsctl("del-port", "p100", "--", "del-port", "p200")
    configure(blue, ("clear", "binding", binding(blue, vlan), "closed_until"))
    unloop(vlan)

    vlan = loop(2)
    tor.vsctl("del-port", "p100", "--", "del-port", "p200")
    unloop(vlan)
    assert "is open again" in blue.control.log("kakehashi.log")
