# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""TLS, with switches and with the database: who gets in, and who does not."""

import os
import re

import pytest

import plan
from netns import wait_until
from pki import (TLS_PORT, Pki, copy, move, port_of, start_controller,
                 use_tls)
from world import both_ways, controller_log, controller_socket, wait_synced

SMALL = pytest.mark.parametrize("lab", [{"extras": False}], indirect=True,
                                ids=["small"])
REFUSED = "disconnected before a version was agreed on"


@pytest.fixture(name="pki", scope="session")
def fixture_pki(tmp_path_factory):
    """Certificates of the controller, of all switches, and of a stranger."""
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.make("ctl", "controller")
    for name in "edge1", "edge2", "host1":
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
