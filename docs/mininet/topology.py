#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Two edges, a hypervisor and a ToR in Mininet, for a controller outside.

    vm1 ── host1 ──┐               ┌── edge1 ── trunk0 ──┐
         10.1.0.21 ├─ (underlay) ──┤   10.1.0.11         ├── tor ── ph1
                   │               └── edge2 ── trunk0 ──┘
                   │                   10.1.0.12           ph1 is in VLAN 100

    docs/mininet/topology.py        as root; see docs/howto/mininet.md

Mininet has one Open vSwitch for all bridges, and tunnels need two ends.  So
each switch here runs an Open vSwitch of its own, in its own namespace, with
the userspace datapath: no kernel module is needed, and neither is the
machine's own Open vSwitch, which is left alone.
"""

import shutil
import sys
import tempfile

from mininet.cli import CLI
from mininet.log import setLogLevel
from mininet.net import MininetWithControlNet
from mininet.node import OVSSwitch, RemoteController
from mininet.topo import Topo

UNDERLAY_MTU = 1700             # 1500, plus Ethernet, VLAN, GENEVE and IPv6.


class OwnSwitch(OVSSwitch):
    """An Open vSwitch in a namespace, with a bridge that has its name."""

    def __init__(self, name, **params):
        params.update(inNamespace=True, batch=False)
        super().__init__(name, datapath="user", **params)
        # OVSSwitch wants to be where the machine's Open vSwitch is; here, it
        # is, but for another reason.
        self.inNamespace = False
        self.directory = None

    @classmethod
    def setup(cls):
        """The machine's own Open vSwitch need not run."""
        cls.OVSVersion = "3.1"

    @classmethod
    def batchStartup(cls, switches, run=None):
        """Nothing can be started at once: each has a database of its own."""
        return switches

    @classmethod
    def batchShutdown(cls, switches, run=None):
        return []

    def start(self, controllers):
        self.start_ovs()
        super().start(controllers)

    def start_ovs(self):
        """Start the daemons; their sockets are found by the environment."""
        self.directory = tempfile.mkdtemp(prefix="kakehashi-mininet-")
        for name in "RUNDIR", "DBDIR", "LOGDIR", "SYSCONFDIR":
            self.run(f"export OVS_{name}={self.directory}")
        log = "-vconsole:off --log-file"
        self.run("ovsdb-tool create")
        self.run(f"ovsdb-server --detach --pidfile {log} "
                 f"--remote=punix:{self.directory}/db.sock")
        self.run("ovs-vsctl --no-wait init")
        self.run(f"ovs-vswitchd --detach --pidfile {log} --disable-system")

    def run(self, command):
        """Run a command that prints nothing unless it fails."""
        text = self.cmd(command).strip()
        if text:
            sys.exit(f"{self.name}: {command}: {text}")

    def stop(self, deleteIntfs=True):
        super().stop(deleteIntfs)
        self.cmd("ovs-appctl exit; ovs-appctl -t ovsdb-server exit")
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class PlainSwitch(OwnSwitch):
    """One that learns and floods by itself, as switches do."""

    def __init__(self, name, mtu=1500, tags=None, **params):
        """'tags': access VLANs of ports."""
        super().__init__(name, failMode="standalone", **params)
        self.mtu = mtu
        self.tags = tags or {}

    def start(self, controllers):
        super().start([])
        for intf in self.intfList():
            if self.ports[intf]:
                self.run(f"ip link set {intf} mtu {self.mtu}")
        for port, vlan in self.tags.items():
            self.run(f"ovs-vsctl set port {port} tag={vlan}")


class Node(OwnSwitch):
    """One that the controller programs: an edge or a hypervisor."""

    def __init__(self, name, tunnel_ip, peer=None, **params):
        """'peer': tunnel IP of the other edge."""
        super().__init__(name, **params)
        self.tunnel_ip = tunnel_ip
        self.peer = peer

    def start(self, controllers):
        super().start(controllers)
        self.run(f"ip link set underlay mtu {UNDERLAY_MTU}")
        self.run(f"ovs-vsctl del-port {self.name} underlay"
                 " -- add-br br-phy"
                 " -- set bridge br-phy datapath_type=netdev"
                 " -- add-port br-phy underlay")
        self.run(f"ip addr add {self.tunnel_ip}/24 dev br-phy")
        self.run("ip link set br-phy up")
        self.tunnel("genev0", "flow", "flow")
        if self.peer:
            self.tunnel("peer0", self.peer, "1", "bfd:enable=true"
                        " bfd:min_rx=100 bfd:min_tx=100")

    def tunnel(self, port, remote, key, settings=""):
        self.run(f"ovs-vsctl add-port {self.name} {port}"
                 f" -- set interface {port} type=geneve"
                 f" options:remote_ip={remote} options:key={key}"
                 f" options:local_ip={self.tunnel_ip} {settings}")


class Bridge(Topo):
    """What the picture above shows."""

    def build(self):
        fabric = self.addSwitch("fabric", cls=PlainSwitch, dpid="f",
                                mtu=UNDERLAY_MTU)
        tor = self.addSwitch("tor", cls=PlainSwitch, dpid="1f",
                             tags={"ph1": 100})
        edges = {"edge1": ("b", "10.1.0.11", "10.1.0.12"),
                 "edge2": ("c", "10.1.0.12", "10.1.0.11")}
        for name, (dpid, ip, peer) in edges.items():
            self.addSwitch(name, cls=Node, dpid=dpid,
                           tunnel_ip=ip, peer=peer)
            self.addLink(name, tor, intfName1="trunk0", intfName2=name)
        host1 = self.addSwitch("host1", cls=Node, dpid="15",
                               tunnel_ip="10.1.0.21")
        for name in [*edges, host1]:
            self.addLink(name, fabric, intfName1="underlay", intfName2=name)
        for name, switch, number in ("ph1", tor, 11), ("vm1", host1, 21):
            self.addHost(name, ip=f"192.168.100.{number}/24",
                         mac=f"02:00:00:00:00:{number}")
            self.addLink(name, switch, intfName1="eth0", intfName2=name)


def main():
    setLogLevel("info")
    net = MininetWithControlNet(
        topo=Bridge(), inNamespace=True,
        controller=lambda name: RemoteController(name, port=6653))
    net.start()
    try:
        for host in net.hosts:
            # Checksums that nobody fills in do not get through a userspace
            # datapath.
            host.cmd("ethtool -K eth0 tx off")
        CLI(net)
    finally:
        net.stop()


if __name__ == "__main__":
    main()
