#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What TLS costs the controller: MACs learned in a second of its CPU time.

The load is that of tests/bench/learn.py.  Emulated switches speak no TLS;
tests/bench/tlswrap.c does it for them.
"""

import os
import socket
import statistics
import subprocess

from controllers import (Kakehashi, build, emulated_rows, options_of,
                         results, run)
from learn import VTEP, measure
from netns import wait_until
from pki import Pki

SWITCHES = 1, 15, 64
MACS = 100000


class TlsKakehashi(Kakehashi):
    """One that is reached by TLS, and at its socket through tlswrap."""

    wrap = None

    def command(self):
        listen = "--listen=punix:" + self.socket
        return [f"--listen=pssl:{self.port}:127.0.0.1" if word == listen
                else word for word in super().command()] \
            + list(self.pki.options("ctl", "switch"))

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.pki = Pki(self.directory)
        self.pki.make("ctl", "controller")
        self.pki.make("switch")
        super().start()
        self.wrap = subprocess.Popen(
            [os.path.join(build(), "tests", "tlswrap"), self.socket,
             "127.0.0.1", str(self.port), self.pki.key("switch"),
             self.pki.cert("switch")])
        wait_until(lambda: os.path.exists(self.socket), what="tlswrap")

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def stop(self, *args):
        super().stop(*args)
        if self.wrap:
            self.wrap.kill()
            self.wrap.wait()
            self.wrap = None


def main():
    parser = options_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.runs = 1
    print(f"Packet-ins for new MACs that are answered in a second of the "
          f"controller's CPU time, in\nthousands; {options.runs} runs, "
          "median (worst).\n\nswitches       without TLS          with TLS",
          flush=True)
    with results("tls") as stream:
        for switches in SWITCHES:
            rows = [*emulated_rows(switches), *(
                ("vtep-add", f"s{n}", VTEP) for n in range(switches))]
            cells = []
            for kind in Kakehashi, TlsKakehashi:
                with kind(None, rows) as controller:
                    rates = [measure(controller, switches, MACS, 1,
                                     [])["rate"] / 1000
                             for _ in range(options.runs)]
                stream.write(f'{{"switches": {switches}, "what": '
                             f'"{kind.__name__}", "rates": {rates}}}\n')
                cells.append(f"{statistics.median(rates):10.0f} "
                             f"({min(rates):5.0f})")
            print(f"{switches:8}" + " ".join(cells), flush=True)


if __name__ == "__main__":
    run(main)
