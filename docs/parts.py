#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""The modules and who includes whom, as a drawing for Graphviz.

    docs/parts.py | dot -Tsvg > parts.svg

A module is all files with the same prefix: agent.c, agent_age.c and so on are
"agent".  An arrow that follows from others (a needs b, b needs c) is left out,
and so is one against the current: two modules that call each other are drawn
by the direction in which more files do.
"""

import collections
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = {"controller": "#dbe9f6", "flows": "#e2f0d9"}
INCLUDE = re.compile(r'^#include "((?:controller|flows)/\w+)\.h"', re.M)


def module(path):
    folder, name = path.split("/")
    return f"{folder}/{name.split('_')[0]}"


def sources():
    return [os.path.relpath(path, ROOT) for folder in FOLDERS
            for path in sorted(glob.glob(f"{ROOT}/{folder}/*.[ch]"))]


def needs():
    """{module: modules that it includes}."""
    count = collections.Counter()
    found = {}
    for path in sources():
        here = module(os.path.splitext(path)[0])
        found.setdefault(here, set())
        with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
            for name in INCLUDE.findall(stream.read()):
                count[here, module(name)] += 1
    for (a, b), n in count.items():
        if a != b and n > count[b, a]:
            found[a].add(b)
    return found


def reach(found, start):
    """What 'start' needs, and what that needs, and so on."""
    seen, todo = set(), list(found.get(start, ()))
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += found.get(here, ())
    return seen


def reduced(found):
    """'found' without what follows from the rest."""
    return {a: {b for b in into
                if not any(b in reach(found, c) for c in into - {b})}
            for a, into in found.items()}


def drawing():
    arrows = reduced(needs())
    lines = ["digraph parts {", 'rankdir=LR; ranksep=0.6; nodesep=0.12;',
             'node [shape=box, style="filled,rounded", height=0.25,'
             ' fontname="sans-serif", fontsize=11];',
             "edge [color=\"#666666\", arrowsize=0.6];"]
    for folder, color in FOLDERS.items():
        lines.append(f'subgraph "cluster_{folder}" {{ label="{folder}/";'
                     ' fontname="sans-serif"; color="#999999";')
        lines += [f'"{name}" [label="{name.split("/")[1]}",'
                  f' fillcolor="{color}"];'
                  for name in arrows if name.startswith(folder)]
        lines.append("}")
    lines += [f'"{a}" -> "{b}";' for a, into in arrows.items()
              for b in sorted(into)]
    return "\n".join(lines + ["}"])


if __name__ == "__main__":
    print(drawing())
