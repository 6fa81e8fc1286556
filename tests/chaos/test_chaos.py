# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chaos in short, and that each law can be broken."""

import os
import re
import subprocess

import pytest

import state
from deeds import Stage
from kklab import Lab, default_build
from laws import Broken, Judge
from model import Model

CHAOS = os.path.join(os.path.dirname(__file__), "chaos")

pytestmark = pytest.mark.skipif(os.geteuid() != 0,
                                reason="the lab needs root")


def test_two_rounds():
    """Of a seed whose first rounds have a bit of everything."""
    done = subprocess.run([CHAOS, "--seed=1920", "--rounds=1:2",
                           f"--build={default_build()}"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=200, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^2 rounds, \d+ deeds; at rest after", done.stdout,
                     re.M)


MAC = "02:00:00:00:10:01"       # One that roams, at ph1 to begin with.


def lose_a_flow(stage):
    stage.lab.switch("edge2").ofctl("del-flows", "br0",
                                    f"table=6,dl_dst={MAC}")


def reconcile(stage):
    """A switch that speaks another version connects anew."""
    stage.perform(stage.model.speak_version("edge2", "OpenFlow14"))


def double(stage):
    """What is for ph1 comes twice."""
    for edge in "edge1", "edge2":
        stage.lab.switch("tor").ofctl(
            "add-flow", "br0", f"priority=60000,in_port={edge},dl_vlan=100,"
            "actions=strip_vlan,output:ph1,output:ph1")


def double_no_more(stage):
    for edge in "edge1", "edge2":
        stage.lab.switch("tor").ofctl(
            "--strict", "del-flows", "br0",
            f"priority=60000,in_port={edge},dl_vlan=100")


def move_unseen(stage):
    """It has not spoken there, which everything does that is to settle."""
    stage.model.roam(MAC, "ph2")


def drop(stage):
    stage.lab.switch("host1").ofctl(
        "add-flow", "br0", "table=0,priority=60000,in_port=vm1,actions=drop")


def drop_no_more(stage):
    stage.lab.switch("host1").ofctl(
        "--strict", "del-flows", "br0", "table=0,priority=60000,in_port=vm1")


def complain(stage):
    with open(stage.lab.control.path("stderr"), "a",
              encoding="ascii") as stderr:
        stderr.write("==1==ERROR: AddressSanitizer: something\n")


BREACHES = [
    (lose_a_flow, "desired = installed", reconcile),
    (double, "no frame twice", double_no_more),
    (move_unseen, "every MAC is known where it is", lambda stage: None),
    (drop, "every frame arrives", drop_no_more),
    (lambda stage: stage.lab.controllers[1].kill(), "daemons live",
     lambda stage: stage.lab.controllers[1].start_daemon()),
    (complain, "sanitizers find nothing", None),
]


def test_laws_can_be_broken():
    """Each is noticed for what it is, and mended."""
    lab = Lab(f"chaos{os.getpid()}", extras=True, databases=3, controllers=3)
    stage = Stage(lab, Model(), note=lambda text: None)
    judge = Judge(stage)
    lab.claim("chaos")
    try:
        stage.up()
        for breach, law, mend in BREACHES:
            judge.settle()
            judge.check()
            with pytest.raises(Broken) as caught:
                breach(stage)
                judge.check()
            assert law in caught.value.law, caught.value.details
            if mend:
                mend(stage)
        stage.down()
    finally:
        state.remove(lab.name)
