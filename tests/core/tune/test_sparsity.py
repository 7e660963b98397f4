"""Sparse training: scales fall to zero where channels can be cut, and the last state is kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

import core
from core.checkpoint import load
from core.cli.main import main
from core.errors import UserError
from core.graph.builder import analyse_model
from core.tune.choose import LAST
from core.tune.presets import PRESETS, SCHEDULES
from core.tune.run import finetune
from core.tune.settings import Settings, parse_settings
from core.tune.sparsity import NOTHING, Sparsity, cuttable, shrink, sparsity_of, watch

FLOATS = some.floats(-1e4, 1e4, width=32)


@pytest.fixture
def sparse(settings: Settings) -> Settings:
    """Four steps, so strong that every scale would reach zero if nothing held it."""
    return settings.model_copy(update={"preset": "sparse", "sparsity": 200.0})


def near_zero(path: Path) -> float:
    loaded = load(path)
    return sparsity_of(loaded, 1.0, "constant").share_near_zero(loaded.model)


@given(some.lists(FLOATS, min_size=1, max_size=20), some.floats(0, 1e4, width=32))
def test_scales_move_by_the_step_and_stop_at_zero(scales: list[float], step: float) -> None:
    before = torch.tensor(scales, dtype=torch.float64)
    after = shrink(before, step)
    assert bool((before * after >= 0).all())  # none changes its sign
    moved = (before - after).abs()
    wanted = torch.minimum(before.abs(), torch.full_like(before, step))
    torch.testing.assert_close(moved, wanted, rtol=0, atol=1e-9)
    # The proximal operator of step × |x|: no other point has a lower value.
    value = 0.5 * (after - before) ** 2 + step * after.abs()
    for other in (before, torch.zeros_like(before), 0.9 * after, after + 1e-3):
        assert bool((value <= 0.5 * (other - before) ** 2 + step * other.abs() + 1e-6).all())


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov10n"])
def test_only_channels_that_can_be_cut(family: str) -> None:
    loaded = core.load(f"{family}.yaml")
    table = core.analyse(loaded, cache=False).table
    found = cuttable(table)
    modules = dict(loaded.model.named_modules())
    assert found
    for name, chosen in found.items():
        assert isinstance(modules[name], nn.BatchNorm2d)
        atoms = table.outputs(table.index[name])
        assert chosen.shape == atoms.shape
        assert bool((table.fixed[atoms[chosen]] < 0).all())
        assert bool((table.fixed[atoms[~chosen]] >= 0).all())
    for number, layer in enumerate(table.layers):
        if layer.kind == "BatchNorm2d" and layer.name not in found:
            assert bool((table.fixed[table.outputs(number)] >= 0).all())


def test_what_is_locked_is_not_pulled() -> None:
    """A block that leaves PyTorch is locked, and so are the channels that it reads."""

    class Numbers(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(np.abs(x.detach().numpy()))

    loaded = core.load("yolov8n.yaml")
    free = cuttable(analyse_model(loaded.model, 64))
    loaded.model.model[5].act = Numbers()
    locked = cuttable(analyse_model(loaded.model, 64))
    assert "model.5.bn" in free
    assert "model.5.bn" not in locked
    assert set(locked) < set(free)


def stepped(schedule: str, epochs: int, strength: float = 2.0) -> list[float]:
    """Return a scale of 1 after each step of a trainer that does nothing else."""
    model = nn.Sequential(nn.BatchNorm2d(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = SimpleNamespace(
        model=model,
        optimizer=optimizer,
        ema=SimpleNamespace(decay=lambda updates: 0.9),
        args=SimpleNamespace(time=None),
        epochs=epochs,
        epoch=0,
    )
    chosen = {"0": np.array([True, False])}
    watch(trainer, Sparsity(strength, schedule, chosen))
    assert trainer.ema.decay(10) == 0
    found = []
    for trainer.epoch in range(epochs):
        optimizer.step()
        scale = model[0].weight.detach()
        assert float(scale[1]) == 1
        found.append(float(scale[0]))
    return found


def test_schedules() -> None:
    assert stepped("constant", 4) == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert stepped("rising", 4) == pytest.approx([0.9, 0.7, 0.5, 0.3])
    assert stepped("constant", 8)[-1] == 0
    for schedule in SCHEDULES.values():
        factors = [schedule.factor(share) for share in np.linspace(0, 1, 21)]
        assert all(0 <= factor <= 1 for factor in factors)
        assert factors[-1] == 1


@pytest.mark.parametrize("schedule", ["constant", "rising"])
def test_scales_fall_and_the_last_state_is_the_result(
    sparse: Settings, tmp_path: Path, schedule: str
) -> None:
    settings = sparse.model_copy(update={"sparsity_schedule": schedule})
    assert near_zero(Path(settings.model)) < 0.1
    result = finetune(settings, tmp_path)
    told = result["sparsity"]
    assert told["after"] > told["before"] + 0.5
    assert told["after"] == near_zero(Path(result["output"])) == near_zero(tmp_path / "last.pt")
    assert result["chosen"] == LAST
    assert result["averaged"] is None
    assert f"below {NOTHING:g}" in result["text"]
    last, kept = (load(p).model.state_dict() for p in (tmp_path / "last.pt", result["output"]))
    assert all(torch.equal(last[key], value) for key, value in kept.items())
    record = load(result["output"]).facts.history[-1]
    assert (record["preset"], record["state"]) == ("sparse", LAST)


def test_zeros_are_exact_and_saved(sparse: Settings, tmp_path: Path) -> None:
    """The averaged weights, which are saved, have the zeros of the trained ones."""
    loaded = load(finetune(sparse, tmp_path)["output"])
    scales = sparsity_of(loaded, 1.0, "constant").channels
    values = [loaded.model.get_submodule(name).weight.detach()[chosen] for name, chosen in
              ((n, torch.from_numpy(c)) for n, c in scales.items())]  # fmt: skip
    together = torch.cat(values)
    assert float((together == 0).float().mean()) > 0.5


def test_without_sparsity_nothing_is_pulled(sparse: Settings, tmp_path: Path) -> None:
    result = finetune(sparse.model_copy(update={"sparsity": 0.0}), tmp_path)
    assert "sparsity" not in result
    assert near_zero(tmp_path / "last.pt") < 0.1


def test_another_preset_can_be_sparse(sparse: Settings, tmp_path: Path) -> None:
    settings = sparse.model_copy(update={"preset": "recover_quickly", "sparsity": 5000.0})
    assert finetune(settings, tmp_path)["sparsity"]["after"] > 0.5


def test_a_teacher_is_not_pulled(sparse: Settings, teacher: Path, tmp_path: Path) -> None:
    before = copy.deepcopy(load(teacher).model.state_dict())
    result = finetune(sparse.model_copy(update={"teacher": str(teacher)}), tmp_path)
    assert result["sparsity"]["after"] > 0.5
    after = load(teacher).model.state_dict()
    assert all(torch.equal(before[key], value) for key, value in after.items())


def test_limited_by_time(sparse: Settings, tmp_path: Path) -> None:
    result = finetune(sparse.model_copy(update={"epochs": None, "minutes": 0.03}), tmp_path)
    assert result["chosen"] == LAST


def test_the_command(sparse: Settings, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "sparse.pt"
    told = ["finetune", sparse.model, "--data", sparse.data, "--preset", "sparse", "-o", str(out)]
    told += ["--sparsity", "200", "--sparsity-schedule", "rising", "--epochs", "2", "--batch", "2"]
    told += ["--image-size", "64", "--device", "cpu", "--no-baseline", "--json"]
    assert main([*told, "--folder", str(tmp_path / "job")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sparsity"]["after"] == near_zero(out) > 0.5
    plan = core.Plan(criterion="bn_scale", round_to=1, target=core.parse_plan(
        {"version": 1, "target": {"macs": 0.7}}).target)  # fmt: skip
    assert core.prune(core.load(out), plan, cache=False).verification.passed


@pytest.mark.parametrize("value", [-1, 1001, "much", float("nan"), [1]])
def test_a_strength_that_is_none(value: object) -> None:
    with pytest.raises(UserError, match="sparsity"):
        parse_settings({"model": "a.pt", "data": "b.yaml", "sparsity": value})


def test_a_schedule_that_is_none() -> None:
    with pytest.raises(UserError, match="sparsity_schedule"):
        parse_settings({"model": "a.pt", "data": "b.yaml", "sparsity_schedule": "falling"})
    fields = Settings.model_fields["sparsity_schedule"].annotation
    assert set(fields.__args__) == set(SCHEDULES)


def test_a_network_without_scales() -> None:
    loaded = core.load("yolov8n.yaml")
    for module in loaded.model.modules():
        for key, part in list(module._modules.items()):
            if isinstance(part, nn.BatchNorm2d):
                module._modules[key] = nn.Identity()
    table = analyse_model(loaded.model, 64)
    assert cuttable(table) == {}


def test_accuracy_does_not_end_the_training() -> None:
    assert PRESETS["sparse"].options["patience"] == 0
    assert PRESETS["sparse"].sparsity > 0
