# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-ctl, with and without its daemon, on a RAFT cluster of three."""

import re
import signal
import subprocess
import threading
import time

import pytest

from ctlcluster import Cluster
from ctldb import CTL, Daemon, wait_for


@pytest.fixture(name="cluster")
def fixture_cluster():
    database = Cluster()
    yield database
    database.close()


@pytest.fixture(name="db", params=["alone", "daemon"])
def fixture_db(request):
    database = Cluster(daemon=request.param == "daemon")
    database.ok("init")
    yield database
    database.close()


def tool(*args, timeout=30):
    """(status, stdout, stderr) of the tool."""
    done = subprocess.run([CTL, "--no-syslog", *args], text=True,
                          capture_output=True, timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


def names(db):
    return sorted(db.ok("--bare --columns=name list Segment").split())


def change(db, command):
    """Make a change, which may take the time of an election."""
    done = db.run("-t", "28", *command.split())
    assert done.returncode == 0, done.stderr
    assert re.fullmatch("(kakehashi-ctl: still waiting for .*\n)?",
                        done.stderr)
    return done.stdout


# ---- Which server -----------------------------------------------------------

def test_the_leader_is_found(cluster):
    remotes = [s.remote for s in cluster.servers]
    for i in range(3):
        order = ",".join(remotes[i:] + remotes[:i])
        for shuffle in "--shuffle-remotes", "--no-shuffle-remotes":
            started = time.monotonic()
            assert tool("--db=" + order, shuffle, "--may-exist",
                        "segment-add", "s", "1") == (0, "", "")
            assert time.monotonic() - started < 1.5
    assert names(cluster) == ["s"]


def test_any_server_will_do(cluster):
    """With --no-leader-only; by default a follower does not."""
    cluster.ok("segment-add r 1")
    for follower in cluster.followers:
        db = "--db=" + follower.remote
        assert tool(db, "--no-leader-only", "segment-add",
                    f"s{follower.number}", str(follower.number + 10)
                    ) == (0, "", "")
        assert "r" in tool(db, "--no-leader-only", "segment-list")[1]
        assert tool(db, "-t", "1", "segment-add", "t", "2") == (
            1, "", f"kakehashi-ctl: {follower.remote}: not the leader of its "
            "cluster\n")
    assert len(names(cluster)) == 3


def test_order_of_remotes(cluster):
    """The first one that will do is used, unless they are shuffled."""
    def used(*options):
        status, _, err = tool("--db=" + cluster.remote, "--no-leader-only",
                              "-vreconnect:console:info", *options,
                              "show")
        assert status == 0
        return re.findall(r"(tcp:\S+): connected", err)

    first = cluster.servers[0]
    assert [used("--no-shuffle-remotes") for _ in range(5)] == \
        [[first.remote]] * 5
    assert len({tuple(used()) for _ in range(20)}) > 1
    first.stop()
    try:
        started = time.monotonic()
        assert used("--no-shuffle-remotes") == [cluster.servers[1].remote]
        assert time.monotonic() - started < 3
    finally:
        first.cont()


def test_daemon_on_a_follower(cluster):
    follower = cluster.followers[0]
    cluster.daemon = Daemon(cluster.dir, "--db=" + follower.remote,
                            "--no-leader-only", "--no-shuffle-remotes")
    cluster.ok("segment-add s 1")
    cluster.ok("segment-add t 2")
    assert names(cluster) == ["s", "t"]


# ---- Servers that fail ------------------------------------------------------

def test_one_server_after_the_other_fails(db):
    """By default the tool waits for an election."""
    for i, (role, number) in enumerate([
            ("leader", signal.SIGKILL), ("follower", signal.SIGKILL),
            ("leader", signal.SIGTERM)]):
        server = db.leader if role == "leader" else db.followers[0]
        server.kill(number)
        change(db, f"segment-add s{i} {i + 1}")
        db.start()
    assert names(db) == ["s0", "s1", "s2"]


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_server_that_is_stopped(db, role):
    server = db.leader if role == "leader" else db.followers[0]
    others = [s for s in db.servers if s is not server]
    server.stop()
    try:
        change(db, "segment-add s 1")
        db.settle(*others)
        assert names(db) == ["s"]
    finally:
        server.cont()
    db.settle()
    db.ok("segment-add t 2")
    assert names(db) == ["s", "t"]


def test_without_a_majority(db):
    db.ok("segment-add s 1")
    leader = db.leader
    for server in db.followers:
        server.kill()
    wait_for(lambda: leader.status()[0] != "leader")
    for command in "show", "segment-add t 2":
        done = db.run("-t", "2", *command.split())
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert ("timed out waiting for the database server\n" if db.daemon
                else f"{leader.remote}: cut off from") in done.stderr
    db.start()
    change(db, "segment-add u 3")
    assert names(db) == ["s", "u"]


def test_majority_is_lost_during_a_change(db):
    for server in db.followers:
        server.kill()
    done = db.run("-t", "1", "segment-add", "t", "2")
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", "kakehashi-ctl: timed out waiting for the database server to "
        "commit: whether the change is made is not known\n")
    db.start()
    change(db, "--may-exist segment-add t 2")
    assert names(db) == ["t"]


