"""Garbage is collected on the thread of the window alone."""

import gc
import threading

from PySide6.QtCore import QObject

from app.startup.collector import Collector


class Ring:
    """Only the collector frees it; says where that was."""

    freed: list[int] = []

    def __init__(self):
        self.own = self

    def __del__(self):
        self.freed.append(threading.get_ident())


def test_what_a_worker_leaves_goes_on_the_windows_thread(qtbot, qapp):
    parent = QObject()
    collector = Collector(parent)
    Ring.freed.clear()

    def work():
        for _ in range(20_000):
            Ring()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not Ring.freed  # Python's own collector would have run in the worker
    qtbot.waitUntil(lambda: len(Ring.freed) == 20_000, timeout=20_000)
    assert set(Ring.freed) == {threading.get_ident()}
    collector.collect()
    parent.deleteLater()
    qtbot.waitUntil(gc.isenabled, timeout=20_000)
    gc.disable()  # as the tests have it
