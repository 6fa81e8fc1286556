# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Several controllers over one database, which may be several servers."""

import json
import re
import signal
import socket
import subprocess

import pytest

from crowd import (answers, get, harm, in_sync, leader, led, mend, name_of,
                   other, spread)
from database import SCHEMA
from frames import BROADCAST, Wires
from netns import wait_until
from world import (LastingPing, active_edge, both_ways, configure, our_flows,
                   row_id, speak_until)

MACS = 40
TWO = pytest.mark.parametrize("lab", [{"extras": False, "controllers": 2}],
                              indirect=True, ids=["two"])
THREE = pytest.mark.parametrize(
    "lab", [{"extras": False, "databases": 3, "controllers": 3}],
    indirect=True, ids=["three"])


def speak(lab):
    """Let some MACs be learned."""
    # One that speaks while its edge changes hands is learned when it speaks
    # again.
    spread(lab)
    in_sync(lab)
    both_ways(lab.station("ph1"), lab.station("vm1"))
    wires = Wires(lab)
    for n in range(MACS // 2):
        wires["ph1"].send(BROADCAST, src=f"02:00:00:00:01:{n:02x}")
        wires["vm1"].send(BROADCAST, src=f"02:00:00:00:02:{n:02x}")
    wires.close()
    wait_until(lambda: len(known(lab)) >= MACS, what=f"{MACS} MACs")


def shown(controller, *segments):
    return {m["mac"]: m["location"]
            for m in controller.json("mac/show", *segments)}


def known(lab):
    """MACs and where they are, says who leads the edges."""
    return shown(led(lab))


def leads(controller, number):
    return controller.json("show")["controller"]["leads"] == number


def standby_of(controller):
    """Name of the edge that is not active, says this one."""
    active = controller.json("cluster/show")[0]["active"]
    return next(name for name in ("edge1", "edge2") if name != active)


def lasting_ping(lab):
    both_ways(lab.station("ph1"), lab.station("vm1"))
    return LastingPing(lab.station("ph1"), lab.station("vm1"))


def segment(lab, n):
    """One more segment, in force."""
    configure(lab, ("segment-add", f"s{n}", 6000 + n),
              ("bind", f"s{n}", "edges", "trunk0", 600 + n))
    assert in_force(lab, n)


def in_force(lab, n):
    return all(our_flows(s, f"metadata={6000 + n}") for s in lab.controlled
               if s.spec.kind == "edge")


def all_flows(lab):
    return {s.name: sorted(our_flows(s)) for s in lab.controlled}


# ---- Who leads ------------------------------------------------------------

def untie(lab):
    """The host has no segment in common with the cluster any more."""
    configure(lab, *[("host-port-del", "blue", "host1", port)
                     for port in ("vm1", "vm2")])


def tie(lab):
    configure(lab, *[("host-port-add", "blue", "host1", port)
                     for port in ("vm1", "vm2")])


@TWO
def test_segments_are_led_as_a_whole(blue):
    """Who learns a MAC is who makes its flows on all nodes of the segment."""
    for _ in range(2):
        one = led(blue)
        assert led(blue, "edge", "host1") is one
        assert leads(one, 1) and leads(other(blue, one), 0)
        speak(blue)
        both_ways(blue.station("ph1"), blue.station("vm1"))
        for switch in blue.controlled:
            for station in "ph1", "vm1":
                mac = blue.station(station).mac
                assert our_flows(switch, f"table=6,dl_dst={mac}"), switch.name
        untie(blue)
        wait_until(lambda: all(leads(c, 1) for c in blue.controllers), 20,
                   "one leads the cluster, one the host")
        tie(blue)
        wait_until(lambda: leads(led(blue), 1), 20, "one leads both again")
        in_sync(blue)


@TWO
def test_leaders_are_spread(blue):
    """Each leads one of the two shards, and all know who."""
    untie(blue)
    spread(blue)
    one, two = led(blue), led(blue, "edge", "host1")
    assert one is not two
    for name in "edge1", "edge2":
        assert get(blue, "edge", name, "leader") == name_of(blue, one)
        wait_until(lambda: f"{name_of(blue, two)}=follower"
                   in get(blue, "edge", name, "controllers"),
                   what="the follower in the database")
    show = two.json("show")
    assert show["controller"]["leads"] == 1
    assert show["controller"]["others"] == [name_of(blue, one)]
    edge = next(e for e in show["edges"] if e["name"] == "edge1")
    assert (edge["state"], edge["leader"]) == ("following",
                                               name_of(blue, one))
    assert f"led by {name_of(blue, one)} (" in two.appctl("show")
    given = [reason(blue, name) for name in ("edge1", "host1")]
    assert any("let it go" in text for text in given), given
    for controller, rest in ((one, two), (two, one)):
        assert controller.appctl("mac/flush").endswith(
            f"flushed; the rest is led by {name_of(blue, rest)}\n")


@TWO
def test_edges_that_nobody_has_met_are_no_load(blue):
    """They cannot be given to another, and nobody works for them."""
    configure(blue, *[("edge-add", f"e{n}", f"{n:016x}", f"10.1.1.{n}")
                      for n in range(101, 106)])
    untie(blue)
    wait_until(lambda: None not in (leader(blue), leader(blue, "edge",
                                                         "host1"))
               and leader(blue) is not leader(blue, "edge", "host1"), 20,
               "the two shards that are alive are spread")


@TWO
def test_the_last_one_leads_what_it_has_not_met(blue):
    """What the other had written of its edges is not left standing."""
    last, gone = blue.controllers
    for switch in blue.controlled:
        switch.vsctl("set-controller", "br0", gone.target)
    wait_until(lambda: leads(gone, 1) and leads(last, 0), 20, "one has all")
    untie(blue)                 # Both look who has met what.
    wait_until(lambda: leads(gone, 2), 20, "one has all")
    gone.kill()
    wait_until(lambda: leads(last, 2), 20, "the other leads")
    for switch in blue.controlled:
        wait_until(lambda: get(blue, "edge", switch.name, "connected")
                   == "false", what=f"{switch.name} not connected")


def reason(lab, name):
    """Why its leader leads this edge: it says the same as the database."""
    text = get(lab, "edge", name, "status:leader_reason")
    assert text == edge_of(led(lab, "edge", name), name)["leader_reason"]
    return text


def edge_of(controller, name):
    return next(e for e in controller.json("edge/show") if e["name"] == name)


def flow_mods(controller, name):
    """How many it has sent to the switch of an edge."""
    return edge_of(controller, name)["flow_mods"]


@TWO
def test_why_one_leads(blue):
    """Whoever takes over says from whom, and changes no flow."""
    speak(blue)
    one = led(blue)
    two = other(blue, one)
    since = int(get(blue, "edge", "edge1", "status:leader_since"))
    before = {name: flow_mods(two, name) for name in ("edge1", "edge2")}
    one.kill()
    wait_until(lambda: leader(blue) is two, what="the other leads")
    assert reason(blue, "edge1") == f"{name_of(blue, one)}, which led it, " \
        "is gone"
    assert int(get(blue, "edge", "edge1", "status:leader_since")) > since
    in_sync(blue)
    assert before == {name: flow_mods(two, name) for name in before}
    assert len(known(blue)) >= MACS
    one.start(f"--name={name_of(blue, one)}")


@TWO
def test_orders_are_the_leaders(blue):
    spread(blue)
    one = led(blue)
    two = other(blue, one)
    for order in (["cluster/failover", "edges"], ["edge/drain", "edge1"],
                  ["edge/undrain", "edge1"]):
        status, text = two.run("ovs-appctl", "-t", "kakehashi", *order,
                               check=False)
        assert status and f"led by controller {name_of(blue, one)}" in text
    standby = standby_of(one)
    one.appctl("cluster/failover", "edges", standby)
    wait_until(lambda: two.json("cluster/show")[0]["active"] == standby,
               what="the follower knows")
    in_sync(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))


