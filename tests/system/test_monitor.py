# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-ctl monitor, and the events of which it tells."""

import json
import signal
import subprocess

from faults import wait_active
from frames import BROADCAST
from netns import wait_until
from test_limits import usage
from world import active_edge, configure, wait_location, wait_synced

MAC = "02:00:00:00:00:77"
TRUNK = "edges/trunk0/100"


class Monitor:
    """It runs, and what it prints is in a file."""

    def __init__(self, lab, number, *args):
        self.path = lab.control.path(f"monitor{number}")
        with open(self.path, "w", encoding="utf-8") as output:
            self.process = lab.control.spawn(
                "kakehashi-ctl", "monitor", *args, stdout=output,
                stderr=subprocess.STDOUT)

    def lines(self):
        with open(self.path, encoding="utf-8") as stream:
            return stream.read().splitlines()

    def events(self):
        """Those that are complete lines, as objects."""
        with open(self.path, encoding="utf-8") as stream:
            text = stream.read()
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait(self, **wanted):
        """Until there is an event with these members."""
        return wait_until(
            lambda: next((e for e in self.events()
                          if wanted.items() <= e.items()), None),
            15, f"{wanted} in {self.path}", 0.05)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(10) == -signal.SIGINT


def test_monitor(blue, wires):
    """A MAC is learned, moves, is forgotten; an edge takes over; the
    controller is started anew; and not a word of another segment."""
    configure(blue, ("segment-add", "red", 5002))
    monitor = Monitor(blue, 1, "--format=json")
    lines = Monitor(blue, 2)
    red = Monitor(blue, 3, "red", "--format=json")
    wait_until(lambda: usage(blue)["event-readers"] == 3,
               what="three who listen")

    wires["ph1"].send(BROADCAST, src=MAC)
    event = monitor.wait(event="learned", segment="blue", mac=MAC, at=TRUNK)
    assert event["time"][10] == "T" and event["time"][-1] == "Z"
    wait_until(lambda: any(
        line.endswith(f"Z  learned      segment blue mac {MAC} at {TRUNK}")
        for line in lines.lines()), what="a line")

    wires["vm2"].send(BROADCAST, src=MAC)
    if blue.control.macs("blue")[MAC]["location"] == TRUNK:
        wait_location(blue, MAC, "host1/vm2")
    monitor.wait(event="moved", mac=MAC, **{"from": TRUNK}, to="host1/vm2")
    blue.control.appctl("mac/flush", "blue", MAC)
    monitor.wait(event="forgotten", mac=MAC, at="host1/vm2")

    active, standby = active_edge(blue)
    blue.control.appctl("cluster/failover", "edges", standby.name)
    wait_active(blue, standby)
    event = monitor.wait(event="failed-over", cluster="edges", to=standby.name)
    assert event["from"] == active.name and event["reason"]
    assert [e["seq"] for e in monitor.events()] == sorted(
        {e["seq"] for e in monitor.events()})

    # Of the new one it hears all since its start.
    blue.control.stop_daemon()
    monitor.wait(event="controller-gone")
    before = len(monitor.events())
    blue.control.start_daemon()
    wait_synced(blue)
    for switch in blue.controlled:
        wait_until(lambda: {"connected", "in-sync"} <= {
            e["event"] for e in monitor.events()[before:]
            if e.get("edge") == switch.name}, what=f"{switch.name} is back")
    assert monitor.events()[before]["event"] == "controller-back"
    assert monitor.events()[before + 1]["seq"] == 1

    monitor.stop()
    lines.stop()
    red.stop()
    assert [e["event"] for e in red.events()] \
        == ["controller-gone", "controller-back"]


def test_unknown_segment(lab):
    status, text = lab.control.try_ctl("monitor", "green")
    assert status and 'the controller says: no segment "green"' in text


def test_events_show(blue, wires):
    """What is remembered, and that MACs are only for those who wait."""
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, TRUNK)
    told = blue.control.json("events/show")
    kinds = {e["event"] for e in told["events"]}
    assert {"connected", "in-sync", "activated"} <= kinds
    assert "learned" not in kinds and told["lost"] == 0
    assert told["last"] == told["events"][-1]["seq"]

    since = f"--since={told['last']}"
    assert blue.control.json("events/show", since, "--wait=50") \
        == {"last": told["last"], "lost": 0, "events": []}
    # For some seconds MACs are watched.
    wires["ph1"].send(BROADCAST, src="02:00:00:00:00:78")
    events = blue.control.json("events/show", since, "--wait=9000")["events"]
    assert events[0]["mac"] == "02:00:00:00:00:78"
    text = blue.control.appctl("events/show", "blue")
    assert "learned      segment blue" in text and "edge" not in \
        text.replace("edges/", "")
    status, text = blue.control.run("ovs-appctl", "-t", "kakehashi",
                                    "events/show", "--since=x", check=False)
    assert status and "--since=x: not a number from 0 on" in text
