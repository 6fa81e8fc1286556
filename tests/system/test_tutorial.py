# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, docs/howto/: what they tell to type works, and prints what
they say."""

import glob
import os
import subprocess

import pytest

import kklab
import state
import tutorial

DOCS = os.path.join(kklab.ROOT, "docs")
ELSEWHERE = ["mininet"]         # Whose commands another test runs.

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


def there(node, command):
    """Run 'command' where "lab shell" would; (status, output)."""
    return node.run("sh", "-c", f"cd {node.directory} && {command}",
                    check=False, timeout=60)


def steps_of(page):
    with open(os.path.join(DOCS, page), encoding="utf-8") as stream:
        return tutorial.steps(stream.read())


def check(page, step, result):
    """The step printed what the page says, and failed only if that does."""
    status, printed = result
    assert tutorial.matches(step.output, printed), \
        (f"{page}:{step.line}: {step.node}$ {step.command}\n{printed}"
         f"--- instead of\n{step.output}")
    fails = ("100% packet loss" in step.output
             or step.output.startswith(step.command.split()[0] + ": "))
    assert bool(status) == fails, \
        f"{page}:{step.line}: {step.command}: exit status {status}"


def pages():
    """Names of the how-tos that have commands."""
    names = [os.path.splitext(os.path.basename(path))[0]
             for path in glob.glob(os.path.join(DOCS, "howto", "*.md"))]
    return sorted(name for name in names if name not in ELSEWHERE
                  and steps_of(f"howto/{name}.md"))


@needs_root
def test_tutorial(name):
    """In a lab of another name, so that one that is up is left alone."""
    steps = steps_of("tutorial.md")
    assert len(steps) > 50
    for step in steps:
        step.command = step.command.replace("lab/lab",
                                            f"lab/lab --name {name}")
        step.output = step.output.replace("'kakehashi'", f"'{name}'")
        check("tutorial.md", step,
              there(kklab.Lab.attach(name).node(step.node), step.command)
              if step.node else here(step.command))


def test_there_are_howtos():
    assert len(pages()) >= 5


@pytest.mark.parametrize("name", pages())
def test_howto(lab, name):
    """They start from the lab of the tests, whose nodes are known."""
    page = f"howto/{name}.md"
    for step in steps_of(page):
        check(page, step, there(lab.node(step.node), step.command))


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