def test_without_a_majority_and_a_timeout(cluster):
    """There is an error, and no wait without end."""
    cluster.ok("segment-add s 1")
    leader, followers = cluster.leader, cluster.followers
    for server in followers:
        server.kill()
    wait_for(lambda: leader.status()[0] != "leader")
    started = time.monotonic()
    done = cluster.run("segment-add", "t", "2")
    assert 8 < time.monotonic() - started < 20
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2, done.stderr
    for server in followers:
        assert f"{server.remote}: database connection failed" in done.stderr
    assert re.search(leader.remote + ": (cut off from the rest of|not the "
                     "leader of) its cluster", done.stderr)
    cluster.start()
    assert names(cluster) == ["s"]


# ---- Changes that are under way ---------------------------------------------

def break_down(server, how):
    if how == "kill":
        server.kill()
    elif how == "stop":
        server.stop()
        threading.Timer(4, server.cont).start()
    else:
        server.fail(how)


@pytest.mark.parametrize("how", [
    "crash-before-sending-append-request",
    "crash-after-sending-append-request",
    "transfer-leadership-after-sending-append-request",
    "crash-before-sending-execute-command-reply",
])
@pytest.mark.parametrize("leader_only", [True, False])
def test_leader_fails_during_a_change(cluster, how, leader_only):
    """The change is made, and once, and the tool knows."""
    if not leader_only:
        cluster.daemon = Daemon(
            cluster.dir, "--db=" + ",".join(
                s.remote for s in cluster.followers),
            "--no-leader-only", "--no-shuffle-remotes")
    else:
        cluster.daemon = Daemon(cluster.dir, "--db=" + cluster.remote)
    cluster.ok("segment-add r 9")
    seq = cluster.ok("get Kakehashi_Global . cfg_seq")
    leader = cluster.leader
    leader.fail(how)
    assert change(cluster, "segment-add s 1 -- get Segment s vni") == "1\n"
    # Only a follower is told of what it has asked for.
    if how.startswith("crash") and not (leader_only and "execute" in how):
        wait_for(lambda: leader.process.poll() is not None)
    assert names(cluster) == ["r", "s"]
    assert int(cluster.ok("get Kakehashi_Global . cfg_seq")) == int(seq) + 1


OUTCOMES = {0: {1}, "nothing is changed": {0}, "is made is not known": {0, 1},
            "it is this one is not known": {0, 1}, "the change is made": {1},
            "timed out waiting for the database server\n": {0}}


def write(db, worker, results, done):
    """Make changes, until 'done', that would show if they were made twice."""
    number = 0
    while not done.is_set():
        number += 1
        name = f"w{worker}n{number}"
        made = db.run("-t", "25", "segment-add", name,
                      str(worker * 100000 + number), "--", "--id=@c", "create",
                      "Connection", f'target="{name}"', "--", "add",
                      "Kakehashi_Global", ".", "connections", "@c")
        if made.returncode == 0:
            results[name] = 0
        else:
            results[name] = made.stderr


@pytest.mark.parametrize("how", ["kill", "stop", "transfer-leadership"])
def test_changes_while_leaders_fail(db, how):
    """Each is made once, or the tool says that it may not be."""
    results, done = {}, threading.Event()
    threads = [threading.Thread(target=write, args=(db, w, results, done))
               for w in range(1, 4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            before = len(results)
            wait_for(lambda: len(results) > before + 10, 60)
            break_down(db.leader, how)
            before = len(results)
            wait_for(lambda: len(results) > before + 10, 60)
            db.start()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    db.settle()
    made = db.ok("--bare --columns=target list Connection").split()
    segments = names(db)
    assert len(results) > 20
    for name, result in results.items():
        counts = next((counts for text, counts in OUTCOMES.items()
                       if result == text or text and result
                       and text in result), None)
        assert counts is not None, (name, result)
        assert made.count(name) in counts, (name, result)
        assert segments.count(name) == made.count(name)
    assert sum(result == 0 for result in results.values()) > 20
