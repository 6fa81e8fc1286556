# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""An ovsdb-server with the configuration: alone, or a member of a cluster.

It runs in a control node and has its files in the directory of that.  Alone
it listens on a Unix socket, which all nodes reach; a cluster is reached at
the addresses of its nodes, so that they can be cut off.
"""

import os
import signal

import netns
import plan
import raft

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                      "controller", "kakehashi.ovsschema")


class DatabaseServer:
    """The ovsdb-server of a control node."""

    def __init__(self, node, number):
        self.node = node
        self.number = number
        self.name = f"the database on {node.name}"

    @property
    def is_clustered(self):
        return self.node.lab.n_databases > 1

    @property
    def remote(self):
        """Where clients reach it."""
        return (f"tcp:{self.node.address}:{plan.DATABASE_PORT}"
                if self.is_clustered else "unix:" + self.node.path("db.sock"))

    @property
    def member(self):
        """Where the other servers of the cluster reach it."""
        return f"tcp:{self.node.address}:{plan.RAFT_PORT}"

    # ---- Process ----------------------------------------------------------

    def start(self, *options):
        """Start it; the first time, create the database too."""
        database = self.node.path("kakehashi.db")
        if not os.path.exists(database):
            self.node.run(*self._creation(database))
        listen = ([f"--remote=ptcp:{plan.DATABASE_PORT}:{self.node.address}"]
                  if self.is_clustered else [])
        self.node.run("ovsdb-server", "--detach", "--no-chdir", "--pidfile",
                      "--log-file", "-vconsole:off", *listen, *options,
                      f"--remote=punix:{self.node.path('db.sock')}", database)

    def _creation(self, database):
        lab = self.node.lab
        return (raft.create(database, SCHEMA,
                            [server.member for server in lab.databases],
                            self.number, lab.election_ms)
                if self.is_clustered
                else ["ovsdb-tool", "create", database, SCHEMA])

    @property
    def pid(self):
        with open(self.node.path("ovsdb-server.pid"),
                  encoding="ascii") as stream:
            return int(stream.read())

    def kill(self, number=signal.SIGKILL):
        """End it by a signal."""
        pid = self.pid
        os.kill(pid, number)
        netns.wait_until(lambda: pid not in netns.pids([self.node.namespace]),
                         what=f"end of {self.name}")

    def stop(self):
        """Stop it, as if the machine hung."""
        os.kill(self.pid, signal.SIGSTOP)

    def cont(self):
        os.kill(self.pid, signal.SIGCONT)

    # ---- Cluster ----------------------------------------------------------

    def status(self):
        """(role, whether it has a leader); (None, False) if it is silent."""
        status, text = self.node.run(
            "ovs-appctl", "--timeout=2", "-t", "ovsdb-server",
            "cluster/status", raft.schema_name(SCHEMA), check=False)
        return raft.parse_status(text) if not status else (None, False)

    def role(self):
        """"leader", "follower" or "candidate"; None if it is silent."""
        return self.status()[0]


def settle(servers, timeout=30):
    """Until each of 'servers' knows the leader, which is one of them."""
    def settled():
        states = [server.status() for server in servers]
        return (all(knows for _, knows in states)
                and [role for role, _ in states].count("leader") == 1)
    netns.wait_until(settled, timeout, "a leader of the databases", 0.1)
