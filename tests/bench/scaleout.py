#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Many edges over one controller, two, or four, and one of them dies.

Switches are emulated (tests/bench/ofload.c), in clusters of two with one
segment or more each, and connect to all controllers at once:

    in sync    from the first connection until each edge has a master that
               reports it in sync
    settled    until no edge has got another master for some seconds
    MACs       so many in each cluster, from its active edge, until the other
               edge has them, too
    take-over  the controller that leads most edges is killed: until each of
               these has another master, until that has it in sync, how many
               flow-mods all that took, and how many MACs are not known any
               more to who leads, or gone from a switch

CPU times are those of the controllers' only busy threads, and of the database
servers, which are all on this machine; so is ofload.  What several controllers
gain by the clock needs as many processors.

Prints tables, and a line of JSON for each row into build/bench/scaleout.json.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import Kakehashi, LabError, cpu_time, ofload_command, \
    options_of, results, run, wait_until                   # noqa: E402
from databases import Database                             # noqa: E402

ROWS = [(1, 1), (2, 1), (4, 1), (4, 3)]     # Controllers, database servers.
QUICK = [(1, 1), (2, 1), (2, 3)]
PATIENCE = 300                  # Seconds.
SETTLED = 3                     # Seconds without another master.
FIRST_VNI = 10000


def rows_of(edges, segments):
    """Clusters of two.  The first segment of cluster N is that in which ofload
    lets its MACs come in."""
    clusters = edges // 2
    for n in range(clusters):
        two = [2 * n, 2 * n + 1]
        for i in two:
            yield ("edge-add", f"e{i}", f"{i + 1:016x}",
                   f"10.1.{i >> 8}.{i & 255}", "peer_port=peer0")
        yield ("cluster-add", f"c{n}", *(f"e{i}" for i in two))
        for j in range(segments):
            name = f"s{n}" if j == 0 else f"s{n}-{j}"
            yield "segment-add", name, FIRST_VNI + j * clusters + n
            yield "bind", name, f"c{n}", "trunk0", j + 1


