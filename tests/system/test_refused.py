# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Switches that do not take a flow.

Whose it is, is left out and says so in its rows; everything else is brought
in.  It is tried again, and when it works the error has gone.
"""

import struct

from faults import check_bridge, status_of, wait_active
from frames import BROADCAST
from netns import wait_until
from proxy import TO_SWITCH, Proxy
from world import (active_edge, both_ways, configure, controller_log,
                   error_of, our_flows, row_id, wait_error, wait_location,
                   wait_synced)

FLOOD, OUTPUT = 7, 8


def limit(switch, table, n):
    """A table of br0 takes so many flows."""
    switch.vsctl("--", "--id=@t", "create", "Flow_Table", f"flow_limit={n}",
                 "overflow_policy=refuse", "--", "set", "bridge", "br0",
                 f"flow_tables:{table}=@t")


def unlimit(switch, table):
    switch.vsctl("remove", "bridge", "br0", "flow_tables", str(table))


def count(switch, table):
    """Flows in a table, whoever's."""
    return len(switch.flows(f"table={table}"))


def red_binding(lab):
    return row_id(lab, "binding", "segment=" + row_id(lab, "segment",
                                                      "name=red"))


def add_red(lab):
    configure(lab, ("segment-add", "red", 5002),
              ("bind", "red", "edges", "trunk0", 200),
              ("host-port-del", "blue", "host1", "vm2"),
              ("host-port-add", "red", "host1", "vm2"))


def test_table_full(blue, wires):
    """A segment that does not fit, on one edge; the rest does."""
    active, standby = active_edge(blue)
    limit(active, FLOOD, count(active, FLOOD))
    add_red(blue)
    for table, row in (("binding", red_binding(blue)), ("segment", "red"),
                       ("edge", active.name)):
        assert "OFPFMFC_TABLE_FULL" in wait_error(blue, table, row)
    assert active.name in error_of(blue, "binding", red_binding(blue))
    for table, row in (("segment", "blue"), ("edge", standby.name),
                       ("host_port", row_id(blue, "host_port", "port=vm1"))):
        assert not error_of(blue, table, row)
    wait_synced(blue)
    assert our_flows(standby, f"table={FLOOD},metadata=5002")
    assert not our_flows(active, "cookie=0x4b4804000000138a/-1")
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires.check("ph1", BROADCAST, {"vm1"})

    unlimit(active, FLOOD)
    wait_error(blue, "binding", red_binding(blue), wanted=False, timeout=70)
    wait_error(blue, "segment", "red", wanted=False)
    wait_error(blue, "edge", active.name, wanted=False)
    wires.check("ph2", BROADCAST, {"vm2"})
    wires.check("ph1", BROADCAST, {"vm1"})


def test_only_the_new_binding(blue, wires):
    """What was in force in the same segment stays, and is not blamed."""
    active, _ = active_edge(blue)
    limit(active, OUTPUT, count(active, OUTPUT))
    configure(blue, ("bind", "blue", "edges", "trunk0", 200))
    new = row_id(blue, "binding", "vlan=200")
    assert "OFPFMFC_TABLE_FULL (table 8)" in wait_error(blue, "binding", new)
    wait_error(blue, "segment", "blue")
    wait_error(blue, "binding", row_id(blue, "binding", "vlan=100"),
               wanted=False)
    wires.check("ph1", BROADCAST, {"vm1", "vm2"})
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    # Taking something away makes room.
    configure(blue, ("unbind", "blue", "edges", "trunk0", 100))
    wait_error(blue, "segment", "blue", wanted=False, timeout=5)
    assert not error_of(blue, "binding", new)
    wires.check("ph2", BROADCAST, {"vm1", "vm2"})
    wait_synced(blue)


def test_row_is_mended(blue, wires):
    """What has changed is tried at once, whatever the backoff is."""
    active, _ = active_edge(blue)
    limit(active, FLOOD, count(active, FLOOD))
    add_red(blue)
    wait_error(blue, "binding", red_binding(blue))
    # So many refusals that the next try is not due before the test ends.
    wait_until(lambda: active_refusals(blue, active)[0]["next_try"] > 8000,
               40, "a long backoff", 0.2)
    configure(blue, ("unbind", "blue", "edges", "trunk0", 100),
              ("set", "Segment", "red", "options:unknown_unicast=drop"))
    wait_error(blue, "binding", red_binding(blue), wanted=False, timeout=5)
    assert not error_of(blue, "segment", "red")
    wires.check("ph2", BROADCAST, {"vm2"})
    wait_synced(blue)


def active_refusals(lab, edge):
    return lab.control.edge(edge.name)["refuses"]


