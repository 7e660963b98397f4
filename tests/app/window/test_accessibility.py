"""What assistive tools are told, and where the keyboard goes: over all that the window can show."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QColor, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QGraphicsView,
    QLabel,
    QLineEdit,
    QTabWidget,
    QWidget,
)

from app.state import plan_edits
from app.window.layout.modes import MODES
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.app.window.test_sizes import LOOKS, SIZES, settle, walk

NAME, ROLES = QAccessible.Text.Name, QAccessible.Role
VAGUE = (ROLES.NoRole, ROLES.Client, ROLES.Window)
"""Roles that say nothing about what a control is for."""
BY_TAB = Qt.FocusPolicy.TabFocus


def reachable(top: QWidget) -> list[QWidget]:
    """Return everything in view that takes the keyboard by Tab, in Tab's order."""
    found, widget = [], top.nextInFocusChain()
    while widget is not top:
        if takes_keys(widget) and widget.window() is top:
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def takes_keys(widget: QWidget) -> bool:
    policy = bool(widget.focusPolicy() & BY_TAB)
    inner = isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
    area = widget.parent()
    forwards = isinstance(widget, QTabWidget)  # to its bar
    forwards |= isinstance(area, QAbstractScrollArea) and area.viewport() is widget
    return policy and widget.isVisible() and widget.isEnabled() and not inner and not forwards


def says(widget: QWidget) -> str:
    around, places = widget.parentWidget(), []
    while around is not None and len(places) < 3:
        places.append(around.objectName() or around.accessibleName() or type(around).__name__)
        around = around.parentWidget()
    text = getattr(widget, "text", lambda: "")()
    words = f"{widget.objectName()} “{widget.accessibleName() or text}”"
    return f"{type(widget).__name__} {words} in {' in '.join(places)}"


def name_faults(top: QWidget) -> set[str]:
    faults = set()
    for widget in reachable(top):
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(NAME).strip():
            faults.add(f"{says(widget)} has no name")
        described = isinstance(widget, QGraphicsView) and widget.toolTip()  # a chart
        if interface.role() in VAGUE and not described:
            faults.add(f"{says(widget)} has the role {interface.role().name}")
        state = interface.state()
        if not state.focusable or state.disabled or state.invisible:
            faults.add(f"{says(widget)} says that it cannot have the keyboard")
        switch = isinstance(widget, QAbstractButton) and widget.isCheckable()
        if switch and not (state.checkable and bool(state.checked) == widget.isChecked()):
            faults.add(f"{says(widget)} does not say whether it is checked")
    return faults


def test_everything_that_takes_the_keyboard_has_a_name_a_role_and_a_state(demo):
    faults = set()
    for _ in walk(demo):
        settle(demo, SIZES[0])
        faults |= name_faults(demo)
    assert not faults, "\n".join(sorted(faults))


def test_names_differ_where_they_stand_together(demo):
    """Two buttons “Choose…” in one panel cannot be told apart by ear."""
    faults = set()
    for state in walk(demo):
        settle(demo, SIZES[0])
        told: dict[tuple[str, int], QWidget] = {}
        for widget in reachable(demo):
            interface = QAccessible.queryAccessibleInterface(widget)
            words = interface.text(NAME), interface.text(QAccessible.Text.Description)
            key = (*words, id(widget.parentWidget()))
            if key in told and isinstance(widget, (QAbstractButton, QComboBox, QLineEdit)):
                faults.add(f"{says(widget)} sounds like another one  [{state}]")
            told[key] = widget
    assert not faults, "\n".join(sorted(faults))


# ---- the graph --------------------------------------------------------------------------------


def words_of(view, block: int) -> str:
    graph = QAccessible.queryAccessibleInterface(view)
    return graph.child(sorted(view.scene().blocks).index(block)).text(NAME)


def test_blocks_are_read_out(demo, choose):
    view, session = demo.host.view, demo.session
    graph = QAccessible.queryAccessibleInterface(view)
    assert graph.role() == ROLES.List
    assert graph.childCount() == len(session.table.blocks)
    for number in range(graph.childCount()):
        child = graph.child(number)
        assert child.role() == ROLES.ListItem
        assert child.text(NAME).startswith(f"Block {number}, {session.table.blocks[number].type}")
        assert graph.indexOfChild(child) == number
        assert child.isValid()
        assert child.rect().isValid()
    assert "128 to 64 of 128 channels" in words_of(view, 5) or "64 of 128" in words_of(view, 5)
    assert "in the plan −50%" in words_of(view, 5)
    assert words_of(view, 5).endswith("selected.")
    assert "adjusted automatically" in words_of(view, 6)
    session.select({2})
    demo.actions_table.by_id["lock"].trigger()
    session.flush()
    assert "locked" in words_of(view, 2)
    session.select({22})
    session.edit(plan_edits.set_ratio(session.plan, {22}, 0.5, "output"))
    session.flush()
    assert "blocked" in words_of(view, 22)
    assert bool(graph.child(22).state().selected)
    assert not graph.child(5).state().selected


