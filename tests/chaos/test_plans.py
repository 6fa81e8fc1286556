# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Plans follow from seed and number alone, and models from plans."""

import pytest

from model import STATIONS, Model
from plans import KINDS, draw

ROUNDS = 300


def plans(seed, count=ROUNDS):
    """The plans of many rounds, and the model after each, as text."""
    model = Model()
    for number in range(1, count + 1):
        plan = draw(seed, number, model)
        yield plan, "\n".join(" ".join(map(str, order))
                              for order in model.orders())


def test_the_same_again():
    """Whichever is asked for first: a round is replayed by drawing those
    before it."""
    assert list(plans(7)) == list(plans(7))
    assert list(plans(7, 20)) == list(plans(7))[:20]


def test_seeds_differ():
    assert [p for p, _ in plans(7, 5)] != [p for p, _ in plans(8, 5)]


def test_everything_happens():
    kinds = {deed.kind for plan, _ in plans(7) for deed in plan.deeds}
    assert kinds == {kind for _, kind, _, _ in KINDS}


def test_nothing_is_hit_twice():
    """But for orders, which are given one after the other."""
    for plan, _ in plans(7):
        faults = [deed.subject for deed in plan.deeds
                  if not (deed.args and isinstance(deed.args[0], tuple))]
        assert len(faults) == len(set(faults)), plan
        assert sorted(d.at for d in plan.deeds) == [d.at for d in plan.deeds]


@pytest.mark.parametrize("seed", range(5))
def test_models_can_be(seed):
    """Nothing is bound twice, and static MACs have a place."""
    model = Model()
    for number in range(1, ROUNDS + 1):
        draw(seed, number, model)
        places = [model.location(s) for s in STATIONS]
        assert len(places) == len(set(places))
        vlans = [*model.fillers.values()]
        assert len(vlans) == len(set(vlans))
        assert not set(vlans) & set(model.vlan.values())
        for mac in model.static:
            assert model.segment_of[model.at[mac]], mac
        assert all(model.segment_of[s] for s in model.limits), model.limits


def test_orders_are_whole():
    """What deeds did, one after the other, is what a new lab is told."""
    model = Model()
    model.attach("vm1", "red")
    model.pin("02:00:00:00:00:21")
    model.limit("ph1", {"bum_in_pps": 500})
    model.retag("ph1", 123)
    orders = list(model.orders())
    assert ("--may-exist", "host-port-add", "red", "host1", "vm1") in orders
    assert ("--may-exist", "mac-add", "red", "02:00:00:00:00:21",
            "host1/vm1") in orders
    assert ("=binding", "left", "trunk0", 123, "set",
            "options:bum_in_pps=500") in orders
    model.attach("vm1", None)
    assert not any("vm1" in order or "host1/vm1" in order
                   for order in model.orders())


def test_who_is_seen():
    """What a foreign endpoint says is heard by members of its segment."""
    model = Model()
    model.attach("vm2", None)
    model.attach("vm9", "red")
    assert not model.macs("red")
    model.attach("vm1", "red")
    assert set(model.macs("red").values()) == {"vm1", "vm9"}