class Crowd:
    """ofload, which connects to several controllers and is asked things."""

    def __init__(self, controllers, options):
        self.process = subprocess.Popen(
            ofload_command(controllers, f"--switches={options.edges}",
                           "--cluster=2", f"--vni={FIRST_VNI}",
                           f"--macs={options.macs}", "--keep-flows",
                           "--on-input", "--hold=3600"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def __enter__(self):
        return self

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise LabError("ofload has ended")
        return json.loads(line)

    def status(self):
        return self.ask("status")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


# ---- What controllers say -------------------------------------------------

class Log:
    """The controllers' logs, from here on: which edges each has in sync, and
    when it said so (time.time()).  To ask them often would be work, which is
    measured."""

    def __init__(self, controllers):
        self.at = {c: os.path.getsize(c.log) for c in controllers}
        self.reconciled = {c: {} for c in controllers}

    def read(self):
        for controller, at in self.at.items():
            with open(controller.log, "rb") as stream:
                stream.seek(at)
                lines = stream.read()
            lines = lines[:lines.rfind(b"\n") + 1]
            self.at[controller] += len(lines)
            for when, edge in re.findall(rb"^(\S+)Z\|.*\|(\w+): reconciled: ",
                                         lines, re.M):
                self.reconciled[controller][edge.decode()] = datetime \
                    .fromisoformat(when.decode()) \
                    .replace(tzinfo=timezone.utc).timestamp()

    def last(self):
        return max(max(times.values(), default=0)
                   for times in self.reconciled.values())


def shown(controller, what):
    return json.loads(controller.appctl(what, "--format=json"))


def by_name(rows):
    return {row["name"]: row for row in rows if row.get("name")}


class World:
    """Controllers, the database, and the switches."""

    def __init__(self, stack, options, n_controllers, n_servers):
        self.options = options
        self.folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="kakehashi-bench-"))
        self.database = Database(self.folder, n_servers)
        stack.callback(self.database.stop)
        self.controllers = [
            stack.enter_context(Kakehashi(
                database=self.database,
                title=f"k{n}" if n_controllers > 1 else None))
            for n in range(n_controllers)]
        self.alive = list(self.controllers)
        first = self.controllers[0]
        with first.ctl_daemon():
            first.configure(rows_of(options.edges, options.segments))
        for controller in self.controllers:
            controller.restart()
        for controller in self.controllers:
            wait_until(lambda c=controller: len(shown(c, "edge/show"))
                       >= options.edges, PATIENCE, "a configured controller")
        self.cpu_before = self.cpu()
        self.log = Log(self.controllers)
        self.start = time.time()
        self.crowd = stack.enter_context(Crowd(self.controllers, options))

    def cpu(self):
        """Of each controller, and of all database servers."""
        return ([c.cpu() if c in self.alive else None
                 for c in self.controllers],
                sum(cpu_time(p.pid) for p in self.database.processes))

    def cpu_since(self, before):
        each, database = self.cpu()
        return {"cpu": [None if now is None else now - then
                        for now, then in zip(each, before[0])],
                "database": database - before[1]}

    def leaders(self, status):
        """Of each switch, None where there is none that is alive."""
        leaders = [self.controllers[n] if n >= 0 else None
                   for n in status["masters"]]
        return [c if c in self.alive else None for c in leaders]

    def are_in_sync(self):
        """Has each edge a master that reports it so?"""
        leaders = self.leaders(self.crowd.status())
        if None in leaders:
            return False
        edges = {c: by_name(shown(c, "edge/show")) for c in set(leaders)}
        return all(edges[c][f"e{i}"]["state"] == "synced"
                   for i, c in enumerate(leaders))

    def wait_synced(self, start, log, numbers):
        """Seconds from 'start' until there were all masters, and until the
        edges with these numbers were in sync, too."""
        def logged():
            log.read()
            leaders = self.leaders(self.crowd.status())
            return (None not in leaders
                    and all(f"e{i}" in log.reconciled[leaders[i]]
                            for i in numbers))
        wait_until(lambda: logged() and self.are_in_sync(), PATIENCE,
                   "all edges in sync", 0.05)
        return max(0, self.mastered() - start), log.last() - start

    def wait_settled(self, start, synced):
        """Seconds from 'start' until no more edges change hands; not before
        they are in sync."""
        def settled():
            status = self.crowd.status()
            return (status["now"] - status["mastered"] > SETTLED
                    and self.are_in_sync())
        wait_until(settled, PATIENCE, "masters that stay", 0.2)
        return max(synced, self.mastered() - start)

    def mastered(self):
        """When an edge last got a master, or lost it (time.time()); 0 if the
        only controller need not say that it is."""
        when = self.crowd.status()["mastered"]
        return when and when + time.time() - time.monotonic()

    def led(self):
        status = self.crowd.status()
        return [c["master"] for c in status["controllers"]]

    def known_macs(self):
        """How many MACs the leaders know, all together."""
        leaders = self.leaders(self.crowd.status())
        segments = {c: by_name(shown(c, "show")["segments"])
                    for c in set(leaders)}
        return sum(segments[leaders[2 * n]][f"s{n}"]["macs"] or 0
                   for n in range(self.options.edges // 2))

    def active(self):
        """The numbers of the active edges."""
        leaders = self.leaders(self.crowd.status())
        clusters = {c: by_name(shown(c, "cluster/show"))
                    for c in set(leaders)}
        return [int(clusters[leaders[2 * n]][f"c{n}"]["active"][1:])
                for n in range(self.options.edges // 2)]


# ---- What is measured -----------------------------------------------------

def come_up(world):
    masters, synced = world.wait_synced(
        world.start, world.log, range(world.options.edges))
    result = {"masters": masters, "synced": synced,
              **world.cpu_since(world.cpu_before), "led_first": world.led()}
    result["settled"] = world.wait_settled(world.start, synced)
    status = world.crowd.status()
    return {**result, "led": world.led(),
            "refused": sum(c["refused"] for c in status["controllers"])}


def learn(world):
    """Lets MACs come in by the active edges."""
    expected = world.options.macs * world.options.edges // 2
    before = world.cpu()
    result = world.crowd.ask("go", *world.active())

    def done():
        flows = world.crowd.ask("macs")
        return flows["source"] >= expected and flows["dest"] >= 2 * expected
    wait_until(done, PATIENCE, "MACs on both edges", 0.05)
    return {"macs": expected, "seconds": result["seconds"],
            "flow_mods": result["flow_mods"], **world.cpu_since(before)}


def take_over(world):
    """Kills the controller that leads most."""
    led, known = world.led(), world.known_macs()
    flows = world.crowd.ask("macs")
    victim = world.controllers[led.index(max(led))]
    status = world.crowd.status()
    before = status["controllers"]
    orphans = [i for i, c in enumerate(world.leaders(status)) if c is victim]
    world.alive.remove(victim)
    cpu, log, start = world.cpu(), Log(world.alive), time.time()
    victim.process.kill()
    masters, synced = world.wait_synced(start, log, orphans)
    spent = world.cpu_since(cpu)
    settled = world.wait_settled(start, synced)
    after = world.crowd.status()["controllers"]
    now = world.crowd.ask("macs")
    return {
        "orphans": len(orphans), "masters": masters, "synced": synced,
        "settled": settled, **spent, "led": world.led(),
        "macs_lost": known - world.known_macs(),
        "flows_lost": sum(flows.values()) - sum(now.values()),
        **{what: sum(c[what] for c in after) - sum(c[what] for c in before)
           for what in ("flow_mods", "changes", "meter_mods", "refused")}}


# ---- Results --------------------------------------------------------------

def listed(values):
    return " ".join("-" if value is None else f"{value:.0f}"
                    for value in values)


def milliseconds(values):
    return listed(None if value is None else 1000 * value for value in values)


def seconds(end):
    return f"{1000 * end:8.0f}"


HEADING = """\
   controllers,       in sync   settled                       CPU of each
   servers               (ms)      (ms)                   + database (ms)\
   edges led"""


def print_phase(name, what, times, result, led=""):
    cpu = f"{milliseconds(result['cpu'])} + {1000 * result['database']:.0f}"
    print(f"{name:7} {what:10} {times:19} {cpu:>33}   {led}".rstrip(),
          flush=True)


def print_row(result):
    up, macs, end = result["up"], result["learn"], result["take_over"]
    name = f"{result['controllers']}, {result['servers']}"
    print_phase(name, "start",
                f"{seconds(up['synced'])}  {seconds(up['settled'])}", up,
                f"{listed(up['led_first'])}, then {listed(up['led'])}; "
                f"{up['refused']} writes refused")
    print_phase("", "MACs", "", macs, f"{macs['macs']}, "
                f"{macs['macs'] / macs['seconds']:.0f} a second")
    if end:
        print_phase("", "take-over",
                    f"{seconds(end['synced'])}  {seconds(end['settled'])}",
                    end, f"{end['orphans']} got another master in "
                    f"{1000 * end['masters']:.0f} ms: {listed(end['led'])}")
        print(f"{'':19}{end['flow_mods']} flow-mods, which changed "
              f"{end['changes']} flows; {end['meter_mods']} meter-mods, "
              f"{end['refused']} writes refused; {end['macs_lost']} MACs and "
              f"{end['flows_lost']} of their flows lost", flush=True)


def measure(options, n_controllers, n_servers):
    with contextlib.ExitStack() as stack:
        world = World(stack, options, n_controllers, n_servers)
        return {"controllers": n_controllers, "servers": n_servers,
                "edges": options.edges, "segments": options.segments,
                "up": come_up(world), "learn": learn(world),
                "take_over": take_over(world) if n_controllers > 1 else None}


def row(text):
    controllers, servers = map(int, text.split(":"))
    return controllers, servers


def parse():
    parser = options_of(__doc__)
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--segments", type=int, default=2,
                        help="in each cluster; by default 2")
    parser.add_argument("--macs", type=int, default=200,
                        help="in each cluster; by default 200")
    parser.add_argument("--row", action="append", type=row,
                        metavar="CONTROLLERS:SERVERS",
                        help="servers of the database; by default "
                        + ", ".join(f"{c}:{s}" for c, s in ROWS))
    parser.add_argument("--quick", action="store_true",
                        help="100 edges, two controllers at most")
    options = parser.parse_args()
    if options.edges < 2 or options.edges % 2 or options.segments < 1:
        parser.error("edges come in pairs, with a segment at least")
    if options.quick:
        options.edges = 100
    options.row = options.row or (QUICK if options.quick else ROWS)
    return options


def main():
    options = parse()
    print(f"{options.edges} edges in clusters of two, {options.segments} "
          f"segments and {options.macs} MACs in each.\n\n{HEADING}",
          flush=True)
    with results("scaleout") as stream:
        for n_controllers, n_servers in options.row:
            result = measure(options, n_controllers, n_servers)
            print_row(result)
            stream.write(json.dumps(result) + "\n")
            stream.flush()


if __name__ == "__main__":
    run(main)
