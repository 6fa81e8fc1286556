# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""MACs that move to and fro, loops, and other bridges."""

import re
import time

from frames import BROADCAST, packed
from netns import wait_until
from world import (active_edge, both_ways, configure, error_of,
                   program_foreign, row_id, speak_until, wait_synced)

BPDU, PVST = "01:80:c2:00:00:00", "01:00:0c:cc:cc:cd"
PROBE = "03:4b:48:00:00:05"

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


def bind_to(lab, vlan, *settings):
    """Gives the binding of a VLAN options."""
    configure(lab, ("set", "binding", binding(lab, vlan),
                    *(f"options:{setting}" for setting in settings)))


def join_vlans(lab):
    """The ToR joins VLANs 100 and 200, which it should not."""
    lab.node("tor").vsctl(
        "add-port", "br0", "p100", "tag=100", "--", "set",
        "interface", "p100", "type=patch", "options:peer=p200", "--",
        "add-port", "br0", "p200", "tag=200", "--", "set",
        "interface", "p200", "type=patch", "options:peer=p100")


def part_vlans(lab):
    lab.node("tor").vsctl("del-port", "p100", "--", "del-port", "p200")


def test_a_loop(blue, wires):
    """The end of it where MACs come in that are elsewhere is closed, and the
    segment works; when the loop is gone, it is opened, in time or by hand."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)

    def speak():
        # The ToR, too, has seen stations where they are not.
        for name in "ph1", "vm1", "vm2":
            wires[name].send(BROADCAST)
        time.sleep(0.1)

    def loop(close_time):
        options(blue, close_time=close_time)
        join_vlans(blue)
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
    part_vlans(blue)
    configure(blue, ("clear", "binding", binding(blue, vlan), "closed_until"))
    unloop(vlan)

    vlan = loop(2)
    part_vlans(blue)
    unloop(vlan)
    assert "is open again" in blue.control.log("kakehashi.log")


def probes_seen(switch):
    """Probes for loops that have come in by any port."""
    text = switch.ofctl("dump-flows", "br0", f"table=0,dl_dst={PROBE}")
    return sum(int(n) for n in re.findall(r"n_packets=(\d+)", text))


def open_again(lab, vlan):
    configure(lab, ("clear", "binding", binding(lab, vlan), "closed_until"))
    assert not bindings(lab)[1]
    wait_until(lambda: lab.control.ctl("get", "binding", binding(lab, vlan),
                                       "closed_reason").strip() == "[]",
               what="no reason left")


def test_probes(blue, wires):
    """A standby that gets them is no loop, and a forged one is not; one that
    comes back is, although no station has spoken."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    options(blue, close_time=600)
    active, standby = active_edge(blue)
    sock = wires["ph1"].socket
    for vlan in 100, 200:
        bind_to(blue, vlan, "loop_probe=1")

    seen = probes_seen(standby)
    wait_until(lambda: probes_seen(standby) >= seen + 3, 20,
               "three probes at the standby")
    assert not bindings(blue)[1]
    assert probes_seen(active) == 0

    def probe():
        while True:
            frame = sock.recv(2048)
            if frame.startswith(packed(PROBE)):
                return frame

    # Of the edge's address, but not of the number that it has.
    wires["ph1"].collect()
    sock.settimeout(10)
    frame = probe()
    sock.setblocking(False)
    sock.send(frame[:14] + bytes([frame[14] ^ 1]) + frame[15:])
    wait_until(lambda: probes_seen(active) == 1, 10, "it at the active edge")
    wait_synced(blue)
    assert not bindings(blue)[1]

    # What cannot be closed itself closes the one that it came from.
    far = blue.node("far")
    configure(blue, ("vtep-add", "blue", far.tunnel_ip))
    program_foreign(far, 5001, [active.tunnel_ip])
    for name, by in [("vm1", "host1/vm1 on host1"),
                     ("vm9", f"{far.tunnel_ip} on {active.name}"),
                     ("ph1", f"{PLACES['ph1']} on {active.name}")]:
        wires[name].socket.send(frame)
        wait_until(lambda: bindings(blue)[1] == {100}, 10, "VLAN 100 closed")
        wait_synced(blue)
        assert f"part of a loop: a probe sent out of {PLACES['ph1']} came " \
            f"in by {by}" in error_of(blue, "binding", binding(blue, 100))
        open_again(blue, 100)

    join_vlans(blue)
    wait_until(lambda: bindings(blue)[1], 10, "a binding closed")
    before = probes_seen(active)
    wait_until(lambda: probes_seen(active) >= before + 2, 20, "more probes")
    (closed,), (left,) = reversed(bindings(blue))
    wait_synced(blue)
    assert f"/{left} came in by edges/trunk0/{closed} on {active.name}" \
        in error_of(blue, "binding", binding(blue, closed))
    both_ways(blue.station("ph1"), blue.station("vm1"))


def test_bpdus(blue, wires):
    """Of any bridge: dropped, or forwarded where both ends do."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    blue.node("tor").vsctl("set", "bridge", "br0",
                           "other-config:forward-bpdu=true")
    for dst in BPDU, PVST:
        for sender in "ph1", "vm1":
            wires.check(sender, dst, set())
    bind_to(blue, 100, "bpdu=forward")
    wires.check("ph1", BPDU, set())
    bind_to(blue, 200, "bpdu=forward")
    for dst in BPDU, PVST:
        wires.check("ph1", dst, {"ph2"})
        wires.check("ph2", dst, {"ph1"})
        wires.check("vm1", dst, set())
    wires.check("ph1", BROADCAST, {"ph2", "vm1", "vm2"})


def test_a_guard(blue, wires):
    """What a bridge is at is closed, and nothing else; it stays so when the
    controller is started again, and is opened in time."""
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    tor = blue.node("tor")
    tor.vsctl("set", "bridge", "br0", "other-config:forward-bpdu=true")
    options(blue, close_time=600)
    bind_to(blue, 100, "bpdu=guard")
    both_ways(blue.station("ph1"), blue.station("vm1"))

    wires["ph2"].send(BPDU, count=5)
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    assert not bindings(blue)[1]
    bind_to(blue, 200, "bpdu=guard")
    wires["ph1"].send(PVST, count=1000)
    wait_until(lambda: bindings(blue) == ({200}, {100}), 10,
               "VLAN 100 closed")
    wait_synced(blue)
    error = error_of(blue, "binding", binding(blue, 100))
    assert re.search(r"closed until .*: BPDU received at edge\d/trunk0, "
                     rf"tagged, from {wires['ph1'].mac}", error), error
    wires.check("ph2", BROADCAST, {"vm1", "vm2"})
    wires.check("ph1", BROADCAST, set())

    blue.control.kill()
    blue.control.start()
    wait_synced(blue)
    assert bindings(blue)[1] == {100}
    wires.check("ph1", BROADCAST, set())
    open_again(blue, 100)
    both_ways(blue.station("ph1"), blue.station("vm1"))

    # One without a tag is of the port, and may come in by a standby's.
    options(blue, close_time=2)
    _, standby = active_edge(blue)
    frame = packed(BPDU) + packed("02:00:00:00:00:88") + bytes(48)
    tor.ofctl("packet-out", "br0", f"in_port=local,packet={frame.hex()},"
              f"actions=output:{standby.name}")
    wait_until(lambda: bindings(blue)[1] == {100, 200}, 10, "both closed")
    assert f"{standby.name}/trunk0, untagged, from 02:00:00:00:00:88" \
        in error_of(blue, "binding", binding(blue, 100))
    wait_until(lambda: not bindings(blue)[1], 10, "both open")
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
