# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""docs/howto/mininet.md: our topology in Mininet, and a ping through it.

All of it runs on one machine, whose namespace of processes sees to it that
nothing is left when the test ends, however it does.
"""

import importlib.util
import os
import subprocess
import types

import pytest

import kklab
import netns
import state
import tutorial
from node import Node

PAGE = os.path.join(kklab.ROOT, "docs", "howto", "mininet.md")
SCHEMA = os.path.join(kklab.ROOT, "controller", "kakehashi.ovsschema")
PYTHON = "/usr/bin/python3"             # Debian's: it has its packages.
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="Mininet needs root"),
    pytest.mark.skipif(importlib.util.find_spec("mininet") is None,
                       reason="Debian's package mininet is not installed")]


class Machine(Node):
    """A node of the lab that has its processes and mounts for itself."""

    HOLD = ["unshare", "--mount", "--pid", "--fork", "--kill-child",
            "--mount-proc", "sh", "-c", "echo ready; exec sleep infinity"]

    def start(self):
        netns.ip_batch([f"netns add {self.namespace}"])
        self.ip("link set lo up")
        self.holder = self.spawn(*self.HOLD, text=True,
                                 stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == "ready\n"
        with open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children",
                  encoding="ascii") as stream:
            self.first = stream.read().strip()

    def enter(self, *command):
        return ["nsenter", f"--target={self.first}", "--net", "--mount",
                "--pid", "--", *map(str, command)]

    def run(self, *command, check=True, stdin=None, timeout=30):
        return netns.run(self.enter(*command), check, stdin, self.env,
                         timeout)

    def stop(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture(name="machine")
def fixture_machine():
    """A machine with a database and a controller."""
    name = f"n{os.getpid()}"
    directory = state.directory(name)
    machine = Machine(types.SimpleNamespace(
        name=name, directory=directory, build=kklab.default_build(),
        kakehashi_db=f"unix:{directory}/ctl/db.sock"), "ctl")
    state.claim(name, kind="test", namespaces=[machine.namespace])
    try:
        os.mkdir(machine.directory)
        machine.start()
        database = machine.path("kakehashi.db")
        machine.run("ovsdb-tool", "create", database, SCHEMA)
        daemon = "--detach", "--no-chdir", "--pidfile", "-vconsole:off"
        machine.run("ovsdb-server", *daemon, "--log-file",
                    f"--remote=punix:{machine.path('db.sock')}", database)
        machine.run("kakehashi", *daemon, "--log-file")
        yield machine
        machine.stop()
    finally:
        state.remove(name)


def converse(machine, program, commands):
    """Give 'commands' to Mininet; what it prints before and after each."""
    status, text = machine.run(
        "env", "PYTHONUNBUFFERED=1", PYTHON, "-B",
        os.path.join(kklab.ROOT, program), check=False, timeout=150,
        stdin="\n".join(commands) + "\n")
    parts = text.split("mininet> ")
    assert not status and len(parts) == len(commands) + 1, text
    return parts


def test_page(machine):
    with open(PAGE, encoding="utf-8") as stream:
        steps = tutorial.steps(stream.read())
    inside = [step for step in steps if step.node == "mininet"]
    *before, start = [step for step in steps if not step.node]
    assert before and len(inside) > 5
    for step in before:
        assert machine.output("sh", "-c", step.command) == step.output
    parts = converse(machine, start.command,
                     [step.command for step in inside])
    for step, printed in zip([start, *inside], parts):
        assert tutorial.matches(step.output, printed), \
            (f"mininet.md:{step.line}: {step.command}\n{printed}"
             f"--- instead of\n{step.output}")
        assert " 0 received" not in printed
