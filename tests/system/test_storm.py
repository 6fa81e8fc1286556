# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Storms stay within their limits, and disturb nobody else."""

import re
import signal
import subprocess
import threading
import time

import pytest

from crowd import led, other, spread
from frames import BROADCAST, QUIET
from netns import wait_until
from node import parse_ping
from world import (active_edge, both_ways, configure, dropped, no_frame_lost,
                   our_flows, row_id, speak_only, wait_error, wait_location,
                   wait_synced)

STRANGER = "02:00:00:00:00:99"
PPS = 50                        # A limit...
STORM = 2.0                     # ...and seconds of a storm of ten times that.
SLOT = re.compile(r"meter[:=]([12]\d{9})\b")


def set_options(lab, vlan, *options):
    """Gives the binding of a VLAN just these options."""
    binding = row_id(lab, "Binding", f"vlan={vlan}")
    rows = [("clear", "Binding", binding, "options")]
    if options:
        rows.append(("set", "Binding", binding,
                     *(f"options:{option}" for option in options)))
    configure(lab, *rows)


def limits(switch):
    """The meters of storm control that a switch has."""
    return set(SLOT.findall(switch.ofctl("dump-meters", "br0")))


def band(switch, way):
    """(asked, dropped) frames of the only meter of a way, "in" or "out"."""
    text = switch.ofctl("meter-stats", "br0")
    found = re.findall(r"meter:(\d+) .*?packet_in_count:(\d+).*?"
                       r"0: packet_count:(\d+)", text, re.S)
    first = {"in": "1", "out": "2"}[way]
    (numbers,) = [row for row in found
                  if len(row[0]) == 10 and row[0][0] == first]
    return int(numbers[1]), int(numbers[2])


def meter_age(switch):
    """For how many seconds the only limit has been there."""
    text = switch.ofctl("meter-stats", "br0")
    (age,) = re.findall(r"meter:[12]\d{9} .*?duration:([\d.]+)s", text, re.S)
    return float(age)


def storm(wires, sender, dst=BROADCAST, seconds=STORM):
    """Ten times the limit for a while.  (how many frames, by whom how many
    were seen of them, how long it took)"""
    for name in wires.wires:
        wires[name].collect()
    start = time.monotonic()
    token, sent = None, 0
    while time.monotonic() < start + seconds:
        token = wires[sender].send(dst, count=10, token=token, first=sent)
        sent += 10
        due = start + sent / (10 * PPS)
        time.sleep(max(0, due - time.monotonic()))
    took = time.monotonic() - start
    time.sleep(QUIET)
    return sent, {name: len(wires[name].copies(token))
                  for name in wires.wires}, took


def check_limited(seen, took):
    """As many as the limit allows, with what it allows at once."""
    assert PPS * took * 0.8 < seen <= PPS * (took + 2) + 2, (seen, took)


def ping(a, b, count=200):
    return a.spawn("ping", "-n", "-q", "-i", "0.01", "-c", count,
                   b.ip_address, stdout=subprocess.PIPE, text=True)


def check_ping(process, count=200):
    assert parse_ping(process.communicate(timeout=30)[0]) == (count, count)


@pytest.mark.parametrize("dst", [BROADCAST, "01:00:5e:00:00:42", STRANGER],
                         ids=["broadcast", "multicast", "unknown"])
