# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A real ovs-vswitchd whose network devices are made up.

It needs no root and touches nothing of the machine: a database and sockets of
its own, in a folder that is removed, and ports that exist in its memory.
Bridge br0 has the ports that the golden flows are about: genev0 is 1, p1 is
2, p2 is 3; by 4 and 5, see4 and see5, edges see each other.  br-phy has the
addresses and neighbours that tunnels need.
"""

import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
PROTOCOLS = ["OpenFlow13", "OpenFlow14", "OpenFlow15"]
NETWORKS = [("10.0.0.100/24", "10.0.0.0/24"), ("fd00::100/64", "fd00::/64")]
FAR_NETWORKS = [("192.0.2.0/24", "10.0.0.250"), ("2001:db8::/32", "fd00::250")]
NEIGHBOURS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.250", "192.0.2.1",
              "fd00::3", "fd00::250", "2001:db8::1"]


class Switch:
    def __init__(self, programs=None):
        """Programs in the folder 'programs' go before the system's."""
        self.folder = tempfile.mkdtemp(prefix="kh")
        first = [os.path.abspath(programs)] if programs else []
        self.env = {**os.environ, "OVS_RUNDIR": self.folder,
                    "OVS_LOGDIR": self.folder, "OVS_DBDIR": self.folder,
                    "OVS_SYSCONFDIR": self.folder,
                    "PATH": ":".join([*first, os.environ["PATH"],
                                      "/usr/sbin:/sbin"])}
        self.processes = []
        self.loaded = None      # What a test has loaded, if it says so.
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start_daemons(self):
        database = f"{self.folder}/conf.db"
        self.run("ovsdb-tool", "create", database, SCHEMA)
        self.spawn("ovsdb-server", "--remote=punix:db.sock",
                   "--unixctl=ovsdb.ctl", database)
        self.wait_for("db.sock")
        self.run("ovs-vsctl", "--no-wait", "init")
        self.start_vswitchd()

    def start_vswitchd(self):
        self.spawn("ovs-vswitchd", "--enable-dummy",
                   "--disable-system", "--disable-system-route",
                   "--unixctl=vswitchd.ctl",
                   f"unix:{self.folder}/db.sock")
        self.wait_for("vswitchd.ctl")

    def start(self):
        self.start_daemons()
        self.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy",
                   "datapath_type=dummy", "--", "add-port", "br-phy", "phy0",
                   "--", "set", "interface", "phy0", "type=dummy")
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0",
                   "datapath_type=dummy", "fail_mode=secure",
                   "protocols=" + ",".join(PROTOCOLS))
        self.vsctl("add-port", "br0", "genev0", "--", "set", "interface",
                   "genev0", "type=geneve", "options:remote_ip=flow",
                   "options:key=flow", "ofport_request=1")
        for number, port in (2, "p1"), (3, "p2"), (4, "see4"), (5, "see5"):
            self.vsctl("add-port", "br0", port, "--", "set", "interface",
                       port, "type=dummy", f"ofport_request={number}")
        for address, network in NETWORKS:
            family = "ip6addr" if ":" in address else "ip4addr"
            self.appctl(f"netdev-dummy/{family}", "br-phy", address)
            self.appctl("ovs/route/add", network, "br-phy")
        for network, gateway in FAR_NETWORKS:
            self.appctl("ovs/route/add", network, "br-phy", gateway)
        for ip in NEIGHBOURS:
            self.appctl("tnl/neigh/set", "br-phy", ip, "02:00:00:00:00:01")
        # From now on time stands still: flows do not expire.
        self.appctl("time/stop")
        for meter in meters():
            self.ofctl("add-meter", "br0",
                       f"meter={meter} pktps bands=type=drop rate=1000")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder)

    def spawn(self, *command):
        with open(f"{self.folder}/{command[0]}.log", "w",
                  encoding="utf-8") as log:
            self.processes.append(subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=log,
                stderr=log))

    @staticmethod
    def wait_until(condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not true after {seconds} s"
            time.sleep(0.02)

    def wait_for(self, name):
        self.wait_until(lambda: os.path.exists(f"{self.folder}/{name}"))

    def run(self, *command, check=True):
        done = subprocess.run(command, cwd=self.folder, env=self.env,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)
        assert not check or not done.returncode, \
            f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock",
                        *args)

    def appctl(self, *args):
        return self.run("ovs-appctl", "-t", f"{self.folder}/vswitchd.ctl",
                        *args)

    def ofctl(self, *args, protocol="OpenFlow15", check=True):
        return self.run("ovs-ofctl", "-O", protocol, *args, check=check)

    def load(self, path, protocol="OpenFlow15"):
        """Makes the flows of br0 those in the file 'path'."""
        self.loaded = None
        self.ofctl("del-flows", "br0")
        self.ofctl("--bundle", "add-flows", "br0", path, protocol=protocol)

    def trace(self, flow, *packet):
        return self.appctl("ofproto/trace", "--names", "br0", flow, *packet)

    def outputs(self, flow, *packet, tags=()):
        """Where a frame goes: "p1" untagged, "p1/10" with VLAN 10, "TUNNEL-IP
        VNI".  Sorted, so that a copy too many shows as well.  'tags' are
        those of 'packet', in hexadecimal digits, if there is one."""
        text = self.trace(flow, *packet)
        actions = re.search(r"^Datapath actions: (.*)$", text, re.M)
        assert actions, text
        tag = re.search(r"dl_vlan=(\d+)", flow)
        return sorted(read_actions(actions[1], [tag[1]] if tag else tags))

    @staticmethod
    def frame(source, destination, *vlans):
        """An Ethernet frame, in bytes, with a tag for each of 'vlans'."""
        frame = bytes.fromhex((destination + source).replace(":", ""))
        for vlan in vlans:
            frame += struct.pack("!HH", 0x8100, vlan)
        return (frame + struct.pack("!H", 0x88b5)).ljust(64, b"\0")

    def receive(self, port, frame):
        """'frame', bytes, comes in by 'port'."""
        self.appctl("netdev-dummy/receive", port, frame.hex())

    def flows_text(self, match=""):
        return self.ofctl("dump-flows", "br0", *[match] * bool(match))

    def flows(self, table):
        return [line.strip() for line
                in self.flows_text(f"table={table}").splitlines()
                if f"table={table}" in line]


