# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The configuration as a file, and what was changed in it.

export, apply, history and rollback of kakehashi-ctl, against a real
ovsdb-server, with and without its daemon.
"""

import csv
import io
import json
import os
import re
import subprocess

import pytest

from ctldb import SCHEMA, Database, on_terminal

# What no verb sets, on top of CONFIG.
DETAILS = """
    set Kakehashi_Global . options:learn_rate=500
    set Segment blue mac_limit=7 mac_aging=9 options:unknown_unicast=drop
    set Segment red external_ids:owner="a\\ b's"
    set Edge h1 bfd_ports:e1=see1 bfd_ports:e2=see2 drained=true
    set Edge e2 other_config:certificate-cn=e2.example.org
    set Edge e1 external_ids:a=b
    set Cluster west failover=preemptive other_config:holddown=50
    set Cluster west isolation=fence external_ids:a=b
    set Binding west/eth1/10 options:bum_in_pps=5 external_ids:a=b
    set Host_Port h1/vm1 external_ids:a=b
    set Vtep blue/192.0.2.9 external_ids:a=b
    set Static_Mac blue/02:00:00:00:00:01 external_ids:a=b
"""


def write(db, text):
    path = os.path.join(db.dir, "config")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def put(db, text):
    """Applies 'text', and returns the difference."""
    return db.ok("--yes apply", write(db, text))


def uuids(db):
    return {(table, uuid): None
            for table in ["Segment", "Edge", "Cluster", "Binding",
                          "Host_Port", "Vtep", "Static_Mac"]
            for uuid in db.ok(f"--bare --columns=_uuid list {table}").split()}


def history(db):
    return json.loads(db.ok("--format=json history"))


# ---- export and apply -------------------------------------------------------

def detail(db):
    for line in DETAILS.strip().splitlines():
        words = re.split(r"(?<!\\) ", line.strip())
        db.ok("", *[word.replace("\\ ", " ") for word in words])


def test_export_and_apply(configured):
    """What is exported is all, and is the same when it is applied."""
    detail(configured)
    text = configured.ok("export")
    before = configured.dump()
    assert put(configured, text) == ""
    assert configured.dump() == before
    other = Database()
    try:
        assert put(other, text).count("\n") == 17
        assert other.ok("export") == text
        assert put(other, text) == ""
        # It can be run by a shell, too.
        configured.ok("--yes apply", write(configured, ""))
        script = "".join(f"$CTL {line}\n" for line in text.splitlines())
        subprocess.run(["sh", "-e", "-c", script], check=True, env=dict(
            os.environ, CTL=" ".join(configured.command())))
        assert configured.ok("export") == text
    finally:
        other.close()


def test_every_column_is_exported(configured):
    """All that no controller writes.  Who adds a column to the schema adds it
    to DETAILS, or to what the verbs say."""
    said = {"name", "vni", "datapath_id", "tunnel_ip", "edges", "segment",
            "cluster", "port", "vlan", "edge", "ip", "mac", "binding",
            "host_port", "vtep"}
    detail(configured)
    configured.ok("init")
    text = configured.ok("export")
    with open(SCHEMA, encoding="utf-8") as f:
        tables = json.load(f)["tables"]
    for table in ["Segment", "Edge", "Cluster", "Binding", "Host_Port", "Vtep",
                  "Static_Mac"]:
        state = set(re.findall(r"\w+", configured.ok(
            f"get RBAC_Permission {table} update"))) - {"drained"}
        for column in set(tables[table]["columns"]) - state - said:
            assert re.search(rf"^set {table} .*\b{column}=", text, re.M), (
                table, column)


def test_apply_writes_only_what_differs(configured):
    before = uuids(configured)
    text = configured.ok("export").replace(
        "segment-add red 200", "segment-add red 201").replace(
        "vtep-add blue 192.0.2.9", "vtep-add blue 192.0.2.10").replace(
        "blue 02:00:00:00:00:03 192.0.2.9", "blue 02:00:00:00:00:03 "
        "192.0.2.10") + "segment-add green 300 mac_limit=5\n"
    assert put(configured, text) == """\
