# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-ctl against a real ovsdb-server.

No controller runs here and nothing needs root.  Where the tool waits for the
controller, the test plays the controller with ovsdb-client.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from ctldb import CONFIG, CTL, SCHEMA, Database, Gate, Waiting, \
    on_terminal, seqs, wait_for_cfg_seq

# Where the tool's own connection to the database is what is tested.
ALONE = pytest.mark.parametrize("db", [False], indirect=True, ids=["alone"])


# ---- What the verbs make ----------------------------------------------------

def test_init_is_idempotent(db):
    assert db.ok("init") == ""
    first = db.ok("--bare --columns=_uuid list Kakehashi_Global")
    db.ok("init")
    assert db.ok("--bare --columns=_uuid list Kakehashi_Global") == first


def test_init_makes_the_role_of_controllers(db):
    """And makes it anew if it is not what it should be, but not otherwise."""
    db.ok("init")
    before = db.dump()

    def may_update(table):
        return set(re.findall(r"\w+", db.ok(
            f"get RBAC_Permission {table} update")))
    assert may_update("Binding") == {"closed_reason", "closed_until",
                                     "error"}
    assert may_update("Edge") == {"connected", "controllers", "drained",
                                  "error", "leader", "status"}
    n = len(db.ok("--bare --columns=table list RBAC_Permission").split())
    db.ok("init")
    assert db.dump() == before
    db.ok("add RBAC_Permission Binding update port")
    db.ok("init")
    assert may_update("Binding") == {"closed_reason", "closed_until",
                                     "error"}
    assert db.ok("--bare --columns=name list RBAC_Role").split() == [
        "kakehashi-controller"]
    assert len(db.ok("--bare --columns=table list RBAC_Permission").split()) \
        == n


def test_init_without_roles(tmp_path):
    """With the schema of the first version."""
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    schema["version"] = "1.1.0"
    for table in "RBAC_Role", "RBAC_Permission":
        del schema["tables"][table]
    del schema["tables"]["Connection"]["columns"]["role"]
    path = tmp_path / "old.ovsschema"
    path.write_text(json.dumps(schema))
    old = Database(schema=str(path))
    try:
        result = old.run("init")
        assert result.returncode == 0, result.stderr
        assert old.run("segment-add", "blue", "1").returncode == 0
    finally:
        old.close()


def test_other_commands_need_no_init(db):
    assert db.ok("show") == ""
    assert db.ok("--bare --columns=cfg_seq list Kakehashi_Global") == "0\n"


def test_lists(steady):
    assert steady.rows("edge") == [
        ["e1", "0000000000000001", "10.0.0.1", "genev0", "peer0", False],
        ["e2", "0000000000000002", "10.0.0.2", "genev0", "peer0", False],
        ["e3", "0000000000000003", "10.0.0.3", "genev0", None, False],
        ["h1", "000000000000000a", "2001:db8::1", "gnv1", None, False]]
    assert steady.rows("cluster") == [["e3", "e3", None, None],
                                      ["west", "e1, e2", None, None]]
    assert steady.rows("segment") == [["blue", 100, None, None],
                                      ["red", 200, None, None]]
    assert steady.rows("binding") == [["blue", "west", "eth1", 10],
                                      ["red", "e3", "eth1", 0],
                                      ["red", "west", "eth1", 11]]
    assert steady.rows("vtep") == [["blue", "192.0.2.9"]]
    assert steady.rows("host-port") == [["blue", "h1", "vm1"]]
    assert steady.rows("mac") == [
        ["blue", "02:00:00:00:00:01", "west/eth1/10"],
        ["blue", "02:00:00:00:00:02", "h1/vm1"],
        ["blue", "02:00:00:00:00:03", "192.0.2.9"]]


def test_lists_of_one_segment(steady):
    assert steady.rows("binding", "blue") == [["blue", "west", "eth1", 10]]
    for verb in ["vtep", "host-port", "mac"]:
        assert steady.rows(verb, "blue")
        assert not steady.rows(verb, "red")
        assert '"nosuch"' in steady.fail(verb + "-list nosuch")


def test_list_is_an_aligned_table(steady):
    assert steady.ok("segment-list") == (
        "name vni mac_limit mac_aging error\n"
        "---- --- --------- --------- -----\n"
        "blue 100\n"
        "red  200\n")


def test_lists_are_in_natural_order(db):
    db.apply("""
        edge-add e1 1 10.0.0.1
        segment-add s 1
        bind s e1 eth1 100
        bind s e1 eth1 9
        bind s e1 eth1 1000
        bind s e1 eth1 20
        vtep-add s 10.0.1.100
        vtep-add s 10.0.1.9
        vtep-add s 2001:db8::1""")
    assert [row[3] for row in db.rows("binding")] == [9, 20, 100, 1000]
    assert [row[1] for row in db.rows("vtep")] == [
        "10.0.1.9", "10.0.1.100", "2001:db8::1"]


def test_values_become_canonical(db):
    db.apply("""
        edge-add e1 0xABC 2001:DB8:0:0::1
        edge-add e2 00:00:00:00:00:00:00:Ab ::ffff:10.0.0.2
        segment-add s 0xFf mac_limit=10 mac_aging=20
        vtep-add s 2001:0db8::2
        mac-add s A:0:0:0:0:Bc 2001:db8:0::2""")
    assert [row[1:3] for row in db.rows("edge")] == [
        ["0000000000000abc", "2001:db8::1"], ["00000000000000ab", "10.0.0.2"]]
    assert db.rows("segment") == [["s", 255, 10, 20]]
    assert db.rows("mac") == [["s", "0a:00:00:00:00:bc", "2001:db8::2"]]


def test_segment_that_learns_vteps(configured):
    configured.apply("""
        segment-add open 301 vtep_limit=5 learn_vteps=true
        --may-exist segment-add open 301 learn_vteps=true
        --may-exist segment-add blue 100 learn_vteps=false vtep_limit=32""")
    assert """\
segment open
    vni: 301
    learn_vteps: true
    vtep_limit: 5
""" in configured.ok("show")


def test_storm_control(configured):
    """Options are set, compared and shown."""
    configured.apply("""
        segment-add quiet 300 unknown_unicast=drop
        bind quiet e3 eth1 7 bum_in_pps=100 bum_out_kbps=2000
        bind quiet west eth1 7 bum_in_kbps=1 bpdu=guard loop_probe=5
        --may-exist bind quiet west eth1 7 bpdu=guard
        --may-exist segment-add quiet 300 unknown_unicast=drop
        --may-exist segment-add quiet 300
        --may-exist bind quiet e3 eth1 7 bum_in_pps=100
        --may-exist bind quiet e3 eth1 7""")
    assert """\
segment quiet
    vni: 300
    unknown_unicast: drop
    binding e3/eth1/7: VLAN 7, VNI 300, active on none
        bum_in_pps: 100
        bum_out_kbps: 2000
    binding west/eth1/7: VLAN 7, VNI 300, active on none
        bpdu: guard
        bum_in_kbps: 1
        loop_probe: 5
""" in configured.ok("show")


