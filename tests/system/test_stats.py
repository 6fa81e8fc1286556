# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the edges have counted, as stats/show tells it."""

import re
import signal
import time

from frames import BROADCAST
from netns import wait_until
from vswitch import CONTROLLER
from world import active_edge, both_ways, configure, no_frame_lost, row_id, \
    speak_only, wait_synced

RESERVED = "01:80:c2:00:00:0e"


def told(lab, *args):
    return lab.control.json("stats/show", *args)


def bindings(lab):
    """{(binding, edge): row} of the segment blue."""
    return {(b["binding"], b["edge"]): b for b in told(lab, "blue")["bindings"]}


def edge_of(lab, name):
    return next(e for e in told(lab)["edges"] if e["edge"] == name)


def every_second(lab):
    """The edges are asked, and that often."""
    configure(lab, ("set", "kakehashi_global", ".",
                    "options:stats_interval=1"))
    wait_until(lambda: all(e["poll"] for e in told(lab)["edges"]),
               what="a round with each edge")


def next_round(lab, name):
    """An edge has been asked, all of it later than now."""
    began = time.monotonic()

    def done():
        poll = edge_of(lab, name)["poll"]
        return (time.monotonic() - began) * 1000 \
            > poll["ago_ms"] + poll["took_ms"] + 10
    wait_until(done, what=f"a round with {name}")


def frames(lab, binding, edge, way):
    return bindings(lab)[binding, edge][way]["frames"]


def dropped(row, reason):
    return row["dropped"].get(reason, {"frames": 0})["frames"]


def test_shown(blue):
    """kakehashi-ctl asks for traffic too."""
    every_second(blue)
    with no_frame_lost(blue.station("ph1"), blue.station("vm1")):
        wait_until(lambda: re.search(
            r"binding edges/trunk0/100: .*, in [1-9][0-9.]* kbit/s, "
            r"out [1-9][0-9.]* kbit/s", blue.control.ctl("show")),
            what="some traffic")
    wait_until(lambda: re.search(
        r"host port host1/vm1.*, in 0 bit/s, out 0 bit/s",
        blue.control.ctl("show")), what="no traffic")


