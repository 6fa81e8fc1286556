# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A node with an Open vSwitch of its own: ovsdb-server and ovs-vswitchd.

Everything is in the userspace datapath, which needs no kernel module.
"br-phy" holds the underlay interface; its internal port carries the tunnel
IP, and OVS routes its tunnels by that.  "br0" is the bridge that does the
node's work.
"""

import os
import signal
import subprocess
import time

import netns
import plan
from node import Node

CONTROLLER = f"tcp:{plan.CONTROLLER_IP}:{plan.OPENFLOW_PORT}"


class SwitchNode(Node):
    """An Open vSwitch in its namespace."""

    def __init__(self, lab, spec):
        super().__init__(lab, spec.name)
        self.spec = spec
        self.tunnel_ip = spec.tunnel_ip(lab.ipv6)
        self.dpid = spec.dpid

    # ---- Shorthands -------------------------------------------------------

    def vsctl(self, *args):
        return self.output("ovs-vsctl", "--timeout=10", *args)

    def ofctl(self, *args):
        return self.output("ovs-ofctl", "-O",
                           "OpenFlow13,OpenFlow14,OpenFlow15", *args)

    def appctl(self, *args):
        return self.output("ovs-appctl", *args)

    def flows(self, match="", bridge="br0"):
        """Lines of dump-flows, without its heading."""
        text = self.ofctl("--no-stats", "dump-flows", bridge,
                          *([match] if match else []))
        return [line.strip() for line in text.splitlines()
                if "actions=" in line]

    # ---- Start ------------------------------------------------------------

    def start(self, empty=False):
        """Bring the switch up with all its bridges.

        'empty': a node that the controller is to program gets no bridge but
        the one of the underlay.
        """
        self.sysctl("ipv6.conf.all.disable_ipv6", 1)
        self.sysctl("ipv6.conf.default.disable_ipv6", 1)
        # What arrives at "underlay" is for OVS, but the kernel sees it too,
        # and would answer for br-phy's address with the other interface's MAC.
        # Where switches are restarted often, that answer is the last one now
        # and then; and each makes OVS look at all that its datapath caches,
        # which hides where it does not do that by itself.
        self.sysctl("ipv4.conf.all.arp_ignore", 1)
        self.ip("link set lo up", f"addr add {self.spec.mgmt_ip}/24 dev mgmt",
                "link set mgmt up")
        self.start_ovsdb()
        bare = empty and self.spec.controlled
        self.vsctl("--no-wait", "init",
                   *(self._underlay() if bare else self._bridges()))
        self.start_vswitchd()

    def start_ovsdb(self):
        database = self.path("conf.db")
        if not os.path.exists(database):
            self.run("ovsdb-tool", "create", database,
                     "/usr/share/openvswitch/vswitch.ovsschema")
        self.run("ovsdb-server", "--detach", "--no-chdir", "--pidfile",
                 "--log-file", "-vconsole:off",
                 f"--remote=punix:{self.path('db.sock')}", database)

    def start_vswitchd(self):
        """Start ovs-vswitchd and give br-phy its address.

        The internal ports are gone when the daemon is, so are their
        addresses: this is done at every start.
        """
        self.run("ovs-vswitchd", "--detach", "--no-chdir", "--pidfile",
                 "--disable-system", "--log-file", "-vconsole:off",
                 "-vfile:info", f"unix:{self.path('db.sock')}")
        if not self.spec.on_underlay:
            return
        # Not before it has its own MAC address, or others learn the one that
        # it was made with.
        netns.wait_until(lambda: self.underlay_mac in self.run(
            "ip", "link", "show", "br-phy", check=False)[1],
                         what=f"br-phy on {self.name}")
        address = f"addr add {self.tunnel_ip}/{64 if self.lab.ipv6 else 24}"
        if self.lab.ipv6:
            self.sysctl("ipv6.conf.br-phy.disable_ipv6", 0)
            address += " nodad"
        self.ip(address.replace("add ", "replace ") + " dev br-phy",
                "link set br-phy up")

    @property
    def underlay_mac(self):
        """Of br-phy.

        OVS would pick another at each start, and the tunnels of others would
        go on with the old one for minutes.
        """
        return f"0a:00:00:00:00:{self.spec.number:02x}"

    def _bridges(self):
        """Arguments of ovs-vsctl that make the bridges and their ports."""
        args = self._underlay() if self.spec.on_underlay else []
        args += self._bridge("br0", f"other-config:datapath-id={self.dpid}")
        if self.spec.kind == "tor":
            args += self._bridge("br1")
        else:
            args += ["--", "set-fail-mode", "br0", "secure"]
            args += self._tunnel("genev0", "flow", "flow")
        if self.spec.kind == "edge":
            other = plan.peer(self.spec)
            args += self._tunnel("peer0", other.tunnel_ip(self.lab.ipv6),
                                 plan.PEER_KEY, "bfd:enable=true",
                                 "bfd:min_rx=100", "bfd:min_tx=100")
        for bridge, port, settings in self.lab.ports(self.spec):
            args += self._port(bridge, port, *settings)
        if self.spec.controlled:
            args += self._controllers()
        return args

    def _underlay(self):
        return (self._bridge("br-phy",
                             f'other-config:hwaddr="{self.underlay_mac}"')
                + self._port("br-phy", "underlay"))

    def _controllers(self):
        """A switch that has lost a controller comes back in a second."""
        targets = [c.target for c in self.lab.controllers]
        if targets == [CONTROLLER]:
            return ["--", "set-controller", "br0", CONTROLLER,
                    "--", "set", "controller", "br0", "max_backoff=1000"]
        args = ["--", "set", "bridge", "br0", "controller="
                + ",".join(f"@c{n}" for n in range(len(targets)))]
        for n, target in enumerate(targets):
            args += ["--", f"--id=@c{n}", "create", "controller",
                     f'target="{target}"', "max_backoff=1000"]
        return args

    @staticmethod
    def _bridge(name, *settings):
        return ["--", "add-br", name, "--", "set", "bridge", name,
                "datapath_type=netdev", *settings]

    @staticmethod
    def _port(bridge, name, *settings):
        args = ["--", "add-port", bridge, name]
        return args + (["--", "set", "port", name, *settings]
                       if settings else [])

    def _tunnel(self, name, remote, key, *settings):
        return ["--", "add-port", "br0", name, "--", "set", "interface", name,
                "type=geneve", f"options:remote_ip={_quote(remote)}",
                f"options:key={key}",
                f"options:local_ip={_quote(self.tunnel_ip)}", *settings]

    # ---- Stop -------------------------------------------------------------

    @property
    def vswitchd_pid(self):
        with open(self.path("ovs-vswitchd.pid"), encoding="ascii") as stream:
            return int(stream.read())

    def is_running(self):
        try:
            return self.vswitchd_pid in netns.pids([self.namespace])
        except FileNotFoundError:       # It ended as it should.
            return False

    def stop_vswitchd(self, number=signal.SIGTERM):
        """Stop ovs-vswitchd by a signal and wait until it is gone."""
        pid = self.vswitchd_pid
        os.kill(pid, number)
        netns.wait_until(lambda: pid not in netns.pids([self.namespace]),
                         what=f"end of ovs-vswitchd on {self.name}")

    def restart_vswitchd(self, number=signal.SIGTERM):
        self.stop_vswitchd(number)
        self.start_vswitchd()
        self.warm_up()

    # ---- Links ------------------------------------------------------------

    def set_link(self, interface, up):
        """Cut or mend a cable at this end."""
        self.ip(f"link set {interface} {'up' if up else 'down'}")

    def warm_up(self, timeout=10):
        """Make OVS know the neighbour of every other tunnel endpoint.

        The first frames through a tunnel are lost while OVS asks for the
        neighbour, for up to a second; tests that count frames would see
        that.  OVS learns from the answers that it sees pass by, and none
        does where the kernel has learned from the other side's question:
        hence the flush.
        """
        missing = [s.tunnel_ip for s in self.lab.switches
                   if s.spec.on_underlay and s is not self and s.is_running()]
        deadline = time.monotonic() + timeout
        while missing:
            self.ip("neigh flush dev br-phy")
            for ping in [self.spawn("ping", "-n", "-q", "-c", 1, "-W", 1, ip,
                                    stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
                         for ip in missing]:
                ping.wait()
            known = self.appctl("tnl/neigh/show").split()
            missing = [ip for ip in missing if ip not in known]
            if missing and time.monotonic() > deadline:
                raise netns.LabError(f"{self.name} does not reach "
                                     + ", ".join(missing)
                                     + " over the underlay")


def _quote(value):
    """OVSDB reads a colon as a separator, and IPv6 is full of them."""
    return f'"{value}"' if ":" in str(value) else value
