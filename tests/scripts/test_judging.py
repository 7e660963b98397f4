"""Ways that `scripts/judge.py` compares, next to its run in `test_scripts.py`."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import core
from core.data.resample import BoxImages
from core.errors import UserError
from core.plan.schema import parse_plan
from resources.scenes import write_dataset
from scripts.judging import rivals
from scripts.judging.bench import Bench, Judged, reordered
from scripts.judging.deployed import Deployed, multiply_adds
from scripts.judging.folds import split_once
from scripts.judging.shares import Share
from scripts.judging.ways import WAYS

MODEL = Path(__file__).resolve().parents[2] / "resources" / "demo" / "demo.pt"


@pytest.fixture(scope="module")
def loaded() -> core.checkpoint.Loaded:
    return core.load(MODEL)


def bench(loaded: core.checkpoint.Loaded) -> SimpleNamespace:
    return SimpleNamespace(loaded=loaded, options=SimpleNamespace(size=320, seed=0), note="")


def found(images: int) -> BoxImages:
    rng = np.random.default_rng(0)
    image, label_image = rng.integers(0, images, 40), rng.integers(0, images, 30)
    return BoxImages(
        rng.random((40, 10)) < 0.4,
        rng.random(40),
        rng.integers(0, 2, 40),
        image,
        rng.integers(0, 2, 30),
        label_image,
        images,
    )


def test_a_narrow_network_has_the_cost_and_the_depth(loaded: core.checkpoint.Loaded) -> None:
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    made = bench(loaded)
    network = rivals.narrow(made, 0.5)
    assert multiply_adds(network, 320) == pytest.approx(
        0.5 * multiply_adds(loaded.model, 320), rel=0.2
    )
    kinds = [[type(m) for m in model.modules()] for model in (network, loaded.model)]
    assert kinds[0] == kinds[1]
    assert (network.names, network.task) == (loaded.model.names, "detect")
    mine = network.state_dict()
    same = [name for name in mine if mine[name].shape == before[name].shape]
    assert f"{len(same)} of {len(mine)} tensors loaded" in made.note
    assert all(torch.equal(mine[name], before[name].float()) for name in same)
    after = loaded.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_narrow_network_is_the_same_every_time(loaded: core.checkpoint.Loaded) -> None:
    states = [rivals.at_width(loaded.model, 0.5, seed=0).state_dict() for _ in range(2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(("less", "size"), [(0.0, 320), (0.3, 256), (0.5, 224), (0.99, 32)])
def test_a_lower_resolution_is_a_multiple_of_the_stride(
    loaded: core.checkpoint.Loaded, less: float, size: int
) -> None:
    made = bench(loaded)
    network = rivals.resolution(made, less)
    assert isinstance(network, Deployed)
    assert (network.size, network.network, made.note) == (size, loaded.model, f"{size} px")


def test_images_in_another_order_are_paired_again() -> None:
    whole, order = found(6), np.array([3, 0, 5, 1, 4, 2])
    files = [f"{n}.jpg" for n in range(6)]
    place = np.argsort(order)  # image 3 comes first
    moved = replace(whole, image=place[whole.image], label_image=place[whole.label_image])
    again = reordered(moved, [files[n] for n in order], files)
    assert np.array_equal(again.image, whole.image)
    weights = np.random.default_rng(1).integers(0, 3, (5, 6)).astype(float)
    assert np.array_equal(again.figures(weights), whole.figures(weights), equal_nan=True)


def test_what_was_judged_is_read_as_it_was_written(tmp_path: Path) -> None:
    judged = Judged(found(6), found(6), np.full(6, np.nan), 3.5, 0.49, "224 px")
    judged.save(tmp_path / "one.npz")
    again = Judged.load(tmp_path / "one.npz")
    assert (again.seconds, again.macs, again.note) == (3.5, 0.49, "224 px")
    assert np.isnan(again.gaps).all()
    assert np.array_equal(again.agreeing.hits, judged.agreeing.hits)
    assert again.labelled.images == 6


def test_torch_pruning_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    rivals.check_torch_pruning()
    monkeypatch.setattr(rivals, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^Torch-Pruning is not installed\. .*torch-pruning"):
        rivals.CHECKS["torch-pruning"]()


def test_a_network_without_a_scale_is_judged(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "scenes", train=4, val=4)
    folder = tmp_path / "judged"
    folder.mkdir()
    options = Namespace(
        model=str(MODEL), folder=str(folder), size=64, seed=0, images=None, time=False, device="cpu"
    )
    bench = Bench(options, split_once(data, "val", folder), WAYS.make)
    plan = parse_plan({"version": 1, "selection": [{"scale": 8}]})
    judged = bench.look(core.prune(bench.loaded, plan).model)
    assert judged.gaps.shape == (4,) and (judged.gaps > 0).all()
    assert judged.macs < 1.0
    assert (bench.look(bench.loaded.model).gaps == 0).all()


def test_a_share_of_the_unpruned_is_within_its_interval() -> None:
    mine = found(12)
    whole = Share.of(mine, mine)
    assert (whole.share, whole.low, whole.high) == (1.0, 1.0, 1.0)
    nothing = Share.of(replace(mine, hits=np.zeros_like(mine.hits)), mine)
    assert str(nothing) == "0.0000 (0.0%, 0% to 0%)"
    half = Share.of(replace(mine, hits=mine.hits & (mine.image < 6)[:, None]), mine)
    assert half.low < half.share < half.high < 1.0
