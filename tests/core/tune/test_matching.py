"""Blocks of a pruned network are compared with the channels of its teacher that are left."""

from __future__ import annotations

from pathlib import Path

import torch

import core
from core.repair.context import block_outputs
from core.tune.distill import folded
from core.tune.matching import FINEST, SIDE, feature_loss, matched_channels


def images() -> torch.Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_channels_are_those_that_the_convolutions_kept(
    pruned_detector: Path, tmp_path: Path
) -> None:
    pruned = core.load(pruned_detector)
    from tests.core.networks import untrained

    original = untrained("yolov8n")
    kept = matched_channels(pruned, original)
    history = pruned.facts.history[-1]["original"]
    assert {3, 4, 9, 15, 21} <= set(kept) and not {0, 10, 22} & set(kept)
    assert kept[4].tolist() == history["model.4.cv2.conv"]["outputs"]
    assert kept[5].tolist() == history["model.5.conv"]["outputs"]
    with block_outputs(pruned.model.eval(), list(kept)) as outputs, torch.no_grad():
        pruned.model(images())
    for number, index in kept.items():
        assert outputs[number].shape[1] == len(index)
        assert outputs[number].shape[-1] <= SIDE // FINEST


def test_only_the_network_it_was_pruned_from_is_matched(
    pruned_detector: Path, teacher: Path
) -> None:
    assert matched_channels(core.load(pruned_detector), core.load(teacher)) == {}
    assert matched_channels(core.load(teacher), core.load(teacher)) == {}


def test_the_same_maps_have_nothing_to_learn() -> None:
    maps = {3: torch.randn(2, 6, 4, 4), 4: torch.randn(2, 5, 2, 2)}
    kept = {3: torch.tensor([0, 2, 5]), 4: torch.tensor([1])}
    mine = {number: maps[number][:, index] for number, index in kept.items()}
    assert float(feature_loss(mine, maps, kept)) == 0
    mine[3] = mine[3] + maps[3].std()
    assert 0.3 < float(feature_loss(mine, maps, kept)) < 0.7


def test_folding_a_teacher_changes_no_output(teacher: Path) -> None:
    loaded = core.load(teacher)
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    model = loaded.model.float().eval()
    with torch.no_grad():
        before = model(images())[1]
        after = folded(model)(images())[1]
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    for name in ("scores", "boxes"):
        torch.testing.assert_close(before[name], after[name], atol=1e-4, rtol=1e-3)
