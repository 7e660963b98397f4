"""Modules that no trace can follow: locked with the reason, or pruned exactly by what is said."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

import core
from core.errors import UserError
from core.graph.builder import analyse_model
from core.graph.cache import cache_path
from core.graph.modules import (
    MODULES,
    ModuleRule,
    StoredWidth,
    digest_of_added,
    forget_module,
    register_module,
    rule_of,
)
from core.graph.table import ChannelTable
from core.plan.widths import compute_widths
from tests.core.graph.opaque import (
    Apply,
    Grouped,
    Host,
    LowRank,
    Mix,
    Pair,
    Swap,
    Twice,
    Wave,
    hosting,
)

RULES = {
    Wave: ModuleRule(lambda module, x: x, (StoredWidth("channels", "", side="inputs"),)),
    Mix: ModuleRule(
        Mix.carried, (StoredWidth("taken", "", side="inputs"), StoredWidth("made", ""))
    ),
    LowRank: ModuleRule(
        LowRank.carried, (StoredWidth("rank", "down"), StoredWidth("table", "down"))
    ),
    Grouped: ModuleRule(Grouped.carried, (StoredWidth("parts", "", 4),)),
    Swap: ModuleRule(Swap.carried, (StoredWidth("half", "", 2, "inputs"),)),
    Twice: ModuleRule(Twice.carried, (StoredWidth("sizes", "", side="outputs"),)),
    Pair: ModuleRule(Pair.carried),
}


@pytest.fixture
def rules(request):
    """What is said of all of them."""
    for kind, rule in RULES.items():
        register_module(kind, rule.carries, stores=rule.stores)
        request.addfinalizer(lambda kind=kind: forget_module(kind))


def total(table: ChannelTable) -> tuple[int, int]:
    widths = compute_widths(table, np.zeros(table.atom_count, bool))
    return widths.parameters, widths.macs


@pytest.mark.parametrize("ratio", [0.25, 0.5])
@pytest.mark.parametrize("kind", RULES)
def test_what_is_described_is_pruned_exactly(kind, ratio: float, rules) -> None:
    loaded = hosting(kind)
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    entries = [{"block": n, "ratio": ratio} for n in (2, 3, 4, 5)]
    plan = core.Plan(selection=entries, round_to=1, strategy="structural")
    predicted = core.predict(loaded, plan, cache=False)
    assert "model.3.block.conv" in {change.name for change in predicted.layers}
    done = core.prune(loaded, plan, cache=False)
    assert done.verification.passed, done.verification.relative_error
    assert done.verification.relative_error > 0 or kind is Wave
    after = analyse_model(done.model, 640)
    assert total(after) == (predicted.after.parameters, predicted.after.macs)
    widths = {layer.name: n for n, layer in enumerate(after.layers)}
    for change in predicted.layers:
        number = widths[change.name]
        assert (after.in_counts[number], after.out_counts[number]) == (
            change.inputs_after,
            change.outputs_after,
        )
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(before[name], value)
    assert "forward" not in vars(loaded.model.model[3].inner), "left as it was"


@pytest.mark.parametrize("kind", RULES)
def test_the_module_itself_gets_smaller_and_is_kept_in_a_file(kind, rules) -> None:
    loaded = hosting(kind)
    plan = core.Plan(selection=[{"block": 3, "ratio": 0.5}], round_to=1)
    model = core.prune(loaded, plan, cache=False).model
    inner, old = model.model[3].inner, loaded.model.model[3].inner
    stored = [s.attribute for s in RULES[kind].stores]
    for name in stored:
        one, two = getattr(inner, name), getattr(old, name)
        assert len(one) < len(two) if isinstance(two, torch.Tensor) else one < two, name
    shapes = {name: p.shape for name, p in old.named_parameters()}
    assert all(p.numel() < shapes[name].numel() for name, p in inner.named_parameters())
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(image)[0], again(image)[0])


@pytest.mark.parametrize("kind", [Wave, Mix])
def test_what_is_not_described_stays_as_it_is_with_the_reason(kind) -> None:
    loaded = hosting(kind)
    how = {
        Wave: "takes values out of PyTorch",
        Mix: "uses its weights in a way that cannot be traced",
    }
    reason = f"model.3.inner ({kind.__name__}) {how[kind]}"
    table = core.analyse(loaded, cache=False).table
    (reason,) = (one for one in table.reasons if one.startswith(reason))
    last = table.index["model.3.block.conv"]
    assert {table.reasons[table.fixed[a]] for a in table.outputs(last)} == {reason}
    with pytest.raises(UserError, match=how[kind]):
        plan = core.Plan(selection=[{"layer": "model.3.block.conv", "ratio": 0.5}])
        core.prune(loaded, plan, cache=False)
    everything = [{"block": n, "ratio": 0.5} for n in range(22)]
    done = core.prune(loaded, core.Plan(selection=everything, round_to=1), cache=False)
    assert done.verification.passed
    assert done.model.model[3].block.conv.out_channels == 64
    assert done.model.model[3].last.out_channels < 64, "what lies around it is free"
    assert done.model.model[5].conv.out_channels < 128


def test_weights_are_ranked_wherever_they_lie(rules) -> None:
    """No atom is spared or lost because the layer that makes it is not one of PyTorch's."""
    from core.plan.criteria import CRITERIA
    from core.pruning.criteria import score_atoms

    loaded = hosting(LowRank)
    table = analyse_model(loaded.model, 640)
    made = table.outputs(table.index["model.3.inner.down"])
    for name in ("l1", "l2", "bn_scale", "lamp", "fpgm"):
        assert not CRITERIA[name].by_images
        scores = score_atoms(loaded.model, table, name, 0)
        assert (scores[made] > 0).all(), name
    weakest = int(loaded.model.model[3].inner.down.detach().square().sum((1, 2, 3)).argmin())
    assert int(scores_of(loaded, table, "l2")[made].argmin()) == weakest


