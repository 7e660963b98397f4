"""Starts the window: one per person, with the engine warming up behind it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSettings, QTimer, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.state.settings import config_folder

DESKTOP_NAME = "secateur"
"""Of the desktop entry, by which a desktop knows whose window this is."""
FRAME = 48
"""Pixels that a title bar may take."""


class Application(QApplication):
    """The application; on macOS, files are opened by telling it, not by arguments.

    Signals
    -------
    fileOpened(list of str)
        Paths.
    """

    fileOpened = Signal(list)

    def event(self, event: QEvent) -> bool:
        """Take in what the system asks for."""
        if isinstance(event, QFileOpenEvent) and event.file():
            self.fileOpened.emit([event.file()])
            return True
        return super().event(event)


def make_application() -> Application:
    """Return the application, named as the system knows it."""
    QApplication.setApplicationName("secateur")
    QApplication.setApplicationDisplayName("Secateur")
    QApplication.setDesktopFileName(DESKTOP_NAME)
    keep_to_own_folder()
    return Application([sys.argv[0]])


def run(paths: Sequence[str]) -> int:
    """Open the window on some files, or hand them to the window that is open already."""
    application = make_application()
    from app.startup.single_instance import InstanceServer, hand_over

    if hand_over(paths):
        return 0
    from app.faults.feature import FaultsFeature
    from app.startup.collector import Collector
    from app.window.main_window import MainWindow

    Collector(application)
    window = MainWindow()
    window.features[FaultsFeature].reporter.install()
    server = InstanceServer(window)
    server.received.connect(window.open_paths)
    server.listen()
    application.fileOpened.connect(window.open_paths)
    show(window)
    # The engine takes seconds of computing to start: the window shows first.
    QTimer.singleShot(0, window.engine.start_engine)
    QTimer.singleShot(0, lambda: window.start(tour=not paths))
    if paths:
        QTimer.singleShot(0, lambda: window.open_paths(paths))
    code = application.exec()
    server.close()
    return code


def show(window: QWidget) -> None:
    """Show a window whole: where its frame would not fit on the screen, it fills the screen."""
    room = window.screen().availableGeometry().size()
    if window.width() > room.width() or window.height() + FRAME > room.height():
        window.showMaximized()
    else:
        window.show()


def keep_to_own_folder() -> None:
    """Let Qt store the state of its own dialogs next to our settings, where it uses files."""
    for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
        QSettings.setPath(kind, QSettings.Scope.UserScope, str(config_folder()))
