"""Operations of PyTorch that act on every channel, or on every group, on its own."""

from __future__ import annotations

import copy

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from torch import nn

import core
from core.checkpoint import load
from core.data.stream import DataSettings
from core.repair import RepairSettings
from tests.core.images import make_dataset

DESCRIPTION = {
    "nc": 3,
    "scales": {"n": [0.33, 1.0, 64]},
    "backbone": [
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [32, 3, 2]],
        [-1, 1, "nn.Identity", []],
        [-1, 1, "C2f", [32, True]],
        [-1, 1, "Conv", [64, 3, 2]],
        [-1, 1, "Conv", [64, 3, 2]],
    ],
    "head": [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 1, "nn.Identity", []],
        [-1, 1, "C2f", [32]],
        [[9, 5], 1, "Detect", ["nc"]],
    ],
}
#: Made for a number of channels; each acts on every channel alone.
CHANNELS = {
    "PReLU": nn.PReLU,
    "one slope": lambda n: nn.PReLU(),
    "BatchNorm without scale": lambda n: nn.BatchNorm2d(n, affine=False),
    "BatchNorm without statistics": lambda n: nn.BatchNorm2d(n, track_running_stats=False),
    "BatchNorm without either": lambda n: nn.BatchNorm2d(
        n, affine=False, track_running_stats=False
    ),
    "InstanceNorm": nn.InstanceNorm2d,
    "InstanceNorm with scale": lambda n: nn.InstanceNorm2d(n, affine=True),
    "InstanceNorm with statistics": lambda n: nn.InstanceNorm2d(n, track_running_stats=True),
    "InstanceNorm with both": lambda n: nn.InstanceNorm2d(n, affine=True, track_running_stats=True),
    "RReLU": lambda n: nn.RReLU(),
    "Softshrink": lambda n: nn.Softshrink(),
    "Hardshrink": lambda n: nn.Hardshrink(0.1),
    "Threshold": lambda n: nn.Threshold(0.1, 0.7),
    "Softplus": lambda n: nn.Softplus(),
    "GroupNorm by channel": lambda n: nn.GroupNorm(n, n),
}
GROUPS = {
    "GroupNorm": lambda n: nn.GroupNorm(8, n),
    "GroupNorm of pairs": lambda n: nn.GroupNorm(n // 2, n),
    "GroupNorm without scale": lambda n: nn.GroupNorm(4, n, affine=False),
}
#: Need every channel: they average over all of them, or over neighbours.
WHOLE = {
    "one group": lambda n: nn.GroupNorm(1, n),
    "neighbours": lambda n: nn.LocalResponseNorm(3),
    "softmax": lambda n: nn.Softmax2d(),
}


def put(network, place: int, module: nn.Module) -> None:
    old = network.model[place]
    module.i, module.f, module.np = old.i, old.f, sum(p.numel() for p in module.parameters())
    module.type = f"torch.nn.modules.{type(module).__name__}"
    network.model[place] = module


def trained(module: nn.Module) -> nn.Module:
    """Give a module weights and statistics as if it were trained."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.5, 0.7)
        for buffer in module.buffers():
            if buffer.ndim:
                buffer.uniform_(0.5, 1.5)
    return module


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "base.yaml"
    path.write_text(yaml.safe_dump(DESCRIPTION), encoding="utf-8")
    loaded = core.load(path)
    trained_norms = [m for m in loaded.model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in trained_norms:
        trained(norm)
    return loaded


PLACES = {
    "block": lambda network, make: put(network, 2, trained(make(32))),
    "behind a Concat": lambda network, make: put(network, 8, trained(make(128))),
    "activation": lambda network, make: setattr(network.model[1], "act", trained(make(32))),
    "norm": lambda network, make: setattr(network.model[4], "bn", trained(make(64))),
    "inside a C2f": lambda network, make: setattr(
        network.model[3].m[0].cv1, "bn", trained(make(16))
    ),
    "everywhere": lambda network, make: [
        PLACES[name](network, make) for name in PLACES if name != "everywhere"
    ],
}


def changed(base, place, make):
    loaded = copy.deepcopy(base)
    PLACES[place](loaded.model, make)
    loaded.model.eval()
    return loaded


def prune_all(loaded, ratio, out=None):
    plan = core.Plan(selection=[{"block": n, "ratio": ratio} for n in (0, 1, 3, 4, 5, 9)])
    return core.prune(loaded, plan, out, cache=False)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", {**CHANNELS, **GROUPS})
def test_followed_cut_and_proven(name, place, base, tmp_path):
    loaded = changed(base, place, {**CHANNELS, **GROUPS}[name])
    table = core.analyse(loaded, cache=False).table
    assert not table.unfollowed
    counted = sum(p.numel() for p in loaded.model.parameters())
    assert sum(block.parameters for block in table.blocks) == counted
    out = tmp_path / "out.pt"
    pruned = prune_all(loaded, 0.5, out)
    assert pruned.verification.passed
    for number, block in enumerate((1, 4, 5)):
        before, after = (m.model[block].conv.out_channels for m in (loaded.model, pruned.model))
        assert after <= 0.75 * before, number
    again = load(out).model
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(again(image)[0], pruned.model.eval()(image)[0])


@pytest.mark.parametrize("name", WHOLE)
def test_what_needs_all_channels_keeps_them(name, base):
    loaded = changed(base, "block", WHOLE[name])
    with pytest.raises(core.UserError, match="removes nothing") as caught:
        core.prune(loaded, core.Plan(selection=[{"layer": "model.1", "ratio": 0.5}]), cache=False)
    assert "block 2" in caught.value.message or "model.2" in caught.value.message


@pytest.mark.parametrize("groups", [2, 4, 8, 16])
def test_whole_groups_go(groups, base):
    loaded = changed(base, "block", lambda n: nn.GroupNorm(groups, n))
    size = 32 // groups
    plan = core.Plan(selection=[{"layer": "model.1", "ratio": 0.4}])
    pruned = core.prune(loaded, plan, cache=False)
    norm = pruned.model.model[2]
    assert norm.num_channels == pruned.model.model[1].conv.out_channels < 32
    assert norm.num_channels == size * norm.num_groups
    kept = next(c for c in pruned.prediction.layers if c.name == "model.1.conv").kept_outputs
    whole = {n // size for n in kept}
    assert list(kept) == [n for n in range(32) if n // size in whole]
    assert pruned.verification.passed


def test_groups_over_what_two_blocks_make(base):
    """Groups that span the two sides of a Concat couple channels of both."""
    loaded = changed(base, "behind a Concat", lambda n: nn.GroupNorm(4, n))
    table = core.analyse(loaded, cache=False).table
    norm = table.outputs(table.index["model.8"])
    assert len(set(norm.tolist())) == 4
    pruned = core.prune(
        loaded, core.Plan(selection=[{"layer": "model.5", "ratio": 0.5}]), cache=False
    )
    assert pruned.verification.passed
    assert pruned.model.model[8].num_groups == 3


NAIVE = ["PReLU", "BatchNorm without scale", "InstanceNorm with scale", "GroupNorm"]
NAIVE += ["BatchNorm without statistics", "InstanceNorm"]


@pytest.mark.parametrize("name", NAIVE)
def test_the_naive_conflict_is_what_pytorch_says(name, base):
    loaded = changed(base, "block", {**CHANNELS, **GROUPS}[name])
    plan = core.Plan(selection=[{"layer": "model.1", "ratio": 0.5}])
    conflict = core.predict(loaded, plan, cache=False).naive_conflicts[0]
    naive = copy.deepcopy(loaded.model)
    conv = naive.model[1]
    conv.conv.weight = nn.Parameter(conv.conv.weight[:16])
    conv.conv.out_channels = 16
    for tensors in (conv.bn._parameters, conv.bn._buffers):
        for key, tensor in tensors.items():
            if tensor.ndim:
                tensors[key] = (
                    nn.Parameter(tensor[:16]) if tensors is conv.bn._parameters else (tensor[:16])
                )
    with pytest.raises((RuntimeError, ValueError)) as caught, torch.no_grad():
        naive(torch.rand(1, 3, 64, 64))
    said = str(caught.value).replace("16, 16, 16]", "16, H, W]")
    assert conflict.error.split("expected input[")[0] in said


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(draw=some.data())
def test_any_of_them_together(draw, base):
    loaded = copy.deepcopy(base)
    makers = {**CHANNELS, **GROUPS}
    for place in draw.draw(some.sets(some.sampled_from(list(PLACES)), min_size=1, max_size=4)):
        PLACES[place](loaded.model, makers[draw.draw(some.sampled_from(list(makers)))])
    loaded.model.eval()
    pruned = prune_all(loaded, draw.draw(some.sampled_from([0.25, 0.5, 0.7])))
    assert pruned.verification.passed


@pytest.mark.parametrize("criterion", ["bn_scale", "l2", "lamp", "fpgm"])
def test_every_criterion_ranks_them(criterion, base):
    loaded = changed(base, "everywhere", CHANNELS["BatchNorm without scale"])
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}], criterion=criterion)
    assert core.prune(loaded, plan, cache=False).verification.passed


@pytest.mark.parametrize("place", ["block", "behind a Concat"])
@pytest.mark.parametrize(
    "name", ["BatchNorm without statistics", "BatchNorm without scale", "GroupNorm"]
)
def test_repaired(name, place, base, tmp_path):
    loaded = changed(base, place, {**CHANNELS, **GROUPS}[name])
    path = make_dataset(tmp_path, dict.fromkeys(range(3), "x"))
    data = DataSettings(path, image_size=64, device="cpu", split="val")
    plan = core.Plan(selection=[{"block": n, "ratio": 0.5} for n in (1, 5)])
    repair = RepairSettings(minutes=0.02)
    done = core.prune(loaded, plan, cache=False, data=data, repair=repair)
    assert done.verification.passed
    assert done.repaired is not None
