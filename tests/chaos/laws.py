# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What must hold when all is put right again, and how long that takes.

First everything has to come to rest, which is waited for; then the laws are
looked at, once.
"""

import concurrent.futures
import math
import re
import signal
import subprocess
import time

import frames
from deeds import CTL_TIMEOUT
from model import SWITCHES
from netns import LabError, wait_until
from plans import FRAMES, NOTHING

PATIENCE = 90                   # Seconds in which everything is at rest.
# How much a controller may grow from its second round on, in MiB.  It knows
# some thousand MACs more or less from one round to the next, and its heap
# has holes.
GROWTH = 24


class Broken(Exception):
    """A law does not hold."""

    def __init__(self, law, details):
        super().__init__("; ".join([law, *details[:5]]))
        self.law = law
        self.details = details


class Stream(frames.Stream):
    """Broadcasts that leave the machine time for other things."""

    INTERVAL = 0.01


class Judge:
    """Looks at the lab of a stage."""

    def __init__(self, stage):
        self.stage = stage
        self.lab = stage.lab
        self.memory = {}        # {pid: RSS when it was seen in a round}.
        self._shows = {}        # What the controllers said last.
        self._ping = None
        self._streams = []

    @property
    def model(self):
        return self.stage.model

    # ---- At rest ----------------------------------------------------------

    def settle(self):
        """Until all is at rest; in seconds."""
        start = time.monotonic()
        deadline = start + PATIENCE
        for what, step in [
                ("the databases agree", self._databases),
                ("the configuration is written", self._written),
                ("controllers agree, and all is in order", self._in_order),
                ("the edges reach each other", self._underlay),
                ("desired = installed on every edge", self._installed),
                ("every MAC is where it is", self._known),
                ("every frame arrives", self._arrives),
                ("all stays in order", self._in_order)]:
            self._wait(what, step, deadline)
        return time.monotonic() - start

    def _wait(self, what, step, deadline):
        """Until 'step' has nothing to complain of."""
        while True:
            try:
                wrong = step()
            except LabError as error:
                wrong = [str(error)]
            if not wrong:
                return
            if time.monotonic() > deadline:
                raise Broken(f"{what}, within {PATIENCE} s", wrong)
            time.sleep(0.1)

    def _databases(self):
        states = [d.status() for d in self.lab.databases]
        if (all(knows for _, knows in states)
                and [role for role, _ in states].count("leader") == 1):
            return []
        return [f"{d.name}: {role}" for d, (role, _)
                in zip(self.lab.databases, states)]

    def _written(self):
        if not self.stage.perform_late():
            return ["there are orders that cannot be given"]
        status, text = self.lab.control.try_ctl("--wait=edges", "sync",
                                                timeout=4 * CTL_TIMEOUT)
        return [text] if status else []

    def _in_order(self):
        """One leader each, one active edge each, and no complaints."""
        self._shows = {c: self.stage.ask_json(c, "show")
                       for c in self.lab.controllers}
        silent = [f"{c.name} does not answer"
                  for c, show in self._shows.items() if not show]
        if silent:
            return silent
        wrong = []
        for controller, show in self._shows.items():
            wrong += [f"{controller.name}: {text}"
                      for text in self._complaints(show)]
        for name in SWITCHES:
            leaders = [c.name for c in self._leaders(name)]
            if len(leaders) != 1:
                wrong.append(f"{name} is led by {leaders or 'nobody'}")
        for name in self.model.clusters:
            rows = {s["active"] for s in self._clusters(name)}
            if len(rows) != 1 or rows == {None}:
                wrong.append(f"active for {name}: {rows}")
        return wrong

    def _complaints(self, show):
        """Of one controller."""
        here, database = show["controller"], show["database"]
        if not database["connected"] or database["error"]:
            yield f"database: {database}"
        if len(here["others"]) != len(self.lab.controllers) - 1:
            yield f"sees no others than {here['others']}"
        if here["leads"] > math.ceil(here["shards"]
                                     / len(self.lab.controllers)):
            yield f"leads {here['leads']} of {here['shards']}"
        for edge in show["edges"]:
            if (not edge["connected"] or edge["error"] or edge["refuses"]
                    or edge["full"] or edge["state"] not in (
                        "synced" if edge["led"] else "following")):
                yield f"{edge['name']}: {edge['state']}, {edge['error']}"
        for cluster in show["clusters"]:
            for edge in cluster["edges"]:
                if not edge["ready"] or edge["peer"] != "up":
                    yield f"{cluster['name']}: {edge}"
            if (cluster["preemptive"] and not cluster["wanted"]
                    and cluster["active"] != cluster["edges"][0]["name"]):
                yield f"{cluster['name']}: not yet the preferred edge"
            if cluster["error"]:
                yield f"{cluster['name']}: {cluster['error']}"
        for segment in show["segments"]:
            for row in segment, *segment["places"]:
                if row["error"]:
                    yield f"{segment['name']}: {row['error']}"

    def _leaders(self, name):
        """The controllers that lead an edge, as they say."""
        return [c for c, show in self._shows.items()
                if any(e["name"] == name and e["led"]
                       for e in show["edges"])]

    def _clusters(self, name):
        return [row for show in self._shows.values()
                for row in show["clusters"] if row["name"] == name]

    def _active(self):
        return {name: self._clusters(name)[0]["active"]
                for name in self.model.clusters}

    def _underlay(self):
        """Frames would be lost while a switch asks for its neighbours."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda s: s.warm_up(),
                          [s for s in self.lab.switches
                           if s.spec.on_underlay]))

    def _installed(self):
        """An edge is asked for its flows, and they are compared."""
        wrong = []
        for name in SWITCHES:
            for controller in self._leaders(name):
                text = self.stage.ask(controller, "flows/diff", name)
                if text is None:
                    wrong.append(f"{name}: {controller.name} cannot tell")
                    self._in_order()
                wrong += [f"{name}: {line}"
                          for line in (text or "").splitlines()]
        return wrong

    def _known(self):
        self.stage.traffic.speak(self.model)
        time.sleep(0.2)         # They take their way.
        return self._macs(self.lab.controllers[:1])

    def _macs(self, controllers):
        """What 'controllers' have wrong about MACs."""
        wrong = []
        for controller in controllers:
            rows = self.stage.ask_json(controller, "mac/show")
            seen = {(row["segment"], row["mac"]) for row in rows}
            wrong += [f"{controller.name}: {row['mac']} in {row['segment']} "
                      f"at {row['location']}" for row in rows
                      if not self._is_right(row)]
            wrong += [f"{controller.name}: {mac} in {segment} is not known"
                      for segment in self.model.segments
                      for mac in self.model.macs(segment)
                      if (segment, mac) not in seen]
        return wrong

    def _is_right(self, row):
        station = self.model.owner(row["mac"])
        return (station is not None
                and self.model.segment_of[station] == row["segment"]
                and self.model.location(station) == row["location"]
                and (row["type"] == "static")
                == (row["mac"] in self.model.static))

    def _arrives(self):
        """Once without a loss; ToRs need their time to learn."""
        self.stage.traffic.speak(self.model)
        time.sleep(0.2)
        lost, excess = self.stage.traffic.exchange(self.model, self._active())
        return lost + excess

    # ---- The laws ---------------------------------------------------------

    def check(self):
        """All laws, at rest."""
        self._hold("daemons live, and sanitizers find nothing",
                   self._findings())
        self._hold("desired = installed on every edge", self._installed())
        self._hold("every MAC is known where it is",
                   self._macs(self.lab.controllers))
        lost, excess = self.stage.traffic.exchange(self.model, self._active())
        self._hold("one active edge per cluster; no frame twice, none "
                   "where it should not be", excess)
        self._hold("every frame arrives", lost)
        self._hold("one active edge per cluster, and nothing changes by "
                   "itself", self._in_order())
        self._hold("memory does not grow", self._memory())

    @staticmethod
    def _hold(law, wrong):
        if wrong:
            raise Broken(law, wrong)

    def _findings(self, dead=False):
        found = list(self.stage.findings)
        for controller in self.lab.controllers:
            found += [f"{controller.name}: {line}"
                      for line in controller.complaints()]
            if controller.alive() == dead:
                found.append(f"{controller.name}: kakehashi "
                             + ("lives" if dead else "is dead"))
        found += [f"{s.name}: ovs-vswitchd is dead"
                  for s in self.lab.switches if not s.is_running()]
        return found

    def _memory(self):
        """A process counts from the second time on that it is seen."""
        wrong = []
        for controller in self.lab.controllers:
            pid, now = controller.process.pid, rss(controller.process.pid)
            sizes = self.memory.setdefault(pid, [])
            sizes.append(now)
            if len(sizes) > 2 and now > sizes[1] + GROWTH:
                wrong.append(f"{controller.name}: {sizes[1]:.0f} MiB, and "
                             f"after {len(sizes) - 2} more rounds "
                             f"{now:.0f} MiB")
        return wrong

    def bury(self):
        """When all controllers have been ended: how did they?"""
        self._hold("daemons end well, and sanitizers find nothing",
                   self._findings(dead=True))

    # ---- Meanwhile --------------------------------------------------------

    def watch(self, cost):
        """From now on no frame comes twice, and where nothing may be lost,
        no ping is; as far as 'cost' lets that be said."""
        if cost <= FRAMES:
            self._streams = [Stream(self.lab, "ph1"), Stream(self.lab, "vm1")]
        pairs = [(a, b) for a in ("ph1", "ph3", "vm1", "ph2")
                 for b in sorted(self.model.neighbours(a))]
        if cost == NOTHING and pairs:
            here, there = map(self.lab.station, pairs[0])
            wait_until(lambda: here.reaches(there), what=f"{here.name} "
                       f"reaches {there.name}")
            self._ping = here.spawn("ping", "-n", "-i", "0.01",
                                    there.ip_address, text=True,
                                    stdout=subprocess.PIPE)

    def unwatch(self):
        """End that, and tell what was seen."""
        lost, twice = [], []
        for stream in self._streams:
            stream.close()
            twice += [f"from {stream.sender}, at {station}: {copies}"
                      for station, copies in stream.excess().items()]
        if self._ping:
            self._ping.send_signal(signal.SIGINT)
            text = self._ping.communicate(timeout=10)[0]
            numbers = [int(n) for n in re.findall(r"icmp_seq=(\d+) ttl",
                                                  text)]
            twice += [line for line in text.splitlines() if "DUP!" in line]
            # The last one may be under way.
            lost = sorted(set(range(1, max(numbers))) - set(numbers))
        self._streams, self._ping = [], None
        self._hold("no frame comes twice, in the round", twice)
        self._hold("what concerns no edge and no station costs no frame",
                   [f"lost pings: {lost}"] if lost else [])

    def rebuild(self):
        """A leader goes, and the next one finds nothing to change: it has
        derived everything anew, from rows and from what the switches say."""
        before = self._sent()
        self.stage.replace(self._leaders("edge1")[0])
        self._wait("controllers agree, and all is in order", self._in_order,
                   time.monotonic() + PATIENCE)
        now = self._sent()
        self._hold("a rebuild changes nothing", [
            f"{name}: {now[c, name] - before[c, name]} flow-mods of {c.name}"
            for name in SWITCHES for c in self._leaders(name)
            if now[c, name] > before[c, name]])

    def _sent(self):
        """How many flow-mods each controller has sent to each edge, in this
        session."""
        return {(c, e["name"]): e["flow_mods"]
                for c, show in self._shows.items() for e in show["edges"]}


def rss(pid):
    """Resident memory of a process, in MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        line = next(row for row in status if row.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