def scores_of(loaded, table, name):
    from core.pruning.criteria import score_atoms

    return score_atoms(loaded.model, table, name, 0)


@pytest.mark.parametrize("criterion", ["activation", "taylor", "fisher", "hessian"])
def test_images_rank_it_and_repair_leaves_it_alone(criterion, rules, tmp_path) -> None:
    from core.data.stream import DataSettings
    from core.repair import RepairSettings
    from tests.core.images import make_dataset

    loaded = hosting(Twice)
    path = make_dataset(tmp_path, loaded.facts.classes, "detect", 4)
    data = DataSettings(path, images=4, image_size=64, batch=2, device="cpu")
    plan = core.Plan(selection=[{"block": 3, "ratio": 0.5}], criterion=criterion, round_to=1)
    repair = RepairSettings(("fold", "bn", "refit"), 0.1) if criterion == "activation" else None
    done = core.prune(loaded, plan, cache=False, data=data, repair=repair)
    assert done.verification.passed
    if repair is not None:
        assert [step.step for step in done.repaired.steps] == ["fold", "bn", "refit"]


def test_what_is_said_wrongly_is_refused_by_name(request) -> None:
    register_module(Mix, lambda module, x: x)
    request.addfinalizer(lambda: forget_module(Mix))
    loaded = hosting(Mix)
    plan = core.Plan(selection=[{"block": 3, "ratio": 0.5}])
    with pytest.raises(
        UserError, match=r"by the rule for tests\.core\.graph\.opaque\.Mix does not work"
    ) as told:
        core.prune(loaded, plan, cache=False)
    assert "carries" in told.value.hint


def test_a_stand_in_that_fails_locks_its_block(request) -> None:
    def fails(module, x):
        raise ValueError("no idea")

    register_module(Wave, fails)
    request.addfinalizer(lambda: forget_module(Wave))
    table = core.analyse(hosting(Wave), cache=False).table
    assert any("could not be traced: no idea" in reason for reason in table.reasons)


def test_rules_are_found_by_class_package_and_ancestor(request) -> None:
    class Child(Wave):
        pass

    assert rule_of(Child(4)) is None
    register_module(Wave, stores=(StoredWidth("channels", "conv"),))
    request.addfinalizer(lambda: forget_module(Wave))
    assert rule_of(Child(4)) == rule_of(Wave(4)) is not None
    with pytest.raises(UserError, match=r"tests.core.graph.opaque.Wave” exists already"):
        register_module("tests.core.graph.opaque.Wave")
    register_module("tests.core.Swap", stores=(StoredWidth("half", "conv"),))
    request.addfinalizer(lambda: forget_module("tests.core.Swap"))
    assert rule_of(Swap(4)) is MODULES["tests.core.Swap"]
    assert rule_of(Host) is None and rule_of(None) is None


def test_tables_made_with_other_rules_are_not_taken(request) -> None:
    before = cache_path("0")
    assert digest_of_added() == ""
    register_module(Wave, RULES[Mix].carries)
    one = cache_path("0")
    forget_module(Wave)
    assert cache_path("0") == before != one
    register_module(Wave, RULES[Mix].carries, stores=(StoredWidth("channels", "conv"),))
    request.addfinalizer(lambda: forget_module(Wave))
    assert cache_path("0") not in (before, one)
    assert cache_path("0") == cache_path("0")


def test_a_stand_in_of_unknown_code_is_never_taken_from_a_file(request) -> None:
    made: dict = {"__name__": "typed_in"}
    exec("def carried(module, x): return x", made)
    register_module(Wave, made["carried"])
    request.addfinalizer(lambda: forget_module(Wave))
    assert cache_path("0") != cache_path("0")


def test_the_tests_modules_do_what_they_say() -> None:
    """The stand-in makes the shapes of the real one, so that a mistake here is none of core's."""
    x = torch.rand(2, 8, 5, 6)
    for kind in RULES:
        module = kind(8).eval()
        real = module(x)
        said = x if kind is Wave else module.carried(x)
        parts = zip(real, said, strict=True) if isinstance(real, tuple) else [(real, said)]
        assert all(one.shape == two.shape for one, two in parts), kind
    assert torch.equal(Apply.apply(x, np.tanh), torch.from_numpy(np.tanh(x.numpy())))
