"""Menus have what people expect of them."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.files.new_dialog import NewDialog
from app.files.stock import stock_models
from app.plan.feature import PlanFeature
from app.state import plan_edits
from app.window.preferences import Preferences
from app.window.shortcut_sheet import ShortcutSheet, shortcut_lines
from tests.app.conftest import ENGINE_MS


def test_the_menu_of_a_block(opened):
    texts = [a.text().replace("&", "") for a in opened.actions_table.on("block")]
    for wanted in ("Prune by 25%", "Prune by 50%", "Prune by 75%", "Why?"):
        assert wanted in texts
    for part in ("Lock", "Open or close", "Zoom to"):
        assert any(text.startswith(part) for text in texts), part
    opened.session.select({5})
    opened.actions_table.by_id["prune_75"].trigger()
    assert plan_edits.entry_of(opened.session.plan, 5).ratio == 0.75
    assert PlanFeature.name == "plan"


def test_zoom_to_the_selection_and_to_100_percent(opened):
    view = opened.host.view
    opened.session.select({21})
    opened.actions_table.by_id["zoom_to"].trigger()
    middle = view.mapToScene(view.viewport().rect().center())
    assert view.scene().blocks[21].sceneBoundingRect().contains(middle)
    view.zoom_in()
    opened.actions_table.by_id["zoom_100"].trigger()
    assert abs(view.zoom - 1.0) < 1e-9


def test_recent_files_open_and_can_be_forgotten(opened, qtbot, trained, tmp_path):
    other = tmp_path / "other.pt"
    other.write_bytes(trained.read_bytes())
    opened.context.settings.add_recent(str(other))
    menu = opened.actions_table.by_id["recent"].menu()
    menu.aboutToShow.emit()
    first, *_, clear = menu.actions()
    assert "other.pt" in first.text()
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        first.trigger()
    assert opened.session.model.path == str(other)
    clear.trigger()
    menu.aboutToShow.emit()
    assert [a.text() for a in menu.actions()] == ["No recent files"]
    assert opened.actions_table.by_id["recent"] not in opened.actions_table.enabled()


def test_networks_are_found_by_the_names_of_ultralytics(qtbot):
    names = stock_models()
    for name in ("yolo11m.yaml", "yolov8n.yaml", "yolov8x-seg.yaml", "yolov9c.yaml"):
        assert name in names, name
    assert len(names) == len(set(names))


def test_a_new_network_by_name(window, qtbot):
    window.actions_table.by_id["new"].trigger()
    dialog = window.findChild(NewDialog)
    dialog.name.setCurrentText("yolov8n.yaml")
    with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
        dialog.accept()
    assert window.session.model.path == "yolov8n.yaml"


def test_the_sheet_of_keys_comes_from_the_actions(opened):
    lines = shortcut_lines(opened.menuBar())
    keys = {what: (where, shown) for where, what, shown in lines}
    assert keys["Fit the graph"] == ("View", "F, Ctrl+0")
    assert keys["Redo"][1] == "Ctrl+Shift+Z, Ctrl+Y"
    assert keys["Zoom at the pointer"] == ("Graph", "Wheel, pinch")
    opened.actions_table.by_id["shortcuts"].trigger()
    sheet = opened.findChild(ShortcutSheet)
    assert sheet.model.rowCount() == len(lines)
    sheet.close()


def test_preferences_hold_at_once(window, qtbot, tmp_path):
    window.actions_table.by_id["preferences"].trigger()
    dialog = window.findChild(Preferences)
    settings = window.context.settings
    dialog.appearance.setCurrentIndex(dialog.appearance.findData("dark"))
    dialog.appearance.activated.emit(0)
    assert settings.appearance() == "dark" and window.context.theme.kind == "dark"
    dialog.folder.setText(str(tmp_path))
    dialog.folder.setFocus()
    qtbot.keyClick(dialog.folder, Qt.Key.Key_Tab)
    dialog.folder.editingFinished.emit()
    assert settings.folder() == str(tmp_path)
    dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
    dialog.device.activated.emit(0)
    assert settings.device() == "cpu"
    window.context.theme.set_appearance("light")
    dialog.close()
