#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast a configuration gets into a real ovs-vswitchd.

A switch with N segments and none of their flows connects; the time is from
there to the barrier behind the bundle.  In the same call, and in turn,
"ovs-ofctl --bundle add-flows" brings the same flows in from a file, and so
does the controller when one in a hundred of them is missing, beside
"ovs-ofctl --bundle replace-flows".  What counts are the ratios: the switch is
the same, so is the machine.

Prints a table, and a line of JSON for each row into build/bench/intake.json.
"""

import contextlib
import json
import os
import re
import statistics
import sys
import time
from datetime import datetime

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "flows")]
sys.dont_write_bytecode = True

from controllers import Kakehashi, PATIENCE, emulated_rows, options_of, \
    results, run, wait_until                # noqa: E402
from dummy import PROTOCOLS, Switch         # noqa: E402


class RealSwitch(Switch):
    """ovs-vswitchd with br0, whose ports are those of emulated switches."""

    protocols = PROTOCOLS

    def start(self):
        self.start_daemons()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0",
                   "datapath_type=dummy", "fail_mode=secure",
                   "other_config:datapath-id=0000000000000001",
                   "protocols=" + ",".join(self.protocols))
        self.vsctl("add-port", "br0", "genev0", "--", "set", "interface",
                   "genev0", "type=geneve", "options:remote_ip=flow",
                   "options:key=flow", "ofport_request=1")
        self.vsctl("add-port", "br0", "trunk0", "--", "set", "interface",
                   "trunk0", "type=dummy", "ofport_request=2")

    def ofctl(self, *args, check=True):
        """In the latest of its protocols."""
        return super().ofctl(*args, protocol=self.protocols[-1], check=check)

    def connect(self, controller):
        self.vsctl("set-controller", "br0", controller.target, "--", "set",
                   "controller", "br0", "max_backoff=1000")

    def disconnect(self):
        """Without losing the flows, as del-controller would."""
        self.vsctl("set-controller", "br0", f"unix:{self.folder}/none")

    def dump(self, path):
        """Its flows but for those of learn(), for ovs-ofctl."""
        text = self.ofctl("--no-stats", "dump-flows", "br0")
        with open(path, "w", encoding="utf-8") as stream:
            for line in text.splitlines():
                if "actions=" in line and "cookie=0x4b4808" not in line:
                    stream.write(line.strip() + "\n")


class Log:
    """The controller's, from here on."""

    def __init__(self, controller):
        self.path = controller.log
        self.start = os.path.getsize(self.path)

    def find(self, pattern):
        with open(self.path, encoding="utf-8") as stream:
            stream.seek(self.start)
            return re.search(rf"^(\S+)Z\|.*{pattern}", stream.read(), re.M)

    def time(self, pattern):
        wait_until(lambda: self.find(pattern), PATIENCE, pattern)
        return datetime.fromisoformat(self.find(pattern)[1])


def leave(switch, controller):
    """Until the controller has seen the switch go."""
    log = Log(controller)
    switch.disconnect()
    log.time(r"\|e0: disconnected")


def bring_in(switch, controller):
    """Milliseconds from the switch's connection to the last barrier."""
    log = Log(controller)
    switch.connect(controller)
    end = log.time(r"\|e0: reconciled")
    start = log.time(r"\|e0: connected")
    leave(switch, controller)
    return 1000 * (end - start).total_seconds()


def timed(command, *args):
    start = time.monotonic()
    command(*args)
    return 1000 * (time.monotonic() - start)


def one_in_a_hundred_missing(switch, path):
    """Deletes every hundredth flow of the file."""
    with open(path, encoding="utf-8") as stream:
        flows = [line.split(" actions=")[0] for line in stream][::100]
    flows = [re.sub(r"cookie=\w+, |idle_timeout=\d+, |send_flow_rem ", "",
                    flow) for flow in flows]
    add_flows(switch, path + ".some",
              [f"delete_strict {flow}" for flow in flows])


@contextlib.contextmanager
def filled(switch, rows):
    """A controller with 'rows', of which 'switch' has all flows.  At the end
    both are stopped."""
    with contextlib.ExitStack() as stack:
        stack.callback(switch.stop)
        # A switch connects to no socket but in its own folder.
        controller = stack.enter_context(
            Kakehashi(rows=rows, socket=f"{switch.folder}/of.sock"))
        bring_in(switch, controller)
        yield controller


def add_flows(switch, path, flows):
    """Adds flows by way of the file 'path'."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(flow + "\n" for flow in flows)
    switch.ofctl("--bundle", "add-flows", "br0", path)


def count_lines(path):
    with open(path, encoding="utf-8") as stream:
        return len(stream.readlines())


def measure(n, runs):
    """Times, by what was done."""
    times = {"full": [], "add-flows": [], "part": [], "replace-flows": []}
    switch = RealSwitch()
    with filled(switch, emulated_rows(1, segments=n)) as controller:
        path = os.path.join(controller.directory, "flows")
        switch.dump(path)
        for _ in range(runs):
            switch.ofctl("del-flows", "br0")
            times["full"].append(bring_in(switch, controller))
            one_in_a_hundred_missing(switch, path)
            times["part"].append(bring_in(switch, controller))
            one_in_a_hundred_missing(switch, path)
            times["replace-flows"].append(timed(
                switch.ofctl, "--bundle", "replace-flows", "br0", path))
            switch.ofctl("del-flows", "br0")
            times["add-flows"].append(timed(
                switch.ofctl, "--bundle", "add-flows", "br0", path))
        return count_lines(path), times


class Row:
    """Times in milliseconds by what was done, for the terminal."""

    def __init__(self, times):
        self.middle = {k: statistics.median(v) for k, v in times.items()}
        self.cell = {k: f"{self.middle[k]:12.0f} ({max(v):6.0f})"
                     for k, v in times.items()}

    def compare(self, ours, theirs):
        """Both, and the ratio of the first to the second."""
        return (f"{self.cell[ours]} {self.cell[theirs]} "
                f"{self.middle[ours] / self.middle[theirs]:7.2f}")


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print("In milliseconds, median (worst).\n\nsegments   flows"
          "            all of them            add-flows   ratio"
          "           1 % of them        replace-flows   ratio", flush=True)
    with results("intake") as stream:
        for n in [1000] if options.quick else [100, 1000, 4000]:
            flows, times = measure(n, 3 if options.quick else options.runs)
            row = Row(times)
            print(f"{n:8} {flows:7}   {row.compare('full', 'add-flows')} "
                  + row.compare("part", "replace-flows"), flush=True)
            stream.write(json.dumps({"n": n, "flows": flows, **times})
                         + "\n")


if __name__ == "__main__":
    run(main)
