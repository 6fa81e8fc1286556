# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What happens to a daemon in the years that it runs.

Disks fill, clocks are set, logs are rotated, databases are compacted and
converted, and somebody stops it at a bad moment.
"""

import contextlib
import datetime
import glob
import itertools
import json
import os
import re
import signal
import stat
import struct

import pytest

from database import SCHEMA
from faults import check_bridge, cluster, kill, revive, wait_active
from frames import BROADCAST
from netns import wait_until
from proxy import TO_SWITCH, Proxy
from world import (active_edge, both_ways, configure, controller_log,
                   our_flows, row_id, wait_error, wait_location, wait_synced)

MAC = "02:00:00:00:00:77"


# ---- Disk full ----------------------------------------------------------

@contextlib.contextmanager
def tiny_disk(control):
    """The database is on a disk of its own, of 256 kB; its directory."""
    directory = control.path("disk")
    database = control.path("kakehashi.db")
    control.stop_database()
    os.mkdir(directory)
    control.run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", directory)
    try:
        moved = os.path.join(directory, "kakehashi.db")
        control.run("mv", database, moved)
        os.symlink(moved, database)
        control.start_database()
        yield directory
        control.stop_database()
    finally:
        control.run("umount", "-l", directory)


def fill(control, directory):
    """Write until there is no room, for the shortest record either; the
    file."""
    path = os.path.join(directory, "fill")
    with open(path, "wb", buffering=0) as stream:
        with contextlib.suppress(OSError):
            while True:
                stream.write(bytes(512))
    limit = itertools.count(1000)

    def is_full():
        # There may be some room left in the last page of the database.
        return "No space left" in control.output(
            "ovsdb-client", "transact", control.lab.kakehashi_db,
            json.dumps(["Kakehashi", {
                "op": "update", "table": "Segment", "where": [],
                "row": {"mac_limit": next(limit)}}]))
    wait_until(is_full, what="a database that takes nothing", interval=0)
    return path


def test_disk_full(blue, wires):
    """Nothing can be written to the database; all else goes on."""
    control = blue.control
    with tiny_disk(control) as directory:
        configure(blue, ("bind", "blue", "edges", "trunk0", 200))
        path = fill(control, directory)
        active, standby = active_edge(blue)
        kill(active)
        wait_until(lambda: cluster(blue)["active"] == standby.name, 20,
                   "a take-over")
        wires.check("vm1", BROADCAST, {"ph1", "ph2", "vm2"})
        wires["ph1"].send(BROADCAST, src=MAC)
        wait_location(blue, MAC, "edges/trunk0/100")
        wait_until(lambda: controller_log(blue, "status not written"),
                   what="a word about that")
        revive(active)
        wait_synced(blue)
        check_bridge(blue, wires, others=("ph2", "vm2"))
        assert len(controller_log(blue, "status not written")) == 1

        os.unlink(path)
        wait_active(blue, standby)
        wait_until(lambda: controller_log(blue, "status is written again"),
                   what="a word about that, too")
        configure(blue, ("unbind", "blue", "edges", "trunk0", 200))
        check_bridge(blue, wires)
        # The server goes before its disk does.
        control.exit_daemon()
        control.stopped = True
    control.process = None


# ---- Clock jumps --------------------------------------------------------

def fake_time_library():
    """libfaketime, of Debian's package faketime."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else pytest.skip("no libfaketime")


@pytest.fixture(name="clock")
def fixture_clock(lab, tmp_path):
    """Sets the daemon's wall clock off by so many seconds; the monotonic
    clock is left alone, as when somebody sets the time."""
    offset = tmp_path / "offset"
    offset.write_text("+0\n", encoding="ascii")
    lab.control.exit_daemon()
    lab.control.wrapper = [
        "env", "LD_PRELOAD=" + fake_time_library(),
        f"FAKETIME_TIMESTAMP_FILE={offset}", "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1",
        "ASAN_OPTIONS=verify_asan_link_order=0"]
    lab.control.start_daemon()
    wait_synced(lab)
    return lambda seconds: offset.write_text(f"{seconds:+}\n",
                                             encoding="ascii")


def log_times(lab):
    """Wall clock of each line in the log."""
    return [datetime.datetime.fromisoformat(line[:23])
            for line in lab.control.log("kakehashi.log").splitlines()
            if re.match(r"\d{4}-\d\d-\d\dT", line)]


