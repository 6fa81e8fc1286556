# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A man in the middle of an OpenFlow connection.

It knows where messages begin and end, so it can cut a connection after any
one of them, let a switch wait for the next, change one or swallow it.
"""

import itertools
import socket
import struct
import threading

import netns
import plan

TO_SWITCH, TO_CONTROLLER = "to the switch", "to the controller"
FIRST_PORT = 7000


class Proxy:
    """Listens next to the controller and passes messages on.

    It listens on two ports: with each change from one to the other a switch
    connects anew, at once, where after a cut it would wait for a second.
    'change', if given, is called with the direction of a message and the
    message, and returns what is passed on instead, or None.
    """

    def __init__(self, lab, change=None):
        self.change = change or (lambda direction, message: message)
        self.namespace = lab.control.namespace
        self.gate = threading.Event()       # Is anything let through?
        self.gate.set()
        self.armed = None                   # What the next connection gets.
        self.connections = []
        self.listeners = [self._listen(FIRST_PORT + n) for n in (0, 1)]
        self.targets = itertools.cycle(
            f"tcp:{plan.CONTROLLER_IP}:{FIRST_PORT + n}" for n in (0, 1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        for listener in self.listeners:
            _close(listener)
        for connection in self.connections:
            connection.close()

    def adopt(self, switch, cut=None):
        """Lead a switch's br0 through here; the new connection.

        'cut', if given, is (direction, number of messages after which the
        connection is cut).
        """
        number = len(self.connections)
        self.armed = cut
        switch.vsctl("set-controller", "br0", next(self.targets), "--",
                     "set", "controller", "br0", "max_backoff=1000")
        netns.wait_until(lambda: len(self.connections) > number,
                         what=f"a connection from {switch.name}")
        return self.connections[number]

    def hold(self):
        """Let nothing through to the switch."""
        self.gate.clear()

    def release(self):
        self.gate.set()

    def _listen(self, port):
        listener = netns.open_socket(self.namespace)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((plan.CONTROLLER_IP, port))
        listener.listen()
        _start(self._accept, listener)
        return listener

    def _accept(self, listener):
        while True:
            try:
                switch, _ = listener.accept()
                controller = netns.open_socket(self.namespace)
                controller.connect((plan.CONTROLLER_IP, plan.OPENFLOW_PORT))
            except ConnectionRefusedError:
                _close(switch)
                continue
            except OSError:
                return
            cut, self.armed = self.armed, None
            self.connections.append(
                Connection(switch, controller, cut, self.gate,
                           lambda *args: self.change(*args)))


class Connection:
    """One connection that passes through, with one thread a direction."""

    def __init__(self, switch, controller, cut, gate, change):
        self.sockets = switch, controller
        self.cut = cut
        self.gate = gate
        self.change = change
        self.counts = {TO_SWITCH: 0, TO_CONTROLLER: 0}
        self.closed = threading.Event()
        self.lock = threading.Lock()
        for sock in self.sockets:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._due():
            _start(self._pump, controller, switch, TO_SWITCH)
            _start(self._pump, switch, controller, TO_CONTROLLER)

    def close(self):
        self.closed.set()
        for sock in self.sockets:
            _close(sock)

    def _pump(self, source, sink, direction):
        """Pass messages on until either side, or the cut, ends it."""
        try:
            while True:
                head = _read(source, 8)
                length = struct.unpack_from("!H", head, 2)[0]
                message = self.change(direction,
                                      head + _read(source, length - 8))
                if message is None:
                    continue
                if direction == TO_SWITCH:
                    self.gate.wait()
                # Under the lock, so that nothing overtakes the cut.
                with self.lock:
                    if self.closed.is_set():
                        return
                    self.counts[direction] += 1
                    sink.sendall(message)
                    if self._due():
                        return
        except OSError:
            self.close()

    def _due(self):
        """Cut, if it is time to."""
        if self.cut and self.counts[self.cut[0]] >= self.cut[1]:
            self.close()
        return self.closed.is_set()


def _read(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _close(sock):
    """shutdown() wakes the thread that reads from it; close() does not."""
    for action in (lambda: sock.shutdown(socket.SHUT_RDWR), sock.close):
        try:
            action()
        except OSError:
            pass


def _start(function, *args):
    threading.Thread(target=function, args=args, daemon=True).start()
