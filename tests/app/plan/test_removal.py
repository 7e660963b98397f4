"""Slider, number, badge, inspector and table tell one figure: what will really go."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from app.plan.conflicts.finder import ConflictFinder
from app.plan.inspector_panel import InspectorPanel
from app.plan.plan_panel import PlanPanel
from app.state import plan_edits, removal
from app.window.graph_binding import graph_state
from core.plan.schema import Entry


@pytest.fixture
def panel(opened, qtbot):
    made = PlanPanel(opened.context)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def exact(opened, **layers):
    """Plan exact channels, as a suggestion does."""
    session = opened.session
    entries = tuple(
        Entry(layer=name, channels=tuple(range(count))) for name, count in sorted(layers.items())
    )
    plan = session.plan.model_copy(update={"selection": entries})
    session.edit(plan_edits.replace_plan(plan, "Suggest"))
    session.flush()


def test_everything_tells_what_will_really_go(opened, panel, qtbot, choose):
    session = opened.session
    session.edit(plan_edits.set_round_to(session.plan, 16))
    choose(opened, 5, ratio=0.1)  # of 128 channels, in steps of 16
    assert session.prediction.block_out[5] == 112
    assert panel.spin.value() == 12.5 and panel.spin.text() == "12.5%"
    assert panel.slider.value() == 12
    (row,) = panel.model.rows
    assert row.amount == "−12.5%"
    for tip in (panel.spin.toolTip(), panel.slider.toolTip(), row.tip):
        assert tip == "112 of 128 channels stay: −12.5% (asked: 10%)"
    cell = panel.model.index(0, 2)
    assert cell.data(Qt.ItemDataRole.ToolTipRole) == row.tip
    inspector = InspectorPanel(opened.context, ConflictFinder(opened.context, opened))
    inspector.set_shown(True)
    qtbot.addWidget(inspector)
    inspector._show_block()
    assert "112 of 128 channels stay: −12.5%" in inspector._about.text()
    state = graph_state(session)
    assert state.ratios[5] == pytest.approx(0.125)
    assert 1 - state.share_kept[5] == pytest.approx(0.125)


def test_the_slider_stays_with_the_pointer_and_then_tells_the_truth(opened, panel):
    session = opened.session
    session.edit(plan_edits.set_round_to(session.plan, 16))
    session.select({5})
    panel.slider.setSliderDown(True)
    panel.slider.setValue(20)
    session.flush()
    assert panel.slider.value() == 20 and panel.spin.value() == 25
    panel.slider.setSliderDown(False)
    panel.slider.let_go.emit()
    assert panel.slider.value() == 25


def test_keys_step_what_is_asked_and_never_get_stuck(opened, panel, qtbot):
    session = opened.session
    session.edit(plan_edits.set_round_to(session.plan, 32))
    session.select({5})
    seen = set()
    for _ in range(50):
        qtbot.keyClick(panel.slider, Qt.Key.Key_Right)
        session.flush()
        seen.add(panel.spin.value())
    assert plan_edits.entry_of(session.plan, 5).ratio == 0.5
    assert {0, 25, 50} <= seen
    for _ in range(50):
        qtbot.keyClick(panel.spin, Qt.Key.Key_Down)
        session.flush()
    assert not session.plan.selection


def test_exact_channels_show_their_true_ratio(opened, panel):
    exact(opened, **{"model.5.conv": 48, "model.3.conv": 16})
    opened.session.select({5})
    assert panel.spin.value() == 37.5
    assert "80 of 128 channels stay: −37.5%" in panel.spin.toolTip()
    assert [(row.name, row.amount) for row in panel.model.rows] == [
        ("Block 3", "−25%"),
        ("Block 5", "−37.5%"),
    ]


@pytest.mark.parametrize("nudge", ["wheel", "keys", "slider"])
def test_a_nudge_goes_on_from_the_true_ratio_and_keeps_the_rest(opened, panel, qtbot, nudge):
    session = opened.session
    exact(opened, **{"model.5.conv": 48, "model.6.cv1.conv": 16, "model.6.cv2.conv": 64})
    before = {e.layer: e for e in session.plan.selection}
    shares = {n: removal.of_layer(session, n).share for n in before}
    session.select({6})
    if nudge == "wheel":
        opened.host.view.ratioStepped.emit(6, 1)
    elif nudge == "keys":
        opened.actions_table.by_id["more"].trigger()
    else:
        qtbot.keyClick(panel.slider, Qt.Key.Key_PageUp)
    session.flush()
    after = {e.layer: e for e in session.plan.selection}
    assert after["model.5.conv"] == before["model.5.conv"]
    for name in ("model.6.cv1.conv", "model.6.cv2.conv"):
        assert after[name].ratio == pytest.approx(shares[name] + 0.05, abs=1e-4)
    assert session.undo_stack.count() == 2


def test_several_blocks_are_stepped_each_from_its_own(opened, choose):
    session = opened.session
    choose(opened, 5, ratio=0.5)
    choose(opened, 7, ratio=0.25)
    session.select({5, 7})
    opened.actions_table.by_id["less"].trigger()
    assert {e.block: e.ratio for e in session.plan.selection} == {5: 0.45, 7: 0.2}


def test_the_slider_sets_a_block_as_a_whole(opened, panel):
    exact(opened, **{"model.5.conv": 48, "model.6.cv1.conv": 16})
    opened.session.select({5})
    panel.slider.setValue(60)
    opened.session.flush()
    kept = {e.label for e in opened.session.plan.selection}
    assert kept == {"block 5", "model.6.cv1.conv"}
