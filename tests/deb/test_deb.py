# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, installed into a system of their own.

With systemd as process 1 of it, and without any.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess

import pytest

from netns import wait_until
from tree import ROOT, Machine, upgraded

DB = "/var/lib/kakehashi/kakehashi.db"
UNITS = ["kakehashi-ovsdb.service", "kakehashi.service"]
NEW = "99.1"


def make(*words):
    return subprocess.run(
        ["make", "-s", "INSTALL_DEPS=no", *words], cwd=ROOT, check=True,
        text=True, stdout=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if k[:4] != "MAKE"}).stdout


def next_schema():
    """A later version of the schema, with one more column."""
    with open(os.path.join(ROOT, "controller", "kakehashi.ovsschema"),
              encoding="utf-8") as f:
        schema = json.load(f)
    schema["version"] = "99.0.0"
    schema.pop("cksum", None)
    schema["tables"]["Segment"]["columns"]["news"] = {"type": "string"}
    return schema


@pytest.fixture(name="newer")
def fixture_newer(debs, tmp_path):
    """The packages of the next version."""
    return upgraded(debs[:2], str(tmp_path), NEW, next_schema())


def db_version(tree):
    return tree.output("ovsdb-tool", "db-version", DB).strip()


# ---- Files ------------------------------------------------------------------

def test_lintian(debs):
    result = subprocess.run(
        ["lintian", "--fail-on=error,warning", "--allow-root", debs[2]],
        text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout


def test_version(debs):
    """The changelog and the program agree."""
    version = subprocess.run(["dpkg-deb", "-f", debs[0], "Version"],
                             text=True, check=True,
                             stdout=subprocess.PIPE).stdout.strip()
    assert f"VERSION := {version}\n" in open(
        os.path.join(ROOT, "Makefile"), encoding="utf-8").read()


def test_units(fresh):
    """What systemd has to say about them; how exposed they are, in tenths."""
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={fresh.path}",
         *UNITS],
        text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0 and "kakehashi" not in result.stdout, \
        result.stdout
    for unit in UNITS:
        subprocess.run(
            ["systemd-analyze", "security", "--offline=true",
             "--threshold=15", f"--root={fresh.path}", unit], check=True,
            stdout=subprocess.DEVNULL)


def test_make_install(debs, tmp_path):
    """"make install" puts the same files below /usr/local, and
    "make uninstall" removes them."""
    packaged = set()
    for deb in debs[:2]:
        listing = subprocess.run(["dpkg-deb", "-c", deb], check=True,
                                 text=True, stdout=subprocess.PIPE).stdout
        packaged |= {re.sub(r"^\.(/usr)?(/lib)?|\.gz$", "", line.split()[5])
                     for line in listing.splitlines()
                     if line[0] == "-" and "/share/doc/" not in line}

    def installed():
        return {re.sub(r"^(/usr/local)?(/lib)?", "", os.path.join(
                    "/", os.path.relpath(d, tmp_path), f))
                for d, _, files in os.walk(tmp_path) for f in files}

    make(f"DESTDIR={tmp_path}", "install")
    assert installed() == packaged
    for unit in UNITS:
        with open(tmp_path / "usr/local/lib/systemd/system" / unit,
                  encoding="utf-8") as f:
            assert not re.search(r"@\w+@", f.read())
    make(f"DESTDIR={tmp_path}", "uninstall")
    assert installed() == {"/etc/default/kakehashi-controller",
                           "/etc/logrotate.d/kakehashi-controller"}


# ---- Without systemd --------------------------------------------------------

