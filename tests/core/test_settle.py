"""A time is met as measured: what the table says is corrected by what the clock says."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core.plan.latency.clock import Clock
from core.plan.latency.times import Times
from core.plan.schema import parse_plan
from core.settle import CORRECTIONS, MISS
from core.ship.latency import check, usual
from tests.core.networks import table_of, untrained
from tests.core.ship.tables import Machine, latency_of

FAMILY = "yolov8n"


@pytest.fixture
def machine(monkeypatch):
    def make(factor: float) -> Machine:
        made = Machine(factor)
        monkeypatch.setattr(check, "measured_times", made)
        monkeypatch.setattr(usual, "known_latency", lambda *_: latency_of(FAMILY))
        return made

    return make


def suggested(target: dict, **more):
    plan = {"version": 1, "round_to": 1, "target": target, **more}
    return core.suggest(untrained(FAMILY), parse_plan(plan))


def test_where_the_table_is_right_nothing_is_corrected(machine) -> None:
    clock = machine(1.0)
    found = suggested({"latency": 0.7})
    assert len(clock.shares) == 1
    assert found.times.share == pytest.approx(0.7, rel=MISS)
    assert found.to_json()["times"]["share"] == found.times.share


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.15])
def test_where_it_is_wrong_the_measured_time_is_met(machine, factor) -> None:
    clock = machine(factor)
    found = suggested({"latency": 0.75})
    assert 1 < len(clock.shares) <= 1 + CORRECTIONS
    assert found.times.share == pytest.approx(0.75, rel=MISS)


def test_milliseconds_count_as_measured_too(machine) -> None:
    machine(1.1)
    table = table_of(FAMILY)
    whole = Clock(latency_of(FAMILY), table).ms(np.zeros(table.atom_count, bool))
    found = suggested({"latency_ms": 0.75 * whole})
    assert found.times.after_ms == pytest.approx(0.75 * whole, rel=MISS)


def test_structure_and_channels_together_are_measured(machine) -> None:
    machine(1.1)
    found = suggested({"latency": 0.75}, selection=[{"branch": "model.22.cv3.0.1"}])
    assert found.times.share == pytest.approx(0.75, rel=MISS)
    assert [entry.branch for entry in found.plan.structure] == ["model.22.cv3.0.1"]


def test_what_cannot_be_met_is_the_nearest_that_was_measured(machine) -> None:
    """A machine on which nothing that is pruned saves time."""
    clock = machine(1.6)
    found = suggested({"latency": 0.7})
    assert found.times.share == min(clock.shares, key=lambda share: abs(share - 0.7))


def test_other_targets_are_not_measured(machine) -> None:
    clock = machine(1.1)
    assert suggested({"macs": 0.8}).times is None
    assert not clock.shares


def test_times_that_were_measured_are_kept(monkeypatch) -> None:
    from core.structure.stage import stage_of

    asked = []

    def times(_models, *_rest):
        asked.append(1)
        return np.array([10.0, 7.0])

    monkeypatch.setattr(check, "time_networks", times)
    plan = {"version": 1, "target": {"latency": 0.7}}
    stage = stage_of(untrained(FAMILY), parse_plan(plan))
    removed = stage.nothing
    latency = latency_of(FAMILY)
    first, second = (check.measured_times(stage, removed, latency) for _ in range(2))
    assert first == second == Times(10.0, 7.0)
    assert len(asked) == 1
    check.measured_times(stage, removed, latency, cache=False)
    assert len(asked) == 2
