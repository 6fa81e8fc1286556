# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbered frames: who gets which, and how many copies of each.

A ping tells that a frame arrived, never that it arrived twice or at someone
else's.  These frames have an EtherType of their own (local experimental), so
that nobody answers them, a token that tells one burst from the next, and a
number each.
"""

import collections
import itertools
import os
import select
import socket
import struct
import threading
import time

import netns

ETHERTYPE = 0x88b5
RARP = b"\x80\x35"
ETH_P_ALL = 0x0003
BROADCAST = "ff:ff:ff:ff:ff:ff"
QUIET = 0.15                    # Seconds in which a stray copy would come.

SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 0x10

HEAD = struct.Struct("!HIQI")   # EtherType, our pid, token, number.

_tokens = itertools.count(1)


def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


class Wire:
    """A raw socket on an interface of a node."""

    def __init__(self, node, interface="eth0"):
        self.name = node.name
        self.mac = getattr(node, "mac", None)
        # Only a socket for all protocols sees what leaves, too.
        self.socket = netns.open_socket(
            node.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)
        self.seen = collections.Counter()       # (token, number): copies
        self.sent = collections.Counter()       # The same, on their way out.
        self.tags = set()                       # VLAN tags that were seen.
        self.rarps = []                         # Who spoke RARP, in order.

    def close(self):
        self.socket.close()

    def send(self, dst, src=None, count=1, token=None, first=0):
        """Send 'count' frames, numbered from 'first'; their token."""
        token = token or next(_tokens)
        head = packed(dst) + packed(src or self.mac)
        for number in range(first, first + count):
            self.socket.send(head + HEAD.pack(ETHERTYPE, os.getpid(), token,
                                              number) + bytes(40))
        return token

    def collect(self):
        """Take in all that has arrived."""
        while True:
            try:
                data, ancillary, _, address = self.socket.recvmsg(2048, 256)
            except BlockingIOError:
                return
            outgoing = address[2] == socket.PACKET_OUTGOING
            if data[12:14] == RARP and not outgoing:
                self.rarps.append(data[6:12].hex(":"))
            start = 16 if data[12:14] == b"\x81\x00" else 12
            if len(data) < start + HEAD.size:
                continue
            kind, pid, token, number = HEAD.unpack_from(data, start)
            if (kind, pid) != (ETHERTYPE, os.getpid()):
                continue
            (self.sent if outgoing else self.seen)[token, number] += 1
            if not outgoing:
                self.tags.update(_tags(ancillary))

    def copies(self, token):
        """{number: copies} of one burst."""
        self.collect()
        return {n: count for (t, n), count in self.seen.items() if t == token}


def _tags(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, tci, _ = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                yield tci & 0xfff


class Wires:
    """The wires of all stations of a lab."""

    def __init__(self, lab):
        self.wires = {s.name: Wire(s) for s in lab.stations}

    def close(self):
        for wire in self.wires.values():
            wire.close()

    def __getitem__(self, name):
        return self.wires[name]

    def burst(self, sender, dst, expect, src=None, count=10, timeout=5):
        """Send frames from 'sender' and return who got what.

        Waits until all of 'expect' have all frames, then a little longer
        for copies that should not be.  The result is like {"vm1": "all",
        "ph2": {3: 2}}: "all" stands for exactly one copy of each, and who
        got nothing is left out.
        """
        for wire in self.wires.values():
            wire.collect()      # A full buffer would lose ours.
        token = self.wires[sender].send(dst, src, count)
        deadline = time.monotonic() + timeout
        while (any(len(self.wires[name].copies(token)) < count
                   for name in expect) and time.monotonic() < deadline):
            time.sleep(0.01)
        time.sleep(QUIET)
        whole = {number: 1 for number in range(count)}
        result = {}
        for name, wire in self.wires.items():
            copies = wire.copies(token)
            if copies:
                result[name] = "all" if copies == whole else copies
        return result

    def check(self, sender, dst, expect, **kwargs):
        """Exactly the stations in 'expect' get each frame exactly once."""
        got = self.burst(sender, dst, expect, **kwargs)
        assert got == {name: "all" for name in expect}, \
            f"from {sender} to {dst}: {got}"
        tagged = {n: w.tags for n, w in self.wires.items() if w.tags}
        assert not tagged, f"tagged frames at access ports: {tagged}"

    def follow(self, sender, dst, expect, timeout=5):
        """Soon, frames go to the station 'expect', and then to no other.

        The ToR learns from what its datapath has cached, and only now and
        then: of two frames that its revalidator accounts for in one turn, the
        older may win.  So the station that has 'dst' now goes on speaking, as
        real ones do.
        """
        def there():
            for name in expect:
                self.wires[name].send(BROADCAST, src=dst)
            token = self.wires[sender].send(dst)
            time.sleep(0.05)
            return all(self.wires[name].copies(token) for name in expect)
        netns.wait_until(there, timeout, f"frames for {dst} at {expect}")
        self.check(sender, dst, expect)


class Stream:
    """Numbered broadcasts from one station that go on until close().

    It has sockets of its own, so that a test can use its Wires meanwhile.
    """

    INTERVAL = 0.002            # Seconds.

    def __init__(self, lab, sender):
        self.sender = sender
        self.wires = {s.name: Wire(s) for s in lab.stations}
        self.token = next(_tokens)
        self.number = 0         # Of the next frame.
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._end.set()
        self._thread.join()
        time.sleep(QUIET)
        self._collect()
        for wire in self.wires.values():
            wire.close()

    def _run(self):
        while not self._end.wait(self.INTERVAL):
            with self._lock:
                self.wires[self.sender].send(BROADCAST, token=self.token,
                                             first=self.number)
                self.number += 1
                self._collect()

    def _collect(self):
        for wire in self.wires.values():
            wire.collect()

    def wait_for(self, *names, timeout=15):
        """Until frames that are sent from now on arrive at 'names'."""
        start = self.number

        def arrived(name):
            with self._lock:
                return any(t == self.token and n >= start
                           for t, n in self.wires[name].seen)
        for name in names:
            netns.wait_until(lambda: arrived(name), timeout,
                             f"frames from {self.sender} at {name}")

    def excess(self):
        """{station: {number: copies}} of what is there more than once.

        Whose frames they are must not get any back.
        """
        found = {}
        for name, wire in self.wires.items():
            allowed = 0 if name == self.sender else 1
            more = {n: count for (t, n), count in sorted(wire.seen.items())
                    if t == self.token and count > allowed}
            if more:
                found[name] = more
        return found


def drain(sock):
    """Read what a stream socket has; True if the other side closed it."""
    while select.select([sock], [], [], 0)[0]:
        try:
            if not sock.recv(65536):
                return True
        except ConnectionError:
            return True
    return False
