# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames of every kind among all stations, and who should get them."""

import dataclasses
import time

from frames import BROADCAST, QUIET, Wire, Wires
from model import EDGES, STATIONS, STORM, TRUNKS

STRANGER = "02:00:00:00:ff:01"  # Nobody's.
COUNT = 2                       # Frames of a burst.
PAUSE = 0.002                   # Between bursts, so that no buffer is full.
PATIENCE = 2                    # Seconds that frames may be on their way.


@dataclasses.dataclass
class Burst:
    """Some frames, and the stations that get each of them once."""

    what: str
    sender: str
    src: str
    dst: str
    expect: set
    token: int = 0


def bursts(model):
    """All that is to be tried of a model."""
    for station in STATIONS:
        segment = model.segment_of[station]
        others = model.neighbours(station)
        macs = [mac for mac, at in model.at.items() if at == station]
        for mac in macs:
            yield Burst("broadcast", station, mac, BROADCAST, others)
        drop = segment and model.segments[segment].get(
            "unknown_unicast") == "drop"
        yield Burst("unknown unicast", station, macs[0], STRANGER,
                    set() if drop else others)
        for mac, there in model.macs(segment).items() if segment else ():
            if there != station:
                yield Burst("unicast", station, macs[0], mac, {there})
    for mac in sorted(model.static):
        # Not from behind the ToR, which would believe it.
        for other in sorted(s for s in model.neighbours(model.at[mac])
                            if s not in model.vlan)[:1]:
            yield Burst("spoofed", other, mac, BROADCAST, set())


class Traffic:
    """Sockets on all stations, and now and then on the edges' trunks."""

    def __init__(self, lab):
        self.lab = lab
        self.wires = Wires(lab)

    def close(self):
        self.wires.close()

    def forget(self):
        """Read all that has come, and forget it."""
        for wire in self.wires.wires.values():
            wire.collect()
            wire.seen.clear()
            wire.sent.clear()
            wire.tags.clear()
            del wire.rarps[:]

    def speak(self, model):
        """Every MAC says where it is."""
        for mac, station in model.at.items():
            self.wires[station].send(BROADCAST, src=mac)
            time.sleep(PAUSE)

    def storm(self, station, end, rate, first=None):
        """Broadcasts until 'end' is set; from 'first', if it is given, and
        the MACs that follow, otherwise from the station's own."""
        wire, start, sent = self.wires[station], time.monotonic(), 0
        while not end.is_set():
            src = None
            if first is not None:
                number = (first + sent) & 0xffffff
                src = STORM % (STATIONS[station].number, number >> 16,
                               number >> 8 & 255, number & 255)
            wire.send(BROADCAST, src=src)
            sent += 1
            time.sleep(max(0, start + sent / rate - time.monotonic()))

    # ---- All with all -----------------------------------------------------

    def exchange(self, model, active):
        """Everything that 'model' lets happen, happens; and what was wrong
        with it: (what was lost, what should not have come), as texts.

        'active' is {cluster: edge}: only these send into trunks.
        """
        trunks = {(edge, trunk): Wire(self.lab.switch(edge), trunk)
                  for edge in EDGES for _, trunk in TRUNKS.values()}
        try:
            return self._exchange(model, active, trunks)
        finally:
            for wire in trunks.values():
                wire.close()

    def _exchange(self, model, active, trunks):
        self.forget()
        todo = list(bursts(model))
        for burst in todo:
            burst.token = self.wires[burst.sender].send(
                burst.dst, burst.src, COUNT)
            time.sleep(PAUSE)
        deadline = time.monotonic() + PATIENCE
        while (any(self._lost(burst) for burst in todo)
               and time.monotonic() < deadline):
            time.sleep(0.02)
        time.sleep(QUIET)
        for wire in trunks.values():
            wire.collect()
        lost, excess = [], []
        for burst in todo:
            name = f"{burst.what} from {burst.sender} ({burst.src}) " \
                f"to {burst.dst}"
            lost += [f"{name}: not at {station}"
                     for station in self._lost(burst)]
            excess += [f"{name}: {text}" for text in self._excess(burst)]
            excess += [f"{name}: {text}"
                       for text in _trunks(model, burst, active, trunks)]
        excess += [f"tagged frames at {wire.name}: {wire.tags}"
                   for wire in self.wires.wires.values() if wire.tags]
        return lost, excess

    def _lost(self, burst):
        return [s for s in sorted(burst.expect)
                if len(self.wires[s].copies(burst.token)) < COUNT]

    def _excess(self, burst):
        for station, wire in self.wires.wires.items():
            copies = wire.copies(burst.token)
            if copies and station not in burst.expect:
                yield f"{copies} at {station}"
            elif any(count > 1 for count in copies.values()):
                yield f"twice at {station}: {copies}"


def _trunks(model, burst, active, trunks):
    """What edges have sent that they should not have."""
    segment = model.segment_of[burst.sender]
    for (edge, trunk), wire in trunks.items():
        sent = sum(wire.sent[burst.token, n] for n in range(COUNT))
        cluster = next(c for c, t in TRUNKS.values() if t == trunk)
        if sent and active[cluster] != edge:
            yield f"{edge} stands by and sends into {trunk}"
        elif sent and not segment:
            yield f"{edge} sends into {trunk} what is in no segment"
