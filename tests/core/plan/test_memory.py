"""Peak memory: predicted for a plan, and traced again in the network that was really pruned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.errors import UserError
from core.graph.analysis import analyse
from core.plan.memory import PeakMemory
from core.plan.resolve import Resolver
from core.plan.schema import Plan, parse_plan
from core.pruning.surgery import cut_network
from tests.core.networks import network, table_of, untrained

FAMILIES = ["yolov8n", "yolo11n", "yolov9t", "yolov10n"]
RESOLVERS: dict[str, Resolver] = {}


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=4, deadline=None)
@given(ratios=st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=12, max_size=12))
def test_the_pruned_network_has_the_peak_that_was_predicted(family, ratios) -> None:
    table = table_of(family)
    resolver = RESOLVERS.setdefault(family, Resolver(table))
    blocks = [b.index for b in table.blocks[:-1] if b.parameters][:12]
    chosen = [{"block": b, "ratio": r} for b, r in zip(blocks, ratios, strict=False) if r]
    plan = Plan.model_validate({"selection": chosen, "round_to": 1})
    removed = resolver.resolve(plan, np.arange(table.atom_count, dtype=float)).removed
    small = cut_network(network(family), table, removed)
    again = analyse(replace(untrained(family), model=small), cache=False).table
    peak = PeakMemory(table)
    assert peak.cost(removed) == PeakMemory(again).whole()
    assert peak.cost(removed) <= peak.whole()


def test_the_worst_step_counts_what_lives_then() -> None:
    """Of YOLOv8n: the block at stride 2 reads the first convolution's 16 channels, makes 32."""
    table = table_of("yolov8n")
    side = table.image_size.longest
    first, second = 16 * (side // 2) ** 2, 32 * (side // 4) ** 2
    assert PeakMemory(table).whole() >= 4 * (first + second)


@pytest.mark.parametrize("share", [0.8, 0.6])
def test_a_target_is_a_limit(share) -> None:
    plan = {"version": 1, "round_to": 1, "target": {"peak_memory": share}}
    pruned = core.prune(untrained("yolov8n"), parse_plan(plan))
    before, after = pruned.prediction.peak_memory
    assert share * 0.9 < after / before <= share * 1.01
    told = pruned.to_json()
    assert (told["before"]["peak_memory"], told["after"]["peak_memory"]) == (before, after)


def test_structure_counts() -> None:
    """What units leave is pruned to a share of the original's peak, not of what they leave."""
    units = [{"block": 2, "units": [0]}]
    plan = {"version": 1, "round_to": 1, "selection": units, "target": {"peak_memory": 0.7}}
    prediction = core.predict(untrained("yolov8n"), parse_plan(plan))
    before, after = prediction.peak_memory
    assert before == PeakMemory(table_of("yolov8n")).whole()
    assert after / before <= 0.7 * 1.01


def test_what_cannot_be_reached_names_the_nearest() -> None:
    plan = {"version": 1, "target": {"peak_memory": 0.01}}
    with pytest.raises(UserError, match=r"1% of the peak memory cannot be reached") as caught:
        core.predict(untrained("yolov8n"), parse_plan(plan))
    assert '"peak_memory": 0.' in caught.value.hint