+ segment green: mac_limit 5, vni 300
~ segment red: vni 200 -> 201
+ vtep blue/192.0.2.10
- vtep blue/192.0.2.9
~ mac blue/02:00:00:00:00:03: vtep blue/192.0.2.9 -> blue/192.0.2.10
"""
    after = uuids(configured)
    assert len(before.keys() - after.keys()) == 1       # The old VTEP.
    assert len(after.keys() - before.keys()) == 2       # The new rows.
    assert configured.ok("get Segment red vni") == "201\n"


def test_spelling_is_no_difference(configured):
    """Rows that were written by hand mean the same in another spelling."""
    text = configured.ok("export")
    for table, old, new in [("Edge", {"name": "h1"},
                             {"tunnel_ip": "2001:DB8:0::1",
                              "datapath_id": "0xa"}),
                            ("Edge", {"name": "e1"}, {"tunnel_port": ""}),
                            ("Static_Mac", {"mac": "02:00:00:00:00:01"},
                             {"mac": "2:0:0:0:0:1"})]:
        configured.transact({"op": "update", "table": table, "row": new,
                             "where": [[k, "==", v] for k, v in old.items()]})
    edges = [["map", [[2, ["uuid", configured.ok(
        f"--bare --columns=_uuid list Edge {e}").strip()]], [5, ["uuid",
        configured.ok("--bare --columns=_uuid list Edge e2").strip()]]]]
             for e in ["e1"]][0]
    configured.transact({"op": "update", "table": "Cluster", "row": {
        "edges": edges}, "where": [["name", "==", "west"]]})
    assert put(configured, text) == ""
    assert put(configured, configured.ok("export")) == ""


def test_state_is_no_configuration(configured):
    text = configured.ok("export")
    configured.update("Edge", connected=True, error="bad", leader="c1",
                      status=["map", [["state", "synced"]]])
    configured.update("Cluster", error="bad", reason="elected",
                      active_since=5)
    configured.update("Binding", closed_until=5, closed_reason="loop")
    assert configured.ok("export") == text
    assert put(configured, text) == ""
    assert configured.ok("get Edge e1 connected") == "true\n"


def test_apply_leaves_how_the_database_is_reached(configured):
    configured.ok("--id=@c create Connection target=\"ptcp:0:127.0.0.1\"",
                  *"-- add Kakehashi_Global . connections @c".split())
    configured.ok("init")
    assert "Connection" not in configured.ok("export")
    assert put(configured, "").count("\n") == 16
    assert configured.ok("export") == ""
    assert configured.ok("--bare --columns=target list Connection")
    assert configured.ok("--bare --columns=name list RBAC_Role")


def test_file(db):
    """Blank lines, remarks, quotation marks, several commands in a line."""
    assert put(db, """
# A remark.
kakehashi-ctl segment-add s1 1   # Another.

  segment-add 's2' "2" -- segment-add s3 3
