"""Cost-aware allocation: targets met, every constraint kept, and plans that replay."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.plan.allocate import Allocator, Goal, check_reached, cost_of, explicit_plan
from core.plan.cost import CostModel
from core.plan.goal import MODELS
from core.plan.resolve import Resolver
from core.plan.savings import Savings
from core.plan.schema import Entry, Plan, Target
from core.plan.shrink import shrink_table
from core.plan.target import meet_target
from core.plan.widths import compute_widths
from core.pruning.surgery import cut_network
from core.pruning.verify import verify_networks
from tests.core.networks import SMALL, network, table_of

EXAMPLES = int(os.environ.get("SECATEUR_EXAMPLES", "40"))
RESOLVERS: dict[str, Resolver] = {}


def resolver_of(family: str) -> Resolver:
    return RESOLVERS.setdefault(family, Resolver(table_of(family)))


def nothing(family: str) -> np.ndarray:
    return np.zeros(table_of(family).atom_count, bool)


def random_scores(family: str, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(sigma=2, size=table_of(family).atom_count)


def allocate(family: str, plan: Plan, seed: int = 0, floor: float = 0.2) -> np.ndarray:
    allocator = Allocator(resolver_of(family), plan, floor)
    goal = Goal.of(table_of(family), plan.target)
    return allocator.reduce(allocator.start(), random_scores(family, seed), goal)


@pytest.mark.parametrize("family", [*SMALL, "yolov8s", "yolo26n-seg", "yolov9s", "yolov8n-ghost"])
@pytest.mark.parametrize("target", [{"macs": 0.9}, {"macs": 0.7}, {"params": 0.8}])
def test_targets_are_met_within_one_percent(family: str, target: dict) -> None:
    plan = Plan(round_to=1, target=Target(**target))
    removed = allocate(family, plan)
    goal = Goal.of(table_of(family), plan.target)
    assert goal.model.cost(removed) == pytest.approx(goal.amount, rel=0.01)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_constraint_is_kept(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from([f for f in SMALL if f != "rtdetr-l"]))
    table, resolver = table_of(family), resolver_of(family)
    blocks = st.integers(0, len(table.blocks) - 1)
    floor = data.draw(st.sampled_from([0.0, 0.2, 0.5]))
    plan = Plan(
        round_to=data.draw(st.sampled_from([1, 2, 8, 16])),
        minimum_channels=data.draw(st.integers(1, 8)),
        locked=tuple(data.draw(st.lists(blocks, max_size=3))),
        target=Target(macs=data.draw(st.floats(0.2, 1.0))),
    )
    removed = allocate(family, plan, data.draw(st.integers(0, 99)), floor)
    widths = compute_widths(table, removed)
    assert not removed[~resolver.free_atoms(plan)].any(), "a fixed or locked channel was removed"
    for number, layer in enumerate(table.layers):
        total, kept = int(table.out_counts[number]), int(widths.outputs[number])
        assert kept >= min(total, max(np.ceil(floor * total - 1e-9), plan.minimum_channels))
        if layer.mixes and kept != total:
            assert kept % plan.round_to == 0, layer.name
    for pieces in resolver.axes.pieces:
        assert len({piece.gone(removed) for piece in pieces}) == 1
    smaller = cut_network(network(family), table, removed)
    assert sum(p.numel() for p in smaller.parameters()) == widths.parameters
    assert verify_networks(network(family), smaller, table, removed).passed
    replay = explicit_plan(resolver, plan, removed)
    again = resolver.resolve(replay, random_scores(family, 5))
    assert np.array_equal(again.removed, removed), "an explicit plan replays whatever the scores"
    assert not again.blocked


def test_the_least_score_per_saving_goes_first() -> None:
    """With one worthless channel everywhere, the target is met by worthless channels alone."""
    family = "yolov8n"
    table = table_of(family)
    worthless = np.random.default_rng(0).random(table.atom_count) < 0.6
    scores = np.where(worthless, 0.0, 1.0)
    allocator = Allocator(resolver_of(family), Plan(round_to=1, target=Target(macs=0.9)))
    removed = allocator.reduce(nothing(family), scores, Goal.of(table, Target(macs=0.9)))
    halves = set(np.concatenate([p for s in table.splits for p in s.pieces]).tolist())
    alone = [atom for atom in np.flatnonzero(removed).tolist() if atom not in halves]
    assert alone
    assert worthless[alone].all()


def test_dearer_channels_go_first_at_the_same_score() -> None:
    family = "yolov8n"
    table = table_of(family)
    goal = Goal.of(table, Target(macs=0.95))
    plan = Plan(round_to=1, target=Target(macs=0.95))
    removed = Allocator(resolver_of(family), plan).reduce(
        nothing(family), np.ones(table.atom_count), goal
    )
    drawn = allocate(family, plan)
    assert removed.sum() < drawn.sum(), "fewer channels must do when each counts for its saving"


@pytest.mark.parametrize("model", [model for model in MODELS.values() if not model.is_limit])
@pytest.mark.parametrize("family", ["yolov8n", "yolo12n"])
def test_savings_are_exact(family: str, model: type[CostModel]) -> None:
    """At the start, and again after each of some removals."""
    table = table_of(family)
    allocator = Allocator(resolver_of(family), Plan(round_to=1))
    label = allocator._units(nothing(family), random_scores(family, 0)).label
    cost = model(table)
    removed = nothing(family)
    state = Savings(cost, label, removed, allocator.least)
    draw = np.random.default_rng(0)
    for unit in draw.choice(state.count, 20, replace=False).tolist():
        saved = state.savings()
        assert state.cost == cost.cost(removed)
        for other in draw.choice(state.count, 5).tolist():
            expected = cost.cost(removed) - cost.cost(removed | (label == other))
            assert expected == (saved[other] if not removed[label == other].any() else 0)
        state.remove(unit, float(saved[unit]))
        removed |= label == unit


class Staircase(CostModel):
    """A cost that is neither linear nor the table's, as a measured time would be."""

    key, label, constant = "latency_ms", "milliseconds", 1.0

    def of_layers(self, layers, inputs, outputs):
        return np.ceil(outputs / 4) * (1 + inputs) * 1e-4


