"""A window that is closed leaves nothing behind."""

import gc

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from app.window.main_window import MainWindow


def test_a_closed_window_takes_all_its_parts_along(qtbot, own_settings):
    """Those of the modes that were not in sight, too."""
    left = []
    for _ in range(3):
        window = MainWindow()
        with qtbot.waitExposed(window):
            window.show()
        window.close()
        window.deleteLater()
        del window
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        left.append(len(QApplication.allWidgets()))
    assert left[0] == left[1] == left[2]
