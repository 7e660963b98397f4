"""The proof fails where the pruned network is not the masked original, trained or not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import nn

import core
from core.errors import UserError
from core.pipeline import prune, resolve
from core.plan.schema import parse_plan
from core.pruning.verify import verify_networks
from tests.core.networks import enliven, untrained

FAMILIES = ("yolov8n", "yolo11n", "yolo26n", "yolov8n-cls", "yolov8n-seg", "yolov8n-worldv2")


def weight(layer: nn.Conv2d) -> None:
    layer.weight.data *= 1.5


def order(layer: nn.Conv2d) -> None:
    layer.weight.data = layer.weight.data.roll(1, 0)


def inputs(layer: nn.Conv2d) -> None:
    layer.weight.data = layer.weight.data.roll(1, 1)


@pytest.mark.parametrize("untrained", [True, False])
@pytest.mark.parametrize("harm", [weight, order, inputs])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_weight_is_noticed(
    family: str, harm: Callable[[nn.Conv2d], None], untrained: bool
) -> None:
    """Signals fade in an untrained network: its outputs are little more than biases."""
    loaded = core.load(f"{family}.yaml")
    if not untrained:
        enliven(loaded.model)
    analysis = core.analyse(loaded)
    plan = core.parse_plan({"version": 1, "selection": [{"block": 4, "ratio": 0.5}]})
    result = core.prune(loaded, plan, cache=False)
    removed = resolve(loaded, analysis, result.plan)[1].removed
    proof = verify_networks(loaded.model, result.model, analysis.table, removed)
    assert proof.passed and proof.relative_error > 0
    wrong = copy.deepcopy(result.model)
    harm(next(m for m in wrong.model[6].modules() if isinstance(m, nn.Conv2d)))
    assert not verify_networks(loaded.model, wrong, analysis.table, removed).passed


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("running_var", float("nan"), "NaN or infinite"),
        ("weight", float("inf"), "NaN or infinite"),
        ("running_mean", float("-inf"), "NaN or infinite"),
        ("running_var", -1.0, "below zero"),
    ],
)
def test_a_network_that_diverged_is_named_as_such(key: str, value: float, what: str) -> None:
    loaded = untrained("yolov8n")
    model = copy.deepcopy(loaded.model)
    getattr(model.model[5].bn, key).data[3] = value
    plan = parse_plan({"version": 1, "selection": [{"block": 6, "ratio": 0.5}]})
    with pytest.raises(UserError, match=f"The {key} of model.5.bn has values .*{what}"):
        prune(replace(loaded, model=model), plan, cache=False)
