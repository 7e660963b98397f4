"""Latency: networks timed here or on another device, and a target in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.data.source_part import DEVICES
from app.engine.task_line import TaskLine
from app.kit.controls import combo, set_able, threads_box, trained_size
from app.kit.table_model import Column, TableModel
from app.kit.tick_list import TickList
from app.kit.widgets import OnScreen, TableView, column, label, table_view
from app.latency.device_part import DevicePart
from app.latency.target_part import LatencyTarget
from app.state.deliverables import times_of
from app.state.files import at_hand
from app.state.shipping import Runtime
from core.system.size import size_text
from core.system.visible import visible

USUAL = ("torch", "onnx")
"""Runtimes that are ticked to begin with."""
LAYERED = ("onnx", "torch")
"""Runtimes whose layers can be timed one by one, the usual one first."""
TASKS = ("latency", "latency_table", "suggest", "device_add", "latency_kit", "latency_answers")
"""What can be started here, shown and cancelled here."""
NOTHING = "Tick networks and runtimes, then press Measure. Ratios are relative to the open model."
Row = tuple[str, ...]
COLUMNS = tuple(
    Column[Row](title, itemgetter(n), right=n > 1, tip=tip)
    for n, (title, tip) in enumerate(
        (
            ("Network", "The measured network"),
            ("Runtime", "Runtime, precision, and × batch size"),
            ("ms", "Median time per batch ± half the interquartile range"),
            ("Ratio", "Relative to the open model, within each turn"),
            ("Predicted", "Prediction from the latency table, and its error"),
        )
    )
)


class LatencyPanel(OnScreen, QWidget):
    """Chooses what is timed and how, shows the times, and asks for a suggestion.

    Signals
    -------
    timeRequested(list of str, dict)
        Networks, and how they are timed.
    runtimesWanted
    layersRequested(dict)
        The layers of the open model should be timed so.
    suggestRequested, kitRequested
    """

    timeRequested = Signal(list, dict)
    runtimesWanted = Signal()
    layersRequested = Signal(dict)
    kitRequested = Signal()
    suggestRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._shipped = context.session.shipped
        self._timed: Mapping[str, Any] | None = None
        self._ticked: dict[str, dict[str, bool]] = {}
        self._on = ""
        self.runtimes: dict[str, QCheckBox] = {}
        self._make(context)
        self._lay_out()
        for signal in (self._session.modelChanged, self._session.resultsChanged):
            signal.connect(self._offer)
        self._shipped.runtimesChanged.connect(self._show_runtimes)
        for signal in (
            self._session.modelChanged,
            self._session.planChanged,
            self._session.devices.changed,
        ):
            signal.connect(self._show_device)
        for signal in (self._session.modelChanged, self._session.lineage.changed):
            signal.connect(self._show_times)
        context.engine.changed.connect(self._enable)
        self._offer()
        self._show_times()
        self._show_device()

    # ---- parts --------------------------------------------------------------------------------

    def _make(self, context: Context) -> None:
        self.where = DevicePart(context)
        self.networks = TickList("Networks to measure")
        self.networks.ticked.connect(self._enable)
        self.batch = QLineEdit("1")
        self.batch.setProperty("field", "true")
        self.batch.setAccessibleName("Batch sizes")
        self.batch.setToolTip("Images per batch; separate several by commas, such as 1, 8")
        self.batch.textChanged.connect(self._enable)
        self.image_size = trained_size()
        self.threads = threads_box()
        self.threads.setToolTip("CPU threads of the runtime")
        self.device: QComboBox = combo(DEVICES, "Device")
        self.device.setToolTip("On a GPU, both FP32 and FP16 are measured")
        self.run = QPushButton("&Measure")
        self.run.setProperty("primary", "true")
        self.run.clicked.connect(self._ask)
        self.progress = TaskLine(context.engine, *TASKS, tall=True)
        self.status = label(NOTHING, "muted")
        self.model = TableModel[Row](COLUMNS, self)
        self.times: TableView = table_view(self.model, "Measured latency", stretch=0)
        self.times.horizontalHeader().setMinimumSectionSize(64)
        self.target = LatencyTarget(context)
        self.target.layersRequested.connect(self._ask_layers)
        self.target.suggestRequested.connect(self.suggestRequested)
        self.target.kitRequested.connect(self.kitRequested)

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(154)
        side.setLayout(column(self.networks, self.run, self.progress, margins=0, spacing=5))
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        fields: tuple[tuple[str, QWidget], ...] = (
            ("&Batch", self.batch),
            ("Im&ages", self.image_size),
            ("T&hreads", self.threads),
            ("&Device", self.device),
        )
        for number, (name, widget) in enumerate(fields):
            title = QLabel(name)
            title.setBuddy(widget)
            self._place = title
            self._grid.addWidget(title, number, 0)
            self._grid.addWidget(widget, number, 1)
        self._boxes = QVBoxLayout()
        self._boxes.setSpacing(2)
        self._grid.addLayout(self._boxes, len(fields), 0, 1, 2)
        self._grid.setRowStretch(len(fields) + 1, 1)
        how = QWidget()
        how.setFixedWidth(168)
        how.setLayout(self._grid)
        right = QWidget()
        results = column(self.status, self.times, None, margins=0, spacing=4)
        results.setStretch(1, 100)
        right.setLayout(results)
        parts = QWidget()
        layout = QHBoxLayout(parts)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for widget in (side, how):
            layout.addWidget(widget)
        layout.addWidget(right, 1)
        layout.addWidget(self.target)
        whole = column(self.where, parts, margins=0, spacing=6)
        whole.setContentsMargins(8, 6, 8, 6)
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.setAccessibleName("Latency")

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Look the runtimes up when the panel is seen first."""
        self.runtimesWanted.emit()
        self._show_times()

    def _offer(self) -> None:
        self.networks.offer(at_hand(self._session))
        self._enable()

    def _show_runtimes(self) -> None:
        for runtime in self._shipped.runtimes:
            if runtime.name in self.runtimes:
                continue
            box = QCheckBox(runtime.title)
            box.toggled.connect(self._enable)
            self.runtimes[runtime.name] = box
            self._boxes.addWidget(box)
        for device in DEVICES:
            set_able(self.device, device, self._shipped.gpu or not device.startswith("cuda"))
        self._tick()

    def _show_device(self) -> None:
        """Offer what the device that counts has."""
        on = self._session.plan.device
        if self.runtimes and on != self._on:
            self._ticked[self._on] = {n: box.isChecked() for n, box in self.runtimes.items()}
        self._on = on
        self._tick()

    def _tick(self) -> None:
        """Tick what was ticked for this device, or what is usual, and enable what it can run."""
        known = self._ticked.get(self._on, {})
        for runtime in self._shipped.runtimes:
            box, problem = self.runtimes[runtime.name], self._missing(runtime)
            box.setEnabled(not problem)
            box.setChecked(not problem and known.get(runtime.name, runtime.name in USUAL))
            box.setToolTip(problem or f"Measure the networks in {runtime.title}")
        other = self._session.devices.find(self._on)
        self.device.setVisible(not self._on)
        self._place.setVisible(not self._on)
        cores = self._shipped.threads if not self._on else other.cores if other else 0
        means = f"; one per core means {cores} {self._session.where}" if cores else ""
        self.threads.setToolTip(f"CPU threads of the runtime{means}")
        self._enable()

    def _missing(self, runtime: Runtime) -> str:
        """Describe why a runtime cannot be timed on the device that counts; empty when it can."""
        if not self._on:
            return runtime.missing
        from core.plan.latency.devices import NEEDS

        device = self._session.devices.find(self._on)
        if device is None:
            return "This device is not known"
        if not device.reachable:
            return f"{device.name} cannot be reached from here"
        if runtime.name not in NEEDS:
            return f"{runtime.title} is not measured on other devices"
        if device.version_of(runtime.name) is None:
            package = NEEDS[runtime.name][1]
            return f"Missing on {device.name}: python3 -m pip install {package}"
        return runtime.elsewhere

    def _show_times(self) -> None:
        timed = times_of(self._session)
        if timed == self._timed:
            return
        self._timed = timed
        self.status.setText(NOTHING if timed is None else time_words(timed))
        self.times.setVisible(timed is not None)
        self.model.set_rows([] if timed is None else time_rows(timed))
        self._enable()

    def _batches(self) -> list[int]:
        """Return the batch sizes; none where what was typed is none."""
        words = [word.strip() for word in self.batch.text().split(",") if word.strip()]
        if not all(word.isdecimal() and 0 < int(word) <= 1024 for word in words):
            return []
        return list(dict.fromkeys(map(int, words)))

    def _enable(self) -> None:
        wanted = [name for name, box in self.runtimes.items() if box.isChecked()]
        problem = ""
        if not self._batches():
            problem = "Batch sizes must be numbers, such as 1, 8."
        elif self.runtimes and not wanted:
            problem = "Tick a runtime."
            if not any(box.isEnabled() for box in self.runtimes.values()):
                problem = f"No runtime can be measured {self._session.where}."
        self.run.setToolTip(problem or "Measure the networks in turns, in every selected runtime")
        self.run.setVisible(not self.progress.running)
        self.run.setEnabled(not problem and bool(wanted) and bool(self.networks.count()))

    # ---- asking -------------------------------------------------------------------------------

    def _ask_layers(self) -> None:
        """Ask for a table of layers by which the times of these settings are predicted."""
        ticked = [name for name, box in self.runtimes.items() if box.isChecked()]
        tables = [name for name in LAYERED if name in ticked]
        options: dict[str, Any] = {
            "runtime": tables[0] if tables and not self._on else LAYERED[0],
            "batch": next(iter(self._batches()), 1),
            "image_size": self.image_size.currentData(),
            "threads": self.threads.value() or None,
            "again": self._session.measured.clock is not None,
        }
        self.layersRequested.emit(options)

    def _ask(self) -> None:
        options: dict[str, Any] = {
            "runtimes": [name for name, box in self.runtimes.items() if box.isChecked()],
            "batches": self._batches(),
            "image_size": self.image_size.currentData(),
            "threads": self.threads.value() or None,
        }
        if not self._on:
            options["device"] = str(self.device.currentData())
        self.timeRequested.emit(self.networks.chosen, options)