def test_frames(blue, wires):
    """What goes in comes out, is counted once, and goes on over a restart of
    the controller; a standby, a port and a limit tell what they drop."""
    every_second(blue)
    active, standby = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    trunk, host = "edges/trunk0/100", "host1/vm1"
    wait_until(lambda: frames(blue, host, "host1", "in") >= 6,
               what="pings counted")
    before = bindings(blue)

    # A standby that has no part in it sees broadcasts all the same.
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=50)
    wires.check("vm1", blue.station("ph1").mac, {"ph1"}, count=30)
    wait_until(lambda: frames(blue, trunk, active.name, "in")
               >= before[trunk, active.name]["in"]["frames"] + 50
               and frames(blue, trunk, active.name, "out")
               >= before[trunk, active.name]["out"]["frames"] + 30
               and frames(blue, "host1/vm2", "host1", "out")
               >= before["host1/vm2", "host1"]["out"]["frames"] + 50,
               what="frames counted")
    now = bindings(blue)

    def more(binding, edge, way, what="frames"):
        return (now[binding, edge][way][what]
                - before[binding, edge][way][what])
    # Besides, there may be ARP: the same number on both sides.
    extra = more(trunk, active.name, "in") - 50
    assert 0 <= extra <= 4
    assert more(host, "host1", "out") == 50 + extra
    assert more(trunk, active.name, "out") == more(host, "host1", "in")
    assert more(trunk, active.name, "in", "bytes") >= 50 * 60
    assert now[trunk, active.name]["active"]
    assert not now[trunk, standby.name]["active"]
    assert (now[trunk, standby.name]["in"]["frames"],
            now[trunk, standby.name]["out"]["frames"]) == (0, 0)
    assert dropped(now[trunk, standby.name], "standby") >= 50
    assert edge_of(blue, active.name)["flooded_group"]["frames"] >= 50

    # Another VLAN, an address that no bridge forwards, static MACs.
    configure(blue, ("mac-add", "blue", "02:00:00:00:00:77", "host1/vm1"))
    wires["ph2"].send(BROADCAST, count=20)
    wires["vm1"].send(RESERVED, count=15)
    wires["ph1"].send(BROADCAST, src="01:00:00:00:00:05", count=11)
    wires["ph1"].send(BROADCAST, src="02:00:00:00:00:77", count=12)
    wait_until(lambda: dropped(edge_of(blue, active.name), "unbound") >= 20
               and dropped(edge_of(blue, active.name), "bad_source") >= 11
               and dropped(edge_of(blue, "host1"), "reserved") >= 15
               and dropped(told(blue, "blue")["segments"][0], "static_guard")
               >= 12, what="drops counted")

    now = bindings(blue)
    blue.control.stop_daemon(signal.SIGKILL)
    blue.control.start_daemon()
    wait_synced(blue)
    wait_until(lambda: all(e["poll"] for e in told(blue)["edges"]),
               what="a round with each edge")
    after = bindings(blue)
    for key in (trunk, active.name), (host, "host1"):
        for way in "in", "out":
            assert after[key][way]["frames"] >= now[key][way]["frames"]
            assert after[key][way]["frames"] \
                <= now[key][way]["frames"] + 10
    assert dropped(after[trunk, standby.name], "standby") < 10

    # With new flows a switch counts from 0, and the sum goes on.
    switch, before = blue.switch("host1"), after[host, "host1"]
    switch.vsctl("del-controller", "br0")
    wait_until(lambda: not blue.control.edge("host1")["connected"],
               what="host1 disconnected")
    away = edge_of(blue, "host1")
    assert away["state"] == "disconnected" and away["poll"] is None
    assert "edge host1: disconnected\n" in blue.control.appctl("stats/show")
    switch.ofctl("del-flows", "br0")
    switch.vsctl("set-controller", "br0", CONTROLLER)
    wait_synced(blue)
    both_ways(blue.station("vm1"), blue.station("ph1"))
    wait_until(lambda: frames(blue, host, "host1", "in")
               >= before["in"]["frames"] + 6, what="the sum going on")
    assert frames(blue, host, "host1", "in") <= before["in"]["frames"] + 20


def test_flooded(blue, wires):
    """Of what goes in and out, what is flooded: by a binding that is the only
    place of its segment on the edge, and by one of several."""
    every_second(blue)
    active, standby = active_edge(blue)
    first, second = "edges/trunk0/100", "edges/trunk0/200"

    def flooded(binding, edge=active.name):
        row = bindings(blue)[binding, edge]
        return tuple(row[f"flooded_{way}"]["frames"] for way in ("in", "out"))

    def send(**numbers):
        """All that is told, and hardly more: there may be ARP."""
        names = [n for n in (first, second) if (n, active.name)
                 in bindings(blue)]
        before = {n: flooded(n) for n in names}
        for wire, n in numbers.items():
            wires[wire].send(BROADCAST, count=n)
        wanted = {first: (numbers["ph1"], sum(numbers.values())
                          - numbers["ph1"]),
                  second: (numbers.get("ph2"), sum(numbers.values())
                           - numbers.get("ph2", 0))}

        def surplus(n):
            return [now - was - w for now, was, w in
                    zip(flooded(n), before[n], wanted[n])]
        wait_until(lambda: all(min(surplus(n)) >= 0 for n in names),
                   what="what is flooded")
        for n in names:
            assert max(surplus(n)) <= 6

    both_ways(blue.station("ph1"), blue.station("vm1"))
    send(ph1=40, vm1=30)
    assert flooded(first, standby.name) == (0, 0)
    # Two on a host.
    assert bindings(blue)["host1/vm1", "host1"]["flooded_in"] is None

    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wait_synced(blue)
    next_round(blue, active.name)
    send(ph1=50, ph2=40, vm1=30)
    assert flooded(second, standby.name) == (0, 0)

    configure(blue, ("unbind", "blue", "edges", "trunk0", 200))
    wait_synced(blue)
    next_round(blue, active.name)
    send(ph1=20, vm1=20)
    text = blue.control.appctl("stats/show", "blue")
    assert re.search(r"PER S +FLOODED +OUT FRAMES", text)


