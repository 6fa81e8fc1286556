#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bursts of new MACs through a real ovs-vswitchd.

Frames of stations that nobody knows cross the bridge from the VLAN into the
overlay, one each.  The first table says, for bursts at some rates, how many
of the frames the switch forwarded, and how many of those MACs were not
learned by that: because the meter kept the packet-in back, or because the
switch's queue to the controller was full.  Then all stations send once more,
and it says how many are still missing.

The second says how many MACs are learned a second if frames come as fast as
the switch forwards them, with kakehashi and, in turn, with the least that a
controller can do (tests/bench/ofanswer.c).  That one finds the flows that
kakehashi has made, and the controller's meter is out of the way of both.

Every burst has a switch of its own, just started, with an edge's flows: what
an earlier one has left in it (flows to be deleted, idle timeouts) would count.

Prints tables, and a line of JSON for each row into build/bench/burst.json.
"""

import contextlib
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Answer, Kakehashi, options_of, results, run, \
    wait_until                              # noqa: E402
from realedge import EdgeLab, ROWS, STATION, \
    skip_without_root                       # noqa: E402

FIRST = 0x060000000000          # As tests/bench/wire.c has it.
RATES = [2000, 5000, 10000, 20000, 0]
SIZES = [1000, 10000]
METER = 19272                   # Of packet-ins of LEARN.
PENDING = "cookie=0x4b48070000000000/0xffffff0000000000"
MESSAGES = "ofproto_recv_openflow"


def limit(rate):
    """How many packet-ins a second the edge may send, as a row."""
    return "set", "kakehashi_global", ".", f"options:learn_rate={rate}"


NO_LIMIT = limit(1000000)


@contextlib.contextmanager
def programmed(rows=()):
    """(lab, kakehashi) with an edge in sync that knows one station."""
    with EdgeLab(f"bench{os.getpid()}") as lab, \
            Kakehashi(rows=[*ROWS, *rows],
                      socket=lab.edge.socket) as controller:
        lab.edge.connect(controller)
        controller.wait_synced()
        lab.to_vlan("--count=1", f"--source={STATION}")
        wait_until(lambda: STATION in macs(controller), what=STATION)
        yield lab, controller


def macs(controller):
    return {entry["mac"] for entry in json.loads(
        controller.appctl("mac/show", "--format=json"))}


def forwarded(result):
    """The MACs of which the frame arrived."""
    numbers = set(range(result["sent"]))
    for start, end in result["missing"]:
        numbers.difference_update(range(start, end))
    return {":".join(f"{FIRST + n:012x}"[i:i + 2] for i in range(0, 12, 2))
            for n in numbers}


def settle(count):
    """Until a count does not change for half a second; the count."""
    value, since = count(), time.monotonic()
    while time.monotonic() < since + 0.5:
        time.sleep(0.05)
        last, value = value, count()
        if value != last:
            since = time.monotonic()
    return value


# ---- Bursts ---------------------------------------------------------------

def burst(size, rate, learn_rate):
    """What became of one burst."""
    with programmed([limit(learn_rate)]) as (lab, controller):
        cpu = controller.cpu()
        result = lab.to_overlay(f"--count={size}", f"--rate={rate}")
        settle(lambda: controller.count("macs"))
        cpu = controller.cpu() - cpu
        arrived = forwarded(result)
        missing = arrived - macs(controller)
        row = {"size": size, "rate": rate, "forwarded": len(arrived),
               "seconds": result["seconds"], "missing": len(missing),
               "still_missing": 0, "metered": metered(lab.edge),
               "overflow": counter(lab.edge, "rconn_overflow"),
               "cpu": 1e6 * cpu / len(arrived)}
        if missing:
            # Until LEARN, which asks once a second, asks again.
            wait_until(lambda: not lab.edge.flows(PENDING),
                       what="no unanswered question")
            lab.to_overlay(f"--count={size}", "--rate=2000")
            settle(lambda: controller.count("macs"))
            row["still_missing"] = len(missing - macs(controller))
        return row


def metered(edge):
    """Packet-ins that the meter has kept back."""
    text = edge.ofctl("meter-stats", "br0", f"meter={METER}")
    return int(text.rsplit("packet_count:", 1)[1].split()[0])


def counter(edge, name):
    return int(edge.appctl("coverage/read-counter", name))


def bursts(options, stream):
    print(f"Bursts of new MACs, {options.runs} runs each.  Frames forwarded: "
          "median (least).  MACs of those\nthat were not learned, kept back "
          "by the meter, or by a full queue, and not learned\nfrom another "
          "frame: worst.  Controller's CPU time for a MAC in microseconds: "
          "median (worst).\n\n"
          "  MACs   MACs/s      forwarded   not learned    meter    queue   "
          "from another           CPU", flush=True)
    for size in SIZES:
        for rate in RATES:
            rows = [burst(size, rate, options.learn_rate)
                    for _ in range(options.runs)]
            frames = [row["forwarded"] for row in rows]
            cpu = [row["cpu"] for row in rows]
            worst = {key: max(row[key] for row in rows) for key in rows[0]}
            print(f"{size:6} {rate or 'flat out':>8} "
                  f"{statistics.median(frames):7.0f} ({min(frames):5}) "
                  f"{worst['missing']:13} {worst['metered']:8} "
                  f"{worst['overflow']:8} {worst['still_missing']:14} "
                  f"{statistics.median(cpu):6.1f} ({max(cpu):4.1f})",
                  flush=True)
            stream.write(json.dumps({"size": size, "rate": rate,
                                     "runs": rows}) + "\n")
            stream.flush()


# ---- How many a second ----------------------------------------------------

def sustained(minimal, size):
    """MACs a second, and the controller's CPU time for each."""
    with contextlib.ExitStack() as stack:
        lab, controller = stack.enter_context(programmed([NO_LIMIT]))
        if minimal:
            lab.edge.disconnect()
            controller = stack.enter_context(
                Answer("minimal", socket=lab.edge.path("minimal.sock")))
            lab.edge.connect(controller)
        learned, cpu = lab.edge.learned(), controller.cpu()
        before = counter(lab.edge, MESSAGES)
        result = lab.to_overlay(f"--count={size}", "--rate=0")
        deadline = time.monotonic() + 5
        while (counter(lab.edge, MESSAGES) < before + 2 * result["received"]
               and time.monotonic() < deadline):
            time.sleep(0.005)
        seconds = time.monotonic() - result["start"]
        learned = settle(lab.edge.learned) - learned
        return {"rate": learned / seconds,
                "missing": result["received"] - learned,
                "cpu": 1e6 * (controller.cpu() - cpu) / learned}