def test_show(configured):
    def set_errors():
        for table in ["Segment", "Binding", "Host_Port", "Vtep", "Static_Mac",
                      "Cluster", "Edge"]:
            configured.update(table, error="bad " + table)

    uuid = configured.ok("--bare --columns=_uuid list Edge e2").strip()
    configured.transact({"op": "update", "table": "Cluster",
                         "where": [["name", "==", "west"]],
                         "row": {"active_edge": ["uuid", uuid],
                                 "active_since": 1000000000123,
                                 "reason": "only one"}})
    configured.transact({"op": "update", "table": "Edge",
                         "where": [["name", "==", "e2"]],
                         "row": {"connected": True,
                                 "status": ["map", [
                                     ["state", "synced"],
                                     ["narrow", "h1: 1450 bytes"]]]}})
    set_errors()
    assert configured.ok("show") == """\
cluster e3
    edges: e3
    active: none
    error: bad Cluster
cluster west
    edges: e1, e2
    active: e2, since 2001-09-09 01:46:40 UTC (only one)
    error: bad Cluster
segment blue
    vni: 100
    error: bad Segment
    binding west/eth1/10: VLAN 10, VNI 100, active on e2
        error: bad Binding
    host port h1/vm1
        error: bad Host_Port
    vtep 192.0.2.9
        error: bad Vtep
    mac 02:00:00:00:00:01 at west/eth1/10
        error: bad Static_Mac
    mac 02:00:00:00:00:02 at h1/vm1
        error: bad Static_Mac
    mac 02:00:00:00:00:03 at 192.0.2.9
        error: bad Static_Mac
segment red
    vni: 200
    error: bad Segment
    binding e3/eth1/0: untagged, VNI 200, active on none
        error: bad Binding
    binding west/eth1/11: VLAN 11, VNI 200, active on e2
        error: bad Binding
edge e1
    datapath_id: 0000000000000001
    tunnel_ip: 10.0.0.1
    tunnel_port: genev0
    peer_port: peer0
    connected: false
    error: bad Edge
edge e2
    datapath_id: 0000000000000002
    tunnel_ip: 10.0.0.2
    tunnel_port: genev0
    peer_port: peer0
    connected: true
    status:
        state: synced
    warning: MTU: frames of full size do not get to h1: 1450 bytes
    error: bad Edge
edge e3
    datapath_id: 0000000000000003
    tunnel_ip: 10.0.0.3
    tunnel_port: genev0
    connected: false
    error: bad Edge
edge h1
    datapath_id: 000000000000000a
    tunnel_ip: 2001:db8::1
    tunnel_port: gnv1
    connected: false
    error: bad Edge
"""


def start_controller(db, **answers):
    """What the tool asks a controller on this machine for: answers to
    commands, with an underscore for the slash, or functions of their
    arguments that give them."""
    path = os.path.join(db.dir, f"kakehashi.{os.getpid()}.ctl")
    with open(os.path.join(db.dir, "kakehashi.pid"), "w",
              encoding="ascii") as f:
        f.write(f"{os.getpid()}\n")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        while True:
            client, _ = listener.accept()
            ask = json.loads(client.recv(65536))
            answer = answers[ask["method"].replace("/", "_")]
            if callable(answer):
                answer = answer(*ask["params"])
            answer = json.dumps(answer)
            client.sendall(json.dumps({"id": ask["id"], "error": None,
                                       "result": answer}).encode())
            client.close()
    threading.Thread(target=serve, daemon=True).start()


COUNTS = [{"name": "blue", "macs": 5, "places": [
    {"location": "west/eth1/10", "macs": 1, "in_bps": 999500,
     "out_bps": 12345},
    {"location": "h1/vm1", "macs": 3, "in_bps": 999, "out_bps": 9940000000}, {"location": "192.0.2.9", "macs": 1}]},
          {"name": "red", "macs": 0, "places": []}]


def test_show_counts_of_a_controller(configured):
    """How many MACs there are, and how much traffic, is known by a controller
    only."""
    note = "(no controller of this database runs here: "
    assert on_terminal(configured, 80, "show")[0].startswith(note)
    start_controller(configured, show={
        "database": {"remote": configured.remote}, "segments": COUNTS})
    assert note not in on_terminal(configured, 80, "show")[0]
    out = configured.ok("show")
    for line in ["    vni: 100, 5 MACs\n", "active on none, 1 MAC, "
                 "in 1.0 Mbit/s, out 12 kbit/s\n",
                 "    host port h1/vm1, 3 MACs, in 999 bit/s, "
                 "out 9.9 Gbit/s\n",
                 "    vtep 192.0.2.9, 1 MAC\n", "    vni: 200, 0 MACs\n",
                 "    binding west/eth1/11: VLAN 11, VNI 200, active on none\n"
                 ]:
        assert line in out, line
    start = configured.ok("--format=csv show").splitlines()
    assert start[0] == "segment,vni,cluster,port,vlan,active,macs,in_bps," \
        "out_bps,error"
    assert start[1] == "blue,100,west,eth1,10,,1,999500,12345,"


def test_show_counts_of_one_of_several(configured):
    """A controller takes the servers in an order of its own, and does not know
    what others lead."""
    red = {"name": "red", "macs": None, "leader": "c2", "led": False,
           "places": [{"location": "west/eth1/11", "macs": None}]}
    start_controller(configured, show={
        "database": {"remote": f"{configured.remote},unix:/no,unix:/where"},
        "segments": [COUNTS[0], red]})
    servers = f"unix:/where,{configured.remote},unix:/no"
    assert "MAC" not in configured.ok(f"--db={configured.remote} show",
                                      alone=True)
    out = configured.ok(f"--db={servers} show", alone=True)
    assert "    vni: 100, 5 MACs\n" in out
    assert "    vni: 200\n" in out
    assert "binding west/eth1/11: VLAN 11, VNI 200, active on none\n" in out
    data = json.loads(configured.ok(f"--db={servers} --format=json show",
                                    alone=True))
    assert [s["macs"] for s in data["segments"]] == [5, None]


def test_show_tells_times(configured):
    configured.ok("set Edge e1 status:leader_since=1000000000000 "
                  "status:x_since=long")
    out = configured.ok("show")
    assert "        leader_since: 2001-09-09 01:46:40 UTC\n" in out
    assert "        x_since: long\n" in out


def test_show_of_a_controller_that_is_no_more(configured):
    with open(os.path.join(configured.dir, "kakehashi.pid"), "w",
              encoding="ascii") as f:
        f.write("123456789\n")
    assert "MAC" not in configured.ok("show")


def test_show_as_data(steady):
    data = json.loads(steady.ok("--format=json show"))
    assert [c["name"] for c in data["clusters"]] == ["e3", "west"]
    assert data["clusters"][1]["edges"] == ["e1", "e2"]
    blue, red = data["segments"]
    assert (blue["name"], blue["vni"], blue["macs"]) == ("blue", 100, None)
    assert [b["location"] for b in red["bindings"]] == ["e3/eth1/0",
                                                        "west/eth1/11"]
    assert blue["bindings"][0]["vlan"] == 10
    assert blue["host_ports"][0]["location"] == "h1/vm1"
    assert blue["vteps"][0]["location"] == "192.0.2.9"
    assert [m["location"] for m in blue["static_macs"]] == [
        "west/eth1/10", "h1/vm1", "192.0.2.9"]
    assert data["edges"][3]["tunnel_port"] == "gnv1"
    assert steady.ok("--format=table show").splitlines()[2].split() == [
        "blue", "100", "west", "eth1", "10"]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_show_on_a_terminal(configured, columns):
    error = " ".join(["this is a long story"] * 9)
    configured.update("Binding", error=error)
    out, status = on_terminal(configured, columns, "show")
    assert status == 0
    assert "\033[1msegment blue\033[0m\n" in out
    assert "\033[31mactive: none\033[0m\n" in out
    # Behind a note, on stderr, that there is no controller.
    plain = re.sub("\033\\[[0-9]*m", "", out).partition("\n")[2]
    assert max(map(len, plain.splitlines())) <= columns
    assert error in re.sub(r"\s+", " ", plain)
    # Nothing that can be copied is torn.
    for word in ["west/eth1/10:", "0000000000000001", "02:00:00:00:00:01"]:
        assert word in plain


def test_colors(steady):
    """They are for terminals, unless one says so."""
    assert "\033" in on_terminal(steady, 80, "show")[0]
    assert "\033" not in on_terminal(steady, 80, "show", NO_COLOR="1")[0]
    assert "\033" not in on_terminal(steady, 80, "--color=never", "show")[0]
    assert "\033" not in steady.ok("show")
    assert "\033" not in steady.ok("--color=auto show")
    assert "\033" in steady.ok("--color=always show")
    assert "\033" in on_terminal(steady, 80, "--color=always", "show",
                                 NO_COLOR="1")[0]
    assert steady.fail("--color=red show") == (
        "--color=red: must be auto, always or never")


# ---- What is allowed --------------------------------------------------------

