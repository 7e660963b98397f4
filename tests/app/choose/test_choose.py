from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.kit.table_model import ROW_ROLE
from app.state import plan_edits
from tests.app.conftest import QUICK_MS


def row_of(panel, block):
    for row in range(panel.proxy.rowCount()):
        index = panel.proxy.index(row, 0)
        if index.data(ROW_ROLE).index == block:
            return panel.view.visualRect(index).center()
    raise AssertionError(block)


def test_the_table_and_the_graph_share_one_selection(opened, qtbot):
    panel = opened.workspace["blocks"].widget()
    panel.view.scrollToTop()
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(panel.view.viewport(), left, pos=row_of(panel, 2))
    assert opened.session.selection == {2}
    assert opened.host.view.selection == {2}
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(panel.view.viewport(), left, control, row_of(panel, 3))
    assert opened.session.selection == {2, 3}
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    assert opened.session.selection == {4}
    assert opened.host.view.selection == {4}


def test_a_click_in_the_graph_selects_in_the_table(opened, qtbot):
    view = opened.host.view
    item = view.scene().blocks[5]
    place = view.mapFromScene(item.sceneBoundingRect().center())
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened.session.selection == {5}
    panel = opened.workspace["blocks"].widget()
    assert [r.data(ROW_ROLE).index for r in panel.view.selectionModel().selectedRows()] == [5]
    assert opened.session.focused == 5


def test_the_slider_prunes_and_undo_takes_it_back(opened, qtbot):
    session, panel = opened.session, opened.workspace["plan"].widget()
    session.select({5})
    with qtbot.waitSignal(session.predictionChanged, timeout=QUICK_MS):
        panel.slider.setValue(50)
    assert session.plan.selection[0].ratio == 0.5
    assert session.prediction.block_out[5] == 64
    assert session.prediction.roles == {5: "selected", 6: "cascade"}
    assert panel.spin.value() == 50
    assert "→" in opened.scorecard.parameters.value.text()
    assert opened.isWindowModified()
    assert opened.actions_table.by_id["undo"].text() == "&Undo: Prune block 5 by 50%"
    with qtbot.waitSignal(session.predictionChanged, timeout=QUICK_MS):
        opened.actions_table.by_id["undo"].trigger()
    assert session.plan.selection == ()
    assert session.prediction.roles == {}
    assert panel.slider.value() == 0
    opened.actions_table.by_id["redo"].trigger()
    session.flush()
    assert session.prediction.block_out[5] == 64


def test_a_dragged_slider_is_one_edit(opened):
    session, panel = opened.session, opened.workspace["plan"].widget()
    session.select({5})
    for value in range(1, 60):
        panel.slider.setValue(value)
    assert session.undo_stack.count() == 1
    session.undo_stack.undo()
    assert session.plan.selection == ()


def test_the_keyboard_prunes_and_locks(opened, qtbot):
    opened.session.select({5})
    opened.host.view.setFocus()
    control = Qt.KeyboardModifier.ControlModifier
    for _ in range(3):
        qtbot.keyClick(opened, Qt.Key.Key_Up, control)
    assert opened.session.plan.selection[0].ratio == 0.15
    qtbot.keyClick(opened, Qt.Key.Key_L, control)
    assert opened.session.plan.locked == (5,)
    opened.session.flush()
    assert opened.session.prediction.roles[5] == "blocked"


def test_what_is_refused_is_red_and_can_be_mended(opened, qtbot, choose):
    panel = opened.workspace["conflicts"].widget()
    opened.workspace.go_to("conflicts")
    choose(opened, 10)
    assert opened.session.prediction.roles[10] == "blocked"
    assert panel._refusals.count() == 1
    from PySide6.QtWidgets import QPushButton

    button = panel._refusals.itemAt(0).widget().findChild(QPushButton)
    assert "block 9" in button.text()
    with qtbot.waitSignal(opened.session.predictionChanged, timeout=QUICK_MS):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert opened.session.prediction.roles[9] == "selected"
    assert "blocked" not in opened.session.prediction.roles.values()


def test_what_would_break_is_listed_in_order(opened, qtbot, choose):
    panel = opened.workspace["conflicts"].widget()
    opened.workspace.go_to("conflicts")
    with qtbot.waitSignal(panel.model.modelReset, timeout=QUICK_MS):
        choose(opened, 5)
    assert [row[1].layer for row in panel.model.rows] == ["model.6.cv1.conv"]
    assert "1 layer would fail" in panel.intro.text()


