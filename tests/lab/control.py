# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A control node: an ovsdb-server with the configuration, and kakehashi.

There is one, or there are several, each with a database server that is a
member of a cluster, with a controller, or with both.  The daemon is not
detached: its standard error, where sanitizers report, goes to a file, and
whoever started it sees how it ended.
"""

import json
import os
import signal
import subprocess

import netns
import plan
from database import DatabaseServer
from node import Node

REPORTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:",
           "UndefinedBehaviorSanitizer", "assertion ", "|EMER|")


class ControlNode(Node):
    """A machine for the database, the controller or both."""

    def __init__(self, lab, number=0):
        super().__init__(lab, "ctl" + (str(number + 1) if number else ""))
        self.number = number
        self.address = plan.control_ip(number)
        self.database = DatabaseServer(self, number)
        self.process = None
        self.stopped = False            # On purpose.
        self.wrapper = []               # Before the daemon's command line.

    def configure(self):
        self.ip("link set lo up", f"addr add {self.address}/24 dev mgmt",
                "link set mgmt up")

    # ---- Database ---------------------------------------------------------

    def start_database(self):
        self.database.start()

    def stop_database(self, number=signal.SIGTERM):
        self.database.kill(number)

    # ---- Daemon -----------------------------------------------------------

    @property
    def target(self):
        """Where switches reach the daemon."""
        return f"tcp:{self.address}:{plan.OPENFLOW_PORT}"

    def start_daemon(self, *options):
        """Start kakehashi and wait until it answers."""
        self.stopped = False
        program = os.path.join(self.lab.build, "kakehashi")
        if not os.path.exists(program):
            raise netns.LabError(f"{program} is not built; run 'make'")
        with open(self.path("stderr"), "ab") as errors:
            self.process = self.spawn(
                *self.wrapper, program, f"--db={self.lab.kakehashi_db}",
                f"--listen=ptcp:{plan.OPENFLOW_PORT}:{self.address}",
                *self.lab.daemon_options(self),
                "--pidfile", "--no-chdir", f"--log-file={self.daemon_log}",
                "-vconsole:off", "-vfile:info", *options,
                stdout=errors, stderr=errors)
        netns.wait_until(self._answers, what="an answer from kakehashi; see "
                         + self.path("stderr"), timeout=20)

    @property
    def daemon_log(self):
        return self.path("kakehashi.log")

    def _answers(self):
        if self.process.poll() is not None:
            reason = self.log("stderr").strip().splitlines() or ["no reason"]
            raise netns.LabError("kakehashi ended at once: " + reason[-1])
        status, _ = self.run("ovs-appctl", "-t", "kakehashi", "version",
                             check=False)
        return status == 0

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop_daemon(self, number=signal.SIGTERM):
        """Stop the daemon by a signal; its exit status."""
        self.stopped = True
        self.process.send_signal(number)
        return self._wait()

    def start(self, *options):
        self.start_daemon(*options)

    def kill(self, number=signal.SIGKILL):
        """End the daemon by a signal; its exit status."""
        return self.stop_daemon(number)

    def stop(self):
        """Stop the daemon, as if the machine hung."""
        self.process.send_signal(signal.SIGSTOP)

    def cont(self):
        self.process.send_signal(signal.SIGCONT)

    def exit_daemon(self):
        """Ask the daemon to exit; its exit status."""
        self.appctl("exit")
        return self._wait()

    def _wait(self):
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            raise netns.LabError("kakehashi does not end") from None

    def complaints(self):
        """What sanitizers and assertions have printed, if anything."""
        return [line for name in ("stderr", "kakehashi.log")
                for line in self.log(name).splitlines()
                if any(report in line for report in REPORTS)]

    # ---- Questions and orders ---------------------------------------------

    def appctl(self, *args):
        __tracebackhide__ = True    # From pytest.
        return self.output("ovs-appctl", "-t", "kakehashi", *args)

    def json(self, command, *args):
        __tracebackhide__ = True    # From pytest.
        return json.loads(self.appctl(command, "--format=json", *args))

    def ctl(self, *args, timeout=30):
        """kakehashi-ctl, which must succeed; its output."""
        __tracebackhide__ = True    # From pytest.
        return self.output("kakehashi-ctl", f"--timeout={timeout}", *args,
                           timeout=timeout + 5)

    def try_ctl(self, *args, timeout=30):
        """kakehashi-ctl; (status, output)."""
        return self.run("kakehashi-ctl", f"--timeout={timeout}", *args,
                        check=False, timeout=timeout + 5)

    def edge(self, name):
        """What edge/show says of one edge, or None."""
        return next((e for e in self.json("edge/show")
                     if e["name"] == name), None)

    def macs(self, segment=None):
        """{MAC: entry} of a segment, or of all."""
        entries = self.json("mac/show", *([segment] if segment else []))
        return {entry["mac"]: entry for entry in entries}

    def in_sync(self, name):
        """Has the edge confirmed exactly the flows that it should have?"""
        edge = self.edge(name)
        if not edge or not edge["connected"] or edge["state"] != "synced":
            return False
        # By now another controller may lead it.
        status, text = self.run("ovs-appctl", "-t", "kakehashi", "flows/diff",
                                "--format=json", name, check=False)
        return not status and not json.loads(text)
