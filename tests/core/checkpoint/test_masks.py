"""Networks with masks of ``torch.nn.utils.prune`` still on."""

from __future__ import annotations

import collections
import copy
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from torch import nn
from torch.nn.utils import prune

import core
from core.checkpoint import load
from core.checkpoint.facts import Facts, zeros_note
from core.cli.main import main
from tests.core.checkpoint.test_hostile import Call, refused


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.weight.requires_grad]


def several(network):
    for module in convolutions(network)[:3]:
        prune.random_unstructured(module, "weight", 0.4)
    for _ in range(2):
        prune.l1_unstructured(convolutions(network)[4], "weight", 0.2)


def everywhere(network):
    parameters = [(module, "weight") for module in convolutions(network)]
    prune.global_unstructured(parameters, prune.L1Unstructured, amount=0.5)


def of_biases(network):
    with_bias = [module for module in convolutions(network) if module.bias is not None]
    prune.l1_unstructured(with_bias[0], "bias", 3)
    prune.ln_structured(with_bias[0], "weight", 0.3, 2, 0)
    prune.random_unstructured(with_bias[1], "bias", 0.5)


def of_norms(network):
    norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    prune.custom_from_mask(norm, "weight", (torch.arange(norm.num_features) % 2).float())


#: Each puts masks on a network, by every way that torch has.
MASKS = {
    "unstructured": lambda network: prune.l1_unstructured(convolutions(network)[0], "weight", 0.3),
    "several": several,
    "structured": lambda n: prune.ln_structured(convolutions(n)[2], "weight", 0.25, 1, 0),
    "inputs": lambda n: prune.random_structured(convolutions(n)[2], "weight", 2, 1),
    "everywhere": everywhere,
    "own mask": of_norms,
    "identity": lambda network: prune.identity(convolutions(network)[1], "weight"),
    "biases": of_biases,
}


def removed(network):
    """Return a copy with torch's own way of applying its masks."""
    found = copy.deepcopy(network)
    for module in found.modules():
        for key in [k for k, _ in module.named_parameters(recurse=False)]:
            if key.endswith("_orig"):
                prune.remove(module, key.removesuffix("_orig"))
    return found


def without_grad(network):
    """Drop what the masks left in the graph of gradients, which keeps torch from copying it."""
    with torch.no_grad():
        network(torch.rand(1, 3, 64, 64))
    return network


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_masks_are_applied_as_torch_does(name, half, model, tmp_path):
    MASKS[name](model)
    network = without_grad(model)
    if half:
        network = copy.deepcopy(network).half()
    path = tmp_path / "a.pt"
    torch.save({"model": network}, path)
    loaded = load(path)
    expected = removed(network).float()
    mine, theirs = loaded.model.state_dict(), expected.state_dict()
    assert set(mine) == set(theirs)
    assert all(torch.equal(value, theirs[key]) for key, value in mine.items())
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.model(image)[0], expected(image)[0])
    masks = [key for key in network.state_dict() if key.endswith("_mask")]
    assert loaded.facts.masked == len(masks)
    zeros = sum(int((p == 0).sum()) for p in expected.parameters())
    assert loaded.facts.zeros == zeros / sum(p.numel() for p in expected.parameters())
    assert Facts.from_dict(loaded.facts.to_dict()) == loaded.facts


@pytest.mark.parametrize("name", MASKS)
def test_masked_networks_are_pruned_and_saved_without_masks(name, model, tmp_path):
    MASKS[name](model)
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save({"model": without_grad(model)}, path)
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}, {"block": 2, "ratio": 0.25}])
    assert core.prune(core.load(path), plan, out).verification.passed
    assert load(out).facts.masked == 0
    assert b"utils.prune" not in out.read_bytes()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=some.data())
def test_any_masks_on_anything(draw, built, tmp_path):
    network = copy.deepcopy(built.model)
    owners = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    chosen = draw.draw(some.lists(some.sampled_from(range(len(owners))), min_size=1, max_size=6))
    for number in chosen:
        keys = [k.removesuffix("_orig") for k, _ in owners[number].named_parameters(recurse=False)]
        key = draw.draw(some.sampled_from(keys))
        amount = draw.draw(some.floats(0, 1))
        method = draw.draw(some.sampled_from([prune.random_unstructured, prune.l1_unstructured]))
        method(owners[number], key, amount)
    path = tmp_path / "a.pt"
    torch.save({"model": without_grad(network)}, path)
    mine, theirs = load(path).model.state_dict(), removed(network).state_dict()
    assert set(mine) == set(theirs)
    assert all(torch.equal(value, theirs[key]) for key, value in mine.items())


