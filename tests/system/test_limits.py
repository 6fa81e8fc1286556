# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Peers that are slow, or many, and descriptors that are few.

Whatever these do, edges that are connected do not notice.
"""

import contextlib
import os
import resource
import socket
import struct
import time

import pytest

import netns
from frames import BROADCAST
from netns import wait_until
from test_hostile import (SANITIZED, comes_true, counts, fixture_far,
                          fixture_ping, memory, start_liar)
from world import (active_edge, both_ways, configure, controller_log,
                   wait_error, wait_location, wait_synced)

__all__ = ["fixture_far", "fixture_ping"]

CROWD = 10000
HELLO = struct.pack("!BBHI", 6, 0, 16, 1) + struct.pack("!HHI", 1, 8, 1 << 6)


@pytest.fixture(name="crowd")
def fixture_crowd(blue):
    """A function that makes connections from far's address."""
    with contextlib.ExitStack() as stack:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (CROWD + 2000, max(hard, CROWD + 2000)))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE,
                       (soft, hard))

        def connect(number, first=b""):
            def make():
                made = []
                for _ in range(number):
                    sock = socket.create_connection(("10.0.0.1", 6653), 10)
                    stack.enter_context(sock)
                    with contextlib.suppress(OSError):
                        sock.sendall(first)
                    made.append(sock)
                return made
            return netns.call(blue.switch("far").namespace, make)
        yield connect


def usage(lab):
    """What memory/show says, as numbers."""
    return {name: int(value) for name, value in
            (word.split(":") for word in
             lab.control.appctl("memory/show").split())}


def cpu(lab):
    """Seconds of processor time that the controller has taken."""
    with open(f"/proc/{lab.control.process.pid}/stat",
              encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(lab):
    """Those that the controller has."""
    return {int(fd) for fd in
            os.listdir(f"/proc/{lab.control.process.pid}/fd")}


def lowest_free(lab):
    """The one that it would get next."""
    used = descriptors(lab)
    return min(set(range(len(used) + 1)) - used)


def limit_descriptors(lab, number):
    pid, nofile = lab.control.process.pid, resource.RLIMIT_NOFILE
    resource.prlimit(pid, nofile, (number, resource.prlimit(pid, nofile)[1]))


def learn(lab, wires, number):
    """How long it takes to learn a MAC, in seconds."""
    mac = f"02:00:00:00:03:{number:02x}"
    wires["vm2"].send(BROADCAST, src=mac)
    began = time.monotonic()
    wait_location(lab, mac, "host1/vm2")
    return time.monotonic() - began


def comes_back(lab, switch):
    """A switch of ours can connect, from its own address."""
    switch.vsctl("del-controller", "br0")
    wait_until(lambda: not lab.control.edge(switch.name)["connected"],
               what=f"{switch.name} disconnected")
    switch.vsctl("set-controller", "br0", "tcp:10.0.0.1:6653", "--",
                 "set", "controller", "br0", "max_backoff=1000")
    wait_synced(lab, switch.name)


def test_switch_that_does_not_read(blue, far, wires, ping):
    """It is disconnected after five seconds, for which nobody else waits."""
    process = start_liar(blue, "deaf", far.dpid, seconds=9)
    wait_until(lambda: usage(blue)["queued-kB"] > 500,
               what="bytes that wait for it")
    began = time.monotonic()
    times = []
    while not controller_log(blue, "does not read what it is sent"):
        times.append(learn(blue, wires, len(times)))
        assert time.monotonic() - began < 8
        time.sleep(.1)
    assert time.monotonic() - began > 3.5
    assert max(times) < .5, times
    assert usage(blue)["queued-kB"] < 500
    assert counts(process)["cut"]
    assert ping.poll() is None


def test_dump_without_end(blue, far, ping):
    """A switch cannot report more than it can have."""
    before = memory(blue)
    bound = usage(blue)["reported-kB-max-per-edge"]
    process = start_liar(blue, "endless_flows", far.dpid, seconds=30)
    wait_until(lambda: controller_log(blue, "reports more flows of ours"), 30,
               "end of the session")
    if not SANITIZED:
        assert memory(blue) - before < 2 * bound
    process.kill()
    process.communicate()
    assert ping.poll() is None


def test_ports_without_end(blue, far, ping):
    """The row says that there are too many, until a switch has fewer."""
    process = start_liar(blue, "million_ports", far.dpid, seconds=30)
    assert "16384 ports or more" in wait_error(blue, "edge", "far",
                                               timeout=30)
    assert usage(blue)["ports"] < usage(blue)["ports-max-per-edge"] + 100
    process.kill()
    process.communicate()
    comes_true(blue, far)
    wait_error(blue, "edge", "far", wanted=False)
    assert ping.poll() is None


@pytest.mark.parametrize("first", [b"", b"\x06", HELLO],
                         ids=["silent", "half-a-hello", "hello"])
def test_crowd(blue, ping, crowd, first):
    """10,000 that connect and say no more than that."""
    standby = active_edge(blue)[1]
    sessions = {e["name"]: e["connected_for"]
                for e in blue.control.json("edge/show")}
    crowd(CROWD, first)
    now = usage(blue)
    assert now["guests"] <= now["guests-max-per-address"] == 1024
    assert now["connections"] <= 1024 + 3 + 1
    comes_back(blue, standby)
    # From the same address, too.
    honest = counts(start_liar(blue, "honest", "77", seconds=1))
    assert honest["received"] >= 2, honest
    wait_until(lambda: not usage(blue)["guests"], 15, "handshakes timed out")
    for edge in blue.control.json("edge/show"):
        if edge["name"] != standby.name:
            assert edge["connected_for"] >= sessions[edge["name"]]
    assert ping.poll() is None


def test_few_descriptors(blue, wires, ping, crowd):
    """The last are not for those whom nobody knows."""
    limit = lowest_free(blue) + 40
    limit_descriptors(blue, limit)
    last = crowd(200)[-1]
    wait_until(lambda: controller_log(blue, "no file descriptors left"),
               what="a line in the log")
    assert last.recv(16)
    assert max(descriptors(blue)) < limit - limit // 8
    assert learn(blue, wires, 1) < .5
    configure(blue, ("segment-add", "more", 5100))
    comes_back(blue, active_edge(blue)[1])
    assert len(controller_log(blue, "file descriptors left")) <= 3
    assert ping.poll() is None


def test_no_descriptors(blue, wires, ping, crowd):
    """Nothing is accepted, nobody is disturbed, until there are some."""
    standby = active_edge(blue)[1]
    limit_descriptors(blue, lowest_free(blue))
    waiting = crowd(20, HELLO)
    wait_until(lambda: controller_log(blue, "cannot accept connections"),
               what="a line in the log")
    began = cpu(blue)
    wires["vm2"].send(BROADCAST, src="02:00:00:00:03:99")
    both_ways(blue.station("ph1"), blue.station("vm1"), count=40)
    time.sleep(2)               # In which nothing is to happen.
    assert cpu(blue) - began < .5
    assert len(controller_log(blue, "cannot accept")) <= 2
    limit_descriptors(blue, 1000)
    waiting[-1].settimeout(10)
    assert waiting[-1].recv(16)[1] == 0         # A hello.
    assert "02:00:00:00:03:99" in blue.control.macs()
    comes_back(blue, standby)
    assert ping.poll() is None
