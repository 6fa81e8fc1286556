# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A RAFT cluster of three database servers for kakehashi-ctl."""

import itertools
import os
import signal
import subprocess

import raft
from ctldb import Database, schema_name, wait_for

N = 3
PORT = 6641
_clusters = itertools.count()


def addresses():
    """Of loopback, three that nobody else uses: a server that listens on a
    Unix socket is not found out if it is silent."""
    pid = os.getpid()
    return [f"127.{pid // 250 % 250 + 1}.{pid % 250 + 1}.{n + 1}"
            for n in range(next(_clusters) * N % 240, 250)][:N]


class Server:
    """A member of the cluster, with its files in a directory of its own."""

    def __init__(self, cluster, number, address):
        self.number = number
        self.dir = os.path.join(cluster.dir, str(number))
        self.remote = f"tcp:{address}:{PORT}"
        self.address = f"tcp:{address}:{PORT + 2}"
        self.listen = f"ptcp:{PORT}:{address}"
        self.process = None
        os.mkdir(self.dir)

    def start(self):
        self.process = subprocess.Popen(
            ["ovsdb-server", "--remote=" + self.listen,
             "--unixctl=" + os.path.join(self.dir, "ctl"), "-vconsole:off",
             os.path.join(self.dir, "db")],
            env=dict(os.environ, OVS_RUNDIR=self.dir))

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def cont(self):
        self.process.send_signal(signal.SIGCONT)

    def appctl(self, *args):
        done = subprocess.run(
            ["ovs-appctl", "--timeout=1", "-t", os.path.join(self.dir, "ctl"),
             *args], text=True, capture_output=True, check=False)
        return done.stdout

    def status(self):
        """(role, whether it has a leader); (None, False) if it is silent."""
        return raft.parse_status(self.appctl("cluster/status", schema_name()))

    def fail(self, test):
        """Let it break down at some point of its work."""
        assert self.appctl("cluster/failure-test", test)


class Cluster(Database):
    """Three servers instead of one."""

    def create(self, schema):
        self.servers = [Server(self, number, address)
                        for number, address in enumerate(addresses())]
        self.remote = ",".join(s.remote for s in self.servers)
        members = [s.address for s in self.servers]
        for s in self.servers:
            subprocess.run(raft.create(os.path.join(s.dir, "db"), schema,
                                       members, s.number), check=True)

    def start(self):
        for server in self.servers:
            if server.process is None or server.process.poll() is not None:
                server.start()
        self.settle()

    def stop(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.cont()
            server.kill()

    def settle(self, *servers):
        """Wait until there is one leader, and all servers know it."""
        def settled():
            states = [s.status() for s in servers or self.servers]
            return (all(known for _, known in states)
                    and sum(role == "leader" for role, _ in states) == 1)
        wait_for(settled, 30)

    @property
    def leader(self):
        return next(s for s in self.servers if s.status()[0] == "leader")

    @property
    def followers(self):
        leader = self.leader
        return [s for s in self.servers if s is not leader]