def test_limits_and_times(blue, wires):
    """Storm control, a take-over, and how long things take; or nothing.  With
    the oldest OpenFlow."""
    speak_only(blue, "OpenFlow13")
    configure(blue, ("set", "binding", row_id(blue, "Binding", "vlan=100"),
                     "options:bum_in_pps=10"))
    every_second(blue)
    active, standby = active_edge(blue)
    wires["ph1"].send(BROADCAST, count=200)
    key = "edges/trunk0/100", active.name
    wait_until(lambda: dropped(bindings(blue)[key], "limit_in") > 100,
               what="drops beyond the limit")
    row = bindings(blue)[key]
    assert row["flooded_in"]["frames"] >= 200
    assert edge_of(blue, active.name)["flooded_group"]["frames"] >= 200

    blue.control.appctl("cluster/failover", "edges")
    wait_until(lambda: active_edge(blue)[0] is standby, what="a take-over")
    wires["ph1"].send(BROADCAST, count=20)
    wait_until(lambda: frames(blue, key[0], standby.name, "in") >= 20,
               what="frames counted by the other")
    edge = edge_of(blue, standby.name)
    assert edge["reconcile_ms"] >= 0 and edge["bundle_ms"] >= 0
    assert edge["session_ms"] > 0
    assert edge["poll"]["flows"] > 30 and edge["poll"]["cpu_us"] > 0
    assert edge["poll"]["messages"] >= 10
    assert len(blue.control.json("cluster/history")) >= 2
    text = blue.control.appctl("stats/show", "blue")
    assert "limit_in" in text and "us are ours" in text

    configure(blue, ("set", "kakehashi_global", ".",
                     "options:stats_interval=0"))
    wait_until(lambda: bindings(blue)[key]["in"] is None,
               what="nothing counted")
    assert "are not asked" in blue.control.appctl("stats/show")


def messages(lab, name):
    """Sent and received in the last round."""
    return edge_of(lab, name)["poll"]["messages"]


def calm_down(lab, wires):
    """Frames come in, are counted, and then there are no more.  Returns what
    tells whether host1 was asked little in its last round."""
    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=20)
    wait_until(lambda: frames(lab, "host1/vm1", "host1", "out") >= 20,
               what="frames counted")
    busy = messages(lab, "host1")

    def calm():
        return messages(lab, "host1") < busy
    wait_until(calm, what="a round in which little is asked")
    return calm


def test_calm(blue, wires):
    """While nothing comes in, an edge is asked little, and loses nothing that
    is known; the next frame counts, with a binding that is new as well."""
    every_second(blue)
    active, _ = active_edge(blue)
    host = "host1/vm1"
    calm = calm_down(blue, wires)
    before = bindings(blue)
    next_round(blue, "host1")
    after = bindings(blue)
    assert after.keys() == before.keys()
    assert after[host, "host1"]["out"] == before[host, "host1"]["out"]
    assert after[host, "host1"]["out"]["frames_per_s"] == 0

    wires.check("ph1", BROADCAST, {"vm1", "vm2"}, count=7)
    wait_until(lambda: frames(blue, host, "host1", "out")
               >= before[host, "host1"]["out"]["frames"] + 7,
               what="more frames counted")
    assert frames(blue, host, "host1", "out") \
        <= before[host, "host1"]["out"]["frames"] + 9

    configure(blue, ("segment-add", "red", "6000", "--",
                     "bind", "red", "edges", "trunk0", "300"))
    wait_until(lambda: all(b["in"] for b in told(blue, "red")["bindings"]),
               what="the new binding asked for")
    wait_until(calm, what="a round in which little is asked")
    next_round(blue, active.name)
    assert all(b["in"] for b in told(blue, "red")["bindings"])


def test_off_and_on(blue, wires):
    """What was forgotten is asked for again, although nothing is new."""
    every_second(blue)
    calm_down(blue, wires)
    known = {key for key, row in bindings(blue).items() if row["in"]}
    assert known
    configure(blue, ("set", "kakehashi_global", ".",
                     "options:stats_interval=0"))
    wait_until(lambda: not any(b["in"] for b in bindings(blue).values()),
               what="all forgotten")
    every_second(blue)
    wait_until(lambda: {key for key, row in bindings(blue).items()
                        if row["in"]} == known, what="all known again")
