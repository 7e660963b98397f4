"""What ends with the window: nothing of the engine's side is left waiting on its thread."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from app.engine.protocol import Request
from app.engine.worker import EngineWorker


def test_a_cancel_just_before_the_end_leaves_no_timer(qapp, tmp_path):
    worker, ended = EngineWorker(tmp_path / "engine.log"), []
    worker.cancelled.connect(ended.append)
    worker._running = Request(1, "suggest", {})
    worker.cancel(1)
    assert any(timer.isActive() for timer in worker.findChildren(QTimer))
    worker.stop()
    assert ended == [1]
    assert not any(timer.isActive() for timer in worker.findChildren(QTimer))
