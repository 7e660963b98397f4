"""Units, branches, scales and classes of any family: predicted, taken away, proven."""

from __future__ import annotations

import copy
import os
import re
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import core
from core.errors import UserError
from core.graph.tensors import tensors_in
from core.plan.schema import Plan, parse_plan
from core.structure.scales import strides_of
from core.structure.stage import stage_of
from core.structure.units import Unit, find_units
from tests.core.networks import SMALL, count_macs, network, parameters, untrained

EXAMPLES = int(os.environ.get("SECATEUR_EXAMPLES", "40"))
FAMILIES = (*SMALL, "yolo26n-seg", "yolo26n-pose", "yolov8n-p2", "yolov8n-p6", "yolov9s")
SIDE = 128


@cache
def units_of(family: str) -> tuple[Unit, ...]:
    return find_units(network(family))


@cache
def free_scales(family: str) -> tuple[int, ...]:
    """Those that nothing but their own branches reads."""
    return tuple(stride for stride in strides_of(network(family)) if _goes(family, stride))


def _goes(family: str, stride: int) -> bool:
    try:
        stage_of(untrained(family), made({"selection": [{"scale": stride}]}))
    except UserError:
        return False
    return True


def made(data: dict) -> Plan:
    return parse_plan({"version": 1, "round_to": 1, **data})


def entry_of(unit: Unit) -> dict:
    if unit.place < 0:
        return {"branch": unit.name}
    return {"block": unit.block, "units": [unit.place]}


@st.composite
def plans(draw: st.DrawFn, family: str, *, channels: bool) -> Plan:
    """Any that takes at least something away."""
    model = network(family)
    count, blocks = len(model.names), len(model.model)
    units = draw(st.lists(st.sampled_from(units_of(family)), max_size=4, unique=True))
    scales = free_scales(family)
    most = min(len(scales), len(strides_of(model)) - 1)
    gone = draw(st.sets(st.sampled_from(scales), max_size=most)) if most > 0 else set()
    kept = None
    if count > 1 and family != "rtdetr-l":
        some = st.lists(st.integers(0, count - 1), min_size=1, max_size=5, unique=True)
        kept = draw(st.none() | some)
    if not units and not gone and kept is None:
        units = [units_of(family)[0]]
    selection = [*map(entry_of, units), *({"scale": stride} for stride in sorted(gone))]
    if channels:
        block = st.fixed_dictionaries(
            {"block": st.integers(0, blocks - 1), "ratio": st.floats(0.1, 0.9)}
        )
        selection += draw(st.lists(block, max_size=3))
    return made({"selection": selection} | ({"classes": kept} if kept else {}))


