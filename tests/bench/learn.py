#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast MACs are learned, and how soon a packet-in is answered.

The load comes from emulated switches (tests/bench/ofload.c), over a socket of
this machine.  In one call it goes, in turn, to

    echo               canned answers: what sockets and memory allow
    minimal            a hash table and one template: the least to be done
    kakehashi          two flow-mods for each MAC, and the state that is kept
    ovs-testcontroller what comes with Open vSwitch; 15 switches at most

so that what counts are ratios.  New MACs come from both sides, half by the
VLAN and half through the tunnel from a VTEP.  Latencies are from a packet-in
to its last flow-mod with one outstanding, all on one processor.

Prints tables, and a line of JSON for each row into build/bench/learn.json.
"""

import json
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Answer, Kakehashi, TestController, emulated_rows, \
    ofload, options_of, results as open_results, run    # noqa: E402

VTEP = "192.0.2.1"
NAMES = ["echo", "minimal", "kakehashi", "ovs-testcontroller"]
MOST = {"ovs-testcontroller": 15}

# What, switches, MACs each way in all, passes, further options of ofload.
ROWS = [
    ("new", 1, 1000, 20, []),
    ("new", 1, 100000, 1, []),
    ("new", 15, 1000, 20, []),
    ("new", 15, 100000, 1, []),
    ("new", 64, 1000, 20, []),
    ("new", 64, 100000, 1, []),
    ("new", 1000, 1000, 20, []),
    ("new", 1000, 100000, 1, []),
    ("known", 15, 1000, 1, ["--rounds=50"]),
    ("moves", 15, 1000, 1, ["--rounds=50", "--moves"]),
]
QUICK = [ROWS[0], ROWS[3], ROWS[7]]


def make(name, switches, cpu=None):
    if name == "kakehashi":
        # MACs that move again and again are what is measured.
        rows = [*emulated_rows(switches),
                ("set", "kakehashi_global", ".", "options:flap_moves=0"), *(
            ("vtep-add", f"s{n}", VTEP) for n in range(switches))]
        return Kakehashi(cpu, rows)
    if name == "ovs-testcontroller":
        return TestController(name, cpu)
    return Answer(name, cpu)


def load(controller, *options, cpu=None):
    """A run of ofload as the controller at hand needs it."""
    own = {"kakehashi": [],
           "ovs-testcontroller": ["--of13", "--miss", "--no-barrier",
                                  "--answer=packet-out"]}
    result = ofload(controller, f"--vtep={VTEP}",
                    *own.get(controller.name, ["--no-barrier"]), *options,
                    cpu=cpu)
    if controller.name == "kakehashi":
        controller.appctl("mac/flush")
    return result


# ---- Throughput -----------------------------------------------------------

def measure(controller, switches, macs, passes, options):
    """Packet-ins a CPU-second of the controller, and a second."""
    packet_ins = cpu = seconds = load_cpu = 0
    for _ in range(passes):
        r = load(controller, f"--switches={switches}",
                 f"--macs={max(1, macs // switches)}", "--window=256",
                 *options)
        packet_ins += r["packet_ins"]
        cpu += r["cpu"]
        seconds += r["seconds"]
        load_cpu += r["load_cpu"]
    return {"rate": packet_ins / cpu, "wall": packet_ins / seconds,
            "load": packet_ins / load_cpu}


def throughput(options, stream):
    print(f"Packet-ins answered in a second of the controller's CPU time, in "
          f"thousands; {options.runs} runs,\nmedian (worst).  'load' is what "
          "the load generator would make in one of its own.\n\n"
          "what   switches    MACs  " + "".join(f"{n:>20}" for n in NAMES)
          + "      load   ratio to ovs-testcontroller", flush=True)
    for row in QUICK if options.quick else ROWS:
        what, switches, macs, passes, extra = row
        results = {name: [] for name in NAMES}
        for name in NAMES:
            if switches > MOST.get(name, switches):
                continue
            # Each has a process of its own: who connects again and again is
            # not let in for ever.
            for _ in range(options.runs):
                with make(name, switches) as controller:
                    results[name].append(measure(controller, switches, macs,
                                                 passes, extra))
        report(stream, row, results)


def report(stream, row, results):
    what, switches, macs = row[:3]
    cells, medians = [], {}
    for name in NAMES:
        rates = [r["rate"] / 1000 for r in results[name]]
        if rates:
            medians[name] = statistics.median(rates)
        cells.append(f"{medians[name]:11.0f} ({min(rates):6.0f})" if rates
                     else " " * 19 + "-")
    generator = statistics.median(r["load"] / 1000
                                  for r in results["kakehashi"])
    ratio = (f"{medians['kakehashi'] / medians['ovs-testcontroller']:7.1f}"
             if "ovs-testcontroller" in medians else "")
    print(f"{what:6} {switches:8} {macs:7}  " + "".join(cells)
          + f"{generator:10.0f} {ratio}", flush=True)
    stream.write(json.dumps({"what": what, "switches": switches,
                             "macs": macs, **results}) + "\n")
    stream.flush()


# ---- Latency --------------------------------------------------------------

def latency(options, stream):
    print(f"\nMicroseconds from a packet-in to its last answer, one "
          f"outstanding, all on one processor;\n{options.runs} runs, median "
          "(worst).\n\n"
          "                               p50                  p99",
          flush=True)
    cpu = max(os.sched_getaffinity(0))
    medians = {}
    results = {name: [] for name in NAMES}
    for name in NAMES:
        with make(name, 1, cpu) as controller:
            for _ in range(options.runs):
                results[name].append(load(controller, "--latency",
                                          "--macs=10000", cpu=cpu))
        p50 = [r["p50"] for r in results[name]]
        p99 = [r["p99"] for r in results[name]]
        medians[name] = statistics.median(p50), statistics.median(p99)
        print(f"{name:20} {medians[name][0]:9.1f} ({max(p50):6.1f})"
              f"   {medians[name][1]:9.1f} ({max(p99):6.1f})", flush=True)
    ours = medians["kakehashi"]
    for other in "echo", "ovs-testcontroller":
        theirs = medians[other]
        print(f"  to {other:17} {ours[0] / theirs[0]:7.2f}"
              f"             {ours[1] / theirs[1]:7.2f}")
    stream.write(json.dumps({"what": "latency", **results}) + "\n")


def parse():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true",
                        help="three runs of three rows")
    options = parser.parse_args()
    if options.quick:
        options.runs = 3
    return options


def main():
    options = parse()
    with open_results("learn") as stream:
        throughput(options, stream)
        latency(options, stream)


if __name__ == "__main__":
    run(main)
