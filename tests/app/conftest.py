"""The window under test: its own settings, its own engine, no Qt warnings, nothing left over."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from app.engine import process
from resources.scenes import CLASSES
from tests.core.warm import Warm

gc.disable()
"""Objects of Qt may go on their own thread only, and Python would collect on any: see below."""
ROOT = Path(__file__).resolve().parents[2]
OFFSCREEN = "This plugin does not support"
"""What the offscreen platform says about raising windows; nothing is wrong."""

# Starting the engine imports torch on one thread, next to another test on the second core.
ENGINE_MS = 60_000
QUICK_MS = 15_000


def growth_of(take: Callable[[int], None]) -> int:
    """Return the bytes by which memory grows with the third ten thousand of what is taken in.

    ``take`` gets the number of the first one; what is kept once is there after the second.
    """
    take(0)
    tracemalloc.start()
    try:
        take(10_000)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        take(20_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A copy of the demo's network, a trained YOLOv8n that ships with the program."""
    path = tmp_path_factory.mktemp("trained") / "trained.pt"
    shutil.copy(ROOT / "resources" / "demo" / "demo.pt", path)
    return path


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def runtime_place():
    """A short path, as a socket needs, that is the user's alone."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch, shared_cache, runtime_place):
    """Nobody's settings are read or written; tables may be shared between tests."""
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_place))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def warm_engine(tmp_path_factory):
    """Return how an engine is started whose libraries another process has loaded already.

    That process starts with the first of them.
    """
    made = []

    def command():
        if not made:
            home = tmp_path_factory.mktemp("warm")
            names = ("CONFIG", "DATA", "STATE", "CACHE")
            own = {f"XDG_{name}_HOME": str(home / name.lower()) for name in names}
            given = {**os.environ, "PYTHONPATH": str(ROOT), **own}
            made.append(Warm(environment=given, wait=False))
        return [str(made[0].folder / "secateur"), "engine"]

    yield command
    for warm in made:
        warm.close()


@pytest.fixture(autouse=True)
def engine_start(monkeypatch, warm_engine):
    """How engines start; tests of the start itself have a fixture of this name that leaves it."""
    monkeypatch.setattr(process, "engine_command", warm_engine)


@pytest.fixture(autouse=True)
def no_qt_warnings(qtlog):
    yield
    bad = [
        r.message
        for r in qtlog.records
        if r.type.name not in ("QtDebugMsg", "QtInfoMsg") and OFFSCREEN not in r.message
    ]
    assert not bad, bad


_frozen: set[bool] = set()


ENOUGH = 5000
"""Objects that a test may leave uncollected; a window is ten times as many."""


def collect() -> None:
    """Collect what a test left; what libraries hold for good is looked through once."""
    if gc.get_count()[0] < ENOUGH:
        return
    gc.collect()
    with_torch = "torch" in sys.modules
    if with_torch not in _frozen:
        _frozen.add(with_torch)
        gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(qapp):
    before = set(QApplication.topLevelWidgets())
    yield
    qapp.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    qapp.processEvents()
    collect()
    after = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    assert not after, after


@pytest.fixture
def window(qtbot, no_leaks):
    from app.window.main_window import MainWindow

    window = MainWindow()
    window.resize(1440, 900)
    window.said = []
    window.session.messageRaised.connect(window.said.append)
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.session.undo_stack.setClean()
    window.session._extra_unsaved = False
    window.close()
    assert not window.engine._thread.isRunning()
    window.deleteLater()


@pytest.fixture
def answers(monkeypatch):
    """Answer file dialogs and questions; a test that meets an unexpected one fails."""
    given = {"open": [], "save": [], "ask": []}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (given["open"].pop(0), ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (given["save"].pop(0), ""))
    monkeypatch.setattr(QMessageBox, "exec", lambda box: given["ask"].pop(0))
    return given


@pytest.fixture
def drop():
    """Drop files on a window as the platform does."""

    def act(window, *paths):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
        actions, left, none = (
            Qt.DropAction.CopyAction,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        with warnings.catch_warnings():  # Qt has deprecated the only way to make one
            warnings.simplefilter("ignore", DeprecationWarning)
            enter = QDragEnterEvent(QPoint(400, 300), actions, data, left, none)
        QApplication.sendEvent(window, enter)
        assert enter.isAccepted()
        QApplication.sendEvent(window, QDropEvent(QPointF(400, 300), actions, data, left, none))

    return act


@pytest.fixture
def opened(window, qtbot, trained, drop):
    """A window with the trained network open, its ranking there."""
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, trained)
    window.session.flush()
    return window


@pytest.fixture
def choose(qtbot):
    """Plan something, and wait until it is predicted."""
    from app.state import plan_edits

    def act(window, *blocks, ratio=0.5):
        session = window.session
        session.select(blocks)
        session.edit(plan_edits.set_ratio(session.plan, blocks, ratio))
        session.flush()

    return act


@pytest.fixture
def heard(window):
    """Texts of the messages raised so far."""
    return lambda: [f"{m.text} {m.hint}".strip() for m in window.said]


class FakeEngine:
    """Stands in the engine's place: remembers what was asked, and answers when a test says so."""

    def __init__(self, engine, monkeypatch):
        self.engine, self.requests, self.cancels = engine, [], []
        monkeypatch.setattr(engine, "_submit", Hears(self._start))
        monkeypatch.setattr(engine, "_cancel", Hears(self._stop))

    def _start(self, request):
        self.requests.append(request)
        self.engine._on_started(request.number)

    def _stop(self, number):
        self.cancels.append(number)
        self.engine._on_cancelled(number)

    def last(self, job):
        return next(r for r in reversed(self.requests) if r.task == job)

    def done(self, job, result):
        self.engine._on_done(self.last(job).number, result)

    def partial(self, job, data):
        self.engine._on_partial(self.last(job).number, data)

    def failed(self, job, failure):
        self.engine._on_failed(self.last(job).number, failure)


class Hears:
    def __init__(self, act):
        self.emit = act


@pytest.fixture
def fake(opened, monkeypatch):
    """A window with the trained network open whose engine answers as the test says."""
    yield FakeEngine(opened.engine, monkeypatch)
    for record in opened.engine.running():
        opened.engine._on_cancelled(record.number)


@pytest.fixture
def dataset(tmp_path):
    """A dataset yaml with the classes of the trained network, and folders without images."""
    import json

    folder = tmp_path / "data"
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
    path = folder / "own.yaml"
    path.write_text(json.dumps({"train": "train", "val": "val", "names": CLASSES}))
    return path
