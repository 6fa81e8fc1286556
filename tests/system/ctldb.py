# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A database for kakehashi-ctl, and the tool with and without its daemon."""

import fcntl
import glob
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("KAKEHASHI_BUILD", os.path.join(ROOT, "build"))
CTL = os.path.join(os.path.abspath(BUILD), "kakehashi-ctl")
SCHEMA = os.path.join(ROOT, "controller", "kakehashi.ovsschema")

# Two edges in a cluster, one edge with trunks of its own, one as a host.
CONFIG = """
    edge-add e1 1 10.0.0.1 peer_port=peer0
    edge-add e2 2 10.0.0.2 peer_port=peer0
    edge-add e3 3 10.0.0.3
    edge-add h1 a 2001:db8::1 tunnel_port=gnv1
    cluster-add west e1 e2
    segment-add blue 100
    segment-add red 200
    bind blue west eth1 10
    bind red west eth1 11
    bind red e3 eth1 0
    vtep-add blue 192.0.2.9
    host-port-add blue h1 vm1
    mac-add blue 02:00:00:00:00:01 west/eth1/10
    mac-add blue 02:00:00:00:00:02 h1/vm1
    mac-add blue 02:00:00:00:00:03 192.0.2.9
"""


def schema_name():
    with open(SCHEMA, encoding="utf-8") as f:
        return json.load(f)["name"]


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid):
    """Is there such a process?  One that has ended may still have to be
    fetched by the parent of orphans."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(") ", 1)[1][0] not in "ZX"
    except FileNotFoundError:
        return False


class Daemon:
    """kakehashi-ctl --detach, with a log that must have no complaints."""

    def __init__(self, directory, *options):
        self.dir = directory
        self.socket = os.path.join(directory, "daemon")
        self.pidfile = os.path.join(directory, "daemon.pid")
        self.log = os.path.join(directory, "daemon.log")
        self.start(*options)

    def environment(self):
        reports = f"log_path={self.dir}/sanitizer"
        return dict(os.environ, OVS_RUNDIR=self.dir, ASAN_OPTIONS=reports,
                    UBSAN_OPTIONS=reports)

    def start(self, *options):
        done = subprocess.run(
            [CTL, "--detach", "--no-chdir", "--pidfile=" + self.pidfile,
             "--log-file=" + self.log, "--unixctl=" + self.socket, *options],
            text=True, capture_output=True, check=False, timeout=20,
            env=self.environment())
        assert (done.returncode, done.stdout, done.stderr) == (
            0, self.socket + "\n", "")

    @property
    def pid(self):
        with open(self.pidfile, encoding="ascii") as f:
            return int(f.read())

    def appctl(self, *args):
        done = subprocess.run(["ovs-appctl", "-t", self.socket, *args],
                              text=True, capture_output=True, check=False,
                              timeout=20)
        return done.returncode, done.stdout, done.stderr

    def is_alive(self):
        return os.path.exists(self.pidfile) and runs(self.pid)

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def close(self):
        pid = self.pid
        try:
            assert self.appctl("exit")[0] == 0
            wait_for(lambda: not runs(pid), 30)
        finally:
            if runs(pid):
                os.kill(pid, signal.SIGKILL)
        self.check()
        assert not os.path.exists(self.socket)
        assert not os.path.exists(self.pidfile)

    def check(self):
        for path in glob.glob(f"{self.dir}/sanitizer*"):
            with open(path, encoding="utf-8") as f:
                assert not f.read()
        with open(self.log, encoding="utf-8") as f:
            bad = re.findall(r"\|(\w+)\|(?:ERR|EMER)\|", f.read())
        # A crash, or a server that was stopped: these are meant.
        assert set(bad) <= {"daemon_unix", "reconnect"}


class Database:
    """An ovsdb-server of its own, in a directory with a short path.

    With 'daemon' the tool does everything through one.
    """

    def __init__(self, schema=SCHEMA, daemon=False):
        self.dir = tempfile.mkdtemp(prefix="kkctl", dir="/tmp")
        self.socket = os.path.join(self.dir, "s")
        self.remote = "unix:" + self.socket
        self.db = os.path.join(self.dir, "db")
        self.create(schema)
        self.server = None
        self.start()
        self.daemon = (Daemon(self.dir, "--db=" + self.remote) if daemon
                       else None)

    def create(self, schema):
        subprocess.run(["ovsdb-tool", "create", self.db, schema], check=True)

    def start(self):
        env = dict(os.environ, OVS_RUNDIR=self.dir)
        self.server = subprocess.Popen(
            ["ovsdb-server", "--remote=p" + self.remote,
             "--unixctl=" + os.path.join(self.dir, "ctl"), "-vconsole:off",
             self.db], env=env)
        wait_for(lambda: os.path.exists(self.socket))
        wait_for(self.is_served)

    def is_served(self):
        """The server listens before it says what it serves."""
        names = subprocess.run(
            ["ovsdb-client", "dump", "-f", "csv", "--no-headings",
             self.remote, "_Server", "Database", "name"],
            text=True, capture_output=True, check=False, timeout=20).stdout
        return len(set(names.split()) - {"Database", "table"}) > 1

    def stop(self):
        self.server.terminate()
        self.server.wait()

    def close(self):
        try:
            if self.daemon:
                self.daemon.close()
        finally:
            self.stop()
            shutil.rmtree(self.dir)

    def command(self, *args, alone=False):
        """The tool; without its daemon if 'alone'."""
        where = ("--unixctl=" + self.daemon.socket
                 if self.daemon and not alone else "--db=" + self.remote)
        return [CTL, "--no-syslog", where, *args]

    def run(self, *args, timeout=30, alone=False, **env):
        return subprocess.run(
            self.command(*args, alone=alone), text=True, capture_output=True,
            timeout=timeout, check=False,
            env=dict(os.environ, OVS_RUNDIR=self.dir, **env))

    def ok(self, command, *more, **env):
        """Runs 'command', a string of words, and returns its output."""
        result = self.run(*command.split(), *more, **env)
        assert (result.returncode, result.stderr) == (0, ""), command
        return result.stdout

    def fail(self, command, *more):
        """Runs 'command', which must fail with one line and change nothing,
        and returns the line without its beginning."""
        before = self.dump()
        result = self.run(*command.split(), *more)
        assert result.returncode not in (0, None) and result.returncode > 0
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, result.stderr
        assert result.stderr.startswith("kakehashi-ctl: "), result.stderr
        assert self.dump() == before
        return result.stderr[len("kakehashi-ctl: "):].rstrip("\n")

    def apply(self, config):
        lines = [line.split() for line in config.strip().splitlines()]
        words = [word for line in lines for word in line + ["--"]]
        self.ok(" ".join(words[:-1]))

    def transact(self, *operations):
        out = subprocess.run(
            ["ovsdb-client", "transact", self.remote,
             json.dumps([schema_name(), *operations])],
            text=True, capture_output=True, check=True).stdout
        results = json.loads(out)
        assert not any(result.get("error") for result in results), out
        return results

    def update(self, table, **columns):
        return self.transact({"op": "update", "table": table, "where": [],
                              "row": columns})

    def dump(self):
        return subprocess.run(["ovsdb-client", "dump", self.remote,
                               schema_name()],
                              text=True, capture_output=True,
                              check=True).stdout

    def rows(self, verb, *args):
        """The table that "VERB-list" prints, as lists without "error"."""
        table = json.loads(self.ok(f"--format=json {verb}-list", *args))
        assert table["headings"][-1] == "error"
        return [row[:-1] for row in table["data"]]


def on_terminal(db, columns, *words, answer="", on_question=None, **env):
    """Runs the tool on a terminal, and returns what that shows and the exit
    status.  A question is answered with 'answer'."""
    pid, fd = pty.fork()
    if not pid:
        os.environ.update(TERM="xterm", OVS_RUNDIR=db.dir, **env)
        fcntl.ioctl(1, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, columns, 0, 0))
        os.execv(CTL, db.command(*words))
    out = b""
    try:
        while data := os.read(fd, 65536):
            out += data
            if answer and b"[y/N] " in out:
                if on_question:
                    on_question()
                os.write(fd, answer.encode())
                answer = ""
    except OSError:
        pass                    # The other side is closed.
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return out.decode().replace("\r\n", "\n"), status


def seqs(db, **kwargs):
    out = db.ok("--bare --columns=cfg_seq,ctl_seq,edges_seq "
                "list Kakehashi_Global", **kwargs)
    return [int(word) for word in out.split()]


def wait_for_cfg_seq(db, seq):
    deadline = time.monotonic() + 5
    while seqs(db)[0] < seq:
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Waiting:
    """kakehashi-ctl in the background."""

    def __init__(self, db, command):
        self.process = subprocess.Popen(
            db.command("--timeout=20", *command.split()), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def is_waiting(self, seconds=0.3):
        try:
            self.process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            return True

    def finish(self):
        out, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0, out
        return out


class Gate:
    """A way to the server on which transactions, or whatever the server
    says, can be held back, and which can be cut."""

    def __init__(self, db):
        self.db = db
        self.path = os.path.join(db.dir, "gate")
        self.is_holding = threading.Event()
        self.up, self.down = threading.Event(), threading.Event()
        self.up.set()
        self.down.set()
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def remote(self):
        return "unix:" + self.path

    def hold(self):
        """Hold back transactions until release()."""
        self.is_holding.clear()
        self.up.clear()

    def release(self):
        self.up.set()
        self.down.set()

    def cut(self):
        """Break the connections; what is held back is lost."""
        old, self.connections = self.connections, []
        for end in old:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.release()

    def part(self):
        """Break the tool's connections only; what is held back gets through
        later."""
        for end in self.connections[::2]:
            end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            tool, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.db.socket)
            except OSError:
                tool.close()
                continue
            self.connections += [tool, server]
            for source, sink, way in [(tool, server, self.up),
                                      (server, tool, self.down)]:
                threading.Thread(target=self._copy, daemon=True,
                                 args=(source, sink, way)).start()

    def _copy(self, source, sink, way):
        try:
            while data := source.recv(65536):
                if way is self.down or b'"transact"' in data:
                    if not way.is_set():
                        self.is_holding.set()
                    way.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
