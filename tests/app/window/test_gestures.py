"""Gestures people bring along: one drag is one undo, and the keys they know."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QStyle, QStyleOptionSlider

from app.plan.conflicts.finder import ConflictFinder
from app.plan.inspector_panel import InspectorPanel
from app.plan.plan_panel import PlanPanel
from app.state import plan_edits

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def slow(monkeypatch):
    """Three seconds pass between any two edits."""
    clock = itertools.count(0, 3)
    monkeypatch.setattr(plan_edits.time, "monotonic", lambda: float(next(clock)))


@pytest.fixture
def panel(opened, qtbot):
    made = PlanPanel(opened.context)
    qtbot.addWidget(made)
    made.resize(400, 600)
    opened.session.select({5})
    with qtbot.waitExposed(made):
        made.show()
    return made


def handle(slider):
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    return (
        slider.style()
        .subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider)
        .center()
    )


def drag_slider(qtbot, slider, *steps):
    place = handle(slider)
    qtbot.mousePress(slider, LEFT, NONE, place)
    for step in steps:
        qtbot.mouseMove(slider, place + QPoint(step, 0))
    qtbot.mouseRelease(slider, LEFT, NONE, place + QPoint(steps[-1], 0))


def test_one_slow_drag_of_the_slider_is_one_undo(opened, panel, qtbot, slow):
    stack = opened.session.undo_stack
    drag_slider(qtbot, panel.slider, 20, 45, 70, 95)
    assert stack.count() == 1 and opened.session.plan.selection[0].ratio > 0.2
    drag_slider(qtbot, panel.slider, 20, 45)
    assert stack.count() == 2
    stack.undo()
    stack.undo()
    assert not opened.session.plan.selection


def test_a_drag_is_not_merged_with_what_came_before(opened, panel, qtbot):
    panel.slider.setFocus()
    qtbot.keyClick(panel.slider, Qt.Key.Key_Right)
    drag_slider(qtbot, panel.slider, 20, 45, 70)
    assert opened.session.undo_stack.count() == 2


def test_a_drag_back_to_where_it_began_is_no_edit(opened, panel, qtbot, slow):
    drag_slider(qtbot, panel.slider, 30, 60, 0)
    assert opened.session.undo_stack.count() == 0


def send(widget, kind, at, button=LEFT):
    """Charts leave presses unaccepted, about which the test driver would complain."""
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    place = QPointF(widget.mapToGlobal(at))
    QApplication.sendEvent(widget, QMouseEvent(kind, QPointF(at), place, button, held, NONE))


def test_one_slow_drag_of_the_ranking_line_is_one_undo(opened, qtbot, choose, slow):
    made = InspectorPanel(opened.context, ConflictFinder(opened.context, opened))
    made.set_shown(True)
    qtbot.addWidget(made)
    made.resize(400, 700)
    with qtbot.waitExposed(made):
        made.show()
    choose(opened, 5, ratio=0.25)
    chart = made._chart
    qtbot.waitUntil(lambda: chart.width() > 100 and chart.isVisible())
    count = opened.session.undo_stack.count()
    box = chart.plotItem.vb
    middle = QPointF(chart._line.value(), sum(box.viewRange()[1]) / 2)
    at = chart.mapFromScene(box.mapViewToScene(middle))
    view, kinds = chart.viewport(), QEvent.Type
    send(view, kinds.MouseMove, at, Qt.MouseButton.NoButton)
    send(view, kinds.MouseButtonPress, at)
    for step in (10, 25, 40, 60):
        send(view, kinds.MouseMove, at + QPoint(step, 0))
        QTest.qWait(30)  # the chart takes in no more than so many moves a second
        opened.session.flush()
    send(view, kinds.MouseButtonRelease, at + QPoint(60, 0))
    assert opened.session.plan.selection[0].ratio > 0.3
    assert opened.session.undo_stack.count() == count + 1
    opened.session.undo_stack.undo()
    assert opened.session.plan.selection[0].ratio == 0.25


def test_typing_a_number_is_one_undo(opened, panel, qtbot, slow):
    panel.spin.setFocus()
    panel.spin.selectAll()
    qtbot.keyClicks(panel.spin, "45")
    qtbot.keyClick(panel.spin, Qt.Key.Key_Return)
    assert opened.session.plan.selection[0].ratio == 0.45
    assert opened.session.undo_stack.count() == 1
    qtbot.keyClick(panel.spin, Qt.Key.Key_Z, CTRL)


def test_the_wheel_over_slider_and_number_leaves_the_plan_alone(opened, panel):
    for widget in (panel.slider, panel.spin):
        widget.setFocus()
        middle = QPointF(widget.rect().center())
        event = QWheelEvent(
            middle,
            QPointF(widget.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, 240),
            Qt.MouseButton.NoButton,
            NONE,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)
        assert not event.isAccepted()
    assert not opened.session.plan.selection


# ---- keys --------------------------------------------------------------------------------------


def keys(window, action):
    return {s.toString() for s in window.actions_table.by_id[action].shortcuts()}


def test_undo_and_redo_have_the_keys_people_know(opened, choose, qtbot):
    assert keys(opened, "undo") == {"Ctrl+Z"}
    assert keys(opened, "redo") == {"Ctrl+Shift+Z", "Ctrl+Y"}
    view = opened.host.view
    view.setFocus()
    choose(opened, 5)
    for key, modifiers in ((Qt.Key.Key_Y, CTRL), (Qt.Key.Key_Z, CTRL_SHIFT)):
        qtbot.keyClick(view, Qt.Key.Key_Z, CTRL)
        assert not opened.session.plan.selection
        qtbot.keyClick(view, key, modifiers)
        assert opened.session.plan.selection


def test_ctrl_a_in_the_graph_selects_what_can_be_pruned(opened, qtbot):
    opened.host.view.setFocus()
    qtbot.keyClick(opened.host.view, Qt.Key.Key_A, CTRL)
    assert opened.session.selection == opened.session.model.predictor.prunable
    assert 11 not in opened.session.selection  # a Concat


def test_a_text_field_keeps_its_letters_and_its_ctrl_a(opened, qtbot):
    opened.session.select(())
    field = QLineEdit(opened)
    field.show()
    field.setFocus()
    zoom = opened.host.view.zoom
    opened.host.view.zoom_in()
    before = opened.host.view.zoom
    assert before != zoom
    qtbot.keyClicks(field, "wf")
    assert field.text() == "wf" and opened.host.view.zoom == before
    qtbot.keyClick(field, Qt.Key.Key_A, CTRL)
    assert field.selectedText() == "wf" and not opened.session.selection


def test_f_fits_and_w_asks_why(opened, qtbot, monkeypatch):
    from app.plan import feature

    asked = []
    monkeypatch.setattr(feature, "show_dialog", asked.append)
    view = opened.host.view
    view.setFocus()
    fitted = view.zoom
    view.zoom_in()
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert view.zoom == pytest.approx(fitted)
    qtbot.keyClick(view, Qt.Key.Key_W)
    assert [type(dialog).__name__ for dialog in asked] == ["WhyDialog"]
    asked[0].deleteLater()


def test_shortcuts_are_real_and_none_is_given_twice(opened):
    given = [s for a in opened.actions_table.by_id.values() for s in a.shortcuts()]
    assert all(not s.isEmpty() for s in given)
    texts = [s.toString(QKeySequence.SequenceFormat.PortableText) for s in given]
    assert len(texts) == len(set(texts))
