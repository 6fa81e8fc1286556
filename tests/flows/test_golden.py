# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A real switch takes the golden flows, and reports them as they are."""

import glob
import os

import pytest

from dummy import PROTOCOLS

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("KAKEHASHI_BUILD", f"{HERE}/../../build")
GOLDEN = sorted(glob.glob(f"{HERE}/golden/*.flows"))
NAMES = [os.path.basename(path)[:-len(".flows")] for path in GOLDEN]


def flowsync(switch, protocol, path):
    return switch.run(os.path.join(BUILD, "tests", "flowsync"),
                      f"unix:{switch.folder}/br0.mgmt", protocol, path)


@pytest.mark.parametrize("path", GOLDEN, ids=NAMES)
def test_load(switch, path):
    switch.load(path)
    diff = switch.ofctl("diff-flows", "br0", path)
    assert diff.strip() == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("path", GOLDEN, ids=NAMES)
def test_second_reconcile_is_empty(switch, path, protocol):
    switch.ofctl("del-flows", "br0")
    assert flowsync(switch, protocol, path) != "0 changes\n"
    assert flowsync(switch, protocol, path) == "0 changes\n"


def test_protocols_agree(switch):
    """A controller that speaks another version next time changes nothing."""
    for path in GOLDEN:
        switch.ofctl("del-flows", "br0")
        flowsync(switch, PROTOCOLS[0], path)
        for protocol in PROTOCOLS:
            assert flowsync(switch, protocol, path) == "0 changes\n"


def test_foreign_flows_survive(switch):
    switch.ofctl("del-flows", "br0")
    switch.ofctl("add-flow", "br0", "cookie=0x1234,table=0,priority=1000,"
                 "in_port=3,dl_dst=02:00:00:00:00:99,actions=drop")
    for path in GOLDEN:
        flowsync(switch, "OpenFlow15", path)
    assert "cookie=0x1234" in switch.flows_text()


def test_change_keeps_counters(switch):
    """A flow of which only the actions change goes on counting."""
    flowsync(switch, "OpenFlow15", f"{HERE}/golden/binding.e1.flows")
    switch.receive("p1", switch.frame("aa:00:00:00:00:01",
                                      "ff:ff:ff:ff:ff:ff", 10))
    flood = "table=7,reg3=0/2,metadata=5000"
    switch.wait_until(lambda: "n_packets=1," in switch.flows_text(flood))
    flowsync(switch, "OpenFlow15", f"{HERE}/golden/translation.e1.flows")
    assert "n_packets=1," in switch.flows_text(flood)
