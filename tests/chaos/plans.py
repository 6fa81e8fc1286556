# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What happens in a round: drawn from its seed, its number and the model.

    model = Model()
    for number in range(1, 7):
        draw(seed, number, model)       # Not played, but it counts.
    plan = draw(seed, 7, model)         # What round 7 did, does it again.

Whom a deed hits may be found out only then: "leader" is the controller that
leads at that moment, and "left" the edge that is active for that cluster.
"""

import dataclasses
import random

from model import (EDGES, FILLERS, ROAMERS, SEGMENTS, STATIONS, SWITCHES)

CONTROLLERS = ["c1", "c2", "c3"]
TRUNKED = [name for name, spec in STATIONS.items() if spec.vlan]
LAST_START = 3.0                # Seconds in which deeds of a round begin.

# What a deed may cost those whom it does not concern: nothing; frames, but
# none comes twice; anything, since edges are out of the controllers' sight.
NOTHING, FRAMES, ANYTHING = range(3)


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that is done to the lab, and undone after a while."""

    kind: str
    subject: str                # Which one; nothing is hit twice in a round.
    args: tuple = ()
    at: float = 0.0             # Seconds since the round began...
    hold: float = 0.0           # ...and for how long.
    cost: int = NOTHING

    def __str__(self):
        return (f"{self.at:4.1f} s  {self.kind} {self.subject}"
                + (f" for {self.hold:g} s" if self.hold else "")
                + "".join(f"\n            {' '.join(map(str, a))}"
                          if isinstance(a, tuple) else f" {a}"
                          for a in self.args))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A round."""

    number: int
    deeds: tuple

    @property
    def cost(self):
        return max(deed.cost for deed in self.deeds)


def _hold(rng):
    """Mostly shorter than what detects it, now and then longer."""
    return rng.choice([0.1, 0.3, 1, 1, 3, 6, 12])


# ---- Faults ---------------------------------------------------------------

def _kill_controller(rng, _):
    return (rng.choice(CONTROLLERS + ["leader"] * 3), _hold(rng),
            (rng.choice(["KILL", "TERM"]),))


def _stop_controller(rng, _):
    return rng.choice(CONTROLLERS + ["leader"] * 3), _hold(rng), ()


def _kill_all(rng, _):
    return "all", _hold(rng), (rng.choice(["KILL", "TERM"]),)


def _database(rng, _):
    return rng.choice(["db1", "db2", "db3"]), _hold(rng), ()


def _kill_switch(rng, _):
    return (rng.choice(SWITCHES + ["left", "right"]),
            rng.choice([0, 0.3, 1, 3]), (rng.choice(["KILL", "TERM"]),))


def _management(rng, _):
    return (rng.choice(SWITCHES + ["ctl", "ctl2", "ctl3"]),
            _hold(rng), ())


def _underlay(rng, _):
    return rng.choice(SWITCHES + ["left", "right"]), _hold(rng), ()


def _trunk(rng, _):
    return (rng.choice(EDGES + ["left", "right"]), _hold(rng),
            (rng.choice(["trunk0", "trunk1"]), rng.choice(["edge", "tor"])))


def _flap(rng, _):
    return (rng.choice(EDGES + ["left", "right"]), 0,
            (rng.choice(["trunk0", "trunk1"]), rng.randint(2, 8)))


def _nobody(rng, _):
    return "edges", _hold(rng), ()


def _clock(rng, _):
    return (rng.choice(CONTROLLERS), _hold(rng),
            (rng.choice([-86400, -3600, -5, 5, 3600, 86400]),))


def _one(rng, _):
    return rng.choice(CONTROLLERS), 0, ()


def _storm(rng, _):
    return (rng.choice(sorted(STATIONS)), rng.choice([0.5, 1, 2]),
            (rng.choice([200, 1000, 2000]), rng.randrange(1 << 24)))


def _flood(rng, _):
    return (rng.choice(sorted(STATIONS)), rng.choice([0.5, 1, 2]),
            (rng.choice([200, 1000, 2000]),))


def _fail_over(rng, model):
    return rng.choice(sorted(model.clusters)), 0, (rng.choice(EDGES),)


def _drain(rng, _):
    return rng.choice(EDGES), _hold(rng), ()


# ---- Changes of the configuration ------------------------------------------

def _attach(rng, model):
    station = rng.choice(sorted(STATIONS))
    segment = rng.choice(["blue"] * 4 + ["red"] * 3 + ["green", None])
    return station, 0, tuple(model.attach(station, segment))


def _retag(rng, model):
    station = rng.choice(TRUNKED)
    first = STATIONS[station].vlan
    vlan = rng.choice([v for v in range(first, first + 100)
                       if v != model.vlan[station]])
    return station, 0, tuple(model.retag(station, vlan))


def _limit(rng, model):
    stations = [s for s in TRUNKED if model.segment_of[s]]
    if not stations:
        return None
    station = rng.choice(stations)
    options = {f"bum_{way}_pps": rng.choice([500, 5000])
               for way in ("in", "out") if rng.random() < .5}
    return station, 0, tuple(model.limit(station, options))


def _pin(rng, model):
    macs = [m for m in model.at if m not in model.static
            and model.segment_of[model.at[m]]]
    if model.static and (not macs or rng.random() < .5):
        mac = rng.choice(sorted(model.static))
        return mac, 0, tuple(model.unpin(mac))
    if not macs:
        return None
    mac = rng.choice(macs)
    return mac, 0, tuple(model.pin(mac))


def _roam(rng, model):
    choices = [(m, s) for m in ROAMERS if m not in model.static
               for s in sorted(model.neighbours(model.at[m]))]
    if not choices:
        return None
    mac, station = rng.choice(choices)
    return mac, 0, tuple(model.roam(mac, station))


def _segment(rng, model):
    name = rng.choice(sorted(SEGMENTS))
    options = {}
    if rng.random() < .4:
        options["unknown_unicast"] = rng.choice(["drop", "flood"])
    if rng.random() < .4:
        options["mac_aging"] = rng.choice([20, 60])
    return name, 0, tuple(model.segment(name, options))


def _filler(rng, model):
    number = rng.choice(FILLERS)
    if number in model.fillers:
        return f"s{number}", 0, tuple(model.unfill(number))
    vlan = 600 + 10 * number + rng.randrange(10)
    return f"s{number}", 0, tuple(model.fill(number, vlan))


def _tune(rng, model):
    name = rng.choice(sorted(model.clusters))
    settings = rng.choice([
        {"failover": rng.choice(["preemptive", "nonpreemptive"])},
        {"isolation": rng.choice(["forward", "fence"])},
        {"edges": rng.sample(EDGES, len(EDGES))}])
    return name, 0, tuple(model.tune(name, **settings))


def _version(rng, model):
    name = rng.choice(SWITCHES)
    version = rng.choice(["OpenFlow13", "OpenFlow14", "OpenFlow15"])
    return name, 0, tuple(model.speak_version(name, version))


# ---- All of them ------------------------------------------------------------

# (how often, what it is, how it is drawn, what it may cost)
KINDS = [
    (6, "kill controller", _kill_controller, NOTHING),
    (3, "stop controller", _stop_controller, NOTHING),
    (2, "kill controllers", _kill_all, ANYTHING),
    (3, "kill database", _database, NOTHING),
    (2, "stop database", _database, NOTHING),
    (4, "kill switch", _kill_switch, FRAMES),
    (4, "cut management", _management, ANYTHING),
    (4, "cut underlay", _underlay, ANYTHING),
    (4, "cut trunk", _trunk, FRAMES),
    (2, "flap trunk", _flap, FRAMES),
    (2, "part edges", _nobody, ANYTHING),
    (3, "set clock", _clock, NOTHING),
    (2, "hang up", _one, NOTHING),
    (4, "storm", _storm, FRAMES),
    (3, "flood", _flood, FRAMES),
    (3, "fail over", _fail_over, FRAMES),
    (3, "drain", _drain, FRAMES),
    (2, "flush", _one, FRAMES),
    (6, "attach", _attach, FRAMES),
    (4, "retag", _retag, FRAMES),
    (3, "limit", _limit, NOTHING),
    (4, "pin", _pin, NOTHING),
    (6, "roam", _roam, NOTHING),
    (4, "set segment", _segment, NOTHING),
    (6, "fill", _filler, NOTHING),
    (4, "tune", _tune, FRAMES),
    (3, "set version", _version, FRAMES),
]


def draw(seed, number, model):
    """The plan of a round.  'model' is what it is after it."""
    rng = random.Random(f"{seed}/{number}")
    weights = [kind[0] for kind in KINDS]
    deeds, subjects = [], set()
    count = rng.choice([1, 2, 3, 3, 4, 5, 6])
    starts = sorted(round(rng.uniform(0, LAST_START), 1)
                    for _ in range(count))
    for at in starts:
        _, kind, function, cost = rng.choices(KINDS, weights)[0]
        drawn = function(rng, model)
        if drawn is None:
            continue            # There is nothing that it could be done to.
        subject, hold, args = drawn
        orders = args and isinstance(args[0], tuple)
        if subject in subjects and not orders:
            continue
        subjects.add(subject)
        deeds.append(Deed(kind, subject, args, at, hold, cost))
    return Plan(number, tuple(deeds) or (Deed("hang up", "c1"),))
