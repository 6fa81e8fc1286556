# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""TLS, with switches and with the database: who gets in, and who does not."""

import os
import re
import signal
import subprocess
import time

import pytest

import plan
from netns import wait_until
from node import parse_ping
from pki import (TLS_PORT, Pki, copy, database, move, port_of,
                 start_controller, start_database, use_tls)
from world import (active_edge, both_ways, controller_log, controller_socket,
                   error_of, row_id, wait_error, wait_synced)

SMALL = pytest.mark.parametrize("lab", [{"extras": False}], indirect=True,
                                ids=["small"])
REFUSED = "disconnected before a version was agreed on"


@pytest.fixture(name="pki", scope="session")
def fixture_pki(tmp_path_factory):
    """Certificates of the controller, of all switches, and of a stranger."""
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.make("ctl", "controller")
    pki.make("admin", "controller")
    for name in "edge1", "edge2", "host1", "db":
        pki.make(name)
    return pki


@pytest.fixture(name="secure")
def fixture_secure(blue, pki):
    """The lab, with a controller that listens for TLS too."""
    start_controller(blue, pki)
    wait_synced(blue)
    return blue


def why_refused(lab):
    """What the log says of the last one that did not get in."""
    lines = wait_until(lambda: controller_log(lab, REFUSED),
                       what="somebody refused")
    return lines[-1].split(REFUSED)[1]


@SMALL
def test_connect(secure, pki):
    """Everything works as without it."""
    move(secure, pki)
    both_ways(secure.station("ph1"), secure.station("vm1"))
    assert secure.control.edge("edge1")["address"].startswith("ssl:")
    for switch in secure.controlled:
        assert secure.control.json("flows/diff", switch.name) == []
        switch.restart_vswitchd()
    wait_synced(secure)
    # The last of them may have to find out where the others are, still.
    wait_until(lambda: secure.station("ph1").reaches(secure.station("vm1")),
               what="a way through restarted switches")
    both_ways(secure.station("ph1"), secure.station("vm1"))
    assert not controller_log(secure, REFUSED)


@SMALL
def test_plain_tcp_is_warned_of(secure):
    """Once for each start, and for nothing but that address."""
    lines = controller_log(secure, "without TLS")
    assert len(lines) == 2 and all("ptcp:6653" in line for line in lines)


@SMALL
def test_wrong_ca(secure, pki, tmp_path):
    """A certificate of somebody else's authority."""
    other = Pki(tmp_path)
    other.make("edge1")
    edge = secure.switch("edge1")
    edge.vsctl("set-ssl", other.key("edge1"), other.cert("edge1"),
               pki.ca("controller"), "--",
               "set-controller", "br0",
               f"ssl:{plan.CONTROLLER_IP}:{TLS_PORT}")
    assert "its certificate is not trusted: " in why_refused(secure)
    assert not secure.control.edge("edge1")["connected"]
    use_tls(edge, pki)
    wait_synced(secure, "edge1")


@SMALL
def test_no_certificate(secure, pki):
    """Who has none, or does not even speak TLS."""
    secure.control.run("openssl", "s_client", "-connect",
                       f"{plan.CONTROLLER_IP}:{TLS_PORT}", stdin="Q\n",
                       check=False)
    assert "it has no certificate" in why_refused(secure)
    with controller_socket(secure, TLS_PORT) as sock:
        sock.sendall(bytes.fromhex("06000010000000010001000800000040"))
        wait_until(lambda: "it does not speak TLS" in why_refused(secure),
                   what="a refusal")
        assert sock.recv(100)[:1] in (b"\x15", b"")
    edge = secure.switch("edge1")
    edge.vsctl("set-controller", "br0",
               f"tcp:{plan.CONTROLLER_IP}:{TLS_PORT}")
    wait_until(lambda: not secure.control.edge("edge1")["connected"],
               what="edge1 disconnected")
    move(secure, pki, "edge1")


@SMALL
def test_reload(secure, pki, tmp_path):
    """New files serve new sessions, and no session ends by that."""
    for name in "ctl", "edge1":
        for path in pki.key, pki.cert:
            copy(path(name), tmp_path / os.path.basename(path(name)))
    private = dict(key=str(tmp_path / "ctl-privkey.pem"),
                   cert=str(tmp_path / "ctl-cert.pem"))
    start_controller(secure, pki, f"--private-key={private['key']}",
                     f"--certificate={private['cert']}",
                     f"--ca-cert={pki.ca('switch')}")
    move(secure, pki)
    ports = {s.name: port_of(secure, s.name) for s in secure.controlled}

    # A key without its certificate makes no sense, and is not taken.
    pki.make("ctl2", "controller")
    copy(pki.key("ctl2"), private["key"])
    wait_until(lambda: shown_by_controller(secure)
               and controller_log(secure, "stays in force"),
               what="a complaint")
    assert shown_by_controller(secure) == "ctl"
    copy(pki.cert("ctl2"), private["cert"])
    wait_until(lambda: shown_by_controller(secure) == "ctl2",
               what="the new certificate")
    copy("/dev/null", private["cert"])
    wait_until(lambda: shown_by_controller(secure)
               and len(controller_log(secure, "stays in force")) == 2,
               what="another complaint")
    assert shown_by_controller(secure) == "ctl2"

    both_ways(secure.station("ph1"), secure.station("vm1"))
    assert ports == {s.name: port_of(secure, s.name)
                     for s in secure.controlled}
    edge = secure.switch("edge1")
    edge.restart_vswitchd()
    wait_synced(secure)