def test_refused_after_reconnect(blue, wires):
    """The first bundle of a session, too, comes in but for what is refused."""
    active, standby = active_edge(blue)
    limit(standby, FLOOD, count(standby, FLOOD))
    add_red(blue)
    wait_error(blue, "binding", red_binding(blue))
    with Proxy(blue) as proxy:
        proxy.adopt(standby)
        wait_synced(blue)
        assert "OFPFMFC_TABLE_FULL" in wait_error(blue, "edge", standby.name)
        standby.restart_vswitchd()
        wait_synced(blue)
        assert standby.name in wait_error(blue, "binding", red_binding(blue))
        # A second reconciliation changes nothing.
        before = our_flows(standby)
        proxy.adopt(standby)
        wait_synced(blue)
        assert sorted(our_flows(standby)) == sorted(before)
        wires.check("ph1", BROADCAST, {"vm1"})
        wires.check("ph2", BROADCAST, {"vm2"})


RED = 0x4b48040000000000 | 5002
BUNDLE_ADD, ERROR, METER_MOD, BUNDLE_FAILED = 34, 1, 29, 17


def spoil_all(direction, message):
    """Give all flows an action that does not exist."""
    return spoil(direction, message, any_cookie=True)


def spoil(direction, message, any_cookie=False):
    """Give flows of segment red an action that does not exist."""
    if direction != TO_SWITCH or message[1] != BUNDLE_ADD:
        return message
    # The flow-mod begins at 16, its match 48 later.
    cookie, = struct.unpack_from("!Q", message, 24)
    match, = struct.unpack_from("!H", message, 66)
    action = 64 + (match + 7) // 8 * 8 + 8
    if not (any_cookie or cookie == RED) or len(message) < action + 8:
        return message
    return message[:action] + b"\x77\x77" + message[action + 2:]


def test_bad_action(blue, wires):
    """The switch refuses it when it is put into the bundle, and brings in the
    others."""
    _, standby = active_edge(blue)
    with Proxy(blue, spoil) as proxy:
        proxy.adopt(standby)
        wait_synced(blue)
        add_red(blue)
        error = wait_error(blue, "binding", red_binding(blue))
        assert "OFPBAC_BAD_TYPE" in error and standby.name in error
        wait_synced(blue)
        assert standby.name in wait_error(blue, "segment", "red")
        wires.check("ph1", BROADCAST, {"vm1"})
        wires.check("ph2", BROADCAST, {"vm2"})
        proxy.change = lambda direction, message: message
        wait_error(blue, "binding", red_binding(blue), wanted=False,
                   timeout=70)
        wait_synced(blue)
        assert our_flows(standby, f"table={FLOOD},metadata=5002")


def test_nothing_works(blue, wires):
    """A switch that takes no action at all is left alone, more and more."""
    _, standby = active_edge(blue)
    with Proxy(blue, spoil_all) as proxy:
        standby.ofctl("del-flows", "br0")
        proxy.adopt(standby)
        assert "OFPBAC_BAD_TYPE" in wait_error(blue, "edge", standby.name)
        wait_until(lambda: status_of(blue, standby).startswith("not ready"),
                   what="a standby not ready")
        check_bridge(blue, wires)
        before = blue.control.edge(standby.name)["flow_mods"]
        wait_until(lambda: all(o["next_try"] > 3000 for o in blue.control.edge(
            standby.name)["refuses"]), 30, "longer breaks")
        # A dozen owners and a handful of tries.
        after = blue.control.edge(standby.name)["flow_mods"]
        assert after - before < 500
        proxy.change = lambda direction, message: message
        wait_error(blue, "edge", standby.name, wanted=False, timeout=70)
        wait_until(lambda: status_of(blue, standby) == "standby",
                   what="a standby")
        wait_synced(blue)


def hush(direction, message):
    """Errors do not say which flow of a bundle they are about."""
    kind = struct.unpack_from("!H", message, 8)[0] if len(message) > 9 else 0
    return (None if direction != TO_SWITCH and message[1] == ERROR
            and kind != BUNDLE_FAILED else message)


def test_switch_that_does_not_say(blue, wires):
    """Of three segments one has room; which flows do not, is found out."""
    _, standby = active_edge(blue)
    per_segment = count(standby, FLOOD)
    with Proxy(blue, hush) as proxy:
        proxy.adopt(standby)
        wait_synced(blue)
        limit(standby, FLOOD, 2 * per_segment)
        rows = []
        for n in range(3):
            rows += [("segment-add", f"s{n}", 6000 + n),
                     ("bind", f"s{n}", "edges", "trunk0", 600 + n)]
        configure(blue, *rows)

        def refused():
            return [n for n in range(3) if error_of(blue, "segment", f"s{n}")]
        wait_until(lambda: len(refused()) == 2, what="errors of two segments")
        wait_synced(blue)
        assert count(standby, FLOOD) == 2 * per_segment
        assert not error_of(blue, "segment", "blue")
        wires.check("ph1", BROADCAST, {"vm1", "vm2"})


