#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline costs the frames that pass through it.

An edge forwards as fast as it can, in turn by kakehashi's flows and by two
flows that do the same bridging:

    in_port=trunk0,dl_vlan=V    pop_vlan, set tun_id and tun_dst, output:genev0
    in_port=genev0,tun_id=N     push_vlan, set vlan_vid, output:trunk0

The two have a higher priority in the same bridge, and come and go, so that
the switch, its ports, the stations and the load are the same for both.  After
each change the datapath's cache is emptied and warmed up again.

First, 64-byte frames of one station and of a thousand, with some of them
under way all the time and none lost: frames a second, and the CPU time of the
switch for each.  Then TCP, by iperf3, between a VLAN host and a VM in the
lab, where other switches share the machine.  At last, how many masks there
are in the datapath, beside a bridge with the action NORMAL that carries the
same frames.

Prints tables, and a line of JSON for each row into build/bench/dataplane.json.
"""

import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from burst import NO_LIMIT, programmed      # noqa: E402
from controllers import options_of, results, run, wait_until    # noqa: E402
from kklab import Lab                       # noqa: E402
from realedge import STATION, TRUNK, VLAN, VNI, VTEP, \
    skip_without_root                       # noqa: E402
from world import active_edge, both_ways, wait_synced   # noqa: E402

NEAR, FAR = "06:00:00:00:00:00", "0a:00:00:01:00:00"    # The first of many.
MANY = 1000
MODES = ["pipeline", "two flows"]


def use(edge, mode, trunk, vlan, vni, vtep):
    """Let the edge forward by the one or by the other."""
    edge.ofctl("del-flows", "br0", "cookie=1/-1")
    if mode == "two flows":
        edge.run("ovs-ofctl", "-O", "OpenFlow15", "--bundle", "add-flows",
                 "br0", "-", stdin="cookie=1,priority=65535,"
                 f"in_port={trunk},dl_vlan={vlan},actions=pop_vlan,"
                 f"set_field:{vni}->tun_id,set_field:{vtep}->tun_dst,"
                 "output:genev0\ncookie=1,priority=65535,in_port=genev0,"
                 f"tun_id={vni},actions=push_vlan:0x8100,"
                 f"set_field:{4096 + vlan}->vlan_vid,output:{trunk}\n")
    edge.appctl("revalidator/purge")


def compare(runs, measure, change):
    """Results by mode, taken in turn."""
    found = {mode: [] for mode in MODES}
    for run in range(runs):
        for mode in MODES if run % 2 else reversed(MODES):
            change(mode)
            found[mode].append(measure())
    return found


def ratios(found, key=lambda value: value):
    return [key(ours) / key(theirs) for ours, theirs
            in zip(found["pipeline"], found["two flows"])]


def median(values):
    return statistics.median(list(values))


# ---- Frames ---------------------------------------------------------------

def there(lab, n, *options):
    return lab.to_overlay(f"--sources={n}", *options)


def back(lab, n, *options):
    return lab.to_vlan(f"--source={FAR}", f"--sources={n}",
                       f"--destination={NEAR}", *options)


WAYS = {"into the overlay": there, "into the VLAN": back}


def learn(lab, controller, n):
    """Until all stations are known, even if a frame is lost."""
    def known():
        for way in WAYS.values():
            way(lab, n, f"--count={n}", "--rate=2000")
        return controller.count("macs") > 2 * n
    wait_until(known, what=f"{2 * n} MACs learned", interval=1)


def flat_out(lab, way, n, seconds):
    """Frames a second, and the CPU time of the switch for each."""
    way(lab, n, "--seconds=0.3")
    cpu = lab.edge.cpu()
    result = way(lab, n, f"--seconds={seconds}")
    return {"rate": result["received"] / result["seconds"],
            "cpu": 1e6 * (lab.edge.cpu() - cpu) / result["received"],
            "lost": result["sent"] - result["received"]}


def frames(options, stream):
    print(f"64-byte frames, in thousands a second; {options.runs} runs each, "
          "median.  CPU time of the switch\nfor a frame in microseconds.  "
          "Ratios: median (worst).\n\n"
          "                   stations   pipeline    CPU   two flows    CPU"
          "           ratio    lost", flush=True)
    with programmed([NO_LIMIT]) as (lab, controller):
        learn(lab, controller, MANY)
        for name, way in WAYS.items():
            for n in [MANY] if options.quick else [1, MANY]:
                found = compare(
                    options.runs,
                    lambda: flat_out(lab, way, n, options.seconds),
                    lambda mode: use(lab.edge, mode, TRUNK, VLAN, VNI, VTEP))
                report_frames(stream, name, n, found)


def report_frames(stream, name, n, found):
    cells = "  ".join(f"{median(r['rate'] for r in found[mode]) / 1e3:10.1f} "
                      f"{median(r['cpu'] for r in found[mode]):6.2f}"
                      for mode in MODES)
    ratio = ratios(found, lambda run: run["rate"])
    lost = sum(run["lost"] for runs in found.values() for run in runs)
    print(f"{name:18} {n:8} {cells} {median(ratio):8.2f} ({min(ratio):4.2f}) "
          f"{lost:7}", flush=True)
    stream.write(json.dumps({"what": name, "stations": n, **found}) + "\n")


# ---- TCP ------------------------------------------------------------------

def iperf(client, server, reverse, seconds):
    """Bits a second."""
    text = client.output("iperf3", "--json", "--time", seconds, "--omit", 1,
                         "--client", server.ip_address,
                         *["--reverse"] * reverse, timeout=seconds + 30)
    return json.loads(text)["end"]["sum_received"]["bits_per_second"]


def tcp(options, stream):
    print(f"\nTCP in the lab, in Mbit/s; {options.runs} runs each, median.\n\n"
          "                     pipeline   two flows           ratio",
          flush=True)
    lab = Lab(f"bench{os.getpid()}")
    lab.claim("bench")
    try:
        lab.up()
        for row in lab.demo_rows():
            lab.control.ctl(*row)
        wait_synced(lab)
        host, vm = lab.station("ph1"), lab.station("vm1")
        both_ways(host, vm)
        vm.run("iperf3", "--server", "--daemon")
        edge, _ = active_edge(lab)
        vtep = lab.switch("host1").tunnel_ip
        for name, reverse in zip(WAYS, (False, True)):
            found = compare(
                options.runs,
                lambda: iperf(host, vm, reverse,
                              max(2, int(options.seconds))),
                lambda mode: use(edge, mode, "trunk0", 100, 5001, vtep))
            ratio = ratios(found)
            print(f"{name:18} "
                  + "  ".join(f"{median(found[mode]) / 1e6:10.0f}"
                              for mode in MODES)
                  + f" {median(ratio):8.2f} ({min(ratio):4.2f})", flush=True)
            stream.write(json.dumps({"what": "TCP " + name, **found}) + "\n")
    finally:
        lab.down()


# ---- Masks ----------------------------------------------------------------

def masks(edge):
    """The masks of the flows in the datapath: which bits of which fields."""
    found = set()
    for line in edge.appctl("dpctl/dump-flows", "-m").splitlines():
        match = re.search(r"ufid:\S+, (.*), packets:", line)
        if match:
            found.add(tuple(
                (name, mask) for name, mask in re.findall(
                    r"(\w+)[=(][^,()/=]+(?:/([^,()]+))?(?=[,)]|$)", match[1])
                if not re.fullmatch("[0x:.]+", mask)))
    return found


def all_sorts(to_overlay, to_vlan):
    """Frames to stations that are known, to others, and to all."""
    for target in STATION, "0a:00:00:00:77:77", "ff:ff:ff:ff:ff:ff":
        to_overlay(f"--destination={target}")
    for target in NEAR, "06:77:00:00:00:00", "ff:ff:ff:ff:ff:ff":
        to_vlan(f"--source={FAR}", f"--destination={target}")


def count_masks(stream):
    """Beside NORMAL, which has ports of its own: a trunk, and a tunnel to the
    VTEP that is an access port."""
    load = f"--count={MANY}", f"--sources={MANY}", "--rate=5000"
    with programmed([NO_LIMIT]) as (lab, controller):
        edge = lab.edge
        learn(lab, controller, MANY)
        edge.appctl("revalidator/purge")
        all_sorts(lambda *options: lab.to_overlay(*options, *load),
                  lambda *options: lab.to_vlan(*options, *load))
        ours = masks(edge)
        edge.vsctl("add-br", "br1", "--", "set", "bridge", "br1",
                   "datapath_type=netdev", "--", "add-port", "br1", "plain0",
                   "--", "add-port", "br1", "fixed0", f"tag={VLAN}", "--",
                   "set", "interface", "fixed0", "type=geneve",
                   f"options:remote_ip={VTEP}", f"options:key={VNI + 1}",
                   f"options:local_ip={edge.tunnel_ip}")
        edge.appctl("revalidator/purge")
        all_sorts(lambda *options: lab.to_overlay(*options, *load,
                                                  by="plain0"),
                  lambda *options: lab.to_vlan(*options, *load, vni=VNI + 1,
                                               by="plain0"))
        theirs = masks(edge)
    print(f"\nMasks in the datapath: {len(ours)}, with NORMAL {len(theirs)}")
    stream.write(json.dumps({"what": "masks", "pipeline": len(ours),
                             "NORMAL": len(theirs)}) + "\n")


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="how long each takes (default: 0.5, TCP at least "
                        "2)")
    parser.add_argument("--quick", action="store_true",
                        help="three runs, without TCP")
    parser.add_argument("--only", choices=["frames", "tcp", "masks"])
    options = parser.parse_args()
    skip_without_root()
    if options.quick:
        options.runs = 3
    with results("dataplane") as stream:
        for name, part in ("frames", frames), ("tcp", tcp):
            if options.only in (None, name) and not (
                    options.quick and name == "tcp"):
                part(options, stream)
        if options.only in (None, "masks"):
            count_masks(stream)


if __name__ == "__main__":
    run(main)
