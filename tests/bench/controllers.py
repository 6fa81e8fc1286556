# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Controllers under test and what they are compared with, as processes.

Each is a context: inside it the controller runs, in a directory of its own,
and switches reach it at 'target'.  Nothing leaves the machine.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lab"),
                os.path.join(HERE, "..", "system")]

from databases import Database              # noqa: E402
from netns import LabError, wait_until      # noqa: E402
from world import join                      # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
PATIENCE = 60                   # Seconds.
TRUNK = 4000                    # Bindings of a trunk, at most.


def build():
    """Where the programs are."""
    return os.environ.get("KAKEHASHI_BUILD", os.path.join(ROOT, "build"))


def options_of(script):
    """A parser of the options of a benchmark, which 'script' explains."""
    return argparse.ArgumentParser(
        description=script,
        formatter_class=argparse.RawDescriptionHelpFormatter)


def run(main):
    """Runs a benchmark; if it cannot go on, says why in one line."""
    try:
        main()
    except (LabError, OSError, subprocess.SubprocessError) as problem:
        sys.exit(f"bench: {problem}")


def cpu_time(thread):
    """Seconds of CPU time so far of a thread: PID, or PID/task/TID."""
    with open(f"/proc/{thread}/schedstat", encoding="ascii") as stream:
        return int(stream.read().split()[0]) / 1e9


def results_folder():
    """Where the results of benchmarks are."""
    return os.path.join(build(), "bench")


def results(name):
    """The file for the results of a benchmark, a line of JSON each."""
    folder = results_folder()
    os.makedirs(folder, exist_ok=True)
    return open(os.path.join(folder, f"{name}.json"), "a", encoding="utf-8")


def commands(rows, size=400):
    """kakehashi-ctl with some hundred commands at a time."""
    rows = list(rows)
    for i in range(0, len(rows), size):
        yield join(rows[i:i + size])


class Controller:
    """A process that switches connect to."""

    def __init__(self, name, cpu=None, socket=None):
        self.name, self.pinned, self._socket = name, cpu, socket
        self.process = None

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="kakehashi-bench-")
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def socket(self):
        return self._socket or os.path.join(self.directory, "of.sock")

    @property
    def target(self):
        return "unix:" + self.socket

    @property
    def pid(self):
        return self.process.pid

    def command(self):
        raise NotImplementedError

    def cpu(self):
        """Seconds of CPU time so far, of its only busy thread."""
        return cpu_time(self.pid)

    def memory(self, which="VmRSS"):
        """Resident, in KiB; with "VmHWM" the most there has been."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as stream:
            return next(int(line.split()[1]) for line in stream
                        if line.startswith(which + ":"))

    def environment(self):
        return {**os.environ, **{name: self.directory for name in (
            "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")}}

    def start(self):
        command = list(self.command())
        if self.pinned is not None:
            command[:0] = ["taskset", "-c", str(self.pinned)]
        with open(os.path.join(self.directory, "stderr"), "ab") as errors:
            self.process = subprocess.Popen(
                command, env=self.environment(), stdout=errors,
                stderr=errors, stdin=subprocess.DEVNULL)
        wait_until(self.listens, PATIENCE, f"{self.name} listens")

    def listens(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.directory, "stderr"),
                      encoding="utf-8") as stream:
                raise LabError(f"{self.name} ended: {stream.read()}")
        return os.path.exists(self.socket)

    def stop(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None


class Answer(Controller):
    """One of the two that tests/bench/ofanswer.c has."""

    def command(self):
        return [os.path.join(build(), "tests", "ofanswer"), self.name,
                "punix:" + self.socket]


class TestController(Controller):
    """ovs-testcontroller, the system's or that in a folder."""

    def __init__(self, name, cpu=None, programs="", socket=None):
        super().__init__(name, cpu, socket)
        self.programs = programs

    def command(self):
        return [os.path.join(self.programs, "ovs-testcontroller"),
                "-OOpenFlow13", "punix:" + self.socket,
                "--unixctl=" + os.path.join(self.directory, "ctl")]


