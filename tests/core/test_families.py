"""Every family: analysed, pruned, proven, and equal to its prediction to the last number."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from core.plan.resolve import Resolution, Resolver
from core.plan.schema import parse_plan
from core.plan.widths import compute_widths
from core.pruning.criteria import score_atoms
from core.pruning.surgery import cut_network
from core.pruning.verify import verify_networks
from tests.core.networks import (
    FAMILIES,
    OTHERS,
    convolution_parameters,
    count_macs,
    image_size,
    network,
    parameters,
    table_of,
)

SHARES = {
    "yolov8n": 0.28, "yolov9t": 0.28, "yolo11n": 0.30, "yolov10n": 0.31, "yolo26n": 0.35,
    "yolo12n": 0.43,
}  # fmt: skip
"""Largest share of convolution parameters kept at ratio 0.5."""


def everything(family: str, ratio: float, round_to: int = 1) -> Resolution:
    table = table_of(family)
    selection = [{"block": b.index, "ratio": ratio} for b in table.blocks]
    plan = parse_plan({"version": 1, "round_to": round_to, "selection": selection})
    return Resolver(table).resolve(plan, score_atoms(network(family), table, "l2", 0))


@pytest.fixture(
    params=[(f, r) for f in FAMILIES + OTHERS for r in (0.3, 0.5)], ids="{0[0]}-{0[1]}".format
)
def pruned(request) -> tuple[str, float, Resolution, nn.Module]:
    family, ratio = request.param
    resolution = everything(family, ratio)
    model = cut_network(network(family), table_of(family), resolution.removed)
    return family, ratio, resolution, model


def test_pruned_network(pruned) -> None:
    family, ratio, resolution, model = pruned
    original, table = network(family), table_of(family)
    widths = compute_widths(table, resolution.removed)

    proof = verify_networks(original, model, table, resolution.removed)
    assert proof.passed, f"relative error {proof.relative_error:.1e}"
    assert parameters(model) == widths.parameters
    assert count_macs(copy.deepcopy(model), image_size(family)) == widths.macs
    if ratio == 0.5 and family in SHARES:
        share = convolution_parameters(model) / convolution_parameters(original)
        assert share <= SHARES[family]
    _runs_everywhere(model)


def _runs_everywhere(model: nn.Module) -> None:
    """The other code paths read stored widths: training, ``forward_split``, ``fuse``."""
    image = torch.rand(2, 3, 128, 128)
    copy.deepcopy(model).train()(image)
    with torch.no_grad():
        split = copy.deepcopy(model).eval()
        for module in split.modules():
            if hasattr(module, "forward_split"):
                module.forward = module.forward_split
        split(image)
        fused = copy.deepcopy(model).eval().fuse(verbose=False)
        fused(image)


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "rtdetr-l"])
def test_original_is_untouched(family) -> None:
    model = network(family)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = [p.requires_grad for p in model.parameters()]
    resolution = everything(family, 0.5)
    cut_network(model, table_of(family), resolution.removed)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert flags == [p.requires_grad for p in model.parameters()]


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov10n"])
def test_rounding_is_kept(family) -> None:
    resolution = everything(family, 0.4, round_to=8)
    table = table_of(family)
    widths = compute_widths(table, resolution.removed)
    for number, layer in enumerate(table.layers):
        changed = widths.outputs[number] != table.out_counts[number]
        if layer.mixes and changed:
            assert widths.outputs[number] % 8 == 0, layer.name


def test_attention_loses_whole_heads() -> None:
    resolution = everything("yolo12n", 0.5)
    model = cut_network(network("yolo12n"), table_of("yolo12n"), resolution.removed)
    heads = [
        (before.num_heads, after.num_heads)
        for before, after in zip(network("yolo12n").modules(), model.modules(), strict=True)
        if type(before).__name__ == "AAttn"
    ]
    assert heads
    assert all(after < before for before, after in heads)


def test_frozen_weights_are_pruned_all_the_same() -> None:
    model = copy.deepcopy(network("yolov8n")).requires_grad_(False)
    resolution = everything("yolov8n", 0.5)
    smaller = cut_network(model, table_of("yolov8n"), resolution.removed)
    assert parameters(smaller) < 0.3 * parameters(model)
    assert not any(p.requires_grad for p in smaller.parameters())


def test_fused_network_is_pruned_all_the_same() -> None:
    from core.graph.builder import analyse_model

    fused = copy.deepcopy(network("yolov8n")).fuse(verbose=False)
    table = analyse_model(fused, 640)
    plan = parse_plan({"version": 1, "round_to": 1, "selection": [{"block": 4, "ratio": 0.5}]})
    resolution = Resolver(table).resolve(plan, score_atoms(fused, table, "bn_scale", 0))
    smaller = cut_network(fused, table, resolution.removed)
    assert verify_networks(fused, smaller, table, resolution.removed).passed
    assert parameters(smaller) == compute_widths(table, resolution.removed).parameters


def test_a_wrong_cut_fails_the_proof() -> None:
    """The proof must be able to fail: cut other channels than those masked."""
    table, model = table_of("yolov8n"), network("yolov8n")
    resolution = everything("yolov8n", 0.5)
    other = Resolver(table).resolve(
        parse_plan(
            {
                "version": 1,
                "round_to": 1,
                "selection": [{"block": b.index, "ratio": 0.5} for b in table.blocks],
            }
        ),
        np.random.default_rng(3).random(table.atom_count),
    )
    wrong = cut_network(model, table, other.removed)
    assert not verify_networks(model, wrong, table, resolution.removed).passed
