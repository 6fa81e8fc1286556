# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-ctl's daemon, beyond what test_ctl.py does with it anyway."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from ctldb import CONFIG, CTL, Daemon, Database, Gate, Waiting, runs, seqs, \
    wait_for, wait_for_cfg_seq


UNKNOWN = ("kakehashi-ctl: the connection to the database broke during the "
           "change, and there was a change meanwhile: whether it is this one "
           "is not known\n")


@pytest.fixture(name="db")
def fixture_db():
    database = Database(daemon=True)
    yield database
    database.close()


@pytest.fixture(name="gated")
def fixture_gated():
    """A database whose daemon reaches it by way of 'gate'."""
    database = Database()
    database.gate = Gate(database)
    database.ok("init")
    database.daemon = Daemon(database.dir, "--db=" + database.gate.remote)
    yield database
    database.gate.release()
    database.close()


@pytest.fixture(name="steady", scope="module")
def fixture_steady():
    database = Database(daemon=True)
    try:
        database.apply(CONFIG)
        yield database
    finally:
        database.close()


def run(*args, **env):
    """The tool with nothing but 'args'; (status, stdout, stderr)."""
    done = subprocess.run([CTL, "--no-syslog", *args], text=True, check=False,
                          capture_output=True, timeout=20,
                          env=dict(os.environ, **env))
    return done.returncode, done.stdout, done.stderr


