# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Certificates, made as the documentation says, and who uses them."""

import os
import re
import shutil
import signal
import subprocess

import plan
from netns import wait_until
from world import wait_synced

TLS_PORT = 6654
DB_PORTS = {"controller": 6641, "admin": 6642}
TARGET = f"ssl:{plan.CONTROLLER_IP}:{TLS_PORT}"


class Pki:
    """A directory with an authority for each side, and what they sign."""

    def __init__(self, directory):
        self.directory = str(directory)
        self._ovs_pki("init")

    def path(self, name):
        return os.path.join(self.directory, name)

    def ca(self, kind):
        """The certificate by which 'kind', "switch" or "controller", is
        known."""
        return self.path(f"pki/{kind}ca/cacert.pem")

    def make(self, name, kind="switch"):
        """Key and certificate of 'name'; anew, if it has some."""
        for path in self.key(name), self.cert(name), self.path(
                f"{name}-req.pem"):
            if os.path.exists(path):
                os.unlink(path)
        self._ovs_pki("-u", "req+sign", name, kind)

    def key(self, name):
        return self.path(f"{name}-privkey.pem")

    def cert(self, name):
        return self.path(f"{name}-cert.pem")

    def options(self, name, trusts):
        """For a program that is 'name' and trusts certificates of a kind."""
        return (f"--private-key={self.key(name)}",
                f"--certificate={self.cert(name)}",
                f"--ca-cert={self.ca(trusts)}")

    def replace(self, name, by, kind="controller"):
        """Let 'name' have key and certificate of 'by', without a moment in
        which a file is not there."""
        self.make(by, kind)
        for path in self.key, self.cert:
            os.rename(path(by), path(name))

    def _ovs_pki(self, *args):
        subprocess.run(
            ["ovs-pki", f"--dir={self.path('pki')}",
             f"--log={self.path('log')}", *args], cwd=self.directory,
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)


def start_controller(lab, pki, *options):
    """Start the controller anew, with TLS too."""
    lab.control.exit_daemon()
    lab.control.start_daemon(
        f"--listen=pssl:{TLS_PORT}:{plan.CONTROLLER_IP}",
        *(options or pki.options("ctl", "switch")))


def start_database(lab, pki):
    """Let the database be reached by TLS: as the role of controllers at one
    port, without restrictions at the other."""
    lab.control.ctl(
        "--id=@c", "create", "Connection", "role=kakehashi-controller",
        f'target="pssl:{DB_PORTS["controller"]}:{plan.CONTROLLER_IP}"',
        "--", "--id=@a", "create", "Connection",
        f'target="pssl:{DB_PORTS["admin"]}:{plan.CONTROLLER_IP}"',
        "--", "add", "Kakehashi_Global", ".", "connections", "@c", "@a")
    lab.databases[0].kill(signal.SIGTERM)
    lab.databases[0].start(
        "--remote=db:Kakehashi,Kakehashi_Global,connections",
        f"--peer-ca-cert={pki.ca('switch')}",
        *pki.options("db", "controller"))


def database(who):
    return f"--db=ssl:{plan.CONTROLLER_IP}:{DB_PORTS[who]}"


def use_tls(switch, pki, name=None, target=TARGET):
    """Let a switch connect by TLS as 'name', or as itself."""
    name = name or switch.name
    switch.vsctl("set-ssl", pki.key(name), pki.cert(name),
                 pki.ca("controller"), "--",
                 "set-controller", "br0", target, "--",
                 "set", "controller", "br0", "max_backoff=1000")


def move(lab, pki, *names):
    """Let switches, or all, connect by TLS; until they are in sync."""
    switches = [lab.switch(n) for n in names] or lab.controlled
    for switch in switches:
        use_tls(switch, pki)
    wait_until(lambda: all(address(lab, s.name).startswith("ssl:")
                           for s in switches), 15, "sessions over TLS")
    wait_synced(lab, *names)


def address(lab, name):
    return (lab.control.edge(name) or {}).get("address", "")


def port_of(lab, name):
    """The port that a switch connects from: another session, another one."""
    return re.search(r":(\d+)$", address(lab, name))[1]


def copy(source, target):
    """As somebody does who knows no better than cp."""
    shutil.copyfile(source, target)
