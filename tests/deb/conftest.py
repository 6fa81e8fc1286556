# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of Debian packages: a system to install them into."""

import glob
import os
import shutil
import sys

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", "lab"),
                os.path.dirname(__file__)]

from tree import ROOT, Tree     # noqa: E402  The path must be set first.

DEBS = os.path.join(ROOT, "build", "deb")


@pytest.fixture(name="debs", scope="session")
def fixture_debs():
    """The two packages, as files, and the .changes."""
    names = ["kakehashi-controller_*.deb", "kakehashi-ctl_*.deb", "*.changes"]
    files = [glob.glob(os.path.join(DEBS, name)) for name in names]
    assert [len(f) for f in files] == [1, 1, 1], "make deb comes first"
    return [f[0] for f in files]


@pytest.fixture(name="trees", scope="session")
def fixture_trees():
    """Where systems are made.  It goes away with all of them."""
    directory = os.path.join(DEBS, "trees")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(name="fresh", scope="session")
def fixture_fresh(trees, debs):
    """A fresh Debian 12 with the packages, installed by apt with all that they
    depend on, and never booted."""
    tree = Tree.debootstrap(os.path.join(trees, "fresh"))
    tree.apt_install(debs[:2], ["logrotate"])
    return tree


@pytest.fixture(name="tree")
def fixture_tree(fresh, trees):
    """A copy of it."""
    copy = fresh.copy(os.path.join(trees, "copy"))
    yield copy
    copy.remove()
