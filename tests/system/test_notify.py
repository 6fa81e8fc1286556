# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the daemon tells the service manager that started it."""

import contextlib
import os
import signal
import socket
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DAEMON = os.path.join(os.environ.get("KAKEHASHI_BUILD",
                                     os.path.join(ROOT, "build")),
                      "kakehashi")


class Manager:
    """Starts the daemon as systemd would, and hears what it says."""

    def __init__(self, directory, watchdog):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(directory, "notify"))
        self.socket.settimeout(20)
        self.control = os.path.join(directory, "ctl")
        self.daemon = subprocess.Popen(
            [DAEMON, f"--unixctl={self.control}", "-vsyslog:off",
             f"--db=unix:{directory}/nosuch.sock",
             f"--listen=punix:{directory}/listen"],
            env=dict(os.environ, NOTIFY_SOCKET=f"{directory}/notify",
                     WATCHDOG_USEC=str(int(watchdog * 1e6))))

    def hear(self):
        return self.socket.recv(4096).decode()

    def wait_for(self, start):
        """The next message but for those of the watchdog."""
        message = self.hear()
        while message == "WATCHDOG=1":
            message = self.hear()
        assert message.startswith(start)


@pytest.fixture(name="manager")
def fixture_manager(tmp_path):
    manager = Manager(str(tmp_path), watchdog=0.4)
    with contextlib.closing(manager.socket):
        yield manager
        manager.daemon.kill()
        manager.daemon.wait()


def test_life(manager):
    # Ready as soon as it listens, whatever becomes of the database.
    assert manager.hear() == "READY=1"
    manager.wait_for("STATUS=no connection to the database, 0 of 0 edges")
    manager.daemon.send_signal(signal.SIGHUP)
    manager.wait_for("RELOADING=1\nMONOTONIC_USEC=")
    manager.wait_for("READY=1")
    manager.daemon.send_signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    assert manager.daemon.wait(20) == 0


def test_exit_by_command(manager):
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=")
    subprocess.run(["ovs-appctl", "-t", manager.control, "exit"], check=True)
    manager.wait_for("STOPPING=1")
    assert manager.daemon.wait(20) == 0


def test_watchdog(manager):
    """Twice in its time, for as long as the loop turns."""
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=")
    assert manager.hear() == "WATCHDOG=1"
    start = time.monotonic()
    for _ in range(5):
        assert manager.hear() == "WATCHDOG=1"
    assert 0.9 < time.monotonic() - start < 5

    manager.daemon.send_signal(signal.SIGSTOP)
    manager.socket.settimeout(1)
    with pytest.raises(socket.timeout):
        # Not more than what was on its way.
        for _ in range(3):
            manager.hear()