def rates(options, stream):
    print(f"\nMACs learned a second, of {options.macs} as fast as the switch "
          f"forwards; {options.runs} runs, median (worst).\n"
          "CPU time of the controller for a MAC in microseconds.\n\n"
          "                     MACs/s    not learned           CPU",
          flush=True)
    found = {"minimal": [], "kakehashi": []}
    for _ in range(options.runs):
        for name, runs in found.items():
            runs.append(sustained(name == "minimal", options.macs))
    for name, runs in found.items():
        rate = [run["rate"] for run in runs]
        cpu = [run["cpu"] for run in runs]
        print(f"{name:10} {statistics.median(rate):8.0f} ({min(rate):6.0f}) "
              f"{max(run['missing'] for run in runs):10} "
              f"{statistics.median(cpu):8.1f} ({max(cpu):4.1f})", flush=True)
    ratios = [ours["rate"] / least["rate"] for ours, least
              in zip(found["kakehashi"], found["minimal"])]
    print(f"ratio {statistics.median(ratios):13.2f} ({min(ratios):6.2f})")
    stream.write(json.dumps({"macs": options.macs, **found}) + "\n")


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--macs", type=int, default=20000,
                        help="how many for the rates (default: 20000)")
    parser.add_argument("--learn-rate", type=int, default=20000,
                        help="of bursts, as kakehashi's option of that name")
    parser.add_argument("--rate", type=int, action="append",
                        help="of bursts; 0 is flat out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["bursts", "rates"])
    options = parser.parse_args()
    skip_without_root()
    if options.quick:
        options.runs, options.macs = 1, 10000
        RATES[:], SIZES[:] = [20000, 0], [10000]
    if options.rate:
        RATES[:] = options.rate
    with results("burst") as stream:
        if options.only != "rates":
            bursts(options, stream)
        if options.only != "bursts":
            rates(options, stream)


if __name__ == "__main__":
    run(main)
