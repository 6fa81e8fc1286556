# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How the lab looks on a terminal: steps, headings and the map."""

import re
import sys
import time

import plan

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32",
           "yellow": "33", "magenta": "35", "cyan": "36"}

# Everything in the map that has a colour, and which.
MAP_COLOURS = [
    (r"[─│┌┐└┘├┤┬┴║╨╥┄┆]+", "dim"),
    (r"\b(host1|edge[12]|tor|vm1|ph1|ctl)\b", "bold"),
    (r"\b\d+\.\d+\.\d+\.\d+\b|\bfd00[0-9a-f:]+", "cyan"),
    (r"VLAN \d+|trunk0", "yellow"),
    (r"VNI \d+", "magenta"),
    (r"\bactive|\bup\b", "green"),
    (r"\bstandby|OpenFlow|BFD", "dim"),
    (r"\bdown\b|no contact", "red"),
]

MAP = """\
  overlay, GENEVE                                        physical, 802.1Q
  VNI 5001                                               VLAN 100

                          ┌─────────────────┐
                      ┌───┤ edge1 {role1:>9} ├─ trunk0 ─┐
                      │   │ {edge1:15} │          │
  ┌────────────────┐  │   └────────╥────────┘          │  ┌────────────────┐
  │ host1          │  │        BFD ║ {bfd:4}              │  │ tor            │
  │ {host1:14} ├──┤            ║                   ├──┤ Open vSwitch   │
  └───────┬────────┘  │   ┌────────╨────────┐          │  └───────┬────────┘
          │           └───┤ edge2 {role2:>9} ├─ trunk0 ─┘          │ VLAN 100
  ┌───────┴────────┐      │ {edge2:15} │             ┌───────┴────────┐
  │ vm1            │      └─────────────────┘             │ ph1            │
  │ {vm1:14} │                                      │ {ph1:14} │
  └────────────────┘      ┌─────────────────┐             └────────────────┘
                          │ ctl  {ctl:>10} │
           OpenFlow to ┄┄┄┤ kakehashi       │
   edge1, edge2, host1    │ ovsdb-server    │
                          └─────────────────┘
"""


class Screen:
    """Prints, with colours if a person is looking."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.colours = self.stream.isatty()
        self.since = time.monotonic()

    def paint(self, colour, text):
        if not self.colours:
            return text
        return f"\033[{COLOURS[colour]}m{text}\033[0m"

    def say(self, text=""):
        print(text, file=self.stream, flush=True)

    def heading(self, text):
        self.say("\n" + self.paint("bold", text))

    def step(self, name, what):
        """One line for a step that is done, with the time it took."""
        took, self.since = time.monotonic() - self.since, time.monotonic()
        self.say(f"  {self.paint('green', '✓')} {name:11}{what:52}"
                 + self.paint("dim", f"{took:4.1f} s"))

    def command(self, text, where=None):
        note = self.paint("dim", f"   # on {where}") if where else ""
        self.say(f"  {self.paint('dim', '$')} {self.paint('bold', text)}"
                 + note)

    def output(self, text):
        for line in text.rstrip().splitlines():
            self.say(f"    {line}".rstrip())

    def map(self, facts):
        """The map with 'facts' filled in."""
        text = MAP.format(**facts)
        if self.colours:
            pattern = "|".join(f"(?P<c{n}>{p})"
                               for n, (p, _) in enumerate(MAP_COLOURS))
            text = re.sub(pattern, self._paint_match, text)
        self.say(text.rstrip())

    def _paint_match(self, match):
        number = int(match.lastgroup[1:])
        return self.paint(MAP_COLOURS[number][1], match.group())


def map_facts(lab):
    """What the map shows of a running lab.

    It asks the switches and the controller, and shows what they say: a lab
    in which something was broken looks broken.
    """
    facts = {node.name: node.tunnel_ip for node in lab.switches}
    facts.update((node.name, node.ip_address) for node in lab.stations)
    facts["ctl"] = plan.CONTROLLER_IP
    facts["bfd"] = ("up" if "Local Session State: up"
                    in lab.node("edge1").run("ovs-appctl", "bfd/show",
                                             check=False)[1] else "down")
    active = active_edge(lab)
    for number in "12":
        name = f"edge{number}"
        facts[f"role{number}"] = ("" if active is None else
                                  "active" if name == active else "standby")
    return facts


def control_rows(lab):
    """Lines that say what each control node does."""
    for node in lab.control_nodes:
        does = []
        if node in lab.controllers:
            status, _ = node.run("ovs-appctl", "-t", "kakehashi", "version",
                                 check=False)
            does.append("kakehashi" + (" (down)" if status else ""))
        if node.database in lab.databases:
            role = node.database.role() if lab.databases[1:] else "alone"
            does.append(f"ovsdb-server ({role or 'down'})")
        yield f"{node.name:6}{node.address:12}{', '.join(does)}"


def active_edge(lab):
    """Name of the cluster's active edge, None if nobody can tell."""
    status, text = lab.control.run(
        "kakehashi-ctl", "--timeout=5", "--bare", "--columns=name", "find",
        "edge", "connected=true", check=False)
    if status:
        return None
    connected = text.split()
    status, text = lab.control.run(
        "kakehashi-ctl", "--timeout=5", "--bare", "--columns=active_edge",
        "list", "cluster", "edges", check=False)
    if status or not text.strip():
        return None
    status, text = lab.control.run(
        "kakehashi-ctl", "--timeout=5", "--bare", "get", "edge",
        text.strip(), "name", check=False)
    name = text.strip().strip('"')
    return name if not status and name in connected else None
