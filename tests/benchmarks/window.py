"""How fast the window is: ``python -m tests.benchmarks.window``. Runs offscreen, without torch.

Start and memory are those of a fresh process; a drop is of an FP16 checkpoint, with the engine
running; ticks, panning and zooming are of yolov8x with every block open at 1600 x 1000, up to the
pixels; cycles tell whether memory grows.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["QT_QPA_UPDATE_IDLE_TIME"] = "0"  # else what one tick changed is painted in a later one

START = """
import os, sys, time
import psutil
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
application = QApplication([])
from app.window.main_window import MainWindow
window = MainWindow()

class Painted(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, report)
        return False

def report():
    print(time.time() - float(sys.argv[1]), psutil.Process().memory_info().rss / 2**20, flush=True)
    os._exit(0)

watcher = Painted()
window.centralWidget().installEventFilter(watcher)
window.show()
application.exec()
"""

MAKE_TABLE = """
import sys
from pathlib import Path
import core
from core.graph.cache import write_table
analysis = core.analyse(core.load(f"{sys.argv[1]}.yaml"))
write_table(Path(sys.argv[2]), analysis.table, analysis.facts.to_dict())
"""


MAKE_MODEL = """
import sys
import torch
from ultralytics import YOLO
torch.save({"model": YOLO(f"{sys.argv[1]}.yaml").model.half()}, sys.argv[2])
"""


def percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"median": statistics.median(times), "p99": ordered[int(0.99 * (len(ordered) - 1))]}


def start(rounds: int) -> dict[str, float]:
    """Seconds from process start to the first painted window, and its memory in MiB."""
    runs = []
    for _ in range(rounds + 1):
        # By this process's clock: the system's own record of a start may be a second off.
        command = [sys.executable, "-c", START, str(time.time())]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append([float(value) for value in done.stdout.split()])
    return {
        "seconds": statistics.median(run[0] for run in runs[1:]),
        "MiB": statistics.median(run[1] for run in runs[1:]),
    }


def opened_window(family: str) -> tuple[Any, Any, Any]:
    """A window on a family's table, and the table with its facts."""
    import numpy as np

    from app.window.main_window import MainWindow
    from core.checkpoint.facts import Facts
    from core.graph.cache import read_table

    path = Path(tempfile.mkdtemp()) / "table.npz"
    subprocess.run([sys.executable, "-c", MAKE_TABLE, family, str(path)], check=True)
    table, extra = read_table(path)
    facts = Facts.from_dict(extra)
    window = MainWindow()
    window.resize(1600, 1000)
    window.show()
    window.session.set_model(f"{family}.pt", facts, table, 1000)
    scores = np.random.default_rng(0).random(table.atom_count)
    window.session.set_scores(("l2", 0, "", None, ""), scores)
    return window, table, facts


WARM = 3.0
"""Seconds that a person takes until they drop a file."""


def process_until(reached: Callable[[], bool]) -> None:
    """Wait for events until a state is reached; it is an error when that takes minutes."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    every = QEventLoop.ProcessEventsFlag.AllEvents | QEventLoop.ProcessEventsFlag.WaitForMoreEvents
    wakes = QTimer()
    wakes.start(20)
    end = time.monotonic() + 120
    while not reached():
        QApplication.processEvents(every)
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")


def drop(family: str) -> dict[str, float]:
    """Seconds from a dropped checkpoint to its painted graph, new and known from before."""
    from PySide6.QtWidgets import QApplication

    from app.window.main_window import MainWindow

    folder = Path(tempfile.mkdtemp())
    for place in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ[f"XDG_{place}_HOME"] = str(folder / place.lower())
    path = folder / f"{family}.pt"
    subprocess.run([sys.executable, "-c", MAKE_MODEL, family, str(path)], check=True)
    window = MainWindow()
    window.resize(1600, 1000)
    window.show()
    window.start(tour=False)
    window.engine.start_engine()
    process_until(lambda: window.engine.state.phase == "ready")
    end = time.monotonic() + WARM  # the engine traces a small network, as soon as it is ready
    process_until(lambda: time.monotonic() > end)
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        window.open_paths([str(path)])
        process_until(lambda: window.session.model is not None)
        QApplication.processEvents()
        times.append(time.perf_counter() - begin)
        window.session.close_model()
    window.close()
    return {"new": times[0], "again": times[1]}


def ticks(window: Any, rounds: int) -> dict[str, float]:
    """Milliseconds from a slider tick on all blocks to the pixels: numbers, tables, drawing."""
    from PySide6.QtWidgets import QApplication

    from app.state import plan_edits

    session = window.session
    blocks = frozenset(b.index for b in session.table.blocks)
    session.select(blocks)
    window.host.view.open_all()
    QApplication.processEvents()
    times = []
    for turn in range(rounds):
        ratio = 0.05 + 0.8 * ((turn * 37) % 100) / 100
        begin = time.perf_counter()
        session.edit(plan_edits.set_ratio(session.plan, blocks, ratio))
        session.flush()
        QApplication.processEvents()  # paints what changed, as the loop does after an event
        times.append(1000 * (time.perf_counter() - begin))
    return percentiles(times)


def frames(window: Any, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds to paint one frame while panning and while zooming."""
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtWidgets import QApplication

    view = window.host.view
    image = QImage(view.viewport().size(), QImage.Format.Format_ARGB32_Premultiplied)
    report = {}
    for what, at in itertools.product(("pan", "zoom"), ("Fit", "100%")):
        view.fit()
        if at == "100%":
            view.resetTransform()
        times = []
        for turn in range(rounds):
            begin = time.perf_counter()
            if what == "pan":
                for bar in (view.verticalScrollBar(), view.horizontalScrollBar()):
                    bar.setValue(
                        bar.minimum() + (turn * 23) % max(1, bar.maximum() - bar.minimum())
                    )
            else:
                view.zoom_at(QPoint(500, 400), 1.05 if turn % 60 < 30 else 1 / 1.05)
            painter = QPainter(image)
            view.render(painter)
            painter.end()
            times.append(1000 * (time.perf_counter() - begin))
            QApplication.processEvents()
        report[f"{what} at {at}"] = percentiles(times)
    return report


def cycles(window: Any, table: Any, facts: Any, rounds: int) -> dict[str, float]:
    """Memory in MiB before and after opening, selecting and closing many times."""
    import gc

    import psutil
    from PySide6.QtWidgets import QApplication

    process = psutil.Process()

    def once(turn: int) -> None:
        window.session.set_model("model.pt", facts, table, 1000)
        window.session.select({turn % len(table.blocks)})
        QApplication.processEvents()
        window.session.close_model()
        QApplication.processEvents()

    for turn in range(min(200, rounds)):  # what Qt and the caches take once
        once(turn)
    gc.collect()
    before = process.memory_info().rss / 2**20
    for turn in range(rounds):
        once(turn)
    gc.collect()
    return {"before": before, "after": process.memory_info().rss / 2**20, "cycles": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="yolov8x")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, Any] = {"start": start(5)}
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    report["drop to drawn (s)"] = drop(options.family)
    window, table, facts = opened_window(options.family)
    application.processEvents()
    report["slider tick, every block open (ms)"] = ticks(window, options.rounds)
    report["frames, every block open (ms)"] = frames(window, options.rounds)
    report["memory over open and close (MiB)"] = cycles(window, table, facts, options.cycles)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for what, values in report.items():
        print(f"{what}: {json.dumps(values)}")
    window.session.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
