"""Units, branches, scales and classes in the window: figures, undo, refusals, projects."""

from __future__ import annotations

import pytest

from app.state import plan_edits
from app.state.structure import edits
from tests.app.conftest import ENGINE_MS

ABOUT = {"device": "CPU", "runtime": "onnx", "version": "1", "threads": 1, "batch": 1,
         "image_size": 640, "precision": "fp32", "sha256": ""}  # fmt: skip
UNIT = {"block": 6, "units": [1]}


def structural(*entries, classes=None):
    from core.plan.schema import parse_plan

    told = {"version": 1, "selection": list(entries)}
    return parse_plan(told if classes is None else {**told, "classes": classes})


@pytest.fixture
def opened(window, qtbot, trained):
    """A window with the trained network, ranked."""
    session = window.session
    with qtbot.waitSignal(session.scoresChanged, timeout=ENGINE_MS):
        window.context.session.requests.openWanted.emit(str(trained))
    session.flush()
    return window


def take(qtbot, window, plan):
    """Put a plan in and wait until what it leaves is known."""
    structures = window.session.structures
    window.session.edit(plan_edits.replace_plan(plan, "Test"))
    qtbot.waitUntil(lambda: not structures.pending, timeout=ENGINE_MS)
    window.session.flush()


@pytest.mark.parametrize(
    ("entries", "classes"),
    [((UNIT,), None), (({"scale": 32},), None), (({"branch": "model.22.cv3.0.1"},), None),
     ((UNIT, {"block": 4, "ratio": 0.5}), (0, 2))],
)  # fmt: skip
def test_figures_are_those_of_the_engine(opened, qtbot, trained, entries, classes):
    import core

    plan = structural(*entries, classes=classes)
    take(qtbot, opened, plan)
    found = opened.session.prediction
    wanted = core.predict(core.load(trained), plan)
    assert (found.before.parameters, found.before.macs) == (
        wanted.before.parameters,
        wanted.before.macs,
    )
    assert (found.after.parameters, found.after.macs) == (
        wanted.after.parameters,
        wanted.after.macs,
    )
    assert found.after.inputs.tolist() == wanted.after.inputs.tolist()
    assert found.after.outputs.tolist() == wanted.after.outputs.tolist()
    assert found.changes


def test_undo_and_redo_need_the_engine_once(opened, qtbot):
    session = opened.session
    before = session.prediction.after.parameters
    take(qtbot, opened, structural(UNIT))
    less = session.prediction.after.parameters
    assert less < before
    asked = len(opened.engine.records)
    session.undo_stack.undo()
    session.flush()
    assert session.prediction.after.parameters == before
    assert not session.structures.pending
    session.undo_stack.redo()
    session.flush()
    assert session.prediction.after.parameters == less
    assert len(opened.engine.records) == asked


def test_what_cannot_go_is_undone_with_the_reason(opened, qtbot):
    session = opened.session
    kept = session.plan
    with qtbot.waitSignal(session.messageRaised, timeout=ENGINE_MS) as raised:
        session.edit(plan_edits.replace_plan(structural({"branch": "model.0.conv"}), "Test"))
    qtbot.waitUntil(lambda: session.plan == kept, timeout=ENGINE_MS)
    assert "model.0.conv cannot be removed" in raised.args[0].text
    assert not session.structures.pending
    assert not session.undo_stack.canUndo() and not session.undo_stack.canRedo()


def test_a_lock_over_what_is_gone_is_refused(opened, qtbot):
    session = opened.session
    take(qtbot, opened, structural(UNIT))
    with qtbot.waitSignal(session.messageRaised, timeout=ENGINE_MS) as raised:
        session.edit(plan_edits.set_locked(session.plan, {6}, True))
    qtbot.waitUntil(lambda: not session.structures.pending, timeout=ENGINE_MS)
    assert "block 6 is locked" in raised.args[0].text
    assert session.locked == frozenset()
    assert session.plan.structure