@pytest.mark.parametrize("jump", [3600, -3600], ids=["forward", "back"])
def test_clock_jump(clock, blue, wires, jump):
    """No timer goes by the clock on the wall."""
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    before = {s.name: blue.control.edge(s.name) for s in blue.controlled}
    first = active_edge(blue)[0]
    last = log_times(blue)[-1]

    clock(jump)
    wires["ph1"].send(BROADCAST, src="02:00:00:00:00:78")
    wait_location(blue, "02:00:00:00:00:78", "edges/trunk0/100")
    # Longer than a lease, a silence and a probe take.
    both_ways(blue.station("ph1"), blue.station("vm1"), count=100)
    assert MAC in blue.control.macs()
    for name, edge in before.items():
        after = blue.control.edge(name)
        assert after["reconciles"] == edge["reconciles"]
        assert after["connected_for"] - edge["connected_for"] < 60
    assert active_edge(blue)[0] is first

    kill(first)
    wait_until(lambda: cluster(blue)["active"] != first.name, 20,
               "a take-over")
    revive(first)
    check_bridge(blue, wires)
    history = blue.control.json("cluster/history")
    took = history[-1]["confirmed"] - history[-1]["decided"]
    assert 0 <= took < 5000
    # So it was a jump.
    moved = abs((log_times(blue)[-1] - last).total_seconds())
    assert 3000 < moved < 4200

    clock(0)
    both_ways(blue.station("ph1"), blue.station("vm1"), count=20)
    wait_synced(blue)
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    assert blue.control.appctl("cluster/history")


# ---- Log rotation -------------------------------------------------------

def hang_up(control):
    control.process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize("reopen", [
    lambda control: control.appctl("vlog/reopen"), hang_up],
    ids=["vlog/reopen", "SIGHUP"])
def test_log_rotation(blue, reopen):
    control = blue.control
    old = control.path("kakehashi.log.1")
    os.rename(control.daemon_log, old)
    reopen(control)
    wait_until(lambda: os.path.exists(control.daemon_log),
               what="a new log file")
    size = os.path.getsize(old)
    control.appctl("vlog/set", "unixctl:file:dbg")
    control.appctl("version")
    assert "request version" in control.log("kakehashi.log")
    assert os.path.getsize(old) == size
    both_ways(blue.station("vm1"), blue.station("vm2"))


def test_hang_up_without_log(blue):
    """Nothing to open anew is no reason to die."""
    control = blue.control
    for _ in range(20):
        hang_up(control)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    assert control.alive()


def test_tool_as_daemon(blue):
    """kakehashi-ctl --detach takes the same signals."""
    control = blue.control
    log = control.path("kakehashi-ctl.log")
    control.output("kakehashi-ctl", "--detach", "--pidfile", "--no-chdir",
                   f"--log-file={log}")
    with open(control.path("kakehashi-ctl.pid"), encoding="ascii") as stream:
        pid = int(stream.read())
    os.rename(log, log + ".1")
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: os.path.exists(log), what="a new log file")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"),
               what="end of the daemon")
    assert not os.path.exists(control.path("kakehashi-ctl.pid"))
    assert not glob.glob(control.path("kakehashi-ctl.*.ctl"))


# ---- The end ------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well(blue, number):
    """A signal leaves nothing behind, and is no failure."""
    control = blue.control
    sockets = glob.glob(control.path("kakehashi.*.ctl"))
    assert sockets and os.path.exists(control.path("kakehashi.pid"))
    assert control.stop_daemon(number) == 0
    assert not glob.glob(control.path("kakehashi.*.ctl"))
    assert not os.path.exists(control.path("kakehashi.pid"))
    both_ways(blue.station("ph1"), blue.station("vm1"))
    control.start_daemon()
    wait_synced(blue)


BUNDLE_CONTROL, BUNDLE_ADD, COMMIT = 33, 34, 4


@pytest.mark.parametrize("when", ["opened", "half", "committed"])
def test_ends_in_a_bundle(blue, wires, when):
    """Whatever came of the bundle, the next controller goes on from there."""
    control = blue.control
    host = blue.switch("host1")
    counts = {}

    def end(direction, message):
        if direction != TO_SWITCH:
            return message
        kind = message[1]
        counts[kind] = counts.get(kind, 0) + 1
        commit = (kind == BUNDLE_CONTROL
                  and struct.unpack_from("!H", message, 12)[0] == COMMIT)
        if (when == "opened" and kind == BUNDLE_CONTROL and not commit
                or when == "half" and counts.get(BUNDLE_ADD) == 40
                or when == "committed" and commit):
            control.process.send_signal(signal.SIGTERM)
            control.process.wait(20)
        return message

    segments = []
    for n in range(20):
        segments += [("segment-add", f"s{n}", 6000 + n),
                     ("host-port-add", f"s{n}", "host1", f"none{n}"),
                     ("bind", f"s{n}", "edges", "trunk0", 600 + n)]
    configure(blue, *segments)
    with Proxy(blue) as proxy:
        proxy.adopt(host)
        wait_synced(blue)
        control.stopped = True
        proxy.change = end
        host.ofctl("del-flows", "br0")
        control.appctl("vlog/set", "info")
        with contextlib.suppress(Exception):
            proxy.adopt(host)
        wait_until(lambda: not control.alive(), 20, "end of the controller")
        assert control.process.returncode == 0
        proxy.change = lambda direction, message: message
        control.start_daemon()
        wait_synced(blue)
        check_bridge(blue, wires)


# ---- The database -------------------------------------------------------