def refused(controller, *words):
    """What it says instead of doing that."""
    status, text = controller.run("ovs-appctl", "-t", "kakehashi", *words,
                                  check=False)
    assert status, text
    return text.splitlines()[0]


@TWO
def test_what_a_follower_says(blue):
    """Of what it does not lead: who does, and no number that it cannot
    know."""
    configure(blue, ("segment-add", "empty", 5002))
    speak(blue)
    one = led(blue)
    two = other(blue, one)
    name = name_of(blue, one)

    # To forget something is the leader's.
    ask = f"led by controller {name}; ask there"
    before = known(blue)
    for words in (["mac/flush", "blue"], ["vtep/flush", "blue"],
                  ["mac/flush", "blue", min(before)]):
        assert f"segment blue is {ask}" in refused(two, *words)
    rest = f" flushed; the rest is led by {name}\n"
    assert two.appctl("mac/flush") == f"0 learned MACs{rest}"
    assert two.appctl("vtep/flush") == f"0 learned VTEPs{rest}"
    assert two.appctl("mac/flush", "empty") == "0 learned MACs flushed\n"
    assert before.items() <= known(blue).items()

    # What is counted, its leader knows.
    show = two.json("show")
    blue_, empty = show["segments"]
    assert (blue_["macs"], blue_["leader"], blue_["led"]) \
        == (None, name, False)
    assert {(p["macs"], p["learned"]) for p in blue_["places"]} \
        == {(None, None)}
    assert (empty["macs"], empty["leader"]) == (0, None)
    assert {(e["macs"], e["flows"]) for e in show["edges"]} == {(None, None)}
    text = two.appctl("show")
    assert f"segment blue (VNI 5001): led by {name}\n    " in text
    assert "\n    host1/vm1\n" in text
    assert " flows" not in text and text.count("MACs") == 1
    stats = two.json("stats/show", "blue")["segments"][0]
    assert (stats["macs"], stats["leader"]) == (None, name)
    line = next(line.split() for line in two.appctl("stats/show").split("\n")
                if line.startswith("blue "))
    assert line == ["blue", "5001", "-", line[3], "led", "by", name]
    assert "MAC" not in two.ctl("show").replace("0 MACs", "", 1)
    assert json.loads(two.ctl("--format=json", "show"))["segments"][0][
        "macs"] is None
    assert one.json("show")["segments"][0]["macs"] >= MACS
    assert re.search(r"vni: 5001, \d+ MACs\n", one.ctl("show"))

    # Its switches are asked by the leader.
    for words in (["flows/diff"], ["flows/dump"], ["edge/mtu-probe"]):
        assert f"edge host1 is {ask}" in refused(two, *words, "host1")
    assert f"edge edge1 is {ask}" in refused(two, "edge/mtu-probe", "edge1",
                                             "host1")
    assert "no edge is led from here; they are led by " + name \
        in refused(two, "edge/mtu-probe")
    assert not one.appctl("flows/diff", "host1").strip()
    assert "table=" in one.appctl("flows/dump", "host1")

    # Events are told where they happen.
    said = [monitor.communicate(timeout=20)[1] for monitor in [
        controller.spawn("kakehashi-ctl", "--timeout=1", "monitor", *words,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True)
        for controller, *words in ([two], [two, "blue"], [two, "empty"],
                                   [one])]]
    assert said == [
        f"({name} leads other edges; their events are shown there)\n",
        f"({name} leads segment blue; its events are shown there)\n", "", ""]

    # That an edge is drained all know.
    standby = standby_of(one)
    blue.control.ctl("set", "edge", standby, "drained=true")
    for controller in (one, two):
        wait_until(lambda c=controller: f"    {standby}: not ready (drained)"
                   in c.appctl("cluster/show"), what=f"{standby} is drained")
    member = next(e for e in two.json("cluster/show")[0]["edges"]
                  if e["name"] == standby)
    assert (member["role"], member["ready"], member["drained"]) \
        == ("not ready", False, True)

    # What is led from here is flushed.
    assert one.appctl("mac/flush", "blue", min(before)) \
        == "1 learned MAC flushed\n"
    assert one.appctl("mac/flush").endswith(" MACs flushed\n")


