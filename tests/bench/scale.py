#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the controller's work and memory follow.

Switches are emulated (tests/bench/ofload.c) and take whatever they get, so
that all that is seen is the controller:

    segments   one edge with N segments: from its connection to the barrier
               behind its flows, and the same for one more segment, by
               kakehashi-ctl as it is and with its daemon
    MACs       two edges, N MACs: memory
    together   100,000 segments on an edge, then a million MACs, then another
               edge of the cluster: memory
    edges      N edges in clusters of two, 20 segments each: until all are in
               sync, and what it costs to keep them when nothing happens

Prints tables, and a line of JSON for each row into build/bench/scale.json.
"""

import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import TRUNK, Kakehashi, LabError, bound_segments, \
    emulated_rows, ofload_command, options_of, results, run, \
    wait_until                                             # noqa: E402

SETTLE, IDLE = 22, 20           # Seconds.
TRIMMED = 3                     # Seconds until freed memory has gone back.


class Load:
    """ofload, which stays connected after its result.  With --on-input it
    waits for go()."""

    def __init__(self, controller, *options):
        self.process = subprocess.Popen(
            ofload_command(controller, "--hold=3600", *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def __enter__(self):
        return self

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise LabError("ofload has no result")
        return json.loads(line)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def connected(*options):
    return ["--keep-flows", "--macs=1", "--rounds=0", *options]


class Report:
    """A table on the terminal, and JSON."""

    def __init__(self, stream):
        self.stream = stream

    def title(self, text):
        print(text, flush=True)

    def row(self, text, **values):
        print(text, flush=True)
        self.stream.write(json.dumps(values) + "\n")
        self.stream.flush()


# ---- Segments -------------------------------------------------------------

def one_more(controller, numbers):
    """Milliseconds of the controller's CPU, and by the clock, for a segment
    that is added to the rest."""
    cpu, clock = [], []
    for i in numbers:
        before, start = controller.cpu(), time.monotonic()
        controller.ctl("--wait=edges", "segment-add", f"x{i}", 900000 + i,
                       "--", "bind", f"x{i}", "c0", "trunk0", 4094 - i)
        clock.append(1000 * (time.monotonic() - start))
        cpu.append(1000 * (controller.cpu() - before))
    return statistics.median(cpu), statistics.median(clock)


def segments(report, scales):
    report.title("segments   in sync (ms)   flows/segment   KiB/segment"
                 "   one more: CPU (ms)   kakehashi-ctl (ms)"
                 "   with its daemon (ms)")
    empty = None
    for n in scales:
        rows = emulated_rows(1, segments=n)
        with Kakehashi() as controller:
            empty = empty or controller.memory()
            with controller.ctl_daemon():
                controller.configure(rows)
            controller.restart()
            controller.ctl("--wait=none", "sync")
            trunks = f"--trunks={-(-n // TRUNK)}"
            with Load(controller, *connected(trunks)) as load:
                result = load.result()
                controller.ctl("--wait=edges", "sync")
                flows = controller.count("flows")
                memory = (controller.memory() - empty) / n
                cpu, clock = one_more(controller, range(11))
                with controller.ctl_daemon():
                    _, daemon = one_more(controller, range(11, 42))
        report.row(f"{n:8} {1000 * result['connect']:14.0f} "
                   f"{flows / n:15.1f} {memory:13.1f} {cpu:20.2f} "
                   f"{clock:20.1f} {daemon:22.1f}", what="segments", n=n,
                   flows=flows, connect=result["connect"], kib=memory,
                   cpu=cpu, clock=clock, daemon=daemon)


# ---- MACs -----------------------------------------------------------------

def two_edges():
    for i in range(2):
        yield ("edge-add", f"e{i}", f"{i + 1:016x}", f"10.1.0.{i + 1}",
               "peer_port=peer0")
    yield "cluster-add", "c0", "e0", "e1"


def wait_active(controller):
    """Until the first edge that is there is active, and can hear of MACs."""
    wait_until(lambda: "c0: e0 is active" in controller.appctl("cluster/show"),
               what="an active edge")


def macs(report, scales):
    report.title("\n    MACs   bytes/MAC   learned (1,000/s, with the other "
                 "edge's flows)")
    for n in scales:
        rows = [*two_edges(),
                ("segment-add", "s0", 10000, "mac_limit=1048576"),
                ("bind", "s0", "c0", "trunk0", 1)]
        with Kakehashi(rows=rows) as controller, \
                Load(controller, "--on-input", f"--macs={n}",
                     "--window=256") as load:
            wait_active(controller)
            with Load(controller, *connected("--dpid=2")) as standby:
                standby.result()
                controller.ctl("--wait=edges", "sync")
                before = controller.memory()
                load.go()
                result = load.result()
                # Behind all that is still on its way to the other edge.
                controller.ctl("--wait=edges", "segment-add", "s1", 10001,
                               "--", "bind", "s1", "c0", "trunk0", 2)
                memory = 1024 * (controller.memory() - before) / n
        report.row(f"{n:8} {memory:11.0f} "
                   f"{n / result['seconds'] / 1000:9.0f}", what="macs", n=n,
                   bytes=memory, seconds=result["seconds"])


def together(report, n_segments, n_macs):
    report.title("\nsegments      MACs   MiB: one edge   with MACs   and another"
                 " edge   at most")
    trunks = f"--trunks={-(-n_segments // TRUNK)}"
    with Kakehashi() as controller:
        with controller.ctl_daemon():
            controller.configure([*two_edges(),
                                  *bound_segments("c0", 0, n_segments)])
        controller.restart()
        controller.ctl("--wait=none", "sync")
        with Load(controller, "--on-input", f"--macs={n_macs}",
                  "--window=256", trunks) as load:
            wait_active(controller)
            controller.ctl("--wait=edges", "sync")
            time.sleep(TRIMMED)
            sizes = [controller.memory()]
            load.go()
            load.result()
            sizes.append(controller.memory())
            with Load(controller, *connected("--dpid=2", trunks)) as other:
                other.result()
                controller.ctl("--wait=edges", "sync")
                time.sleep(TRIMMED)
                sizes += [controller.memory(), controller.memory("VmHWM")]
    one, learned, both, peak = (size / 1024 for size in sizes)
    report.row(f"{n_segments:8} {n_macs:9} {one:15.0f} {learned:11.0f} "
               f"{both:18.0f} {peak:9.0f}", what="together",
               segments=n_segments, macs=n_macs, one=one, learned=learned,
               both=both, peak=peak)


# ---- Edges ----------------------------------------------------------------

def pairs(edges, segments_each):
    for n in range(edges // 2):
        two = [2 * n, 2 * n + 1]
        for i in two:
            yield ("edge-add", f"e{i}", f"{i + 1:016x}",
                   f"10.1.{i >> 8}.{i & 255}", "peer_port=peer0")
        yield ("cluster-add", f"c{n}", *(f"e{i}" for i in two))
        for i in range(segments_each):
            number = n * segments_each + i
            yield "segment-add", f"s{number}", 10000 + number
            yield "bind", f"s{number}", f"c{n}", "trunk0", i + 1


def at_rest(controller):
    """The controller's CPU time, per cent, once two rounds of statistics have
    told it that nothing happens."""
    time.sleep(SETTLE)
    before = controller.cpu()
    time.sleep(IDLE)
    return 100 * (controller.cpu() - before) / IDLE


def traffic(n):
    """The same, if each flow has counted a frame a second."""
    with Kakehashi(rows=pairs(n, 20)) as controller:
        controller.restart()
        with Load(controller, *connected(f"--switches={n}", "--traffic")) \
                as load:
            load.result()
            controller.ctl("--wait=edges", "sync")
            return at_rest(controller)


def edges(report, scales, with_traffic):
    report.title("\n   edges   in sync (ms)   CPU (ms)   idle CPU (%)"
                 "   with frames everywhere (%)")
    for n in scales:
        with Kakehashi(rows=pairs(n, 20)) as controller:
            controller.restart()
            controller.ctl("--wait=none", "sync")
            before = controller.cpu()
            with Load(controller, *connected(f"--switches={n}")) as load:
                result = load.result()
                controller.ctl("--wait=edges", "sync")
                cpu = controller.cpu() - before
                idle = at_rest(controller)
        busy = traffic(n) if with_traffic else None
        report.row(f"{n:8} {1000 * result['connect']:14.0f} "
                   f"{1000 * cpu:10.0f} {idle:14.2f}"
                   + (f" {busy:28.2f}" if with_traffic else ""),
                   what="edges", n=n, connect=result["connect"], cpu=cpu,
                   idle=idle, busy=busy)


def main():
    parser = options_of(__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with results("scale") as stream:
        report = Report(stream)
        segments(report,
                 [100, 1000] if quick else [100, 1000, 4000, 50000])
        macs(report, [100000] if quick else [100000, 1000000])
        if not quick:
            together(report, 100000, 1000000)
        edges(report, [100] if quick else [100, 300, 1000], not quick)


if __name__ == "__main__":
    run(main)
