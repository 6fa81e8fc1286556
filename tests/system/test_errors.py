# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bad input: rows that are wrong, and peers that talk nonsense.

The row says what is wrong, everything else works on; and when the row is
mended, it works, too.
"""

import os
import signal
import struct
import subprocess

import pytest

from frames import BROADCAST, drain
from netns import wait_until
from world import (active_edge, both_ways, configure, controller_socket,
                   error_of, row_id, wait_error, wait_synced)


@pytest.mark.parametrize("column, bad", [
    ("datapath_id", "zzz"), ("datapath_id", "0"),
    ("tunnel_ip", "10.1.0.999"), ("tunnel_ip", "224.0.0.1"),
    ("tunnel_port", "nosuch0")])
def test_bad_edge(blue, wires, column, bad):
    """The standby's row is wrong; the active must not suffer."""
    control = blue.control
    _, edge = active_edge(blue)
    good = control.ctl("get", "edge", edge.name, column).strip().strip('"')
    control.ctl("set", "edge", edge.name, f'{column}="{bad}"')
    assert bad in wait_error(blue, "edge", edge.name)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    control.ctl("set", "edge", edge.name, f'{column}="{good}"')
    wait_error(blue, "edge", edge.name, wanted=False)
    wait_synced(blue)
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})


def create(lab, table, *settings):
    """Write a row by hand, past the checks of the verbs; its UUID."""
    return lab.control.ctl("create", table, *settings).strip()


# What the error of a row says of the one that is in its way.
NAMED = "edge edge1 belongs to segment blue already, by edges/trunk0/100"


def test_vlan_conflict_through_two_clusters(blue, wires):
    """The same trunk and VLAN of one edge, for two segments."""
    configure(blue, ("segment-add", "red", 5002),
              ("cluster-add", "solo", "edge1"))
    bad = create(blue, "binding", "segment=" + row_id(blue, "segment",
                                                      "name=red"),
                 "cluster=" + row_id(blue, "cluster", "name=solo"),
                 "port=trunk0", "vlan=100")
    first = row_id(blue, "binding", "segment="
                   + row_id(blue, "segment", "name=blue"))
    ids = [bad, first]
    wait_until(lambda: any(row_error(blue, i) for i in ids),
               what="an error of one of the two bindings")
    # Who was there first stays, and is named.
    assert row_error(blue, bad) and not row_error(blue, first)
    assert NAMED in error_of(blue, "binding", bad)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    blue.control.ctl("set", "binding", bad, "vlan=200")
    wait_error(blue, "binding", bad, wanted=False)
    wait_synced(blue)


def test_edge_joins_a_cluster_where_its_vlan_is_taken(blue, wires):
    """Two VNIs would meet in a VLAN after the bindings were made."""
    configure(blue, ("segment-add", "red", 5002),
              ("cluster-add", "solo", "host1"),
              ("bind", "red", "solo", "trunk0", 100))
    red = row_id(blue, "binding",
                 "segment=" + row_id(blue, "segment", "name=red"))
    edge = row_id(blue, "edge", "name=edge1")
    host = row_id(blue, "edge", "name=host1")
    assert "trunk0" in wait_error(blue, "binding", red)    # It has none.
    blue.control.ctl("--wait=edges", "set", "cluster", "solo",
                     f"edges=1={host},2={edge}")
    wait_until(lambda: NAMED in error_of(blue, "binding", red),
               what="the row in the way named")
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    wait_synced(blue)


def row_error(lab, binding):
    text = lab.control.ctl("--bare", "get", "binding", binding, "error")
    return text.strip() not in ("", "[]")


def test_unknown_port(blue):
    bad = create(blue, "binding",
                 "segment=" + row_id(blue, "segment", "name=blue"),
                 "cluster=" + row_id(blue, "cluster", "name=edges"),
                 "port=nosuch0", "vlan=300")
    assert "nosuch0" in wait_error(blue, "binding", bad)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    blue.control.ctl("set", "binding", bad, "port=trunk1")
    wait_error(blue, "binding", bad, wanted=False)
    wait_synced(blue)


@pytest.mark.parametrize("ip", ["nonsense", "0.0.0.0", "ff02::1",
                                "10.1.0.11"])
def test_bad_vtep(blue, ip):
    bad = create(blue, "vtep",
                 "segment=" + row_id(blue, "segment", "name=blue"),
                 f'ip="{ip}"')
    wait_error(blue, "vtep", bad)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    blue.control.ctl("set", "vtep", bad, "ip=10.1.0.41")
    wait_error(blue, "vtep", bad, wanted=False)
    wait_synced(blue)


@pytest.mark.parametrize("mac", ["nonsense", "01:00:5e:00:00:01",
                                 "00:00:00:00:00:00"])
