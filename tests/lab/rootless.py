# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A lab without being root.

A user namespace makes its owner root over the network namespaces in it.  A
process that only sleeps holds it open, together with a mount namespace whose
/run is the lab's own; every command of the lab goes in by that process.
"""

import json
import os
import signal
import subprocess
import sys

import netns
import state

HOLD = ("mount -t tmpfs tmpfs /run && mkdir /run/netns && echo ready "
        "&& exec sleep infinity")


def reenter(name, command):
    """Run this program again where it is root; its exit status.

    Does not return here from a lab's namespace: there we are root.
    """
    holder = _holder(name)
    if holder is None and command == "up":
        holder = _hold(name)
    if holder is None and command == "down":
        print(f"There is no lab '{name}' of yours.")
        return 0
    if holder is None:
        raise netns.LabError(f"there is no lab '{name}' of yours; labs that "
                             "root has made need root")
    status = subprocess.call(
        ["nsenter", f"--target={holder}", "--user", "--net", "--mount",
         "--preserve-credentials", f"--wd={os.getcwd()}", "--",
         sys.executable, *sys.argv])
    if command == "down" and not status:
        os.kill(holder, signal.SIGTERM)
        os.remove(_file(name))
    return status


def _file(name):
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    return os.path.join(base, f"kakehashi-lab-{os.getuid()}-{name}")


def _holder(name):
    """Pid of the holder of the lab 'name', None if it does not live."""
    try:
        with open(_file(name), encoding="utf-8") as stream:
            facts = json.load(stream)
    except (OSError, ValueError):
        return None
    return facts["owner"] if state.owner_lives(facts) else None


def _hold(name):
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise netns.LabError("the lab needs root here (/dev/net/tun is not "
                             "open to you)")
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--net", "--mount",
         "sh", "-c", HOLD], stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True)
    answer = holder.stdout.readline().strip()
    if answer != "ready":
        raise netns.LabError("the lab needs root here "
                             f"({answer or 'no user namespaces'})")
    with open(_file(name), "w", encoding="utf-8") as stream:
        json.dump({"owner": holder.pid,
                   "owner_start": state.start_time(holder.pid)}, stream)
    return holder.pid
