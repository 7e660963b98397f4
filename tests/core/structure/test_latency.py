"""Milliseconds of what structure leaves, from the original's table of layer times."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core import pipeline
from core.plan.latency.clock import Clock
from core.plan.schema import parse_plan
from core.ship.latency import check, usual
from core.structure.stage import stage_of
from tests.core.networks import table_of, untrained
from tests.core.ship.tables import Machine, latency_of

FAMILY = "yolov8n"
STRUCTURE = [{"block": 6, "units": [0]}, {"branch": "model.22.cv3.0.1"}, {"scale": 32}]


def test_layers_that_are_left_take_what_they_took() -> None:
    latency, table = latency_of(FAMILY), table_of(FAMILY)
    plan = parse_plan({"version": 1, "selection": STRUCTURE, "classes": [1, 2]})
    stage = stage_of(untrained(FAMILY), plan)
    left = stage.analysis.table
    timed = stage.timed(latency)
    assert timed is not None
    nothing = np.zeros(left.atom_count, bool)
    rows = np.array([table.index[layer.name] for layer in left.layers])
    own = Clock(latency, table).layer_ms(rows, left.in_counts, left.out_counts)
    assert Clock(timed, left).parts(nothing)[0] == pytest.approx(float(own.sum()))
    whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
    assert Clock(timed, left).ms(nothing) < 0.9 * whole


@pytest.mark.parametrize("target", [{"latency": 0.6}, {"latency_ms": None}], ids=["share", "ms"])
def test_a_target_of_time_counts_structure(target: dict, monkeypatch) -> None:
    latency, table = latency_of(FAMILY), table_of(FAMILY)
    for module in (usual, pipeline):
        monkeypatch.setattr(module, "known_latency", lambda *_: latency)
    monkeypatch.setattr(check, "measured_times", Machine())
    whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
    if "latency_ms" in target:
        target = {"latency_ms": 0.6 * whole}
    plan = {"version": 1, "round_to": 1, "selection": STRUCTURE[1:2], "target": target}
    prediction = core.predict(untrained(FAMILY), parse_plan(plan))
    before, after = prediction.latency_ms
    assert before == pytest.approx(whole)
    assert after / before == pytest.approx(0.6, abs=0.01)
    gone = [change.name for change in prediction.layers if not change.outputs_after]
    assert gone == ["model.22.cv3.0.1.conv", "model.22.cv3.0.1.bn"]
