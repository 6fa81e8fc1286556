# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What bash offers after "kakehashi-ctl ..." and the tabulator key."""

import os
import re
import shlex
import subprocess

import pytest

from ctldb import CONFIG, CTL, ROOT, Database

COMPLETION = os.path.join(ROOT, "packaging", "kakehashi-ctl.bash")

# As readline calls it: COMP_WORDS are the words as bash divides them.
SCRIPT = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
compopt() { :; }
COMP_LINE=$2
COMP_POINT=${#COMP_LINE}
eval "COMP_WORDS=($3)"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_kakehashi_ctl
printf '%s\n' "${COMPREPLY[@]}"
"""


def divide(line):
    """The words of 'line' for bash, which has = and : be words as well."""
    words = []
    for word in line.split(" "):
        words += [w for w in re.split(r"([=:]+)", word) if w] or [""]
    if re.search(r"[=:]$", line):
        words.append("")
    return words


def complete(line, db=None):
    """What there is to go on with after 'line'."""
    result = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT, "bash", COMPLETION, line,
         " ".join(map(shlex.quote, divide(line)))],
        env=dict(os.environ, KAKEHASHI_DB=db or "unix:/nosuch/socket",
                 PATH=f"{os.path.dirname(CTL)}:{os.environ['PATH']}"),
        text=True, capture_output=True, timeout=20, check=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.fixture(name="remote", scope="module")
def fixture_remote():
    database = Database()
    database.apply(CONFIG)
    yield database.remote
    database.close()


def test_knows_all_commands_and_options():
    text = subprocess.run([CTL, "--help"], text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    usage = text[:text.index("Options:\n")].split("Options of these")[0]
    commands = set(re.findall(r"^  ([a-z][a-z-]+)", usage, re.M))
    commands |= set(re.findall(
        r"^  ([a-z][a-z-]+)", text[text.index("Database commands"):
                                   text.index("Potentially")], re.M))
    assert len(commands) > 30
    assert commands <= set(complete("kakehashi-ctl "))
    options = set(re.findall(r"(?<=[ ,])--[a-z][a-z-]+", text))
    options -= {"--force"}
    offered = {o.rstrip("=") for o in complete("kakehashi-ctl --")}
    # The rest is of other programs, in advice.
    assert options - offered <= {"--remote", "--now"}


@pytest.mark.parametrize("line, expected", [
    ("seg", "segment-add segment-del segment-list"),
    ("--db=unix:/x -t 5 edge-l", "edge-list"),
    ("-- --may-exist clus", "cluster-add cluster-del cluster-list"),
    ("show -- seg", "segment-add segment-del segment-list"),
    ("show -- --c", "--cascade --columns="),
    ("--wait=", "none ctl edges"),
    # Not what the program adds by itself.
    ("--wi", ""), ("--cou", ""), ("--mac", ""), ("--por", ""), ("--wh", ""),
    ("--exp", ""),
    ("--format=j", "json"),
    ("segment-add s 5 ",
     "learn_vteps= mac_aging= mac_limit= unknown_unicast= vtep_limit="),
    ("segment-add s 5 unknown_unicast=", "flood drop"),
    ("segment-add s 5 mac_limit=", ""),
    ("segment-add s ", ""),
    ("bind blue west eth1 5 bum_in_", "bum_in_kbps= bum_in_pps="),
    ("list Seg", "Segment"),
    ("nonsense ", ""),
    # There is no server to ask.
    ("segment-del ", ""),
])
def test_words(line, expected):
    assert complete("kakehashi-ctl " + line) == expected.split()


@pytest.mark.parametrize("line, expected", [
    ("segment-del ", "blue red"),
    ("--if-exists segment-del b", "blue"),
    ("bind blue ", "west e1 e2 e3 h1"),
    ("binding-list r", "red"),
    ("cluster-add new e1 ", "e1 e2 e3 h1 failover= holddown= isolation="),
    ("cluster-add new ", "e1 e2 e3 h1"),
    ("edge-del e", "e1 e2 e3"),
    ("list Cluster ", "west e3"),
    ("get Segment b", "blue"),
    ("show -- segment-del r", "red"),
])
def test_names(remote, line, expected):
    # An edge and its own cluster have one name, which readline shows once.
    assert set(complete("kakehashi-ctl " + line, remote)) \
        == set(expected.split())
    assert set(complete(f"kakehashi-ctl --db={remote} {line}")) \
        == set(expected.split())