def test_presets_prune_a_stage(opened):
    panel = opened.workspace["plan"].widget()
    neck = next(part for part in panel.presets.menu().actions() if part.text() == "Neck")
    next(ratio for ratio in neck.menu().actions() if ratio.text() == "25%").trigger()
    blocks = {e.block for e in opened.session.plan.selection}
    assert blocks == {12, 15, 16, 18, 19, 21}
    assert opened.session.undo_stack.undoText() == "Prune the neck by 25%"


def test_the_independent_strategy_marks_what_it_may_take(opened):
    from app.window.graph_binding import graph_state

    opened.session.edit(plan_edits.set_strategy(opened.session.plan, "independent"))
    assert 5 in graph_state(opened.session).eligible
    panel = opened.workspace["choose"].widget()
    assert panel.rules.strategy.currentData() == "independent"


def test_another_criterion_is_ranked_by_the_engine(opened, qtbot):
    before = opened.session.scores
    with qtbot.waitSignal(opened.session.scoresChanged, timeout=60_000):
        opened.session.edit(plan_edits.set_criterion(opened.session.plan, "l1"))
    assert opened.session.scores is not before


def test_the_inspector_shows_layers_and_a_ranking_to_drag(opened, qtbot, choose):
    panel = opened.workspace["inspector"].widget()
    choose(opened, 5)
    QTest.qWait(1)
    assert [r.name for r in panel.model.rows] == ["conv"]
    assert panel.model.rows[0].outputs == (128, 64)
    panel._chart.ratioDragged.emit(0.25)
    opened.session.flush()
    assert opened.session.prediction.block_out[5] == 96
    assert int(panel.strip._kept.sum()) == 96


def test_affected_blocks_say_why(opened, choose):
    choose(opened, 4, ratio=0.5)
    opened.session.explain_block(15)
    assert "Concat 14" in opened.session.coupling.text
    assert opened.session.coupling.pairs[0][0] == 4
    assert opened.session.coupling.pairs[-1][1] == 15


def test_why_answers_for_any_two_blocks(opened, qtbot):
    from app.plan.why_dialog import WhyDialog

    opened.actions_table.by_id["why"].trigger()
    (dialog,) = opened.findChildren(WhyDialog)
    dialog.source.setCurrentIndex(5)
    dialog.target.setCurrentIndex(2)
    assert dialog.verdict.text().startswith("No")
    dialog.target.setCurrentIndex(6)
    assert dialog.verdict.text().startswith("Yes")
    dialog._draw()
    assert opened.session.coupling.pairs == ((5, 6),)


def test_the_channel_flow_filters_and_copies(opened):
    opened.workspace.go_to("flow")
    panel = opened.workspace["flow"].widget()
    panel.filter.setText("Concat 14")
    assert panel.proxy.rowCount() == 2
    (copy,) = (b for b in panel.findChildren(QPushButton) if b.text() == "Copy table")
    copy.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 3
    assert lines[0] == "From\tTo\tChannels\tPosition"
    assert "channels 128–191 of Concat 14" in lines[2] or "of Concat 14" in lines[1]


def test_the_palette_runs_an_action(opened, qtbot):
    from app.window.command_palette import CommandPalette

    opened.actions_table.by_id["palette"].trigger()
    (palette,) = opened.findChildren(CommandPalette)
    qtbot.keyClicks(palette.field, "select all prun")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert len(opened.session.selection) > 10


def test_search_goes_from_block_to_block(opened, qtbot):
    opened.actions_table.by_id["find"].trigger()
    search = opened.pane.search
    qtbot.keyClicks(search.field, "SPPF")
    qtbot.keyClick(search.field, Qt.Key.Key_Return)
    assert opened.session.selection == {9}
    qtbot.keyClick(search.field, Qt.Key.Key_Escape)
    assert not search.isVisible()


def test_every_control_has_a_name_for_screen_readers(opened):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSlider, QSpinBox

    nameless = [
        w
        for kind in (QComboBox, QLineEdit, QSlider, QSpinBox, QAbstractButton)
        for w in opened.findChildren(kind)
        if w.isVisible()
        and not w.objectName().startswith("qt_")
        and not (
            w.accessibleName() or (isinstance(w, QAbstractButton) and (w.text() or w.toolTip()))
        )
        and not isinstance(w.parent(), (QSpinBox, QComboBox))
        and type(w).__name__ not in ("QDockWidgetTitleButton", "QTableCornerButton")
    ]
    assert not nameless, nameless


def test_the_wheel_over_a_block_steps_its_ratio(opened):
    opened.host.view.ratioStepped.emit(5, 10)
    assert opened.session.plan.selection[0].ratio == 0.5
    assert QPoint is not None
