"""Structure removed by hand: inspector, menus, keys, the dialog of classes, the drawing."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from app.plan.plan_lines import plan_lines
from app.plan.structure.classes_dialog import NONE_STAYS, ClassesDialog, ClassItem
from app.state import plan_edits
from app.state.structure.parts import LAST
from app.window.graph_binding import graph_state
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.app.plan.test_structure import UNIT, opened, structural, take  # noqa: F401

UNIT_LAYER = "model.6.m.1.cv1.conv"


@pytest.fixture
def known(opened, qtbot):  # noqa: F811
    """The same window, once it is known what can go."""
    with qtbot.waitSignal(opened.session.structures.partsChanged, timeout=ENGINE_MS):
        opened.session.select({6})
        opened.session.structures.want_parts()
    return opened


def test_parts_are_looked_for_when_they_are_wanted(opened, qtbot):  # noqa: F811
    session = opened.session
    session.requests.panelWanted.emit("inspector")
    session.select({6})
    part = opened.workspace["inspector"].widget().parts
    if session.structures.parts is None:  # another test may have left them on disk
        assert not opened.engine.running("parts")
        assert part.look.isVisibleTo(part)
        with qtbot.waitSignal(session.structures.partsChanged, timeout=ENGINE_MS):
            part.look.click()
    assert not part.look.isVisibleTo(part)
    assert part.list.count() == 2


def settle(qtbot, window):
    qtbot.waitUntil(lambda: not window.session.structures.pending, timeout=ENGINE_MS)
    window.session.flush()


def rows(window):
    panel = window.workspace["inspector"].widget().parts
    return {panel.list.item(n).text().split(" (")[0]: panel.list.item(n)
            for n in range(panel.list.count())}  # fmt: skip


def action(window, name):
    return window.actions_table.by_id[name]


def test_a_tick_in_the_inspector_removes_a_unit_and_puts_it_back(known, qtbot):
    session = known.session
    session.requests.panelWanted.emit("inspector")
    assert list(rows(known)) == ["Unit m.0", "Unit m.1"]
    rows(known)["Unit m.1"].setCheckState(Qt.CheckState.Unchecked)
    settle(qtbot, known)
    assert [e.to_json() for e in session.plan.structure] == [UNIT]
    assert session.undo_stack.undoText() == "Remove unit m.1 of block 6"
    rows(known)["Unit m.1"].setCheckState(Qt.CheckState.Checked)
    settle(qtbot, known)
    assert not session.plan.restructures


def test_ticks_by_mouse(known, qtbot):
    """A click on a tick box changes the plan while the list still tells of the click."""
    session = known.session
    session.requests.panelWanted.emit("inspector")
    panel = known.workspace["inspector"].widget().parts
    for gone in (True, False):
        place = panel.list.visualItemRect(rows(known)["Unit m.1"])
        box = QPoint(place.left() + 10, place.center().y())
        qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=box)
        settle(qtbot, known)
        assert bool(session.plan.structure) is gone
        assert rows(known)["Unit m.1"].checkState() is not (
            Qt.CheckState.Checked if gone else Qt.CheckState.Unchecked
        )


def test_the_key_removes_the_unit_of_the_layer_in_focus(known, qtbot):
    session, key = known.session, action(known, "toggle_part")
    assert not key.isEnabled()  # block 6 has two units
    session.focus_layer(UNIT_LAYER)
    assert key.text() == "Remove unit m.1 of block 6"
    known.host.view.setFocus()
    qtbot.keyClick(known.host.view, Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)
    settle(qtbot, known)
    assert [e.to_json() for e in session.plan.structure] == [UNIT]
    assert key.text() == "Put back unit m.1 of block 6"
    assert key in known.actions_table.enabled()  # so it is in the palette
    key.trigger()
    settle(qtbot, known)
    assert not session.plan.restructures


def test_a_layer_of_the_only_path_says_why_it_stays(known):
    known.session.focus_layer("model.6.cv1.conv")
    key = action(known, "toggle_part")
    assert not key.isEnabled()
    assert "carries the only path" in key.toolTip()


def test_the_menu_of_the_head_removes_scales_but_the_last(known, qtbot):
    session = known.session
    session.select({22})
    menu = action(known, "parts").menu()

    def lines():
        menu.aboutToShow.emit()
        return {line.text(): line for line in menu.actions()}

    for stride in (32, 16):
        lines()[f"Remove the scale of stride {stride}"].trigger()
        settle(qtbot, known)
    last = lines()["Remove the scale of stride 8"]
    assert not last.isEnabled()
    assert last.toolTip() == LAST
    assert not lines()["Remove branch cv3.1.1"].isEnabled()  # it went with its scale
    lines()["Put back the scale of stride 32"].trigger()
    settle(qtbot, known)
    assert [entry.scale for entry in session.plan.structure] == [16]


def test_a_click_on_the_box_of_a_scale_is_about_that_scale(known, qtbot):
    view, session = known.host.view, known.session
    box = view.scene().layout.by_index[22]
    part = box.parts[1]
    place = view.mapFromScene(box.x + part.x + part.width / 2, box.y + part.y + part.height / 2)
    with qtbot.waitSignal(view.contextMenuRequested, timeout=QUICK_MS):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=QPoint(place))
    assert action(known, "toggle_part").text() == "Remove the scale of stride 16"
    QApplication.activePopupWidget().close()
    assert session.selection == {22}


def test_units_of_a_locked_block_stay(known, qtbot):
    session = known.session
    session.requests.panelWanted.emit("inspector")
    session.edit(plan_edits.set_locked(session.plan, {6}, True))
    item = rows(known)["Unit m.0"]
    assert not item.flags() & Qt.ItemFlag.ItemIsEnabled
    assert item.toolTip() == "Block 6 is locked: unlock it first."


def test_classes_are_searched_ticked_and_kept(known, qtbot):
    session = known.session
    dialog = ClassesDialog(session, known)
    qtbot.addWidget(dialog)
    names = list(session.model.facts.classes.values())
    dialog.none.click()
    assert not dialog.keep.isEnabled()
    assert dialog.said.text() == NONE_STAYS
    dialog.search.setText(names[1][:4].upper())
    dialog.all.click()
    dialog.search.clear()
    assert 1 in dialog.chosen
    kept = len(dialog.chosen)
    assert dialog.said.text().startswith(f"{kept} of {len(names)} classes stay")
    dialog.keep.click()
    settle(qtbot, known)
    assert 1 in session.plan.classes
    line = plan_lines(session)[0]
    assert (line.name, line.amount) == ("Classes", f"{kept} of {len(names)} stay")
    session.edit(line.without(session.plan))
    assert session.plan.classes is None


def test_classes_show_the_objects_of_the_dataset(known, qtbot):
    session = known.session
    names = list(session.model.facts.classes.values())
    counts = {
        "train": {"classes": {names[0]: 1200, names[2]: 3}},
        "val": {"classes": {names[2]: 4}},
    }
    dialog = ClassesDialog(session, known)
    qtbot.addWidget(dialog)
    assert dialog.note.isVisibleTo(dialog)
    assert not dialog.occurring.isEnabled()
    session.measured.check = {"splits": counts}
    dialog = ClassesDialog(session, known)
    qtbot.addWidget(dialog)
    session.measured.check = None
    shown = {item.name: item.text(1) for item in dialog._items() if isinstance(item, ClassItem)}
    assert (shown[names[0]], shown[names[1]], shown[names[2]]) == ("1,200", "0", "7")
    dialog.occurring.click()
    assert dialog.chosen == [0, 2]


def test_lines_of_the_plan_can_be_removed(known, qtbot):
    session = known.session
    plan = structural(UNIT, {"scale": 32}, {"block": 4, "ratio": 0.5}, classes=(0, 2))
    take(qtbot, known, plan)
    panel = known.workspace["plan"].widget()
    assert [(line.name, line.scope, line.amount) for line in panel.model.rows] == [
        ("Block 6", "1 unit", "removed"),
        ("Stride 32", "scale", "removed"),
        ("Classes", "head", f"2 of {len(session.model.facts.classes)} stay"),
        ("Block 4", "whole block", "−50%"),
    ]
    panel.entries.selectRow(1)
    panel._remove.click()
    settle(qtbot, known)
    assert [e.to_json() for e in session.plan.structure] == [UNIT]


def test_what_is_gone_is_a_ghost_with_a_name(known, qtbot):
    take(qtbot, known, structural(UNIT, {"scale": 32}))
    scene = known.host.view.scene()
    state = graph_state(known.session)
    assert state.gone == {19, 20, 21}
    assert state.gone_texts == {6: "−1 unit", 22: "−1 scale"}
    look = scene.blocks[21].look
    assert look.gone and look.widths == "removed"
    assert "removed" in scene.words(21)
    assert [part.gone for part in scene.blocks[22].look.parts] == [False, False, True]
    assert "removed" in scene.words(22)
    edges = {(line.place.source, line.place.target): line.look for line in scene.lines}
    assert edges[21, 22].gone and edges[9, 20].gone and not edges[9, 10].gone
    known.host.view.open_block(6)
    nodes = scene.layout.insides[6].nodes
    gone = {nodes[n].label for n in scene.blocks[6].look.gone_nodes}
    assert gone == {"m.1.cv1", "m.1.cv2", "add"}


def test_conflicts_speak_of_structure(known, qtbot):
    take(qtbot, known, structural(UNIT, {"scale": 32}, classes=(0, 2)))
    finder = known.workspace["inspector"].widget()._finder
    qtbot.waitUntil(lambda: not finder.searching and bool(finder.conflicts), timeout=QUICK_MS)
    kinds = [conflict.kind for conflict in finder.conflicts]
    assert kinds == ["input", "scale", "classes"]
    assert "model.6.m.1" in finder.conflicts[0].reason


def test_what_takes_channels_only_refuses_structure(known, qtbot):
    take(qtbot, known, structural(UNIT))
    known.session.edit(plan_edits.set_strategy(known.session.plan, "one_by_one"))
    steps = known.workspace["steps"].widget()
    assert not steps.run.isEnabled()
    assert "prunes channels only" in steps.run.toolTip()
    turns = known.workspace["tuning"].widget().form.turns
    assert not turns.kind.model().item(turns.kind.findData("iterative")).isEnabled()


def test_a_structural_plan_is_pruned_and_verified(known, qtbot, tmp_path, answers):
    take(qtbot, known, structural(UNIT, {"scale": 32}, {"block": 4, "ratio": 0.5}, classes=(0, 2)))
    predicted = known.session.prediction.after.parameters
    answers["save"] = [str(tmp_path / "small.pt")]
    with qtbot.waitSignal(known.session.requests.pruned, timeout=ENGINE_MS) as done:
        action(known, "prune").trigger()
    result = done.args[0]
    assert result["verification"]["passed"]
    assert result["after"]["parameters"] == predicted
    for dialog in QApplication.topLevelWidgets():
        if dialog.isVisible() and dialog is not known:
            dialog.close()
