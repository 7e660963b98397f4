"""Naive conflicts against the real thing: cut, run, repair what fails, run again."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from core.plan.resolve import Resolver
from core.plan.schema import parse_plan
from core.plan.why.conflicts import naive_conflicts
from core.pruning.criteria import score_atoms
from tests.core.networks import network, table_of


class CutRunRepair:
    """Cuts rows of the selected layers, then fixes whatever PyTorch complains about, by name."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model)
        self.stack: list[tuple[str, nn.Module, int]] = []

    def cut_outputs(self, name: str, count: int) -> None:
        layer = self.model.get_submodule(name)
        self._rows(layer, count)
        parent = self.model.get_submodule(name.rpartition(".")[0])
        norm = getattr(parent, "bn", None)
        if isinstance(norm, nn.BatchNorm2d):
            self._rows(norm, count)

    def _rows(self, layer: nn.Module, count: int) -> None:
        for tensor in [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]:
            if tensor.ndim:
                tensor.data = tensor.data[:count].clone()
        if isinstance(layer, nn.BatchNorm2d):
            layer.num_features = count
        elif isinstance(layer, nn.Conv2d):
            layer.out_channels = count
            if layer.groups > 1:
                layer.groups = layer.in_channels = count

    def failure(self) -> tuple[str, nn.Module, int] | None:
        """Name, module and arriving channels of what fails, or None when the network runs."""
        self.stack.clear()
        names = {id(m): n for n, m in self.model.named_modules()}

        def enter(module: nn.Module, inputs: tuple) -> None:
            first = inputs[0] if inputs and isinstance(inputs[0], torch.Tensor) else None
            width = 0 if first is None else first.shape[1]
            self.stack.append((names[id(module)], module, width))

        def leave(*_: object) -> None:
            self.stack.pop()

        hooks = [m.register_forward_pre_hook(enter) for m in self.model.modules()]
        hooks += [m.register_forward_hook(leave) for m in self.model.modules()]
        try:
            with torch.no_grad():
                self.model.eval()(torch.rand(1, 3, 64, 64))
        except (RuntimeError, ValueError):
            return self.stack[-1]
        finally:
            for hook in hooks:
                hook.remove()
        return None

    def repair(self, name: str, module: nn.Module, arriving: int) -> None:
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            self.cut_outputs(name, arriving)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = module.weight.data[:, :arriving].clone()
            module.in_channels = arriving
        elif isinstance(module, nn.BatchNorm2d):
            self._rows(module, arriving)
        elif type(module).__name__ == "C2PSA":
            module.c = module.cv1.conv.out_channels // 2
        elif type(module).__name__ == "Attention":
            per_head = 2 * module.key_dim + module.head_dim
            module.num_heads = module.qkv.conv.out_channels // per_head
        else:
            raise AssertionError(f"no repair known for {name} ({type(module).__name__})")

    def run(self) -> list[str]:
        order: list[str] = []
        while (failed := self.failure()) is not None:
            assert len(order) < 500
            if failed[0] not in order:
                order.append(failed[0])
            self.repair(*failed)
        return order


def blocks_of(*families: str) -> list[tuple[str, int]]:
    return [(f, b.index) for f in families for b in table_of(f).blocks]


CASES = blocks_of("yolov8n", "yolo11n", "yolov5n")


@pytest.mark.parametrize("ratio", [0.5, 0.25])
@pytest.mark.parametrize(("family", "block"), CASES, ids=[f"{f}-{b}" for f, b in CASES])
def test_equals_cut_run_repair(family: str, block: int, ratio: float) -> None:
    table, model = table_of(family), network(family)
    plan = parse_plan(
        {"version": 1, "round_to": 1, "selection": [{"block": block, "ratio": ratio}]}
    )
    resolution = Resolver(table).resolve(plan, score_atoms(model, table, "l2", 0))
    trial = CutRunRepair(model)
    for number in resolution.selected:
        kept = int((~resolution.removed[table.outputs(number)]).sum())
        trial.cut_outputs(table.layers[number].name, kept)
    predicted = [conflict.layer for conflict in naive_conflicts(table, resolution)]
    assert predicted == trial.run()


def test_every_conflict_says_why() -> None:
    table, model = table_of("yolov8n"), network("yolov8n")
    plan = parse_plan({"version": 1, "selection": [{"block": 4, "ratio": 0.5}]})
    resolution = Resolver(table).resolve(plan, score_atoms(model, table, "l2", 0))
    conflicts = {c.layer: c for c in naive_conflicts(table, resolution)}
    neck = conflicts["model.15.cv1.conv"]
    assert "Concat 14" in neck.reason
    assert neck.expected == 192
    assert neck.got == 160
    assert "expected input[1, 160, H, W] to have 192 channels" in neck.error


def test_shortcut_partner_is_named() -> None:
    """Cutting one side of a shortcut: the other side must follow, then its readers."""
    table, model = table_of("yolov8n"), network("yolov8n")
    plan = parse_plan(
        {"version": 1, "round_to": 1, "selection": [{"layer": "model.2.m.0.cv2", "ratio": 0.25}]}
    )
    resolution = Resolver(table).resolve(plan, score_atoms(model, table, "l2", 0))
    names = [(c.layer, c.kind) for c in naive_conflicts(table, resolution)]
    assert names == [
        ("model.2.cv1.conv", "shortcut"),
        ("model.2.m.0.cv1.conv", "input"),
        ("model.2.cv2.conv", "input"),
    ]
