#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How soon a MAC is learned while others age.

A real ovs-vswitchd has N learned MACs, whose SOURCE flows have idle timeouts.
Meanwhile new stations speak, one at a time; the time is from the frame to
the flow by which others reach its station, as a flow monitor reports it.

    none        no MAC but the new ones
    idle        N MACs, and none of them ages
    one by one  they age, a twentieth of them in each second
    at once     they age within the time that it took to add them

Prints a table, and a line of JSON for each row into build/bench/ageing.json.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Kakehashi, LabError, emulated_rows, results, \
    wait_until                              # noqa: E402
from intake import Log, RealSwitch, bring_in            # noqa: E402
from restart import mac_flows               # noqa: E402

SEGMENTS = 100
SLICES = 20
SAMPLES = 1000                  # While nothing ages.
FOREVER = 65000
SPOKEN = re.compile(r"event=ADDED .*dl_dst=0a:(\S\S:\S\S:\S\S:\S\S:\S\S)")


# ---- Stations that speak --------------------------------------------------

class Stations:
    """New ones, in VLAN 1 of trunk0, and a monitor that sees them learned."""

    _numbers = itertools.count(1)

    def __init__(self, switch):
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(f"{switch.folder}/vswitchd.ctl")
        self.monitor = subprocess.Popen(
            ["ovs-ofctl", "-OOpenFlow15", "monitor", "br0",
             "watch:!initial,table=6"], cwd=switch.folder, env=switch.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            encoding="utf-8")

    def __enter__(self):
        time.sleep(0.2)         # For the monitor, which does not tell.
        return self

    def __exit__(self, *_):
        self.control.close()
        self.monitor.terminate()
        self.monitor.wait()
        self.monitor.stderr.close()

    def latency(self):
        """Milliseconds until a new one is learned."""
        tail = next(self._numbers).to_bytes(5, "big")
        frame = ("ffffffffffff" + "0a" + tail.hex() + "81000001" + "88b5"
                 + "00" * 46)
        start = time.monotonic()
        self.control.sendall(json.dumps({
            "id": 0, "method": "netdev-dummy/receive",
            "params": ["trunk0", frame]}).encode())
        self.control.recv(4096)
        wanted = tail.hex(":")
        for line in self.monitor.stderr:
            match = SPOKEN.search(line)
            if match and match[1] == wanted:
                return 1000 * (time.monotonic() - start)
        raise LabError("the flow monitor ended")


# ---- Rows -----------------------------------------------------------------

def teach_in_slices(switch, controller, macs, ageing, slices):
    """MACs for the controller to adopt; the time when the last was added."""
    flows = list(mac_flows(SEGMENTS, macs, ageing))
    size = max(1, len(flows) // slices)
    path = os.path.join(controller.directory, "macs")
    for i in range(0, len(flows), size):
        begin = time.monotonic()
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(flow + "\n" for flow in flows[i:i + size])
        switch.ofctl("--bundle", "add-flows", "br0", path)
        if slices > 1:
            time.sleep(max(0, begin + 1 - time.monotonic()))
    return time.monotonic()


def sample(switch, controller, macs, ageing, slices):
    """Latencies while MACs age, or of some stations if they do not."""
    with contextlib.ExitStack() as stack:
        added = teach_in_slices(switch, controller, macs, ageing, slices)
        log = Log(controller)
        switch.connect(controller)
        log.time(r"\|e0: reconciled")
        stations = stack.enter_context(Stations(switch))
        if ageing == FOREVER:
            return [stations.latency() for _ in range(SAMPLES)]
        start = added + ageing - (slices if slices > 1 else 2)
        time.sleep(max(0, start - time.monotonic()))
        wait_until(lambda: controller.count("macs") < macs, 30, "ageing", 0.1)
        latencies = []
        while controller.count("macs") > len(latencies) + macs // 1000:
            end = time.monotonic() + 0.25
            while time.monotonic() < end:
                latencies.append(stations.latency())
        return latencies


ROWS = [("none", 0, FOREVER, 1), ("idle", 1, FOREVER, 1),
        ("one by one", 1, 2 * SLICES, SLICES), ("at once", 1, 15, 1)]


def measure(programs, what, macs, ageing, slices):
    with contextlib.ExitStack() as stack:
        switch = RealSwitch(programs)
        stack.callback(switch.stop)
        rows = [(*row, f"mac_aging={ageing}") if row[0] == "segment-add"
                else row for row in emulated_rows(1, segments=SEGMENTS)]
        controller = stack.enter_context(
            Kakehashi(rows=rows, socket=f"{switch.folder}/of.sock"))
        bring_in(switch, controller)
        latencies = sample(switch, controller, macs, ageing, slices)
    return {"what": what, "macs": macs, "n": len(latencies),
            "p50": statistics.median(latencies),
            "p99": statistics.quantiles(latencies, n=100)[98],
            "max": max(latencies)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--macs", type=int, default=100000)
    parser.add_argument("--programs", metavar="FOLDER",
                        help="with another ovs-vswitchd, as from \"make ovs\"")
    parser.add_argument("--quick", action="store_true",
                        help="without those that age one by one")
    options = parser.parse_args()
    print("In milliseconds.\n\n               MACs   samples      p50"
          "      p99      max   p99 to idle", flush=True)
    idle = None
    with results("ageing") as stream:
        for what, some, ageing, slices in ROWS:
            if options.quick and slices > 1:
                continue
            r = measure(options.programs, what, some * options.macs, ageing,
                        slices)
            if what == "idle":
                idle = r["p99"]
            print(f"{what:11} {r['macs']:7} {r['n']:9} {r['p50']:8.2f} "
                  f"{r['p99']:8.2f} {r['max']:8.1f} "
                  + (f"{r['p99'] / idle:13.1f}" if idle else ""), flush=True)
            stream.write(json.dumps(r) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError, subprocess.SubprocessError) as problem:
        sys.exit(f"bench: {problem}")
