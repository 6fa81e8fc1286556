# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is written down about labs, and how they are removed.

A lab is a directory below BASE, whose lab.json is complete before anything
else is made.  So a lab that died half way up can be removed as exactly as a
healthy one, by another process and on another day.  Making the directory is
also the lock: of two that try, one gets it.
"""

import json
import os
import shutil

import netns

BASE = "/run/kakehashi-lab"     # Short: socket paths end at 107 characters.


def directory(name):
    return os.path.join(BASE, name)


def claim(name, **facts):
    """Make the lab's directory, and record 'facts' in it.

    Raises FileExistsError if there is such a lab.
    """
    while True:
        os.makedirs(BASE, exist_ok=True)
        try:
            os.mkdir(directory(name))
            break
        except FileNotFoundError:
            pass                # The last other lab has just taken BASE away.
    save(name, {**facts, "owner": os.getpid(),
                "owner_start": start_time(os.getpid())})


def save(name, facts):
    path = os.path.join(directory(name), "lab.json")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(facts, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)


def load(name):
    """The facts of the lab 'name', None if there is no such lab."""
    try:
        with open(os.path.join(directory(name), "lab.json"),
                  encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        # A directory without facts: it died right after its first step.
        return {"namespaces": []} if os.path.isdir(directory(name)) else None


def names():
    try:
        return sorted(os.listdir(BASE))
    except FileNotFoundError:
        return []


def start_time(pid):
    """When a process started: with its pid, this tells it from any other."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            return stream.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def owner_lives(facts):
    start = facts.get("owner_start")
    return start is not None and start_time(facts["owner"]) == start


def remove(name):
    """Remove the lab 'name'.  False if there is none."""
    facts = load(name)
    if facts is None:
        return False
    netns.kill_all(facts["namespaces"])
    netns.remove(facts["namespaces"])
    shutil.rmtree(directory(name))
    try:
        os.rmdir(BASE)
    except OSError:
        pass                    # Other labs are in it.
    return True


def remove_orphans(kind):
    """Remove labs of a kind whose owner has died, such as a killed test."""
    for name in names():
        facts = load(name) or {}
        if facts.get("kind") == kind and not owner_lives(facts):
            remove(name)
