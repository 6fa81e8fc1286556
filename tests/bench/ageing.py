#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How soon a MAC is learned while others age.

A real ovs-vswitchd has N learned MACs, and is asked for how long these have
been idle; or, with --timeouts, their SOURCE flows have timeouts.  Meanwhile
new stations speak, one at a time; the time is from the frame to
the flow by which others reach its station, as a flow monitor reports it.

    none        no MAC but the new ones
    idle        N MACs, and none of them ages
    asked       nor here, but meanwhile the switch is asked about all of them
    one by one  they age, a twentieth of them in each second
    at once     they age within the time that it took to add them

And without other MACs, in one of 4,000 segments:

    uncounted   the switch is not asked what its flows have counted
    counted     it is, again and again

Prints a table, and a line of JSON for each row into build/bench/ageing.json.
"""

import itertools
import json
import math
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import LabError, emulated_rows, options_of, results, \
    run                                     # noqa: E402
from intake import Log, RealSwitch, add_flows, filled   # noqa: E402
from restart import mac_flows               # noqa: E402

SEGMENTS = 100
MANY_SEGMENTS = 4000
SLICES = 20
SAMPLES = 1000                  # While nothing ages...
MANY_SAMPLES = 2000             # ...and while several rounds are asked.
FOREVER = 65000
SPOKEN = re.compile(rb"event=ADDED .*dl_dst=0a:([0-9a-f:]{14})")


class OldSwitch(RealSwitch):
    """One that does not tell for how long flows have been idle."""

    protocols = RealSwitch.protocols[:-1]


# ---- Stations that speak --------------------------------------------------

class Stations:
    """New ones, in VLAN 1 of trunk0, and a monitor that sees them learned."""

    _numbers = itertools.count(1)

    def __init__(self, switch):
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(f"{switch.folder}/vswitchd.ctl")
        self.monitor = subprocess.Popen(
            ["ovs-ofctl", "-O", switch.protocols[-1], "monitor", "br0",
             "watch:!initial,!delete,table=6"], cwd=switch.folder, env=switch.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.begun = b""        # A line of which the rest is to come.

    def __enter__(self):
        # The monitor does not tell when it is there, but by what it sees.
        while not self._learned(0.1):
            self._speak(next(self._numbers))
        return self

    def __exit__(self, *_):
        self.control.close()
        self.monitor.kill()     # It may be writing what nobody reads.
        self.monitor.wait()
        self.monitor.stderr.close()

    def _speak(self, number):
        frame = ("ffffffffffff" + f"0a{number:010x}" + "81000001" + "88b5"
                 + "00" * 46)
        self.control.sendall(json.dumps({
            "id": 0, "method": "netdev-dummy/receive",
            "params": ["trunk0", frame]}).encode())
        self.control.recv(4096)

    def _learned(self, timeout):
        """The stations that the monitor reports next, if it does in time."""
        pipe = self.monitor.stderr
        if not select.select([pipe], [], [], timeout)[0]:
            return set()
        data = os.read(pipe.fileno(), 1 << 16)
        if not data:
            raise LabError("the flow monitor ended")
        *lines, self.begun = (self.begun + data).split(b"\n")
        return {int(match[1].replace(b":", b""), 16)
                for match in map(SPOKEN.search, lines) if match}

    def latency(self):
        """Milliseconds until a new one is learned.

        A packet-in may get lost, and the switch asks again at the next frame
        after a second: so the station speaks again by then, as real ones do.
        """
        number = next(self._numbers)
        start = said = time.monotonic()
        self._speak(number)
        while number not in self._learned(0.1):
            if time.monotonic() > said + 1.1:
                said = time.monotonic()
                self._speak(number)
        return 1000 * (time.monotonic() - start)


# ---- Rows -----------------------------------------------------------------

def teach_in_slices(switch, controller, macs, ageing, slices):
    """MACs for the controller to adopt; the time when the last was added."""
    flows = list(mac_flows(SEGMENTS, macs,
                           ageing if isinstance(switch, OldSwitch) else 0))
    size = max(1, len(flows) // max(1, slices))
    path = os.path.join(controller.directory, "macs")
    for i in range(0, len(flows), size):
        begin = time.monotonic()
        add_flows(switch, path, flows[i:i + size])
        if slices > 1:
            time.sleep(max(0, begin + 1 - time.monotonic()))
    return time.monotonic()


def sample_for(stations, seconds):
    end = time.monotonic() + seconds
    latencies = []
    while time.monotonic() < end:
        latencies.append(stations.latency())
    return latencies


def sample(switch, controller, macs, ageing, slices, samples):
    """Latencies while MACs age, or of some stations if they do not."""
    added = teach_in_slices(switch, controller, macs, ageing, slices)
    log = Log(controller)
    switch.connect(controller)
    log.time(r"\|e0: reconciled")
    with Stations(switch) as stations:
        if ageing == FOREVER:
            return [stations.latency() for _ in range(samples)]
        if not slices:
            # An eighth of the ageing time after they were adopted.
            time.sleep(ageing / 8 - 0.5)
            return sample_for(stations, 1.5)
        start = added + ageing - (slices if slices > 1 else 2)
        time.sleep(max(0, start - time.monotonic()))
        latencies, new = [], 0
        while controller.count("macs") > new + macs // 1000:
            latency, new = stations.latency(), new + 1
            if controller.count("macs") < macs:
                latencies.append(latency)
        return latencies


ROWS = [("none", 0, FOREVER, 1), ("idle", 1, FOREVER, 1),
        ("asked", 1, 80, 0),
        ("one by one", 1, 2 * SLICES, SLICES), ("at once", 1, 15, 1),
        ("uncounted", 0, FOREVER, 1), ("counted", 0, FOREVER, 1)]
STATISTICS = {"uncounted": 0, "counted": 1}     # Seconds between two rounds.
BASES = ["idle", "uncounted"]


def measure(switch, what, macs, ageing, slices):
    segments, samples = ((MANY_SEGMENTS, MANY_SAMPLES) if what in STATISTICS
                         else (SEGMENTS, SAMPLES))
    interval = STATISTICS.get(what, 10)
    rows = [*emulated_rows(1, segments, [f"mac_aging={ageing}"]),
            ("set", "kakehashi_global", ".",
             f"options:stats_interval={interval}")]
    with filled(switch, rows) as controller:
        latencies = sorted(sample(switch, controller, macs, ageing, slices,
                                  samples))
    n = len(latencies)
    if not n:
        raise LabError("all MACs were gone before a new one was learned")
    return {"what": what, "macs": macs, "n": n,
            "p50": statistics.median(latencies),
            "p99": latencies[math.ceil(0.99 * n) - 1], "max": latencies[-1]}


def main():
    parser = options_of(__doc__)
    parser.add_argument("--macs", type=int, default=100000)
    parser.add_argument("--programs", metavar="FOLDER",
                        help="with another ovs-vswitchd, as from \"make ovs\"")
    parser.add_argument("--timeouts", action="store_true",
                        help="by OpenFlow 1.4, which does not tell for how "
                             "long flows have been idle")
    parser.add_argument("--quick", action="store_true",
                        help="without those that age one by one")
    options = parser.parse_args()
    print("In milliseconds.\n\n               MACs   samples      p50"
          "      p99      max   p99 to idle, uncounted", flush=True)
    base = None
    with results("ageing") as stream:
        for what, some, ageing, slices in ROWS:
            if options.quick and slices > 1:
                continue
            make = OldSwitch if options.timeouts else RealSwitch
            r = measure(make(options.programs), what, some * options.macs,
                        ageing, slices)
            if what in BASES:
                base = r["p99"]
            print(f"{what:11} {r['macs']:7} {r['n']:9} {r['p50']:8.2f} "
                  f"{r['p99']:8.2f} {r['max']:8.1f} "
                  + (f"{r['p99'] / base:13.1f}" if base else ""), flush=True)
            stream.write(json.dumps(r) + "\n")


if __name__ == "__main__":
    run(main)
