"""Networks whose strides are no powers of two, or not whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import core
from core.graph.drive import image_unit, real_size
from core.structure.scales import places_of, strides_of

PAD = "nn.ReflectionPad2d"


def padded(pad=PAD):
    """A network with paddings in front of its later strides, as the field's: 34 and 17 of 256."""
    return {
        "backbone": [
            [-1, 1, "Conv", [16, 3, 2]],
            [-1, 1, pad, [1]],
            [-1, 1, "Conv", [32, 3, 2]],
            [-1, 1, pad, [1]],
            [-1, 1, "Conv", [32, 3, 2]],
            [-1, 2, "C2f", [32, True]],
            [-1, 1, "Conv", [64, 3, 2]],
            [-1, 1, "C2f", [64, True]],
        ],
        "head": [
            [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
            [[-1, 5], 1, "Concat", [1]],
            [-1, 1, "C2f", [32]],
            [[10, 7], 1, "Detect", ["nc"]],
        ],
    }


def chain(*convolutions):
    """A network without a pyramid: convolutions one after the other, two scales detect."""
    count = len(convolutions)
    layers = [[-1, 1, "Conv", list(conv)] for conv in convolutions]
    return {
        "backbone": [*layers, [-1, 1, "C2f", [32, True]]],
        "head": [[[count - 2, count], 1, "Detect", ["nc"]]],
    }


#: Each with the largest stride that Ultralytics states for it.
NETWORKS = {
    "reflection": (padded(), 15.06),
    "replication": (padded("nn.ReplicationPad2d"), 15.06),
    "zeros": (padded("nn.ZeroPad2d"), 15.06),
    "no padding": (
        chain((16, 3, 2, 0), (16, 3, 2, 0), (32, 3, 2, 0), (32, 3, 2, 0), (32, 3, 2, 0)),
        36.57,
    ),
    "thirds": (chain((16, 5, 3), (16, 3, 3), (32, 3, 3)), 25.6),
    "odd": (chain((16, 7, 5), (16, 5, 2), (32, 3, 3)), 28.44),
    "even kernels": (chain((16, 4, 2, 2), (16, 2, 2, 1), (32, 4, 2, 2)), 7.76),
}


@pytest.fixture(params=NETWORKS, scope="module")
def case(request, tmp_path_factory):
    description, stride = NETWORKS[request.param]
    path = tmp_path_factory.mktemp("odd") / "odd.yaml"
    text = {"nc": 3, "scales": {"n": [0.33, 1.0, 1024]}, **description}
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    loaded = core.load(path)
    assert float(loaded.model.stride.max()) == pytest.approx(stride, abs=0.01)
    return loaded


def test_images_are_sized_as_ultralytics_does(case):
    from ultralytics.utils.checks import check_imgsz

    stride = max(int(case.model.stride.max()), 32)
    assert image_unit(case.model) == stride
    for size in (100, 320, 640):
        assert real_size(case.model, size) == check_imgsz(size, stride=stride, floor=stride)


def outputs(model, size):
    """Count the positions of every layer as the network runs."""
    seen = {}

    def note(name):
        def hook(module, _inputs, output):
            if isinstance(module, nn.Conv2d):
                seen[name] = seen.get(name, 0) + output.shape[2:].numel()

        return hook

    hooks = [module.register_forward_hook(note(n)) for n, module in model.named_modules()]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return seen


def test_costs_and_strides_are_those_of_the_real_image(case):
    table = core.analyse(case, cache=False).table
    assert not any(block.reason for block in table.blocks)
    real = outputs(case.model, real_size(case.model, case.facts.image_size))
    named = {layer.name: layer.positions for layer in table.layers if layer.kind == "Conv2d"}
    assert {name: named[name] for name in real if name in named} == {
        name: count for name, count in real.items() if name in named
    }
    assert len(named) > 5
    for block in table.blocks[:-1]:
        assert block.stride >= 1
    # What Ultralytics states is seen at 256 pixels, so the last digits may differ.
    for source, stride in zip(table.blocks[-1].sources, strides_of(case.model), strict=True):
        assert table.blocks[source].stride == pytest.approx(stride, rel=0.15, abs=1)


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_pruned_and_proven(case, ratio):
    plan = core.Plan(selection=[{"block": n, "ratio": ratio} for n in prunable(case)])
    pruned = core.prune(case, plan, cache=False)
    assert pruned.verification.passed
    assert pruned.prediction.after.parameters < pruned.prediction.before.parameters
    sides = (image_unit(case.model) * 3, image_unit(case.model) * 2)
    with torch.no_grad():
        assert torch.isfinite(pruned.model.eval()(torch.rand(1, 3, *sides))[0]).all()


def prunable(case):
    table = core.analyse(case, cache=False).table
    return [block.index for block in table.blocks[:-1] if block.parameters]


def test_a_scale_can_go(case):
    plan = core.Plan(structure=[{"scale": strides_of(case.model)[0]}])
    pruned = core.prune(case, plan, cache=False)
    assert pruned.verification.passed
    assert len(pruned.model.model[-1].stride) == len(case.model.model[-1].stride) - 1


def test_positions_of_the_scales_are_counted(case):
    unit = image_unit(case.model)
    image = torch.rand(1, 3, 3 * unit, 2 * unit)
    places = places_of(case.model, image)
    with torch.no_grad():
        assert sum(places) == case.model(image)[0].shape[-1]
    assert np.all(np.diff(places) <= 0)
