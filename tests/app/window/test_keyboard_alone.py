"""The whole job by keys alone: every key goes to what has the keyboard, as on a platform."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QSlider, QWidget

from app.pruning.prune_dialog import PruneDialog
from app.pruning.result_dialog import ResultDialog
from app.window.command_palette import CommandPalette
from tests.app.conftest import ENGINE_MS, QUICK_MS

Key, Mod = Qt.Key, Qt.KeyboardModifier
MOST_TABS = 80


class Person:
    """Presses keys, and looks where the keyboard is; there is no mouse."""

    def __init__(self, window: QWidget, qtbot) -> None:
        self.window, self.qtbot = window, qtbot
        window.activateWindow()
        window.host.view.setFocus()
        qtbot.waitUntil(window.host.view.hasFocus, timeout=QUICK_MS)

    def press(self, key: Key, modifier: Mod = Mod.NoModifier) -> None:
        QTest.keyClick(self.at, key, modifier)
        QApplication.processEvents()

    def type(self, text: str) -> None:
        QTest.keyClicks(self.at, text)

    @property
    def at(self) -> QWidget:
        """What has the keyboard; when a dialog closes, a platform gives it back to the window."""
        if QApplication.focusWidget() is None:
            (QApplication.activeModalWidget() or self.window).activateWindow()
            QApplication.processEvents()
        return QApplication.focusWidget()

    def tab_to(self, fits, key: Key = Key.Key_Tab) -> QWidget:
        """Press Tab until something has the keyboard."""
        for _ in range(MOST_TABS):
            if fits(self.at):
                return self.at
            self.press(key)
        raise AssertionError("Tab does not get there")

    def find(self, command: str) -> None:
        """Run a command by the palette."""
        self.press(Key.Key_K, Mod.ControlModifier)
        self.qtbot.waitUntil(lambda: isinstance(self.at.window(), CommandPalette), timeout=QUICK_MS)
        self.type(command)
        self.press(Key.Key_Return)


def text_is(text: str):
    return lambda widget: isinstance(widget, QPushButton) and widget.text().startswith(text)


@pytest.fixture
def person(demo, qtbot):
    demo.session.select(())
    while demo.session.undo_stack.index():
        demo.session.undo_stack.undo()
    demo.session.flush()
    return Person(demo, qtbot)


def select_block(person, number: int) -> None:
    person.press(Key.Key_Home)
    while person.window.host.view.focused_block != number:
        person.press(Key.Key_Down)
    person.press(Key.Key_Space)
    assert person.window.session.selection == {number}


def plan_a_block(person, qtbot) -> None:
    """Select a block, set how much of it goes, and see what would break."""
    window, session = person.window, person.window.session
    select_block(person, 5)
    person.press(Key.Key_2, Mod.ControlModifier | Mod.AltModifier)
    assert window.workspace.mode.id == "plan"
    person.press(Key.Key_Up, Mod.ControlModifier)
    session.flush()
    assert session.prediction.changes
    person.find("go to plan")
    slider = person.tab_to(lambda widget: isinstance(widget, QSlider))
    with qtbot.waitSignal(session.predictionChanged, timeout=QUICK_MS):
        for _ in range(10):
            person.press(Key.Key_PageUp)
    assert slider.value() >= 50
    person.find("go to conflicts")
    panel = window.workspace["conflicts"].widget()
    assert panel.isVisible()
    qtbot.waitUntil(lambda: panel.model.rowCount() > 0, timeout=QUICK_MS)
    person.tab_to(lambda widget: widget is panel.view)
    person.press(Key.Key_Down)
    assert panel.view.currentIndex().isValid()


def prune_it(person, qtbot, output) -> None:
    """Prune: the dialog is answered by keys, too."""
    window, session = person.window, person.window.session
    person.press(Key.Key_3, Mod.ControlModifier | Mod.AltModifier)
    assert window.workspace.mode.id == "prune"
    person.press(Key.Key_P, Mod.ControlModifier)
    dialog = window.findChild(PruneDialog)
    assert dialog.isVisible()
    assert person.at is dialog.path
    person.press(Key.Key_A, Mod.ControlModifier)
    person.type(str(output))
    person.tab_to(lambda widget: widget is dialog.way)
    person.press(Key.Key_Home)  # no repair
    assert dialog.repair() is None
    person.tab_to(lambda widget: widget is dialog.path)
    with qtbot.waitSignal(session.requests.pruned, timeout=ENGINE_MS):
        person.press(Key.Key_Return)
    assert window.findChild(ResultDialog).isVisible()
    assert output.is_file()
    person.tab_to(text_is("Close"))
    person.press(Key.Key_Return)
    qtbot.waitUntil(lambda: not window.findChildren(ResultDialog), timeout=QUICK_MS)


def fill_the_form(person, output) -> dict:
    """Fill the form of a fine-tuning and press its button; return what it asks for."""
    person.press(Key.Key_4, Mod.ControlModifier | Mod.AltModifier)
    form = person.window.workspace["tuning"].widget().form
    assert form.isVisible()
    assert form.network_path == str(output)
    person.find("go to fine-tune")
    person.tab_to(lambda widget: widget is form.length)
    person.press(Key.Key_Down)
    assert form.length.currentData() == "epochs"
    person.tab_to(lambda widget: widget is form.amount)
    person.press(Key.Key_A, Mod.ControlModifier)
    person.type("1")
    started = []
    form.startRequested.disconnect()
    form.startRequested.connect(started.append)
    person.tab_to(lambda widget: widget is form.begin, Key.Key_Backtab)
    person.press(Key.Key_Return)
    return started[0]


def test_from_an_open_model_to_a_fine_tuning(demo, person, qtbot, tmp_path, answers, heard):
    output = tmp_path / "small.pt"
    plan_a_block(person, qtbot)
    prune_it(person, qtbot, output)
    answers["open"].append(str(output))
    with qtbot.waitSignal(demo.session.messageRaised, timeout=ENGINE_MS):
        person.press(Key.Key_V, Mod.ControlModifier | Mod.ShiftModifier)
    assert "equals the masked original" in heard()[-1]
    asked = fill_the_form(person, output)
    assert (asked["epochs"], asked["model"]) == (1, str(output))


def test_from_the_graph_to_every_mode_and_panel(demo, person):
    """Modes by Ctrl+Alt and a digit, panels by the palette, the menus by F10 or Alt."""
    for number, mode in enumerate(("explore", "plan", "prune", "tune", "compare", "ship"), 1):
        person.press(Key(Key.Key_0 + number), Mod.ControlModifier | Mod.AltModifier)
        assert demo.workspace.mode.id == mode
    for panel in [p for f in demo.features for p in f.panels()]:
        person.find(f"go to {panel.title.lower()}")
        holder = demo.workspace[panel.id]
        assert holder.isVisible(), panel.id
        assert holder.isAncestorOf(person.at), f"{panel.id} has no keyboard: {person.at}"
