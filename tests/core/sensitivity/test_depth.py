"""Depth: units and channels chosen together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core import settle
from core.data.stream import DataSettings
from core.errors import UserError
from core.plan.schema import Removal, parse_plan
from core.sensitivity import trials
from core.sensitivity.depth import JUDGED, Channels, UnitCost, rows_of
from tests.core.images import make_dataset
from tests.core.networks import untrained

FAMILY = "yolov8n"


def unit(name: str, saved: float, lost: float) -> UnitCost:
    return UnitCost(name, (name,), Removal(branch=name), saved, lost)


def test_channels_go_through_what_was_judged() -> None:
    curve = Channels.of(0.3, 0.24, 0.06)
    assert curve.at(0.3) == pytest.approx(0.24)
    assert curve.at(0.15) == pytest.approx(0.06)
    assert curve.at(0.0) == 0.0


def test_a_goal_out_of_reach_of_channels_costs_more_than_any_unit() -> None:
    curve = Channels.of(0.3, math.inf, 0.1)
    assert curve.at(0.3) >= 10 > curve.at(0.1)


@given(
    st.lists(st.tuples(st.floats(0.005, 0.2), st.floats(-0.05, 0.6)), max_size=9),
    st.floats(0.1, 0.6),
)
def test_rows_take_the_cheapest_first_and_never_more_than_is_asked(units, goal) -> None:
    own = [unit(f"model.{n}", saved, lost) for n, (saved, lost) in enumerate(units)]
    rows = rows_of(own, Channels.of(goal, 0.3, 0.1))
    assert len(rows) <= JUDGED
    for row in rows:
        assert sum(one.saved for one in row) <= goal
        assert [one.price for one in row] == sorted(one.price for one in row)
        assert len({one.name for one in row}) == len(row) > 0


def test_what_is_inside_a_unit_does_not_go_twice() -> None:
    inner, outer = unit("model.8.m.0.m.1", 0.02, 0.0), unit("model.8.m.0", 0.05, 0.001)
    for row in rows_of([inner, outer], Channels.of(0.3, 0.3, 0.1)):
        assert len(row) == 1


def test_a_scale_takes_its_branches_along() -> None:
    modules = ("model.22.cv2.0", "model.22.cv3.0")
    scale = UnitCost("the scale of stride 8", modules, Removal(scale=8), 0.2, 0.01)
    inner = unit("model.22.cv3.0.1", 0.05, 0.01)
    other = unit("model.22.cv3.1.1", 0.05, 0.02)
    rows = rows_of([inner, scale, other], Channels.of(0.5, 0.5, 0.1))
    assert {"the scale of stride 8", "model.22.cv3.1.1"} in [{u.name for u in row} for row in rows]
    assert all(not {scale.name, inner.name} <= {u.name for u in row} for row in rows)


def test_a_free_unit_beats_channels_and_a_dear_one_does_not() -> None:
    free, dear = unit("a", 0.1, 0.0), unit("b", 0.1, 0.9)
    best = rows_of([free, dear], Channels.of(0.3, 0.3, 0.1))[0]
    assert [one.name for one in best] == ["a"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> DataSettings:
    names = {n: f"class {n}" for n in range(80)}
    path = make_dataset(tmp_path_factory.mktemp("depth") / "data", names, images=4)
    return DataSettings(path, image_size=64, device="cpu")


@pytest.fixture
def few_units(monkeypatch) -> dict[int, float]:
    """Only three units, so that trying all is quick; the losses are made up, the rest is real.

    Returns
    -------
    dict
        What scales lose, by their place; 0.9 for those that are not in it.
    """
    from core.sensitivity import depth

    loss_of_scale: dict[int, float] = {}
    names = ["model.22.cv3.0.1", "model.22.cv2.0.1", "model.8.m.0"]
    every = depth.find_units
    monkeypatch.setattr(
        depth, "find_units", lambda model: [u for u in every(model) if u.name in names]
    )
    losses = {"model.22.cv3.0.1": 0.0, "model.22.cv2.0.1": 0.0, "model.8.m.0": 0.9}

    def lost(_self, stage, removed, _progress=None):
        gone = [one.name for one in stage.cuts.units]
        scales = [loss_of_scale.get(level, 0.9) for level in stage.cuts.levels]
        loss = sum(losses[n] for n in gone) + sum(scales) + float(removed.mean())
        return trials.Trial(loss, stage.loaded.model, loss)

    monkeypatch.setattr(trials.Trials, "__call__", lost)
    return loss_of_scale


@pytest.mark.parametrize("target", [{"macs": 0.7}, {"params": 0.7}, {"peak_memory": 0.7}])
def test_the_plan_names_units_and_channels_and_meets_the_target(target, data, few_units) -> None:
    plan = {"version": 1, "round_to": 1, "depth": True, "target": target}
    found = core.suggest(untrained(FAMILY), parse_plan(plan), data)
    told = found.plan.to_json()
    assert "depth" not in told
    assert found.plan.target is None
    gone = {entry.branch for entry in found.plan.structure}
    if "macs" in target:  # the branches of the finest scale take a sixth of them
        assert gone == {"model.22.cv3.0.1", "model.22.cv2.0.1"}
    assert not any(entry.block == 8 for entry in found.plan.structure)
    prediction = core.predict(untrained(FAMILY), parse_plan(told))
    ((key, share),) = target.items()
    before, after = (
        {**part, "params": part["parameters"]}
        for part in (prediction.to_json()["before"], prediction.to_json()["after"])
    )
    assert after[key] / before[key] <= share * 1.01


def test_a_scale_goes_where_little_is_lost_without_it(data, few_units) -> None:
    few_units[0] = 0.01
    plan = {"version": 1, "round_to": 1, "depth": True, "target": {"macs": 0.5}}
    found = core.suggest(untrained(FAMILY), parse_plan(plan), data)
    assert {entry.scale for entry in found.plan.structure} == {8}
    after = core.predict(untrained(FAMILY), found.plan).to_json()
    assert after["after"]["macs"] / after["before"]["macs"] <= 0.5 * 1.01


def test_locked_units_stay(data, few_units) -> None:
    plan = {
        "version": 1,
        "round_to": 1,
        "depth": True,
        "target": {"macs": 0.8},
        "locked": ["model.22.cv3.0.1.conv"],
    }
    found = core.suggest(untrained(FAMILY), parse_plan(plan), data)
    assert {entry.branch for entry in found.plan.structure} == {"model.22.cv2.0.1"}


def test_units_are_really_tried(data) -> None:
    """One trial of each kind without anything made up: a number, and a network that runs."""
    from core.structure.stage import stage_of

    nothing = {"version": 1, "target": {"macs": 0.9}}
    whole = stage_of(untrained(FAMILY), parse_plan(nothing))
    run = trials.Trials(whole, data)
    less = stage_of(
        untrained(FAMILY),
        parse_plan({"version": 1, "selection": [{"branch": "model.22.cv3.0.1"}]}),
    )
    coarse = stage_of(untrained(FAMILY), parse_plan({"version": 1, "selection": [{"scale": 8}]}))
    untouched = run(whole, whole.nothing)
    assert untouched.lost == pytest.approx(0.0, abs=1e-5)
    tried, seen_less = run(less, less.nothing), run(coarse, coarse.nothing)
    assert tried.lost > untouched.lost
    # It sees nothing anywhere before it is trained, with the scale or without.
    assert seen_less.lost == pytest.approx(0.0, abs=1e-5)
    assert all(math.isfinite(one.lost) for one in (tried, seen_less))


def test_without_images_it_says_what_is_missing() -> None:
    asked = parse_plan({"version": 1, "depth": True, "target": {"macs": 0.7}})
    with pytest.raises(UserError, match="Choosing units needs images"):
        settle.Settler(untrained(FAMILY)).settle(asked)


def test_without_a_target_there_is_nothing_to_choose() -> None:
    asked = parse_plan({"version": 1, "depth": True, "selection": [{"block": 4, "ratio": 0.5}]})
    found = settle.Settler(untrained(FAMILY)).settle(asked)
    assert not found.plan.structure
    assert found.resolution.removed.any()
