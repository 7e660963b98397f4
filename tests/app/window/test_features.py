"""A feature from outside: one folder and one row, and the window has it."""

from __future__ import annotations

import importlib
import sys

import pytest
from PySide6.QtWidgets import QLabel

from app.feature import Action, Feature, Features, has_model
from app.files.feature import FilesFeature
from app.window.actions import MENUS, Actions
from app.window.feature_table import FEATURES
from app.window.main_window import MainWindow

SOURCE = '''
from PySide6.QtWidgets import QLabel

from app.feature import Action, Feature, Panel, has_model


class CounterFeature(Feature):
    """Counts the blocks of the open model."""

    name = "counter"

    def panels(self):
        return (Panel("counter", "Counter", self._panel),)

    def actions(self):
        return (Action("count", "&Count the blocks", self.count, "&Plan:why", "Ctrl+Alt+K",
                       needs=has_model, on="block"),)

    def _panel(self):
        self.shown = QLabel("nothing counted")
        return self.shown

    def count(self):
        self.shown.setText(f"{len(self.session.table.blocks)} blocks")
        self.session.requests.panelWanted.emit("counter")
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A package with one feature, that the program does not know."""
    folder = tmp_path / "outside_counter"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "feature.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("outside_counter.feature")
    FEATURES.register("counter", module.CounterFeature)
    yield
    FEATURES.remove("counter")
    for name in [n for n in sys.modules if n.startswith("outside_counter")]:
        del sys.modules[name]


def test_one_folder_and_one_row_add_a_panel_and_an_action(outside, qtbot, trained):
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    action = window.actions_table.by_id["count"]
    assert not action.isEnabled()  # no model is open
    assert window.workspace["counter"].windowTitle() == "Counter"
    with qtbot.waitSignal(window.session.modelChanged, timeout=60_000):
        window.open_paths([str(trained)])
    qtbot.waitUntil(action.isEnabled)
    action.trigger()
    label = window.workspace["counter"].widget()
    assert isinstance(label, QLabel)
    assert label.text() == f"{len(window.session.table.blocks)} blocks"
    assert label.isVisible()
    assert action in window.actions_table.on("block")
    menus = [a.menu() for a in window.menuBar().actions() if a.text() == "&Plan"]
    assert action in menus[0].actions()
    assert action in window.actions_table.enabled()  # the command palette lists these
    window.session.close_model()
    window.close()


def test_every_row_is_a_feature_named_by_its_folder():
    for name, kind in FEATURES.items():
        assert (kind.name, kind.__module__) == (name, f"app.{name}.feature")
    with pytest.raises(TypeError, match="is QLabel, no Feature"):
        FEATURES.register("label", QLabel)


def test_a_feature_finds_those_above_it_and_no_others(window):
    assert isinstance(window.features[FilesFeature], FilesFeature)
    with pytest.raises(KeyError):
        Features()[FilesFeature]


@pytest.mark.parametrize(
    ("twin", "words"),
    [
        ({"id": "open"}, "two actions have the id open"),
        ({"shortcut": "Ctrl+O"}, "two actions have the shortcut Ctrl\\+O"),
        ({"menu": "&Plan:nowhere"}, "no place in the menus for own"),
    ],
)
def test_actions_that_cannot_stand_together_are_refused(window, twin, words):
    rows = list(window.features[FilesFeature].actions())
    own = {"id": "own", "text": "Own", "run": lambda: None, "menu": "&File:open", **twin}
    with pytest.raises(ValueError, match=words):
        Actions(window.context, [*rows, *window.frame.actions(), Action(**own)], window)


def test_every_section_of_a_menu_has_an_action(window):
    used = {row.menu for f in window.features for row in f.actions()}
    used |= {row.menu for row in window.frame.actions()}
    places = {
        s if "/" in s else f"{menu}:{s}" for menu, sections in MENUS.items() for s in sections
    }
    assert used == places


def test_a_failure_that_nobody_takes_is_shown(window, heard):
    from app.engine.protocol import Failure

    window.engine.failed.emit(Failure("It did not work.", "Try again."))
    assert heard()[-1].startswith("It did not work.")


def test_a_plain_feature_brings_nothing_and_stops_nothing(window):
    plain = Feature(window.context, window, window.features)
    assert not plain.panels()
    assert not plain.actions()
    assert plain.may_close()
    assert has_model(window.context) is False
