# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Who looks at a switch while it changes sees it before, or after."""

import contextlib
import re
import threading

import pytest

from netns import LabError
from world import active_edge, configure, wait_synced

SEGMENT_FLOWS = "cookie=0x4b48040000000000/0xffffff0000000000"
ADDED = [row for n in range(1500) for row in
         (("segment-add", f"s{n}", 10000 + n),
          ("bind", f"s{n}", "edges", "trunk0", 1000 + n))]
DELETED = [row for n in range(1500) for row in
           (("unbind", f"s{n}", "edges", "trunk0", 1000 + n),
            ("segment-del", f"s{n}"))]


class Watcher:
    """Counts the flows of segments in a switch, over and over."""

    def __init__(self, switch):
        self.switch = switch
        self.counts = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self.thread.start()
        return self.counts

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def _watch(self):
        while not self.done.is_set():
            # While it changes its versions it ends connections.
            with contextlib.suppress(LabError):
                self.counts.append(count(self.switch))


def count(switch):
    text = switch.ofctl("dump-aggregate", "br0", SEGMENT_FLOWS)
    return int(re.search(r"flow_count=(\d+)", text)[1])


@pytest.mark.parametrize("version", ["OpenFlow13", "OpenFlow15"])
def test_all_or_nothing(blue, version):
    edge, _ = active_edge(blue)
    few = count(edge)
    with Watcher(edge) as seen:
        configure(blue, *ADDED)
    many = count(edge)
    assert many - few >= 3 * 1500
    assert set(seen) <= {few, many} and few in seen, seen

    edge.ofctl("del-flows", "br0")
    with Watcher(edge) as seen:
        # It connects anew, to be given all flows.
        edge.vsctl("set", "bridge", "br0", f"protocols={version}")
        wait_synced(blue)
        assert count(edge) == many
    assert set(seen) <= {0, many} and 0 in seen, seen

    with Watcher(edge) as seen:
        configure(blue, *DELETED)
    assert count(edge) == few
    assert set(seen) <= {few, many} and many in seen, seen
