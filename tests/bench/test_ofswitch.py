# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""An emulated switch (ofswitch.c) answers several controllers as
ovs-vswitchd does: who is master, who may write, who is told what.

Each row is played to both, with the same controllers: A, B and C, which the
switch connects to.  A step says who sends what, and what that brings to whom.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lab"),
                os.path.join(HERE, "..", "flows")]

from dummy import PROTOCOLS, Switch     # noqa: E402
from session import BARRIER_REPLY, BARRIER_REQUEST, BUNDLE_ADD, \
    BUNDLE_CONTROL, ERROR, FLOW_MOD, MULTIPART_REPLY, MULTIPART_REQUEST, \
    Listener, message      # noqa: E402

OPENFLOW13, OPENFLOW15 = 4, 6
ECHO_REQUEST, EXPERIMENTER, FEATURES_REQUEST, FEATURES_REPLY = 2, 4, 5, 6
SET_CONFIG, PACKET_IN, FLOW_REMOVED, PACKET_OUT = 9, 10, 11, 13
GROUP_MOD, PORT_MOD, TABLE_MOD = 15, 16, 17
ROLE_REQUEST, ROLE_REPLY, SET_ASYNC, METER_MOD, ROLE_STATUS = 24, 25, 28, 29, 30
SOURCE = 2                      # A table, see flows/layout.h.
TABLES, METERS = 3, 10          # Of multipart messages.
ONF, NICIRA = 0x4f4e4600, 0x2320
ROLE_STATUS_13, PACKET_IN2 = 1911, 30   # Of theirs.
ROLES = ["nochange", "equal", "master", "slave"]
ERRORS = {(1, 10): "IS_SLAVE", (11, 0): "STALE", (11, 2): "BAD_ROLE",
          (12, 1): "METER_EXISTS", (12, 3): "UNKNOWN_METER"}
PATIENCE = 5                    # Seconds.
NONE = 2 ** 64 - 1              # No generation ID.


# ---- What is sent: functions of the OpenFlow version ----------------------

def role(name, generation=0):
    number = ROLES.index(name) if name in ROLES else 9
    return lambda _: (ROLE_REQUEST, struct.pack("!I4xQ", number, generation))


def flow_mod_body(command=0, flags=0, instructions=b"", table=0):
    mask = NONE if command else 0
    return (struct.pack("!QQBBHHHIIIHH", 7, mask, table, command, 0, 0, 100,
                        0xffffffff, 0xffffffff, 0xffffffff, flags, 0)
            + struct.pack("!HH4x", 1, 4) + instructions)


def to_controller(version):
    """Actions that make a packet-in of a frame."""
    del version
    output = struct.pack("!HHIH6x", 0, 16, 0xfffffffd, 0xffff)
    return struct.pack("!HH4x", 4, 8 + len(output)) + output


def flow(version):
    return FLOW_MOD, flow_mod_body(flags=1, instructions=to_controller(version))


def no_flow(_):
    return FLOW_MOD, flow_mod_body(command=3)


def answer(_):
    """To a packet-in, as ofload knows answers."""
    return FLOW_MOD, flow_mod_body(table=SOURCE)


def meter(command, number=5):
    band = struct.pack("!HHII4x", 1, 16, 1000, 1000)
    return lambda _: (METER_MOD, struct.pack("!HHI", command, 2, number)
                      + band)


def packet_out(version):
    head = struct.pack("!I", 0xffffffff)
    port = 0xfffffffd
    if version >= OPENFLOW15:
        return PACKET_OUT, head + struct.pack(
            "!H2x", 0) + struct.pack("!HHHBBI4x", 1, 12, 0x8000, 0, 4, port)
    return PACKET_OUT, head + struct.pack("!IH6x", port, 0)


def group_mod(version):
    body = struct.pack("!HBxI", 0, 0, 1)
    if version >= OPENFLOW15:
        body += struct.pack("!H2xI", 0, 0xffffffff)
    return GROUP_MOD, body


def port_mod(version):
    body = struct.pack("!I4x6s2xII", 2, bytes(6), 0, 0)
    if version >= OPENFLOW15:
        return PORT_MOD, body
    return PORT_MOD, body + struct.pack("!I4x", 0)