def test_bad_static_mac(blue, mac):
    bad = create(blue, "static_mac",
                 "segment=" + row_id(blue, "segment", "name=blue"),
                 f'mac="{mac}"', "host_port="
                 + row_id(blue, "host_port", "port=vm2"))
    wait_error(blue, "static_mac", bad)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    blue.control.ctl("set", "static_mac", bad, 'mac="02:00:00:00:00:aa"')
    wait_error(blue, "static_mac", bad, wanted=False)
    wait_synced(blue)


def test_static_mac_without_location(blue):
    bad = create(blue, "static_mac",
                 "segment=" + row_id(blue, "segment", "name=blue"),
                 'mac="02:00:00:00:00:aa"')
    wait_error(blue, "static_mac", bad)
    both_ways(blue.station("ph1"), blue.station("vm1"))


def test_row_deleted_under_us(blue, wires):
    """Without the verbs, which would tidy up what hangs on it."""
    control = blue.control
    control.ctl("--wait=edges", "destroy", "binding",
                row_id(blue, "binding", "port=trunk0"))
    wires.check("vm1", BROADCAST, {"vm2"})
    wait_synced(blue)
    configure(blue, ("bind", "blue", "edges", "trunk0", 100))
    both_ways(blue.station("ph1"), blue.station("vm1"))


def message(version=6, kind=0, length=8, body=b""):
    return struct.pack("!BBHI", version, kind, length, 1) + body


HELLO = message()
GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: kakehashi\r\n\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "length below 8": message(length=4),
    "length 0": message(length=0),
    "version 0": message(version=0),
    "not hello": message(kind=2),
    "version 1.0 only": message(version=1),
    "short hello element": message(length=12, body=b"\x00\x01\x00\x02"),
    "packet-in before features": HELLO + message(kind=10, length=32,
                                                 body=b"\xff" * 24),
    "short features": HELLO + message(kind=6, length=16, body=bytes(8)),
    "unknown type": HELLO + message(kind=200),
    "nonsense after hello": HELLO + b"\x06\x06" + b"\xff" * 65534,
}


def test_garbage_on_the_openflow_port(blue):
    """Closed and logged; who speaks properly does not notice.

    What cannot be told from the beginning of a long message is given some
    seconds to end, hence all at once.
    """
    control = blue.control
    before = {s.name: control.edge(s.name)["reconciles"]
              for s in blue.controlled}
    lines = len(control.log("kakehashi.log").splitlines())
    sockets = {}
    for what, data in GARBAGE.items():
        sockets[what] = controller_socket(blue)
        sockets[what].sendall(data)
    both_ways(blue.station("ph1"), blue.station("vm1"))

    def all_closed():
        for what in list(sockets):
            if drain(sockets[what]):
                sockets.pop(what).close()
        return not sockets
    try:
        wait_until(all_closed, 15, "all closed")
    finally:
        still_open = list(sockets)
        for sock in sockets.values():
            sock.close()
        assert not still_open
    assert len(control.log("kakehashi.log").splitlines()) > lines
    both_ways(blue.station("ph1"), blue.station("vm1"))
    assert before == {s.name: control.edge(s.name)["reconciles"]
                      for s in blue.controlled}


def test_silent_and_half_connections(blue):
    """Who stalls costs a socket and nothing else."""
    stalled = [controller_socket(blue) for _ in range(20)]
    for number, sock in enumerate(stalled):
        sock.sendall((HELLO + message(kind=6, length=32))[:number])
    try:
        both_ways(blue.station("ph1"), blue.station("vm1"))
        configure(blue, ("bind", "blue", "edges", "trunk0", 300))
    finally:
        for sock in stalled:
            sock.close()
    wait_synced(blue)


def test_log_of_garbage_is_limited(blue):
    """Hundreds of bad connections are not hundreds of lines."""
    log = blue.control.log
    before = len(log("kakehashi.log").splitlines())
    for _ in range(300):
        with controller_socket(blue) as sock:
            sock.sendall(bytes(64))
            wait_until(lambda: drain(sock), 5, "closed", 0)
    assert len(log("kakehashi.log").splitlines()) - before < 150


def test_diff_of_an_edge_that_goes(blue):
    """Who asked for the flows of an edge is told when it is none any more."""
    control = blue.control
    _, standby = active_edge(blue)
    control.appctl("vlog/set", "unixctl:file:dbg")
    os.kill(standby.vswitchd_pid, signal.SIGSTOP)
    try:
        diff = control.spawn("ovs-appctl", "-t", "kakehashi", "flows/diff",
                             standby.name, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        wait_until(lambda: "request flows/diff" in control.log(
            "kakehashi.log"), what="the question to arrive")
        control.ctl("--cascade", "edge-del", standby.name)
        text, _ = diff.communicate(timeout=5)
        assert diff.returncode and "out of sync" in text
    finally:
        os.kill(standby.vswitchd_pid, signal.SIGCONT)
