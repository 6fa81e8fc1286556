# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Flows expire when their time has come: ageing is left to the switch.

The stock ovs-vswitchd does that, so this is for a patched one that comes
first in PATH ("make ovs-check"): 0002-ofproto-expiry-by-second.patch looks at
each flow only when its time may have come, and at long ones every 256 s.
"""

import pytest

from dummy import Switch

# After how many seconds a flow goes, without a frame, or with one at USED_AT.
TIMEOUTS = {
    "idle_timeout=1": 1, "idle_timeout=255": 255, "idle_timeout=256": 256,
    "idle_timeout=257": 257, "idle_timeout=700": 700, "hard_timeout=2": 2,
    "hard_timeout=256": 256, "hard_timeout=600": 600,
    "idle_timeout=300,hard_timeout=200": 200,
    "idle_timeout=40,hard_timeout=90": 40,
}
USED = {"idle_timeout=100": 190, "idle_timeout=300": 390,
        "idle_timeout=500,hard_timeout=550": 550}
USED_AT = 90


class Clock:
    """Seconds since the flows came, in the time of a switch."""

    def __init__(self, switch):
        self.switch, self.now = switch, 0

    def go_to(self, second):
        self.switch.appctl("time/warp", str(round(1000 * (second - self.now))))
        self.now = second
        self.look()

    def look(self):
        """Until the switch has looked for flows that have expired."""
        self.switch.appctl("revalidator/wait")
        self.switch.appctl("version")   # A turn of its main loop.


def cookies(switch):
    return {int(line.split("cookie=")[1].split(",")[0], 16)
            for line in switch.flows(9)}


@pytest.fixture(name="fresh")
def fixture_fresh():
    switch = Switch()
    switch.vsctl("set", "open", ".", "other_config:max-revalidator=100")
    yield switch
    switch.stop()


def test_timeouts(fresh):
    rows = list((TIMEOUTS | USED).items())
    path = f"{fresh.folder}/expiry"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("table=0,actions=resubmit(,9)\n")
        for n, (timeouts, _) in enumerate(rows):
            stream.write(f"table=9,cookie={n},dl_dst=02:00:00:00:00:{n:02x},"
                         f"{timeouts},actions=output:3\n")
    fresh.load(path)
    clock = Clock(fresh)
    moments = {s for _, end in rows for s in (end - 0.5, end + 1)}
    for second in sorted(moments | {USED_AT}):
        clock.go_to(second)
        if second == USED_AT:
            for n in range(len(TIMEOUTS), len(rows)):
                fresh.receive("p1", fresh.frame("aa:00:00:00:00:01",
                                                f"02:00:00:00:00:{n:02x}"))
            clock.look()
        assert cookies(fresh) == {n for n, (_, end) in enumerate(rows)
                                  if second <= end}, f"after {second} s"