--may-exist segment-add s3 3
--id=@e create Edge name=e datapath_id='"0000000000000001"' \
tunnel_ip='"10.0.0.1"' -- create Cluster name=c 'edges={1=@e}'
set Segment s1 external_ids:x='"a b"'
segment-add gone 4
segment-del gone
""") == """\
+ segment s1: external_ids {x="a b"}, vni 1
+ segment s2: vni 2
+ segment s3: vni 3
+ edge e: datapath_id "0000000000000001", tunnel_ip "10.0.0.1"
+ cluster c: edges e
"""


@pytest.mark.parametrize("text,message", [
    ("\nsegment-add s 0\n", "config:2: VNI \"0\" is not"),
    ("segment-add s 1\nsegment-add s 1", "config:2: a segment named \"s\""),
    ("bind blue west eth1 1", "config:1: no segment named \"blue\""),
    ("segment-add blue 1\nsegment-del bleu", "(did you mean \"blue\"?)"),
    ("segmen-add s 1", "(did you mean \"segment-add\"?)"),
    ("segment-add 's 1", "config:1: a quotation mark is missing"),
    ("show", "\"show\" is no command that configures something"),
    ("init", "\"init\" is no command"),
    ("rollback", "\"rollback\" is no command"),
    ("apply x", "\"apply\" is no command"),
    ("--frob segment-add s 1", "config:1: 'segment-add' command has no"),
    ("create Cluster name=c edges:1=@e", "\"@e\" is referenced but never"),
    ("edge-add e1 1 10.0.0.1\nedge-add e2 2 10.0.0.2\nsegment-add s 1\n"
     "cluster-add a e1 e2\ncluster-add b e2\nbind s a eth1 1\n"
     "bind s b eth1 1", "config:7: cannot bind segment \"s\" to VLAN 1"),
    ("segment-add a 1\nsegment-add b 2\nset Segment b vni=1",
     "segment b: vni 1 is the vni of segment a"),
    ("segment-add a 1\nsegment-add b 2\nset Segment b name=a",
     "segment a is there twice"),
])
def test_file_with_errors(steady, text, message):
    assert message in steady.fail("--yes apply", write(steady, text))


@pytest.mark.parametrize("words,message", [
    (["apply", "/nosuch/file", "--yes"], "/nosuch/file: No such file"),
    (["apply", "/", "--yes"], "/: Is a directory"),
    (["apply"], "'apply' command requires at least 1 arguments"),
    (["apply", "/dev/null"], "no terminal to ask on"),
    (["rollback"], "no terminal to ask on"),
    (["rollback", "100"], "no terminal to ask on"),
    (["rollback", "1000"], "\"1000\" is not a number from 1 to 100"),
    (["rollback", "0"], "\"0\" is not a number from 1 to 100"),
    (["rollback", "x"], "\"x\" is not a number from 1 to 100"),
    (["rollback", "0", "--yes"], "\"0\" is not a number from 1 to 100"),
    (["rollback", "x", "--yes"], "\"x\" is not a number from 1 to 100"),
    (["rollback", "99", "--yes"], "rollback 99: only one change"),
    (["rollback", "--", "show"], "no other commands"),
])
def test_refused(steady, words, message):
    assert message in steady.fail("", *words)


def test_apply_of_stdin(db):
    def apply(*options):
        return subprocess.run(
            db.command("apply", "-", *options), input="segment-add s 1\n",
            text=True, capture_output=True, check=False, timeout=20)
    assert "no terminal" in apply().stderr
    assert apply("--dry-run").stdout == ("+ segment s: vni 1\n"
                                         "flows: no change on any edge\n")
    assert db.ok("export") == ""
    assert apply("--yes").stdout == "+ segment s: vni 1\n"
    assert db.ok("get Segment s vni") == "1\n"


def test_apply_asks(db):
    path = write(db, "segment-add s 1\n")
    out, status = on_terminal(db, 80, "--color=never", "apply", path,
                              answer="n\n")
    assert status == 1
    assert "+ segment s: vni 1\n" in out and "nothing is changed" in out
    assert "[y/N]" in out
    assert db.ok("export") == ""
    out, status = on_terminal(db, 80, "apply", path, answer="y\n")
    assert status == 0, out
    assert "\033[32m+ segment s: vni 1\033[0m\n" in out
    assert out.count("segment s") == 1
    assert db.ok("export") == "segment-add s 1\n"
    # There is nothing to ask about.
    assert on_terminal(db, 80, "apply", path) == ("", 0)
    out, status = on_terminal(db, 80, "rollback", answer="yes\n")
    assert (db.ok("export"), status) == ("", 0)


def test_what_was_agreed_to_is_what_is_done(db):
    """Somebody else makes a change while the user looks at the question."""
    def interfere():
        db.ok("segment-add other 2")
    path = write(db, "segment-add s 1\n")
    out, status = on_terminal(db, 80, "apply", path, answer="y\n",
                              on_question=interfere)
    assert status == 1
    assert "the database has changed meanwhile" in out
    assert db.ok("export") == "segment-add other 2\n"


def test_commands_by_key(configured):
    """Rows without a name are found by what they are about."""
    configured.ok("set Binding west/eth1/10 options:bum_in_pps=5")
    assert configured.ok("get Binding west/eth1/10 options:bum_in_pps") == (
        '"5"\n')
    assert configured.ok("--bare --columns=port list Host_Port h1/vm1") == (
        "vm1\n")
    assert "west/eth1/12" in configured.fail("get Binding west/eth1/12 port")
    for bad in ["west/eth1", "/", "west/eth1/10/1", "west/eth1/x"]:
        assert configured.fail("get Binding " + bad + " port")


# ---- history and rollback ---------------------------------------------------

def test_history(db):
    assert db.ok("history") == ""
    db.ok("segment-add s 1 mac_limit=5")
    db.ok("--may-exist segment-add s 1")        # Changes nothing,
    db.ok("init -- sync")                       # nor do these.
    db.ok("--dry-run segment-del s")
    assert db.fail("segment-del t")
    db.ok("--cascade --if-exists segment-del s -- segment-add t 2")
    second, first = history(db)
    assert (second["back"], first["back"]) == (1, 2)
    assert (second["number"], first["number"]) == (2, 1)
    assert first["command"] == "segment-add s 1 mac_limit=5"
    assert sorted(second["command"].split()) == sorted(
        "--cascade --if-exists segment-del s -- segment-add t 2".split())
    table = list(csv.DictReader(io.StringIO(db.ok("-f csv history"))))
    assert list(table[0]) == ["back", "time", "who", "command", "rows"]
    assert [(row["back"], row["who"], row["command"], row["rows"])
            for row in table] == [(str(h["back"]), h["who"], h["command"],
                                   str(h["rows"])) for h in (second, first)]
    assert re.fullmatch(r".+@.+", first["who"])
    assert first["who"] == second["who"]
    assert 0 <= second["time"] - first["time"] < 60000
    assert [c["new"] for c in first["changes"]] == ["s"]
    text = re.sub(r"\d{4}-\S+ \S+ UTC, [^:]*", "WHEN, WHO", db.ok("history"))
    assert text.splitlines()[1:3] == ["    - segment s: mac_limit 5, vni 1",
                                      "    + segment t: vni 2"]
    assert text.splitlines()[3:] == [
        "2: WHEN, WHO: segment-add s 1 mac_limit=5",
        "    + segment s: mac_limit 5, vni 1"]


CHANGES = [
    "segment-add s 1 mac_limit=5 -- bind s e3 eth2 5",
    "--cascade segment-del blue",
    "--cascade edge-del e1",
    "--cascade cluster-del west",
    "unbind red e3 eth1 0",
    "set Segment blue name=azure vni=7 -- set Edge e1 name=east",
    "set Segment blue name=x -- set Segment red name=blue -- "
    "set Segment x name=red",
    "unbind red west eth1 11 -- bind blue west eth1 11",
    "bind red h1 eth9 5",
    "mac-del blue 02:00:00:00:00:01 -- "
    "mac-add blue 02:00:00:00:00:01 192.0.2.9",
    "segment-del red --cascade -- segment-add red 200",
    "set Edge e1 drained=true -- clear Edge e2 peer_port",
    "set Kakehashi_Global . options:learn_rate=5",
    "add Segment blue external_ids a=b",
    "vtep-add red 2001:DB8::5 -- mac-add red 2:0:0:0:0:9 2001:db8::5",
    "--all destroy Static_Mac",
    "cluster-add back e2 e1",
]


@pytest.mark.parametrize("change", CHANGES)
def test_rollback(configured, change):
    """Back, and forth again, and both at once."""
    before = configured.ok("export")
    change = change.replace("segment-del red --cascade",
                            "--cascade segment-del red")
    configured.ok(change)
    after = configured.ok("export")
    assert after != before
    there = configured.ok("--yes rollback")
    assert configured.ok("export") == before
    assert history(configured)[0]["command"] == "rollback"
    back = configured.ok("--yes rollback")
    assert configured.ok("export") == after
    assert there.count("\n") == back.count("\n")
    assert configured.ok("--yes rollback 2") == ""
    assert configured.ok("export") == after
    configured.ok("--yes rollback 3")
    assert configured.ok("export") == before


def test_rollback_of_everything(configured):
    """N changes back is what there was before them."""
    states = [configured.ok("export")]
    for change in ["segment-add s 1", "bind s west eth2 5",
                   "mac-add s 02:00:00:00:00:09 west/eth2/5",
                   "set Segment s name=t", "--cascade cluster-del west",
                   "--cascade segment-del t", "segment-add s 3"]:
        configured.ok(change)
        states.append(configured.ok("export"))
    # There and back are two changes more each time.
    for n, more in [(3, 0), (7, 2), (1, 4)]:
        there = configured.ok(f"--dry-run rollback {n + more}")
        assert configured.ok("export") == states[-1]
        rows, flows, _ = there.partition("flows")
        assert configured.ok(f"rollback {n + more} --yes") == rows
        assert flows
        assert configured.ok("export") == states[-1 - n]
        configured.ok("--yes rollback")
        assert configured.ok("export") == states[-1]


CONFLICTS = [
    ("segment-add s 1", [("Segment", "s", {"vni": 9})],
     "segment s has changed since: vni is another"),
    ("segment-add s 1", [("Segment", "s", {"name": "t"})],
     "segment s is there no more"),
    ("set Segment blue mac_limit=5", [("Segment", "blue", {"mac_limit": 6})],
     "segment blue has changed since: mac_limit is another"),
    ("--cascade segment-del red", [("Segment", "blue", {"name": "red"})],
     "segment red exists again"),
]


@pytest.mark.parametrize("change,others,message", CONFLICTS)
def test_rollback_of_what_has_changed_since(configured, change, others,
                                            message):
    configured.ok(change)
    for table, name, row in others:
        configured.transact({"op": "update", "table": table, "row": row,
                             "where": [["name", "==", name]]})
    said = configured.fail("--yes rollback")
    assert said.startswith(f"cannot undo change 1 ({change}): ")
    assert message in said


def test_other_columns_may_have_changed_since(configured):
    configured.ok("set Segment blue mac_limit=5")
    configured.update("Segment", mac_aging=7)
    configured.ok("--yes rollback")
    assert configured.ok("get Segment blue mac_limit mac_aging") == "[]\n7\n"


def test_rollback_of_what_others_need(configured):
    """Rows that were written by hand may refer to what is to go."""
    configured.ok("segment-add s 1")
    uuid = configured.ok("--bare --columns=_uuid list Segment s").strip()
    configured.transact({"op": "insert", "table": "Vtep", "row": {
        "segment": ["uuid", uuid], "ip": "192.0.2.1"}})
    assert 'segment "s"' in configured.fail("--yes rollback")


def test_rollback_does_not_make_loops(configured):
    configured.ok("unbind red west eth1 11")
    where = {name: ["uuid", configured.ok(
        f"--bare --columns=_uuid list {table} {name}").strip()]
             for table, name in [("Edge", "e2"), ("Segment", "blue")]}
    configured.transact(
        {"op": "insert", "table": "Cluster", "uuid-name": "c", "row": {
            "name": "other", "edges": ["map", [[1, where["e2"]]]]}},
        {"op": "insert", "table": "Binding", "row": {
            "segment": where["blue"], "cluster": ["named-uuid", "c"],
            "port": "eth1", "vlan": 11}})
    assert 'cannot bind segment "red" to VLAN 11' in configured.fail(
        "--yes rollback")


def test_history_does_not_grow(db):
    words = []
    for i in range(1, 121):
        db.ok(f"segment-add s{i} {i}")
    rows = history(db)
    assert [row["number"] for row in rows] == list(range(120, 20, -1))
    db.ok("--yes rollback 100")
    assert db.ok("export").count("\n") == 20
    # A change that is too large for it, and what comes then.
    for i in range(1000, 1030):
        words += ["--", "segment-add", f"s{i}", str(i)]
    db.ok("", *words[1:], "--", "set", "Segment", "s1000",
          "external_ids:x=" + "x" * 100000)
    assert db.ok("history").splitlines()[0].endswith("...")
    text = write(db, "".join(
        f"segment-add s{i} {i}\nset Segment s{i} external_ids:x={'x' * 4000}\n"
        for i in range(1, 1100)))
    db.ok("--yes apply", text)
    assert "too much to be remembered" in db.ok("history")
    assert "too large to be remembered" in db.fail("--yes rollback")
    assert len(history(db)) == 100


def test_database_without_history(tmp_path):
    """An older schema."""
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    del schema["tables"]["History"]
    path = tmp_path / "schema"
    path.write_text(json.dumps(schema))
    db = Database(str(path))
    try:
        db.run("segment-add", "s", "1")
        assert db.run("export").stdout == "segment-add s 1\n"
        assert db.run("history").stdout == ""
        assert "no change is remembered" in db.run("--yes",
                                                   "rollback").stderr
    finally:
        db.close()


def test_history_that_makes_no_sense(configured):
    """Anybody may write the database."""
    configured.ok("segment-add s 1")
    for changes in ["", "x", "{}", "[5]", "[{}]", '[{"table":"Nosuch"}]',
                    '[{"table":"Segment","new":"s"}]',
                    '[{"table":"Segment","new":5,"to":{}}]',
                    '[{"table":"Segment","old":"a","from":{"vni":"x"}}]',
                    '[{"table":"Binding","old":"a/b/1","from":'
                    '{"cluster":[5],"segment":["nosuch"]}}]']:
        configured.update("History", changes=changes)
        configured.ok("history")
        configured.ok("--format=json history")
        assert configured.fail("--yes rollback").startswith("cannot undo")