def table_mod(_):
    return TABLE_MOD, struct.pack("!B3xI", 0, 0)


def set_config(_):
    return SET_CONFIG, struct.pack("!HH", 0, 128)


def bundle(kind):
    return lambda _: (BUNDLE_CONTROL, struct.pack("!IHH", 3, kind, 3))


def bundled_flow(version):
    return BUNDLE_ADD, struct.pack("!I2xH", 3, 3) + message(
        FLOW_MOD, flow_mod_body(instructions=to_controller(version)),
        version=version)


def slaves_hear(*kinds):
    """As a slave, tell me of packet-ins and flows that go, or of nothing."""
    def make(version):
        packet_ins = 0xffff if "packet-in" in kinds else 0
        removed = 0xf if "flow-removed" in kinds else 0
        if version >= OPENFLOW15:
            return SET_ASYNC, struct.pack(
                "!HHIHHI", 0, 8, 0x3f if packet_ins else 0, 4, 8, removed)
        return SET_ASYNC, struct.pack("!6I", 0x7, 0x7 if packet_ins else 0,
                                      0, 7, 0xf, removed)
    return make


def how_many(what):
    def make(version):
        del version
        number = TABLES if what == "flows" else METERS
        body = b"" if what == "flows" else struct.pack("!I4x", 0xffffffff)
        return MULTIPART_REQUEST, struct.pack("!HH4x", number, 0) + body
    return make


def frame(_):
    """A frame comes in by trunk0: the last step of a row."""


def leaves(_):
    """Its connection ends."""


# ---- What comes back, in a few words --------------------------------------

def counted(body):
    kind, body = struct.unpack("!H", body[:2])[0], body[8:]
    if kind == TABLES:
        total = sum(struct.unpack("!I", body[at + 4:at + 8])[0]
                    for at in range(0, len(body), 24))
        return f"{total} flows"
    total = 0
    while body:
        body = body[struct.unpack("!H", body[:2])[0]:]
        total += 1
    return f"{total} meters"


def role_words(body):
    number, reason, generation = struct.unpack("!IB3xQ", body)
    generation = "none" if generation == NONE else generation
    return f"{ROLES[number]} {generation}", reason


def experimenter(body):
    vendor, number = struct.unpack("!II", body[:8])
    if (vendor, number) == (ONF, ROLE_STATUS_13):
        return status(body[8:])
    assert vendor == NICIRA and number == PACKET_IN2, body.hex()
    return "packet-in"


def status(body):
    words, reason = role_words(body)
    return f"now {words}" + (f" for {reason}" if reason else "")


def error(body):
    kind = struct.unpack("!HH", body[:4])
    return ERRORS.get(kind, f"error {kind}")


WORDS = {
    ERROR: error,
    EXPERIMENTER: experimenter,
    ROLE_REPLY: lambda body: role_words(body)[0],
    ROLE_STATUS: status,
    PACKET_IN: lambda _: "packet-in",
    FLOW_REMOVED: lambda _: "flow-removed",
    MULTIPART_REPLY: counted,
    BUNDLE_CONTROL: lambda body:
        f"bundle {struct.unpack('!H', body[4:6])[0]}",
}


# ---- The switches ---------------------------------------------------------

class RealSwitch(Switch):
    bridge = 0

    def start(self):
        self.start_daemons()

    def connect(self, targets):
        """A new bridge, which has seen no generation ID."""
        self.bridge += 1
        self.vsctl("add-br", f"br{self.bridge}", "--", "set", "bridge",
                   f"br{self.bridge}", "datapath_type=dummy",
                   "fail_mode=secure", "protocols=" + ",".join(PROTOCOLS),
                   "--", "add-port", f"br{self.bridge}", self.port, "--",
                   "set", "interface", self.port, "type=dummy", "--",
                   "set-controller", f"br{self.bridge}", *targets)

    @property
    def port(self):
        return f"trunk{self.bridge}"

    def frame(self):
        self.receive(self.port, Switch.frame("02:00:00:00:00:01",
                                             "ff:ff:ff:ff:ff:ff"))

    def disconnect(self):
        self.vsctl("del-controller", f"br{self.bridge}")


