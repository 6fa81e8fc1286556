# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a dry run says of flows is what happens then."""

import re

from frames import BROADCAST
from netns import LabError, wait_until
from world import (active_edge, configure, our_flows, program_foreign,
                   wait_location, wait_synced)

FAR = "far"                     # Stands for the address of that switch.

# Changes, and stations that speak in between: (station, segment, location).
STEPS = [
    ("vm1", "blue", "host1/vm1"),
    ("vm2", "blue", "host1/vm2"),
    ("ph1", "blue", "edges/trunk0/100"),
    ("set", "Segment", "blue", "options:learn_vteps=true"),
    ("vm9", "blue", FAR),
    ("segment-add", "red", 5002),
    ("bind", "red", "edges", "trunk1", 100),
    ("ph3", "red", "edges/trunk1/100"),
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
    ("vtep-add", "blue", FAR),
    ("set", "Segment", "red", "options:unknown_unicast=drop"),
    ("mac-add", "red", "ph3", "edges/trunk1/100"),
    ("mac-del", "red", "ph3"),
    ("ph3", "red", "edges/trunk1/100"),
    ("set", "Segment", "red", "vni=5003"),
    ("ph3", "red", "edges/trunk1/100"),
    ("unbind", "red", "edges", "trunk1", 102),
    ("bind", "red", "edges", "nosuch", 7),
    ("--cascade", "unbind", "red", "edges", "trunk1", 100),
    ("--cascade", "segment-del", "red"),
    ("ph1", "blue", "edges/trunk0/100"),
    # There is only the drained one then.
    ("--cascade", "edge-del", "ACTIVE"),
    ("vtep-del", "blue", FAR),
    ("ph1", "blue", "edges/trunk0/100"),
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
    return {switch.name: dict(map(parse, our_flows(switch)))
            for switch in lab.controlled}


def word(lab, name):
    """A word of a step, as it is in this lab."""
    if name in ("ACTIVE", "STANDBY"):
        return active_edge(lab)[name == "STANDBY"].name
    if name == FAR:
        return lab.switch(FAR).tunnel_ip
    if name == "ph3":
        return lab.station(name).mac
    return name


def speak(lab, wires, station, segment, location):
    """A station speaks, with more than one MAC."""
    macs = [lab.station(station).mac, "06" + lab.station(station).mac[2:]]
    for mac in macs:
        wires[station].send(BROADCAST, src=mac)
    for mac in macs:
        wait_location(lab, mac, word(lab, location), segment)
    wait_synced(lab, *lab.control.ctl("--bare", "--columns=name", "list",
                                      "Edge").split())


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


def strip(edges):
    """The same, flow by flow."""
    return sorted(f"{edge} {sign} {','.join(fields)} {','.join(actions)}"
                  for edge, flows in edges.items()
                  for sign, some in flows.items()
                  for fields, actions in some.items())


def test_dry_run_foresees_flows(blue, wires):
    """Every flow of every edge, with port numbers and actions, also of what
    was learned."""
    far = blue.switch(FAR)
    program_foreign(far, 5001, [s.tunnel_ip for s in blue.controlled])
    wait_synced(blue)
    for step in STEPS:
        if step[0] in wires.wires:
            speak(blue, wires, *step)
            continue
        step = [word(blue, name) for name in step]
        before = flows_of(blue)
        out = blue.control.ctl("--dry-run", "--flows", *step)
        assert flows_of(blue) == before
        configure(blue, step)
        # It may take one edge after the other.
        try:
            wait_until(lambda: told(out) == seen(before, flows_of(blue)), 5)
        except LabError:
            # What has not come, and what has, apart from what is as told.
            assert strip(told(out)) == strip(seen(before, flows_of(blue))), \
                step
        assert "assumed" not in out and "learned" not in out
        assert ('has no port "nosuch"' in out) == ("nosuch" in step)