def test_another_cost_model_is_met() -> None:
    table, resolver = table_of("yolov8n"), resolver_of("yolov8n")
    model = Staircase(table)
    goal_ms = 0.8 * model.whole()
    plan = Plan(round_to=4, target=Target(latency_ms=goal_ms), allocation="cost")
    found = meet_target(resolver, plan, random_scores("yolov8n", 0), model)
    removed = resolver.resolve(found, random_scores("yolov8n", 1)).removed
    assert model.cost(removed) == pytest.approx(goal_ms, rel=0.01)


def test_only_the_selection_is_touched() -> None:
    family = "yolov8n"
    table = table_of(family)
    plan = Plan(round_to=1, target=Target(macs=0.97), selection=(Entry(block=4, ratio=0.5),))
    removed = allocate(family, plan)
    inside = {atom for n in table.layers_of(4) for atom in table.outputs(n).tolist()}
    assert removed.any()
    assert set(np.flatnonzero(removed).tolist()) <= inside


def test_named_channels_go_first() -> None:
    family = "yolov8n"
    table = table_of(family)
    plan = Plan(
        round_to=1,
        target=Target(macs=0.95),
        selection=(Entry(layer="model.3", channels=(1, 5)),),
    )
    removed = allocate(family, plan)
    assert removed[table.outputs(table.index["model.3.conv"])[[1, 5]]].all()
    assert cost_of(table, removed, True) == pytest.approx(
        Goal.of(table, plan.target).amount, rel=0.01
    )


def test_independent_blocks_only() -> None:
    plan = Plan(round_to=1, strategy="independent", target=Target(macs=0.97))
    removed = allocate("yolov8n", plan)
    resolver = resolver_of("yolov8n")
    allowed = {
        atom
        for block in resolver.independent_blocks()
        for n in resolver.table.layers_of(block)
        for atom in resolver.table.outputs(n).tolist()
    }
    assert removed.any()
    assert set(np.flatnonzero(removed).tolist()) <= allowed


def test_a_target_out_of_reach_names_the_nearest() -> None:
    plan = Plan(round_to=1, target=Target(macs=0.01))
    removed = allocate("yolov8n", plan)
    with pytest.raises(UserError, match=r"the nearest possible value is [0-9.]+%"):
        check_reached(table_of("yolov8n"), removed, Goal.of(table_of("yolov8n"), plan.target))


def test_milliseconds_are_refused() -> None:
    with pytest.raises(UserError, match="milliseconds"):
        Goal.of(table_of("yolov8n"), Target(latency_ms=8))


@pytest.mark.parametrize("family", ["yolov8n", "yolo12n"])
def test_shrunk_table_is_that_of_the_cut_network(family: str) -> None:
    removed = allocate(family, Plan(round_to=1, target=Target(macs=0.8)))
    table = table_of(family)
    small, widths = shrink_table(table, removed), compute_widths(table, removed)
    assert np.array_equal(small.in_counts, widths.inputs)
    assert np.array_equal(small.out_counts, widths.outputs)
    assert not np.isin(small.out_atoms, np.flatnonzero(removed)).any()
