"""Starts the window: one per person, with the engine warming up behind it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from app.settings import config_folder


def run(paths: Sequence[str]) -> int:
    """Open the window on some files, or hand them to the window that is open already."""
    QApplication.setApplicationName("secateur")
    QApplication.setApplicationDisplayName("Secateur")
    QApplication.setDesktopFileName("secateur")
    keep_to_own_folder()
    application = QApplication([sys.argv[0]])
    from app.single_instance import InstanceServer, hand_over

    if hand_over(paths):
        return 0
    from app.main_window import MainWindow

    window = MainWindow()
    window.reporter.install()
    server = InstanceServer(window)
    server.received.connect(window.open_paths)
    server.listen()
    window.show()
    # The engine takes seconds of computing to start: the window shows first.
    QTimer.singleShot(0, window.jobs.start_engine)
    QTimer.singleShot(0, window.recovery.offer)
    QTimer.singleShot(0, window.tour.offer)
    if paths:
        QTimer.singleShot(0, lambda: window.open_paths(paths))
    code = application.exec()
    server.close()
    return code


def keep_to_own_folder() -> None:
    """Let Qt keep what its own dialogs remember beside our settings, where it keeps it in files."""
    for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
        QSettings.setPath(kind, QSettings.Scope.UserScope, str(config_folder()))