def shown_by_controller(lab):
    """The name in the certificate that the controller shows."""
    _, text = lab.control.run(
        "openssl", "s_client", "-connect",
        f"{plan.CONTROLLER_IP}:{TLS_PORT}", stdin="Q\n", check=False)
    found = re.search(r"^subject=.*CN = (\S+)$", text, re.M)
    return found and found[1]


# ---- The database ---------------------------------------------------------

def ctl(lab, pki, who, *args, name="admin"):
    """kakehashi-ctl over TLS, as 'name': (status, output)."""
    return lab.control.run("kakehashi-ctl", "--timeout=10",
                           *pki.options(name, "switch"), database(who), *args,
                           check=False)


@SMALL
def test_database(blue, pki, tmp_path):
    """The controller and the tool reach it by TLS, and nobody else does."""
    start_database(blue, pki)
    start_controller(blue, pki, *pki.options("ctl", "switch"),
                     database("controller"))
    move(blue, pki)
    assert blue.control.json("show")["database"]["connected"]
    status, text = ctl(blue, pki, "admin", "--wait=edges", "bind", "blue",
                       "edges", "trunk0", "200")
    assert not status, text
    both_ways(blue.station("ph1"), blue.station("vm1"))

    other = Pki(tmp_path)
    other.make("admin", "controller")
    for name, options in (
            ("another authority", (*other.options("admin", "switch")[:2],
                                   f"--ca-cert={pki.ca('switch')}")),
            ("a server that is not trusted", (
                *pki.options("admin", "switch")[:2],
                f"--ca-cert={other.ca('switch')}"))):
        status, text = blue.control.run(
            "kakehashi-ctl", "--timeout=5", *options, database("admin"),
            "show", check=False)
        assert status and "ssl:" in text, f"{name}: {text}"


@SMALL
def test_role(blue, pki):
    """Who has a controller's key can write what controllers write, and no
    more; and that is all that controllers need."""
    blue.control.ctl("init")
    start_database(blue, pki)
    start_controller(blue, pki, *pki.options("ctl", "switch"),
                     database("controller"))
    move(blue, pki)
    for command in (("segment-add", "red", 5002),
                    ("--cascade", "edge-del", "host1"),
                    ("set", "edge", "edge1", "tunnel_ip=10.9.9.9"),
                    ("set", "cluster", "edges", "failover=preemptive"),
                    ("--all", "destroy", "RBAC_Role"),
                    ("set", "edge", "edge1",
                     "other_config:certificate-cn=edge2")):
        status, text = ctl(blue, pki, "controller", *command, name="ctl")
        assert status and "RBAC" in text, f"{command}: {text}"

    # What it does need: errors, failovers, orders, and the rows of others.
    status, text = ctl(blue, pki, "admin", "bind", "blue", "edge1", "none0",
                       "5")
    assert not status, text
    wait_error(blue, "binding", row_id(blue, "binding", "port=none0"))
    active, standby = active_edge(blue)
    blue.control.appctl("cluster/failover", "edges", standby.name)
    blue.control.appctl("edge/drain", active.name)
    wait_until(lambda: active_edge(blue)[0] is standby, what="a failover")
    wait_until(lambda: blue.control.ctl(
        "get", "edge", active.name, "drained").strip() == "true",
        what="the order in the row")
    blue.control.kill()
    start = ("--name=other", f"--listen=pssl:{TLS_PORT}:{plan.CONTROLLER_IP}",
             *pki.options("ctl", "switch"), database("controller"))
    blue.control.start_daemon(*start)
    wait_synced(blue)
    wait_until(lambda: blue.control.ctl(
        "--bare", "--columns=name", "list", "controller").split()
        == ["other"], 20, "the row of who is gone to go")
    assert not controller_log(blue, "not written")


@SMALL
def test_bootstrap(blue, pki, tmp_path):
    """The CA's certificate is taken from the database; switches wait for
    it."""
    start_database(blue, pki)
    ca = str(tmp_path / "ca.pem")
    blue.control.exit_daemon()
    blue.control.start_daemon(
        f"--listen=pssl:{TLS_PORT}:{plan.CONTROLLER_IP}",
        *pki.options("ctl", "switch")[:2], f"--bootstrap-ca-cert={ca}",
        database("admin"))
    move(blue, pki)
    with open(ca, encoding="ascii") as got, \
         open(pki.ca("switch"), encoding="ascii") as wanted:
        assert got.read() in wanted.read()


# ---- Who is which edge ----------------------------------------------------

def pin(lab, name, cn):
    """Which certificate an edge must show, or (None) none in particular."""
    lab.control.ctl(*(["set", "edge", name,
                       f'other_config:certificate-cn="{cn}"'] if cn is not None
                      else ["remove", "edge", name, "other_config",
                            "certificate-cn"]))


