"""The space of a search: which axes apply, and the plan of a point."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.plan.criteria import CRITERIA
from core.plan.schema import Plan, Removal, Target
from core.search.settings import parse_budget, parse_request, parse_search
from core.search.space import AXES, Space, Subject, budget_of
from core.system.size import ImageSize

REMOVALS = (
    ("model.2.m.0", Removal(block=2, units=(0,))),
    ("the scale of stride 8", Removal(scale=8)),
)


LATENCY = Target(latency=0.7)


def space_of(budget: Target = LATENCY, size=(320, 320), **given) -> Space:
    told = {"base": Plan(criterion="fisher"), "removals": REMOVALS, **given}
    return Space(Subject(ImageSize(*size), 32, budget, **told))


def test_units_and_scales_go_only_where_there_are_some() -> None:
    assert space_of(removals=()).axes["removed"] == [0]
    assert space_of(removals=REMOVALS[:1]).axes["removed"] == [0, 1]
    assert space_of().axes["removed"] == [0, 1, 2]


@pytest.mark.parametrize("size", [(320, 320), (640, 640), (384, 640), (64, 64), (32, 32)])
def test_image_sizes_are_around_the_networks_own_and_fit_it(size) -> None:
    sizes = [ImageSize.of(one) for one in space_of(size=size).axes["image_size"]]
    assert ImageSize(*size) in sizes
    assert all(side % 32 == 0 and side > 0 for one in sizes for side in one)
    assert [s.area for s in sizes] == sorted(s.area for s in sizes)


@pytest.mark.parametrize(
    ("budget", "most"),
    [(Target(latency=0.95), 1.0), (Target(macs=0.5), 1.3), (Target(params=0.8), 1.2)],
)
def test_no_amount_leaves_nothing_to_prune(budget: Target, most: float) -> None:
    assert space_of(budget).axes["amount"][-1] == most


def test_the_usual_point_is_what_one_suggestion_takes() -> None:
    space = space_of()
    plan = space.plan_of(space.usual)
    assert plan == Plan(criterion="fisher", target=Target(latency=0.7))
    assert all(space.usual[name] in values for name, values in space.axes.items())


@pytest.mark.parametrize("key", ["macs", "latency", "peak_memory"])
def test_smaller_images_leave_more_to_the_channels(key: str) -> None:
    space = space_of(Target.model_validate({key: 0.5}))
    plan = space.plan_of({**space.usual, "image_size": 256})
    assert budget_of(plan.target)[1] == pytest.approx(0.5 / (256 / 320) ** 2)
    small = space.plan_of({**space.usual, "image_size": 224})
    assert small.target is None  # the size alone is enough


@pytest.mark.parametrize("key", ["params", "file_bytes"])
def test_the_size_of_images_does_not_help_a_file(key: str) -> None:
    value = 0.5 if key == "params" else 4_000_000
    space = space_of(Target.model_validate({key: value}))
    plan = space.plan_of({**space.usual, "image_size": 224})
    assert budget_of(plan.target) == (key, value)


@given(st.data())
def test_every_point_is_a_plan_that_keeps_what_the_base_asks(data) -> None:
    base = Plan(criterion="l2", locked=(3,), seed=7, structure=(Removal(scale=32),))
    space = space_of(base=base)
    drawn = {name: data.draw(st.sampled_from(values), name) for name, values in space.axes.items()}
    for name in space.places_of(drawn):
        drawn[name] = data.draw(st.sampled_from(space.names), name)
    plan = space.plan_of(drawn)
    assert (plan.locked, plan.seed, plan.structure[0]) == ((3,), 7, Removal(scale=32))
    assert len(plan.structure) <= 1 + drawn["removed"]
    assert plan.criterion in CRITERIA
    if plan.target is not None:
        assert budget_of(plan.target)[1] < 0.98


def test_a_criterion_that_was_added_is_searched(monkeypatch) -> None:
    added = CRITERIA["l2"]
    CRITERIA.register("peak", added)
    try:
        assert "peak" in space_of().axes["criterion"]
    finally:
        CRITERIA.remove("peak")


def test_every_axis_has_a_title() -> None:
    assert all(axis.title for axis in AXES.values())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("latency 0.7", Target(latency=0.7)),
        ("macs=0.5", Target(macs=0.5)),
        ("latency_ms: 4", Target(latency_ms=4.0)),
        (" file_bytes   3000000 ", Target(file_bytes=3_000_000)),
    ],
)
def test_a_budget_is_read_as_people_write_it(text: str, wanted: Target) -> None:
    assert parse_budget(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "latency", "0.7", "speed 0.7", "latency 0.7 0.8", "latency fast", "latency 1.5",
             "latency 0", "macs NaN", "macs -1", "latency 0.7}", 'macs "x"']
)  # fmt: skip
def test_what_is_no_budget_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="is not a budget") as refused:
        parse_budget(text)
    assert "latency 0.7" in refused.value.hint


@pytest.mark.parametrize(
    "wrong",
    [{"trials": 0}, {"minutes": 0}, {"minutes": float("inf")}, {"images": 1}, {"seed": -1},
     {"budget": {}}, {"plan": {"version": 1, "locks": []}}, {"faster": True}],
)  # fmt: skip
def test_settings_that_are_wrong_are_refused(wrong: dict) -> None:
    told = {"model": "a.pt", "data": "a.yaml", "budget": {"macs": 0.5}}
    with pytest.raises(UserError, match="settings of the search"):
        parse_search({**told, **wrong})


@pytest.mark.parametrize("wrong", [{}, {"number": -1}, {"number": 0, "settings": {}}, {"x": 1}])
def test_a_trial_that_is_wrong_is_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match="trial is not valid"):
        parse_request(wrong)
