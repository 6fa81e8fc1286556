# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a dry run says of flows is what happens then."""

import re

from netns import wait_until
from world import active_edge, configure, our_flows, wait_synced

# Those of stations that speak are not foreseen.
LEARNED_MAC = "cookie=0x4b4806"

COMMANDS = [
    ("segment-add", "red", 5002),
    ("bind", "red", "edges", "trunk1", 100),
    ("bind", "red", "edges", "trunk1", 101),
    ("set", "Binding", "edges/trunk1/101", "vlan=102"),
    ("set", "Binding", "edges/trunk1/102", "options:bum_in_pps=100",
     "options:bpdu=forward"),
    ("host-port-del", "blue", "host1", "vm2"),
    ("host-port-add", "red", "host1", "vm2"),
    ("mac-add", "red", "02:00:00:00:00:01", "edges/trunk1/100"),
    ("mac-add", "red", "02:00:00:00:00:02", "host1/vm2"),
    ("set", "Edge", "ACTIVE", "drained=true"),
    ("vtep-add", "red", "192.0.2.9"),
    ("set", "Segment", "red", "options:unknown_unicast=drop"),
    ("set", "Segment", "red", "vni=5003"),
    ("unbind", "red", "edges", "trunk1", 102),
    ("bind", "red", "edges", "nosuch", 7),
    ("--cascade", "segment-del", "red"),
    ("--cascade", "segment-del", "blue"),
    ("--cascade", "edge-del", "host1"),
]


def parse(flow):
    """((fields), [actions]), whoever has printed the flow.  The order in which
    places are flooded is that in which the controller has come to know them;
    "strip_vlan" is how OpenFlow 1.0 calls it."""
    match, _, actions = flow.partition("actions=")
    fields = set(match.replace(" ", ",").split(",")) - {"", "table=0"}
    return (tuple(sorted(fields)),
            sorted(actions.replace("strip_vlan", "pop_vlan").split(",")))


def flows_of(lab):
    return {switch.name: dict(parse(flow) for flow in our_flows(switch)
                              if not flow.startswith(LEARNED_MAC))
            for switch in lab.controlled}


def told(out):
    """What a dry run says that becomes of the flows of each edge."""
    edges, numbers = {}, {}
    for line in out.splitlines():
        counts = re.match(r"flows of (\S+): (\d+) added, (\d+) changed, "
                          r"(\d+) deleted$", line)
        if counts:
            flows = edges[counts[1]] = {"+": {}, "~": {}, "-": {}}
            numbers[counts[1]] = [int(n) for n in counts.groups()[1:]]
        elif line.startswith("    "):
            fields, actions = parse(line[6:])
            flows[line[4]][fields] = actions
    assert numbers == {edge: [len(f) for f in flows.values()]
                       for edge, flows in edges.items()}
    return edges


def seen(before, after):
    """What has become of them, in the same form."""
    edges = {}
    for edge, old in before.items():
        new = after[edge]
        flows = {"+": {f: new[f] for f in new.keys() - old.keys()},
                 "~": {f: new[f] for f in new.keys() & old.keys()
                       if new[f] != old[f]},
                 "-": {f: old[f] for f in old.keys() - new.keys()}}
        if any(flows.values()):
            edges[edge] = flows
    return edges


def test_dry_run_foresees_flows(blue):
    """Every flow of every edge, with port numbers and actions."""
    wait_synced(blue)
    before = flows_of(blue)
    for command in COMMANDS:
        if "ACTIVE" in command:
            command = [active_edge(blue)[0].name if word == "ACTIVE" else word
                       for word in command]
        out = blue.control.ctl("--dry-run", "--flows", *command)
        assert flows_of(blue) == before
        configure(blue, command)
        # It may take one edge after the other.
        wait_until(lambda: told(out) == seen(before, flows_of(blue)), 5,
                   f"what {command} was to do: {out}")
        assert "assumed" not in out
        assert ('has no port "nosuch"' in out) == ("nosuch" in command)
        before = flows_of(blue)