def test_in(blue, wires, dst):
    """What comes in and is flooded is limited, what has an address is not."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    set_options(blue, 100, f"bum_in_pps={PPS}")
    process = ping(blue.station("ph1"), blue.station("vm1"))
    sent, seen, took = storm(wires, "ph1", dst)
    check_ping(process)
    check_limited(seen["vm1"], took)
    assert seen["vm1"] == seen["vm2"]
    wait_until(lambda: band(active_edge(blue)[0], "in")
               == (sent, sent - seen["vm1"]), what="frames counted")
    active, standby = active_edge(blue)
    assert limits(standby) == limits(active)
    told = {row["edge"]: row for row in blue.control.json("binding/limits")}
    passed = seen["vm1"]
    assert told[active.name] == {
        "segment": "blue", "binding": "edges/trunk0/100", "way": "in",
        "edge": active.name, "limit": PPS, "unit": "packets/s",
        "passed": passed, "dropped": sent - passed}
    assert (told[standby.name]["passed"], told[standby.name]["dropped"]) \
        == (0, 0)
    assert f" {passed} " in blue.control.appctl("binding/limits", "blue")

    # The other way nothing is limited.
    wires.check("vm1", BROADCAST, {"ph1", "vm2"}, count=3 * PPS)


@pytest.mark.parametrize("version", ["OpenFlow13", "OpenFlow15"])
def test_out(blue, wires, version):
    """One copy of a frame is dropped, the others are not; each place has a
    limit of its own."""
    speak_only(blue, version)
    configure(blue, ("bind", "blue", "edges", "trunk0", 200,
                     "bum_out_pps=1000000"))
    both_ways(blue.station("vm1"), blue.station("ph1"))
    set_options(blue, 100, f"bum_out_pps={PPS}")
    process = ping(blue.station("vm1"), blue.station("ph1"))
    sent, seen, took = storm(wires, "vm1")
    check_ping(process)
    check_limited(seen["ph1"], took)
    assert (seen["ph2"], seen["vm2"]) == (sent, sent)
    assert len(limits(active_edge(blue)[0])) == 2
    wait_synced(blue)
    for switch in blue.controlled:
        assert not blue.control.appctl("flows/diff", switch.name)

    # What one cluster sends out of two trunks counts by itself as well.
    sent, seen, took = storm(wires, "ph2")
    check_limited(seen["ph1"], took)
    assert (seen["vm1"], seen["vm2"]) == (sent, sent)


def test_kilobits(blue, wires):
    """A frame of ours has 72 bytes: 28 kbit/s is what 50 a second are."""
    set_options(blue, 100, "bum_in_kbps=28")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=3 * PPS)
    storm(wires, "ph1", seconds=0.5)
    _, seen, took = storm(wires, "ph1")
    assert PPS * took * 0.8 < seen["vm1"] < PPS * took * 1.3, (seen, took)


def test_a_limit_comes_and_goes(blue, wires):
    edges = [blue.switch("edge1"), blue.switch("edge2")]
    assert not any(limits(edge) for edge in edges)
    set_options(blue, 100, "bum_in_pps=50", "bum_out_kbps=1000")
    assert all(len(limits(edge)) == 2 for edge in edges)
    assert not limits(blue.switch("host1"))
    set_options(blue, 100, "bum_out_pps=1000")
    for edge in edges:
        wait_until(lambda edge=edge: len(limits(edge)) == 1,
                   what="one limit left")
        assert "pktps" in edge.ofctl("dump-meters", "br0")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=3 * PPS)
    told = blue.control.json("binding/limits")
    assert [(t["edge"], t["way"], t["limit"], t["unit"]) for t in told] \
        == [("edge1", "out", 1000, "packets/s"),
            ("edge2", "out", 1000, "packets/s")]
    set_options(blue, 100)
    assert blue.control.json("binding/limits") == []
    for edge in edges:
        wait_until(lambda edge=edge: not limits(edge), what="no limit left")
    wires.check("vm1", BROADCAST, {"ph1", "vm2"}, count=3 * PPS)
    set_options(blue, 100, "bum_in_pps=50")
    configure(blue, ("--cascade", "segment-del", "blue"))
    for edge in edges:
        wait_until(lambda edge=edge: not limits(edge), what="no limit left")


def test_restart_changes_nothing(blue, wires):
    """Meters, and what they have counted, survive the controller."""
    configure(blue, ("set", "Segment", "blue",
                     "options:unknown_unicast=drop"))
    set_options(blue, 100, f"bum_in_pps={PPS}", "bum_out_kbps=1000")
    storm(wires, "ph1", seconds=0.5)
    edge, _ = active_edge(blue)
    before = band(edge, "in")
    assert before[1] > 0
    blue.control.stop_daemon(signal.SIGKILL)
    stale = f"meter={1000000000 + 7 * 10000 + 7},pktps,bands=type=drop,rate=5"
    edge.ofctl("add-meter", "br0", stale)
    blue.control.start_daemon()
    wait_synced(blue)
    for switch in blue.controlled:
        assert blue.control.edge(switch.name)["flow_mods"] == 0
    wait_until(lambda: len(limits(edge)) == 2, what="the stale meter gone")
    assert band(edge, "in") == before


def test_a_bad_limit_is_an_error(blue, wires):
    """It does not count, says the row, and what else is in it does."""
    binding = row_id(blue, "Binding", "vlan=100")
    for options, text in [
            (("bum_in_pps=many", f"bum_out_pps={PPS}"), "many"),
            (("bum_in_pps=0",), "1 to 100000000"),
            (("bum_in_pps=5", "bum_in_kbps=5"), "beside bum_in_pps"),
            (("bum_out_kbps=100000001",), "100000001")]:
        set_options(blue, 100, *options)
        assert text in wait_error(blue, "Binding", binding)
        assert len(limits(blue.switch("edge1"))) == (
            1 if "beside" in text or "many" in text else 0)
        set_options(blue, 100)
        wait_error(blue, "Binding", binding, False)
    configure(blue, ("set", "Segment", "blue", "options:unknown_unicast=no"))
    assert "neither flood nor drop" in wait_error(blue, "Segment", "blue")
    wires.check("vm1", STRANGER, {"vm2", "ph1"})
    configure(blue, ("remove", "Segment", "blue", "options",
                     "unknown_unicast"))
    wait_error(blue, "Segment", "blue", False)


def test_unknown_unicast(blue, wires):
    """It goes nowhere and is counted; all else goes as ever, and so does ARP.
    """
    configure(blue, ("set", "Segment", "blue",
                     "options:unknown_unicast=drop"))
    for name in "vm1", "vm2":
        # ARP first.  Until a station that spoke is learned, it is unknown.
        wait_until(lambda name=name: blue.station("ph1").reaches(
            blue.station(name)), what=f"ping to {name}")
        both_ways(blue.station("ph1"), blue.station(name))
    edge, _ = active_edge(blue)
    for sender, switch in ("ph1", edge), ("vm1", blue.switch("host1")):
        before = dropped(switch, 6)
        wires.check(sender, STRANGER, set())
        wait_until(lambda s=switch, n=before: dropped(s, 6) >= n + 10,
                   what=f"10 drops counted on {switch.name}")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", "01:00:5e:00:00:42", {"ph1", "vm2"})
    wires["vm2"].send(BROADCAST, src=STRANGER)
    wait_location(blue, STRANGER, "host1/vm2")
    wires.check("ph1", STRANGER, {"vm2"})
    configure(blue, ("set", "Segment", "blue",
                     "options:unknown_unicast=flood"))
    wires.check("ph1", "02:00:00:00:00:98", {"vm1", "vm2"})


def test_edges_that_do_not_answer(blue):
    """What they have counted is not known, what they should keep to is."""
    set_options(blue, 100, f"bum_in_pps={PPS}")
    blue.switch("edge1").vsctl("set-controller", "br0", "tcp:10.0.0.1:9")
    wait_until(lambda: not blue.control.edge("edge1")["connected"],
               what="edge1 disconnected")
    told = [(t["edge"], t["limit"], t["dropped"])
            for t in blue.control.json("binding/limits")]
    assert told == [("edge1", PPS, None), ("edge2", PPS, 0)]


class Crowd(threading.Thread):
    """New stations at a wire, 1,000 a second, each with one frame."""

    def __init__(self, wire):
        super().__init__()
        self.wire, self.over = wire, threading.Event()

    def run(self):
        number = 0
        while not self.over.wait(0.005):
            for number in range(number + 1, number + 6):
                low = f"{number:08x}"
                self.wire.send(STRANGER, src="06:00:" + ":".join(
                    low[i:i + 2] for i in range(0, 8, 2)))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_new_macs(blue, wires):
    """Who has too many is learned apart: others are learned at their first
    frame, what is known loses nothing, and then all is as it was."""
    configure(blue, ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk0", 200),
              ("set", "kakehashi_global", ".", "options:learn_rate=100"),
              ("set", "segment", "blue", "mac_limit=100"))
    edge, _ = active_edge(blue)

    def held():
        return blue.control.edge(edge.name)["held"]

    with no_frame_lost(blue.station("ph1"), blue.station("vm1")), \
            Crowd(wires["ph1"]):
        wait_until(lambda: held() == ["blue"], what="blue held")
        for n in range(10):
            mac = f"02:00:00:00:02:{n:02x}"
            wires["ph2"].send(BROADCAST, src=mac)
            wait_location(blue, mac, "edges/trunk0/200", "red")
        assert held() == ["blue"]
        assert our_flows(edge, "table=3,metadata=5001")
    wait_until(lambda: not held(), what="nobody held")
    wires["ph1"].send(BROADCAST, src="02:00:00:00:03:01")
    wait_location(blue, "02:00:00:00:03:01", "edges/trunk0/100")
    assert len(blue.control.macs()) <= 110
    wait_synced(blue)
    assert not blue.control.appctl("flows/diff", edge.name)


@pytest.mark.parametrize("lab", [{"extras": False, "controllers": 2}],
                         indirect=True, ids=["two"])
def test_followers_tell_as_well(blue):
    """And when another controller leads the edges, their meters stay."""
    spread(blue)
    set_options(blue, 100, f"bum_in_pps={PPS}")
    edge, _ = active_edge(blue)
    one, two = led(blue), other(blue, led(blue))
    wait_until(lambda: len(limits(edge)) == 1, what="the limit")
    assert (one.json("binding/limits") == two.json("binding/limits")
            == [{"segment": "blue", "binding": "edges/trunk0/100",
                 "edge": name, "way": "in", "limit": PPS,
                 "unit": "packets/s", "passed": 0, "dropped": 0}
                for name in ("edge1", "edge2")])
    before = meter_age(edge)
    one.kill()
    wait_until(lambda: two.edge(edge.name)["state"] == "synced", 20,
               "the other leads")
    assert meter_age(edge) > before
    assert len(limits(edge)) == 1
