#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Markdown of the schema of the database: each table and each column.

    docs/schema.py

What the schema knows is types, constraints and references; who writes what is
known where controllers are given the right to (controller/kctl_role.c).  What
a column means is written by hand, in database.md.
"""

import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCHEMA = os.path.join(ROOT, "controller", "kakehashi.ovsschema")
ROLE = os.path.join(ROOT, "controller", "kctl_role.c")


def load():
    with open(SCHEMA, encoding="utf-8") as stream:
        return json.load(stream)


def written():
    """{table: columns} that controllers write."""
    with open(ROLE, encoding="utf-8") as stream:
        text = stream.read()
    rows = re.findall(r'\{ "(\w+)", (?:true|false), \{([^}]*)\} \}', text)
    return {table: set(re.findall(r'"(\w+)"', columns))
            for table, columns in rows}


def atom(spec):
    """What one value can be: a type with its limits, or a row."""
    if isinstance(spec, str):
        return spec
    if "refTable" in spec:
        table = spec["refTable"]
        weak = ", weak" if spec.get("refType") == "weak" else ""
        return f"[{table}](#{table.lower()}){weak}"
    if "enum" in spec:
        _, values = spec["enum"]
        return "one of " + ", ".join(f"`{value}`" for value in values)
    low, high = spec.get("minInteger"), spec.get("maxInteger")
    if low is not None and high is not None:
        return f"{spec['type']}, {low} to {high}"
    return spec["type"] + (f", at least {low}" if low is not None else "")


def kind(spec):
    """The type of a column."""
    if isinstance(spec, str):
        return spec
    low, high = spec.get("min", 1), spec.get("max", 1)
    text = atom(spec["key"])
    if "value" in spec:
        text += " → " + atom(spec["value"])
    if (low, high) == (1, 1):
        return text
    if (low, high) == (0, 1):
        return text + "; or none"
    return f"{text}; {low} to {'any number' if high == 'unlimited' else high}"


def table_page(name, table, ours):
    yield f"## {name}\n"
    facts = []
    if table.get("maxRows"):
        facts.append(f"At most {table['maxRows']} row.")
    facts += ["Unique: " + ", ".join(f"`{c}`" for c in index) + "."
              for index in table.get("indexes", [])]
    if not table.get("isRoot"):
        facts.append("A row goes when no other refers to it.")
    if facts:
        yield " ".join(facts) + "\n"
    yield "| column | type | | controllers write it |\n|---|---|---|---|"
    for column, spec in table["columns"].items():
        yield (f"| `{column}` | {kind(spec['type'])} | "
               + ("ephemeral" if spec.get("ephemeral") else "") + " | "
               + ("yes" if column in ours.get(name, ()) else "") + " |")
    yield ""


def page():
    schema, ours = load(), written()
    lines = [f"This is version {schema['version']} of the schema.\n"]
    for name, table in schema["tables"].items():
        lines += table_page(name, table, ours)
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
