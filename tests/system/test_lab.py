# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The lab that people use: up, looked at, down; and after a crash."""

import os
import signal
import subprocess
import time

import pytest

import kklab
import netns
import state

LAB = os.path.join(kklab.ROOT, "tests", "lab", "lab")

pytestmark = pytest.mark.skipif(os.geteuid() != 0,
                                reason="the lab needs root")


@pytest.fixture(name="name")
def fixture_name():
    name = f"u{os.getpid()}"
    yield name
    state.remove(name)


def lab(name, *args):
    done = subprocess.run([LAB, "--name", name, *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    return done.returncode, done.stdout


def traces(name):
    """What there is of a lab: namespaces, directory."""
    found = [n for n in os.listdir(netns.NETNS_DIR)
             if n.startswith(name + "-")]
    return found + ([name] if name in state.names() else [])


def test_up_look_down(name):
    start = time.monotonic()
    status, text = lab(name, "up")
    took = time.monotonic() - start
    assert status == 0, text
    assert took < 15
    assert "$ kakehashi-ctl init" in text
    assert "3 packets transmitted, 3 received" in text
    assert "active" in text and "standby" in text
    assert "02:00:00:00:00:11" in text          # Of ph1, learned.

    status, text = lab(name, "up")
    assert status == 1 and len(text.splitlines()) == 1, text
    assert "already" in text

    status, text = lab(name, "status")
    assert status == 0 and "vm1" in text, text
    for command in (["ctl", "kakehashi-ctl", "show"],
                    ["ctl", "ovs-appctl", "-t", "kakehashi", "mac/show"],
                    ["edge1", "kakehashi-ctl", "segment-list"],
                    ["edge1", "ovs-ofctl", "-O", "OpenFlow15", "dump-flows",
                     "br0"],
                    ["ph1", "ping", "-c", "1", "192.168.100.21"]):
        status, text = lab(name, "exec", *command)
        assert status == 0 and text, (command, text)
    status, text = lab(name, "exec", "nobody", "true")
    assert status == 1 and "nobody" in text

    assert lab(name, "down")[0] == 0
    assert not traces(name)
    assert lab(name, "down")[0] == 0            # Nothing to do is no error.


def test_cluster_of_databases(name):
    status, text = lab(name, "up", "--databases=3")
    assert status == 0, text
    assert "3 packets transmitted, 3 received" in text
    assert text.count("(leader)") == 1 and text.count("(follower)") == 2
    for node in "ctl", "ctl3", "edge1":
        status, text = lab(name, "exec", node, "kakehashi-ctl",
                           "segment-list")
        assert status == 0 and "blue" in text, text
    assert lab(name, "down")[0] == 0
    assert not traces(name)
    for option in "--databases=0", "--controllers=10":
        status, text = lab(name, "up", option)
        assert status == 1 and len(text.splitlines()) == 1, text


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.4, 0.8])
def test_down_after_a_crash_half_way_up(name, delay):
    process = subprocess.Popen([LAB, "--name", name, "up"],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    status, text = lab(name, "down")
    assert status == 0, text
    assert not traces(name)


def test_two_labs_at_once(name):
    other = name + "b"
    try:
        assert lab(name, "up")[0] == 0
        assert lab(other, "up")[0] == 0
        assert lab(other, "exec", "ph1", "ping", "-c", "1",
                   "192.168.100.21")[0] == 0
        assert lab(other, "down")[0] == 0
        assert not traces(other)
        assert lab(name, "exec", "ph1", "ping", "-c", "1",
                   "192.168.100.21")[0] == 0
    finally:
        state.remove(other)


def test_failure_is_one_line(name, monkeypatch, tmp_path):
    monkeypatch.setenv("KAKEHASHI_BUILD", str(tmp_path))
    status, text = lab(name, "up")
    last = text.strip().splitlines()[-1]
    assert status == 1
    assert "controller" in last and "not built" in last and name in last