def test_compaction(blue, wires):
    """While the configuration changes and is waited for."""
    control = blue.control
    size = os.path.getsize(control.path("kakehashi.db"))
    for n in range(10):
        configure(blue, ("segment-add", f"s{n}", 6000 + n),
                  ("bind", f"s{n}", "edges", "trunk0", 600 + n))
        control.run("ovs-appctl", "-t", "ovsdb-server",
                    "ovsdb-server/compact")
        configure(blue, ("unbind", f"s{n}", "edges", "trunk0", 600 + n))
    assert os.path.getsize(control.path("kakehashi.db")) < 4 * size + 65536
    check_bridge(blue, wires)
    assert not controller_log(blue, "database disconnected")
    control.stop_database(signal.SIGKILL)
    control.start_database()
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})


def test_rows_gone_while_the_server_was(blue, wires):
    """Deleted in a database that nobody watched at the time."""
    control = blue.control
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    control.stop_database()
    control.run("ovsdb-tool", "transact", control.path("kakehashi.db"),
                json.dumps(["Kakehashi", {
                    "op": "delete", "table": "Binding",
                    "where": [["vlan", "==", 200]]}]))
    control.start_database()
    configure(blue, ("segment-add", "red", 5002))
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wait_synced(blue)


def convert(lab, tmp_path, change):
    """Convert the database to a schema that 'change' makes of ours."""
    with open(SCHEMA, encoding="utf-8") as stream:
        schema = json.load(stream)
    schema["version"] = "1000.0.0"
    change(schema["tables"])
    path = tmp_path / "next.ovsschema"
    path.write_text(json.dumps(schema), encoding="utf-8")
    lab.control.run("ovsdb-client", "convert", lab.kakehashi_db, str(path))


def add_things(tables):
    tables["Next"] = {"columns": {"name": {"type": "string"}}}
    tables["Segment"]["columns"]["next"] = {"type": {
        "key": "string", "min": 0, "max": "unlimited"}}
    tables["Edge"]["columns"]["next"] = {"type": "integer"}


def test_schema_newer(blue, wires, tmp_path):
    """With more tables and columns."""
    convert(blue, tmp_path, add_things)
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    wires.check("ph2", BROADCAST, {"ph1", "vm1", "vm2"})
    check_bridge(blue, wires, others=("ph2", "vm2"))
    blue.control.exit_daemon()
    blue.control.start_daemon()
    wait_synced(blue)
    check_bridge(blue, wires, others=("ph2", "vm2"))


def without_peer_port(tables):
    del tables["Edge"]["columns"]["peer_port"]


def without_static_macs(tables):
    del tables["Static_Mac"]


def with_many_limits(tables):
    tables["Segment"]["columns"]["mac_limit"]["type"] = {
        "key": "integer", "min": 0, "max": "unlimited"}


def with_text_vni(tables):
    columns = tables["Segment"]["columns"]
    columns["vni_number"] = columns.pop("vni")
    columns["vni"] = {"type": "string"}
    tables["Segment"]["indexes"] = [["name"]]


@pytest.mark.parametrize("change, what", [
    (without_peer_port, "table Edge has no column peer_port"),
    (without_static_macs, "it has no table Static_Mac"),
    (with_many_limits, "column mac_limit of table Segment has type"),
    (with_text_vni, "column vni of table Segment has type string"),
])
def test_schema_that_does_not_fit(blue, wires, tmp_path, change, what):
    """What is in force stays, and it says why; until the schema fits."""
    control = blue.control
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_synced(blue)
    flows = {s.name: sorted(our_flows(s)) for s in blue.controlled}
    if change is with_text_vni:
        # A column changes its type by way of no column.
        convert(blue, tmp_path, lambda tables: [
            tables["Segment"]["columns"].pop("vni"),
            tables["Segment"].update(indexes=[["name"]])])
    convert(blue, tmp_path, change)
    wait_until(lambda: controller_log(blue, what), what="an error in the log")
    assert what in control.json("show")["database"]["error"]
    check_bridge(blue, wires)
    for switch in blue.controlled:
        assert sorted(our_flows(switch)) == flows[switch.name]
    wires["vm2"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "host1/vm2")

    # One that starts then leaves the switches alone.
    control.exit_daemon()
    control.start_daemon()
    wait_until(lambda: control.json("show")["database"]["error"],
               what="an error of the new one")
    both_ways(blue.station("ph1"), blue.station("vm1"))

    if change is with_text_vni:
        return                  # Its VNIs are gone.
    convert(blue, tmp_path, lambda tables: None)
    wait_synced(blue)
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    check_bridge(blue, wires, others=("ph2", "vm2"))
    assert not control.json("show")["database"]["error"]


def test_sockets_are_the_owners(lab):
    """Others cannot give orders, be a switch, or read what is logged."""
    control = lab.control
    control.stop_daemon()
    umask = os.umask(0)
    try:
        control.start_daemon(f"--listen=punix:{control.path('of.sock')}")
    finally:
        os.umask(umask)
    names = [control.path("of.sock"), control.daemon_log,
             *glob.glob(control.path("kakehashi.*.ctl"))]
    assert len(names) == 3
    for name in names:
        mode = os.stat(name).st_mode
        assert not mode & stat.S_IRWXO, f"{name}: {mode:o}"