@pytest.mark.parametrize("command", [
    pytest.param("bind red west eth2 10", id="the VLAN on another trunk"),
    pytest.param("bind red e3 eth1 10", id="the VLAN on another edge"),
    pytest.param("bind blue west eth1 12", id="two VLANs of a trunk"),
    pytest.param("bind blue west eth1 4094", id="the last VLAN"),
    pytest.param("bind blue west eth1 0", id="untagged beside tagged"),
    pytest.param("bind blue h1 eth1 5", id="trunk on an edge with host port"),
    pytest.param("vtep-add red 192.0.2.9", id="a VTEP in two segments"),
    pytest.param("host-port-add red e3 vm1", id="the port of another edge"),
    pytest.param("host-port-add red h1 eth1", id="the trunk of another edge"),
    pytest.param("segment-add max 16777215", id="the last VNI"),
    pytest.param("cluster-add back e2 e1", id="an edge in two clusters"),
    pytest.param("cluster-add h1 h1", id="a cluster with its edge's name"),
    pytest.param("mac-add red 02:00:00:00:00:01 west/eth1/11",
                 id="a MAC in two segments"),
])
def test_allowed(steady, command):
    steady.ok("--dry-run " + command)


# ---- What is refused --------------------------------------------------------

REFUSED = [
    # Numbers and addresses.
    ("segment-add s 0", 'VNI "0" is not a number from 1 to 16777215'),
    ("segment-add s 16777216", 'VNI "16777216"'),
    ("segment-add s 0x1000000", 'VNI "0x1000000"'),
    ("segment-add s 0x", 'VNI "0x"'),
    ("segment-add s -1", 'VNI "-1"'),
    ("segment-add s 99999999999999999999", 'VNI "99999999999999999999"'),
    ("segment-add s 1x", 'VNI "1x"'),
    ("segment-add s 010", 'VNI "010"'),
    ("segment-add s 1 mac_limit=0", 'mac_limit "0"'),
    ("segment-add s 1 mac_limit=1048577", 'mac_limit "1048577"'),
    ("segment-add s 1 mac_aging=65536", 'mac_aging "65536"'),
    ("segment-add s 1 mac_aging=", 'mac_aging ""'),
    ("segment-add s 1 unknown_unicast=no", '"no" is neither flood nor drop'),
    ("segment-add s 1 learn_vteps=1", '"1" is neither true nor false'),
    ("segment-add s 1 vtep_limit=1001", 'vtep_limit "1001"'),
    ("bind blue west eth1 12 bum_in_pps=0", 'bum_in_pps "0" is not a number '),
    ("bind blue west eth1 12 bum_in_kbps=100000001", "from 1 to 100000000"),
    ("bind blue west eth1 12 bum_out_pps=-1", 'bum_out_pps "-1"'),
    ("bind blue west eth1 12 bum_out_kbps=", 'bum_out_kbps ""'),
    ("bind blue west eth1 12 bum_in_pps=1 bum_in_kbps=1",
     "bum_in_pps and bum_in_kbps exclude each other"),
    ("bind blue west eth1 12 bum_out_kbps=1 bum_out_pps=1",
     "bum_out_pps and bum_out_kbps exclude each other"),
    ("bind blue west eth1 12 bpdu=yes", '"yes" is none of drop, guard and f'),
    ("bind blue west eth1 12 loop_probe=0", 'loop_probe "0" is not a number '),
    ("bind blue west eth1 12 loop_probe=3601", "from 1 to 3600"),
    ("bind blue west eth1 12 bum_pps=1", 'unexpected argument "bum_pps=1"'),
    ("bind blue west eth1 12 bum_in_pps=1 bum_in_pps=2", "is given twice"),
    ("bind blue west eth1 4095", 'VLAN "4095" is not a number from 0 to 4094'),
    ("bind blue west eth1 -1", 'VLAN "-1"'),
    ("bind blue west eth1 ten", 'VLAN "ten"'),
    ("unbind blue west eth1 ten", 'VLAN "ten"'),
    ("edge-add x 0 10.0.0.9", 'datapath ID "0": must not be zero'),
    ("edge-add x xyz 10.0.0.9", 'datapath ID "xyz"'),
    ("edge-add x 12345678901234567 10.0.0.9", '"12345678901234567"'),
    ("edge-add x 9 10.0.0.300", 'IP address "10.0.0.300"'),
    ("edge-add x 9 0.0.0.0", 'IP address "0.0.0.0"'),
    ("edge-add x 9 127.0.0.1", 'IP address "127.0.0.1": must not be a loop'),
    ("edge-add x 9 224.0.0.1", 'IP address "224.0.0.1": must not be a multi'),
    ("edge-add x 9 255.255.255.255", "must not be the broadcast address"),
    ("edge-add x 9 ff02::1", 'IP address "ff02::1": must not be a multicast'),
    ("vtep-add blue ::1", 'IP address "::1": must not be a loopback address'),
    ("vtep-del blue nonsense", 'IP address "nonsense"'),
    ("mac-add blue ff:ff:ff:ff:ff:ff west/eth1/10", "must not be a group"),
    ("mac-add blue 00:00:00:00:00:00 west/eth1/10", "must not be zero"),
    ("mac-add blue 02:00:00:00:00 west/eth1/10", '"02:00:00:00:00"'),
    # Names.
    ("segment-add a/b 1", 'name "a/b": must not contain "/"'),
    ("segment-add a=b 1", 'name "a=b"'),
    ("bind blue west 1234567890123456 1", '"1234567890123456": must not be l'),
    ("host-port-add blue h1 a/b", 'port name "a/b"'),
    ("edge-add x 9 10.0.0.9 tunnel_port=a/b", 'port name "a/b"'),
    ("edge-add x 9 10.0.0.9 peer_port=", 'port name "": must not be empty'),
    # Settings.
    ("segment-add s 1 mac_limits=1", 'unexpected argument "mac_limits=1"'),
    ("segment-add s 1 mac_limit=1 mac_limit=2", "mac_limit is given twice"),
    ("segment-add s 1 x", 'unexpected argument "x"'),
    ("edge-add x 9 10.0.0.9 peer=p", "(expected tunnel_port=... or peer_por"),
    ("edge-add x 9 10.0.0.9 peer_port=genev0", "cannot be both the tunnel"),
    ("cluster-add c e1 failover=maybe", 'failover "maybe"'),
    ("cluster-add c failover=preemptive", 'cluster "c" needs at least one'),
    # What is not there.
    ("bind nosuch west eth1 1", 'no segment named "nosuch"'),
    ("bind blue nosuch eth1 1", 'no cluster or edge named "nosuch"'),
    ("cluster-add c e1 nosuch", 'no edge named "nosuch"'),
    ("vtep-add nosuch 192.0.2.1", 'no segment named "nosuch"'),
    ("host-port-add nosuch h1 vm2", 'no segment named "nosuch"'),
    ("host-port-add blue nosuch vm2", 'no edge named "nosuch"'),
    ("edge-del nosuch", 'no edge named "nosuch"'),
    ("cluster-del nosuch", 'no cluster named "nosuch"'),
    ("segment-del nosuch", 'no segment named "nosuch"'),
    ("unbind blue west eth1 12", '"blue" is not bound to west/eth1/12'),
    ("unbind nosuch west eth1 10", 'no segment named "nosuch"'),
    ("unbind blue nosuch eth1 10", 'no cluster or edge named "nosuch"'),
    ("unbind red west eth1 10", 'bound to segment "blue" and not to "red"'),
    ("vtep-del blue 192.0.2.8", 'segment "blue" has no VTEP "192.0.2.8"'),
    ("host-port-del blue h1 vm2", 'port "vm2" of edge "h1" is not an access'),
    ("host-port-del red h1 vm1", 'is not an access port of segment "red"'),
    ("mac-del blue 02:00:00:00:00:09", 'no static MAC "02:00:00:00:00:09"'),
    # What is there already.
    ("edge-add e1 9 10.0.0.9", 'an edge named "e1" exists already'),
    ("edge-add x 0x1 10.0.0.9", 'datapath ID "0000000000000001" is that of'),
    ("edge-add x 9 10.0.0.1", '"10.0.0.1" is the tunnel IP of edge "e1"'),
    ("edge-add x 9 192.0.2.9", '"192.0.2.9" is a VTEP of segment "blue"'),
    ("edge-add west 9 10.0.0.9", 'name "west" is that of a cluster'),
    ("cluster-add west e3", 'a cluster named "west" exists already'),
    ("cluster-add e1 e2", 'name "e1" is that of an edge'),
    ("cluster-add c e1 e1", 'edge "e1" is given twice'),
    ("segment-add blue 1", 'a segment named "blue" exists already'),
    ("segment-add s 100", 'VNI "100" is that of segment "blue" already'),
    ("vtep-add blue 192.0.2.9", 'segment "blue" has VTEP "192.0.2.9" already'),
    ("vtep-add blue 10.0.0.1", 'tunnel IP of edge "e1", which the controller'),
    ("vtep-add blue 2001:DB8::1", 'tunnel IP of edge "h1"'),
    ("host-port-add blue h1 vm1", 'access port of segment "blue" already'),
    ("host-port-add red h1 vm1", 'access port of segment "blue" already'),
    ("mac-add blue 02:00:00:00:00:01 h1/vm1", "already, at west/eth1/10"),
    # Two networks that would meet.
    ("bind blue west eth1 10", "is bound to west/eth1/10 already"),
    ("bind red west eth1 10",
     'cannot bind segment "red" to VLAN 10 of port "eth1" through cluster '
     '"west": edge "e1" has it bound to segment "blue" already, through '
     'cluster "west"'),
    ("cluster-add c e3 e2 -- bind red c eth1 10",
     'through cluster "c": edge "e2" has it bound to segment "blue"'),
    ("cluster-add c e3 e2 -- bind blue c eth1 10",
     'edge "e2" has it bound to segment "blue" already, through cluster "wes'),
    ("bind red e1 eth1 10", 'edge "e1" has it bound to segment "blue" alre'),
    ("bind blue west eth2 7 -- bind red west eth2 7",
     'edge "e1" has it bound to segment "blue" already, through cluster "west"'),
    ("bind blue e1 eth2 7 -- bind blue west eth2 7",
     'edge "e1" has it bound to segment "blue" already, through cluster "e1"'),
    ("bind red e3 eth1 10 -- cluster-add c e3 e2 -- bind blue c eth1 10",
     'through cluster "c": edge "e2" has it bound to segment "blue" already, '
     'through cluster "west"; edge "e3" has it bound to segment "red" already,'
     ' through cluster "e3"'),
    ("bind blue h1 vm1 0", '"vm1" of edge "h1" is an access port of segment'),
    ("bind blue h1 vm1 7", '"vm1" of edge "h1" is an access port of segment'),
    ("host-port-add blue e1 eth1", 'port "eth1" of edge "e1" is a trunk'),
    ("host-port-add red e3 eth1", 'port "eth1" of edge "e3" is a trunk'),
    ("bind blue west genev0 1", '"genev0" is the tunnel port of edge "e1"'),
    ("bind blue west peer0 1", 'port "peer0" is the peer port of edge "e1"'),
    ("host-port-add blue h1 gnv1", '"gnv1" is the tunnel port of edge "h1"'),
    ("host-port-add blue e1 peer0", '"peer0" is the peer port of edge "e1"'),
    # Locations.
    ("mac-add red 02:00:00:00:00:09 west/eth1/10",
     '"west/eth1/10" is one of segment "blue" and not of "red"'),
    ("mac-add red 02:00:00:00:00:09 h1/vm1", 'is one of segment "blue"'),
    ("mac-add red 02:00:00:00:00:09 192.0.2.9", '"red" has no binding, host'),
    ("mac-add blue 02:00:00:00:00:09 west/eth1/99", '"west/eth1/99"'),
    ("mac-add blue 02:00:00:00:00:09 west/eth1/x", 'VLAN "x"'),
    ("mac-add blue 02:00:00:00:00:09 h1/vm9", 'or VTEP "h1/vm9"'),
    ("mac-add blue 02:00:00:00:00:09 a/b/c/d", 'location "a/b/c/d" is none'),
    ("mac-add blue 02:00:00:00:00:09 10.0.0.1", 'or VTEP "10.0.0.1"'),
    # What is needed by other rows.
    ("edge-del e1", 'edge "e1" is needed by 1 cluster (west): remove these'),
    ("edge-del h1", "1 host port (h1/vm1), 1 static MAC (02:00:00:00:00:02)"),
    ("edge-del e3", "1 cluster (e3), 1 binding (e3/eth1/0)"),
    ("cluster-del west", "2 bindings (west/eth1/10, west/eth1/11), 1 static "),
    ("segment-del blue", "1 binding (west/eth1/10), 1 host port (h1/vm1), "
     "1 VTEP (192.0.2.9), 3 static MACs"),
    ("unbind blue west eth1 10", "binding west/eth1/10 is needed by 1 static"),
    ("vtep-del blue 192.0.2.9", "VTEP 192.0.2.9 is needed by 1 static MAC"),
    ("host-port-del blue h1 vm1", "host port h1/vm1 is needed by 1 static"),
    ("unbind blue west eth1 10", "use --cascade to remove them too"),
    # The same with attributes that differ.
    ("--may-exist edge-add e1 2 10.0.0.1",
     'edge "e1" exists already, but its datapath ID is "0000000000000001" '
     'and not "0000000000000002"'),
    ("--may-exist edge-add e1 1 10.0.0.9", 'its tunnel IP is "10.0.0.1" and'),
    ("--may-exist edge-add e1 1 10.0.0.1 tunnel_port=g", "its tunnel_port is"),
    ("--may-exist edge-add e3 3 10.0.0.3 peer_port=p", 'its peer_port is ""'),
    ("--may-exist cluster-add west e2 e1", 'its list of edges is "e1, e2" a'),
    ("--may-exist cluster-add west e1 e2 failover=preemptive",
     'its failover is "nonpreemptive" and not "preemptive"'),
    ("--may-exist segment-add blue 101", 'its VNI is "100" and not "101"'),
    ("--may-exist segment-add blue 100 mac_limit=5", 'its mac_limit is "the '),
    ("--may-exist segment-add blue 100 mac_aging=5", 'its mac_aging is "the '),
    ("--may-exist segment-add blue 100 unknown_unicast=drop",
     'its unknown_unicast is "flood" and not "drop"'),
    ("--may-exist segment-add blue 100 learn_vteps=true",
     'its learn_vteps is "false" and not "true"'),
    ("--may-exist segment-add blue 100 vtep_limit=5",
     'its vtep_limit is "32" and not "5"'),
    ("--may-exist bind blue west eth1 10 bum_in_pps=5",
     'binding "west/eth1/10" exists already, but its bum_in_pps is "the def'),
    ("--may-exist bind blue west eth1 10 bpdu=guard", 'its bpdu is "the def'),
    ("--may-exist bind red west eth1 10", 'bound to segment "blue" already'),
    ("--may-exist host-port-add red h1 vm1", 'of segment "blue" already'),
    ("--may-exist mac-add blue 02:00:00:00:00:01 192.0.2.9",
     "already, at west/eth1/10"),
    # What the library's parts refuse.
    ("frobnicate", "unknown command 'frobnicate'"),
    # Did you mean?
    ("segmen-add s 1", 'for help (did you mean "segment-add"?)'),
    ("hsow", 'for help (did you mean "show"?)'),
    ("bind bleu west eth1 1", 'named "bleu" (did you mean "blue"?)'),
    ("bind blue wets eth1 1", 'named "wets" (did you mean "west"?)'),
    ("cluster-add c E1", 'named "E1" (did you mean "e1"?)'),
    ("cluster-del wst", 'named "wst" (did you mean "west"?)'),
    ("unbind blue wets eth1 10", 'named "wets" (did you mean "west"?)'),
    ("list Sgment", 'unknown table "Sgment" (did you mean "Segment"?)'),
    ("get Segment blue vnii", 'matches "vnii" (did you mean "vni"?)'),
    ("--columns=nmae list Edge", 'matches "nmae" (did you mean "name"?)'),
    ("set Segment bleu vni=1", 'in table Segment (did you mean "blue"?)'),
    ("segment-add s 1 mac_limt=5", '"mac_limt=5" (did you mean "mac_limit"?)'),
    ("set Segment blue options:unknown_unicats=drop",
     'reads "unknown_unicats" in column options of table Segment (did you '
     'mean "unknown_unicast"?)'),
    ("set Cluster west other_config:hold-down=5", 'mean "holddown"?'),
    ("set Segment blue options={vtep_limit=3,learn-vtep=true}",
     'reads "learn-vtep" in column options of table Segment (did you mean '
     '"learn_vteps"?)'),
    ("add Segment blue options unknown_unicst=drop", '"unknown_unicast"?'),
    ("segment-add s", "'segment-add' command requires at least 2 arguments"),
    ("--wait=later show", "--wait=later: must be none, ctl or edges"),
    ("unbind blue west ethl 10", '(did you mean "west/eth1/10"?)'),
    ("mac-add blue 02:00:00:00:00:09 wst/eth1/10",
     '(did you mean "west/eth1/10"?)'),
    ("mac-add blue 02:00:00:00:00:09 h/vm1", '(did you mean "h1/vm1"?)'),
    ("host-port-del blue h1 vm", '(did you mean "h1/vm1"?)'),
    ("--timeout=0 show", "value 0 on -t or --timeout is invalid"),
    ("--may-exist --may-exist segment-add s 1", "specified multiple times"),
]


