"""The application object: what the system asks it to open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.startup.application import FRAME, show

ROOT = Path(__file__).resolve().parents[3]
OPENS = """
import sys
from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QFileOpenEvent
from app.startup.application import make_application

application = make_application()
opened = []
application.fileOpened.connect(opened.extend)
QCoreApplication.sendEvent(application, QFileOpenEvent(sys.argv[1]))
assert opened == [sys.argv[1]], opened
QCoreApplication.sendEvent(application, QFileOpenEvent(QUrl("https://example.org/x.pt")))
assert opened == [sys.argv[1]], opened
print(application.applicationDisplayName(), application.desktopFileName())
"""


def test_files_are_opened_by_telling_the_application(tmp_path):
    """As macOS does: a double click is no argument there."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", OPENS, str(tmp_path / "a model.pt")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["Secateur", "secateur"]


@pytest.mark.parametrize("packaged", [True, False])
def test_about_names_the_licences_where_other_parts_are_in(window, monkeypatch, packaged):
    if packaged:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "_MEIPASS", "/opt/secateur/_internal", raising=False)
    window.frame.about()
    (box,) = window.findChildren(QMessageBox)
    text = box.informativeText()
    assert "AGPL" in text
    assert ("/opt/secateur/_internal/LICENCES.txt" in text.replace("\\", "/")) == packaged
    box.close()


def test_a_window_too_large_for_the_screen_fills_it(qapp, no_leaks):
    """Else its status bar would be below the screen's edge."""
    room = qapp.primaryScreen().availableGeometry().size()
    for height, fills in ((room.height() - FRAME, False), (room.height() - FRAME + 1, True)):
        window = QWidget()
        window.resize(room.width(), height)
        show(window)
        assert window.isMaximized() == fills
        window.close()


def test_enter_presses_the_button_with_the_keyboard(window, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(window.engine, "submit", lambda job, *a, **k: asked.append(job))
    window.activateWindow()
    window.tour.start()
    assert window.focusWidget() is window.tour.card.next
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert asked == ["demo_set_up"]
    window.tour.end()
