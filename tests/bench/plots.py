#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Curves of what the benchmarks found, drawn by gnuplot.

Reads the lines of JSON that benchmarks leave in build/bench/, and writes an
SVG beside them for each of these:

    sync        until one edge is in sync, by its segments
    segment     the same and memory, for each segment
    one-more    what one more segment takes
    macs        memory for each MAC
    edges       until all edges are in sync
    learning    packet-ins in a second of CPU time, by switches
    intake      flows into a real switch, beside ovs-ofctl
    restart     back after a restart, beside a reader
    burst       CPU time for a MAC, by how fast they come

Of benchmarks that ran more than once the last counts.  All axes are
logarithmic.  A file that is not there costs its curves and a line that says
so; one that is not what a benchmark writes, the exit status as well.
"""

import bisect
import json
import os
import statistics
import subprocess
import sys
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import options_of, results_folder, run     # noqa: E402

MOST = 1e9                      # No result is more, or less than 1 / MOST.
STEPS = [m * 10 ** e if e >= 0 else m / 10 ** -e
         for e in range(-10, 11) for m in (1, 2, 5)]
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#7f7f7f"]
SHAPES = [7, 5, 9, 13]          # Of points: filled ones.


# ---- From a result to points: (curve, x, y) --------------------------------

def learning(row):
    if row["what"] == "new" and row["macs"] == 100000:
        for name in "kakehashi", "ovs-testcontroller", "minimal", "echo":
            rates = [one["rate"] / 1000 for one in row[name]]
            if rates:
                yield name, row["switches"], statistics.median(rates)


def sync(row):
    if row["what"] == "segments":
        yield "kakehashi", row["n"], 1000 * row["connect"]


def segment(row):
    if row["what"] == "segments":
        n = row["n"]
        yield "time until in sync, in µs", n, 1e6 * row["connect"] / n
        yield "memory, in KiB", n, row["kib"]


def one_more(row):
    if row["what"] == "segments":
        yield "kakehashi-ctl by itself", row["n"], row["clock"]
        yield "kakehashi-ctl with its daemon", row["n"], row["daemon"]
        yield "CPU time of the controller", row["n"], row["cpu"]


def macs(row):
    if row["what"] == "macs":
        yield "kakehashi", row["n"], row["bytes"]


def edges(row):
    if row["what"] == "edges":
        yield "by the clock", row["n"], row["connect"]
        yield "CPU time of the controller", row["n"], row["cpu"]


def times(row, names):
    for key, name in names.items():
        yield name, row["flows"], statistics.median(row[key])


def intake(row):
    return times(row, {"full": "all missing, kakehashi",
                       "add-flows": "all missing, ovs-ofctl",
                       "part": "1 % missing, kakehashi",
                       "replace-flows": "1 % missing, ovs-ofctl"})


def restart(row):
    return times(row, {"restart": "all there, kakehashi",
                       "dump": "all there, a reader",
                       "part": "1 % missing, kakehashi",
                       "replace-flows": "1 % missing, ovs-ofctl"})


def burst(row):
    if "size" in row and row["rate"]:
        yield f"bursts of {row['size']:,}", row["rate"], statistics.median(
            one["cpu"] for one in row["runs"])


class Figure(NamedTuple):
    source: str                 # The benchmark.
    points: object              # A function from above.
    title: str
    x: str
    y: str


FIGURES = {
    "sync": Figure("scale", sync, "One edge in sync", "segments", "ms"),
    "segment": Figure("scale", segment, "What each segment takes", "segments",
                      "µs, KiB"),
    "one-more": Figure("scale", one_more, "One more segment, until edges "
                       "have it", "segments that are there", "ms"),
    "macs": Figure("scale", macs, "Memory for each MAC, two edges", "MACs",
                   "bytes"),
    "edges": Figure("scale", edges, "All edges in sync, 20 segments each",
                    "edges", "s"),
    "learning": Figure("learn", learning, "Packet-ins in a second of the "
                       "controller's CPU time, 200,000 MACs", "switches",
                       "thousands"),
    "intake": Figure("intake", intake, "Flows into a real switch", "flows",
                     "ms"),
    "restart": Figure("restart", restart, "In sync after a restart of the "
                      "controller", "flows in the switch", "ms"),
    "burst": Figure("burst", burst, "CPU time of the controller for a MAC",
                    "new MACs a second", "µs"),
}


# ---- Files to curves ------------------------------------------------------

class Malformed(Exception):
    """A line that no benchmark writes."""


def load(path):
    """The results in a file."""
    rows = []
    with open(path, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise Malformed(f"line {number} is not JSON") from None
    return rows


def curves(rows, points):
    """{name: [(x, y)]}, in the order of x."""
    found = {}
    for number, row in enumerate(rows, 1):
        try:
            for name, x, y in points(row):
                if 1 / MOST < x < MOST and 1 / MOST < y < MOST:
                    found.setdefault(name, {})[x] = y
        except (LookupError, TypeError, ValueError, ArithmeticError):
            raise Malformed(f"line {number} is not such a result") from None
    return {name: sorted(curve.items()) for name, curve in found.items()}


# ---- Curves to what gnuplot reads -----------------------------------------

def quote(text):
    return json.dumps(text, ensure_ascii=False)


def axis(name, values):
    """From one of STEPS to another, over a factor of 10 or more."""
    low = bisect.bisect_right(STEPS, min(values)) - 1
    high = bisect.bisect_left(STEPS, max(values))
    while high - low < 3:
        low, high = (low, high + 1) if (high - low) % 2 else (low - 1, high)
    shown = STEPS[low:high + 1]
    if len(shown) > 7:
        shown = [s for s in shown if f"{s:e}".startswith("1")]
    tics = ", ".join(f"{quote(f'{s:,}')} {s}" for s in shown)
    return [f"set {name}range [{0.9 * STEPS[low]:g}:{1.1 * STEPS[high]:g}]",
            f"set {name}tics ({tics})"]


def script(figure, found):
    """The commands for one figure."""
    lines = ["set encoding utf8",
             "set terminal svg noenhanced size 640,400 background 'white' "
             "font 'sans-serif,13' linewidth 1.5",
             f"set title {quote(figure.title)}",
             f"set xlabel {quote(figure.x)} offset 0,0.4",
             f"set ylabel {quote(figure.y)}",
             "set logscale xy", "set border 3 linecolor '#555555'",
             "set tics nomirror", "set grid linecolor '#dddddd'",
             "set key below Left reverse maxcols 2 width -2 height 0.5"]
    flat = [point for curve in found.values() for point in curve]
    lines += axis("x", [x for x, _ in flat]) + axis("y", [y for _, y in flat])
    plots = []
    for n, (name, curve) in enumerate(found.items()):
        lines += [f"$curve{n} << END", *(f"{x:g} {y:g}" for x, y in curve),
                  "END"]
        plots.append(f"$curve{n} with linespoints title {quote(name)} "
                     f"linecolor '{COLOURS[n % len(COLOURS)]}' "
                     f"pointtype {SHAPES[n % len(SHAPES)]} pointsize 0.7")
    return "\n".join([*lines, "plot " + ", ".join(plots), ""])


def draw(path, commands):
    done = subprocess.run(["gnuplot"], input=commands, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"},
                          stdout=subprocess.PIPE, encoding="utf-8")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(done.stdout)
    print(os.path.relpath(path))


def draw_from(path, names):
    """Figures from the results of one benchmark, into the same folder."""
    rows, nothing = load(path), []
    for name in names:
        found = curves(rows, FIGURES[name].points)
        if found:
            draw(os.path.join(os.path.dirname(path), f"{name}.svg"),
                 script(FIGURES[name], found))
        else:
            nothing.append(name)
    if nothing:
        print(f"plots: {os.path.relpath(path)} has nothing for "
              + ", ".join(nothing))


def main():
    parser = options_of(__doc__)
    parser.add_argument("--folder", default=results_folder(),
                        help="another than build/bench/")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="which of them (default: all)")
    options = parser.parse_args()
    files, status = {}, 0
    for name in options.names or FIGURES:
        if name not in FIGURES:
            parser.error(f"no figure is called {name}")
        files.setdefault(FIGURES[name].source, []).append(name)
    for source, names in files.items():
        path = os.path.join(options.folder, f"{source}.json")
        try:
            if os.path.exists(path):
                draw_from(path, names)
            else:
                print(f"plots: {os.path.relpath(path)} is not there, so "
                      f"nothing for {', '.join(names)}")
        except Malformed as problem:
            print(f"plots: {os.path.relpath(path)}, {problem}")
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    run(main)
