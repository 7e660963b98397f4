"""What a teacher's outputs ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ultralytics.cfg import get_cfg

import core
from core.tune.distill import folded, join, output_loss

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


@pytest.mark.parametrize("way", ["features", "outputs"])
@pytest.mark.parametrize("read", ["[-1]", "[2, -1]", "[-2, 3]", "[1, 2, 3]"])
def test_a_head_may_name_what_it_reads_by_its_distance(way: str, read: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    convs = ", ".join("[-1, 1, Conv, [16, 3, 2]]" for _ in range(4))
    path.write_text(f"nc: 2\nbackbone: [{convs}]\nhead: [[{read}, 1, Detect, [nc]]]\n", "utf-8")
    student, teacher = (core.load(path).model.float() for _ in range(2))
    student.args = get_cfg(overrides={"imgsz": 64})
    joined = join(student, teacher, way, None).train()
    batch = {
        "img": torch.rand(2, 3, 64, 64), "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[0.0], [1.0]]), "bboxes": torch.full((2, 4), 0.5),
    }  # fmt: skip
    loss, items = joined.loss(batch)
    assert float(items["dis_loss"]) > 0 and torch.isfinite(loss).all()
    loss.sum().backward()
    joined.eval()
    with torch.no_grad():
        assert float(joined.loss(batch)[1]["dis_loss"]) == 0
