# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md: what it tells to type works, and prints what it says."""

import os
import subprocess

import pytest

import kklab
import state
import tutorial

PAGE = os.path.join(kklab.ROOT, "docs", "tutorial.md")

needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="the lab needs root")


@pytest.fixture(name="name")
def fixture_name():
    name = f"d{os.getpid()}"
    yield name
    state.remove(name)


def here(command):
    """Run 'command' on this machine; (status, output)."""
    env = {key: value for key, value in os.environ.items()
           if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["sh", "-c", command], text=True, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=kklab.ROOT,
                          timeout=600, check=False)
    return done.returncode, done.stdout


def there(name, node, command):
    """Run 'command' where "lab shell" would; (status, output)."""
    machine = kklab.Lab.attach(name).node(node)
    return machine.run("sh", "-c", f"cd {machine.directory} && {command}",
                       check=False, timeout=60)


@needs_root
def test_tutorial(name):
    """A lab of another name, so that one that is up is left alone."""
    with open(PAGE, encoding="utf-8") as stream:
        steps = tutorial.steps(stream.read())
    assert len(steps) > 50
    for step in steps:
        command = step.command.replace("lab/lab", f"lab/lab --name {name}")
        expected = step.output.replace("'kakehashi'", f"'{name}'")
        status, printed = (there(name, step.node, command) if step.node
                           else here(command))
        assert tutorial.matches(expected, printed), \
            (f"tutorial.md:{step.line}: {step.node}$ {command}\n{printed}"
             f"--- instead of\n{expected}")
        assert not status or "100% packet loss" in expected, \
            f"tutorial.md:{step.line}: exit status {status}"


@pytest.mark.parametrize("expected, printed, match", [
    ("", "", True),
    ("", "oops\n", False),
    ("a ... c\n", "a b\nb c\n", True),
    ("a ... c\n", "a b\nb d\n", False),
    ("a b\n", "a     b", True),
    ("a.b\n", "acb\n", False),
    ("...\nend\n", "much\nmore\nend\n", True),
    ("... 3 received, ...\n", "13 sent, 3 received, 0% loss\n", True),
    ("... 3 received, ...\n", "13 sent, 13 received\n", False),
])
def test_comparison(expected, printed, match):
    assert tutorial.matches(expected, printed) is match


def test_parts_of_a_page():
    page = "\n".join(["text", "$ not one", "```console", "$ here", "a", "",
                      "ctl$ there $X", "```", "```", "$ nor this", "```"])
    assert tutorial.steps(page) == [
        tutorial.Step(4, "", "here", "a\n\n"),
        tutorial.Step(7, "ctl", "there $X")]
