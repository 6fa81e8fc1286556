#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A storm of new MACs in one segment, and what others notice of it.

Frames with one new source address each come into a binding of the segment
"blue" as fast as --rate says, for --seconds, through a real ovs-vswitchd.
Meanwhile

  - stations speak for the first time in the segment "red", one every 50 ms:
    how long until each is known to the controller, which is asked every 2 ms;
    one that is not within a second speaks again;
  - 1,000 frames a second go each way between stations of "blue" that were
    known before, by another trunk than the storm's: how many get lost;
  - the controller's memory is measured.

And then: how long until a station of "blue" that speaks for the first time is
known, and until nobody is held any more (flows/share.h).

What of all that is due to the switch, which has one thread for all frames, is
shown by the same storm through another bridge of the same switch, which knows
no controller and forwards by its own learning (actions=NORMAL).

Prints a table, and a line of JSON for each run into build/bench/storm.json.
"""

import contextlib
import itertools
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from burst import macs                      # noqa: E402
from controllers import Kakehashi, options_of, results, run, \
    wait_until                              # noqa: E402
from realedge import EdgeLab, ROWS, STATION, VLAN, VNI, VTEP, VTEP_MAC, \
    skip_without_root                       # noqa: E402
import netns                                # noqa: E402

RED_VLAN, RED_VNI = 2, VNI + 1
BLUE = [row if row[0] != "segment-add" else row[:3] for row in ROWS]
RED = [("segment-add", "red", RED_VNI),
       ("bind", "red", "edges", "plain0", RED_VLAN),
       ("bind", "blue", "edges", "plain0", VLAN),
       ("vtep-add", "red", VTEP)]
HOME = "0a:00:00:00:98:01"      # Known, in blue, by the second trunk.
NEWCOMER = 0x0a0000970000       # First of those in red.
FIRST = 0x060000000000
QUIET, BESIDE, STORM = "none", "beside", "inside"


def as_mac(number):
    return ":".join(f"{number:012x}"[i:i + 2] for i in range(0, 12, 2))


class Asker:
    """Asks a controller, without a process for each question."""

    def __init__(self, controller):
        self.path = f"{controller.directory}/kakehashi.ctl"

    def __call__(self, method, *params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(json.dumps({"id": 0, "method": method,
                                  "params": params}).encode())
            text = b""
            while True:
                text += s.recv(1 << 20)
                with contextlib.suppress(ValueError):
                    return json.loads(text)["result"]

    def knows(self, segment, mac):
        return mac in self("mac/show", segment)

    def held(self):
        return json.loads(self("edge/show", "--format=json"))[0]["held"]


class Speaker:
    """Sends frames of one VLAN by one cable."""

    def __init__(self, lab, cable, vlan):
        self.socket = netns.open_socket(lab.wire.namespace, socket.AF_PACKET,
                                        socket.SOCK_RAW, 0)
        self.socket.bind((cable, 0))
        self.head = struct.pack("!HHH", 0x8100, vlan, 0x88b5) + bytes(46)

    def __call__(self, mac):
        self.socket.send(b"\xff" * 6 + bytes.fromhex(mac.replace(":", ""))
                         + self.head)


@contextlib.contextmanager
def ready():
    """(lab, kakehashi), in which two stations of blue know each other."""
    with EdgeLab(f"bench{os.getpid()}") as lab:
        lab.edge.vsctl("add-port", "br0", "plain0")
        with Kakehashi(rows=[*BLUE, *RED],
                       socket=lab.edge.socket) as controller:
            lab.edge.connect(controller)
            controller.wait_synced()
            lab.to_vlan("--count=1", f"--source={STATION}", by="plain0")
            lab.to_overlay("--count=1", f"--source={HOME}", by="plain0")
            wait_until(lambda: {STATION, HOME} <= macs(controller),
                       what="two stations")
            yield lab, controller


def wire(lab, *options):
    """A process of tests/bench/wire.c."""
    return lab.wire.spawn(os.path.join(lab.build, "tests", "wire"), *options,
                          stdout=subprocess.PIPE, text=True)


def result(process):
    return json.loads(process.communicate(timeout=120)[0])


def known_traffic(lab, seconds):
    """Frames both ways between stations that are known, as processes."""
    often = "--rate=1000", f"--seconds={seconds}", "--sources=1"
    return {
        "up": wire(lab, f"--vlan={VLAN}", f"--source={HOME}",
                   f"--destination={STATION}", *often, "plain0", "underlay"),
        "down": wire(lab, f"--geneve={VNI},{VTEP},{VTEP_MAC},"
                     f"{lab.edge.tunnel_ip},{lab.edge.underlay_mac}",
                     f"--source={STATION}", f"--destination={HOME}", *often,
                     "underlay", "plain0")}


def start_storm(lab, options, way):
    """In the segment, or through the bridge beside it."""
    if way == QUIET:
        return None
    if way == BESIDE:
        lab.edge.vsctl("del-port", "br0", "trunk0", "--", "add-br", "br9",
                       "--", "set", "bridge", "br9", "datapath_type=netdev",
                       "--", "add-port", "br9", "trunk0",
                       "--", "add-port", "br9", "plain1")
    return wire(lab, f"--vlan={VLAN}", f"--destination={STATION}",
                f"--source={as_mac(FIRST)}", f"--sources={1 << 30}",
                f"--rate={options.rate}", f"--seconds={options.seconds}",
                "trunk0", "plain1" if way == BESIDE else "underlay")


def meet(ask, segment, speak, mac):
    """Milliseconds from a station's first frame until it is known, and how
    often it had to speak again, once a second."""
    start = spoken = time.monotonic()
    again = 0
    speak(mac)
    while not ask.knows(segment, mac):
        if time.monotonic() > spoken + 1:
            spoken = time.monotonic()
            again += 1
            speak(mac)
        time.sleep(0.002)
    return (time.monotonic() - start) * 1000, again


def newcomers(ask, speak, until):
    """(milliseconds until known, for each; how many spoke again; whether
    anybody was held)"""
    times, again, held = [], 0, False
    for number in itertools.count(NEWCOMER):
        if time.monotonic() > until:
            return times, again, held
        took, more = meet(ask, "red", speak, as_mac(number))
        times.append(took)
        again += more
        held |= ask.held() != []
        time.sleep(0.05)


def measure(options, way):
    """What becomes of one storm."""
    with ready() as (lab, controller):
        ask = Asker(controller)
        red, blue = (Speaker(lab, "plain0", vlan)
                     for vlan in (RED_VLAN, VLAN))
        streams = known_traffic(lab, options.seconds + 1)
        raging = start_storm(lab, options, way)
        times, again, held = newcomers(
            ask, red, time.monotonic() + options.seconds)
        storm = result(raging) if raging else {"sent": 0, "received": 0}
        end = time.monotonic()
        after, _ = meet(ask, "blue", blue, as_mac(NEWCOMER - 1))
        wait_until(lambda: ask.held() == [], what="nobody held")
        calm = (time.monotonic() - end) * 1000
        known = {way: result(process) for way, process in streams.items()}
        return {
            "way": way, "sent": storm["sent"], "passed": storm["received"],
            "newcomers": len(times), "median": statistics.median(times),
            "worst": max(times), "again": again, "held": held,
            "after": after, "calm": calm,
            "known": sum(k["sent"] for k in known.values()),
            "lost": sum(k["sent"] - k["received"] for k in known.values()),
            "memory": controller.memory("VmHWM"),
            "macs": controller.count("macs")}


def show(way, rows):
    """The line of the table for all runs of one way."""
    def of(key, function=statistics.median):
        return function(row[key] for row in rows)
    print(f"{way:8} {of('sent'):9.0f} {of('passed'):9.0f} "
          f"{of('median'):8.1f} ({of('worst', max):5.0f}) "
          f"{of('again', sum):5} {of('lost', sum):5} of {of('known', sum):6} "
          f"{of('after'):6.0f} ({of('after', max):4.0f}) "
          f"{of('calm'):6.0f} ({of('calm', max):4.0f}) "
          f"{of('memory', max) / 1024:6.1f} {of('macs', max):5}", flush=True)


def main():
    parser = options_of(__doc__)
    parser.add_argument("--rate", type=int, default=100000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true",
                        help="one run of three seconds")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds = 1, 3
    rows = {way: [] for way in (QUIET, BESIDE, STORM)}
    with results("storm") as stream:
        for _ in range(options.runs):
            for way, found in rows.items():
                found.append(measure(options, way))
                print(json.dumps(found[-1]), file=stream, flush=True)
    print(f"New MACs, {options.rate} a second for {options.seconds:g} s, "
          f"{options.runs} runs each: median (worst).  Newcomers of\n"
          "another segment: ms until known, how many had to speak again.  "
          "Frames of known\nstations that were lost, in all runs.  "
          "Afterwards: ms until a newcomer of the\nstorm's segment is known, "
          "and until nobody is held.  Memory: MiB at most.\n\n"
          "storm         sent    passed    newcomers      again  lost        "
          "       then known   calm         memory  MACs")
    for way, found in rows.items():
        show(way, found)


if __name__ == "__main__":
    skip_without_root()
    run(main)
