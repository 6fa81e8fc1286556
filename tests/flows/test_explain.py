# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What flows/explain.h says of frames is what a switch does with them: the
rows of test_verdicts.py, and those that are about VTEPs and stations there."""

import json
import os
import re
import subprocess

import pytest

from test_verdicts import ALL, LEARN_ROWS, METERED, ROWS, load, local, tunnel

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("KAKEHASHI_BUILD", f"{HERE}/../../build")

# By a port that sees others, and where the flood of a segment has nobody.
MORE = [
    ("standby that sees others", "alone.e2", local("p1", 10, 1, ALL), []),
    ("standby that sees others, from the overlay", "alone.e2",
     tunnel("fd00::3", 3, 1), []),
    ("host that sees edges", "alone.e3", local("p1", None, 3, 1),
     ["10.0.0.1 5000"]),
    ("standby of a fence", "fence.e2", local("p1", 10, 1, ALL), []),
    ("one of three that stands by", "three.e1", local("p1", 10, 1, ALL), []),
    ("unknown, alone in its segment", "host.e1",
     local("p1", None, 1, 0x99), []),
    ("known, to itself", "host.e1", local("p1", None, 1, 1), []),
]
CASES = ROWS + MORE + [(f"learn: {row[0]}", row[1], row[2], None)
                       for row in LEARN_ROWS] \
    + [(f"meter: {row[0]}", "storm.e1", row[1], None) for row in METERED]

FIELDS = {"dl_vlan": "vlan", "dl_src": "src", "dl_dst": "dst",
          "tun_src": "from", "tun_ipv6_src": "from", "tun_id": "vni",
          "dl_type": "type"}
REPORT = 320                    # LAYOUT_PRIO_REPORT
PORTS = {"1": "genev0", "2": "p1", "3": "p2"}


def written(golden, frame):
    """A frame as explain reads it, from the way ofproto/trace does."""
    words = golden.split(".")
    for field in frame.split(","):
        key, value = field.split("=")
        if key == "in_port":
            words.append(PORTS[value])
        elif key in FIELDS:
            words.append(f"{FIELDS[key]}={value}")
        elif key == "tun_flags":
            words.append(value)
        else:
            assert key == "dl_vlan_pcp"
    return " ".join(words)


@pytest.fixture(scope="module")
def explained():
    """What is said of each case."""
    lines = [written(golden, frame) for _, golden, frame, _ in CASES]
    done = subprocess.run([os.path.join(BUILD, "tests", "explain")],
                          input="\n".join(lines), stdout=subprocess.PIPE,
                          text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def counted(trace, drop):
    """Whether 'trace' shows that what counts has counted the frame."""
    if "cookie" not in drop:
        return re.search(fr"^ *{drop['table']}\. No match\.", trace, re.M)
    flow = (fr"^ *{drop['table']}\. .*priority {drop['priority']}, "
            fr"cookie {drop['cookie']}$")
    return re.search(flow, trace, re.M)


@pytest.mark.parametrize("number", range(len(CASES)),
                         ids=[f"{row[1]}: {row[0]}" for row in CASES])
def test_explained(switch, explained, number):
    _, golden, frame, expected = CASES[number]
    said = explained[number]
    if switch.loaded != golden:
        load(switch, golden)
        switch.loaded = golden
    trace = switch.trace(frame)
    assert sorted(said["outputs"]) == switch.outputs(frame)
    assert expected is None or sorted(said["outputs"]) == sorted(expected)
    assert said["outputs"] or said["drops"] or said["taken"]

    # A guard against BPDUs drops the frame, and the controller is told.
    told = bool(re.search(r"^ *0\. .*\n *controller", trace, re.M | re.I))
    assert told == (said["taken"] or any(
        drop.get("priority") == REPORT for drop in said["drops"]))
    for drop in said["drops"]:
        assert counted(trace, drop), f"{drop}\n{trace}"
