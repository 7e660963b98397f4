"""What is made of a file is saved in the precision that it came in, and proven as it is saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import core
from core.checkpoint.writer import stored_as
from core.data.stream import DataSettings
from core.pipeline import verify
from core.plan.schema import parse_plan
from core.repair import RepairSettings

PLAN = {"version": 1, "round_to": 1, "selection": [{"block": 8, "ratio": 0.5}]}


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(value, other[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("repaired", [False, True])
def test_a_file_in_half_precision_stays_so(
    repaired: bool, trained: Path, scenes: Path, tmp_path: Path
) -> None:
    original = core.load(trained)
    assert original.facts.dtype == "float16"
    given = (
        {
            "data": DataSettings(scenes, image_size=64, images=8),
            "repair": RepairSettings(("refit",)),
        }
        if repaired
        else {}
    )
    result = core.prune(original, parse_plan(PLAN), tmp_path / "small.pt", **given)
    small = core.load(tmp_path / "small.pt")
    assert (small.facts.dtype, result.to_json()["dtype"]) == ("float16", "float16")
    # What was measured and proven is what is in the file.
    assert same(result.model, small.model)
    assert verify(original, small).relative_error <= 1e-5
    count = sum(p.numel() for p in small.model.parameters())
    size = (tmp_path / "small.pt").stat().st_size
    assert size < 2.6 * count and size < trained.stat().st_size


def test_full_precision_on_request(trained: Path, tmp_path: Path) -> None:
    result = core.prune(core.load(trained), parse_plan(PLAN), tmp_path / "small.pt", fp32=True)
    small = core.load(tmp_path / "small.pt")
    assert (small.facts.dtype, result.to_json()["dtype"]) == ("float32", "float32")


def test_a_file_in_full_precision_stays_so(tmp_path: Path) -> None:
    core.prune(core.load("yolov8n.yaml"), parse_plan(PLAN), tmp_path / "small.pt")
    assert core.load(tmp_path / "small.pt").facts.dtype == "float32"


def test_weights_that_half_precision_does_not_hold_are_kept(trained: Path) -> None:
    model = core.load(trained).model
    assert next(stored_as(model, "float16").parameters()).dtype == torch.float16
    next(model.parameters()).data[0] = 1e6
    assert next(stored_as(model, "float16").parameters()).dtype == torch.float32
