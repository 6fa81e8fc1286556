# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Locks of real servers: a standalone one, and a cluster of three."""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from ctldb import BUILD, SCHEMA, Database, schema_name, wait_for

CONTROLLER = os.path.join(os.path.abspath(BUILD), "kakehashi")
LOCKER = os.path.join(os.path.abspath(BUILD), "tests", "locker")


class Locker:
    """A process that wants locks."""

    def __init__(self, remotes):
        self.process = subprocess.Popen(
            [LOCKER, remotes], text=True, bufsize=1, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")

    def says(self, *lines):
        """These are the next lines."""
        assert [self.next() for _ in lines] == list(lines)

    def next(self, seconds=15):
        return self.lines.get(timeout=seconds)

    def is_silent(self):
        """It has said nothing, and has heard all that it was told: a lock
        that nobody else wants comes after that."""
        name = f"only_{self.process.pid}"
        self.do(f"want {name}")
        line = self.next()
        self.do(f"drop {name}")
        return line == "+" + name

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.returncode is None:
            self.process.stdin.close()
            assert self.process.wait(10) == 0


class Cluster:
    """Three servers in a directory with a short path."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="kkraft", dir="/tmp")
        self.servers = {}
        first = self.address(1)
        subprocess.run(["ovsdb-tool", "create-cluster", self.path("1.db"),
                        SCHEMA, first], check=True)
        for i in 2, 3:
            subprocess.run(["ovsdb-tool", "join-cluster",
                            self.path(f"{i}.db"), schema_name(),
                            self.address(i), first], check=True)
        for i in 1, 2, 3:
            self.start(i)
        for i in 1, 2, 3:
            subprocess.run(["ovsdb-client", "--timeout=15", "wait",
                            self.remote(i), schema_name(), "connected"],
                           check=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def address(self, i):
        return "unix:" + self.path(f"{i}.raft")

    def remote(self, i):
        return "unix:" + self.path(f"{i}.s")

    @property
    def remotes(self):
        return ",".join(self.remote(i) for i in (1, 2, 3))

    def start(self, i):
        self.servers[i] = subprocess.Popen(
            ["ovsdb-server", "--remote=p" + self.remote(i),
             "--unixctl=" + self.path(f"{i}.ctl"), "-vconsole:off",
             self.path(f"{i}.db")], env=dict(os.environ, OVS_RUNDIR=self.dir))
        wait_for(lambda: os.path.exists(self.path(f"{i}.ctl")))

    def appctl(self, i, *args):
        return subprocess.run(
            ["ovs-appctl", "-t", self.path(f"{i}.ctl"), *args], text=True,
            capture_output=True, check=True, timeout=10).stdout

    def leader(self):
        """The number of the server that leads."""
        leaders = []

        def found():
            leaders[:] = [i for i in self.servers if "Role: leader" in
                          self.appctl(i, "cluster/status", schema_name())]
            return len(leaders) == 1

        wait_for(found)
        return leaders[0]

    def signal(self, i, number):
        self.servers[i].send_signal(number)

    def kill(self, i):
        server = self.servers.pop(i)
        server.kill()
        server.wait()

    def close(self):
        for i in list(self.servers):
            self.kill(i)
        shutil.rmtree(self.dir)


@pytest.fixture(name="db")
def fixture_db():
    database = Database()
    yield database
    database.close()


@pytest.fixture(name="cluster")
def fixture_cluster():
    three = Cluster()
    yield three
    three.close()


@pytest.fixture(name="locker")
def fixture_locker():
    """Starts processes that are ended with the test."""
    lockers = []

    def start(remotes):
        lockers.append(Locker(remotes))
        return lockers[-1]

    yield start
    for one in lockers:
        one.close()


def holder_and_other(remotes, locker):
    """One that has lock "a", and one that waits for it."""
    holder, other = locker(remotes), locker(remotes)
    holder.do("want a")
    holder.says("connected", "+a")
    other.do("want a")
    other.says("connected")
    assert other.is_silent()
    return holder, other


def test_holder_killed(db, locker):
    """The next one gets the lock, and may write."""
    holder, other = holder_and_other(db.remote, locker)
    holder.do("transact a")
    holder.says("done")
    other.do("transact a")
    other.says("refused")
    holder.kill()
    other.says("+a")
    other.do("transact a")
    other.says("done")


def test_dropped(db, locker):
    holder, other = holder_and_other(db.remote, locker)
    holder.do("drop a", "want a")
    other.says("+a")
    assert holder.is_silent()
    other.do("drop a")
    holder.says("+a")
    assert other.is_silent()


def test_stolen(db, locker):
    """A thief that goes away makes room."""
    holder = locker(db.remote)
    holder.do("want a")
    holder.says("connected", "+a")
    thief = subprocess.Popen(["ovsdb-client", "steal", db.remote, "a"],
                             stdout=subprocess.DEVNULL)
    try:
        holder.says("-a")
        assert holder.is_silent()
    finally:
        thief.kill()
        thief.wait()
    holder.says("+a")


def test_server_restarted(db, locker):
    holder = locker(db.remote)
    holder.do("want a")
    holder.says("connected", "+a")
    db.stop()
    holder.says("disconnected", "-a")
    db.start()
    holder.says("connected", "+a")


def test_database_added(db, locker):
    """The server's other databases are nobody's business."""
    holder = locker(db.remote)
    holder.do("want a")
    holder.says("connected", "+a")
    path = os.path.join(db.dir, "other")
    with open(path + ".schema", "w", encoding="ascii") as f:
        f.write('{"name": "Other", "version": "0.0.0", "tables": {}}')
    subprocess.run(["ovsdb-tool", "create", path, path + ".schema"],
                   check=True)
    for verb, what in ("add-db", path), ("remove-db", "Other"):
        subprocess.run(["ovs-appctl", "-t", os.path.join(db.dir, "ctl"),
                        f"ovsdb-server/{verb}", what], check=True)
        assert holder.is_silent()


def next_holder(*lockers):
    """The first that says that it has got "a"."""
    holders = []

    def found():
        holders.extend(one for one in lockers if not one.lines.empty())
        return holders

    wait_for(found)
    holders[0].says("+a")
    return holders[0]


def test_leader_killed(cluster, locker):
    """What its locks were is lost, and found again at the new leader."""
    holder, other = holder_and_other(cluster.remotes, locker)
    cluster.kill(cluster.leader())
    holder.says("disconnected", "-a")
    other.says("disconnected")
    for one in holder, other:
        one.says("connected")

    # Either may have been first.
    first = next_holder(holder, other)
    last = other if first is holder else holder
    first.do("transact a")
    first.says("done")
    assert last.is_silent()
    first.kill()
    last.says("+a")


def test_leader_resigns(cluster, locker):
    """Who leads no more says so, and is left."""
    holder = locker(cluster.remotes)
    holder.do("want a")
    holder.says("connected", "+a")
    old = cluster.leader()
    cluster.appctl(old, "cluster/failure-test", "transfer-leadership")
    holder.says("disconnected", "-a", "connected", "+a")
    assert cluster.leader() != old
    holder.do("transact a")
    holder.says("done")


def test_leader_silent(cluster, locker):
    """A server that does not answer is as good as none."""
    holder = locker(cluster.remotes)
    holder.do("want a")
    holder.says("connected", "+a")
    old = cluster.leader()
    cluster.signal(old, signal.SIGSTOP)
    holder.says("disconnected", "-a", "connected", "+a")
    cluster.signal(old, signal.SIGCONT)
    assert cluster.leader() != old
    assert holder.is_silent()


class Controller:
    """A controller that no switch reaches."""

    def __init__(self, directory, name, remotes):
        self.name = name
        self.control = os.path.join(directory, f"{name}.ctl")
        self.log = os.path.join(directory, f"{name}.log")
        self.process = subprocess.Popen(
            [CONTROLLER, f"--name={name}", f"--db={remotes}",
             "--listen=punix:" + os.path.join(directory, f"{name}.of"),
             f"--unixctl={self.control}", f"--log-file={self.log}",
             "-vconsole:off"], env=dict(os.environ, OVS_RUNDIR=directory))
        wait_for(lambda: os.path.exists(self.control))

    def show(self):
        return json.loads(subprocess.run(
            ["ovs-appctl", "-t", self.control, "show", "--format=json"],
            capture_output=True, check=True, timeout=10).stdout)

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(name="controller")
def fixture_controller():
    """Starts controllers that are ended with the test."""
    directory = tempfile.mkdtemp(prefix="kkctl", dir="/tmp")
    controllers = []

    def start(remotes):
        name = f"c{len(controllers) + 1}"
        controllers.append(Controller(directory, name, remotes))
        return controllers[-1]

    yield start
    for one in controllers:
        one.close()
    shutil.rmtree(directory)


def asked_for_locks(controller):
    """The server that was asked last, or None."""
    with open(controller.log, encoding="utf-8") as f:
        lines = [line for line in f if "asking this server for locks" in line]
    return lines[-1].split("|")[4].split(": ")[0] if lines else None


def test_two_databases(db, controller):
    """Whichever a controller has its configuration from, as that is chance:
    it leads by the locks of that one alone."""
    another = Database()
    try:
        edges = {"e1": db.remote, "e2": another.remote}
        db.ok("edge-add e1 1 192.0.2.1")
        another.ok("edge-add e2 2 192.0.2.2")
        several = [controller(f"{db.remote},{another.remote}")
                   for _ in range(6)]

        def agree(one):
            show = one.show()
            return (not show["controller"]["locks"] and show["edges"]
                    and edges[show["edges"][0]["name"]]
                    == asked_for_locks(one))
        wait_for(lambda: all(agree(one) for one in several), 30)
    finally:
        another.close()


def test_only_followers_named(cluster, controller):
    """Says which server is no leader, and what to do."""
    follower = next(i for i in (1, 2, 3) if i != cluster.leader())
    nowhere = "unix:" + cluster.path("none")
    one = controller(f"{cluster.remote(follower)},{nowhere}")
    text = ("frozen: no database to ask for locks: "
            f"{cluster.remote(follower)} does not lead its cluster, "
            f"{nowhere} does not answer; "
            "--db should name all members of the cluster")
    wait_for(lambda: one.show()["controller"]["locks"] == text)
    with open(one.log, encoding="utf-8") as f:
        assert f.read().count("does not lead its cluster") == 1


@pytest.mark.parametrize("option,what", [
    ("--name=", "needs a name"),
    ("--name=" + "n" * 256, "longer than 255 bytes"),
    (b"--name=\xff\xfe", "invalid UTF-8"),
    ("--name=a\nb", "control character"),
    ("--db=tcp:127.0.0.1:6641,", 'tcp:127.0.0.1:6641,": not unix:FILE'),
])
def test_options_that_make_no_sense(option, what):
    done = subprocess.run([CONTROLLER, option], check=False, timeout=20,
                          capture_output=True)
    assert done.returncode and what in done.stderr.decode(errors="replace")