def time_rows(timed: Mapping[str, Any]) -> list[Row]:
    """Return measured times as rows; on one thread, the thread's own computing time counts."""
    rows: list[Row] = []
    for timing in timed["timings"]:
        own = timing.get("cpu_ms")
        ms, ratio = (own, timing["cpu_ratio"]) if own else (timing["ms"], timing["ratio"])
        predicted, batch = timing.get("predicted_ms"), timing["batch"]
        several = f" × {batch}" if batch != 1 else ""
        how = (timing["runtime"], timing["precision"].upper())  # the latter is not always known
        rows.append(
            (
                Path(timing["model"]).name,
                f"{', '.join(filter(None, how))}{several}",
                f"{digits(ms['median'])} ± {digits(ms['iqr'] / 2, ms['median'])}",
                "1" if ratio is None else _ratio_words(ratio),
                "" if predicted is None else predicted_words(predicted, ms["median"]),
            )
        )
    return rows


def _ratio_words(ratio: Mapping[str, float]) -> str:
    """Write a ratio to the first network; one inside its own spread is no difference."""
    if ratio["low"] <= 1.0 <= ratio["high"]:
        return "no difference"
    return f"{ratio['median']:.3f}"


def digits(ms: float, like: float | None = None) -> str:
    """Write milliseconds by three digits that count (0.512, 5.12, 51.2, 512), or as others are."""
    size = ms if like is None else like
    places = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{ms:.{places}f}"


def predicted_words(predicted: float, measured: float) -> str:
    """Write a prediction, and how far it is from what was measured."""
    if measured <= 0:
        return digits(predicted)
    off = 100 * (predicted / measured - 1)
    return f"{digits(predicted)} ({'+' if off >= 0 else '−'}{abs(off):.0f}%)"


def time_words(timed: Mapping[str, Any]) -> str:
    """Describe what the times hold for, and which runtimes could not take part."""
    first = timed["timings"][0]
    alone = " Processor time of the thread." if first.get("cpu_ms") else ""
    threads = "1 thread" if first["threads"] == 1 else f"{first['threads']} threads"
    machine = timed["machine"]
    where = visible(str(machine["device"]))
    if machine.get("on"):
        where = f"{visible(str(machine.get('name') or machine['on']))}: {where}"
    words = f"{where}, {threads}, {size_text(first['image_size'])}.{alone}"
    return " ".join([words, *(item["message"] for item in timed["missing"])])
