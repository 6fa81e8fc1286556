# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""OpenFlow to a switch, in bytes, for loads that no tool makes fast enough,
and for what no tool says."""

import os
import socket
import struct

from netns import LabError

OPENFLOW14, OPENFLOW15 = 5, 6
HELLO, ERROR, FLOW_MOD, BARRIER_REQUEST, BARRIER_REPLY = 0, 1, 14, 20, 21
MULTIPART_REQUEST, MULTIPART_REPLY = 18, 19
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
COMMITTED = 5
FLOWS = 1                       # OFPMP_FLOW_DESC.
MORE = 1
ANY = 0xffffffff


def message(kind, body=b"", xid=1, version=OPENFLOW14):
    return struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body


class Channel:
    """An OpenFlow connection, by a socket that is connected."""

    def __init__(self, connected, version):
        self.version = version
        self.socket = connected
        self.stream = self.socket.makefile("rb", buffering=1 << 20)
        self.send(HELLO)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, kind, body=b""):
        self.socket.sendall(message(kind, body, version=self.version))

    def receive(self):
        """The next message: what it is, and its body."""
        header = self.stream.read(8)
        if not header:
            raise LabError("the switch has hung up")
        _, kind, length, _ = struct.unpack("!BBHI", header)
        return kind, self.stream.read(length - 8)

    def wait_for(self, kind, check=lambda body: True):
        while True:
            got, body = self.receive()
            if got == ERROR:
                raise LabError(f"the switch refuses: {body.hex()}")
            if got == kind and check(body):
                return

    def barrier(self):
        self.send(BARRIER_REQUEST)
        self.wait_for(BARRIER_REPLY)


class Session(Channel):
    """To br0 of a switch."""

    def __init__(self, switch, version=OPENFLOW14):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(f"{switch.folder}/br0.mgmt")
        super().__init__(connected, version)
        self.wait_for(HELLO)

    def commit(self, messages):
        """Sends a bundle that ends with its commitment."""
        self.socket.sendall(messages)
        self.wait_for(BUNDLE_CONTROL,
                      lambda body: body[4:6] == bytes([0, COMMITTED]))

    def dump(self):
        """Asks for all flows, and throws them away."""
        no_match = struct.pack("!HH4x", 1, 4)
        self.send(MULTIPART_REQUEST, struct.pack(
            "!HH4xB3xII4xQQ", FLOWS, 0, 0xff, ANY, ANY, 0, 0) + no_match)
        self.wait_for(MULTIPART_REPLY, lambda body: not body[3] & MORE)


class Listener:
    """Where a switch is to connect to."""

    def __init__(self, path):
        self.target = "unix:" + path
        self.socket = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)
        self.socket.bind(path)
        self.socket.listen()

    def accept(self, version, patience=10):
        """The switch, once it has connected; its HELLO is yet to come."""
        self.socket.settimeout(patience)
        connected, _ = self.socket.accept()
        connected.settimeout(patience)
        return Channel(connected, version)

    def close(self):
        self.socket.close()
