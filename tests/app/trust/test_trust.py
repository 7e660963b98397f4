"""A network that needs a module of the user's own: refused, shown, and opened once trusted."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel

from app.engine.protocol import Failure
from app.trust.list_dialog import ListDialog
from app.trust.review_dialog import ReviewDialog
from core.trust.source import read_new
from core.trust.store import add, trusted
from tests.app.conftest import ENGINE_MS, QUICK_MS, ROOT

EXAMPLE = ROOT / "tests" / "core" / "trust" / "examples" / "attention.py"
NETWORK = """
nc: 2
backbone: [[-1, 1, Conv, [16, 3, 2]], [-1, 1, Conv, [32, 3, 2]], [-1, 1, CoordAtt, [32, 32]]]
head: [[[-1], 1, Detect, [nc]]]
"""
HTML = "# <h1>big</h1><img src='x.png'>\nclass CoordAtt: pass\n"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "coord.yaml"
    path.write_text(NETWORK, "utf-8")
    return path


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return Path(shutil.copy(EXAMPLE, tmp_path / "mine.py"))


def offered(window):
    return {button.text(): button for button in window.pane.messages.rows[-1].buttons}


def dialog_of(kind):
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible())


def found(module: Path, state: str = "new") -> dict:
    source = read_new(module)
    return {
        "file": str(module), "name": "mine", "sha256": source.sha256, "state": state,
        "classes": ["CoordAtt"], "files": ["mine.py"], "text": source.shown(),
    }  # fmt: skip


def test_no_is_the_default(opened, fake, network, module, answers, qtbot):
    module.write_text(HTML, "utf-8")
    qtbot.waitUntil(lambda: not opened.engine.running("open"), timeout=QUICK_MS)
    opened.session.requests.openWanted.emit(str(network))
    qtbot.waitUntil(lambda: any(r.task == "open" for r in fake.requests), timeout=QUICK_MS)
    asked = {"names": ["mine.CoordAtt"], "file": "", "name": ""}
    fake.failed("open", Failure("Block 2 uses CoordAtt.", "Trust it.", untrusted=asked))
    answers["open"].append(str(module))
    button = offered(opened)["Trust a module…"]
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    request = fake.last("review_module").args
    assert request["file"] == str(module) and request["names"] == ["mine.CoordAtt"]
    fake.done("review_module", found(module))
    dialog = dialog_of(ReviewDialog)
    assert dialog.source.toPlainText() == HTML  # as it is, not drawn
    assert dialog.facts["SHA-256"].text() == read_new(module).sha256
    assert dialog.refuse.isDefault() and not dialog.trust.isDefault()
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert not any(r.task == "trust_module" for r in fake.requests)

    opened.session.requests.trustWanted.emit({**asked, "file": str(module), "open": str(network)})
    fake.done("review_module", found(module))
    dialog = dialog_of(ReviewDialog)
    order = []
    dialog.source.setFocus()
    for _ in range(2):  # Tab leaves the source, which takes no text
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        order.append(dialog.focusWidget())
    assert order == [dialog.trust, dialog.refuse]
    dialog.trust.setFocus()
    qtbot.keyClick(dialog.trust, Qt.Key.Key_Space)
    sent = fake.last("trust_module").args
    assert sent == {key: found(module)[key] for key in ("file", "name", "sha256")}
    before = len([r for r in fake.requests if r.task == "open"])
    fake.done("trust_module", found(module, "trusted"))
    qtbot.waitUntil(
        lambda: len([r for r in fake.requests if r.task == "open"]) > before, timeout=QUICK_MS
    )
    assert fake.last("open").args["path"] == str(network)


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Enter])
def test_stray_keys_trust_nothing(opened, fake, module, key, qtbot):
    opened.session.requests.trustWanted.emit({"file": str(module)})
    fake.done("review_module", found(module, "changed"))
    dialog = dialog_of(ReviewDialog)
    qtbot.keyClick(dialog.source, key)
    assert not dialog.isVisible()
    assert not any(r.task == "trust_module" for r in fake.requests)


def test_no_file_is_chosen(opened, fake, answers):
    answers["open"].append("")
    opened.session.requests.trustWanted.emit({"names": ["a.B"]})
    assert not any(r.task == "review_module" for r in fake.requests)


def test_the_list(opened, fake, module, answers, qtbot):
    opened.actions_table.by_id["trusted"].trigger()
    rows = [
        {"name": "mine", "file": str(module), "sha256": "0" * 64, "state": "trusted"},
        {"name": "other", "file": "other.py", "sha256": "1" * 64, "state": "other.py is gone."},
    ]
    fake.done("trusted_modules", {"modules": rows})
    dialog = dialog_of(ListDialog)
    assert dialog.model.rowCount() == 2
    dialog.view.selectRow(1)
    dialog.remove.click()
    assert fake.last("remove_module").args == {"file": "other.py"}
    assert dialog.model.rowCount() == 1
    fake.done("remove_module", {"modules": rows[:1]})
    dialog.view.selectRow(0)
    dialog.look.click()
    assert fake.last("review_module").args == {"file": str(module), "name": "mine"}
    fake.done("review_module", found(module, "trusted"))
    dialog_of(ReviewDialog).refuse.click()


def test_from_refusal_to_network(window, network, module, answers, heard, qtbot):
    """With a real engine: the module runs there, and never in the window."""
    session = window.session
    with qtbot.waitSignal(session.messageRaised, timeout=ENGINE_MS):
        session.requests.openWanted.emit(str(network))
    answers["open"].append(str(module))
    offered(window)["Trust a module…"].click()
    qtbot.waitUntil(lambda: bool(_visible(ReviewDialog)), timeout=ENGINE_MS)
    with qtbot.waitSignal(session.modelChanged, timeout=ENGINE_MS):
        dialog_of(ReviewDialog).trust.click()
    assert session.model.facts.modules[0]["file"] == str(module)
    assert len(trusted()) == 1
    assert "mine" not in sys.modules
    labels = window.workspace["model"].widget().findChildren(QLabel)
    assert any("This file needs mine.py" in label.text() for label in labels)
    module.write_text(f"{module.read_text('utf-8')}#\n", "utf-8")
    with qtbot.waitSignal(session.messageRaised, timeout=ENGINE_MS):
        session.requests.openWanted.emit(str(network))
    assert "has changed since it was trusted" in heard()[-1]
    offered(window)["Look at it again…"].click()
    qtbot.waitUntil(lambda: bool(_visible(ReviewDialog)), timeout=ENGINE_MS)
    dialog_of(ReviewDialog).refuse.click()
    assert session.model is not None  # nothing is lost


def _visible(kind) -> list:
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]


def test_a_module_that_never_ends_is_cancelled(window, network, module, tmp_path, qtbot):
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').close()\nwhile True: pass\n"
    module.write_text(code + module.read_text("utf-8"), "utf-8")
    add(read_new(module))
    window.session.requests.openWanted.emit(str(network))
    qtbot.waitUntil(mark.exists, timeout=ENGINE_MS)
    record = window.engine.running("open")[0]
    window.engine.cancel(record.number)
    qtbot.waitUntil(lambda: record.state == "cancelled", timeout=QUICK_MS)
    with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
        window.session.requests.openWanted.emit("yolov8n.yaml")