@pytest.mark.parametrize("command,message", REFUSED,
                         ids=[command for command, _ in REFUSED])
def test_refused(steady, command, message):
    assert message in steady.fail(command)


@pytest.mark.parametrize("command,message", [
    row for row in REFUSED if "has it bound" in row[1]
    or "is bound to" in row[1]], ids=lambda text: text)
def test_dry_run_refuses_what_makes_a_loop(steady, command, message):
    """With the same words, whichever command of several it is."""
    told = steady.fail(command)
    assert message in told
    assert steady.fail("--dry-run " + command) == told


def test_no_other_vlan_is_meant(steady):
    assert "did you mean" not in steady.fail("unbind blue west eth1 12")


@pytest.mark.parametrize("command,message", [
    ("set Segment blue vni=200", "segment blue: vni 200 is the vni of segment "
     "red"),
    ("set Segment blue name=red", "segment blue: name red is the name of "
     "segment red"),
    ("create Segment name=red vni=7", "segment red is there already"),
    ("set Edge e2 datapath_id=0000000000000001", "edge e2: datapath_id "
     "0000000000000001 is the datapath_id of edge e1"),
    ("set Cluster west name=e3", "cluster west: name e3 is the name of "
     "cluster e3"),
    ("bind blue west eth1 12 -- set Binding west/eth1/11 vlan=12",
     "binding west/eth1/12 is there already"),
    ("set Binding west/eth1/11 vlan=10", "binding west/eth1/11: cluster, port "
     "and vlan (west/eth1/10) are those of binding west/eth1/10"),
    ("segment-add a 1 -- segment-add b 2 -- set Segment b vni=1",
     "segment b: vni 1 is the vni of segment a"),
    # By index.
    (" -- ".join(f"segment-add s{i} {300 + i}" for i in range(40))
     + " -- set Segment s39 vni=200",
     "segment s39: vni 200 is the vni of segment red"),
], ids=lambda text: text[-40:])
def test_what_is_unique(steady, command, message):
    """Also after the generic commands, before anything is sent."""
    for dry in "", "--dry-run ":
        assert steady.fail(dry + command) == message