@contextlib.contextmanager
def started_by_hand(tree):
    """What the units start, in a network of its own; a function that runs a
    command there."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up; echo; "
         "exec sleep 1000"], stdout=subprocess.PIPE)
    holder.stdout.readline()
    inside = ["nsenter", "-t", str(holder.pid), "--net", "chroot", tree.path]
    daemons = []
    environment = {"OVS_RUNDIR": "/run/kakehashi",
                   "OVS_LOGDIR": "/var/log/kakehashi",
                   "PATH": os.environ["PATH"]}

    def start(*command):
        daemons.append(subprocess.Popen(
            [*inside, "setpriv", "--reuid=kakehashi", "--regid=kakehashi",
             "--init-groups", "--no-new-privs", "--bounding-set=-all",
             *command, "--no-chdir", "-vconsole:off", "-vsyslog:off"],
            env=environment))

    def ask(*command):
        return subprocess.run([*inside, *command], text=True, check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout

    try:
        tree.output("install", "-d", "-o", "kakehashi", "-g", "kakehashi",
                    "-m", "750", "/run/kakehashi")
        start("ovsdb-server", "--remote=punix:/run/kakehashi/db.sock", DB)
        start("kakehashi", "--pidfile",
              "--unixctl=/run/kakehashi/kakehashi.ctl")
        wait_until(lambda: "connected\n" in ask(
            "ovs-appctl", "-t", "/run/kakehashi/kakehashi.ctl", "show"),
            what="a controller with a database")
        yield ask
    finally:
        for process in [*daemons, holder]:
            process.terminate()
            process.wait(20)


def test_without_systemd(tree, newer):
    """From installation to purge in a chroot: nothing is started by itself,
    and nothing fails."""
    assert tree.has_user()
    assert db_version(tree)[:2] == "1."
    owner = tree.output("stat", "-c", "%U:%G:%a", "/var/lib/kakehashi", DB)
    assert owner == "kakehashi:kakehashi:750\nkakehashi:kakehashi:660\n"
    with started_by_hand(tree) as ask:
        assert ask("kakehashi-ctl", "init", "--", "segment-add", "blue",
                   "5001") == ""
        assert "blue" in ask("kakehashi-ctl", "show")

    tree.dpkg_install(newer)
    assert NEW in tree.output("dpkg-query", "-W", "kakehashi-controller")
    tree.output("dpkg", "--remove", "kakehashi-controller", "kakehashi-ctl")
    assert "blue" in open(tree.file(DB), encoding="utf-8").read()
    assert tree.has_user()
    tree.output("dpkg", "--purge", "kakehashi-controller", "kakehashi-ctl")
    assert not tree.has_user()
    assert tree.leftovers() == []


# ---- With systemd -----------------------------------------------------------

@contextlib.contextmanager
def booted(tree):
    machine = Machine(tree)
    try:
        yield machine
    finally:
        machine.stop()


@pytest.fixture(name="machine", scope="module")
def fixture_machine(fresh, trees):
    """One for all that does not change what is installed."""
    tree = fresh.copy(os.path.join(trees, "machine"))
    with booted(tree) as machine:
        yield machine
    tree.remove()


def wait_status(machine, text):
    wait_until(lambda: text in machine.show("kakehashi", "StatusText"),
               what=f"a status with {text}", interval=0.2)


def test_boot(machine):
    """Both units run, as nobody special, and can be talked to."""
    for unit in UNITS:
        assert machine.show(unit, "ActiveState", "User", "NRestarts") == [
            "active", "kakehashi", "0"]
    wait_status(machine, "database connected, 0 of 0 edges connected")
    pid = machine.show("kakehashi", "MainPID")
    status = machine.output("cat", f"/proc/{pid}/status")
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                 "NoNewPrivs:\t1", "Seccomp:\t2"]:
        assert line in status

    machine.output("kakehashi-ctl", "--wait=ctl", "--timeout=20",
                   "segment-add", "blue", "5001")
    assert "segment blue" in machine.output("ovs-appctl", "-t", "kakehashi",
                                            "show")
    # In the schema, not by an administrator: "init" has been run.
    assert "kakehashi-controller" in machine.output("kakehashi-ctl", "list",
                                                    "RBAC_Role")
    # Who is in the group may do what root may.
    as_member = ["setpriv", "--reuid=nobody", "--regid=nogroup"]
    assert machine.run(*as_member, "--clear-groups", "kakehashi-ctl", "show",
                       check=False).returncode
    assert "blue" in machine.output(*as_member, "--groups=kakehashi",
                                    "kakehashi-ctl", "show")
    # OpenFlow's first message, from the port that switches connect to.
    hello = machine.output("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6653; "
                           "head -c 2 <&3 | od -An -tx1")
    assert hello.split() == ["06", "00"]


def test_killed_and_hung(machine):
    """A daemon that dies is started again, and so is one that hangs."""
    def restarts():
        return int(machine.show("kakehashi", "NRestarts"))

    def has_restarted(n):
        return (restarts() == n
                and machine.show("kakehashi", "ActiveState") == "active")

    before = restarts()
    machine.output("systemctl", "kill", "-s", "KILL", "kakehashi")
    wait_until(lambda: has_restarted(before + 1), timeout=20, interval=0.2,
               what="a restart after a crash")
    assert "database" in machine.output("ovs-appctl", "-t", "kakehashi",
                                        "show")
    assert len(machine.output("sh", "-c", "ls /run/openvswitch/*.ctl"
                              ).split()) == 1

    folder = machine.file("/etc/systemd/system/kakehashi.service.d")
    os.mkdir(folder)
    with open(f"{folder}/fast.conf", "w", encoding="ascii") as f:
        f.write("[Service]\nWatchdogSec=2\n")
    machine.output("systemctl", "daemon-reload")
    machine.output("systemctl", "restart", "kakehashi")
    # The watchdog is fed: nothing happens for three times its time.
    before, pid = restarts(), machine.show("kakehashi", "MainPID")
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([*machine.enter(), "tail", f"--pid={pid}", "-f",
                        "/dev/null"], timeout=6, check=False)
    machine.output("bash", "-c", f"kill -STOP {pid}")
    wait_until(lambda: has_restarted(before + 1), timeout=30, interval=0.2,
               what="a restart by the watchdog")
    assert "Watchdog timeout" in machine.journal()
    shutil.rmtree(folder)
    machine.output("systemctl", "daemon-reload")
    machine.output("systemctl", "restart", "kakehashi")


def test_log_rotation(machine):
    log = "/var/log/kakehashi/kakehashi.log"
    machine.output("systemctl", "reload", "kakehashi")
    wait_until(lambda: "opened log file" in machine.output("cat", log),
               what="a log file")
    for name in ["kakehashi", "ovsdb-server"]:
        assert os.path.exists(machine.file(f"/var/log/kakehashi/{name}.log"))
    machine.output("logrotate", "-f", "/etc/logrotate.conf")
    assert os.path.exists(machine.file(log + ".1"))
    machine.output("ovs-appctl", "-t", "kakehashi", "vlog/set", "main:info")
    wait_until(lambda: os.path.exists(machine.file(log)),
               what="a new log file")
    assert machine.show("kakehashi", "ActiveState") == "active"


def check_upgrade(machine, newer):
    """The database is converted, after a copy was made of it."""
    before = [machine.show(unit, "MainPID") for unit in UNITS]
    machine.dpkg_install(newer)
    wait_status(machine, "database connected, 0 of 0 edges connected, 1 seg")
    for unit, pid in zip(UNITS, before):
        assert machine.show(unit, "ActiveState") == "active"
        assert machine.show(unit, "MainPID") != pid
    assert db_version(machine) == "99.0.0"
    assert "1." in machine.output("sh", "-c", f"ls {DB}.backup-*")
    assert "blue" in machine.output("kakehashi-ctl", "segment-list")


def check_downgrade(machine):
    """It is not converted back."""
    old = [f"/root/debs/{f}" for f in os.listdir(machine.file("/root/debs"))
           if NEW not in f]
    machine.output("dpkg", "-i", *old)
    wait_status(machine, "database connected, 0 of 0 edges connected, 1 seg")
    assert db_version(machine) == "99.0.0"
    assert "it stays as it is" in machine.journal()


def check_remove(machine, newer):
    """It is kept, and there again with the packages."""
    machine.output("dpkg", "--remove", "kakehashi-controller")
    for unit in UNITS:
        assert machine.show(unit, "ActiveState") == "inactive"
    assert os.path.exists(machine.file(DB))
    machine.dpkg_install(newer)
    wait_status(machine, "1 segments")


def check_purge(machine):
    machine.output("dpkg", "--purge", "kakehashi-controller", "kakehashi-ctl")
    assert not machine.has_user()
    assert machine.leftovers() == []
    assert machine.output("find", "/run", "-xdev", "-name",
                          "*kakehashi*") == ""


def test_upgrade_remove_purge(tree, newer):
    with booted(tree) as machine:
        machine.output("kakehashi-ctl", "segment-add", "blue", "5001")
        check_upgrade(machine, newer)
        check_downgrade(machine)
        check_remove(machine, newer)
        check_purge(machine)
