# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What several system tests do with a lab."""

import contextlib
import re
import signal
import time

import netns
from frames import BROADCAST
from netns import wait_until

COOKIE = "cookie=0x4b48000000000000/0xffff000000000000"
LEARNED = "cookie=0x4b4807", "cookie=0x4b4808", "cookie=0x4b4809"


def join(rows):
    """Several commands as one, hence in one transaction."""
    joined = []
    for row in rows:
        joined += ["--", *row] if joined else row
    return joined


def configure(lab, *rows):
    """Run commands of kakehashi-ctl as one, until the edges have it."""
    lab.control.ctl("--wait=edges", *join(rows))


class LastingPing:
    """A ping every 10 ms from one station to another, until it is stopped.

    What got lost are gaps between replies: of the last requests the replies
    may be under way when it stops."""

    def __init__(self, here, there):
        self.output = here.path("ping")
        with open(self.output, "w", encoding="ascii") as output:
            self.process = here.spawn("ping", "-n", "-i", "0.01",
                                      there.ip_address, stdout=output)

    def replies(self):
        with open(self.output, encoding="ascii") as stream:
            return {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl",
                                               stream.read())}

    def stop(self):
        """Once 30 more have been answered; the numbers of those lost."""
        before = max(self.replies(), default=0)
        wait_until(lambda: max(self.replies(), default=0) > before + 30,
                   what="30 more pings")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        seen = self.replies()
        return sorted(set(range(1, max(seen))) - seen)


@contextlib.contextmanager
def no_frame_lost(here, there):
    """Meanwhile, of a ping every 10 ms nothing is lost."""
    both_ways(here, there)
    ping = LastingPing(here, there)
    try:
        yield ping
    finally:
        lost = ping.stop()
    assert not lost, f"{lost} of pings lost"


def wait_synced(lab, *names, timeout=15):
    """Until the switches have confirmed what they should have."""
    for name in names or [s.name for s in lab.controlled]:
        wait_until(lambda: lab.in_sync(name), timeout,
                   f"{name} in sync", 0.05)


def speak_only(lab, version):
    """The switches speak no other version of OpenFlow."""
    for switch in lab.controlled:
        switch.vsctl("set", "bridge", "br0", f"protocols={version}")

    def agreed():
        edges = [lab.control.edge(s.name) for s in lab.controlled]
        return all(e["connected"] and e["state"] == "synced"
                   and e["version"] == f"1.{version[-1]}" for e in edges)
    wait_until(agreed, 15, f"{version} on all switches")


def our_flows(switch, match=""):
    """Flows of the controller in a switch, as dump-flows prints them, but for
    those that the switch has written itself and that end by themselves."""
    return [flow for flow in switch.flows(COOKIE + ("," + match if match
                                                    else ""))
            if not flow.startswith(LEARNED)]


def flows_of_mac(switch, mac):
    """Flows of the controller that name a MAC."""
    return [flow for flow in our_flows(switch) if mac in flow]


def dropped(switch, table=0):
    """Frames that were dropped by our flows of a table."""
    text = switch.ofctl("dump-flows", "br0", f"{COOKIE},table={table}")
    return sum(int(re.search(r"n_packets=(\d+)", line)[1])
               for line in text.splitlines() if line.endswith("actions=drop"))


def wait_location(lab, mac, location, segment="blue", timeout=10):
    """Until the controller knows a MAC at a location."""
    def there():
        entry = lab.control.macs(segment).get(mac)
        return entry and entry["location"] == location
    wait_until(there, timeout, f"{mac} at {location}")


def speak_until(wire, mac, done, timeout, what):
    """Until 'done' returns something true, 'mac' speaks up again and again:
    what LEARN noted for a second may hide a return within it."""
    def spoken():
        wire.send(BROADCAST, src=mac)
        time.sleep(0.2)         # It takes its way.
        return done()
    wait_until(spoken, timeout, what)


def wait_gone(lab, mac, timeout=15):
    """Until a MAC is forgotten, and no switch has a flow for it."""
    wait_until(lambda: mac not in lab.control.macs(), timeout,
               f"{mac} forgotten")
    for switch in lab.controlled:
        wait_until(lambda: not flows_of_mac(switch, mac), timeout,
                   f"{mac} gone from the flows of {switch.name}")


def error_of(lab, table, row):
    """The error column of a row, empty if there is none."""
    text = lab.control.ctl("--bare", "get", table, row, "error").strip()
    return "" if text == "[]" else text


def wait_error(lab, table, row, wanted=True, timeout=10):
    """Until a row has an error, or has none; the error."""
    wait_until(lambda: bool(error_of(lab, table, row)) == wanted, timeout,
               f"{'an' if wanted else 'no'} error in {table} {row}", 0.05)
    return error_of(lab, table, row)


def row_id(lab, table, *conditions):
    """UUID of the one row that meets the conditions."""
    ids = lab.control.ctl("--bare", "--columns=_uuid", "find", table,
                          *conditions).split()
    assert len(ids) == 1, f"{table} {conditions}: {ids}"
    return ids[0]


def active_edge(lab, cluster="edges"):
    """(active, other) switches of a cluster of two, as the row says."""
    edges = [s for s in lab.switches if s.spec.kind == "edge"]
    active = lab.control.ctl("--bare", "get", "cluster", cluster,
                             "active_edge").strip()
    if active == "[]":
        return None, None
    name = lab.control.ctl("get", "edge", active, "name").strip().strip('"')
    edges.sort(key=lambda edge: edge.name != name)
    return edges


def both_ways(a, b, count=3):
    """Every ping arrives, from either side."""
    for here, there in (a, b), (b, a):
        result = here.ping(there, count)
        assert result == (count, count), f"{here.name} to {there.name}"


def program_foreign(far, vni, remotes, port="vm9"):
    """Make a switch that is not ours a VTEP of a segment, by hand."""
    dst = "tun_ipv6_dst" if far.lab.ipv6 else "tun_dst"
    copies = ",".join(f"set_field:{ip}->{dst},output:genev0"
                      for ip in remotes)
    far.run("ovs-ofctl", "-O", "OpenFlow15", "add-flows", "br0", "-",
            stdin=f"in_port={port} actions=set_field:{vni}->tun_id,{copies}\n"
                  f"in_port=genev0,tun_id={vni} actions=output:{port}\n")


def controller_socket(lab, port=6653):
    """A TCP connection to the controller, from its own node."""
    sock = netns.open_socket(lab.control.namespace)
    sock.settimeout(5)
    sock.connect(("10.0.0.1", port))
    return sock


def controller_log(lab, text):
    """The lines of the controller's log that have a text in them."""
    return [line for line in lab.control.log("kakehashi.log").splitlines()
            if text in line]
