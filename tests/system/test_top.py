# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-ctl top, in a real terminal; and what it and monitor say when
there is nobody to ask.  The controller is played, so that numbers are known.
"""

import os
import re
import subprocess
import time

import pytest

from ctldb import CTL
from netns import LabError, wait_until
from unixctl import Unixctl

EVIL = "a\x1b[31mb"


class Numbers:
    """A controller, with 30 bindings."""

    def __init__(self):
        self.began = time.monotonic()
        self.names = [f"segment{n}" for n in range(29)] + [EVIL]
        self.asked = 0

    def stats_show(self, *_args):
        """stats/show: a second after the other, 500 frames are dropped."""
        self.asked += 1
        return {"interval_ms": 1000, "edges": [{}] * 3,
                "segments": [{}] * 30,
                "bindings": [self.binding(n) for n in range(30)]}

    def binding(self, n):
        def rated(frames):
            return {"frames": 10, "bytes": 10, "frames_per_s": frames,
                    "bytes_per_s": frames * 100.0}
        drops = 500 * self.asked if n == 7 else 0
        return {"segment": self.names[n], "vni": n,
                "binding": f"a-cluster-with-a-long-name/trunk0/{n}",
                "edge": f"edge{n % 2}", "active": n != 3, "closed": n == 4,
                "in": rated(1000.0 * n), "out": rated(29000.5 - 1000 * n),
                "period_ms": 1000,
                "dropped": {"limit": {"frames": drops, "bytes": drops}}}

    def show(self, *_args):
        """show: where 9 is, 100 MACs are learned per second."""
        learned = int(100 * (time.monotonic() - self.began))
        return {"segments": [
            {"name": name, "places": [
                {"location": f"a-cluster-with-a-long-name/trunk0/{n}",
                 "macs": 5, "learned": learned if n == 9 else 0}]}
            for n, name in enumerate(self.names)]}


@pytest.fixture(name="controller")
def fixture_controller(tmp_path):
    numbers = Numbers()
    server = Unixctl(str(tmp_path / "ctl"), show=numbers.show,
                     stats_show=numbers.stats_show)
    server.numbers = numbers
    yield server
    if os.path.exists(server.path):
        server.close()


class Terminal:
    """tmux, with one window."""

    def __init__(self, path, width, *command, height=24):
        self.tmux = ["tmux", "-f", "/dev/null", "-S", str(path)]
        self.run("new-session", "-d", "-x", str(width), "-y", str(height),
                 f"trap : INT; {' '.join(command)}; "
                 "echo ended with $?; exec cat")

    def run(self, *args):
        return subprocess.run(self.tmux + list(args), check=True, text=True,
                              timeout=20, stdout=subprocess.PIPE).stdout

    def lines(self):
        return self.run("capture-pane", "-p").splitlines()

    def wait(self, text):
        """Until it shows 'text', a regular expression; its lines."""
        try:
            return wait_until(
                lambda: (lines := self.lines())
                and re.search(text, "\n".join(lines)) and lines,
                what=f"{text} in the terminal")
        except LabError as error:
            raise LabError("\n".join([str(error), *self.lines()])) from None

    def press(self, key):
        self.run("send-keys", key)

    def close(self):
        self.run("kill-server")


@pytest.fixture(name="terminal")
def fixture_terminal(tmp_path):
    opened = []

    def make(width, *command):
        opened.append(Terminal(tmp_path / f"tmux{len(opened)}", width,
                               *command))
        return opened[-1]
    yield make
    for terminal in opened:
        terminal.close()


def first(lines):
    """The words of the first row."""
    return lines[3].split()


def top(controller, *options):
    return CTL, "top", f"--appctl={controller.path}", *options


def test_terminal(controller, terminal):
    """Columns follow the width, at once when it changes; keys sort; when it
    ends the terminal is as before."""
    screen = terminal(80, *top(controller, "--interval=1"))
    lines = screen.wait(r"segment28 .* 28.0k +1000")
    assert lines[0].startswith("3 edges, 30 segments, 30 bindings; ")
    assert re.fullmatch(r"SEGMENT +BINDING +EDGE +>IN/S +OUT/S +DROPS/S "
                        r"+LEARN/S", lines[2].rstrip())
    assert len(lines) == 24 and all(len(line) <= 80 for line in lines)
    # Names are cut where they must be, and are only text.
    assert first(lines)[1] == "a-cluster-with-a-long~"
    assert first(lines)[0] == "a?[31mb"
    assert first(lines)[3:5] == ["29.0k", "0.5"]

    screen.press("l")
    lines = screen.wait(r"segment9 .* \d\d+")
    lines = screen.wait(r">LEARN/S\nsegment9 .* (9\d|1[0-3]\d)")
    screen.press("d")
    lines = screen.wait(r">DROPS/S.*\nsegment7 .* (4|5)\d\d ")
    screen.press("o")
    lines = screen.wait(r">OUT/S.*\nsegment0 ")

    screen.run("resize-window", "-x", "200", "-y", "40")
    lines = screen.wait(r"(?s)ROLE.*MACS.*trunk0/29 .* active ")
    assert lines[2].split() == [
        "SEGMENT", "BINDING", "EDGE", "ROLE", "IN/S", ">OUT/S", "IN",
        "bit/s", "OUT", "bit/s", "DROPS/S", "DROPPED", "LEARN/S", "MACS"]
    assert "a-cluster-with-a-long-name/trunk0/12 " in "\n".join(lines)
    assert first(lines)[:8] == [
        "segment0", "a-cluster-with-a-long-name/trunk0/0", "edge0", "active",
        "0", "29.0k", "0", "23.2M"]
    assert [line.split()[3] for line in lines
            if line.startswith(("segment3 ", "segment4 "))] \
        == ["standby", "closed"]
    assert "segment2 " in "\n".join(lines)      # All fit.

    controller.close()
    screen.wait("(lost|cannot reach) the controller")
    screen.press("q")
    lines = screen.wait("ended with 0")
    assert "SEGMENT" not in "\n".join(lines)


def test_wide_and_interrupted(controller, terminal):
    """A signal leaves the terminal as it was."""
    screen = terminal(200, *top(controller, "--sort=drops"))
    screen.wait(r">DROPS/S.*\nsegment7 ")
    screen.press("C-c")
    wait_until(lambda: "SEGMENT" not in "\n".join(screen.lines()),
               what="the first screen")
    assert screen.run("display-message", "-p",
                      "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]


def run(*args, **env):
    return subprocess.run([CTL, *args], text=True, timeout=30,
                          env={**os.environ, **env}, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_once(controller):
    """For programs: no escape sequences, nothing cut, rates."""
    result = run("top", f"--appctl={controller.path}", "--once",
                 "--interval=.3", "--sort=drops")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert len(lines) == 31 and "\x1b" not in result.stdout
    assert lines[1].split()[:4] == [
        "segment7", "a-cluster-with-a-long-name/trunk0/7", "edge1", "active"]
    # 500 more within what the controller says was a second.
    assert lines[1].split()[8:10] == ["500", "1000"]


def test_dumb_terminal(controller, terminal):
    """One table after the other."""
    screen = terminal(80, "COLUMNS=79", "TERM=dumb",
                      *top(controller, "--interval=.2"))
    wait_until(lambda: controller.numbers.asked > 3, what="tables")
    assert screen.run("display-message", "-p", "#{alternate_on}") == "0\n"


@pytest.mark.parametrize("args, error", [
    (("top", "--appctl=/nosuch/ctl"),
     "cannot reach the controller: /nosuch/ctl: No such file or directory"),
    (("monitor",), "no controller is running here: "),
    (("top", "--sort=size"), '"size" is none of in, out, drops and learn'),
    (("top", "--interval=0"), 'interval "0" is not a number of seconds'),
    (("--once", "monitor"), "'monitor' command has no '--once' option"),
    (("monitor", "--format=html"), 'format "html" is neither text nor json'),
    (("monitor", "a", "b"), '"b": monitor is not followed by anything else'),
])
def test_errors(tmp_path, args, error):
    """One line says what is wrong."""
    result = run(*args, OVS_RUNDIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"kakehashi-ctl: {error}"), result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["top", "monitor"])
def test_other_controllers(tmp_path, command):
    """An older one, and what is none."""
    server = Unixctl(str(tmp_path / "ctl"))
    result = run(command, f"--appctl={server.path}")
    assert result.returncode == 1
    assert "the controller does not know" in result.stderr
    server.commands = {"stats/show": lambda *_: [], "show": lambda *_: {},
                       "events/show": lambda *_: "odd"}
    result = run(command, f"--appctl={server.path}")
    assert result.returncode == 1
    assert "is not a controller" in result.stderr
    # Answers without sense are no reason to die.
    server.commands = {
        "stats/show": lambda *_: {"bindings": [1, {"dropped": {"a": None}}],
                                  "edges": 5},
        "show": lambda *_: {"segments": [{}, {"places": [None]}, 1]},
        "events/show": lambda *_: {"lost": 3, "events": [1, {"event": []}]}}
    if command == "top":
        result = run(command, f"--appctl={server.path}", "--once",
                     "--interval=.1")
        assert len(result.stdout.splitlines()) == 3
    else:
        result = run("--timeout=1", command, f"--appctl={server.path}")
        assert "lost         (3 events)" in result.stdout
    assert result.returncode == 0
    server.close()
