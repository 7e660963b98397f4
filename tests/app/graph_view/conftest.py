"""Tables of real networks, a view that shows one, and no Qt warnings."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.graph.cache import read_table
from core.graph.table import ChannelTable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

from app.graph_view.view import GraphView
from tests.app.graph_view.graph_families import FAMILIES, ROOT

# Tracing needs torch, which must not meet Qt in one process.
MAKE_TABLES = """
import sys
from pathlib import Path
import core
from core.graph.cache import write_table
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    write_table(folder / f"{name}.npz", core.analyse(core.load(f"{name}.yaml")).table, {})
"""


class Tables:
    """Makes and keeps the channel tables of whole families."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, ChannelTable] = {}

    def __call__(self, name: str) -> ChannelTable:
        if name not in self.read:
            path = self.folder / f"{name}.npz"
            if not path.exists():
                self.make()
            self.read[name] = read_table(path)[0]
        return self.read[name]

    def make(self) -> None:
        missing = [n for n in FAMILIES if not (self.folder / f"{n}.npz").exists()]
        command = [sys.executable, "-c", MAKE_TABLES, str(self.folder), *missing]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=600)


@pytest.fixture(scope="session")
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "core" / "graph").glob("*.py")):
        digest.update(path.read_bytes())
    name = f"graph-tables-{digest.hexdigest()[:12]}"
    cache = getattr(request.config, "cache", None)  # None under -p no:cacheprovider
    return Tables(cache.mkdir(name) if cache is not None else tmp_path_factory.mktemp(name))


@pytest.fixture(autouse=True)
def no_qt_warnings():
    """Fail a test in which Qt complains."""
    messages: list[str] = []

    def note(kind: QtMsgType, context: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and "propagateSizeHints" not in text:
            messages.append(text)

    before = qInstallMessageHandler(note)
    yield
    qInstallMessageHandler(before)
    assert not messages


@pytest.fixture
def view(qtbot, tables) -> GraphView:
    """A view of YOLOv8n, all of it on screen at a known zoom."""
    made = GraphView()
    qtbot.addWidget(made)
    made.resize(1400, 1000)
    made.set_table(tables("yolov8n"))
    with qtbot.waitExposed(made):
        made.show()
    made.fit()
    return made
