"""What each step of repair promises, whatever the network."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from core.progress import silent
from core.pruning.surgery import cut_network
from core.repair.context import RepairSettings
from core.repair.distill import DistillSettings, apply, distill
from core.repair.fold import fold
from core.repair.fused import Fused
from core.repair.judge import Judge
from core.repair.layers import columns_of, mendable
from core.repair.refit import RefitSettings, block_inputs, draw_goals, fit_layer, refit, solve
from core.repair.statistics import renew_statistics
from tests.core.networks import network, table_of
from tests.core.repair.conftest import cut, removal


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in model.state_dict().items()}


def constant_channels(layer: str) -> tuple[nn.Module, np.ndarray]:
    """A network in which half of a layer's channels are constant, and the removal of those."""
    model, table = copy.deepcopy(network("yolov8n")), table_of("yolov8n")
    norm = model.get_submodule(layer.replace(".conv", ".bn"))
    half = norm.num_features // 2
    with torch.no_grad():
        norm.weight[:half] = 0
        norm.bias[:half] = torch.linspace(-2, 3, half)
    removed = np.zeros(table.atom_count, bool)
    removed[table.outputs(table.index[layer])[:half]] = True
    return model, removed


def test_folding_constant_channels_is_exact(context_of) -> None:
    model, removed = constant_channels("model.12.m.0.cv2.conv")  # read by one 1 x 1 convolution
    table = table_of("yolov8n")
    context = context_of("yolov8n", removed)
    object.__setattr__(context, "teacher", model)
    small = cut_network(model, table, removed)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted, cut_only = model(image)[0], small(image)[0]
        folded = fold(context, small)(image)[0]
    assert (cut_only - wanted).abs().max() > 1e-2, "the channels did carry something"
    assert torch.allclose(folded, wanted, atol=1e-3, rtol=1e-4)


def test_folding_is_exact_inside_the_border(context_of) -> None:
    model, removed = constant_channels("model.0.conv")  # read by a 3 x 3 convolution with padding
    context = context_of("yolov8n", removed)
    object.__setattr__(context, "teacher", model)
    folded = fold(context, cut_network(model, table_of("yolov8n"), removed))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = model.model[1](model.model[0](image))
        got = folded.model[1](folded.model[0](image))
    assert torch.allclose(got[..., 1:, 1:], wanted[..., 1:, 1:], atol=1e-4)
    assert not torch.allclose(got, wanted, atol=1e-2)


@pytest.mark.parametrize("ridge", [1e-6, 0.03, 1.0, 100.0])
@pytest.mark.parametrize("rows", [5, 200])
def test_least_squares_never_raise_the_error(ridge, rows) -> None:
    generator = torch.Generator().manual_seed(rows)
    inputs = torch.randn(rows, 24, generator=generator)
    wanted = torch.randn(rows, 6, generator=generator) + 3
    start = torch.randn(6, 24, generator=generator)
    weight, constant, (before, after) = solve(inputs, wanted, start, (ridge,))
    assert after <= before
    error = (inputs @ weight.T + constant - wanted).square().mean()
    assert float(error) == pytest.approx(after, rel=1e-4, abs=1e-9)


def test_no_layer_is_worse_after_refit(context_of) -> None:
    removed = removal("yolov8n")
    context = context_of("yolov8n", removed)
    model = cut("yolov8n", removed)
    images = list(context.pool.plain(size=1))
    layers = mendable(context.table, removed)
    goals = draw_goals(context, layers, images, 128)
    errors = []
    folds = torch.arange(len(images)) % 2
    for layer in layers[::6]:
        feeds = block_inputs(context, model, layer.block, images)
        goal = goals[layer.name]
        errors.append(fit_layer(context, model, layer, goal, feeds, folds, RefitSettings()))
    assert all(after <= before * (1 + 1e-6) for before, after in errors)
    assert sum(after for _, after in errors) < sum(before for before, _ in errors)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 5, 3, padding=1),
        nn.Conv2d(3, 5, 3, stride=2, padding=1),
        nn.Conv2d(3, 5, 1),
        nn.Conv2d(3, 5, (1, 5), padding=(0, 2)),
        nn.Conv2d(3, 5, 3, padding=2, dilation=2),
    ],
)
def test_columns_are_what_the_kernel_reads(layer) -> None:
    value = torch.rand(2, 3, 8, 12)
    with torch.no_grad():
        wanted = layer(value)
        places = torch.randint(wanted[0, 0].numel(), (2, 7))
        columns = columns_of(layer, value, places)
        got = columns @ layer.weight.flatten(1).T + layer.bias
    picked = wanted.flatten(2).transpose(1, 2).gather(1, places[..., None].expand(-1, -1, 5))
    assert torch.allclose(got, picked.flatten(0, 1), atol=1e-5)