def meters():
    """The meters that the golden flows ask."""
    found = set()
    for path in glob.glob(f"{HERE}/golden/*.flows"):
        with open(path, encoding="utf-8") as stream:
            found.update(re.findall(r"meter(?:_id=|:)(\d+)", stream.read()))
    return sorted(found)


TOKEN = re.compile(r"push_vlan\(vid=(?P<push>\d+),[^)]*\)|(?P<pop>pop_vlan)"
                   r"|tnl_push\((?P<tunnel>.*?),out_port\([^)]*\)\)"
                   r"|drop|br-phy|phy0|clone|meter\(\d+\)|set\(eth\([^)]*\)\)"
                   r"|(?P<port>[\w-]+)|(?P<begin>\()|(?P<end>\))|,")

# The way to the controller.
USERSPACE = re.compile(r"sample\(.*?userspace\(.*?controller\(.*?\)\)\)\),?"
                       r"|userspace\(.*?controller\(.*?\)\),?")


def read_actions(actions, tags):
    """The outputs in a text of datapath actions, for a frame with 'tags'."""
    actions = USERSPACE.sub("", actions)
    tags, outputs, outer, at = list(tags), [], [], 0
    while at < len(actions):
        token = TOKEN.match(actions, at)
        assert token, f"cannot read {actions[at:]}"
        at = token.end()
        if token["push"]:
            tags.append(token["push"])
        elif token["pop"]:
            tags.pop()
        elif token["tunnel"]:
            ip = re.search(r"ipv[46]\(src=[^,]*,dst=([^,]*),", token[0])[1]
            vni = int(re.search(r"vni=(\w+)", token[0])[1], 16)
            inner = f" with tag {tags[-1]}" if tags else ""
            outputs.append(f"{ip} {vni}{inner}")
        elif token["port"]:
            outputs.append("/".join([token["port"]] + tags))
        elif token["begin"]:
            outer.append(list(tags))
        elif token["end"]:
            tags = outer.pop()
    return outputs
