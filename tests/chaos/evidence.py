# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is kept of a lab in which a law does not hold."""

import os
import shutil

from netns import LabError

LOGS = (".log", "stderr")
CONTROLLER = ("show", "edge/show", "cluster/show", "cluster/history",
              "mac/show", "memory/show", "coverage/show")
SWITCH = ("dump-flows", "dump-meters", "dump-ports-desc")
DAEMON = (("fdb/show", "br0"), ("bfd/show",), ("dpctl/dump-flows", "-m"))


def keep(lab, folder, summary, diary):
    """Write all that tells something into 'folder', which begins empty."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    _write(folder, "summary", "\n".join(summary))
    _write(folder, "diary", "\n".join(diary))
    for controller in lab.controllers:
        for name in CONTROLLER if controller.alive() else ():
            _ask(folder, controller, name, "ovs-appctl", "--timeout=5", "-t",
                 "kakehashi", name)
    _ask(folder, lab.control, "database", "ovsdb-client", "--timeout=5",
         "dump", lab.kakehashi_db, "Kakehashi")
    for switch in lab.switches:
        for name in SWITCH:
            _ask(folder, switch, name, "ovs-ofctl", "-O",
                 "OpenFlow13,OpenFlow14,OpenFlow15", name, "br0")
        for name, *args in DAEMON:
            _ask(folder, switch, name, "ovs-appctl", "--timeout=5", name,
                 *args)
    for node in lab.nodes:
        for name in os.listdir(node.directory):
            if name.endswith(LOGS):
                shutil.copy(node.path(name),
                            os.path.join(folder, f"{node.name}-{name}"))


def _ask(folder, node, name, *command):
    try:
        text = node.run(*command, check=False, timeout=10)[1]
    except LabError as error:
        text = str(error)
    _write(folder, f"{node.name}-{name.replace('/', '-')}", text)


def _write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text + "\n")