@TWO
def test_followers_show_macs(blue):
    """As the leader does, though they learn none."""
    speak(blue)
    one, two = blue.controllers
    assert len(shown(one)) >= MACS
    assert shown(one) == shown(two) == shown(two, "blue")
    assert [m["mac"] for m in two.json("mac/show")] == sorted(shown(one))


@TWO
def test_name_is_taken(blue):
    """The second of a name leads nothing, until the first is gone."""
    first, second = blue.controllers
    second.kill()
    second.start("--name=c1")
    wait_until(lambda: "another controller has this name"
               in second.appctl("show"), what="the second knows")
    assert leads(second, 0)
    both_ways(blue.station("ph1"), blue.station("vm1"))
    first.kill()
    wait_until(lambda: leads(second, 1), 20, "the second leads")
    in_sync(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))


# ---- Processes that die, and come back ------------------------------------

def database_leader(lab):
    return lab.database_leader()


def database_follower(lab):
    return next(d for d in lab.databases if d is not lab.database_leader())


def following(lab):
    return other(lab, led(lab))


def is_given_up(lab, victim):
    """The others get along without it."""
    if victim in lab.databases:
        return any(d.role() == "leader" for d in lab.databases)
    return name_of(lab, victim) not in lab.control.ctl(
        "--columns=name", "list", "controller")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP],
                         ids=["killed", "stopped"])
@pytest.mark.parametrize("which", [database_leader, database_follower, led,
                                   following])