def test_without_removal_nothing_drifts(context_of) -> None:
    table = table_of("yolov8n")
    context = context_of("yolov8n", np.zeros(table.atom_count, bool))
    model = network("yolov8n")
    again = renew_statistics(context, model)
    for name, tensor in model.state_dict().items():
        assert torch.allclose(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-3), name


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov10n"])
def test_folding_batchnorm_and_back(family) -> None:
    model, table = network(family), table_of(family)
    image = torch.rand(1, 3, 64, 64)
    trial = copy.deepcopy(model)
    with torch.no_grad():
        wanted = model(image)[1]
        fused = Fused(trial, table)
        folded = trial(image)[1]
        back = fused.undo(copy.deepcopy(trial))
        again = back(image)[1]
    assert fused.count > 20
    for result in (folded, again):
        flat = result.get("one2one", result), wanted.get("one2one", wanted)
        assert torch.allclose(flat[0]["scores"], flat[1]["scores"], atol=1e-3, rtol=1e-3)
    assert shapes(back) == shapes(model)
    back.load_state_dict(model.state_dict())


@pytest.mark.parametrize("family", ["yolov8n", "yolov8n-seg", "yolov8n-cls", "yolo26n"])
def test_steps_keep_shapes_and_the_student(family, context_of) -> None:
    removed = removal(family)
    assert removed.any()
    context, student = context_of(family, removed), cut(family, removed)
    before = copy.deepcopy(student.state_dict())
    results = [fold(context, student), renew_statistics(context, student)]
    results.append(distill(context, student, DistillSettings(), 0.0)[0])
    for result in results:
        assert shapes(result) == shapes(student)
        assert [type(m) for m in result.modules()] == [type(m) for m in student.modules()]
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), "a step works on a copy"


def test_refit_goes_through_every_layer(context_of) -> None:
    removed = removal("yolov8n", 0.2)
    student = cut("yolov8n", removed)
    texts: list[str] = []
    context = context_of("yolov8n", removed)
    object.__setattr__(context, "progress", lambda fraction, text: texts.append(text))
    result = refit(context, student)
    assert shapes(result) == shapes(student)
    assert any("model.22" in text for text in texts)
    assert all(torch.isfinite(t).all() for t in result.state_dict().values())


def test_distilling_the_original_keeps_it(context_of, data) -> None:
    context = context_of("yolov8n", np.zeros(table_of("yolov8n").atom_count, bool), updates=4)
    judge = Judge(context.teacher, context.pool, data, {}, "detect", "cpu")
    context = context.with_progress(silent, judge)
    student = network("yolov8n")
    best, note = apply(context, student)
    assert judge(student).gap == pytest.approx(0, abs=1e-6)
    assert judge(best).gap <= judge(student).gap
    assert "then" in note, "it started over, gentler"


def test_distilling_depends_on_the_seed_alone(context_of) -> None:
    removed = removal("yolov8n")
    student = cut("yolov8n", removed)

    def run(seed: int) -> torch.Tensor:
        context = context_of("yolov8n", removed, seed=seed)
        return distill(context, student, DistillSettings(), 0.0)[0].model[2].cv1.conv.weight

    first = run(0)
    assert torch.equal(first, run(0))
    assert not torch.equal(first, run(1))
    assert RepairSettings().updates is None


def noisy_fit(noise: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows of 12 images whose wanted outputs are the start's, changed a little, and noise."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12 * 5, 40, generator=generator)
    start = torch.randn(6, 40, generator=generator)
    true = start + 0.1 * torch.randn(6, 40, generator=generator)
    wanted = inputs @ true.T + noise * torch.randn(60, 6, generator=generator)
    return inputs, wanted, start, true


@pytest.mark.parametrize(("noise", "best"), [(0.001, 1e-3), (5.0, 10.0)])
def test_the_ridge_is_what_does_best_on_images_left_out(noise, best) -> None:
    inputs, wanted, start, true = noisy_fit(noise)
    folds, ridges = torch.arange(12) % 3, (1e-3, 1.0, 10.0)
    chosen = solve(inputs, wanted, start, ridges, folds)[0]
    each = {ridge: solve(inputs, wanted, start, (ridge,))[0] for ridge in ridges}
    assert torch.allclose(chosen, each[best], atol=1e-5)
    errors = {ridge: float((weight - true).square().mean()) for ridge, weight in each.items()}
    assert errors[best] == min(errors.values())


def test_what_meets_its_goal_is_left_as_it_is() -> None:
    inputs, _, start, _ = noisy_fit(0.0)
    wanted = inputs @ start.T + 2.0
    weight, constant, errors = solve(inputs, wanted, start, (0.01,))
    assert torch.equal(weight, start)
    assert torch.allclose(constant, torch.full((6,), 2.0), atol=1e-4)
    assert errors == (0.0, 0.0)