def test_what_is_unique_only_afterwards(configured):
    configured.ok("set Segment blue vni=200 -- set Segment red vni=100")
    assert configured.rows("segment") == [["blue", 200, None, None],
                                          ["red", 100, None, None]]


def test_what_is_unique_is_what_the_schema_says():
    """The rows of a table are told by its first index."""
    with open(SCHEMA, encoding="utf-8") as f:
        tables = json.load(f)["tables"]
    assert {name: table["indexes"] for name, table in tables.items()
            if "indexes" in table and not re.match(
                "Controller|Kakehashi|History|Connection|RBAC_", name)} == {
        "Segment": [["name"], ["vni"]],
        "Edge": [["name"], ["datapath_id"]],
        "Cluster": [["name"]],
        "Binding": [["cluster", "port", "vlan"]],
        "Host_Port": [["edge", "port"]],
        "Vtep": [["segment", "ip"]],
        "Static_Mac": [["segment", "mac"]]}


@pytest.mark.parametrize("words,status", [
    (["show"], 0),
    (["--may-exist", "segment-add", "blue", "100"], 0),
    (["frobnicate"], 1),
    (["--frobnicate", "show"], 1),
    (["segment-add", "s"], 1),
    (["segment-add", "s", "0"], 1),
    (["get", "Segment", "nosuch", "vni"], 1),
    (["--timeout=1", "wait-until", "Segment", "nosuch"], 1),
    (["--timeout=0", "show"], 1),
])
def test_exit_status(steady, words, status):
    assert steady.run(*words).returncode == status


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "\x7f"])
def test_invisible_names_are_refused(steady, name):
    assert "must not" in steady.fail("segment-add", name, "1")
    assert "must not" in steady.fail("bind blue west", name, "1")


def test_too_many_edges(db):
    for i in range(1, 10):
        db.ok(f"edge-add e{i} {i} 10.0.0.{i}")
    edges = [f"e{i}" for i in range(1, 10)]
    assert 'edge "e9" is one too many' in db.fail("cluster-add c", *edges)
    db.ok("cluster-add c", *edges[:8])
    assert db.rows("cluster") == [["c", ", ".join(edges[:8]), None, None]]


def test_error_in_any_command_changes_nothing(steady):
    steady.fail("segment-add green 300 -- bind green west eth1 10")
    steady.fail("bind blue west eth1 4095 -- segment-add green 300")


def test_later_commands_see_earlier_ones(db):
    db.apply("""
        edge-add e1 1 10.0.0.1
        segment-add s 1
        bind s e1 eth1 5
        --cascade segment-del s
        segment-add t 1
        bind t e1 eth1 5
        mac-add t 02:00:00:00:00:01 e1/eth1/5""")
    assert db.rows("mac") == [["t", "02:00:00:00:00:01", "e1/eth1/5"]]
    assert db.rows("segment") == [["t", 1, None, None]]


def test_many_commands(db):
    """As many as it takes to look for rows by index."""
    lines = ["edge-add e1 1 10.0.0.1"]
    for i in range(40):
        lines += [f"segment-add s{i} {i + 1}", f"bind s{i} e1 eth{i % 2} {i}"]
    lines += [f"--cascade segment-del s{i}" for i in range(0, 40, 2)]
    lines += ["bind s1 e1 eth0 0", "bind s1 e1 eth0 2"]
    db.apply("\n".join(lines))
    assert len(db.rows("segment")) == 20
    assert db.rows("binding", "s1") == [["s1", "e1", "eth0", 0],
                                        ["s1", "e1", "eth0", 2],
                                        ["s1", "e1", "eth1", 1]]
    words = " -- ".join([f"--may-exist segment-add s{i} {i + 1}"
                         for i in range(40)] + ["bind s2 e1 eth0 2"])
    assert 'has it bound to segment "s1" already' in db.fail(words)


def test_conflicts_with_rows_written_by_hand(configured):
    """Rows in another spelling are compared by what they mean."""
    configured.ok('set Edge e1 datapath_id=0xABC tunnel_ip="2001:DB8::0:9"')
    assert "is that of edge" in configured.fail("edge-add x abc 10.0.0.9")
    assert "is the tunnel IP" in configured.fail("edge-add x 9 2001:db8::9")
    assert "which the contr" in configured.fail("vtep-add red 2001:db8::9")
    configured.ok("--may-exist edge-add e1 abc 2001:db8::9")
    # A tunnel port that is not given is the default one.
    configured.ok('set Edge e3 tunnel_port=""')
    assert "is the tunnel port" in configured.fail("bind blue e3 genev0 9")
    assert configured.rows("edge")[2][3] == "genev0"


# ---- --may-exist, --if-exists, --cascade ------------------------------------

def test_may_exist(steady):
    before = steady.dump()
    for line in CONFIG.strip().splitlines():
        steady.ok("--may-exist " + line.strip())
    # Settings that are not given are not compared.
    steady.ok("--may-exist edge-add e1 0x1 10.0.0.1")
    steady.ok("--may-exist edge-add h1 0xA 2001:db8::0:1")
    steady.ok("--may-exist cluster-add west e1 e2 failover=nonpreemptive")
    assert steady.dump().replace("\n", "") == before.replace("\n", "")