@THREE
def test_one_of_each(blue, which, number):
    """No frame is lost, no MAC, and nothing that was configured."""
    speak(blue)
    # Who has yielded the edges had written down which one is active.
    assert "".join(c.log("kakehashi.log") for c in blue.controllers).count(
        "(elected)") == 1
    macs = known(blue)
    ping = lasting_ping(blue)
    segment(blue, 1)
    victim = which(blue)
    harm(victim, number)
    segment(blue, 2)
    wait_until(lambda: is_given_up(blue, victim), 40, "it is given up")
    mend(victim, number)
    segment(blue, 3)
    in_sync(blue)
    assert not ping.stop()
    assert all(in_force(blue, n) for n in (1, 2, 3))
    if victim in blue.databases and number == signal.SIGKILL:
        # Nobody takes another controller for dead, or its name for taken.
        logs = "".join(c.log("kakehashi.log") for c in blue.controllers)
        assert "another controller is called" not in logs
        assert "is gone" not in logs + reason(blue, "edge1")
    wait_until(lambda: macs.items() <= known(blue).items(), 20,
               "all MACs known")


@THREE
def test_deposed_leader(blue):
    """It goes on where it was stopped, and nothing on the switches changes."""
    speak(blue)
    one = led(blue)
    one.stop()
    wait_until(lambda: leader(blue) not in (None, one), 40, "another leader")
    led(blue)
    flows = all_flows(blue)
    ping = lasting_ping(blue)
    one.cont()
    wait_until(lambda: answers(one) and all(
        e["state"] == "following" for e in one.json("edge/show")
        if e["name"].startswith("edge")), 20, "it follows")
    assert not ping.stop()
    assert all_flows(blue) == flows
    assert "led from here no more" in one.log("kakehashi.log")
    assert leader(blue) is not one


def order_later(controller, command, *args):
    """Tell a controller that is stopped; the connection by which it answers
    when it goes on."""
    order = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    order.connect(controller.path(f"kakehashi.{controller.process.pid}.ctl"))
    order.sendall(json.dumps({"id": 0, "method": command,
                              "params": args}).encode())
    return order


@THREE
def test_leads_again(blue):
    """What it knew then is old: MACs stay where they have moved meanwhile."""
    speak(blue)
    moved = {"02:00:00:00:01:00": ("vm1", "host1/vm1"),
             "02:00:00:00:02:00": ("ph1", "edges/trunk0/100")}
    one = led(blue)
    assert all(known(blue)[mac] != moved[mac][1] for mac in moved)
    one.stop()
    wait_until(lambda: leader(blue) not in (None, one), 40, "another leader")
    led(blue)
    wires = Wires(blue)
    for mac, (station, place) in moved.items():
        speak_until(wires[station], mac, lambda: known(blue)[mac] == place,
                    10, f"{mac} at {place}")
    wires.close()
    in_sync(blue)
    flows = all_flows(blue)

    # It is still waiting for that order when it goes on, and obeys it before
    # it finds out that it leads nothing.
    standby = active_edge(blue)[1]
    order = order_later(one, "edge/drain", standby.name)
    one.cont()
    wait_until(lambda: answers(one) and not leads(one, 1), 20, "it follows")
    assert b'"error":null' in order.recv(4096)
    order.close()
    others = [c for c in blue.controllers if c is not one]
    for controller in others:
        controller.kill()
    wait_until(lambda: leader(blue) is one, 20, "it leads again")
    in_sync(blue)
    for mac, (_, place) in moved.items():
        assert known(blue)[mac] == place
    assert all_flows(blue) == flows
    assert get(blue, "edge", standby.name, "drained") in ("[]", "false")
    assert "that it was drained here is of no account" \
        in one.log("kakehashi.log")
    for controller in others:
        controller.start()


@TWO
def test_take_over_changes_nothing(blue):
    """MACs are found in the switches."""
    speak(blue)
    macs = known(blue)
    for _ in range(2):
        one = led(blue)
        two = other(blue, one)
        in_sync(blue)
        flows = all_flows(blue)
        one.kill()
        wait_until(lambda: leader(blue) is two, 20, "the other leads")
        led(blue)
        assert macs.items() <= known(blue).items()
        assert all_flows(blue) == flows
        one.start()
        spread(blue)