def test_meter_missing(blue, wires):
    """An edge that cannot open its gate does not stay active."""
    active, standby = active_edge(blue)

    def no_gates(direction, message):
        gate = (direction == TO_SWITCH and message[1] == METER_MOD and
                20000 <= int.from_bytes(message[12:16], "big") < 60000)
        return None if gate else message
    with Proxy(blue, no_gates) as proxy:
        proxy.adopt(standby)
        wait_synced(blue)
        standby.ofctl("del-meters", "br0")
        proxy.adopt(standby)
        wait_synced(blue)
        blue.control.appctl("cluster/failover", "edges", standby.name)
        wait_until(lambda: controller_log(
            blue, f"{standby.name}: refuses flows of cluster"),
                   what="a refusal")
        wait_active(blue, active)
        check_bridge(blue, wires)
        proxy.change = lambda direction, message: message
        wait_error(blue, "cluster", "edges", wanted=False, timeout=70)
        proxy.adopt(standby)
        wait_synced(blue)
        blue.control.appctl("cluster/failover", "edges", standby.name)
        wait_active(blue, standby)
        check_bridge(blue, wires)


SOURCE, DEST = 2, 6


def strangers(wires, first, n):
    """Frames from MACs that nobody knows yet; these."""
    macs = [f"02:00:00:00:77:{first + i:02x}" for i in range(n)]
    for mac in macs:
        wires["ph1"].send(BROADCAST, src=mac)
    return macs


def test_source_full(blue, wires):
    """Learning stops, forwarding does not, and the log says it once."""
    active, _ = active_edge(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wait_synced(blue)
    limit(active, SOURCE, len(our_flows(active, f"table={SOURCE}")) + 3)
    known = set(strangers(wires, 0, 20))
    assert "SOURCE" in wait_error(blue, "edge", active.name)
    wait_synced(blue)
    learned = known & set(blue.control.macs())
    assert len(learned) <= 3
    assert blue.control.edge(active.name)["full"] == ["SOURCE"]
    for switch in blue.controlled:
        flows = "\n".join(our_flows(switch, f"table={DEST}"))
        assert {mac for mac in known if mac in flows} == learned

    later, = strangers(wires, 100, 1)
    wires.check("vm1", later, {"ph1", "vm2"})
    both_ways(blue.station("ph1"), blue.station("vm1"))
    # The other edges learn on.
    wires["vm2"].send(BROADCAST, src="02:00:00:00:78:01")
    wait_location(blue, "02:00:00:00:78:01", "host1/vm2")

    # One that is known elsewhere is not where it was.
    wires["ph1"].send(BROADCAST, src="02:00:00:00:78:01")
    wait_until(lambda: "02:00:00:00:78:01" not in blue.control.macs(),
               what="a MAC that moved forgotten")
    assert len(controller_log(blue, "table SOURCE (2) is full")) == 1
    assert not error_of(blue, "segment", "blue")

    unlimit(active, SOURCE)
    wait_error(blue, "edge", active.name, wanted=False, timeout=70)
    strangers(wires, 100, 1)
    wait_location(blue, later, "edges/trunk0/100")
    wait_synced(blue)
    assert len(controller_log(blue, "table SOURCE has room again")) == 1


def test_dest_full(blue, wires):
    """What is for MACs that do not fit is flooded on that edge."""
    host = blue.switch("host1")
    limit(host, DEST, count(host, DEST) + 3)
    macs = strangers(wires, 0, 20)
    assert "DEST" in wait_error(blue, "edge", host.name)
    wait_synced(blue)
    wait_until(lambda: set(macs) <= set(blue.control.macs()),
               what="all MACs learned")
    last, = (mac for mac in macs
             if mac not in "\n".join(our_flows(host, f"table={DEST}"))
             and mac == macs[-1])
    wires.check("vm1", last, {"ph1", "vm2"})
    unlimit(host, DEST)
    wait_error(blue, "edge", host.name, wanted=False, timeout=70)
    wait_synced(blue)
    wires.check("vm1", last, {"ph1"})


def test_mac_tables_too_small(blue, wires):
    """A switch that comes back with less room takes what fits."""
    active, _ = active_edge(blue)
    macs = set(strangers(wires, 0, 30))
    wait_until(lambda: macs <= set(blue.control.macs()), what="all learned")
    wait_synced(blue)
    limit(active, SOURCE, 10)
    limit(active, DEST, 20)
    active.restart_vswitchd()
    wait_synced(blue)
    assert "full" in wait_error(blue, "edge", active.name)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    wires.check("vm1", BROADCAST, {"ph1", "vm2"})
    unlimit(active, SOURCE)
    unlimit(active, DEST)
    wait_error(blue, "edge", active.name, wanted=False, timeout=70)
    wait_synced(blue)
