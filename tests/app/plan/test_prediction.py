"""What the window shows at every tick is what the engine does."""

import numpy as np
import pytest

from app.state import plan_edits
from core.plan.live import Predictor, file_size
from core.plan.schema import Entry, Plan


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    import core

    return core.analyse("yolov8n.yaml", cache=False).table


@pytest.fixture(scope="module")
def predictor(table):
    return Predictor(table)


def predict(predictor, *entries, **values):
    scores = np.arange(predictor.table.atom_count, dtype=float)
    return predictor.predict(Plan(selection=entries, **values), scores)


def test_nothing_planned_changes_nothing(predictor, table):
    prediction = predict(predictor)
    assert not prediction.changes
    assert prediction.roles == {}
    assert prediction.block_out == {b.index: b.out_channels for b in table.blocks}
    assert prediction.block_in == {b.index: b.in_channels for b in table.blocks}
    assert sum(prediction.block_macs.values()) == prediction.before.macs


def test_widths_of_blocks_follow_those_of_layers(predictor):
    prediction = predict(predictor, Entry(block=4, ratio=0.5))
    assert prediction.block_out[4] == 32
    assert prediction.block_in[5] == 32
    assert prediction.block_out[14] == 192 - 32
    assert prediction.block_in[15] == 192 - 32
    assert prediction.roles == {4: "selected", 5: "cascade", 14: "cascade", 15: "cascade"}
    assert prediction.layer_widths["model.5.conv"] == (64, 32, 128, 128)


def test_figures_are_those_of_the_command_line(predictor, table):
    from core.plan.predict import predict_plan

    plan = Plan(selection=(Entry(block=6, ratio=0.5), Entry(layer="model.3", ratio=0.25)))
    scores = np.arange(table.atom_count, dtype=float)
    ours = predictor.predict(plan, scores)
    theirs = predict_plan(table, predictor.resolver.resolve(plan, scores))
    assert ours.after.parameters == theirs.after.parameters
    assert ours.after.macs == theirs.after.macs
    assert {la.name for la in theirs.layers} == set(ours.layer_widths)


def test_partners_that_shrink_with_it_are_coupled():
    import core

    table = core.analyse("yolov8n.yaml", cache=False).table
    prediction = predict(Predictor(table), Entry(layer="model.2.m.0.cv2", ratio=0.5))
    assert prediction.roles[2] == "selected"


def test_what_is_refused_is_blocked_and_the_nearest_works(predictor):
    prediction = predict(predictor, Entry(block=11, ratio=0.5))
    assert prediction.roles[11] == "blocked"
    (refused,) = prediction.resolution.blocked
    plan = Plan(selection=(Entry(block=11, ratio=0.5),))
    edit = plan_edits.apply_nearest(plan, refused, 11)
    mended = predict(predictor, *edit.plan.selection)
    assert mended.changes
    assert not mended.resolution.blocked


def test_a_plan_that_does_not_fit_says_so(predictor):
    prediction = predict(predictor, Entry(block=99, ratio=0.5))
    assert not prediction.changes
    assert "no block 99" in str(prediction.refusal)


def test_blocks_that_can_give_something(predictor):
    assert 5 in predictor.prunable
    assert not predictor.prunable & {10, 11, 13, 14, 17, 20}
    assert predictor.independent <= predictor.prunable


def test_file_sizes_are_close_to_what_is_written(tmp_path):
    import core

    loaded = core.load("yolov8n.yaml")
    result = core.prune(loaded, Plan(selection=(Entry(block=5, ratio=0.5),)), tmp_path / "o.pt")
    real = (tmp_path / "o.pt").stat().st_size
    assert file_size(result.prediction.after.parameters) == pytest.approx(real, rel=0.05)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda p: plan_edits.set_ratio(p, {5, 6}, 0.25), "Prune blocks 5, 6 by 25%"),
        (lambda p: plan_edits.set_ratio(p, {5}, 0), "Remove block 5 from the plan"),
        (lambda p: plan_edits.set_locked(p, {3}, True), "Lock block 3"),
        (lambda p: plan_edits.set_locked(p, {3}, False), "Unlock block 3"),
        (lambda p: plan_edits.set_scope(p, {5}, "inside"), "Prune block 5: inside only"),
        (lambda p: plan_edits.set_strategy(p, "all_at_once"), "Strategy: all at once"),
        (plan_edits.clear, "Clear the plan"),
    ],
)
def test_edits_have_readable_names(edit, text):
    assert edit(Plan(selection=(Entry(block=5, ratio=0.5),))).text == text