def test_the_focus_goes_from_block_to_block(demo, qtbot):
    view = demo.host.view
    view.setFocus()
    graph = QAccessible.queryAccessibleInterface(view)
    for key, block in ((Qt.Key.Key_Home, 0), (Qt.Key.Key_Down, 1), (Qt.Key.Key_Down, 2)):
        qtbot.keyClick(view, key)
        child = graph.focusChild()
        assert child.text(NAME).startswith(f"Block {block},")
        assert child.state().focused
        assert view.accessibleDescription() == child.text(NAME)
        middle = child.rect().center()
        assert graph.childAt(middle.x(), middle.y()).text(NAME) == child.text(NAME)


def test_a_closed_model_leaves_no_blocks_behind(demo):
    graph = QAccessible.queryAccessibleInterface(demo.host.view)
    block = graph.child(7)
    assert block.isValid()
    demo.session.undo_stack.setClean()
    demo.session._extra_unsaved = False
    demo.session.close_model()
    assert graph.childCount() == 0
    assert not block.isValid()
    assert block.text(NAME) == ""


# ---- where Tab goes ---------------------------------------------------------------------------


def place(widget: QWidget, top: QWidget) -> QRect:
    return QRect(widget.mapTo(top, QPoint(0, 0)), widget.size())


def test_tab_follows_the_reading_order(demo):
    """Within one group of controls, Tab goes right or down, never up or back."""
    faults = set()
    for state in walk(demo):
        settle(demo, SIZES[0])
        for one, other in pairwise(reachable(demo)):
            if one.parentWidget() is not other.parentWidget():
                continue
            first, second = place(one, demo), place(other, demo)
            above = second.bottom() < first.top()
            beside = second.top() <= first.bottom() and first.top() <= second.bottom()
            if (above and second.left() <= first.right()) or (
                beside and second.right() <= first.left()
            ):
                faults.add(f"Tab goes from {says(one)} back to {says(other)}  [{state}]")
    assert not faults, "\n".join(sorted(faults))


def test_tab_goes_from_part_to_part_as_they_stand(demo):
    space = demo.workspace
    parts = (demo.header, demo.scorecard, space.main, space.drawer, space.side)
    for mode in MODES:
        space.set_mode(mode.id)
        settle(demo, SIZES[0])
        visited = [
            number
            for widget in reachable(demo)
            for number, part in enumerate(parts)
            if part.isAncestorOf(widget)
        ]
        assert visited == sorted(visited), mode.id
        assert set(visited) >= {0, 1, 2, 3}


def test_the_keyboard_gets_in_everywhere_and_out_again(demo, qtbot):
    """Every part that takes the keyboard gives it back: by Tab, or by Shift+Tab from the graph."""
    demo.activateWindow()
    for mode in MODES:
        demo.workspace.set_mode(mode.id)
        settle(demo, SIZES[0])
        for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            for widget in reachable(demo):
                widget.setFocus(Qt.FocusReason.TabFocusReason)
                if widget is demo.host.view or QApplication.focusWidget() is not widget:
                    continue
                for _ in range(3 if isinstance(widget, QLabel) else 1):  # its link comes first
                    if QApplication.focusWidget() is widget:
                        qtbot.keyClick(widget, key)
                assert QApplication.focusWidget() is not widget, f"{says(widget)} keeps {key.name}"
    view = demo.host.view
    demo.workspace.set_mode("plan")
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=QUICK_MS)
    qtbot.keyClick(view, Qt.Key.Key_Backtab)
    assert not view.hasFocus()


# ---- the focus can be seen --------------------------------------------------------------------


def picture(widget: QWidget, top: QWidget) -> QImage:
    around = place(widget, top).adjusted(-4, -4, 4, 4)
    return top.grab(around).toImage().convertToFormat(QImage.Format.Format_RGB32)


def difference(one: QImage, other: QImage) -> float:
    """Return the greatest change of a pixel between two pictures, as a ratio of contrast."""
    most = 1.0
    for y in range(one.height()):
        for x in range(one.width()):
            if one.pixel(x, y) != other.pixel(x, y):
                most = max(most, contrast(one.pixelColor(x, y), other.pixelColor(x, y)))
    return most


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: QColor) -> float:
    parts = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("look", LOOKS)
def test_the_focus_is_seen(demo, qtbot, look):
    """A control with the keyboard looks different, by a contrast of 3 to 1 (WCAG 2.4.13)."""
    demo.context.theme.set_appearance(look)
    demo.activateWindow()
    faults, seen = set(), set()
    for mode in MODES:
        demo.workspace.set_mode(mode.id)
        settle(demo, SIZES[0])
        qtbot.waitUntil(lambda: not demo.engine.running(), timeout=ENGINE_MS)  # what runs can end
        settle(demo, SIZES[0])
        for widget in reachable(demo):
            if widget in seen or widget.width() * widget.height() > 60_000:
                continue
            seen.add(widget)
            demo.setFocus()
            QApplication.processEvents()
            before = picture(widget, demo)
            widget.setFocus(Qt.FocusReason.ShortcutFocusReason)
            if QApplication.focusWidget() is not widget:
                continue
            QApplication.processEvents()
            if (most := difference(before, picture(widget, demo))) < 3:
                faults.add(f"{says(widget)}: {most:.1f}")
    assert len(seen) > 20
    assert not faults, "\n".join(sorted(faults))
