# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Databases for controllers: an ovsdb-server, or a RAFT cluster of some."""

import json
import os
import re
import subprocess

from netns import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "controller", "kakehashi.ovsschema")
ELECTION = 1000                 # Milliseconds.


class Database:
    """An empty database in 'directory', in which all paths are.  More than
    one server makes a cluster of them."""

    def __init__(self, directory, servers=1):
        self.directory = directory
        self.processes = []
        try:
            for number in range(servers):
                self._create(number, servers > 1)
                self._start(number)
        except BaseException:
            self.stop()
            raise

    def _path(self, name, number):
        return os.path.join(self.directory, f"{name}{number or ''}")

    def _raft(self, number):
        return "unix:" + self._path("raft", number)

    def _socket(self, number):
        return self._path("db.sock", number)

    @property
    def target(self):
        """For --db."""
        return ",".join("unix:" + self._socket(number)
                        for number in range(len(self.processes)))

    def environment(self):
        return {**os.environ, **{name: self.directory for name in (
            "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")}}

    def _create(self, number, is_member):
        path = self._path("kakehashi.db", number)
        if not is_member:
            how = ["create", path, SCHEMA]
        elif number == 0:
            how = [f"--election-timer={ELECTION}", "create-cluster", path,
                   SCHEMA, self._raft(0)]
        else:
            with open(SCHEMA, encoding="utf-8") as stream:
                name = json.load(stream)["name"]
            how = ["join-cluster", path, name,
                   *(self._raft(n) for n in range(number, -1, -1))]
        subprocess.run(["ovsdb-tool", "-vconsole:off", *how], check=True,
                       env=self.environment())

    def _start(self, number):
        control = self._path("db.ctl", number)
        self.processes.append(subprocess.Popen(
            ["ovsdb-server", "-vconsole:off",
             f"--remote=punix:{self._socket(number)}",
             f"--unixctl={control}", self._path("kakehashi.db", number)],
            env=self.environment()))
        wait_until(lambda: os.path.exists(self._socket(number)),
                   what="the database")
        if self._is_member(number):
            wait_until(lambda: self._has_joined(control), 30,
                       "a member of the cluster")

    def _is_member(self, number):
        return os.path.exists(self._path("raft", number))

    def _has_joined(self, control):
        text = subprocess.run(
            ["ovs-appctl", "-t", control, "cluster/status", "Kakehashi"],
            check=False, env=self.environment(), encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        return (re.search(r"^Status: cluster member", text, re.M)
                and re.search(r"^Leader: (?!unknown)", text, re.M))

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.processes = []