def test_a_project_keeps_structure(opened, qtbot, tmp_path, answers):
    session = opened.session
    plan = structural(UNIT, classes=(0, 2))
    take(qtbot, opened, plan)
    figures = session.prediction.after.parameters
    answers["save"] = [str(tmp_path / "one.secateur")]
    opened.actions_table.by_id["save"].trigger()
    assert not session.dirty
    with qtbot.waitSignal(session.modelChanged, timeout=ENGINE_MS):
        session.requests.openWanted.emit(str(tmp_path / "one.secateur"))
    assert session.plan.structure == plan.structure
    assert session.plan.classes == (0, 2)
    qtbot.waitUntil(lambda: not session.structures.pending, timeout=ENGINE_MS)
    session.flush()
    assert session.prediction.after.parameters == figures


def test_clearing_the_plan_puts_structure_back(opened, qtbot):
    session = opened.session
    take(qtbot, opened, structural(UNIT, classes=(0, 2)))
    session.edit(plan_edits.clear(session.plan))
    session.flush()
    assert not session.plan.restructures
    assert not session.prediction.changes


def test_channels_of_what_is_left_are_ranked(opened, qtbot):
    session = opened.session
    take(qtbot, opened, structural(UNIT))
    left = session.model.left
    assert len(session.scores) == left.atom_count != session.table.atom_count
    session.edit(plan_edits.set_criterion(session.plan, "bn_scale"))
    qtbot.waitUntil(lambda: session.ranked, timeout=ENGINE_MS)
    assert session.ranked_by == "bn_scale"
    assert len(session.scores) == left.atom_count


def test_edits_keep_one_entry_for_the_units_of_a_block(opened, qtbot):
    session = opened.session
    with qtbot.waitSignal(session.structures.partsChanged, timeout=ENGINE_MS):
        session.structures.want_parts()
    one, two = session.structures.parts.of_block(6)
    plan = edits.remove(edits.remove(session.plan, two).plan, one).plan
    assert [entry.to_json() for entry in plan.structure] == [{"block": 6, "units": [0, 1]}]
    plan = edits.put_back(plan, one).plan
    assert [entry.to_json() for entry in plan.structure] == [{"block": 6, "units": [1]}]
    assert edits.put_back(plan, two).plan == session.plan


def test_a_suggestion_keeps_structure_and_meets_the_goal(opened, qtbot):
    from core.plan.schema import Target

    session = opened.session
    take(qtbot, opened, structural(UNIT, classes=(0, 2)))
    structure = session.plan.structure
    session.measured.set_goal(Target(macs=0.7))
    with qtbot.waitSignal(session.planChanged, timeout=ENGINE_MS):
        session.requests.suggestWanted.emit(frozenset())
    session.flush()
    assert session.plan.structure == structure and session.plan.classes == (0, 2)
    assert session.plan.selection
    found = session.prediction
    assert not session.structures.pending
    assert 0.6 < found.after.macs / found.before.macs <= 0.71


def clock_of(table):
    """A clock by which every layer takes a microsecond for each of its weights."""
    import numpy as np

    from core.plan.latency.clock import Clock, Grid, LatencyTable

    grids = []
    for number, layer in enumerate(table.layers):
        most = int(table.in_counts[number]) if layer.mixes else 0
        wide = np.array([0, int(table.out_counts[number])])
        high = np.array([0, most] if most else [0])
        times = 1e-3 * np.outer(np.maximum(high, 0 if most else 1), wide)
        grids.append(Grid(layer.name, high, wide, times))
    numbers = np.arange(len(grids))
    return Clock(LatencyTable(ABOUT, 1, tuple(grids), numbers, numbers * 0 + 1), table)


def test_milliseconds_are_of_what_is_left(opened, qtbot):
    session = opened.session
    session.measured.set_clock(clock_of(session.table))
    whole = session.unpruned_ms
    take(qtbot, opened, structural(UNIT))
    removed = session.prediction.resolution.removed
    gone = [n for n in session.table.layers_of(6)
            if session.table.layers[n].name.startswith("model.6.m.1.")]  # fmt: skip
    least = sum(
        1e-3 * int(session.table.in_counts[n]) * int(session.table.out_counts[n])
        for n in gone
        if session.table.layers[n].mixes
    )
    assert 0 < least < whole - session.clock.ms(removed)
    assert opened.scorecard.time.value.text().count("→") == 1
    session.undo_stack.undo()
    session.flush()
    assert session.clock.ms(session.prediction.resolution.removed) == pytest.approx(whole)
