# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests.

Every test gets a lab of its own.  It costs about a second and buys that a
test which kills, cuts and breaks things has nothing to put back.  At the end
of each the controller must still be alive, exit cleanly and have nothing to
say that a sanitizer prints.
"""

import os
import sys

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", "lab"),
                os.path.dirname(__file__)]

import state                    # noqa: E402  The path must be set first.
from ctldb import CONFIG, Database      # noqa: E402
from frames import Wires        # noqa: E402
from kklab import Lab           # noqa: E402
from world import configure, join, wait_synced          # noqa: E402

KIND = "test"
_number = 0


def pytest_collection_modifyitems(items):
    """Without root the tests that need a lab are skipped, by name."""
    if os.geteuid() == 0:
        return
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="the lab needs root"))


@pytest.fixture(scope="session", autouse=True)
def no_orphans():
    """Remove what test runs have left that were killed."""
    if os.geteuid() == 0:
        state.remove_orphans(KIND)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Put the end of the controller's log into the report of a failure."""
    report = (yield).get_result()
    if report.failed:
        lab = getattr(item, "lab", None)
        logs = item.last_words or (last_words(lab) if lab else [])
        report.sections.extend(logs)


def pytest_runtest_setup(item):
    item.last_words = []


def last_words(lab):
    """(title, text) of the ends of the controllers' logs."""
    return [(f"{node.name}/{name}",
             "\n".join(node.log(name).splitlines()[-60:]))
            for node in lab.controllers
            for name in ("kakehashi.log", "stderr")]


@pytest.fixture(name="lab")
def fixture_lab(request):
    """A lab with all extras, nodes known, and nothing else configured.

    @pytest.mark.parametrize("lab", [{"ipv6": True}], indirect=True) makes
    another one.
    """
    global _number
    _number += 1
    options = {"extras": True, **getattr(request, "param", {})}
    lab = Lab(f"t{os.getpid()}-{_number}", **options)
    lab.claim(KIND)
    request.node.lab = lab
    try:
        lab.up()
        lab.control.ctl(*join(lab.node_rows()))
        wait_synced(lab)
        yield lab
        for controller in lab.controllers:
            check_daemon(controller)
    finally:
        request.node.last_words = last_words(lab)
        lab.down()


@pytest.fixture(name="wires")
def fixture_wires(lab):
    """Raw sockets on all stations."""
    wires = Wires(lab)
    yield wires
    wires.close()


@pytest.fixture(name="blue")
def fixture_blue(lab):
    """The lab with one segment: VLAN 100 (ph1), vm1 and vm2."""
    configure(lab, ("segment-add", "blue", 5001),
              ("bind", "blue", "edges", "trunk0", 100),
              ("host-port-add", "blue", "host1", "vm1"),
              ("host-port-add", "blue", "host1", "vm2"))
    return lab


def check_daemon(control):
    """The controller lives, ends well, and no sanitizer complains."""
    if control.process is not None and control.process.poll() is None:
        status = control.exit_daemon()
        assert status == 0, f"kakehashi ended with {status}"
    elif control.process is not None:
        assert control.stopped, \
            f"kakehashi died with {control.process.returncode}"
    assert not control.complaints()


# ---- A database alone, for kakehashi-ctl ----------------------------------

BOTH = {"params": [False, True], "ids": ["alone", "daemon"]}


@pytest.fixture(name="db", **BOTH)
def fixture_db(request):
    database = Database(daemon=request.param)
    yield database
    database.close()


@pytest.fixture(name="configured")
def fixture_configured(db):
    db.apply(CONFIG)
    return db


@pytest.fixture(name="steady", scope="module", **BOTH)
def fixture_steady(request):
    """A configured database for tests that must not change it."""
    database = Database(daemon=request.param)
    try:
        database.apply(CONFIG)
        yield database
    finally:
        database.close()