@TWO
def test_come_and_go(blue):
    """Leaders are spread anew, and no frame is lost."""
    one, two = blue.controllers
    configure(blue, ("edge-add", "another", "99", "192.0.2.99"))
    blue.switch("host1").vsctl(
        "add-br", "br99", "--", "set", "bridge", "br99",
        "datapath_type=netdev", "fail_mode=secure",
        "other_config:datapath-id=0000000000000099", "--",
        "set-controller", "br99", one.target, two.target)
    ping = lasting_ping(blue)
    for _ in range(3):
        wait_until(lambda: leads(one, 1) and leads(two, 1), 20, "one each")
        assert two.exit_daemon() == 0
        wait_until(lambda: leads(one, 2), 20, "one leads all")
        two.start()
    assert not ping.stop()


# ---- The database ---------------------------------------------------------

@TWO
def test_row_of_a_controller(blue):
    """It is written again if others have taken it for dead for a moment:
    that of one that leads nothing, and more than once."""
    name = name_of(blue, other(blue, led(blue)))
    for _ in range(3):
        before = row_id(blue, "Controller", f"name={name}")
        blue.control.run("ovsdb-client", "transact", blue.kakehashi_db,
                         json.dumps(["Kakehashi", {
                             "op": "delete", "table": "Controller",
                             "where": [["name", "==", name]]}]))
        wait_until(lambda: blue.control.ctl(
            "--bare", "--columns=_uuid", "find", "Controller",
            f"name={name}").strip() not in ("", before), 5,
            f"{name} in the database")


@THREE
def test_first_database_hangs(blue):
    """That which a controller names first, and uses: others are asked."""
    first, controller = blue.databases[0], blue.controllers[1]

    def database():
        return controller.json("show")["database"]
    wait_until(lambda: database()["connected"], what="a connection")
    while not database()["remote"].startswith(first.remote):
        controller.kill()       # It began with another, as it may.
        controller.start("--name=c2")
        wait_until(lambda: database()["connected"], what="a connection")
    in_sync(blue)
    first.stop()
    segment(blue, 1)
    first.cont()
    blue.settle_databases()
    segment(blue, 2)


@THREE
def test_two_of_three_databases(blue):
    """Frozen: learning goes on, nothing is configured, nobody takes over."""
    speak(blue)
    one = led(blue)
    ping = lasting_ping(blue)
    for database in blue.databases[:2]:
        database.kill()
    wait_until(lambda: "frozen" in one.appctl("show"), 30, "frozen")
    status, text = blue.control.try_ctl("segment-add", "s1", 6001, timeout=3)
    assert status and text
    wires = Wires(blue)
    wires["ph1"].send(BROADCAST, src="02:00:00:00:03:01")
    wires.close()
    wait_until(lambda: "02:00:00:00:03:01" in shown(one),
               what="a MAC learned while frozen")
    # An order is carried out, and it is said what it is worth.
    standby = standby_of(one)
    for verb in "drain", "undrain":
        assert "will not know of it" in one.appctl(f"edge/{verb}", standby)
    for database in blue.databases[:2]:
        database.start()
    wait_until(lambda: "frozen" not in one.appctl("show"), 30, "back")
    segment(blue, 2)
    assert not ping.stop()


@TWO
def test_schema_with_another_column(blue, tmp_path):
    """Controllers of this version work with the schema of the next."""
    with open(SCHEMA, encoding="utf-8") as stream:
        schema = json.load(stream)
    schema["version"] = "1000.0.0"
    schema["tables"]["Edge"]["columns"]["of_the_next"] = {"type": "string"}
    read = ["ovsdb-client", "dump", "-f", "csv", blue.kakehashi_db,
            "Kakehashi", "Edge", "name", "of_the_next"]
    write = json.dumps(["Kakehashi", {
        "op": "update", "table": "Edge", "where": [],
        "row": {"of_the_next": "unknown here"}}])
    path = tmp_path / "next.ovsschema"
    path.write_text(json.dumps(schema))
    speak(blue)
    macs = known(blue)
    ping = lasting_ping(blue)
    blue.control.run("ovsdb-client", "convert", blue.kakehashi_db, str(path))
    segment(blue, 1)

    # What the next version writes stays, whoever else writes the row.
    blue.control.run("ovsdb-client", "transact", blue.kakehashi_db, write)
    one = led(blue)
    one.kill()
    wait_until(lambda: leader(blue) not in (None, one), 20, "another leads")
    led(blue)
    segment(blue, 2)
    assert blue.control.output(*read).count("unknown here") == 3
    assert macs.items() <= known(blue).items()
    assert not ping.stop()
    assert "1000.0.0" in blue.control.output(
        "ovsdb-client", "get-schema-version", blue.kakehashi_db, "Kakehashi")