def test_inspect_says_what_share_is_zero(model, tmp_path, capsys):
    everywhere(model)
    path = tmp_path / "a.pt"
    torch.save({"model": without_grad(model)}, path)
    facts = load(path).facts
    assert main(["inspect", str(path)]) == 0
    assert f"{facts.zeros:.1%} of the weights are zero" in capsys.readouterr().out
    assert main(["inspect", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["model"]
    assert (told["masked"], told["zeros"]) == (facts.masked, facts.zeros)
    assert facts.masked > 3
    assert 0.4 < facts.zeros < 0.5


def test_zeros_without_masks_are_told_as_well(model, built, tmp_path):
    assert zeros_note(built.facts) == ""
    everywhere(model)
    path = tmp_path / "a.pt"
    torch.save({"model": removed(without_grad(model))}, path)
    facts = load(path).facts
    assert facts.masked == 0
    assert "masks" not in zeros_note(facts)
    assert f"{facts.zeros:.1%}" in zeros_note(facts)


def lost(module):
    del module._buffers["weight_mask"]


def wrong_shape(module):
    module._buffers["weight_mask"] = torch.ones(1)


def renamed(module):
    next(iter(module._forward_pre_hooks.values()))._tensor_name = ["weight"]


def nameless(module):
    vars(next(iter(module._forward_pre_hooks.values()))).clear()


def doubled(module):
    del module.weight
    module.weight = nn.Parameter(torch.zeros(1))


@pytest.mark.parametrize("damage", [lost, wrong_shape, renamed, nameless, doubled])
def test_masks_that_do_not_fit(damage, model, tmp_path):
    module = convolutions(model)[0]
    prune.l1_unstructured(module, "weight", 0.3)
    damage(module)
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert "does not fit the weights of model.0.conv" in refused(path).message


@pytest.mark.parametrize("place", ["_forward_hooks", "_state_dict_hooks", "_backward_hooks"])
def test_a_mask_in_another_place_is_code(place, model, tmp_path):
    module = convolutions(model)[0]
    prune.identity(module, "weight")
    vars(module)[place] = module._forward_pre_hooks
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert "attaches code" in refused(path).message


@pytest.mark.parametrize("other", [torch._utils._rebuild_tensor_v2, nn.SiLU(), "text", None])
def test_other_hooks_next_to_a_mask_are_refused(other, model, tmp_path):
    module = convolutions(model)[0]
    prune.identity(module, "weight")
    module._forward_pre_hooks[99] = other
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert "attaches code" in refused(path).message


@pytest.mark.parametrize(
    "call",
    [
        Call(prune.l1_unstructured, nn.Conv2d(3, 3, 1), "weight", 0.5),
        Call(prune.remove, nn.Conv2d(3, 3, 1), "weight"),
        Call(prune.L1Unstructured, 0.5),
        Call(prune.PruningContainer),
        Call(prune.CustomFromMask, torch.ones(1)),
        Call(prune.BasePruningMethod),
    ],
)
def test_nothing_of_torchs_pruning_is_called(call, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": call}, path)
    refused(path)


def test_a_masks_class_cannot_be_changed(tmp_path, model):
    """A state put on the class, or a hook kept as an attribute, reaches no saved file."""
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    model.model[0].method = prune.L1Unstructured(0.5)
    torch.save({"model": model, "held": collections.OrderedDict(a=prune.Identity())}, path)
    loaded = core.load(path)
    assert not hasattr(loaded.model.model[0], "method")
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}])
    core.prune(loaded, plan, out)
    assert load(out)


def test_masks_that_claim_more_than_the_file_holds(tmp_path, model):
    module = convolutions(model)[0]
    prune.identity(module, "weight")
    module._parameters["weight_orig"] = nn.Parameter(torch.zeros(1).expand(200_000, 100_000))
    module._buffers["weight_mask"] = torch.zeros(1).expand(200_000, 100_000)
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path)
    assert "more weights than it contains" in refused(path).message
