#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How long the first frame of a new station takes through a real ovs-vswitchd.

Stations that nobody knows send a frame each to one that is known, one after
the other.  What is measured is a frame's way from one veth interface to
another:

    NORMAL              Open vSwitch's own learning bridge, no controller
    ovs-testcontroller  the frame waits for the controller's decision
    kakehashi, ports    the same bridge as an edge with two access ports
    kakehashi, bridge   from the VLAN into the overlay, in GENEVE

The switch is the same one, and so are the interfaces of the first three.  It
has a Unix socket to its controller.

Prints a table, and a line of JSON for each row into build/bench/first.json.
"""

import contextlib
import json
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Kakehashi, TestController, options_of, results, \
    run                                     # noqa: E402
from realedge import EdgeLab, ROWS, STATION, \
    skip_without_root                       # noqa: E402

PORTS = [
    ("edge-add", "plain", f"{12:016x}", "10.1.0.12"),
    ("segment-add", "red", 20000, "mac_limit=1000000"),
    ("host-port-add", "red", "plain", "plain0"),
    ("host-port-add", "red", "plain", "plain1"),
]
NAMES = ["NORMAL", "ovs-testcontroller", "kakehashi, ports",
         "kakehashi, bridge"]


def make_plain(edge, fail_mode):
    """A bridge with two ports, and nothing else."""
    edge.vsctl("add-br", "br1", "--", "set", "bridge", "br1",
               "datapath_type=netdev", f"fail_mode={fail_mode}",
               f"other_config:datapath-id={12:016x}",
               "--", "add-port", "br1", "plain0",
               "--", "add-port", "br1", "plain1")


@contextlib.contextmanager
def path(name):
    """A function that sends frames, as EdgeLab.to_overlay() does."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(EdgeLab(f"bench{os.getpid()}"))
        edge, bridge = lab.edge, "br1"
        if name == "kakehashi, bridge":
            bridge = "br0"
        else:
            make_plain(edge, "standalone" if name == "NORMAL" else "secure")
        if name == "ovs-testcontroller":
            edge.connect(stack.enter_context(
                TestController(name, socket=edge.socket)), bridge)
        elif name != "NORMAL":
            controller = stack.enter_context(
                Kakehashi(rows=[*ROWS, *PORTS], socket=edge.socket))
            edge.connect(controller, bridge)
            controller.wait_synced()
        if bridge == "br0":
            lab.to_vlan("--count=1", f"--source={STATION}")
            yield lab.to_overlay
        else:
            lab.run_wire("--count=1", f"--source={STATION}", "plain1",
                         "plain0")
            yield lambda *options: lab.run_wire(
                f"--destination={STATION}", *options, "plain0", "plain1")


def measure(name, options):
    with path(name) as send:
        send("--count=20", "--rate=100", "--source=06:01:00:00:00:00")
        result = send(f"--count={options.frames}", f"--rate={options.rate}")
    return {key: result[key] for key in ("sent", "received", "p50", "p99")}


def report(found, stream):
    base = [run["p50"] for run in found["ovs-testcontroller"]]
    for name, runs in found.items():
        p50 = [run["p50"] for run in runs]
        p99 = [run["p99"] for run in runs]
        ratios = [a / b for a, b in zip(p50, base)]
        lost = max(run["sent"] - run["received"] for run in runs)
        print(f"{name:20} {statistics.median(p50):6.0f} ({max(p50):5.0f}) "
              f"{statistics.median(p99):8.0f} ({max(p99):5.0f}) {lost:6} "
              f"{statistics.median(ratios):7.2f} ({max(ratios):4.2f})")
        stream.write(json.dumps({"name": name, "runs": runs}) + "\n")


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=500,
                        help="frames a second (default: 500)")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    skip_without_root()
    if options.quick:
        options.runs, options.frames = 1, 1000
    print("The first frame of a station, in microseconds; "
          f"{options.runs} runs, median (worst).\nThe ratio is that of the "
          "medians to ovs-testcontroller's.\n\n"
          "                             p50              p99   lost"
          "           ratio", flush=True)
    found = {name: [] for name in NAMES}
    for _ in range(options.runs):
        for name in NAMES:
            found[name].append(measure(name, options))
    with results("first") as stream:
        report(found, stream)


if __name__ == "__main__":
    run(main)
