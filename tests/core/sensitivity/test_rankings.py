"""Several rankings of one network: the one that repairs best is kept, and stays what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import core
from core.data.stream import DataSettings
from core.errors import UserError
from core.plan.schema import Plan, Target
from core.sensitivity import rankings, trials
from core.sensitivity.rankings import draws_of
from core.settle import Settler
from tests.core.images import make_dataset

PLAN = Plan(criterion="fisher", round_to=1, target=Target(macs=0.6), rankings=4)


@pytest.fixture
def data(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    """Sixteen small images, and rankings that may take as few as two."""
    monkeypatch.setattr(rankings, "LEAST", 2)
    monkeypatch.setattr(trials, "QUICK", replace(trials.QUICK, images=4, places=8))
    return DataSettings(scenes, image_size=64, split="val", device="cpu")


def test_the_ranking_closest_to_the_original_is_kept(trained: Path, data: DataSettings) -> None:
    loaded = core.load(trained)
    seen: list[dict] = []

    class Heard:
        def __call__(self, fraction: float, text: str) -> None:
            assert 0.0 <= fraction <= 1.0

        def partial(self, told: dict) -> None:
            seen.append(told)

    made = core.suggest(loaded, PLAN, data, Heard())
    assert [one.images for one in made.rankings] == [16, 8, 4, 2]
    assert [one.kept for one in made.rankings].count(True) == 1
    kept = next(one for one in made.rankings if one.kept)
    assert kept.gap == min(one.gap for one in made.rankings)
    assert [told["ranking"]["gap"] for told in seen if "ranking" in told] == [
        one.gap for one in made.rankings
    ]
    assert made.to_json()["rankings"][0]["images"] == 16
    # It is the plan that one ranking on those images finds, and it replays without images.
    alone = replace(data, images=kept.images, seed=kept.seed)
    single = core.suggest(loaded, PLAN.model_copy(update={"rankings": 1}), alone)
    assert single.plan.selection == made.plan.selection
    assert single.rankings == ()
    after = core.predict(loaded, made.plan).after
    assert (after.parameters, after.macs) == (made.after.parameters, made.after.macs)


def test_units_are_chosen_by_one_ranking(
    trained: Path, data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[DataSettings | None] = []
    ranked = Settler._ranked

    def heard(self, stage, plan, images, progress):
        asked.append(images)
        return ranked(self, stage, plan, images, progress)

    def chosen(loaded, plan, images, goal, share, allocate, progress):
        allocate(plan, progress)
        return plan

    monkeypatch.setattr(Settler, "_ranked", heard)
    monkeypatch.setattr("core.sensitivity.depth.choose_units", chosen)
    plan = PLAN.model_copy(update={"depth": True, "rankings": 2})
    found = Settler(core.load(trained), data).settle(plan)
    assert [images and images.images for images in asked] == [96, 96, 8]
    assert len(found.rankings) == 2


def test_a_criterion_without_images_is_refused_and_so_is_no_dataset(
    trained: Path, data: DataSettings
) -> None:
    loaded = core.load(trained)
    with pytest.raises(UserError, match="need a criterion that uses images, and l2 does not"):
        core.suggest(loaded, PLAN.model_copy(update={"criterion": "l2"}), data)
    with pytest.raises(UserError, match="Several rankings need"):
        core.suggest(loaded, PLAN)


def test_few_images_are_not_drawn_from(tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "few", {0: "a"}, images=5)
    assert list(draws_of(DataSettings(path), 8)) == [DataSettings(path)]
    path = make_dataset(tmp_path / "more", {0: "a"}, images=40)
    drawn = list(draws_of(DataSettings(path, seed=3), 6))
    assert [one.images for one in drawn[1:]] == [24, 24, 24, 24]
    assert [one.seed for one in drawn] == [3, 4, 5, 6, 8]


def test_a_plan_of_one_ranking_is_written_as_before() -> None:
    assert "rankings" not in Plan().to_json()
    assert PLAN.to_json()["rankings"] == 4
    for wrong in (0, 33, 1.5, "many"):
        with pytest.raises(UserError):
            core.plan.schema.parse_plan({"version": 1, "rankings": wrong})
