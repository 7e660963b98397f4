"""Which images repair uses: all that there are, as far as time and memory allow."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.cli.main import main
from core.data.stream import ALL, DataSettings
from core.errors import UserError
from core.repair import RepairSettings, check_request, fold, images, repair, statistics
from core.repair.goals import FEWEST, draw_goals
from core.repair.images import open_pool
from core.repair.layers import mendable
from core.repair.refit import FOLDS, PASSES, POSITIONS, VIEWS, images_of, thorough
from tests.core.images import make_dataset
from tests.core.networks import network, table_of
from tests.core.repair.conftest import cut, removal


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> DataSettings:
    names = {n: f"class {n}" for n in range(80)}
    path = make_dataset(tmp_path_factory.mktemp("many") / "data", names, images=30)
    return DataSettings(path, image_size=64, device="cpu")


def test_all_images_of_the_split_are_used_though_fewer_rank(many) -> None:
    table, removed = table_of("yolov8n"), removal("yolov8n")
    few = replace(many, images=8)
    for asked, used in ((None, 30), (12, 12)):
        settings = RepairSettings(("bn",), minutes=5.0, images=asked)
        result = repair(network("yolov8n"), cut("yolov8n", removed), table, removed, few, settings)
        assert result.fitted + result.held_out == used and result.available == 30
        assert result.images_json()["fitted"] == result.fitted


def test_the_command_line_says_how_many_were_used(many, tmp_path, capsys) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 12, "ratio": 0.5}], "round_to": 1}')
    command = ["prune", "yolov8n.yaml", "--plan", str(plan), "--data", str(many.path)]
    command += ["--image-size", "64", "--repair", "bn", "--repair-images", "10"]
    assert main([*command, "-o", str(tmp_path / "small.pt")]) == 0
    told = capsys.readouterr().out
    assert "repaired on 8 of 30 images, measured on 2 held-out images" in told
    assert "20 images were not used" in told


@given(st.integers(3, 30))
def test_reading_ends_when_there_is_enough(many, count) -> None:
    asked = iter(range(100))
    pool = open_pool(replace(many, images=ALL), enough=lambda: next(asked) >= count - 3)
    assert len(pool.fit) + len(pool.held) == min(count, 30)
    assert pool.available == 30 and pool.skipped == 0


def test_images_beyond_the_memory_are_decoded_again(many, monkeypatch) -> None:
    wanted = open_pool(many)
    monkeypatch.setattr(images, "KEPT_BYTES", 3 * wanted.fit[0].nbytes)
    pool = open_pool(many)
    kept = [pixels for _, pixels in (*pool.fit._pairs, *pool.held._pairs)]
    assert Counter(pixels is None for pixels in kept)[False] <= 3 < len(kept)
    for mine, known in zip((*pool.fit, *pool.held), (*wanted.fit, *wanted.held), strict=True):
        assert np.array_equal(mine, known)
    assert all(map(torch.equal, pool.plain(), wanted.plain()))


def test_an_image_that_goes_away_meanwhile_is_named(tmp_path, monkeypatch) -> None:
    path = make_dataset(tmp_path / "data", {0: "a"}, images=6)
    monkeypatch.setattr(images, "KEPT_BYTES", 0)
    pool = open_pool(DataSettings(path, image_size=64))
    for file in Path(path.parent, "images", "train").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="can no longer be read"):
        pool.fit[0]


@pytest.mark.parametrize(("used", "held"), [(2, 1), (3, 1), (8, 2), (24, 3), (30, 3)])
def test_a_part_is_held_out_but_never_many(many, used, held, monkeypatch) -> None:
    for most, count in ((64, held), (2, min(held, 2))):
        monkeypatch.setattr(images, "MOST_HELD_OUT", most)
        pool = open_pool(replace(many, images=used))
        assert len(pool.held) == len(pool.held_files) == count
        assert len(pool.fit) == used - count


@pytest.mark.parametrize("side", [64, 320, 416, 640, 1280])
def test_large_images_are_looked_at_less_often(side) -> None:
    options = thorough(side)
    assert PASSES // 2 <= options.images <= PASSES and options.views
    assert options.places * options.images == pytest.approx(POSITIONS, rel=0.02)


def test_views_fill_up_what_images_do_not(context_of) -> None:
    context = context_of("yolov8n", removal("yolov8n"))
    own = len(context.pool.fit)
    plain, folds = images_of(context, 40)
    assert len(plain) == len(folds) == 2 * own
    for most, count in ((10, 10), (18, 18), (40, (2 + VIEWS) * own)):
        assert len(images_of(context, most, views=True)[0]) == count
    found, folds = images_of(context, 40, views=True)
    assert len(found) == len(folds) and set(folds.tolist()) == set(range(FOLDS))
    same, again = images_of(context, 40, views=True)
    assert all(map(torch.equal, found, same)) and torch.equal(folds, again)
    # An image and its mirror image are left out of a fit together.
    for picture in context.pool.plain(size=1):
        pair = [int(f) for i, f in zip(found, folds, strict=True) if _shows(i, picture)]
        assert len(pair) == 2 and len(set(pair)) == 1


def _shows(image: torch.Tensor, picture: torch.Tensor) -> bool:
    return torch.equal(image, picture) or torch.equal(image, picture.flip(3))


class Ticking:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_preparing_takes_its_share_of_the_time_and_no_more(context_of) -> None:
    removed = removal("yolov8n")
    context = context_of("yolov8n", removed, updates=None)
    layers = mendable(context.table, removed)
    found = [torch.rand(1, 3, 64, 64) for _ in range(60)]
    for seconds, count in ((math.inf, 60), (61.0, 38), (4.0, FEWEST)):
        timed = replace(context, clock=Ticking(), deadline=seconds)
        goals = draw_goals(timed, layers, found, 8)
        assert {len(goal.places) for goal in goals.values()} == {count}
        assert {len(goal.wanted) for goal in goals.values()} == {8 * count}


def test_statistics_and_means_do_not_hold_every_image_at_once(
    many, context_of, monkeypatch
) -> None:
    """A split may have thousands of images."""
    monkeypatch.setattr(statistics, "IMAGES", 5)
    monkeypatch.setattr(fold, "IMAGES", 11)
    context = replace(context_of("yolov8n", removal("yolov8n")), pool=open_pool(many))
    seen = []
    context.teacher.register_forward_pre_hook(lambda _m, inputs: seen.append(len(inputs[0])))
    student = cut("yolov8n", context.removed)
    statistics.renew_statistics(context, student)
    assert seen == [5]
    seen.clear()
    fold.fold(context, student)
    assert seen == [8, 3]


@pytest.mark.parametrize("most", [1, 2, 7, 26, 100])
def test_some_images_are_spread_over_all(many, most) -> None:
    pool = open_pool(replace(many, images=ALL))
    every, some = list(pool.plain(size=1)), list(pool.plain(size=1, most=most))
    places = [next(n for n, image in enumerate(every) if torch.equal(image, one)) for one in some]
    assert len(set(places)) == len(some) == min(most, len(every))
    steps = np.diff(places)
    assert places[0] == 0 and (most < 3 or steps.max() - steps.min() <= 1)


@pytest.mark.parametrize("count", [1, 0, -3])
def test_too_few_images_are_refused_before_anything_begins(many, count) -> None:
    with pytest.raises(UserError, match="needs at least 2 images: one to fit to"):
        check_request(RepairSettings(("bn",), images=count), many)
