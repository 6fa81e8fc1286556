#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What our patches to Open vSwitch gain: with them, and without.

Both are built from the same source with the same options ("make ovs" and
"make ovs-stock") and take turns:

    flow-mods       one after the other into a real ovs-vswitchd, then a
                    barrier
    ageing          the same with idle timeouts
    bundle          without, in an atomic bundle
    add-flows       the same from a file, by ovs-ofctl --bundle add-flows
    barriers        one outstanding, all on one processor
    packet-ins      into ovs-testcontroller, from emulated switches
    one packet-in   outstanding, all on one processor

CPU time is that of ovs-vswitchd or ovs-testcontroller, of all its threads.
Prints a table, and a line of JSON for each row into build/bench/patches.json.
"""

import contextlib
import json
import os
import statistics
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "flows")]
sys.dont_write_bytecode = True

from controllers import TestController, build, cpu_time, options_of, \
    results as open_results, run            # noqa: E402
from intake import RealSwitch               # noqa: E402
from learn import load                      # noqa: E402
from session import BUNDLE_ADD, BUNDLE_CONTROL, FLOW_MOD, Session, message \
    # noqa: E402

PROGRAMS = {"stock": "stock/ovs", "patched": "ovs"}
FLOWS = 100000
ROUNDS = 10000                  # Of a barrier.

OPEN, COMMIT, ATOMIC = 0, 4, 1


def flow_mod(n, idle_timeout=0):
    """Adds a flow to a MAC of its own."""
    match = struct.pack("!HHIHI2x", 1, 14, 0x80000606, 0x0200, n)
    output = struct.pack("!HHIH6x", 0, 16, 2, 0)
    actions = struct.pack("!HH4x", 4, 8 + len(output)) + output
    return message(FLOW_MOD, struct.pack(
        "!QQBBHHHIIIHH", 0, 0, 0, 0, idle_timeout, 0, 100, 0xffffffff,
        0xffffffff, 0xffffffff, 0, 0) + match + actions)


def bundle_control(kind):
    return message(BUNDLE_CONTROL, struct.pack("!IHH", 1, kind, ATOMIC))


def bundle_add(inner):
    return message(BUNDLE_ADD, struct.pack("!I2xH", 1, ATOMIC) + inner)


class PatchedSwitch(RealSwitch):
    """ovs-vswitchd and ovs-ofctl of a folder, and what they cost."""

    @property
    def pid(self):
        return self.processes[1].pid

    def cpu(self):
        total = 0
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += cpu_time(f"{self.pid}/task/{tid}")
        return total

    def empty(self):
        """Without flows, and with nothing to do."""
        self.ofctl("del-flows", "br0")
        before = -1
        while self.cpu() - before > 0.005:
            before = self.cpu()
            time.sleep(0.2)


# ---- What is measured: (what is counted, function) by name ------------------

def intake(switch, action):
    """Runs 'action', which adds the flows."""
    switch.empty()
    cpu, start = switch.cpu(), time.monotonic()
    action()
    seconds, cpu = time.monotonic() - start, switch.cpu() - cpu
    return {"cpu": 1e6 * cpu / FLOWS, "wall": 1e6 * seconds / FLOWS}


def flow_mods(switch, idle_timeout=0):
    messages = b"".join(flow_mod(n, idle_timeout) for n in range(FLOWS))
    with Session(switch) as session:
        return intake(switch, lambda: session.socket.sendall(messages)
                      or session.barrier())


def ageing(switch):
    return flow_mods(switch, 300)


def bundle(switch):
    adds = b"".join(bundle_add(flow_mod(n)) for n in range(FLOWS))
    messages = bundle_control(OPEN) + adds + bundle_control(COMMIT)
    with Session(switch) as session:
        return intake(switch, lambda: session.commit(messages))


def add_flows(switch):
    path = f"{switch.folder}/flows"
    with open(path, "w", encoding="ascii") as stream:
        for n in range(FLOWS):
            mac = ":".join(f"{b:02x}" for b in struct.pack("!HI", 0x0200, n))
            stream.write(f"priority=100,dl_dst={mac},actions=output:2\n")
    return intake(switch, lambda: switch.ofctl("--bundle", "add-flows", "br0",
                                               path))


@contextlib.contextmanager
def on_one_processor(pid):
    """This process and all threads of 'pid'."""
    every = os.sched_getaffinity(0)

    def pin(cpus):
        os.sched_setaffinity(0, cpus)
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), cpus)

    pin({max(every)})
    try:
        yield
    finally:
        pin(every)


def barriers(switch):
    switch.empty()
    times = []
    with Session(switch) as session, on_one_processor(switch.pid):
        for _ in range(ROUNDS):
            start = time.perf_counter()
            session.barrier()
            times.append(1e6 * (time.perf_counter() - start))
    times.sort()
    return {"p50": times[ROUNDS // 2], "p99": times[ROUNDS * 99 // 100]}


def packet_ins(programs):
    with TestController("ovs-testcontroller", programs=programs) as it:
        r = load(it, "--switches=15", "--macs=6667", "--window=256")
    return {"cpu": 1e6 * r["cpu"] / r["packet_ins"],
            "wall": 1e6 * r["seconds"] / r["packet_ins"]}


def one_packet_in(programs):
    cpu = max(os.sched_getaffinity(0))
    with TestController("ovs-testcontroller", cpu, programs) as it:
        r = load(it, "--latency", "--macs=10000", cpu=cpu)
    return {"p50": r["p50"], "p99": r["p99"]}


ROWS = {"flow-mods": flow_mods, "ageing": ageing, "bundle": bundle,
        "add-flows": add_flows, "barriers": barriers,
        "packet-ins": packet_ins, "one packet-in": one_packet_in}


def measure(row, runs):
    """Results by program, taking turns."""
    function, results = ROWS[row], {name: [] for name in PROGRAMS}
    with contextlib.ExitStack() as stack:
        subjects = {}
        for name, folder in PROGRAMS.items():
            folder = os.path.join(build(), folder)
            if function in (packet_ins, one_packet_in):
                subjects[name] = folder
            else:
                subjects[name] = PatchedSwitch(folder)
                stack.callback(subjects[name].stop)
        for _ in range(runs):
            for name, subject in subjects.items():
                results[name].append(function(subject))
    return results


def report(row, results):
    for unit in results["stock"][0]:
        cells, medians = "", {}
        for name in PROGRAMS:
            values = [r[unit] for r in results[name]]
            medians[name] = statistics.median(values)
            cells += f"{medians[name]:14.2f} ({max(values):7.2f})"
        print(f"{row:14} {unit:5}{cells}"
              f"{medians['patched'] / medians['stock']:10.2f}", flush=True)


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW")
    options = parser.parse_args()
    print("Microseconds for each, median (worst).  'cpu' is CPU time, 'wall' "
          "what it took;\n'p50' and 'p99' are from question to answer.\n\n"
          "                                  stock                patched"
          "     ratio", flush=True)
    with open_results("patches") as stream:
        for row in options.rows or ROWS:
            results = measure(row, options.runs)
            report(row, results)
            stream.write(json.dumps({"what": row, **results}) + "\n")
            stream.flush()


if __name__ == "__main__":
    run(main)
