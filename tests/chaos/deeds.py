# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Plans are carried out on the lab, and all is put right again.

Each kind of deed of plans.py has a method that does it and, where it lasts, one
that undoes it.  Both do nothing where there is nothing to be done: two deeds
of a round may hit the same thing.
"""

import glob
import json
import signal
import threading
import time

import netns
from kklab import tor_port
from netns import LabError, wait_until
from traffic import Traffic
from world import join, program_foreign, row_id

CTL_TIMEOUT = 5                 # Seconds, while something may be broken.


def fake_time_library():
    """libfaketime, of Debian's package faketime; None without it."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


class Stage:
    """A lab, the model that it is to follow, and what was noticed."""

    def __init__(self, lab, model, note):
        """'note' is called with each thing that is done."""
        self.lab = lab
        self.model = model
        self.note = note
        self.traffic = None
        self.findings = []      # Of daemons that did not end well.
        self._late = []         # Orders that could not be given yet.
        self._ends = {}         # How each deed is undone.

    # ---- Up and down ------------------------------------------------------

    def up(self):
        for controller in self.lab.controllers:
            controller.wrapper = self._wrapper(controller)
        self.lab.up()
        self.traffic = Traffic(self.lab)
        self.lab.control.ctl(*join(
            [row for row in self.lab.node_rows()
             if row[0] != "cluster-add"]))
        self.perform(self.model.orders())

    def down(self):
        """End all controllers, which then say what they have leaked."""
        for controller in self.lab.controllers:
            self._end_controller(controller, signal.SIGTERM)
        self.traffic.close()

    def _wrapper(self, controller):
        """Each has a clock of its own, and complains in little memory."""
        asan = "verify_asan_link_order=0:quarantine_size_mb=4"
        words = ["env", f"ASAN_OPTIONS={asan}",
                 "UBSAN_OPTIONS=print_stacktrace=1"]
        library = fake_time_library()
        if library:
            offset = controller.path("offset")
            self._turn_clock(controller, 0)
            words += [f"LD_PRELOAD={library}", "FAKETIME_NO_CACHE=1",
                      f"FAKETIME_TIMESTAMP_FILE={offset}",
                      "FAKETIME_DONT_FAKE_MONOTONIC=1",
                      "DONT_FAKE_MONOTONIC=1"]
        return words

    @staticmethod
    def _turn_clock(controller, seconds):
        with open(controller.path("offset"), "w", encoding="ascii") as file:
            file.write(f"{seconds:+}\n")

    # ---- A round ----------------------------------------------------------

    def play(self, plan):
        """Do and undo what the plan says, at its times."""
        events = sorted(
            [(deed.at, 0, n, deed) for n, deed in enumerate(plan.deeds)]
            + [(deed.at + deed.hold, 1, n, deed)
               for n, deed in enumerate(plan.deeds)], key=lambda e: e[:3])
        start = time.monotonic()
        for at, is_end, number, deed in events:
            time.sleep(max(0, start + at - time.monotonic()))
            if is_end:
                undo = self._ends.pop(number, None)
                if undo:
                    self.note(f"end of: {deed.kind} {deed.subject}")
                    undo()
            else:
                self.note(f"{deed.kind} {deed.subject} "
                          + " ".join(map(str, deed.args)))
                self._ends[number] = self._do(deed)

    def _do(self, deed):
        if deed.args and isinstance(deed.args[0], tuple):
            return self.perform(deed.args)
        return getattr(self, "_" + deed.kind.replace(" ", "_"))(
            deed.subject, *deed.args)

    def mend(self):
        """Whatever was done, all is there and runs."""
        lab = self.lab
        for edge in lab.controlled:
            edge.ip("link set mgmt up", "link set underlay up")
            if edge.spec.kind == "edge":
                edge.ip("link set trunk0 up", "link set trunk1 up")
                self._isolate(edge, False)
                for trunk in "trunk0", "trunk1":
                    lab.switch("tor").set_link(tor_port(edge.spec, trunk),
                                               True)
            self._start_switch(edge)
        for node in lab.control_nodes:
            node.ip("link set mgmt up")
            self._turn_clock(node, 0)
            self._start_database(node.database)
            self._start_controller(node)

    # ---- Orders -----------------------------------------------------------

    def perform(self, orders):
        """Give orders, or keep them for later, with all that follow: they
        must not overtake each other."""
        rows = []
        for order in orders:
            if str(order[0]).startswith("="):
                self._give(join(rows))
                self._give(order)
                rows = []
            else:
                rows.append(order)
        self._give(join(rows))

    def perform_late(self):
        """Give the orders that are late; False if some still are."""
        late, self._late = self._late, []
        for order in late:
            self._give(order)
        return not self._late

    def _give(self, order):
        if not order:
            return
        if not self._late:
            try:
                return self._execute(order)
            except LabError as error:
                self.note(f"not yet: {error}")
        self._late.append(order)

    def _execute(self, order):
        verb, *args = order
        if not verb.startswith("="):
            self.lab.control.ctl(*order, timeout=CTL_TIMEOUT)
        else:
            getattr(self, "_order_" + verb[1:])(*args)

    def _order_binding(self, cluster, port, vlan, verb, *args):
        """Of a binding that is not there: another VLAN was set already."""
        ctl = self.lab.control.ctl
        ids = ctl("--bare", "--columns=_uuid", "find", "Binding",
                  "cluster=" + self._row("Cluster", cluster), f"port={port}",
                  f"vlan={vlan}", timeout=CTL_TIMEOUT).split()
        if ids:
            ctl(verb, "Binding", ids[0], *args, timeout=CTL_TIMEOUT)

    def _order_order(self, cluster, *edges):
        ranks = ",".join(f"{n}={self._row('Edge', edge)}"
                         for n, edge in enumerate(edges, 1))
        self.lab.control.ctl("set", "cluster", cluster, f"edges={ranks}",
                             timeout=CTL_TIMEOUT)

    def _row(self, table, name):
        return row_id(self.lab, table, f"name={name}")

    def _order_tag(self, station, vlan):
        self.lab.switch("tor").vsctl("set", "port", station, f"tag={vlan}")

    def _order_vni(self, vni):
        far = self.lab.switch("far")
        far.ofctl("del-flows", "br0")
        if vni:
            program_foreign(far, vni,
                            [s.tunnel_ip for s in self.lab.controlled])

    def _order_speak(self, station, mac):
        self.traffic.wires[station].send("ff:ff:ff:ff:ff:ff", src=mac)

    def _order_version(self, switch, version):
        # Not to be waited for: perhaps nobody does it just now.
        self.lab.switch(switch).vsctl("--no-wait", "set", "bridge", "br0",
                                      f"protocols={version}")

    def _order_undrain(self, edge):
        """By its leader, who may not yet have written that it is drained."""
        if all([self.ask(controller, "edge/undrain", edge) is None
                for controller in self.lab.controllers]):
            raise LabError(f"nobody leads {edge}")

    # ---- Who is meant -----------------------------------------------------

    @staticmethod
    def ask(controller, command, *args):
        """What a controller answers that may be dead or hang; None if it
        does not, or refuses."""
        if not controller.alive():
            return None
        status, text = controller.run("ovs-appctl", "--timeout=2", "-t",
                                      "kakehashi", command, *args,
                                      check=False)
        return None if status else text

    def ask_json(self, controller, command, *args):
        text = self.ask(controller, command, "--format=json", *args)
        return json.loads(text) if text else []

    def _controller(self, subject):
        if subject != "leader":
            return self.lab.controllers[int(subject[1:]) - 1]
        for controller in self.lab.controllers:
            show = self.ask_json(controller, "show")
            if show and show["controller"]["leads"]:
                return controller
        return self.lab.controllers[0]

    def _switch(self, subject):
        """By its name, or the edge that sends for a cluster."""
        if subject not in self.model.clusters:
            return self.lab.switch(subject)
        for controller in self.lab.controllers:
            for row in self.ask_json(controller, "cluster/show", subject):
                if row["active"]:
                    return self.lab.switch(row["active"])
        return self.lab.switch(self.model.clusters[subject].edges[0])

    # ---- Processes --------------------------------------------------------

    def _kill_controller(self, subject, name):
        controller = self._controller(subject)
        self._end_controller(controller, signal.Signals["SIG" + name])
        return lambda: self._start_controller(controller)

    def _kill_controllers(self, _, name):
        undo = [self._kill_controller(f"c{n + 1}", name)
                for n in range(len(self.lab.controllers))]
        return lambda: [start() for start in undo]

    def _end_controller(self, controller, number):
        if not controller.alive():
            return
        controller.cont()       # Who is stopped does not end when asked to.
        status = controller.kill(number)
        if status != (0 if number == signal.SIGTERM else -number):
            self.findings.append(f"{controller.name}: kakehashi has ended "
                                 f"with {status}")

    @staticmethod
    def _start_controller(controller):
        if controller.alive():
            controller.cont()
        else:
            controller.start_daemon()

    def replace(self, controller):
        """Let another lead what this one leads."""
        self._end_controller(controller, signal.SIGTERM)
        wait_until(lambda: any(
            show and show["controller"]["leads"]
            for show in (self.ask_json(c, "show")
                         for c in self.lab.controllers)), 40,
            "another leader")
        self._start_controller(controller)

    def _stop_controller(self, subject):
        controller = self._controller(subject)
        if controller.alive():
            controller.stop()
        return lambda: controller.alive() and controller.cont()

    def _database(self, subject):
        return self.lab.databases[int(subject[2:]) - 1]

    def _kill_database(self, subject):
        database = self._database(subject)
        if _runs(database):
            database.kill()
        return lambda: self._start_database(database)

    def _stop_database(self, subject):
        database = self._database(subject)
        if _runs(database):
            database.stop()
        return lambda: self._start_database(database)

    @staticmethod
    def _start_database(database):
        if _runs(database):
            database.cont()
        else:
            database.start()

    def _kill_switch(self, subject, name):
        switch = self._switch(subject)
        if switch.is_running():
            switch.stop_vswitchd(signal.Signals["SIG" + name])
        return lambda: self._start_switch(switch)

    @staticmethod
    def _start_switch(switch):
        if not switch.is_running():
            switch.start_vswitchd()

    def _set_clock(self, subject, seconds):
        controller = self._controller(subject)
        self._turn_clock(controller, seconds)
        return lambda: self._turn_clock(controller, 0)

    def _hang_up(self, subject):
        controller = self._controller(subject)
        if controller.alive():
            controller.process.send_signal(signal.SIGHUP)

    # ---- Cables -----------------------------------------------------------

    def _cut(self, node, *names):
        node.ip(*(f"link set {name} down" for name in names))
        return lambda: node.ip(*(f"link set {name} up" for name in names))

    def _cut_management(self, subject):
        return self._cut(self.lab.node(subject), "mgmt")

    def _cut_underlay(self, subject):
        return self._cut(self._switch(subject), "underlay")

    def _trunk_end(self, subject, trunk, end):
        edge = self._switch(subject)
        return ((edge, trunk) if end == "edge" else
                (self.lab.switch("tor"), tor_port(edge.spec, trunk)))

    def _cut_trunk(self, subject, trunk, end):
        return self._cut(*self._trunk_end(subject, trunk, end))

    def _flap_trunk(self, subject, trunk, count):
        edge = self._switch(subject)
        for _ in range(count):
            edge.set_link(trunk, False)
            time.sleep(0.05)    # The switch sees it.
            edge.set_link(trunk, True)
            time.sleep(0.05)

    def _part_edges(self, _):
        edges = [s for s in self.lab.switches if s.spec.kind == "edge"]
        for edge in edges:
            self._isolate(edge, True)
        return lambda: [self._isolate(edge, False) for edge in edges]

    def _isolate(self, edge, apart):
        """The underlay's bridge forwards nothing between such ports."""
        self.lab.fabric.ip(f"link set u-{edge.name} type bridge_slave "
                           f"isolated {'on' if apart else 'off'}")

    # ---- Frames -----------------------------------------------------------

    def _storm(self, station, rate, first):
        end = threading.Event()
        thread = threading.Thread(target=self.traffic.storm, daemon=True,
                                  args=(station, end, rate, first))
        thread.start()

        def stop():
            end.set()
            thread.join()
        return stop

    def _flood(self, station, rate):
        return self._storm(station, rate, None)

    # ---- An operator's orders ---------------------------------------------

    def _fail_over(self, cluster, edge):
        for controller in self.lab.controllers:
            self.ask(controller, "cluster/failover", cluster, edge)

    def _drain(self, edge):
        for controller in self.lab.controllers:
            self.ask(controller, "edge/drain", edge)
        return lambda: self.perform([("=undrain", edge)])

    def _flush(self, subject):
        self.ask(self._controller(subject), "mac/flush")


def _runs(database):
    try:
        return database.pid in netns.pids([database.node.namespace])
    except FileNotFoundError:
        return False