def plain(text):
    """An error as it is, not as the tool quotes it."""
    return text.replace('\\"', '"')


def connected(lab, name):
    return lab.control.edge(name)["connected"]


@SMALL
def test_pin(secure, pki):
    """An edge is who shows its certificate, and nobody else."""
    move(secure, pki)
    for switch in secure.controlled:
        pin(secure, switch.name, switch.name)
    ports = {s.name: port_of(secure, s.name) for s in secure.controlled}
    assert secure.control.edge("edge1")["certificate"] == "edge1"
    wait_until(lambda: secure.control.ctl(
        "get", "edge", "edge1", "status:certificate").strip() == "edge1",
        what="the certificate in the row")

    # The pin of a session that there is: it ends.
    pin(secure, "edge1", "somebody")
    why = 'its certificate is of "edge1", not of "somebody"'
    assert why in plain(wait_error(secure, "edge", "edge1"))
    shown = secure.control.edge("edge1")
    assert not shown["connected"] and why in shown["error"]
    assert f"ssl:10.0.0.11 was refused: {why}" in shown["refused"]
    assert why in secure.control.appctl("edge/show", "edge1")
    pin(secure, "edge1", "edge1")
    wait_error(secure, "edge", "edge1", wanted=False)
    wait_synced(secure)
    assert secure.control.edge("edge1")["refused"] is None

    # One that has another edge's datapath ID, but its own certificate; and
    # one that comes without TLS.
    edge = secure.switch("edge1")
    edge.vsctl("set-controller", "br0", "tcp:10.0.0.1:9")
    wait_until(lambda: not connected(secure, "edge1"), what="the end")
    use_tls(edge, pki, "edge2")
    assert 'is of "edge2", not of "edge1"' in plain(
        wait_error(secure, "edge", "edge1"))
    edge.vsctl("set-controller", "br0", f"tcp:{plan.CONTROLLER_IP}:6653")
    wait_until(lambda: "has not shown a certificate"
               in error_of(secure, "edge", "edge1"), what="the other refusal")
    assert not connected(secure, "edge1")
    use_tls(edge, pki)
    wait_synced(secure)
    both_ways(secure.station("ph1"), secure.station("vm1"))
    assert all(port_of(secure, name) == ports[name]
               for name in ("edge2", "host1"))


@SMALL
def test_pin_that_makes_no_sense(secure):
    pin(secure, "edge1", "")
    assert "certificate-cn is empty" in wait_error(secure, "edge", "edge1")
    assert not connected(secure, "edge1")
    pin(secure, "edge1", None)
    wait_error(secure, "edge", "edge1", wanted=False)
    wait_synced(secure)


class Impostor:
    """Says hello, and that it is somebody else."""

    def __init__(self, lab, dpid):
        self.sock = controller_socket(lab)
        self.sock.sendall(bytes.fromhex("0600000800000001"))
        while self.read()[1] != 5:              # Features request.
            pass
        self.sock.sendall(bytes.fromhex("0606002000000001" + dpid
                                        + "000000000000000000000000"
                                        "00000000"))

    def read(self):
        """The next message, empty once the controller has closed."""
        message = b""
        while len(message) < 8 or len(message) < int.from_bytes(
                message[2:4], "big"):
            piece = self.sock.recv(1)
            if not piece:
                return b""
            message += piece
        return message

    def is_refused(self):
        """Until the controller closes, or asks for what it asks edges."""
        while message := self.read():
            if message[1] == 18:                # Multipart request.
                return False
        return True


def test_second_connection_is_refused(blue):
    """As long as the first answers, however many come."""
    port = port_of(blue, "edge1")
    ph1, vm1 = blue.station("ph1"), blue.station("vm1")
    both_ways(ph1, vm1)
    dpid = blue.switch("edge1").dpid
    ping = ph1.spawn("ping", "-n", "-q", "-c", "100", "-i", "0.01",
                     vm1.ip_address, stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        impostors = [Impostor(blue, dpid) for _ in range(10)]
        assert all(i.is_refused() for i in impostors)
    assert parse_ping(ping.communicate(timeout=30)[0]) == (100, 100)
    edge = blue.control.edge("edge1")
    assert port_of(blue, "edge1") == port and edge["error"] is None
    assert "and answers" in edge["refused"]


def test_second_connection_replaces_a_silent_one(blue):
    """But not before it has had time to answer."""
    edge = blue.switch("edge1")
    os.kill(edge.vswitchd_pid, signal.SIGSTOP)
    start = time.monotonic()
    try:
        impostor = Impostor(blue, edge.dpid)
        assert not impostor.is_refused()
        assert time.monotonic() - start > 2.5
        assert "does not answer, and is replaced" in controller_log(
            blue, "is replaced by")[-1]
    finally:
        os.kill(edge.vswitchd_pid, signal.SIGCONT)
    impostor.sock.close()
    wait_synced(blue)
    both_ways(blue.station("ph1"), blue.station("vm1"))
