"""Milliseconds from a table: interpolation, steps, calibration and targets."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.plan.goal import Goal
from core.plan.latency.clock import NO_GRID, Clock
from core.plan.latency.cost import Milliseconds, rounded
from core.plan.live import Predictor
from core.plan.resolve import Resolver
from core.plan.schema import Entry, Plan, Target, parse_plan
from core.plan.target import meet_target
from core.plan.widths import compute_widths
from core.ship.devices.bench import find_step
from core.ship.latency.table import calibrate
from tests.core.networks import FAMILIES, table_of
from tests.core.ship.tables import STEP, latency_of, made_up, uses_of

SMALL = ("yolov8n", "yolov8n-cls", "yolov9t", "yolov10n", "yolo11n", "rtdetr-l")


def uniform(family: str, ratio: float, multiple: int = 1) -> np.ndarray:
    table = table_of(family)
    entries = tuple(Entry(block=b.index, ratio=ratio) for b in table.blocks)
    plan = Plan(selection=entries, round_to=multiple)
    return Resolver(table).resolve(plan, np.zeros(table.atom_count)).removed


@pytest.mark.parametrize("family", SMALL)
def test_every_convolution_that_takes_time_is_in_the_table(family):
    table, uses = table_of(family), uses_of(family)
    assert len({use.layer for use in uses}) == len(uses)
    macs = sum(
        table.coefficients[2, u.layer] * u.inputs * u.outputs
        + table.coefficients[3, u.layer] * u.outputs
        for u in uses
    )
    whole = compute_widths(table, np.zeros(table.atom_count, bool)).macs
    # Branches that fusing merges, and a training head that no longer runs, are not timed.
    assert 0.7 * whole <= macs <= whole


@pytest.mark.parametrize("family", ("yolov8n", "yolov10n"))
def test_exact_at_measured_widths_and_flat_within_a_step(family):
    latency = latency_of(family)
    clock = Clock(latency, table_of(family))
    for use in uses_of(family):
        grid = latency.grids[latency.layer_grid[use.layer]]
        places = [(i, o) for i in range(len(grid.inputs)) for o in range(len(grid.outputs))]
        ins = np.array([max(1, grid.inputs[i]) for i, _ in places])
        outs = np.array([grid.outputs[o] for _, o in places])
        layers = np.full(len(places), use.layer)
        assert np.allclose(clock.layer_ms(layers, ins, outs), grid.ms.ravel())
        full = np.arange(1, use.outputs + 1)
        above = np.minimum(-(-full // STEP) * STEP, use.outputs)
        same = np.full(len(full), use.layer), np.full(len(full), use.inputs)
        assert np.allclose(clock.layer_ms(*same, full), clock.layer_ms(*same, above))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 16]))
def test_fewer_channels_never_take_longer(seed, step):
    generator = np.random.default_rng(seed)
    table = table_of("yolov8n")
    clock = Clock(latency_of("yolov8n", step), table)
    layers = np.flatnonzero(clock.latency.layer_grid != NO_GRID)
    wide_in = generator.integers(1, table.in_counts[layers] + 1)
    wide_out = generator.integers(1, table.out_counts[layers] + 1)
    less_in, less_out = generator.integers(0, wide_in + 1), generator.integers(0, wide_out + 1)
    wide = clock.layer_ms(layers, wide_in, wide_out)
    assert (clock.layer_ms(layers, less_in, less_out) <= wide + 1e-12).all()
    more = generator.random(table.atom_count) < generator.random()
    some = more & (generator.random(table.atom_count) < 0.5)
    assert clock.ms(more) <= clock.ms(some) + 1e-9


def test_the_sum_is_that_of_the_formula_where_widths_were_measured():
    table = table_of("yolov8n")
    removed = uniform("yolov8n", 0.5, STEP)
    widths = compute_widths(table, removed)
    points = [(u.shape, int(widths.inputs[u.layer]), int(widths.outputs[u.layer])) for u in
              uses_of("yolov8n")]  # fmt: skip
    expected = (made_up(points) * [u.calls for u in uses_of("yolov8n")]).sum()
    assert Clock(latency_of("yolov8n"), table).ms(removed) == pytest.approx(expected, rel=0.01)


def test_calibration_finds_the_overhead_that_was_put_in():
    table = table_of("yolov8n")
    planted = replace(latency_of("yolov8n"), scale=1.05, constant=2.0, per_move=2e-7, per_odd=0.3)
    masks = [uniform("yolov8n", r, m) for r, m in ((0, 1), (0.3, 8), (0.45, 1), (0.6, 16))]
    times = np.array([Clock(planted, table).ms(mask) for mask in masks])
    found = calibrate(table, latency_of("yolov8n"), masks, times)
    assert found.error < 0.02 and found.measured_ms == times[0]
    other = uniform("yolov8n", 0.2, 4)
    assert Clock(found, table).ms(other) == pytest.approx(Clock(planted, table).ms(other), rel=0.03)


@pytest.mark.parametrize("family", ("yolov8n", "yolo11n", "yolov8n-cls"))
def test_what_blocks_take_adds_up_to_the_network(family):
    table = table_of(family)
    latency = replace(
        latency_of(family), scale=1.3, constant=0.7, per_move=1e-7, per_odd=0.2, step=1
    )
    clock = Clock(latency, table)
    for ratio in (0.0, 0.3):
        removed = uniform(family, ratio)
        blocks = clock.block_ms(removed)
        assert blocks.shape == (len(table.blocks),) and (blocks >= 0).all()
        assert blocks.sum() + latency.constant == pytest.approx(clock.ms(removed))
    joins = [block.index for block in table.blocks if block.type == "Concat"]
    assert all(clock.block_ms(removed)[index] > 0 for index in joins)  # joins move, and take time


def test_a_table_of_another_network_is_refused():
    with pytest.raises(ValueError, match="another network"):
        Clock(latency_of("yolov8n"), table_of("yolo11n"))


@pytest.mark.parametrize("step", (1, 4, 8, 16, 32))
def test_the_step_of_a_staircase_is_found_in_noise(step):
    generator = np.random.default_rng(step)
    widths = tuple(range(32, 132, 4))
    ms = np.array([0.1 + 0.01 * -(-w // step) * step for w in widths])
    noisy = ms * (1 + 0.01 * generator.standard_normal(len(ms)))
    assert find_step(widths, noisy) == (step if step > 4 else 1)


@pytest.mark.parametrize("share", (0.85, 0.6, 0.4))
@pytest.mark.parametrize("allocation", ("cost", "global", "isomorphic", "uniform"))
def test_a_target_in_milliseconds_is_met(allocation, share):
    table = table_of("yolov8n")
    cost = Milliseconds(table, replace(latency_of("yolov8n"), constant=0.5, per_move=1e-8))
    goal = share * cost.whole()
    plan = Plan(allocation=allocation, target=Target(latency_ms=goal), locked=(4,))
    plan = rounded(plan, cost.clock.latency)
    scores = np.random.default_rng(0).random(table.atom_count)
    resolver = Resolver(table)
    removed = resolver.resolve(meet_target(resolver, plan, scores, cost), scores).removed
    assert cost.cost(removed) == pytest.approx(goal, rel=0.0101)
    assert not removed[list(resolver.axes.block_outputs[4])].any()
    outputs = compute_widths(table, removed).outputs
    changed = outputs != table.out_counts
    mixing = np.array([layer.mixes for layer in table.layers])
    assert (outputs[changed & mixing] % STEP == 0).all()


def test_what_removals_save_adds_up_to_the_cost():
    table = table_of("yolov8n")
    latency = replace(latency_of("yolov8n"), scale=1.1, constant=0.5, per_move=1e-8)
    cost = Milliseconds(table, latency)
    for removed in (uniform("yolov8n", 0.0), uniform("yolov8n", 0.5, STEP)):
        widths = compute_widths(table, removed)
        numbers = np.arange(len(table.layers))
        parts = cost.of_layers(numbers, widths.inputs.astype(float), widths.outputs.astype(float))
        assert parts.sum() + cost.constant == pytest.approx(cost.cost(removed), rel=0.02)
    assert Goal.of(table, Target(latency_ms=1.0), model=cost).amount == 1.0


def test_rounding_is_that_of_the_table():
    latency = latency_of("yolov8n")
    auto = parse_plan({"version": 1, "round_to": "auto", "selection": [{"block": 4, "ratio": 0.5}]})
    assert rounded(auto, latency).round_to == STEP
    assert rounded(auto, None).round_to == auto.multiple == 8
    assert rounded(Plan(round_to=12), latency).round_to == 12
    by_time = Plan(round_to=12, target=Target(latency_ms=5.0))
    assert rounded(by_time, latency).round_to == 48
    assert parse_plan(auto.to_json()) == auto


def least_seconds(*calls, rounds=20):
    """Return this thread's least computing time for each call, all in turns: noise only adds."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, own in zip(calls, times, strict=True):
            begun = time.thread_time()
            call()
            own.append(time.thread_time() - begun)
    return [min(own) for own in times]


def test_prediction_takes_far_less_than_a_tick():
    """Of what a slider's tick computes, milliseconds are a small part: 5 %, and 25 % at most."""
    table, removed = table_of("yolov8n"), uniform("yolov8n", 0.3)
    clock, predictor = Clock(latency_of("yolov8n"), table), Predictor(table)
    plan = Plan(selection=tuple(Entry(block=b.index, ratio=0.3) for b in table.blocks))
    scores = np.arange(table.atom_count, dtype=float)

    def slow():
        for _ in range(20):
            clock.ms(removed)

    tick, own, slower = least_seconds(
        lambda: predictor.predict(plan, scores), lambda: clock.ms(removed), slow
    )
    assert own < tick / 4
    assert slower > tick / 4, "a clock twenty times as slow would go unnoticed"


assert set(SMALL) <= set(FAMILIES)