def test_if_exists(steady):
    for command in ["edge-del x", "cluster-del x", "segment-del x",
                    "unbind x west eth1 10", "unbind blue x eth1 10",
                    "unbind red west eth1 10", "unbind blue west eth1 99",
                    "vtep-del x 192.0.2.9", "vtep-del blue 192.0.2.8",
                    "host-port-del blue x vm1", "host-port-del red h1 vm1",
                    "mac-del x 02:00:00:00:00:01",
                    "mac-del blue 02:00:00:00:00:09"]:
        before = steady.dump()
        steady.ok("--if-exists " + command)
        assert steady.dump() == before


def test_del_in_order(configured):
    configured.apply("""
        mac-del blue 02:00:00:00:00:01
        mac-del blue 2:0:0:0:0:2
        mac-del blue 02:00:00:00:00:03
        host-port-del blue h1 vm1
        vtep-del blue 192.0.2.9
        unbind red e3 eth1 0
        unbind red west eth1 11
        unbind blue west eth1 10
        segment-del red
        segment-del blue
        cluster-del west
        edge-del h1
        edge-del e3
        edge-del e2
        edge-del e1""")
    assert configured.ok("show") == ""


NOUNS = ["edge", "cluster", "segment", "binding", "vtep", "host-port", "mac"]


@pytest.mark.parametrize("command,left", [
    ("segment-del blue", [4, 2, 1, 2, 0, 0, 0]),
    ("segment-del red", [4, 1, 1, 1, 1, 1, 3]),
    ("cluster-del west", [4, 1, 2, 1, 1, 1, 2]),
    ("edge-del e1", [3, 2, 2, 3, 1, 1, 3]),
    ("edge-del e1 -- --cascade edge-del e2", [2, 1, 2, 1, 1, 1, 2]),
    ("edge-del h1", [3, 2, 2, 3, 1, 0, 2]),
    ("edge-del e3", [3, 1, 2, 2, 1, 1, 3]),
    ("unbind blue west eth1 10", [4, 2, 2, 2, 1, 1, 2]),
    ("vtep-del blue 192.0.2.9", [4, 2, 2, 3, 0, 1, 2]),
    ("host-port-del blue h1 vm1", [4, 2, 2, 3, 1, 0, 2]),
])
def test_cascade(configured, command, left):
    configured.ok("--cascade " + command)
    assert [len(configured.rows(noun)) for noun in NOUNS] == left


def test_cascade_keeps_the_order_of_edges(configured):
    configured.ok("cluster-add c e3 e1 e2 -- --cascade edge-del e1")
    assert configured.rows("cluster") == [["c", "e3, e2", None, None],
                                          ["e3", "e3", None, None],
                                          ["west", "e2", None, None]]


def test_many_dependants_are_counted(db):
    db.ok("edge-add e1 1 10.0.0.1 -- segment-add s 1")
    for vlan in range(5):
        db.ok(f"bind s e1 eth1 {vlan}")
    assert ("5 bindings (e1/eth1/0, e1/eth1/1, e1/eth1/2, ...)"
            in db.fail("segment-del s"))


# ---- The cluster that "bind" makes ------------------------------------------

def test_bind_to_edge_makes_cluster_and_unbind_removes_it(db):
    db.ok("edge-add e1 1 10.0.0.1 -- segment-add s 1")
    db.ok("bind s e1 eth1 5 -- bind s e1 eth1 6")
    assert db.rows("cluster") == [["e1", "e1", None, None]]
    db.ok("unbind s e1 eth1 5")
    assert db.rows("cluster") == [["e1", "e1", None, None]]
    db.ok("unbind s e1 eth1 6")
    assert db.rows("cluster") == []
    db.ok("edge-del e1")


def test_cluster_that_was_asked_for_stays(db):
    db.ok("edge-add e1 1 10.0.0.1 -- segment-add s 1 -- cluster-add e1 e1")
    db.ok("bind s e1 eth1 5")
    db.ok("unbind s e1 eth1 5")
    assert db.rows("cluster") == [["e1", "e1", None, None]]


def test_cluster_can_be_asked_for_later(db):
    db.ok("edge-add e1 1 10.0.0.1 -- segment-add s 1 -- bind s e1 eth1 5")
    db.ok("--may-exist cluster-add e1 e1")
    db.ok("unbind s e1 eth1 5")
    assert db.rows("cluster") == [["e1", "e1", None, None]]


# ---- Generic commands -------------------------------------------------------

def test_rows_by_name(steady):
    for table, record in [("Segment", "blue"), ("Segment", "100"),
                          ("Edge", "e1"), ("Edge", "0000000000000001"),
                          ("Cluster", "west"), ("Vtep", "192.0.2.9"),
                          ("Static_Mac", "02:00:00:00:00:01"),
                          ("Kakehashi_Global", ".")]:
        assert len(steady.ok(f"--bare --columns=_uuid list {table} {record}"
                             ).strip()) == 36
    assert 'no row "x" in table Segment' in steady.fail("list Segment x")


def test_generic_commands(configured):
    configured.ok("set Segment blue external_ids:owner=me mac_limit=5")
    assert configured.ok("get Segment blue external_ids:owner") == "me\n"
    assert configured.ok("--bare --columns=name find Segment mac_limit=5"
                         ) == "blue\n"
    configured.ok("remove Segment blue external_ids owner")
    configured.ok("clear Segment blue mac_limit")
    configured.ok("wait-until Segment blue mac_limit=[]")
    found = json.loads(configured.ok(
        "--format=json --columns=name,vni list Segment blue"))
    assert found == {"headings": ["name", "vni"], "data": [["blue", 100]]}
    configured.ok('--id=@c create Connection target="ptcp:6640" -- '
                  "set Kakehashi_Global . connections=@c")
    assert configured.ok("--bare --columns=target list Connection ptcp:6640"
                         ) == "ptcp:6640\n"
    assert ("6 remaining reference(s)"
            in configured.fail("destroy Segment blue"))
    configured.fail("set Segment blue vni=0")
    configured.fail("set Cluster west edges:9=@x -- --id=@y create Edge name=")


def test_oneline(steady):
    out = steady.ok("--oneline get Segment blue vni name -- segment-add s 1 "
                    "--", *"--dry-run show".split()[1:], "--", "comment")
    lines = out.splitlines()
    assert lines[0] == "100\\nblue"
    assert lines[1] == ""
    assert lines[2].startswith("cluster e3\\n    edges: e3\\n")
    assert lines[3] == ""
    steady.ok("segment-del s")


def told_flows(out):
    """How many flows a dry run adds, changes and deletes, by edge."""
    return {edge: tuple(map(int, counts)) for edge, *counts in re.findall(
        r"^flows of (\S+): (\d+) added, (\d+) changed, (\d+) deleted$", out,
        flags=re.M)}


def test_dry_run(steady):
    before = steady.dump()
    added = "+ segment s: vni 1\nflows: no change on any edge\n"
    assert steady.ok("--dry-run segment-add s 1") == added
    # There is nothing to wait for.
    assert steady.ok("--dry-run --wait=edges segment-add s 1") == added
    assert steady.ok("--dry-run segment-list").endswith("\n")
    assert steady.ok("--dry-run --may-exist segment-add blue 100") == ""
    assert steady.ok("--dry-run segment-add s 1 -- segment-del s") == ""
    assert steady.ok("--dry-run set Segment blue vni=5 -- "
                     "unbind red west eth1 11").partition("flows")[0] == (
        "~ segment blue: vni 100 -> 5\n- binding west/eth1/11: segment red\n")
    assert steady.dump() == before
    assert steady.fail("--dry-run segment-add blue 1")


