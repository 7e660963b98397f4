"""Work modes: what each shows, the drawer, the scorecard, and the graph alone."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QToolButton

from app.window.layout.modes import MODES
from app.window.layout.scorecard import ActionButton
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton


def panels_of(tabs: QTabWidget) -> list[str]:
    return [tabs.widget(n).objectName() for n in range(tabs.count())]


def shown_buttons(window) -> list[str]:
    return [b.text() for b in window.scorecard.findChildren(ActionButton) if not b.isHidden()]


def test_every_panel_is_in_a_mode_or_in_the_drawer(opened):
    space, known = opened.workspace, {p.id for f in opened.features for p in f.panels()}
    shown = {name for mode in MODES for name in (*mode.side, *mode.main)}
    assert shown <= known
    drawer = {space.drawer.stack.widget(n).objectName() for n in range(space.drawer.stack.count())}
    assert shown | drawer == known
    assert not shown & drawer


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.id)
def test_a_mode_shows_its_panels_and_its_next_step(opened, qtbot, mode):
    qtbot.mouseClick(opened.header.modes.buttons[mode.id], LEFT)
    space = opened.workspace
    assert panels_of(space.side) == list(mode.side)
    assert panels_of(space.main_tabs) == list(mode.main)
    assert space.side.isVisible() == bool(mode.side)
    instead = space.main.currentWidget() is space.main_tabs
    assert instead == bool(mode.main)
    assert opened.host.view.isVisible() != instead
    for name in mode.side[:1] or mode.main[:1]:
        assert space[name].isVisible()
        assert getattr(space[name].widget(), "shown", True)
    texts = {name: opened.actions_table.by_id[name].text() for name in mode.actions}
    wanted = [f"Next: {t}" if n.startswith("mode_") else t for n, t in texts.items()]
    qtbot.waitUntil(lambda: shown_buttons(opened) == wanted, timeout=QUICK_MS)
    assert opened.actions_table.by_id[f"mode_{mode.id}"].isChecked()


def test_a_panel_that_is_hidden_rests(opened):
    space = opened.workspace
    space.set_mode("compare")
    compare = space["compare"].widget()
    assert compare.shown
    space.set_mode("explore")
    assert not compare.shown
    assert space["inspector"].widget().shown


def test_going_to_a_panel_stays_in_the_mode_that_has_it(opened):
    space = opened.workspace
    space.set_mode("plan")
    space.go_to("inspector")
    assert space.mode.id == "plan"
    assert space["inspector"].isVisible()
    opened.session.requests.panelWanted.emit("latency")
    assert space.mode.id == "ship"
    assert space["latency"].isVisible()
    opened.session.requests.panelWanted.emit("conflicts")
    assert space.mode.id == "ship"  # the drawer has it in every mode
    assert space.drawer.is_open
    assert space["conflicts"].isVisible()


def test_the_conflicts_are_counted_in_sight(opened, choose, qtbot):
    """The drawer is closed; its tab says how much would break and what cannot be done."""
    drawer = opened.workspace.drawer
    place = drawer.stack.indexOf(opened.workspace["conflicts"])

    def title() -> str:
        return drawer.tabs.tabText(place)

    assert not drawer.is_open
    assert title() == "Conflicts"
    choose(opened, 5)
    qtbot.waitUntil(lambda: "resolved" in title(), timeout=QUICK_MS)
    panel = opened.workspace["conflicts"].widget()
    assert title() == f"Conflicts: {panel.model.rowCount()} resolved, 0 blocked"
    assert panel.model.rowCount() > 0
    choose(opened, 22)  # the head's outputs cannot go
    opened.session.flush()
    blocked = len(opened.session.prediction.resolution.blocked)
    qtbot.waitUntil(lambda: title().endswith(f"{blocked} blocked"), timeout=QUICK_MS)
    opened.session.undo_stack.setIndex(0)
    qtbot.waitUntil(lambda: title() == "Conflicts", timeout=QUICK_MS)


def test_a_person_who_comes_with_a_file_gets_no_tour(window):
    window.start(tour=False)
    assert not window.tour.running
    window.start()
    assert window.tour.running


def test_the_drawer_opens_and_closes_at_a_click(opened, qtbot):
    drawer = opened.workspace.drawer
    assert not drawer.is_open
    assert not opened.workspace["blocks"].isVisible()
    closed = drawer.height()
    place = drawer.stack.indexOf(opened.workspace["blocks"])
    qtbot.mouseClick(drawer.tabs, LEFT, pos=drawer.tabs.tabRect(place).center())
    assert drawer.is_open
    qtbot.waitUntil(lambda: drawer.height() > closed + 80, timeout=QUICK_MS)
    assert opened.workspace["blocks"].isVisible()
    assert drawer.tabs.accessibleDescription() == "open"
    qtbot.mouseClick(drawer.tabs, LEFT, pos=drawer.tabs.tabRect(place).center())
    assert not drawer.is_open
    opened.actions_table.by_id["drawer"].trigger()
    assert drawer.is_open


def test_the_graph_alone_hides_everything_else(opened):
    parts = (opened.header, opened.menuBar(), opened.statusBar(), opened.scorecard)
    assert all(part.isVisible() for part in parts)
    opened.frame.toggle_graph_alone()
    assert not any(part.isVisible() for part in parts)
    assert not opened.workspace.side.isVisible()
    assert not opened.workspace.drawer.isVisible()
    assert opened.host.view.isVisible()
    opened.frame.toggle_graph_alone()
    assert all(part.isVisible() for part in parts)


def test_tab_in_the_graph_leaves_it_alone(opened, qtbot):
    view = opened.host.view
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=QUICK_MS)
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    assert opened.workspace.graph_alone
    assert view.hasFocus()
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    assert not opened.workspace.graph_alone
    field = opened.workspace["plan"].widget()
    opened.workspace.go_to("plan")
    qtbot.keyClick(opened.focusWidget(), Qt.Key.Key_Tab)  # elsewhere it goes on to the next
    assert not opened.workspace.graph_alone
    assert field.isVisible()


def test_full_screen_and_back(opened):
    full = opened.actions_table.by_id["full_screen"]
    assert full.shortcut().toString() == "F11"
    before = opened.isFullScreen()
    full.trigger()
    assert opened.isFullScreen() != before
    full.trigger()
    assert opened.isFullScreen() == before


def test_without_a_model_only_the_start_page_shows(window):
    assert window.pane.start_page.isVisible()
    for part in (window.scorecard, window.workspace.side, window.workspace.drawer):
        assert not part.isVisible()
    assert not window.header.modes.isVisible()
    assert not any(window.actions_table.by_id[f"mode_{m.id}"].isEnabled() for m in MODES)


def test_the_scorecard_follows_the_plan(opened, choose):
    card, session = opened.scorecard, opened.session
    before = session.prediction.before
    assert f"{before.macs * 2 / 1e9:.2f}" in card.macs.value.text()
    choose(opened, 5)
    assert "→" in card.parameters.value.text()
    assert "→" in card.macs.value.text()
    assert card.macs.bar._share == session.prediction.after.macs / before.macs
    assert "exact" in card.macs.toolTip()
    session.close_model()
    assert not card.isVisible()


def test_what_was_not_measured_is_offered(opened, qtbot):
    card, requests = opened.scorecard, opened.session.requests
    for metric, signal in (
        (card.time, requests.layerTimesWanted), (card.accuracy, requests.evaluateWanted),
    ):  # fmt: skip
        assert metric.ask.isVisible()
        assert metric.ask.accessibleName().startswith("Measure ")
        signal.disconnect()
        with qtbot.waitSignal(signal, timeout=QUICK_MS):
            qtbot.mouseClick(metric.ask, LEFT)


@pytest.mark.parametrize("width", [800, 1000, 1280, 1900])
def test_the_modes_are_there_at_any_width(opened, qtbot, width):
    """800 pixels are what a screen of 1600 has at 200%; tools and field give way first."""
    opened.resize(width, 500)
    qtbot.waitUntil(lambda: opened.width() == width, timeout=QUICK_MS)
    assert opened.height() == 500
    header, frame = opened.header, opened.rect()
    for button in header.modes.buttons.values():
        corner = button.mapTo(opened, button.rect().bottomRight())
        assert button.isVisible()
        assert frame.contains(corner)
    assert not header.field.isVisible() or header.tools.isVisible()
    assert header.field.isVisible() or width < 1900
    assert not header.field.isVisible() or width > 800
    for mode in MODES:
        opened.workspace.set_mode(mode.id)
        assert opened.minimumSizeHint().width() <= 800
        assert opened.minimumSizeHint().height() <= 500


def test_the_header_has_names_for_assistive_tools(opened):
    buttons = opened.header.findChildren(QToolButton)
    named = [b for b in buttons if b.isVisible()]
    assert all(b.accessibleName() or b.text() or b.toolTip() for b in named)
    modes = opened.header.modes.buttons
    assert [b.accessibleName() for b in modes.values()] == [m.title for m in MODES]
    assert all(b.accessibleDescription() for b in modes.values())