class Kakehashi(Controller):
    """The controller, and its database: of its own, with 'rows', or
    'database', which it shares with others of other names ('title')."""

    def __init__(self, cpu=None, rows=(), socket=None, database=None,
                 title=None):
        super().__init__("kakehashi", cpu, socket)
        self.rows, self.ctl_socket, self.title = rows, None, title
        self.database, self.shares = database, database is not None

    @property
    def db(self):
        return self.database.target

    @property
    def log(self):
        return os.path.join(self.directory, "kakehashi.log")

    def command(self):
        return [os.path.join(build(), "kakehashi"), f"--db={self.db}",
                "--listen=punix:" + self.socket, "-vconsole:off",
                "-vfile:info", f"--log-file={self.log}",
                f"--unixctl={self.directory}/kakehashi.ctl",
                *([f"--name={self.title}"] if self.title else [])]

    def start(self):
        if not self.database:
            self.database = Database(self.directory)
            self.configure(self.rows)
        super().start()

    def ctl(self, *args, timeout=PATIENCE):
        where = self.ctl_socket or f"--db={self.db}"
        return subprocess.run(
            [os.path.join(build(), "kakehashi-ctl"), where,
             f"--timeout={timeout}", *map(str, args)], check=True,
            env=self.environment(), stdout=subprocess.PIPE,
            encoding="utf-8").stdout

    @contextlib.contextmanager
    def ctl_daemon(self):
        """Inside, ctl() goes through a daemon of the tool."""
        socket = subprocess.run(
            [os.path.join(build(), "kakehashi-ctl"), "--detach",
             "--no-chdir", f"--db={self.db}"], check=True,
            env=self.environment(), stdout=subprocess.PIPE,
            encoding="utf-8").stdout.strip()
        self.ctl_socket = f"--unixctl={socket}"
        try:
            yield
        finally:
            self.ctl_socket = None
            subprocess.run(["ovs-appctl", "-t", socket, "exit"], check=True)

    def configure(self, rows):
        for args in commands(rows):
            self.ctl(*args)

    def appctl(self, *args):
        return subprocess.run(
            ["ovs-appctl", "-t", f"{self.directory}/kakehashi.ctl",
             *map(str, args)], check=True, env=self.environment(),
            stdout=subprocess.PIPE, encoding="utf-8").stdout

    def wait_synced(self):
        """Until its only switch is in sync."""
        wait_until(lambda: "synced" in self.appctl("edge/show"),
                   what="the switch in sync")

    def count(self, what):
        """How many of something "memory/show" tells."""
        return int(dict(item.split(":") for item in
                        self.appctl("memory/show").split()).get(what, 0))

    def stop(self, number=signal.SIGTERM):
        super().stop(number)
        if self.database and not self.shares:
            self.database.stop()
            self.database = None

    def restart(self, number=signal.SIGKILL):
        """Another process over the same database."""
        super().stop(number)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        super().start()


def ofload_command(controllers, *options):
    """For one controller, or a list of them."""
    if isinstance(controllers, Controller):
        controllers = [controllers]
    return [os.path.join(build(), "tests", "ofload"),
            *(f"--pid={c.pid}" for c in controllers), *map(str, options),
            *(c.target for c in controllers)]


def ofload(controller, *options, cpu=None, timeout=600):
    """The result of tests/bench/ofload.c, a dictionary."""
    command = ofload_command(controller, *options)
    if cpu is not None:
        command[:0] = ["taskset", "-c", str(cpu)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE,
                          encoding="utf-8", timeout=timeout)
    if done.returncode:
        raise LabError(f"ofload ended with status {done.returncode}")
    return json.loads(done.stdout)


NO_LIMIT = ["mac_limit=1000000"]


def bound_segments(cluster, first, count, options=NO_LIMIT):
    """Rows for 'count' segments, numbers 'first' and on, bound to 'cluster',
    with some options."""
    for m in range(count):
        yield "segment-add", f"s{first + m}", 10000 + first + m, *options
        yield ("bind", f"s{first + m}", cluster, f"trunk{m // TRUNK}",
               m % TRUNK + 1)


def emulated_rows(switches, segments=1, options=NO_LIMIT):
    """Rows for the switches that ofload emulates: an edge and a cluster for
    each, and segments of its own, with some options."""
    for n in range(switches):
        yield ("edge-add", f"e{n}", f"{n + 1:016x}",
               f"10.1.{n >> 8}.{n & 255}")
        yield "cluster-add", f"c{n}", f"e{n}"
        yield from bound_segments(f"c{n}", n * segments, segments, options)
