#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What it costs to ask an edge what it has counted.

A real ovs-vswitchd has --segments segments.  The controller asks it for all
counters every second (options:stats_interval), or never.  Meanwhile

  - frames of a known station go from a VLAN into the overlay: how long they
    take, and how many get lost;
  - stations speak for the first time: how long that frame takes;

and what "stats/show" tells of a round, and the CPU time of the controller and
of the switch's main thread.

Prints a table, and a line of JSON for each run into build/bench/stats.json.
"""

import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Kakehashi, options_of, results, run, \
    wait_until                              # noqa: E402
from realedge import EdgeLab, ROWS, STATION, VTEP, \
    skip_without_root                       # noqa: E402

KNOWN = "0a:00:00:00:98:01"


def rows(segments):
    """Besides blue there are others, on two trunks."""
    yield from ROWS
    for n in range(1, segments):
        yield "segment-add", f"s{n}", 20000 + n
        yield "bind", f"s{n}", "edges", "trunk0", n + 1
        yield "vtep-add", f"s{n}", VTEP


def poll(controller):
    """The last round, or None."""
    told = json.loads(controller.appctl("stats/show", "--format=json",
                                        "blue"))
    return told["edges"][0]["poll"] if told["edges"] else None


def measure(lab, controller, interval, options):
    """Traffic while the edge is asked every 'interval' seconds."""
    controller.ctl("set", "kakehashi_global", ".",
                   f"options:stats_interval={interval}")
    if interval:
        wait_until(lambda: poll(controller), what="a round")
        time.sleep(1)
    before = controller.cpu(), lab.edge.cpu(), time.monotonic()
    known = lab.to_overlay(f"--count={options.frames}",
                           f"--rate={options.rate}", f"--source={KNOWN}",
                           "--sources=1")
    took = time.monotonic() - before[2]
    cpu = [100 * (now - then) / took for now, then in
           zip((controller.cpu(), lab.edge.cpu()), before)]
    new = lab.to_overlay(f"--count={options.frames // 2}", "--rate=500",
                         "--source=06:01:00:00:00:00" if interval
                         else "--source=06:02:00:00:00:00")
    return {"interval": interval, "known": known, "new": new,
            "controller": cpu[0], "switch": cpu[1],
            "poll": poll(controller) if interval else None}


def report(found, stream):
    for runs in found:
        for name in "known", "new":
            p50, p99 = (statistics.median(r[name][k] for r in runs)
                        for k in ("p50", "p99"))
            lost = sum(r[name]["sent"] - r[name]["received"] for r in runs)
            worst = max(r[name]["max"] for r in runs)
            cpu = [statistics.median(r[of] for r in runs)
                   for of in ("controller", "switch")]
            print(f"{runs[0]['interval']:5} s  {name:6} {p50:8.0f} "
                  f"{p99:8.0f} {worst:8.0f} {lost:6} {cpu[0]:11.1f} "
                  f"{cpu[1]:9.1f}")
        print("         a round:", json.dumps(runs[-1]["poll"]))
        stream.write(json.dumps({"runs": runs}) + "\n")


def main():
    parser = options_of(__doc__)
    parser.add_argument("--segments", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, default=10000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    skip_without_root()
    if options.quick:
        options.segments, options.runs, options.frames = 200, 1, 2000
    print(f"{options.segments} segments; frames in microseconds, CPU in per "
          "cent of a core.\n\n"
          "interval frames      p50      p99      max   lost  controller"
          "    switch", flush=True)
    found = [[], []]
    with EdgeLab(f"bench{os.getpid()}") as lab, \
            Kakehashi(rows=rows(options.segments),
                      socket=lab.edge.socket) as controller:
        lab.edge.connect(controller)
        controller.wait_synced()
        lab.to_vlan("--count=1", f"--source={STATION}")
        for _ in range(options.runs):
            for i, interval in enumerate((0, 1)):
                found[i].append(measure(lab, controller, interval, options))
    with results("stats") as stream:
        report(found, stream)


if __name__ == "__main__":
    run(main)
