#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How long a take-over keeps frames from crossing the bridge.

Two streams of a numbered frame every millisecond cross the lab's bridge, one
from the VLAN and one into it.  Faults are real: processes are killed, links
cut.  The loss window of a run is the longest time in which nothing arrived.

The ToR floods (Open vSwitch's flood-vlans), so that what is measured is the
bridge and not how soon this ToR learns from announcements; --tor=learning
measures both.  Rows that BFD decides have its detection time as their floor.

A switch that is told to send frames elsewhere looks at all flows that its
datapath has cached, one by one.  Runs start with caches that are nearly empty;
"busy" is "manual" while every MAC is speaking, to show what that costs.

Prints a table, and a line of JSON for each row into build/bench/.
"""

import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lab"),
                os.path.join(HERE, "..", "system")]
sys.dont_write_bytecode = True

from controllers import commands, options_of, results, run      # noqa: E402
from faults import (TRUNKS, cut_trunk, cut_trunk_at_the_tor, kill,
                    vanish, wait_active, wait_bfd)      # noqa: E402
from frames import BROADCAST, Wires                     # noqa: E402
from kklab import Lab                                   # noqa: E402
from netns import wait_until                            # noqa: E402
from world import active_edge, both_ways, configure, \
    wait_synced                                         # noqa: E402

SCALES = [(1, 0), (100, 0), (2000, 0), (2000, 10000)]   # Segments, MACs.
QUICK = [(1, 0), (100, 1000)]
IN_BLUE = 10000                 # MACs.
QUIET = 100                     # Cached flows of a switch.
_tokens = itertools.count(1)


# ---- Faults: each takes (lab, active edge), and is mended afterwards ------

def edge_is_killed(_, edge):
    kill(edge)


def edge_vanishes(_, edge):
    vanish(edge)


def trunk_down(_, edge):
    cut_trunk(edge)


def trunk_down_at_the_tor(_, edge):
    cut_trunk_at_the_tor(edge)


def underlay_down(_, edge):
    edge.set_link("underlay", False)


def manual(lab, _):
    lab.control.appctl("cluster/failover", "edges")


def drained(lab, edge):
    lab.control.appctl("edge/drain", edge.name)


def manual_while_busy(lab, _):
    manual(lab, _)


def controller_restarts(lab, _):
    lab.control.stop_daemon(signal.SIGKILL)
    lab.control.start_daemon()
    # To ask for a diff would be to ask the switches for all flows at once.
    for switch in lab.controlled:
        wait_until(lambda: (lab.control.edge(switch.name) or {}).get("state")
                   == "synced", 60, f"{switch.name} in sync")


def killed_without_controller(_, edge):
    kill(edge)


def mend(lab, edge, fault):
    """Make both edges well again, and wait until they know."""
    if fault in (edge_is_killed, killed_without_controller):
        edge.start_vswitchd()
    edge.ip(*(f"link set {name} up" for name in ("mgmt", "underlay",
                                                 *TRUNKS)))
    cut_trunk_at_the_tor(edge, up=True)
    if not lab.control.alive():
        lab.control.start_daemon()
    if fault is drained:
        lab.control.appctl("edge/undrain", edge.name)
    wait_synced(lab, timeout=60)
    edge.warm_up()
    wait_bfd(lab)
    detection_time(lab)
    wait_until(lambda: "not ready" not in lab.control.ctl(
        "get", "cluster", "edges", "edge_status"), 30, "two edges ready")


# What, fault, target in milliseconds (worst), BFD decides.
ROWS = [
    ("kill", edge_is_killed, 100, False),
    ("vanish", edge_vanishes, 100, True),
    ("trunk", trunk_down, 100, False),
    ("trunk-tor", trunk_down_at_the_tor, 100, False),
    ("underlay", underlay_down, 100, True),
    ("manual", manual, 10, False),
    ("drain", drained, 10, False),
    ("busy", manual_while_busy, None, False),
    ("controller", controller_restarts, 0, False),
    ("alone", killed_without_controller, None, True),
]


# ---- One run ------------------------------------------------------------

class Streams:
    """A stream each way between ph1 and vm1."""

    def __init__(self, lab):
        self.lab = lab
        self.receivers, self.senders = [], []
        ph1, vm1 = lab.station("ph1"), lab.station("vm1")
        for source, target in (vm1, ph1), (ph1, vm1):
            token = next(_tokens)
            self.receivers.append(self._start(
                target, "receive", "eth0", token, stdout=subprocess.PIPE))
            self.senders.append(self._start(
                source, "send", "eth0", source.mac, target.mac, token, 1000))

    def _start(self, station, *args, **kwargs):
        return station.spawn(os.path.join(self.lab.build, "tests", "loss"),
                             *args, **kwargs)

    def end(self):
        """Results: (into the VLAN, from the VLAN)."""
        for process in self.senders:
            process.terminate()
            process.wait()
        time.sleep(0.3)         # What is on its way may still arrive.
        results = []
        for process in self.receivers:
            process.terminate()
            results.append(json.loads(process.communicate()[0]))
        return results


def cached(switch):
    """Flows in the cache of a datapath."""
    return int(re.search(r"flows: (\d+)", switch.appctl("dpctl/show"))[1])


def run_once(lab, fault, macs):
    """One fault under traffic; the results of the two streams."""
    active, standby = active_edge(lab)
    if fault is manual_while_busy:
        speak(lab, macs)
        wait_synced(lab, timeout=60)
    else:
        wait_until(lambda: all(cached(s) < QUIET for s in lab.switches), 300,
                   "empty caches")
    both_ways(lab.station("ph1"), lab.station("vm1"), count=1)
    streams = Streams(lab)
    time.sleep(0.5)
    if fault is killed_without_controller:
        lab.control.stop_daemon(signal.SIGKILL)
        for switch in lab.controlled:
            wait_until(lambda: not switch.flows("table=13"),
                       what="the end of the lease")
    fault(lab, active)
    time.sleep(2 if fault is killed_without_controller
               else 0.5)        # To ask would disturb what is measured.
    if fault not in (killed_without_controller, controller_restarts):
        wait_active(lab, standby)
    time.sleep(1)
    results = streams.end()
    mend(lab, active, fault)
    return results


# ---- The lab ------------------------------------------------------------

def set_up(lab, segments, macs, tor):
    lab.up()
    for rows in commands(lab.node_rows()):
        lab.control.ctl(*rows)
    see_each_other(lab)
    rows = [("segment-add", "blue", 5001, "mac_limit=100000",
             "mac_aging=60000"),
            ("bind", "blue", "edges", "trunk0", 100),
            ("host-port-add", "blue", "host1", "vm1")]
    for n in range(1, segments):
        rows += [("segment-add", f"s{n}", 10000 + n),
                 ("bind", f"s{n}", "edges", "trunk0", vlan_of(n))]
    for row in commands(rows):
        lab.control.ctl(*row, timeout=60)
    configure(lab, ("sync",))
    wait_synced(lab, timeout=60)
    bridge = lab.switch("tor")
    bridge.vsctl("set", "bridge", "br0", "other_config:mac-table-size=50000")
    if tor == "flooding":
        bridge.vsctl("set", "bridge", "br0", "flood-vlans=100")
    wait_bfd(lab)
    both_ways(lab.station("ph1"), lab.station("vm1"))
    learn(lab, segments, macs)


def vlan_of(n):
    """That of segment 'n': 100 is taken."""
    return n + 1 + (n >= 99)


def see_each_other(lab):
    """host1 and the edges see each other by BFD, as documented."""
    host = lab.switch("host1")
    for edge in (s for s in lab.switches if s.spec.kind == "edge"):
        for here, there in (host, edge), (edge, host):
            here.vsctl("add-port", "br0", f"see-{there.name}", "--", "set",
                       "interface", f"see-{there.name}", "type=geneve",
                       f"options:remote_ip={there.tunnel_ip}",
                       f"options:key={0xfffff0 + edge.spec.number}",
                       f"options:local_ip={here.tunnel_ip}",
                       "bfd:enable=true", "bfd:min_rx=100", "bfd:min_tx=100")
    configure(lab, ("set", "edge", "host1", "bfd_ports:edge1=see-edge1",
                    "bfd_ports:edge2=see-edge2"))


def learn(lab, segments, n):
    """Let 'n' MACs be learned: so many in the segment of the streams, half of
    them on each side, and the rest in all the others."""
    most = min(n, IN_BLUE)
    while len(lab.control.macs()) < most:
        speak(lab, most)
    if n > most:
        teach(lab, segments, n - most)
    wait_synced(lab, timeout=60)


def teach(lab, segments, n):
    """Give 'n' MACs, evenly over segments, to the active edge as if they had
    been learned there; a controller that starts adopts them."""
    edge, _ = active_edge(lab)
    trunk = next(port["ofport"]
                 for port in lab.control.edge(edge.name)["ports"]
                 if port["name"] == "trunk0")
    lab.control.stop_daemon()
    text = "\n".join(
        flow for i in range(n)
        for flow in learned(10001 + i % (segments - 1),
                            trunk << 16 | vlan_of(1 + i % (segments - 1)),
                            f"06:00:01:{i >> 16:02x}:{i >> 8 & 255:02x}:"
                            f"{i & 255:02x}"))
    edge.run("ovs-ofctl", "-OOpenFlow15", "add-flows", "br0", "-", stdin=text)
    lab.control.start_daemon()


def learned(vni, slot, mac):
    """The flows of a MAC in a VLAN."""
    common = f"cookie={0x4b4806 << 40 | vni:#x},priority=100,metadata={vni:#x}"
    yield (f"{common},table=2,send_flow_rem,reg0={slot:#x},dl_src={mac},"
           "actions=set_field:0x1/0x1->reg3")
    yield (f"{common},table=6,dl_dst={mac},"
           f"actions=set_field:{slot:#x}->reg1,resubmit(,8),resubmit(,10)")


def speak(lab, n):
    """'n' MACs send a broadcast, half of them on each side."""
    wires = Wires(lab)
    for i in range(n // 2):
        for side, name in enumerate(("ph1", "vm1")):
            wires[name].send(BROADCAST, f"06:00:00:{side:02x}:{i >> 8:02x}:"
                                        f"{i & 255:02x}")
        if i % 20 == 0:
            time.sleep(0.02)
    wires.close()


def detection_time(lab):
    """Of BFD between the edges, in milliseconds."""
    def seen(edge):
        text = edge.appctl("bfd/show", "peer0")
        return (int(re.search(r"Detect Multiplier: (\d+)", text)[1])
                * int(re.search(r"RX Interval: Approx (\d+)ms", text)[1]))
    # It begins with a second, and settles on what is configured.
    edges = active_edge(lab)
    wait_until(lambda: all(seen(edge) < 1000 for edge in edges), 30,
               "BFD at its pace")
    return max(seen(edge) for edge in edges)


# ---- Results ------------------------------------------------------------

def report(stream, row, result):
    what, _, target, bfd = row
    windows = result["windows"]
    floor = result["detection"] if bfd else 0
    worst = max(max(w) for w in windows)
    limit = None if target is None else target + floor
    verdict = ("" if limit is None else "met" if worst <= limit
               else "MISSED")
    print(f"{what:11} {result['segments']:8} {result['macs']:6}   "
          + "   ".join(f"{statistics.median(w):7.1f} {max(w):7.1f}"
                       for w in windows)
          + f"   {floor:5}   {'' if limit is None else limit:5}"
          + f"   {result['copies']:6}  {verdict}", flush=True)
    stream.write(json.dumps({**result, "fault": what, "limit": limit}) + "\n")
    stream.flush()


def heading(options):
    print(f"Loss windows of {options.runs} runs each, in milliseconds; the "
          f"ToR is {options.tor}.\n\n"
          "                              into VLAN         from VLAN\n"
          "fault       segments   MACs    median   worst    median   worst"
          "   floor   limit   copies", flush=True)


def measure(options, segments, macs, stream):
    lab = Lab(f"bench{os.getpid()}", extras=True)
    lab.claim("bench")
    try:
        set_up(lab, segments, macs, options.tor)
        detection = detection_time(lab)
        for row in ROWS:
            if options.rows and row[0] not in options.rows:
                continue
            results = [run_once(lab, row[1], macs)
                       for _ in range(options.runs)]
            report(stream, row, {
                "segments": segments, "macs": len(lab.control.macs()),
                "tor": options.tor, "detection": detection,
                "windows": [[r[way]["window"] for r in results]
                            for way in (0, 1)],
                "copies": sum(w["copies"] for r in results for w in r)})
    finally:
        lab.down()


def scale(text):
    segments, macs = map(int, text.split(":"))
    return segments, macs


def parse():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--quick", action="store_true",
                        help="three runs, at two small scales")
    parser.add_argument("--scale", action="append", type=scale,
                        metavar="SEGMENTS:MACS",
                        help="by default " + ", ".join(
                            f"{s}:{m}" for s, m in SCALES))
    parser.add_argument("--tor", choices=["flooding", "learning"],
                        default="flooding")
    parser.add_argument("rows", nargs="*", metavar="FAULT",
                        help=", ".join(row[0] for row in ROWS)
                        + "; by default all")
    options = parser.parse_args()
    unknown = set(options.rows) - {row[0] for row in ROWS}
    if unknown:
        parser.error(f"no fault called {', '.join(sorted(unknown))}")
    if options.quick:
        options.runs, options.scale = 3, QUICK
    return options


def main():
    options = parse()
    heading(options)
    with results("failover") as stream:
        for segments, macs in options.scale or SCALES:
            measure(options, segments, macs, stream)


if __name__ == "__main__":
    run(main)
