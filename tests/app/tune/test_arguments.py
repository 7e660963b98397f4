"""The table of a training's arguments: from the engine, searched, checked, used."""

import pytest
from PySide6.QtCore import Qt

from app.tune.arguments_dialog import OWN, ArgumentsDialog
from core.tune.arguments import Argument
from tests.app.conftest import ENGINE_MS, QUICK_MS

LEFT = Qt.MouseButton.LeftButton
TABLE = [
    Argument("lr0", "fraction", 0.01, "initial learning rate", "hyperparameters"),
    Argument("optimizer", "text", "auto", "which", "training", choices=("SGD", "AdamW", "auto")),
    Argument("freeze", "any", None, "freeze first N layers", "training", optional=True),
    Argument("data", "any", None, "dataset", "training", optional=True, instead="use --data"),
]  # fmt: skip


@pytest.fixture
def asked():
    return []


@pytest.fixture
def dialog(qtbot, asked):
    def check(options, told):
        asked.append((options, told))

    dialog = ArgumentsDialog(TABLE, "recover_quickly", {"lr0": 0.002}, check)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    return dialog


def shown(dialog):
    proxy = dialog.proxy
    return [proxy.index(row, 0).data() for row in range(proxy.rowCount())]


def write(dialog, qtbot, name, text):
    """Write as the user does: with the keyboard, in the cell."""
    row = shown(dialog).index(name)
    index = dialog.proxy.index(row, OWN)
    dialog.view.setCurrentIndex(index)
    dialog.view.setFocus()
    qtbot.keyClick(dialog.view, Qt.Key.Key_F2)
    editor = dialog.view.indexWidget(index)
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.view.indexWidget(index) is None, timeout=QUICK_MS)


def test_values_are_found_written_and_used(dialog, qtbot, asked):
    assert shown(dialog) == ["lr0", "optimizer", "freeze", "data"]
    assert dialog.proxy.index(0, 2).data() == "0.0005"  # what the preset gives it
    qtbot.keyClicks(dialog.search, "learning")
    assert shown(dialog) == ["lr0"]
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.search.clear()
    write(dialog, qtbot, "lr0", "1e-3")
    write(dialog, qtbot, "optimizer", "adamw")
    assert dialog.options == {"lr0": 0.001, "optimizer": "AdamW"}
    dialog.only.setChecked(True)
    assert shown(dialog) == ["lr0", "optimizer"]
    qtbot.mouseClick(dialog.use, LEFT)
    assert dialog.result() == dialog.DialogCode.Accepted
    assert not asked  # their types tell all


def test_what_cannot_be_is_said_and_not_used(dialog, qtbot):
    write(dialog, qtbot, "lr0", "7")
    assert "“lr0” cannot be 7" in dialog.status.text()
    assert not dialog.use.isEnabled()
    assert dialog.options == {}
    write(dialog, qtbot, "lr0", " ")
    assert dialog.use.isEnabled()
    data = dialog.model.index(3, OWN)
    assert not dialog.model.flags(data) & Qt.ItemFlag.ItemIsEditable
    assert "in the form" in dialog.model.data(dialog.model.index(3, 4))


def test_what_the_type_does_not_tell_ultralytics_is_asked(dialog, qtbot, asked):
    write(dialog, qtbot, "freeze", "[0, x]")
    qtbot.mouseClick(dialog.use, LEFT)
    ((options, told),) = asked
    assert options == {"freeze": [0, "x"]}
    told({"freeze": "Ultralytics refuses “freeze”."})
    assert "refuses" in dialog.status.text()
    assert not dialog.use.isEnabled()
    assert dialog.isVisible()
    write(dialog, qtbot, "freeze", "3")
    qtbot.mouseClick(dialog.use, LEFT)
    asked[1][1]({})
    assert dialog.result() == dialog.DialogCode.Accepted
    assert dialog.options == {"lr0": 0.002, "freeze": 3}


def test_all_can_be_let_go(dialog, qtbot):
    qtbot.mouseClick(dialog.forget, LEFT)
    assert dialog.options == {}
    assert not dialog.forget.isEnabled()


def test_the_form_gets_them_from_the_engine_and_starts_with_them(opened, qtbot):
    form = opened.workspace["tuning"].widget().form
    opened.workspace.go_to("tuning")
    qtbot.mouseClick(form.more, LEFT)
    qtbot.waitUntil(lambda: opened.findChild(ArgumentsDialog) is not None, timeout=ENGINE_MS)
    dialog = opened.findChild(ArgumentsDialog)
    assert {"lr0", "mosaic", "freeze", "close_mosaic"} <= set(shown(dialog))
    names = [row.argument.name for row in dialog.model.rows]
    for name, text in (("lr0", "0.001"), ("amp", "maybe")):
        dialog.model.setData(dialog.model.index(names.index(name), OWN), text)
    qtbot.mouseClick(dialog.use, LEFT)
    qtbot.waitUntil(lambda: "rejects “amp”" in dialog.status.text(), timeout=QUICK_MS)
    dialog.model.setData(dialog.model.index(names.index("amp"), OWN), "bf16")
    with qtbot.waitSignal(dialog.accepted, timeout=QUICK_MS):
        qtbot.mouseClick(dialog.use, LEFT)
    assert form.more.text() == "&All arguments (2 set)…"
    assert form.settings()["options"] == {"lr0": 0.001, "amp": "bf16"}
