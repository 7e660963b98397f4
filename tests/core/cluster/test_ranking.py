"""A suggestion whose images Ray looks at is that of one process, also when a node is lost."""

import numpy as np
import pytest

from core.data.stream import DataSettings
from core.measure import sensitivity
from core.pipeline import load, suggest
from core.plan.schema import Plan, Target

pytestmark = pytest.mark.slow


def images(small, split="train"):
    return DataSettings(small[1], images=6, image_size=64, device="cpu", split=split, batch=1)


def same(one, other):
    return one.plan == other.plan and np.array_equal(one.scores, other.scores)


def test_a_node_that_dies_costs_nothing_but_time(place, small, killer):
    """In two rounds: the node dies in the first."""
    plan = Plan(criterion="fisher", target=Target(macs=0.94), allocation="cost")
    loaded = load(small[0])
    there = suggest(loaded, plan, images(small), killer, cache=False, on=place)
    assert killer.killed
    here = suggest(loaded, plan, images(small), cache=False)
    assert same(there, here) and there.front == here.front


def test_a_scan_ranks_where_it_measures(cluster, place, small, monkeypatch):
    plan, loaded = Plan(criterion="activation", round_to=1), load(small[0])
    wanted = {"plan": plan, "blocks": [21], "ratios": [0.5], "cache": False}
    here = sensitivity(loaded, images(small, "val"), None, **wanted)
    monkeypatch.setattr("core.pruning.criteria.sums.parts", lambda *_: pytest.fail("ranked here"))
    there = sensitivity(loaded, images(small, "val"), None, on=place, **wanted)
    assert (there.baseline, there.points) == (here.baseline, here.points)
