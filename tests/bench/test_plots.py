# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Plots of results, up to what gnuplot would read: "cat" takes its place."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import plots    # noqa: E402

DOCS = os.path.join(HERE, "..", "..", "docs")
SEGMENTS = {"what": "segments", "n": 100, "flows": 535, "connect": 0.002,
            "kib": 6.5, "cpu": 0.19, "clock": 5.4, "daemon": 2.5}
RESULTS = {
    "scale": [SEGMENTS, {**SEGMENTS, "n": 1000, "daemon": 2.7},
              {"what": "macs", "n": 100000, "bytes": 243, "seconds": 1},
              {"what": "edges", "n": 100, "connect": 0.06, "cpu": 0.05,
               "idle": 0}],
    "learn": [{"what": "new", "switches": 64, "macs": 100000,
               "kakehashi": [{"rate": r} for r in (1e6, 2e6, 9e6)],
               "ovs-testcontroller": [], "minimal": [{"rate": 5e6}],
               "echo": [{"rate": 1.5e7}]},
              {"what": "latency", "kakehashi": [{"p50": 19}]}],
    "intake": [{"n": 100, "flows": 535, "full": [3, 4, 9], "part": [2],
                "add-flows": [18], "replace-flows": [19]}],
    "restart": [{"n": 1000, "macs": 10000, "flows": 25035, "restart": [46],
                 "dump": [31], "part": [46], "replace-flows": [246]}],
    "burst": [{"size": 1000, "rate": 0, "runs": [{"cpu": 7}]},
              {"size": 1000, "rate": 2000, "runs": [{"cpu": 28}]},
              {"macs": 20000, "minimal": [], "kakehashi": []}],
}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path, monkeypatch):
    """Results of every benchmark, and a gnuplot that says what it reads."""
    for source, rows in RESULTS.items():
        (tmp_path / f"{source}.json").write_text(
            "".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gnuplot").symlink_to(shutil.which("cat"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path


def draw(folder, *names):
    """(exit status, lines that are not the path of a figure)"""
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "plots.py"),
         f"--folder={folder}", *names], check=False, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, [line for line in done.stdout.splitlines()
                             if not line.endswith(".svg")]


def figures(folder):
    return {path.stem for path in folder.glob("*.svg")}


def test_all(folder):
    assert draw(folder) == (0, [])
    assert figures(folder) == set(plots.FIGURES)
    text = (folder / "one-more.svg").read_text(encoding="utf-8")
    assert "\n100 2.5\n1000 2.7\nEND\n" in text
    assert "set xrange [90:1100]" in text
    assert 'set xtics ("100" 100, "200" 200, "500" 500, "1,000" 1000)' in text
    assert 'title "kakehashi-ctl with its daemon"' in text


def test_some(folder):
    assert draw(folder, "macs", "burst") == (0, [])
    assert figures(folder) == {"macs", "burst"}
    status, lines = draw(folder, "mac")
    assert status == 2 and lines[-1].endswith("no figure is called mac")


def test_no_file(folder):
    (folder / "scale.json").unlink()
    status, lines = draw(folder)
    assert status == 0 and len(lines) == 1
    assert lines[0].endswith(
        "scale.json is not there, so nothing for sync, segment, one-more, "
        "macs, edges")
    assert figures(folder) == {"learning", "intake", "restart", "burst"}


def test_no_such_row(folder):
    (folder / "scale.json").write_text(json.dumps(SEGMENTS) + "\n")
    status, lines = draw(folder, "macs", "sync")
    assert status == 0 and len(lines) == 1
    assert lines[0].endswith("scale.json has nothing for macs")
    assert figures(folder) == {"sync"}


@pytest.mark.parametrize("line, complaint", [
    ('{"n": 100, "fl', "line 2 is not JSON"),
    ("", "line 2 is not JSON"),
    ("\udcff", "line 2 is not JSON"),
    ("[]", "line 2 is not such a result"),
    ("null", "line 2 is not such a result"),
    ('{"n": 100}', "line 2 is not such a result"),
    (json.dumps({**RESULTS["intake"][0], "part": []}),
     "line 2 is not such a result"),
    (json.dumps({**RESULTS["intake"][0], "part": ["2"]}),
     "line 2 is not such a result"),
    (json.dumps({**RESULTS["intake"][0], "flows": None}),
     "line 2 is not such a result"),
])
def test_malformed(folder, line, complaint):
    with open(folder / "intake.json", "a", encoding="utf-8",
              errors="surrogateescape") as stream:
        stream.write(line + "\n")
    status, lines = draw(folder)
    assert status == 1 and len(lines) == 1
    assert lines[0].endswith(f"intake.json, {complaint}")
    assert figures(folder) == set(plots.FIGURES) - {"intake"}


def test_points():
    """The last run counts; medians; what a logarithm has no room for."""
    found = plots.curves([{**SEGMENTS, "kib": 7}, SEGMENTS,
                          {**SEGMENTS, "n": 1000, "kib": 0}], plots.segment)
    assert found == {"time until in sync, in µs": [(100, 20), (1000, 2)],
                     "memory, in KiB": [(100, 6.5)]}
    assert plots.curves(RESULTS["learn"], plots.learning) == {
        "kakehashi": [(64, 2000)], "minimal": [(64, 5000)],
        "echo": [(64, 15000)]}
    assert plots.curves(RESULTS["intake"], plots.intake)[
        "all missing, kakehashi"] == [(535, 4)]


@pytest.mark.parametrize("values, limits, shown", [
    ([235, 243], "90:1100", ["100", "200", "500", "1,000"]),
    ([1000], "180:2200", ["200", "500", "1,000", "2,000"]),
    ([0.19, 1780], "0.09:2200", ["0.1", "1", "10", "100", "1,000"]),
    ([1.1e-9], "4.5e-10:5.5e-09", ["5e-10", "1e-09", "2e-09", "5e-09"]),
    ([9e8], "1.8e+08:2.2e+09", ["200,000,000", "500,000,000",
                                "1,000,000,000", "2,000,000,000"]),
])
def test_axis(values, limits, shown):
    limit, tics = plots.axis("x", values)
    assert limit == f"set xrange [{limits}]"
    assert tics.split('"')[1::2] == shown


def stated(source):
    """What docs/plots/ has of a benchmark."""
    with open(os.path.join(DOCS, "plots", f"{source}.json"),
              encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def test_documentation():
    """docs/performance.md says what its plots show."""
    with open(os.path.join(DOCS, "performance.md"),
              encoding="utf-8") as stream:
        text = stream.read()
    for row in stated("scale"):
        n = f"{row['n']:,}"
        assert re.search(rf"^\| {n} \| {1000 * row['connect']:.0f} ms "
                         rf"\| [\d.]+ \| {row['kib']} KiB "
                         rf"\| {row['cpu']} ms \|$", text, re.M), n
        assert (f"| {n} | {row['clock']:,} ms | {row['daemon']} ms |\n"
                in text), n
    for row in stated("intake"):
        full, add, part, replace = (
            row[key][0] for key in ("full", "add-flows", "part",
                                    "replace-flows"))
        assert re.search(rf"^\| {row['n']:,} \| {row['flows']:,} "
                         rf"\| {full} \| {add} \| [\d.]+ "
                         rf"\| {part} \| {replace} \| [\d.]+ \|$",
                         text, re.M), row["n"]