def start(db, *args):
    """The tool in the background, with its outputs apart."""
    return subprocess.Popen(db.command(*args), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# ---- The same as without ----------------------------------------------------

def comparable(text):
    """What is printed without times and UUIDs of rows that were not made, and
    in any order, since rows have none."""
    text = re.sub(r"^\S+Z\|", "", text, flags=re.M)
    return sorted(re.sub(r"^[0-9a-f-]{36}$", "UUID", line)
                  for line in text.splitlines())


@pytest.mark.parametrize("line", [
    "show", "edge-list", "-f csv segment-list -- binding-list",
    "--format=json mac-list blue", "--bare --columns=name list Segment",
    "--pretty -f json -d json vtep-list", "-f html cluster-list",
    "--no-headings host-port-list", "--max-column-width=3 -f table list Edge",
    "--oneline show -- comment a -- get Segment blue vni name",
    "list Segment blue -- find Segment vni=200", "get Edge e1 _uuid",
    "--may-exist segment-add blue 100 -- --may-exist vtep-add blue 192.0.2.9",
    "--dry-run --wait=edges segment-add s 1 -- bind s west eth1 7",
    "--if-exists --dry-run segment-del s -- --if-exists vtep-del s 1.2.3.4",
    "-- --may-exist segment-add blue 100", "comment", "--dry-run init",
    "--dry-run -- --id=@e create Edge name=x -- "
    "create Cluster name=y edges:1=@e",
    # What is wrong with the words.
    "", "--", "--may-exist", "--wait=edges", "frobnicate", "show x", "--foo",
    "--foo show", "--wait=x show", "-f x show", "-d x show", "-t 0 show",
    "-t", "--may-exist=1 segment-add a 1", "--may-exist show",
    "segment-add blue", "segment-list -- ", "--cascade --cascade show",
    # What the commands say, the first one that fails.
    "segment-add blue 1", "segment-add s 100 -- list Nosuch", "list Nosuch",
    "list Segment blue nosuch", "get Segment blue nosuch", "find Segment x=1",
    "get Segment blue vni:x", "set Segment blue vni=x", "create Nosuch a=b",
    "set Segment blue vni=0", "destroy Segment blue", "clear Segment blue vni",
    "add Segment blue vni 5", "remove Segment blue vni 100",
    "show -- segment-list -- segment-add blue 1", "segment-del blue",
    "set Cluster west edges:9=@x", "--id=@x get Segment blue -- show",
    "--id=x create Segment name=x", "--all destroy Segment blue",
    # Warnings.
    "--dry-run create Connection target=x",
    # Help.
    "--help", "-V",
])
def test_same_as_alone(steady, line):
    before = steady.dump()
    alone, daemon = (
        steady.run(*line.split(" ") if line else [], alone=alone)
        for alone in (True, False))
    assert daemon.returncode == alone.returncode
    assert comparable(daemon.stdout) == comparable(alone.stdout)
    assert comparable(daemon.stderr) == comparable(alone.stderr)
    assert steady.dump() == before


def test_errors_do_not_end_it(steady):
    pid = steady.daemon.pid
    for line in ["segment-add blue 1", "list Nosuch", "--wait=x show",
                 "set Segment blue vni=0", "segment-add a\nb 1"]:
        for _ in range(20):
            assert steady.run(*line.split(" ")).returncode == 1
    assert steady.daemon.pid == pid and runs(pid)
    assert steady.rows("segment")


def test_what_the_library_does_not_expect(configured):
    """Rows that are given by their UUIDs, and that are gone, or there."""
    segment, vtep = (configured.ok(f"--bare --columns=_uuid find {table}"
                                   ).split()[0] for table in ("Segment", "Vtep"))
    name = configured.ok(f"--bare --columns=name list Segment {segment}"
                         ).strip()
    pid = configured.daemon.pid
    new = "11111111-1111-1111-1111-111111111111"
    for line, error in [
            (f"destroy Vtep {vtep} {vtep}", f'no row "{vtep}" in table Vtep'),
            (f"destroy Segment {name} {segment}", "in table Segment"),
            (f"destroy Vtep {vtep} -- set Vtep {vtep} ip=1", "no row"),
            (f"destroy Vtep {vtep} -- get Vtep {vtep} ip", "no row"),
            (f"destroy Vtep {vtep} -- list Vtep {vtep}", "no row"),
            (f"destroy Vtep {vtep} -- add Vtep {vtep} external_ids a=b",
             "no row"),
            (f"--cascade segment-del {name} -- clear Segment {segment} "
             "mac_limit", "no row"),
            (f"--all destroy Vtep -- wait-until Vtep {vtep}", "no row"),
            (f"--id={segment} create Edge name=x",
             f'a row "{segment}" exists already'),
            (f"set Segment {segment} mac_limit=1 -- --id={segment} create "
             "Edge name=x", "exists already"),
            (f"--id={new} create Segment name=x vni=1 -- --id={new} create "
             "Segment name=y vni=2", "exists already")]:
        assert error in configured.fail(line), line
    assert configured.daemon.pid == pid and runs(pid)
    macs = configured.ok("--bare --columns=_uuid find Static_Mac").split()
    configured.ok("destroy Static_Mac", *macs)
    assert configured.rows("mac") == []


def test_destroyed_before_what_refers_to_it(configured):
    """The server refuses each of these; the library has other ideas."""
    pid = configured.daemon.pid
    for line in [
            "edge-add e9 9 10.0.0.9 -- cluster-add c9 e9 e1 -- "
            "bind blue c9 p 9 -- destroy Edge e9 -- show",
            "edge-add e9 9 10.0.0.9 -- host-port-add blue e9 p -- "
            "--all destroy Edge -- host-port-list",
            "segment-add s 555 -- bind s e3 p 5 -- destroy Segment s -- "
            "binding-list -- show",
            "vtep-add red 192.0.2.7 -- mac-add red 02:00:00:00:00:07 "
            "192.0.2.7 -- destroy Vtep 192.0.2.7 -- mac-list",
            "destroy Cluster e3 -- --cascade segment-del red -- "
            "destroy Edge e3 -- destroy Segment blue"]:
        assert "referential integrity" in configured.fail(line), line
    assert configured.daemon.pid == pid and runs(pid)


@pytest.mark.parametrize("line", [
    "--dry-run -- --cascade edge-del e1 -- --cascade cluster-del west",
    "--dry-run set Segment blue name=x vni=7 -- --cascade segment-del x",
    "clear Segment blue mac_limit -- set Edge e3 name=e9 -- "
    "destroy Edge e9 -- destroy Segment blue"])
def test_dry_run_leaves_nothing_behind(configured, line):
    """Nor does a change that the database refuses: what was changed and then
    deleted is what it was."""
    def answers(**kwargs):
        return [sorted(configured.ok(words, **kwargs).splitlines())
                for words in ("show", "cluster-list", "binding-list",
                              "edge-list", "segment-list", "list Segment",
                              "list Cluster")]
    before = answers(alone=True)
    status = configured.run(*line.split()).returncode
    assert bool(status) == ("--dry-run" not in line)
    assert answers() == before
    assert configured.fail("host-port-add blue e1 eth1")
    assert configured.fail("segment-add blue 9")


def test_destroy_what_need_not_exist(configured):
    vtep = configured.ok("--bare --columns=_uuid list Vtep").split()[0]
    configured.ok("--all destroy Static_Mac -- destroy Vtep " + vtep
                  + f" -- --if-exists destroy Vtep {vtep} {vtep}")
    assert configured.rows("vtep") == []


def test_a_request_sees_what_was_there_before(gated):
    """The replica may lag behind the database."""
    gated.ok("segment-add s 1")
    gated.gate.down.clear()
    gated.run("segment-add", "t", "2", alone=True)
    tool = start(gated, "segment-list")
    with pytest.raises(subprocess.TimeoutExpired):
        tool.wait(0.3)
    gated.gate.release()
    assert [line.split()[0] for line in tool.communicate(timeout=5)[0]
            .splitlines()] == ["name", "----", "s", "t"]
    # The same where an answer seems to be known.
    gated.gate.down.clear()
    gated.run("segment-del", "t", alone=True)
    tool = start(gated, "segment-add", "t", "2")
    with pytest.raises(subprocess.TimeoutExpired):
        tool.wait(0.3)
    gated.gate.release()
    assert tool.communicate(timeout=5) == ("", "") and tool.returncode == 0


# ---- Which daemon -----------------------------------------------------------

def test_environment(steady):
    daemon = {"KAKEHASHI_CTL_DAEMON": steady.daemon.socket,
              "KAKEHASHI_DB": "unix:/nosuch/socket"}
    assert run("get", "Segment", "blue", "vni", **daemon) == (0, "100\n", "")
    # Relative to the directory of sockets.
    daemon.update(KAKEHASHI_CTL_DAEMON="daemon", OVS_RUNDIR=steady.dir)
    assert run("get", "Segment", "blue", "vni", **daemon) == (0, "100\n", "")
    # Empty is as good as not set.
    daemon.update(KAKEHASHI_CTL_DAEMON="", KAKEHASHI_DB=steady.remote)
    assert run("get", "Segment", "blue", "vni", **daemon) == (0, "100\n", "")


def test_what_counts(steady):
    """An option counts more than the environment, and a database that is named
    is the one that is used."""
    nosuch = {"KAKEHASHI_CTL_DAEMON": "/nosuch/daemon"}
    get = ["get", "Segment", "blue", "vni"]
    assert run("--db=" + steady.remote, *get, **nosuch) == (0, "100\n", "")
    assert run("-u", steady.daemon.socket, *get, **nosuch) == (0, "100\n", "")
    status, out, err = run("-u", steady.daemon.socket, "--db=unix:x", *get)
    assert (status, out) == (1, "")
    assert err == ("kakehashi-ctl: --db and --unixctl exclude each other: the "
                   "daemon has its own connection to the database\n")


def test_daemon_that_is_not_there(steady):
    status, out, err = run("show", KAKEHASHI_CTL_DAEMON="/nosuch/daemon")
    assert (status, out) == (1, "")
    assert err == (
        "kakehashi-ctl: /nosuch/daemon: cannot connect to the daemon (No such "
        "file or directory): is it running?  Without KAKEHASHI_CTL_DAEMON in "
        "the environment none is used.\n")
    status, out, err = run("-u", "/nosuch/daemon", "show")
    assert err.endswith("is it running?\n")
    # A socket that nobody listens to any more, and one of somebody else.
    other = os.path.join(steady.dir, "ctl")
    status, out, err = run("-u", other, "show")
    assert (status, out) == (1, "") and "client/run" in err


def test_words_are_checked_before_the_daemon_is_asked():
    status, _, err = run("-u", "/nosuch/daemon", "frobnicate")
    assert (status, err) == (1, "kakehashi-ctl: unknown command 'frobnicate'; "
                             "use --help for help\n")


# ---- Waiting ----------------------------------------------------------------

def test_requests_that_wait_hinder_nobody(db):
    db.ok("init")
    seq = seqs(db)[0]
    tools = [Waiting(db, f"--wait=edges segment-add s{i} {i + 1}")
             for i in range(8)]
    never = Waiting(db, "wait-until Segment s0 mac_limit=7")
    wait_for_cfg_seq(db, seq + 8)
    assert len(db.rows("segment")) == 8
    assert len(db.daemon.appctl("requests")[1].splitlines()) == 18
    assert all(tool.is_waiting(0.05) for tool in tools)
    # The one who was first is confirmed first.
    db.update("Kakehashi_Global", edges_seq=seq + 1)
    wait_for(lambda: sum(tool.process.poll() is not None
                         for tool in tools) == 1)
    db.update("Kakehashi_Global", edges_seq=seq + 8)
    for tool in tools:
        assert tool.finish() == ""
    assert never.is_waiting(0.05)
    db.ok("set Segment s0 mac_limit=7")
    never.finish()
    assert db.daemon.appctl("requests")[1] == ""


def test_clients_at_once(db):
    """None is lost, and none is told of another's change as a conflict."""
    failures = []

    def add(n):
        for i in range(10):
            done = db.run("segment-add", f"s{n}-{i}", str(n * 100 + i + 1),
                          alone=n % 4 == 3)
            if done.returncode:
                failures.append(done.stderr)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(db.rows("segment")) == 80


def test_output_does_not_wait_for_the_edges(db):
    tool = start(db, "--wait=edges", "--timeout=20", "create", "Segment",
                 "name=s", "vni=1")
    started = time.monotonic()
    assert len(tool.stdout.readline()) == 37
    assert time.monotonic() - started < 0.8
    assert tool.poll() is None
    db.update("Kakehashi_Global", edges_seq=10)
    assert tool.communicate(timeout=5) == ("", "") and tool.returncode == 0


def test_more_clients_than_it_has_room_for(db):
    db.daemon.kill(signal.SIGSTOP)
    try:
        tools = [start(db, "segment-add", f"s{i}", str(i + 1))
                 for i in range(40)]
        time.sleep(0.5)
    finally:
        db.daemon.kill(signal.SIGCONT)
    for tool in tools:
        assert tool.communicate(timeout=10) == ("", "")
        assert tool.returncode == 0
    assert len(db.rows("segment")) == 40


def test_output_before_a_timeout(db):
    done = db.run("--wait=edges", "-t", "1", "create", "Segment", "name=s",
                  "vni=1")
    assert done.returncode == 1 and len(done.stdout) == 37
    assert done.stderr.startswith("kakehashi-ctl: timed out waiting for the e")


def test_timeouts(db):
    done = db.run("-t", "1", "wait-until", "Segment", "s")
    assert (done.returncode, done.stderr) == (
        1, "kakehashi-ctl: timed out waiting for the condition of "
        "wait-until\n")
    db.stop()
    for command in ["show", "segment-add s 1"]:
        started = time.monotonic()
        done = db.run("-t", "1", *command.split())
        assert 0.9 < time.monotonic() - started < 2
        assert (done.returncode, done.stderr) == (
            1, "kakehashi-ctl: timed out waiting for the database server\n")
    db.start()
    assert db.rows("segment") == []


def test_timeout_of_what_is_on_its_way(gated):
    """The server's answer comes when nobody waits for it any more."""
    for hold in (gated.gate.hold, gated.gate.down.clear):
        hold()
        for command, rest in [
                ("segment-add s 1",
                 " to commit: whether the change is made is not known"),
                ("show", "")]:
            done = gated.run("-t", "1", *command.split())
            assert (done.returncode, done.stderr) == (
                1, "kakehashi-ctl: timed out waiting for the database server"
                f"{rest}\n")
        gated.gate.release()
        assert [row[0] for row in gated.rows("segment")] == ["s"]
        gated.ok("segment-del s")


def test_daemon_that_does_not_answer(db):
    db.daemon.kill(signal.SIGSTOP)
    try:
        done = db.run("-t", "1", "show", timeout=10)
    finally:
        db.daemon.kill(signal.SIGCONT)
    assert (done.returncode, done.stderr) == (
        1, "kakehashi-ctl: timed out waiting for the daemon at "
        f"{db.daemon.socket}\n")


# ---- The database is not always there ---------------------------------------

def test_requests_wait_for_the_database(db):
    db.ok("segment-add s 1")
    db.stop()
    tools = [Waiting(db, "get Segment s vni"),
             Waiting(db, "segment-add t 2"), Waiting(db, "segment-add u 3")]
    assert all(tool.is_waiting() for tool in tools)
    db.start()
    assert [tool.finish() for tool in tools] == ["1\n", "", ""]
    assert [row[0] for row in db.rows("segment")] == ["s", "t", "u"]


def test_nothing_is_done_for_a_client_that_has_gone(db):
    db.ok("segment-add s 1")
    db.stop()
    tool = Waiting(db, "segment-del s")
    assert tool.is_waiting()
    tool.process.kill()
    tool.process.wait()
    time.sleep(1.2)
    db.start()
    db.ok("segment-add t 2")
    assert [row[0] for row in db.rows("segment")] == ["s", "t"]
    wait_for(lambda: db.daemon.appctl("requests")[1] == "")


def test_change_that_was_lost_is_made(gated):
    """The server never got it."""
    seq = seqs(gated)[0]
    gated.gate.hold()
    tool = Waiting(gated, "segment-add s 1")
    assert gated.gate.is_holding.wait(5)
    gated.gate.cut()
    assert tool.finish() == ""
    assert seqs(gated)[0] == seq + 1


def lose_answer(gated, *args):
    """Begin a change of which the server gets to know and the daemon does not
    hear."""
    seq = seqs(gated)[0]
    gated.gate.down.clear()
    tool = start(gated, *args)
    wait_for(lambda: seqs(gated, alone=True)[0] == seq + 1)
    return tool


def finish(tool):
    out, err = tool.communicate(timeout=10)
    return tool.returncode, out, err


@pytest.mark.parametrize("others", [0, 1, 15, 16])
def test_change_that_was_made_is_found(gated, others):
    """The server's answer was lost, but the change was not.  It can be told
    from a good number of changes by others."""
    gated.ok("segment-add r 7")
    seq = seqs(gated)[0]
    tool = lose_answer(gated, "vtep-add", "r", "10.0.0.1", "--", "segment-add",
                       "s", "1", "--", "get", "Segment", "s", "vni")
    for i in range(others):
        gated.run("segment-add", f"o{i}", str(100 + i), alone=True)
    gated.gate.cut()
    assert finish(tool) == ((0, "1\n", "") if others < 16 else (1, "", UNKNOWN))
    assert {"r", "s"} <= {row[0] for row in gated.rows("segment")}
    assert seqs(gated)[0] == seq + 1 + others


def test_change_that_was_made_is_not_made_twice(gated):
    seq = seqs(gated)[0]
    tool = lose_answer(gated, "create", "Segment", "name=s", "vni=1")
    gated.gate.cut()
    assert finish(tool) == (
        1, "", "kakehashi-ctl: the change is made, but the answer of the "
        "database server is lost, and with it the UUIDs of the new rows\n")
    assert seqs(gated)[0] == seq + 1


def test_change_without_a_mark_that_may_be_made(gated):
    gated.ok("segment-add r 7")
    seq = seqs(gated)[0]
    tool = lose_answer(gated, "set", "Segment", "r", "mac_limit=5")
    gated.gate.cut()
    assert finish(tool) == (1, "", UNKNOWN)
    assert seqs(gated)[0] == seq + 1


def test_change_that_was_lost_while_others_were_made(gated):
    seq = seqs(gated)[0]
    gated.gate.hold()
    tool = start(gated, "segment-add", "s", "1")
    assert gated.gate.is_holding.wait(5)
    gated.run("segment-add", "t", "2", alone=True)
    gated.gate.cut()
    assert finish(tool) == (0, "", "")
    assert [row[0] for row in gated.rows("segment")] == ["s", "t"]
    assert seqs(gated)[0] == seq + 2


def test_change_that_comes_late(gated):
    """The connection breaks, but what was sent gets through, about when the
    daemon tries again."""
    for i in range(2):
        seq = seqs(gated)[0]
        gated.gate.hold()
        tool = start(gated, "segment-add", f"s{i}", str(i + 1), "--", "get",
                     "Segment", f"s{i}", "vni")
        assert gated.gate.is_holding.wait(5)
        n = len(gated.gate.connections)
        gated.gate.part()
        wait_for(lambda: len(gated.gate.connections) > n)
        gated.gate.release()
        assert finish(tool) == (0, f"{i + 1}\n", "")
        assert seqs(gated)[0] == seq + 1


def test_nothing_to_change_leaves_no_mark(gated):
    gated.ok("segment-add r 7")
    seq = seqs(gated)[0]
    gated.ok("--may-exist segment-add r 7 -- --if-exists segment-del x")
    assert seqs(gated)[0] == seq


# ---- Start and end ----------------------------------------------------------

def test_exit_with_requests(db):
    tools = [start(db, "--wait=edges", "segment-add", "s", "1"),
             start(db, "wait-until", "Segment", "t")]
    wait_for(lambda: db.daemon.appctl("requests")[1].count("waits for") == 2)
    db.daemon.close()
    assert [tool.communicate(timeout=5)[1] for tool in tools] == [
        "kakehashi-ctl: the daemon was told to exit: the change is made\n",
        "kakehashi-ctl: the daemon was told to exit: nothing is changed\n"]
    assert [tool.returncode for tool in tools] == [1, 1]
    db.daemon = Daemon(db.dir, "--db=" + db.remote)
    assert [row[0] for row in db.rows("segment")] == ["s"]


def test_daemon_is_killed(db):
    tool = start(db, "--wait=edges", "segment-add", "s", "1")
    wait_for_cfg_seq(db, 1)
    db.daemon.kill()
    _, err = tool.communicate(timeout=5)
    assert tool.returncode == 1
    assert err == (f"kakehashi-ctl: {db.daemon.socket}: lost the daemon (End "
                   "of file): what it has done is not known\n")
    wait_for(lambda: not db.daemon.is_alive())
    assert "Connection refused" in db.run("show").stderr
    db.daemon.start("--db=" + db.remote)
    assert [row[0] for row in db.rows("segment")] == ["s"]


def test_monitor(db):
    db.daemon.close()
    db.daemon = Daemon(db.dir, "--db=" + db.remote, "--monitor")
    pid = db.daemon.pid
    db.daemon.kill(signal.SIGABRT)
    wait_for(lambda: db.daemon.is_alive() and db.daemon.pid != pid)
    db.ok("segment-add s 1")


def test_default_socket(steady):
    done = subprocess.run(
        [CTL, "--detach", "--no-chdir", "--db=" + steady.remote], text=True,
        capture_output=True, check=False, timeout=20,
        env=dict(os.environ, OVS_RUNDIR=steady.dir))
    socket = done.stdout.strip()
    assert done.returncode == 0 and done.stderr == ""
    assert socket.startswith(steady.dir + "/kakehashi-ctl.")
    assert run("get", "Segment", "blue", "vni",
               KAKEHASHI_CTL_DAEMON=socket)[1] == "100\n"
    subprocess.run(["ovs-appctl", "-t", socket, "exit"], check=True)
    wait_for(lambda: not os.path.exists(socket))


@pytest.mark.parametrize("words,problem", [
    (["--detach", "show"],
     '"show": a daemon (--detach) is given its commands later'),
    (["--detach", "--wait=edges"], "--wait=edges is an option of commands, "
     "and a daemon (--detach) is given these later"),
    (["--pidfile=/nosuch/x", "show"],
     "--pidfile makes sense only with --detach"),
    (["--monitor", "show"], "--monitor makes sense only with --detach"),
    (["--detach", "--unixctl=none"], "--unixctl=none: a daemon (--detach) "
     "without a control socket is of no use"),
])
def test_options_that_make_no_sense(words, problem):
    assert run(*words) == (1, "", f"kakehashi-ctl: {problem}\n")


def test_start_without_a_database(steady):
    """Is an error, without --retry."""
    socket = os.path.join(steady.dir, "other")
    status, out, err = run("--detach", "--unixctl=" + socket,
                           "--db=unix:/nosuch/socket")
    assert (status, out) == (1, "")
    assert err.startswith("kakehashi-ctl: unix:/nosuch/socket: database conne")
    assert err.count("\n") == 1
    assert not os.path.exists(socket)


def test_start_where_one_is(steady):
    """It keeps its socket, whatever would become of the second one."""
    socket = steady.daemon.socket
    assert run("--detach", "--unixctl=" + socket, "--db=unix:/nosuch/socket"
               ) == (1, "",
                     f"kakehashi-ctl: {socket}: a daemon runs there already\n")
    assert steady.rows("segment")


def test_start_before_the_database(db):
    db.daemon.close()
    db.stop()
    db.daemon = Daemon(db.dir, "--db=" + db.remote, "--retry")
    done = db.run("-t", "1", "show")
    assert done.stderr == ("kakehashi-ctl: timed out waiting for the database "
                           "server\n")
    tool = Waiting(db, "segment-add s 1")
    assert tool.is_waiting()
    db.start()
    tool.finish()


# ---- By hand ----------------------------------------------------------------

def test_run(db):
    """Other clients get plain text."""
    appctl = db.daemon.appctl
    assert appctl("run", "segment-add", "s", "1") == (0, "", "")
    assert appctl("run", "--oneline", "get", "Segment", "s", "vni", "name",
                  "--", "comment") == (0, "1\\ns\n\n", "")
    status, out, err = appctl("run", "segment-add", "s", "1")
    assert (status, out) == (2, "")
    assert err.startswith('a segment named "s" exists already\n')
    status, out, err = appctl("run", "-t", "1", "--wait=edges", "create",
                              "Segment", "name=t", "vni=2")
    assert status == 2 and err[36:].startswith("\ntimed out waiting for the e")
    for words in [["--db=x", "show"], ["frobnicate"], ["--wait=x", "show"],
                  ["-t"], ["--"], ["list", "Nosuch"], ["-f", "x", "show"],
                  ["set", "Segment", "s", "nosuch=1"]]:
        status, out, err = appctl("run", *words)
        assert status == 2 and len(err.splitlines()) == 2, words
    assert appctl("client/more", "99")[0] == 2
    assert appctl("client/more", "x")[0] == 2
    assert "run " in appctl("list-commands")[1]
    assert "client/" not in appctl("list-commands")[1]


def test_answers_of_client_commands(db):
    def call(*words):
        status, out, err = db.daemon.appctl(*words)
        assert (status, err) == (0, "")
        return json.loads(out)

    assert call("client/run", "segment-add", "s", "1") == {"id": "1",
                                                           "status": 0}
    started = time.monotonic()
    assert call("client/run", "wait-until", "Segment", "t") == {"id": "2"}
    assert time.monotonic() - started > 0.9
    db.ok("segment-add t 2")
    assert call("client/more", "2") == {"id": "2", "status": 0}
    assert call("client/run", "get", "Segment", "u", "vni") == {
        "id": "4", "status": 1,
        "errors": ['no row "u" in table Segment']}
