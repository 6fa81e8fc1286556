# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the file of the database before a server opens it."""

import json
import os
import subprocess

import pytest

from ctldb import ROOT, SCHEMA

PROGRAM = os.path.join(ROOT, "packaging", "kakehashi-db")


def tool(*command):
    return subprocess.run(["ovsdb-tool", *command], text=True, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.strip()


def prepare(db, schema=SCHEMA):
    """Run it; what it says."""
    return subprocess.run([PROGRAM, db, schema], text=True, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def contents(db):
    with open(db, encoding="utf-8") as f:
        return f.read()


@pytest.fixture(name="db")
def fixture_db(tmp_path):
    return str(tmp_path / "kakehashi.db")


@pytest.fixture(name="other")
def fixture_other(tmp_path):
    """Makes a schema of another version, which has one more column."""
    def make(version):
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        schema["version"] = version
        schema.pop("cksum", None)
        schema["tables"]["Segment"]["columns"]["news"] = {"type": "string"}
        path = str(tmp_path / f"{version}.ovsschema")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(schema, f)
        return path
    return make


def test_created_once(db):
    assert "creating it" in prepare(db)
    before = contents(db)
    assert prepare(db) == ""
    assert contents(db) == before


def test_older_is_converted(db, other):
    tool("create", db, other("0.9.0"))
    tool("transact", db, json.dumps(["Kakehashi", {
        "op": "insert", "table": "Segment",
        "row": {"name": "blue", "vni": 5001}}]))
    before = contents(db)
    assert "converting it from schema 0.9.0" in prepare(db)
    assert tool("db-version", db) == tool("schema-version", SCHEMA)
    assert contents(f"{db}.backup-0.9.0") == before
    assert "blue" in tool("query", db, json.dumps(["Kakehashi", {
        "op": "select", "table": "Segment", "where": []}]))


def test_newer_stays(db, other):
    # Not by the alphabet.
    tool("create", db, other("10.0.0"))
    before = contents(db)
    assert "it stays as it is" in prepare(db)
    assert contents(db) == before


def test_member_of_a_cluster_stays(db, other):
    tool("create-cluster", db, other("0.9.0"), "tcp:127.0.0.1:6644")
    before = contents(db)
    assert prepare(db) == ""
    assert contents(db) == before


def test_what_is_no_database_stays(db):
    with open(db, "w", encoding="utf-8") as f:
        f.write("precious\n")
    with pytest.raises(subprocess.CalledProcessError):
        prepare(db)
    assert contents(db) == "precious\n"
