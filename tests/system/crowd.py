# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Several controllers: who leads, and processes that die or hang."""

import signal

from netns import wait_until


def name_of(lab, controller):
    """What it is called in the database."""
    return f"c{lab.controllers.index(controller) + 1}"


def get(lab, table, row, column):
    """A column of a row, as text."""
    return lab.control.ctl("get", table, row, column).strip().strip('"')


def leader(lab, table="cluster", row="edges"):
    """The controller that leads, says the database, or None."""
    name = get(lab, table, row, "leader")
    return next((c for c in lab.controllers if name_of(lab, c) == name), None)


def led(lab, table="cluster", row="edges"):
    """The leader, once it is there and all that it leads is in sync."""
    def found():
        controller = leader(lab, table, row)
        return controller and answers(controller) and all(
            e["state"] == "synced" for e in controller.json("edge/show")
            if e["led"]) and controller
    return wait_until(found, 40, f"a leader of {row}")


def other(lab, controller):
    return next(c for c in lab.controllers if c is not controller)


def answers(controller):
    status, _ = controller.run("ovs-appctl", "--timeout=2", "-t", "kakehashi",
                               "version", check=False)
    return status == 0


def spread(lab):
    """Until no controller leads more than its share."""
    wait_until(lambda: all(c.json("show")["controller"]["leads"] < 2
                           for c in lab.controllers), 40, "leaders spread")


def in_sync(lab):
    """Until each switch has exactly the flows that its leader wants."""
    def settled():
        todo = {s.name for s in lab.controlled}
        for controller in lab.controllers:
            if answers(controller):
                todo -= {name for name in todo if controller.in_sync(name)}
        return not todo
    wait_until(settled, 40, "all switches in sync")


def harm(process, number):
    """SIGKILL or SIGSTOP for a controller or a database."""
    if number == signal.SIGSTOP:
        process.stop()
    else:
        process.kill(number)


def mend(process, number):
    if number == signal.SIGSTOP:
        process.cont()
    else:
        process.start()

