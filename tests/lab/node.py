# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A node: a namespace, a directory for its sockets and logs, an environment.

The environment points OVS's programs at the node's own daemons, so that
plain "ovs-vsctl show" or "ovs-appctl -t kakehashi show" work in it.
"""

import os
import subprocess

import netns

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class Node:
    """A namespace of the lab, in which commands can be run."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = f"{lab.name}-{name}"
        self.directory = os.path.join(lab.directory, name)

    @property
    def env(self):
        return {
            **os.environ,
            "OVS_RUNDIR": self.directory,
            "OVS_DBDIR": self.directory,
            "OVS_LOGDIR": self.directory,
            "OVS_SYSCONFDIR": self.directory,
            "KAKEHASHI_DB": self.lab.kakehashi_db,
            "TOP": TOP,
            "PATH": f"{self.lab.build}:/usr/sbin:/sbin:"
                    + os.environ.get("PATH", "/usr/bin:/bin"),
        }

    def path(self, name):
        return os.path.join(self.directory, name)

    def run(self, *command, check=True, stdin=None, timeout=30):
        """Run 'command' here to its end; (status, output)."""
        __tracebackhide__ = True    # From pytest.
        return netns.run(netns.inside(self.namespace, map(str, command)),
                         check, stdin, self.env, timeout)

    def output(self, *command, timeout=30):
        __tracebackhide__ = True    # From pytest.
        return self.run(*command, timeout=timeout)[1]

    def spawn(self, *command, **kwargs):
        """Start 'command' here and return its Popen.

        It gets a session of its own, so that Ctrl-C at a terminal does not
        reach it.
        """
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            netns.inside(self.namespace, map(str, command)), env=self.env,
            start_new_session=True, **kwargs)

    def sysctl(self, name, value):
        netns.sysctl(self.namespace, name, value)

    def ip(self, *lines):
        """Run ip(8) commands here, one a line."""
        netns.ip_batch(lines, self.namespace)

    def log(self, name):
        """The text of the log file 'name', empty if there is none."""
        try:
            with open(self.path(name), encoding="utf-8",
                      errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""


class StationNode(Node):
    """A host at an end of the network."""

    def __init__(self, lab, spec):
        super().__init__(lab, spec.name)
        self.spec = spec
        self.ip_address = spec.ip
        self.mac = spec.mac

    def configure(self):
        """Address and bring up eth0.

        Without IPv6 it is silent until somebody asks it to speak: a station
        that sends router solicitations would be learned at odd times.
        Without checksum offload its TCP gets through a userspace datapath.
        """
        self.sysctl("ipv6.conf.all.disable_ipv6", 1)
        self.ip("link set lo up",
                f"link set eth0 address {self.spec.mac}",
                f"addr add {self.spec.ip}/24 dev eth0",
                "link set eth0 up")
        self.run("ethtool", "-K", "eth0", "tx", "off")

    def ping(self, target, count=3, interval=0.05, wait=1):
        """(sent, received) of a ping to the station 'target'."""
        _, text = self.run("ping", "-n", "-q", "-c", count, "-i", interval,
                           "-W", wait, target.ip_address, check=False,
                           timeout=60 + count * interval)
        return parse_ping(text)

    def reaches(self, target):
        return self.ping(target, count=1)[1] == 1


def parse_ping(text):
    """(sent, received) as ping's summary says."""
    for line in text.splitlines():
        if " packets transmitted" in line:
            words = line.split()
            return int(words[0]), int(words[3])
    raise netns.LabError("ping: " + (text.strip() or "(no output)"))
