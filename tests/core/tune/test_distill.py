"""What a teacher's outputs ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import core
from core.tune.distill import folded, output_loss

CLASSES, POSITIONS = 5, 7


def heads(bins: int, seed: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    scores = 4 * torch.randn(2, CLASSES, POSITIONS, generator=draw)
    return {"scores": scores, "boxes": torch.randn(2, 4 * bins, POSITIONS, generator=draw)}


@pytest.mark.parametrize("bins", [1, 16])
def test_mixed_precision_loses_no_digit_of_the_loss(bins: int) -> None:
    said, told = heads(bins, 0), heads(bins, 1)
    full = output_loss(said, told, bins)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = output_loss(said, told, bins)
    assert all(part.dtype == torch.float32 for part in mixed)
    torch.testing.assert_close(mixed, full, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bins", [1, 16])
def test_a_student_that_says_the_same_has_nothing_to_learn(bins: int) -> None:
    said = heads(bins, 0)
    assert [float(part) for part in output_loss(said, said, bins)] == pytest.approx(
        [0, 0], abs=1e-5
    )
    other = output_loss(heads(bins, 1), said, bins)
    assert all(float(part) > 0.01 for part in other)


def test_folding_a_teacher_changes_no_output(teacher: Path) -> None:
    model = core.load(teacher).model.float().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before, after = model(images)[1], folded(model)(images)[1]
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    for name in ("scores", "boxes"):
        torch.testing.assert_close(before[name], after[name], atol=1e-4, rtol=1e-3)
