#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What it takes to be back, after a restart of the controller or the switch.

A real ovs-vswitchd has N segments and M learned MACs.

    restart    the controller is killed and started: from the connection of the
               switch to "in sync", with all MACs adopted and no flow-mod sent,
               beside a reader that asks for the same flows and throws away
               what it gets
    1 %        the same, but every hundredth flow is missing, beside
               "ovs-ofctl --bundle replace-flows"
    switch     ovs-vswitchd is killed and started: to its connection, which is
               its own affair, and from there until it has all flows again,
               beside the same for one that was not restarted and whose flows
               were deleted

Prints a table, and a line of JSON for each row into build/bench/restart.json.
"""

import json
import os
import struct
import sys
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from controllers import LabError, emulated_rows, options_of, results, \
    run                                     # noqa: E402
from intake import Log, RealSwitch, Row, add_flows, bring_in, count_lines, \
    filled, leave, one_in_a_hundred_missing, timed      # noqa: E402
from session import OPENFLOW15, Session     # noqa: E402

SCALES = [(1000, 10000), (4000, 40000), (4000, 100000)]     # Segments, MACs.
QUICK = SCALES[:1]
AGEING = 65000                  # Seconds: nothing ages meanwhile.


def mac_flows(n, macs, timeout=0):
    """The flows of MACs, all from VLANs, evenly over 'n' segments."""
    for i in range(macs):
        vni, slot = 10000 + i % n, 0x20000 + i % n + 1
        mac = ":".join(f"{b:02x}" for b in struct.pack("!Q", 2 << 40 | i)[2:])
        cookie = 0x4b4806 << 40 | vni
        yield (f"cookie={cookie:#x},table=2,idle_timeout={timeout},"
               f"send_flow_rem,priority=100,reg0={slot:#x},"
               f"metadata={vni:#x},dl_src={mac},"
               "actions=set_field:0x1/0x1->reg3")
        yield (f"cookie={cookie:#x},table=6,priority=100,metadata={vni:#x},"
               f"dl_dst={mac},actions=set_field:{slot:#x}->reg1,"
               "resubmit(,8),resubmit(,10)")


# ---- The controller -------------------------------------------------------

def back_in(switch, controller, adopted):
    """Milliseconds from the connection to "in sync" of a new process."""
    controller.restart()
    log = Log(controller)
    took = bring_in(switch, controller)
    if not log.find("e0: reconciled: 0 flows added, 0 changed, 0 deleted, "
                    f"{adopted} MACs adopted"):
        raise LabError("the controller was not content with what it found")
    return took


# ---- The switch -----------------------------------------------------------

def switch_restarts(switch, controller):
    """Milliseconds from the death of ovs-vswitchd to its connection, and from
    there until it has all flows."""
    log = Log(controller)
    switch.connect(controller)
    log.time(r"\|e0: reconciled")
    log = Log(controller)
    death = datetime.now(timezone.utc).replace(tzinfo=None)
    switch.restart()
    connected = log.time(r"\|e0: connected")
    end = log.time(r"\|e0: reconciled")
    leave(switch, controller)
    return (1000 * (connected - death).total_seconds(),
            1000 * (end - connected).total_seconds())


class MortalSwitch(RealSwitch):
    def restart(self):
        vswitchd = self.processes.pop()
        vswitchd.kill()
        vswitchd.wait()
        os.unlink(f"{self.folder}/vswitchd.ctl")
        self.start_vswitchd()


def measure(n, macs, runs):
    times = {"restart": [], "dump": [], "part": [], "replace-flows": [],
             "startup": [], "refill": [], "fill": []}
    switch = MortalSwitch()
    rows = emulated_rows(1, n, [f"mac_aging={AGEING}"])
    with filled(switch, rows) as controller:
        # As if they had been learned: the controller adopts what it finds.
        add_flows(switch, os.path.join(controller.directory, "macs"),
                  mac_flows(n, macs))
        path = os.path.join(controller.directory, "flows")
        switch.dump(path)
        for _ in range(runs):
            times["restart"].append(back_in(switch, controller, macs))
            with Session(switch, OPENFLOW15) as session:
                times["dump"].append(timed(session.dump))
            one_in_a_hundred_missing(switch, path)
            times["part"].append(bring_in(switch, controller))
            one_in_a_hundred_missing(switch, path)
            times["replace-flows"].append(timed(
                switch.ofctl, "--bundle", "replace-flows", "br0", path))
            startup, refill = switch_restarts(switch, controller)
            times["startup"].append(startup)
            times["refill"].append(refill)
            switch.ofctl("del-flows", "br0")
            times["fill"].append(bring_in(switch, controller))
        return count_lines(path), times


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print("In milliseconds, median (worst).\n\nsegments    MACs   flows"
          "              restart                 dump   ratio"
          "           1 % of them        replace-flows   ratio", flush=True)
    switches = ["\nsegments    MACs          its start-up        all flows again"
                "       after del-flows   ratio"]
    with results("restart") as stream:
        for n, macs in QUICK if options.quick else SCALES:
            flows, times = measure(n, macs,
                                   3 if options.quick else options.runs)
            row = Row(times)
            print(f"{n:8} {macs:7} {flows:7}   "
                  f"{row.compare('restart', 'dump')} "
                  + row.compare("part", "replace-flows"), flush=True)
            switches.append(f"{n:8} {macs:7}   {row.cell['startup']} "
                            + row.compare("refill", "fill"))
            stream.write(json.dumps({"n": n, "macs": macs, "flows": flows,
                                     **times}) + "\n")
    print("\n".join(switches))


if __name__ == "__main__":
    run(main)