def some(family: str) -> settings:
    most = 1 if family == "rtdetr-l" else max(2, EXAMPLES // 20)
    return settings(
        max_examples=most, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov8n-seg", "yolov9t", "yolo26n"])
def test_what_is_left_is_what_was_predicted(family: str) -> None:
    loaded = untrained(family)

    @some(family)
    @given(plans(family, channels=True))
    def check(plan: Plan) -> None:
        before = parameters(loaded.model)
        predicted = core.predict(loaded, plan)
        result = core.prune(loaded, plan)
        assert result.verification.passed
        assert result.verification.relative_error <= 1e-5
        assert predicted.to_json() == result.prediction.to_json()
        assert predicted.after.parameters == parameters(result.model) < before
        assert predicted.before.parameters == before == parameters(loaded.model)
        size = loaded.facts.image_size
        assert predicted.after.macs == count_macs(copy.deepcopy(result.model), size)
        shapes = sorted(
            tuple(module.weight.shape[:2])
            for module in result.model.modules()
            if isinstance(module, torch.nn.Conv2d) and module.groups == 1
        )
        assert shapes == sorted(_convolutions(loaded, predicted))

    check()


def _convolutions(loaded, predicted) -> list[tuple[int, int]]:
    """Outputs and inputs of every plain convolution that is predicted to be left."""
    changes = {change.name: change for change in predicted.layers}
    found = []
    for name, module in loaded.model.named_modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups == 1:
            change = changes.get(name)
            widths = module.out_channels, module.in_channels
            if change is not None:
                widths = change.outputs_after, change.inputs_after
            if widths[0]:
                found.append(widths)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_are_the_originals_without_what_went(family: str) -> None:
    """By another way than the proof: the original runs with hooks, its parts read as zero."""
    loaded = untrained(family)

    @some(family)
    @given(plans(family, channels=False))
    def check(plan: Plan) -> None:
        result = core.prune(loaded, plan)
        assert result.prediction.after.parameters == parameters(result.model)
        stage = stage_of(loaded, plan)
        image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()
        expected = _outputs(_hooked(loaded.model, stage.cuts), image)
        got = _outputs(copy.deepcopy(result.model), image)
        assert expected.keys() == got.keys()
        for key, tensor in expected.items():
            wanted = _without(key, tensor, stage, image)
            assert wanted.shape == got[key].shape, key
            scale = float(wanted.abs().max()) or 1.0
            assert float((wanted - got[key]).abs().max()) / scale <= 1e-5, key

    check()


def _hooked(model, cuts):
    model = copy.deepcopy(model)
    for unit in cuts.units:
        model.get_submodule(unit.name).register_forward_hook(lambda _m, inputs, _o: inputs[0])
        for own in unit.columns:

            def zero(_m, inputs, own=own):
                value = inputs[0].clone()
                value[:, own.start : own.stop] = 0
                return (value,)

            model.get_submodule(own.layer).register_forward_pre_hook(zero)
    return model


def _outputs(model, image) -> dict[str, torch.Tensor]:
    """Raw outputs by name, before any choice among detections; in double precision."""
    with torch.no_grad():
        output = model.double().eval()(image)
    parts = output[1] if isinstance(output, tuple) and isinstance(output[1], dict) else None
    if parts is None:
        return {str(n): t for n, t in enumerate(tensors_in(output)) if t.is_floating_point()}
    found = {}
    for name, value in parts.items():
        inner = value if isinstance(value, dict) else {"": value}
        for key, own in inner.items():
            if key != "feats" and name != "feats":
                own = tensors_in(own)
                found |= {f"{name}.{key}.{n}": tensor for n, tensor in enumerate(own)}
    return found


def _without(key: str, tensor: torch.Tensor, stage, image) -> torch.Tensor:
    """The part of an output of the original's that should be left."""
    cuts, head = stage.cuts, stage.original.model.model[-1]
    if cuts.levels:
        sizes = [(SIDE // stride) ** 2 for stride in strides_of(stage.original.model)]
        if tensor.shape[-1] == sum(sizes):
            parts = tensor.split(sizes, -1)
            tensor = torch.cat([p for n, p in enumerate(parts) if n not in cuts.levels], -1)
    if cuts.kept_classes is not None:
        kept = list(cuts.kept_classes)
        if type(head).__name__ == "Classify":
            return tensor[:, kept] / (tensor[:, kept].sum() if key == "0" else 1.0)
        if "scores" in key:
            return tensor[:, kept]
    return tensor


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov8n-seg", "yolov10n", "yolov8n-p6"])
def test_the_network_says_what_it_is(family: str) -> None:
    """Its description rebuilds the same blocks, scales and classes, at full widths."""
    from ultralytics.nn.tasks import parse_model

    loaded = untrained(family)
    scale = free_scales(family)[-1]
    kept = [5, 0, 2]
    plan = made({"selection": [{"scale": scale}], "classes": kept})
    left = core.prune(loaded, plan).model
    strides = [s for s in strides_of(loaded.model) if s != scale]
    head = left.model[-1]
    assert head.stride.tolist() == strides and head.nl == len(strides) == len(head.f)
    assert left.stride.max() >= max(strides)
    assert (head.nc, left.names) == (3, {n: loaded.facts.classes[c] for n, c in enumerate(kept)})
    assert [block.i for block in left.model] == list(range(len(left.model)))
    assert all(s < block.i for block in left.model for s in np.atleast_1d(block.f))
    rebuilt, save = parse_model(copy.deepcopy(left.yaml), ch=3, verbose=False)
    assert sorted(set(save)) == left.save
    assert [type(b).__name__ for b in rebuilt] == [type(b).__name__ for b in left.model]
    assert [b.f for b in rebuilt] == [b.f for b in left.model]
    assert rebuilt[-1].nl == head.nl and rebuilt[-1].nc == 3
    # The widths of the branches for classes follow the number of classes.
    whole = {n: p.shape for n, p in rebuilt.named_parameters() if "cv3." not in n}
    assert whole == {n: p.shape for n, p in left.model.named_parameters() if "cv3." not in n}


REFUSED = [
    ({"selection": [{"scale": 64}]}, "no scale of stride 64", "8, 16, 32"),
    ({"selection": [{"scale": s} for s in (8, 16, 32)]}, "one scale must stay", "8, 16, 32"),
    ({"classes": list(range(80))}, "keeps all classes", "keep fewer"),
    ({"classes": [80]}, "no class 80", "0 to 79"),
    ({"selection": [{"block": 6, "units": [2]}]}, "no unit 2", "1 \\(model.6.m.1\\)"),
    ({"selection": [{"block": 5, "units": [0]}]}, "no unit that can be removed", "4, 6"),
    ({"selection": [{"block": 50, "units": [0]}]}, "no block 50", "0 to 22"),
    ({"selection": [{"block": 6, "units": [0]}], "locked": [6]}, "is locked", "model.2.m.0"),
    (
        {"selection": [{"block": 6, "units": [0]}], "locked": ["model.6.m.0.cv1.conv"]},
        "model.6.m.0.cv1.conv is locked",
        "Unlock",
    ),
    ({"selection": [{"scale": 32}], "locked": [21]}, "block 21 works for it alone", "Unlock"),
    ({"selection": [{"scale": 8}], "locked": ["model.22.cv2.0.0.conv"]}, "is locked", "Unlock"),
    ({"selection": [{"scale": 8}], "locked": ["model.22.cv3.0"]}, "is locked", "another scale"),
    ({"selection": [{"scale": 16}], "locked": [22]}, "block 22 holds its branches", "Unlock"),
    ({"selection": [{"scale": 32}], "locked": ["model.21.cv1"]}, "model.21.cv1 works", "Unlock"),
    ({"selection": [{"scale": 32}, {"layer": "model.99", "ratio": 0.5}]}, "no layer", ""),
    ({"selection": [{"branch": "model.22.cv3.0.0"}]}, "only path", "model.22.cv3.0.1"),
    ({"selection": [{"branch": "model.22.cv3.0.2"}]}, "only path", "model.22.cv3.0.1"),
    ({"selection": [{"branch": "model.22.cv3.0.7"}]}, "no layer model.22.cv3.0.7", "cv3.0.1"),
    ({"selection": [{"branch": "model.7"}]}, "cannot be removed", ""),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "message", "nearest"), REFUSED)
def test_what_cannot_go_is_said_with_the_nearest_that_can(plan, message, nearest) -> None:
    with pytest.raises(UserError, match=message) as caught:
        core.predict(untrained("yolov8n"), made(plan))
    assert re.search(nearest, caught.value.hint)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"classes": []}, "at least one class must stay"),
        ({"classes": [1, 1]}, "class 1 is listed twice"),
        ({"selection": [{"block": 6, "units": []}]}, "units"),
        ({"selection": [{"units": [1]}]}, "units need the block"),
        ({"selection": [{"block": -1, "units": [0]}]}, "not valid: selection.block"),
        ({"selection": [{"block": 6, "units": [1], "ratio": 0.5}]}, "ratio"),
        ({"selection": [{"scale": 32, "branch": "model.7"}]}, "in an entry of its own"),
    ],
)
def test_a_plan_that_is_not_valid_is_one_line(plan: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        made(plan)


def test_what_goes_as_a_whole_may_be_named_for_its_channels_as_well() -> None:
    loaded = untrained("yolov8n")
    structure = [{"scale": 32}, {"block": 6, "units": [0]}]
    channels = [
        {"block": 21, "ratio": 0.5},
        {"layer": "model.21.cv1", "ratio": 0.5},
        {"layer": "model.6.m.0.cv1", "channels": [0, 1]},
    ]
    both = core.predict(loaded, made({"selection": [*structure, *channels]}))
    assert both.to_json() == core.predict(loaded, made({"selection": structure})).to_json()
    more = {"selection": [*structure, {"block": 5, "ratio": 0.5}], "locked": ["model.6.m.0.cv1"]}
    with pytest.raises(UserError, match="is locked"):
        core.predict(loaded, made(more))


def test_a_plan_stays_as_it_is() -> None:
    data = {
        "selection": [{"block": 6, "units": [1]}, {"scale": 32}, {"block": 5, "ratio": 0.5}],
        "classes": [5, 0],
    }
    told = made(data).to_json()
    assert parse_plan(told) == made(data)
    assert told["selection"] == data["selection"] and told["classes"] == [5, 0]
    assert "classes" not in made({"selection": [{"block": 5, "ratio": 0.5}]}).to_json()
