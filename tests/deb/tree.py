# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Debian systems in a directory, entered by chroot or booted with systemd."""

import json
import os
import shutil
import signal
import subprocess

from netns import wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
MIRROR = "http://deb.debian.org/debian"
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
         "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}


def mirror():
    """The one that this machine has bookworm from."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
         "Created-By: Packages"], text=True, check=True,
        stdout=subprocess.PIPE).stdout
    for line in listed.splitlines():
        uri, _, codename = line.partition(" ")
        if codename == "bookworm":
            return uri
    return MIRROR


class Tree:
    """A system that does not run: programs are run in it by chroot."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def debootstrap(cls, path):
        subprocess.run(
            ["debootstrap", "--variant=minbase",
             "--include=systemd,systemd-sysv,dbus", "bookworm", path,
             mirror()],
            check=True, stdout=subprocess.DEVNULL)
        shutil.copy("/etc/resolv.conf", f"{path}/etc/resolv.conf")
        return cls(path)

    def copy(self, path):
        subprocess.run(["cp", "-a", "--reflink=auto", self.path, path],
                       check=True)
        return Tree(path)

    def remove(self):
        shutil.rmtree(self.path)

    def file(self, path):
        return self.path + path

    def enter(self):
        """What comes before a command that is to be run in it."""
        return ["chroot", self.path]

    def run(self, *command, check=True, **options):
        """Run 'command', away from our network if it has none of its own."""
        return subprocess.run(
            [*self.enter(), *command], check=check, text=True, env=CLEAN,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
            **options)

    def output(self, *command):
        result = self.run(*command, check=False)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def put(self, files):
        """Copies 'files' to where what runs in it finds them; the names."""
        os.makedirs(self.file("/root/debs"), exist_ok=True)
        for file in files:
            shutil.copy(file, self.file("/root/debs"))
        return ["/root/debs/" + os.path.basename(f) for f in files]

    def apt_install(self, files, names):
        self.output("apt-get", "-q", "-y", "--no-install-recommends",
                    "install", *self.put(files), *names)

    def dpkg_install(self, files):
        return self.output("dpkg", "-i", *self.put(files))

    def has_user(self):
        with open(self.file("/etc/passwd"), encoding="utf-8") as f:
            return "\nkakehashi:" in f.read()

    def leftovers(self):
        """What there is of ours in it.  Files of dpkg's remain after a
        remove."""
        folders = ["etc", "lib/systemd", "run", "usr", "var/lib", "var/log"]
        found = subprocess.run(
            ["find", *folders, "-xdev", "-name", "*kakehashi*", "-not",
             "-path", "var/lib/dpkg/*"], cwd=self.path, check=True, text=True,
            stdout=subprocess.PIPE).stdout
        return sorted(found.split())


class Machine(Tree):
    """One that runs: systemd is process 1 in namespaces of its own."""

    def __init__(self, tree):
        super().__init__(tree.path)
        self.leader = None      # Its systemd, as we number processes.
        self.log = f"{tree.path}.log"
        with open(self.log, "wb") as log:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--register=no", "--keep-unit",
                 "--private-network", "--console=pipe", "-M", "kkdeb",
                 "-D", tree.path, "--boot"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.leader = wait_until(self._find_leader, timeout=20,
                                     what="systemd in a container")
            wait_until(self._is_up, timeout=60, what="a system that runs",
                       interval=0.2)
        except BaseException:
            self.stop()
            raise

    def _find_leader(self):
        assert self.nspawn.poll() is None, self.console()
        pid = self.nspawn.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
        for child in children:
            with open(f"/proc/{child}/comm", encoding="ascii") as f:
                if f.read().strip() == "systemd":
                    return child
        return None

    def _is_up(self):
        assert self.nspawn.poll() is None, self.console()
        return self.run("systemctl", "is-system-running",
                        check=False).stdout.strip() in ["running", "degraded"]

    def console(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def enter(self):
        return ["nsenter", "-t", self.leader, "--mount", "--uts", "--ipc",
                "--net", "--pid", "--root", "--wd"]

    def show(self, unit, *names):
        """Properties of 'unit': one, or a list."""
        values = [self.output("systemctl", "show", "--value", "-p", name,
                              unit).strip() for name in names]
        return values if len(names) > 1 else values[0]

    def journal(self):
        return self.output("journalctl", "--no-pager", "-b")

    def stop(self):
        """Its process 1 takes all others with it."""
        if self.leader:
            os.kill(int(self.leader), signal.SIGKILL)
        else:
            self.nspawn.kill()
        self.nspawn.wait(30)


def upgraded(debs, directory, version, schema):
    """Packages like 'debs' of a later version, with another schema of the
    database."""
    made = []
    for deb in debs:
        unpacked = os.path.join(directory, "unpacked")
        subprocess.run(["dpkg-deb", "-R", deb, unpacked], check=True)
        control = os.path.join(unpacked, "DEBIAN", "control")
        with open(control, encoding="utf-8") as f:
            lines = f.read().splitlines()
        old = next(line for line in lines
                   if line.startswith("Version: ")).split()[1]
        with open(control, "w", encoding="utf-8") as f:
            for line in lines:
                if line.startswith(("Version:", "Depends:")):
                    line = line.replace(old, version)
                f.write(line + "\n")
        path = os.path.join(unpacked, "usr/share/kakehashi",
                            "kakehashi.ovsschema")
        if os.path.exists(path):
            with open(path, "w", encoding="utf-8") as f:
                json.dump(schema, f)
        made.append(os.path.join(
            directory, os.path.basename(deb).replace(old, version)))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", unpacked,
                        made[-1]], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(unpacked)
    return made
