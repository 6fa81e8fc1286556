# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Network namespaces, and what runs in them.

Everything in the lab lives in a network namespace of its own, so that nothing
of it is ever seen by the machine: no address, no interface, no route.  It is
also what makes cleaning up exact.  A process belongs to the lab if, and only
if, it runs in one of the lab's namespaces; the kernel keeps that list, so
there are no pid files to go stale and no pid that might be someone else's.
"""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

NETNS_DIR = "/run/netns"
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What went wrong, in one line."""


def run(command, check=True, stdin=None, env=None, timeout=30):
    """Run 'command' and return (status, output), stderr included.

    A failure is reported with the command and the last line that it printed:
    this is nearly always the reason.
    """
    __tracebackhide__ = True    # From pytest.
    try:
        done = subprocess.run(command, input=stdin, env=env, text=True,
                              stdin=None if stdin else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, timeout=timeout,
                              stderr=subprocess.STDOUT, errors="replace",
                              check=False)
    except FileNotFoundError:
        raise LabError(f"{command[0]}: no such program") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"no end after {timeout} s: "
                       + " ".join(command)) from None
    if check and done.returncode:
        lines = done.stdout.strip().splitlines() or ["(no output)"]
        raise LabError(f"{' '.join(command)}: {lines[-1]}")
    return done.returncode, done.stdout


def ip_batch(lines, namespace=None):
    """Run many ip(8) commands in one process, which saves seconds."""
    command = ["ip"] + (["-n", namespace] if namespace else [])
    run(command + ["-batch", "-"], stdin="\n".join(lines) + "\n")


def inside(namespace, command):
    """The command line that runs 'command' in 'namespace'.

    nsenter replaces itself with the command, so the pid of the one is the
    pid of the other.
    """
    return ["nsenter", f"--net={NETNS_DIR}/{namespace}", "--", *command]


def call(namespace, function, *args):
    """Call 'function' in a thread that has entered 'namespace'.

    Sockets stay in the namespace in which they were made, so a test can hold
    sockets of many nodes at once.
    """
    result = []

    def body():
        try:
            with open(f"{NETNS_DIR}/{namespace}", "rb") as handle:
                if _libc.setns(handle.fileno(), CLONE_NEWNET):
                    error = ctypes.get_errno()
                    raise OSError(error, os.strerror(error), namespace)
            result.append((function(*args), None))
        except BaseException as error:        # Handed on to the caller.
            result.append((None, error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


def open_socket(namespace, *args):
    """socket.socket(*args) in 'namespace'."""
    return call(namespace, socket.socket, *args)


def sysctl(namespace, name, value):
    """Set a variable below net. in 'namespace'."""
    def write():
        path = "/proc/sys/net/" + name.replace(".", "/")
        with open(path, "w", encoding="ascii") as variable:
            variable.write(str(value))
    call(namespace, write)


def exists(namespace):
    return os.path.exists(f"{NETNS_DIR}/{namespace}")


def pids(namespaces):
    """The processes that run in any of 'namespaces', but never ourselves."""
    inodes = set()
    for namespace in namespaces:
        try:
            inodes.add(os.stat(f"{NETNS_DIR}/{namespace}").st_ino)
        except FileNotFoundError:
            pass
    found = []
    for entry in os.listdir("/proc"):
        try:
            if (entry.isdigit() and int(entry) != os.getpid()
                    and os.stat(f"/proc/{entry}/ns/net").st_ino in inodes):
                found.append(int(entry))
        except OSError:
            pass                # It has ended, or ends just now.
    return found


def kill_all(namespaces, patience=2.0):
    """End every process in 'namespaces': asked first, then forced."""
    for number, wait in (signal.SIGTERM, patience), (signal.SIGKILL, 5.0):
        for pid in pids(namespaces):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + wait
        while pids(namespaces):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return


def remove(namespaces):
    """Remove those of 'namespaces' that exist, with all that is in them."""
    lines = [f"netns del {name}" for name in namespaces if exists(name)]
    if lines:
        ip_batch(lines)


def wait_until(condition, timeout=10.0, what="condition", interval=0.02):
    """Poll 'condition' until it returns something true, and return that."""
    __tracebackhide__ = True    # From pytest.
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout:g} s: {what}")
        time.sleep(interval)
