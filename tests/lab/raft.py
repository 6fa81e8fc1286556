# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The database as a RAFT cluster: command lines, and what servers say."""

import json
import re


def schema_name(schema):
    with open(schema, encoding="utf-8") as stream:
        return json.load(stream)["name"]


def create(database, schema, addresses, number, election_ms=1000):
    """The command that makes the file of server 'number' of a cluster.

    The first server makes the cluster, the others join it.
    """
    if number == 0:
        return ["ovsdb-tool", f"--election-timer={election_ms}",
                "create-cluster", database, schema, addresses[0]]
    return ["ovsdb-tool", "join-cluster", database, schema_name(schema),
            addresses[number], *addresses[:number]]


def parse_status(text):
    """(role, whether it has a leader) from "cluster/status"."""
    role = re.search(r"^Role: (\w+)", text, re.M)
    leader = re.search(r"^Leader: (\w+)", text, re.M)
    joined = re.search(r"^Status: cluster member", text, re.M)
    return (role[1] if role else None,
            bool(joined and leader and leader[1] != "unknown"))
