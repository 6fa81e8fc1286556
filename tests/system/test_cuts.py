# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A connection is cut after each message of its life, either way.

However far the handshake, the dump, the bundle or its confirmation got: with
the next connection the switch has what it should have.
"""

import time

import pytest

from frames import BROADCAST
from netns import LabError, wait_until
from proxy import TO_CONTROLLER, TO_SWITCH, Proxy
from world import active_edge, configure, our_flows, wait_location, wait_synced

MAC = "02:00:00:00:00:77"


def forget(switch):
    """Take away the flows, so that the next connection has all to do."""
    switch.vsctl("del-controller", "br0")
    switch.ofctl("del-flows", "br0")
    switch.ofctl("del-meters", "br0")


def whole_life(proxy, lab, switch):
    """Messages each way of an uncut connection until all is well."""
    forget(switch)
    connection = proxy.adopt(switch)
    wait_synced(lab, switch.name)
    return dict(connection.counts)


@pytest.mark.parametrize("direction", [TO_SWITCH, TO_CONTROLLER],
                         ids=["to_switch", "to_controller"])
def test_cut_after_each_message(blue, direction):
    """From an empty bridge, hence with a bundle of everything.

    The standby's, for an active edge without flows would be replaced."""
    switch = active_edge(blue)[1]
    flows = sorted(our_flows(switch))
    with Proxy(blue) as proxy:
        messages = whole_life(proxy, blue, switch)[direction]
        assert messages > 5
        for number in range(messages + 1):
            forget(switch)
            connection = proxy.adopt(switch, cut=(direction, number))
            wait_until(connection.closed.is_set,
                       what=f"the cut after {number} messages {direction}")
            proxy.adopt(switch)
            wait_synced(blue, switch.name)
            assert sorted(our_flows(switch)) == flows, number


@pytest.mark.parametrize("direction", [TO_SWITCH, TO_CONTROLLER],
                         ids=["to_switch", "to_controller"])
def test_cut_in_a_change(blue, wires, direction):
    """A binding comes or goes while the connection does."""
    switch = blue.switch("edge1")
    verbs = [("bind", "blue", "edges", "trunk0", 300),
             ("unbind", "blue", "edges", "trunk0", 300)]
    configure(blue, verbs[0])
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    with Proxy(blue) as proxy:
        for number in range(1, 13):
            connection = proxy.adopt(switch)
            wait_synced(blue, switch.name)
            connection.cut = (direction,
                              connection.counts[direction] + number)
            blue.control.ctl(*verbs[number % 2])
            try:
                wait_until(connection.closed.is_set, 1, "the cut")
            except LabError:
                break           # The change takes fewer messages than that.
            proxy.adopt(switch)
            wait_synced(blue, switch.name)
            bound = any("dl_vlan=300" in f for f in our_flows(switch))
            assert bound == (number % 2 == 0)
        assert number > 1
        assert MAC in blue.control.macs()


def test_flapping_connection(blue):
    """Cut again and again, at no point in particular."""
    switch = blue.switch("edge2")
    until = time.monotonic() + 3
    with Proxy(blue) as proxy:
        while time.monotonic() < until:
            proxy.adopt(switch)
        wait_synced(blue)