@pytest.mark.parametrize("command,flows", [
    ("unbind red west eth1 11",
     {"e1": (0, 0, 8), "e2": (0, 0, 8), "e3": (0, 1, 4)}),
    ("mac-add blue 02:00:00:00:00:07 west/eth1/10",
     {"e1": (3, 0, 0), "e2": (3, 0, 0), "h1": (2, 0, 0)}),
    ("mac-del blue 02:00:00:00:00:01",
     {"e1": (0, 0, 3), "e2": (0, 0, 3), "h1": (0, 0, 2)}),
    ("vtep-add blue 192.0.2.7",
     {"e1": (1, 1, 0), "e2": (1, 1, 0), "h1": (1, 1, 0)}),
    # A bridge port and what comes in by it, on this edge alone.
    ("segment-add s 77 -- bind s e3 eth7 5", {"e3": (10, 0, 0)}),
    # The way to the others is that to another edge, whose gate opens.
    ("set Edge e1 drained=true",
     {"e1": (2, 0, 2), "e2": (2, 0, 2), "e3": (0, 1, 0), "h1": (0, 1, 0)}),
    # What is deleted and made anew is what it was.
    ("--if-exists mac-del blue 02:00:00:00:00:01 -- "
     "mac-add blue 02:00:00:00:00:01 west/eth1/10", None),
    ("set Edge e1 external_ids:x=y", {}),
    ("set Segment blue name=azul", {}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_dry_run_tells_flows(steady, command, flows):
    """Without a controller, so ports are assumed."""
    out = steady.ok("--dry-run " + command)
    assert told_flows(out) == (flows or {})
    assert ("flows: no change on any edge\n" in out) == (flows == {})
    assumed = ", ".join(flows or ())
    assert (f"the ports of {assumed} are assumed" in out) == bool(flows)


def test_dry_run_tells_whose_flows_are_missing(steady):
    def missing(command):
        return re.findall("^flows: missing some: (.*)$",
                          steady.ok("--dry-run " + command), re.M)
    assert missing("set Binding west/eth1/10 port=peer0") == [
        'binding west/peer0/10: port "peer0" of edge e1 is a tunnel port',
        "mac blue/02:00:00:00:00:01: location of static MAC is not in force"]
    assert missing("destroy Segment red") == [
        "binding e3/eth1/0: no such segment",
        "binding west/eth1/11: no such segment"]
    many = " -- ".join(f"bind blue e3 eth5 {i}" for i in range(12))
    told = missing(many + " -- set Edge e3 tunnel_port=eth5")
    assert len(told) == 11 and told[-1] == "2 more rows"


def test_dry_run_lists_flows(steady):
    out = steady.ok("--dry-run --flows vtep-add blue 192.0.2.7")
    lines = [line for line in out.splitlines() if line.startswith("    ")]
    assert len(lines) == 6
    assert sum(line.startswith("    + ") and "tun_src=192.0.2.7," in line
               for line in lines) == 3
    assert sum(line.startswith("    ~ ") and "192.0.2.7->tun_dst" in line
               for line in lines) == 3
    assert "    " not in steady.ok("--flows segment-add s 1")
    steady.ok("segment-del s")


# Two MACs in the VLAN, seen by the active edge, and one on the host.
LEARNED = [{"vni": 100, "mac": f"06:00:00:00:00:{n:02x}", "type": "dynamic",
            "location": location, "edges": [edge]}
           for n, (location, edge) in enumerate([
               ("west/eth1/10", "e1"), ("west/eth1/10", "e1"),
               ("h1/vm1", "h1")])]


@pytest.mark.parametrize("command,flows", [
    # The VLAN goes, and with it the edges' part of the segment.
    ("--cascade unbind blue west eth1 10",
     {"e1": (0, 5), "e2": (0, 3), "h1": (0, 2)}),
    ("--cascade host-port-del blue h1 vm1",
     {"e1": (0, 1), "e2": (0, 1), "h1": (0, 4)}),
    ("--cascade segment-del blue",
     {"e1": (0, 5), "e2": (0, 3), "h1": (0, 4)}),
    # Another edge gets the ways to all three.
    ("bind blue e3 eth2 5", {"e3": (3, 0)}),
    # They are what they were, or others.
    ("vtep-add blue 192.0.2.7", {}),
    ("unbind red west eth1 11", {}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_dry_run_foresees_learned_macs(configured, command, flows):
    """How many flows are added and deleted that would not be without them."""
    out = configured.ok("--dry-run " + command)
    without = told_flows(out)
    assert ("flows: what was learned is left out: there is no controller here "
            "that knows it\n" in out) == (not command.startswith("vtep"))
    start_controller(configured, edge_show=[], mac_show=LEARNED)
    out = configured.ok("--dry-run " + command)
    assert "left out" not in out
    assert flows == {
        edge: (added - without[edge][0], deleted - without[edge][2])
        for edge, (added, _, deleted) in told_flows(out).items()
        if (added, deleted) != without[edge][::2]}


def test_dry_run_with_more_macs_than_are_looked_at(configured):
    """Of all segments; then those that are named are looked at."""
    def mac_show(_, most, segment=None):
        if segment == "blue":
            return LEARNED
        n = int(most.split("=")[1]) if segment in (None, "red") else 0
        return [dict(LEARNED[0], vni=200,
                     mac=f"06:00:00:00:{n >> 8:02x}:{n & 255:02x}")
                for n in range(n)] or None

    left_out = ("flows: what was learned is left out: there are more than "
                "10000 MACs\n")
    without = configured.ok("--dry-run --cascade host-port-del blue h1 vm1")
    start_controller(configured, edge_show=[], mac_show=mac_show)
    assert left_out in configured.ok("--dry-run unbind red west eth1 11")
    assert left_out in configured.ok("--dry-run --cascade edge-del h1")
    out = configured.ok("--dry-run --cascade host-port-del blue h1 vm1")
    assert "left out" not in out
    assert told_flows(out)["h1"][2] == told_flows(without)["h1"][2] + 4
    # That touches none.
    assert "left out" not in configured.ok("--dry-run vtep-add red "
                                           "192.0.2.7")


def test_dry_run_of_an_edge(configured):
    """One that comes or goes has all its flows added or deleted."""
    gone = told_flows(configured.ok("--dry-run --cascade edge-del h1"))
    assert gone["h1"][:2] == (0, 0) and gone["h1"][2] > 20
    there = told_flows(configured.ok(
        "--dry-run edge-add e4 4 10.0.0.4 -- segment-add s 9 -- "
        "bind s e4 eth0 1"))
    assert list(there) == ["e4"]
    assert there["e4"][0] > 20 and there["e4"][1:] == (0, 0)
    # The second edge of a cluster takes over, and nobody leads to the first.
    west = told_flows(configured.ok("--dry-run --cascade edge-del e1"))
    assert set(west) == {"e1", "e2", "e3", "h1"}


def test_help_and_version(steady):
    help_text = steady.ok("--help")
    for word in ["edge-add", "--cascade", "--wait=edges", "ovsdb-tool create",
                 "ovsdb-server/add-db", "KAKEHASHI_DB"]:
        assert word in help_text
    assert help_text == steady.ok("-h")
    assert max(map(len, help_text.split("Database commands")[0].splitlines())
               ) < 80
    assert steady.ok("-V").startswith("kakehashi-ctl ")
    assert "DB Schema 1." in steady.ok("--version")


# ---- Reaching the database --------------------------------------------------

def check_failure(stderr, problem):
    """A line, without advice how to create a database: it is elsewhere."""
    assert stderr.startswith("kakehashi-ctl: ") and problem in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["init", "show", "segment-add s 1",
                                     "list Segment", "--wait=edges sync"])
def test_no_server(command):
    problem = ("unix:/nosuch/db.sock: database connection failed (No such "
               "file or directory)")

    def run(*options, **env):
        result = subprocess.run(
            [CTL, "--no-syslog", *options, *command.split()], text=True,
            capture_output=True, timeout=5, check=False,
            env={**os.environ, "KAKEHASHI_DB": "", "OVS_RUNDIR": "/nosuch",
                 **env})
        assert result.returncode == 1
        return result.stderr
    check_failure(run("--db=unix:/nosuch/db.sock"), problem)
    check_failure(run(KAKEHASHI_DB="unix:/nosuch/db.sock"), problem)
    advice = run()
    assert advice.startswith(f"kakehashi-ctl: {problem}\n")
    for word in ["ovsdb-tool create ", "kakehashi.ovsschema",
                 "ovs-appctl -t ovsdb-server ovsdb-server/add-db ",
                 "--remote=punix:", "KAKEHASHI_DB=unix:"]:
        assert word in advice


@ALONE
def test_server_is_down(configured):
    configured.stop()
    result = configured.run("init", timeout=5)
    assert result.returncode == 1
    check_failure(result.stderr, "database connection failed")
    configured.start()


def test_server_without_the_database():
    schema = {"name": "Other", "version": "1.0.0", "tables": {
        "T": {"columns": {"c": {"type": "integer"}}}}}
    with tempfile.NamedTemporaryFile("w", suffix=".ovsschema") as f:
        json.dump(schema, f)
        f.flush()
        other = Database(f.name)
    try:
        for command in ["init", "show", "segment-add s 1"]:
            result = other.run(*command.split(), timeout=5)
            assert result.returncode == 1
            check_failure(result.stderr,
                          'server does not serve the database "Kakehashi"')
        # The advice works.
        db = os.path.join(other.dir, "k")
        subprocess.run(["ovsdb-tool", "create", db, SCHEMA], check=True)
        subprocess.run(["ovs-appctl", "-t", os.path.join(other.dir, "ctl"),
                        "ovsdb-server/add-db", db], check=True)
        assert other.ok("init") == ""
    finally:
        other.close()


def test_first_server_that_has_the_database_will_do(steady):
    result = subprocess.run(
        [CTL, "--no-syslog", f"--db=unix:/nosuch/socket,{steady.remote}",
         "segment-list"], text=True, capture_output=True, check=False,
        timeout=10)
    assert result.returncode == 0 and "blue" in result.stdout


def test_silent_server():
    """Something listens but does not speak OVSDB."""
    directory = tempfile.mkdtemp(prefix="kkctl", dir="/tmp")
    path = os.path.join(directory, "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        result = subprocess.run(
            [CTL, "--no-syslog", "-t", "1", "--db=unix:" + path, "show"],
            text=True, capture_output=True, timeout=5, check=False)
    shutil.rmtree(directory)
    assert result.returncode == 1
    check_failure(result.stderr, "Connection timed out")


@ALONE
def test_retry(db):
    db.stop()
    timer = threading.Timer(1.5, db.start)
    timer.start()
    assert db.ok("--retry --timeout=20 init") == ""
    timer.join()


@ALONE
def test_retry_gives_up(db):
    db.stop()
    result = db.run("--retry", "--timeout=1", "init", timeout=5)
    assert result.returncode == 1
    assert result.stderr == ("kakehashi-ctl: timed out waiting for the "
                             "database server\n")
    db.start()


def test_db_from_environment(steady):
    for env, code in [({"KAKEHASHI_DB": steady.remote}, 0),
                      ({"KAKEHASHI_DB": "unix:/nosuch/socket"}, 1),
                      ({"KAKEHASHI_DB": "", "OVS_RUNDIR": "/nosuch"}, 1)]:
        result = subprocess.run([CTL, "--no-syslog", "show"], check=False,
                                env=dict(os.environ, **env), timeout=10,
                                text=True, capture_output=True)
        assert result.returncode == code
    assert "unix:/nosuch/db.sock: " in result.stderr


def test_timeout_from_environment(db):
    result = db.run("--wait=ctl", "segment-add", "s", "1", timeout=5,
                    OVS_CTL_TIMEOUT="1")
    assert result.returncode == 1 and "timed out" in result.stderr


# ---- Waiting ----------------------------------------------------------------

def test_every_change_counts(db):
    db.ok("init")
    start = seqs(db)[0]
    db.ok("segment-add s 1")
    db.ok("--may-exist segment-add s 1")
    db.ok("show")
    assert seqs(db)[0] == start + 1
    db.ok("set Segment s mac_limit=1")
    assert seqs(db)[0] == start + 2


@pytest.mark.parametrize("wait,column,other", [
    ("ctl", "ctl_seq", "edges_seq"), ("edges", "edges_seq", "ctl_seq")])
def test_wait(db, wait, column, other):
    db.ok("init")
    seq = seqs(db)[0] + 1
    tool = Waiting(db, f"--wait={wait} segment-add s 1")
    wait_for_cfg_seq(db, seq)
    db.update("Kakehashi_Global", **{other: seq + 5, column: seq - 1})
    assert tool.is_waiting()
    db.update("Kakehashi_Global", **{column: seq})
    assert tool.finish() == ""


def test_wait_for_a_change_that_was_made_before(db):
    """Nothing to change does not mean that the edges have it already."""
    db.ok("segment-add s 1")
    seq = seqs(db)[0]
    tool = Waiting(db, "--wait=edges --may-exist segment-add s 1")
    assert tool.is_waiting()
    db.update("Kakehashi_Global", edges_seq=seq)
    tool.finish()
    assert seqs(db)[0] == seq
    db.ok("--wait=edges --timeout=5 --may-exist segment-add s 1")


def test_sync(db):
    """Rows that were written without the tool are waited for too."""
    db.ok("init")
    seq = seqs(db)[0]
    db.update("Kakehashi_Global", ctl_seq=seq, edges_seq=seq)
    tool = Waiting(db, "--wait=edges sync")
    wait_for_cfg_seq(db, seq + 1)
    assert tool.is_waiting(0.1)
    db.update("Kakehashi_Global", edges_seq=seq + 1)
    tool.finish()
    # Without --wait, or with --no-wait, there is nothing to wait for.
    db.ok("sync")
    db.ok("--wait=edges --no-wait sync")
    db.ok("--wait=edges --wait=none sync")


def test_wait_outlives_the_server(db):
    db.ok("init")
    seq = seqs(db)[0] + 1
    tool = Waiting(db, "--wait=ctl segment-add s 1")
    wait_for_cfg_seq(db, seq)
    db.stop()
    assert tool.is_waiting()
    db.start()
    db.update("Kakehashi_Global", ctl_seq=seq)
    tool.finish()


def test_wait_times_out(db):
    result = db.run("--wait=edges", "-t", "1", "segment-add", "s", "1",
                    timeout=5)
    assert result.returncode == 1
    assert result.stderr == (
        "kakehashi-ctl: timed out waiting for the edges to confirm the change "
        "(is kakehashi running?)\n")
    # The change itself is made.
    assert db.rows("segment") == [["s", 1, None, None]]


def test_wait_tells_after_a_while(db):
    tool = Waiting(db, "--wait=ctl segment-add s 1")
    assert tool.is_waiting(5.3)
    db.update("Kakehashi_Global", ctl_seq=1)
    assert tool.finish() == ("kakehashi-ctl: still waiting for kakehashi to "
                             "read the change (is it running?)\n")


def test_wait_until(db):
    db.ok("segment-add s 1")
    tool = Waiting(db, "wait-until Segment s mac_limit=7")
    assert tool.is_waiting()
    db.ok("set Segment s mac_limit=7")
    tool.finish()


def test_tools_at_once_agree(db):
    """The schema cannot tell that two clusters share an edge.  Of two tools
    that have both found nothing against their change, one is told no."""
    db.ok("edge-add e1 1 10.0.0.1 -- edge-add e2 2 10.0.0.2 -- "
          "cluster-add a e1 e2 -- cluster-add b e2 e1 -- "
          "segment-add s1 1 -- segment-add s2 2")
    gate = Gate(db)
    gate.hold()
    tool = subprocess.Popen(
        [CTL, "--no-syslog", "--db=" + gate.remote, "bind", "s1", "a",
         "eth1", "5"], stderr=subprocess.PIPE, text=True)
    assert gate.is_holding.wait(10)
    db.ok("bind s2 b eth1 5")
    gate.release()
    _, stderr = tool.communicate(timeout=10)
    assert tool.returncode == 1
    assert 'has it bound to segment "s2" already' in stderr
    assert db.rows("binding") == [["s2", "b", "eth1", 5]]


def test_tools_at_once_both_succeed(db):
    """What does not exclude each other is made, the one after the other."""
    db.ok("init")
    gate = Gate(db)
    gate.hold()
    tool = subprocess.Popen(
        [CTL, "--no-syslog", "--db=" + gate.remote, "segment-add", "s1",
         "1"])
    assert gate.is_holding.wait(10)
    db.ok("segment-add s2 2")
    gate.release()
    assert tool.wait(10) == 0
    assert [row[0] for row in db.rows("segment")] == ["s1", "s2"]
    assert seqs(db)[0] == 3