class EmulatedSwitch:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kh")
        self.process = None

    def connect(self, targets, version):
        build = os.environ.get("KAKEHASHI_BUILD", os.path.join(ROOT, "build"))
        self.process = subprocess.Popen(
            [os.path.join(build, "tests", "ofload"), "--on-input",
             "--keep-flows", "--macs=1", "--hold=60",
             *(["--of13"] if version == OPENFLOW13 else []), *targets],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def frame(self):
        self.command("go")

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def result(self):
        return json.loads(self.process.stdout.readline())

    def disconnect(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module", name="real")
def fixture_real():
    switch = RealSwitch()
    yield switch
    switch.stop()


@pytest.fixture(name="emulated")
def fixture_emulated():
    switch = EmulatedSwitch()
    yield switch
    switch.stop()


# ---- Playing --------------------------------------------------------------

class Controllers:
    """A, B and C, to which one switch is connected."""

    def __init__(self, switch, connect, version):
        self.switch, self.version = switch, version
        self.listeners = {name: Listener(f"{switch.folder}/{name}.sock")
                          for name in "ABC"}
        connect([each.target for each in self.listeners.values()])
        self.channels = {}

    def __enter__(self):
        try:
            # All at once: a switch gives each a second.
            self.channels = {name: listener.accept(self.version)
                             for name, listener in self.listeners.items()}
            for channel in self.channels.values():
                channel.send(FEATURES_REQUEST)
                channel.wait_for(FEATURES_REPLY)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.switch.disconnect()
        for each in [*self.channels.values(), *self.listeners.values()]:
            each.close()

    def collect(self, name):
        """What 'name' gets up to the answer to a barrier."""
        channel, got = self.channels[name], []
        channel.send(BARRIER_REQUEST)
        while True:
            kind, body = channel.receive()
            if kind == BARRIER_REPLY:
                return got
            if kind in WORDS:
                got.append(WORDS[kind](body))
            else:
                assert kind == ECHO_REQUEST, f"message of type {kind}"

    def play(self, name, make, expected):
        """What a step brings to each, as in "A: master 1, B: ...".  Of what
        is not an answer, nobody says when it comes: it is waited for."""
        if make is leaves:
            return self.leave(name)
        if make is frame:
            self.switch.frame()
        else:
            self.channels[name].send(*make(self.version))
        got = {each: [] for each in self.channels}
        end = time.monotonic() + PATIENCE
        while True:
            for each in sorted(got, key=lambda n: n != name):
                got[each] += self.collect(each)
            text = ", ".join(f"{each}: {words}" for each in got
                             for words in got[each])
            if len(text) >= len(expected) or time.monotonic() > end:
                return text

    def leave(self, name):
        self.channels.pop(name).close()
        self.listeners.pop(name).close()
        return ""


WRITES = [("flow-mod", flow), ("group-mod", group_mod),
          ("meter-mod", meter(0)), ("packet-out", packet_out),
          ("port-mod", port_mod), ("table-mod", table_mod)]
BUNDLES = [("open", bundle(0)), ("add", bundled_flow), ("commit", bundle(4))]

# What it shows, and its steps: who, does what, what comes back.
ROWS = [
    ("all begin as equal and may write", [
        ("A", role("nochange"), "A: equal none"),
        ("B", flow, ""),
        ("C", role("nochange"), "C: equal none"),
        ("C", how_many("flows"), "C: 1 flows")]),
    ("a master, and slaves that ask to be", [
        ("A", role("master", 5), "A: master 5"),
        ("B", role("slave", 5), "B: slave 5"),
        ("C", role("nochange"), "C: equal 5"),
        ("A", role("nochange"), "A: master 5")]),
    ("the former master becomes a slave and is told", [
        ("A", role("master", 5), "A: master 5"),
        ("B", role("master", 6), "A: now slave 6, B: master 6"),
        ("A", role("nochange"), "A: slave 6"),
        ("A", flow, "A: IS_SLAVE"),
        ("A", role("master", 7), "A: master 7, B: now slave 7"),
        ("A", flow, ""),
        ("C", how_many("flows"), "C: 1 flows")]),
    ("a master with the same generation takes over, too", [
        ("A", role("master", 5), "A: master 5"),
        ("B", role("master", 5), "A: now slave 5, B: master 5")]),
    ("to be master twice changes nothing", [
        ("A", role("master", 5), "A: master 5"),
        ("A", role("master", 6), "A: master 6")]),
    ("whoever is late is refused and stays what it is", [
        ("A", role("master", 5), "A: master 5"),
        ("B", role("master", 4), "B: STALE"),
        ("B", role("slave", 4), "B: STALE"),
        ("B", role("nochange", 4), "B: equal 5"),
        ("B", role("equal", 4), "B: equal 5"),
        ("A", role("master", 3), "A: STALE"),
        ("A", role("nochange"), "A: master 5")]),
    ("a slave moves the generation on, too", [
        ("B", role("slave", 9), "B: slave 9"),
        ("A", role("master", 8), "A: STALE"),
        ("A", role("master", 9), "A: master 9")]),
    ("generations are compared round the end", [
        ("A", role("master", 2 ** 64 - 2), f"A: master {2 ** 64 - 2}"),
        ("B", role("master", 1), "A: now slave 1, B: master 1"),
        ("A", role("master", 2 ** 64 - 2), "A: STALE"),
        ("A", role("master", 2 ** 63 + 1), "A: STALE"),
        ("A", role("master", 2 ** 63), f"A: master {2 ** 63}, "
                                       f"B: now slave {2 ** 63}")]),
    ("a master can step back", [
        ("A", role("master", 5), "A: master 5"),
        ("A", role("slave", 5), "A: slave 5"),
        ("A", flow, "A: IS_SLAVE"),
        ("A", role("equal"), "A: equal 5"),
        ("A", flow, ""),
        ("A", role("master", 5), "A: master 5")]),
    ("there is no such role", [
        ("A", role("nonsense", 7), "A: BAD_ROLE"),
        ("A", role("nochange"), "A: equal none")]),
    ("a slave may not write", [
        ("A", flow, ""),
        ("B", role("slave", 1), "B: slave 1"),
        *(("B", make, "B: IS_SLAVE") for _, make in WRITES),
        ("B", no_flow, "B: IS_SLAVE"),
        ("A", how_many("flows"), "A: 1 flows"),
        ("A", how_many("meters"), "A: 0 meters")]),
    ("but read, and set what concerns itself", [
        ("A", flow, ""),
        ("B", role("slave", 1), "B: slave 1"),
        ("B", set_config, ""),
        ("B", slaves_hear(), ""),
        ("B", how_many("flows"), "B: 1 flows")]),
    ("an equal may write beside a master", [
        ("A", role("master", 1), "A: master 1"),
        ("B", flow, ""),
        ("A", how_many("flows"), "A: 1 flows")]),
    ("meters are there for everybody", [
        ("A", meter(0), ""),
        ("A", meter(0), "A: METER_EXISTS"),
        ("B", meter(0, 6), ""),
        ("B", how_many("meters"), "B: 2 meters"),
        ("B", meter(1, 7), "B: UNKNOWN_METER"),
        ("B", meter(1, 5), ""),
        ("B", meter(2, 5), ""),
        ("A", how_many("meters"), "A: 1 meters")]),
    ("when the master has gone, others stay what they are", [
        ("A", role("master", 5), "A: master 5"),
        ("B", role("slave", 5), "B: slave 5"),
        ("A", flow, ""),
        ("A", leaves, ""),
        ("B", role("nochange"), "B: slave 5"),
        ("B", no_flow, "B: IS_SLAVE"),
        ("B", role("master", 4), "B: STALE"),
        ("B", role("master", 6), "B: master 6"),
        ("B", how_many("flows"), "B: 1 flows")]),
    ("master and equal hear of frames", [
        ("A", flow, ""),
        ("A", role("master", 1), "A: master 1"),
        ("B", role("slave", 1), "B: slave 1"),
        ("A", frame, "A: packet-in, C: packet-in")]),
    ("slaves, too, if they want to", [
        ("A", flow, ""),
        ("A", role("master", 1), "A: master 1"),
        ("B", role("slave", 1), "B: slave 1"),
        ("C", role("slave", 1), "C: slave 1"),
        ("C", slaves_hear("packet-in"), ""),
        ("A", frame, "A: packet-in, C: packet-in")]),
    ("the same for flows that are deleted", [
        ("A", flow, ""),
        ("A", role("master", 1), "A: master 1"),
        ("B", role("slave", 1), "B: slave 1"),
        ("A", no_flow, "A: flow-removed, C: flow-removed"),
        ("A", flow, ""),
        ("B", slaves_hear("flow-removed"), ""),
        ("A", no_flow, "A: flow-removed, B: flow-removed, "
                       "C: flow-removed")]),
]
BUNDLE_ROWS = [
    ("a slave has no bundles", [
        ("B", role("slave", 1), "B: slave 1"),
        *(("B", make, "B: IS_SLAVE") for _, make in BUNDLES),
        ("B", how_many("flows"), "B: 0 flows")]),
    ("whoever becomes a slave does not finish its bundle", [
        ("A", bundle(0), "A: bundle 1"),
        ("A", bundled_flow, ""),
        ("B", role("master", 1), "B: master 1"),
        ("A", role("slave", 1), "A: slave 1"),
        ("A", bundled_flow, "A: IS_SLAVE"),
        ("A", bundle(4), "A: IS_SLAVE"),
        ("A", how_many("flows"), "A: 0 flows")]),
    ("bundles of two do not meet", [
        ("A", bundle(0), "A: bundle 1"),
        ("B", bundle(0), "B: bundle 1"),
        ("A", bundled_flow, ""),
        ("B", bundle(4), "B: bundle 5"),
        ("A", how_many("flows"), "A: 0 flows"),
        ("A", bundle(4), "A: bundle 5"),
        ("A", how_many("flows"), "A: 1 flows")]),
]
CASES = ([(OPENFLOW13, *row) for row in ROWS]
         + [(OPENFLOW15, *row) for row in ROWS + BUNDLE_ROWS])


def play(controllers, steps):
    with controllers:
        return [controllers.play(*step) for step in steps]


@pytest.mark.parametrize(
    "version, steps", [(version, steps) for version, _, steps in CASES],
    ids=[f"1.{version - 1}: {what}" for version, what, _ in CASES])
def test_roles(real, emulated, version, steps):
    expected = [result for _, _, result in steps]
    assert play(Controllers(real, real.connect, version), steps) == expected
    assert play(Controllers(
        emulated, lambda targets: emulated.connect(targets, version),
        version), steps) == expected


def test_load_follows_the_master(emulated):
    """What the master did not answer, another one gets, and ofload tells who
    was it, and what came from whom."""
    steps = [
        ("A", role("master", 1), "A: master 1"),
        ("B", role("slave", 1), "B: slave 1"),
        ("A", frame, "A: packet-in, C: packet-in"),
        ("B", answer, "B: IS_SLAVE"),
        ("C", role("master", 2), "A: now slave 2, C: master 2, C: packet-in"),
        ("C", leaves, ""),
        ("B", role("nochange"), "B: slave 2"),
        ("B", role("master", 3), "B: master 3, B: packet-in"),
        ("B", answer, ""),
    ]
    with Controllers(emulated, lambda targets: emulated.connect(
            targets, OPENFLOW15), OPENFLOW15) as controllers:
        for step in steps:
            assert controllers.play(*step) == step[2]
        result = emulated.result()
        assert (result["packet_ins"], result["flow_mods"]) == (1, 1)
        for what, values in (("connected", [1, 1, 0]), ("master", [0, 1, 0]),
                             ("slave", [1, 0, 0]), ("flow_mods", [0, 1, 0]),
                             ("refused", [0, 1, 0]), ("roles", [1, 1, 2])):
            assert [c[what] for c in result["controllers"]] == values, what
        before = time.monotonic()
        for line, masters in ("master", 1), ("slave", -1):
            controllers.play("B", role(line, 4), f"B: {line} 4")
            emulated.command("status")
            assert emulated.result()["masters"] == [masters]
        emulated.command("status")
        assert before < emulated.result()["mastered"] < time.monotonic()
        emulated.command("macs")
        assert emulated.result() == {"source": 0, "dest": 0}
