"""What a pruning came to: the verification, and before and after side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.kit import formats, theme
from app.kit.controls import row
from app.kit.layouts import Upright
from app.kit.table_model import Column, SortedProxy, TableModel
from app.kit.widgets import label, table_view
from app.pruning import repair_words
from core.checkpoint.facts import modules_note

NEXT = (
    "Fine-tune the network to recover accuracy. Do it here: train() of Ultralytics would "
    "rebuild the full network."
)

REPAIRED = (
    "Verification ran before the repair, which only adjusted the remaining weights. To "
    "train the network further, use Fine-tune: train() of Ultralytics would rebuild the "
    "full network."
)


class ResultDialog(QDialog):
    """Shows the engine's report on one pruned file.

    Parameters
    ----------
    result : mapping
        What the ``prune`` job gave.
    file_before : int or None
        Bytes of the original file.
    note : str
        Said of the two files' sizes.

    Signals
    -------
    openWanted(str), tuneWanted(str), compareWanted(str)
        What to do with the pruned file next.
    """

    openWanted = Signal(str)
    tuneWanted = Signal(str)
    compareWanted = Signal(str)

    def __init__(
        self,
        result: Mapping[str, Any],
        file_before: int | None,
        parent: QWidget | None = None,
        note: str = "",
    ) -> None:
        super().__init__(parent)
        self._output = str(result["output"])
        self.setWindowTitle("Pruned")
        self.resize(820 if result.get("repair") else 720, 640)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(18, 16, 18, 0)
        layout.setSpacing(10)
        layout.addLayout(self._head(result))
        layout.addWidget(_figures(result, file_before, note))
        if result.get("repair"):
            layout.addWidget(label("Repair", "heading"))
            layout.addWidget(self._repair(result["repair"]))
            if result.get("repair_images"):
                self.images = label(repair_words.images_used(result["repair_images"]), "muted")
                layout.addWidget(self.images)
        if result.get("repair_failed"):
            failed = f"Repair failed, so the file is not repaired. {result['repair_failed']}"
            self.failed = label(failed, "blocked")
            layout.addWidget(self.failed)
        if modules := modules_note(result.get("modules") or (), "The pruned file"):
            self.modules = label(modules, "muted")
            layout.addWidget(self.modules)
        layout.addWidget(label("Changed layers", "heading"))
        layout.addWidget(self._layers(result), 1)
        layout.addWidget(label(NEXT if not result.get("repair") else REPAIRED, "muted"))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(Upright(body), 1)
        whole.addWidget(self._buttons())

    def _head(self, result: Mapping[str, Any]) -> QHBoxLayout:
        proof = result["verification"]
        picture = QLabel()
        picture.setPixmap(theme.render("verify", 32, theme.colours().success, 2.0))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(
            label(f"{Path(self._output).name} was pruned, verified and saved", "heading")
        )
        self.proof = label(
            f"It equals the masked original: relative error {proof['relative_error']:.1e} "
            f"on {proof['inputs']} inputs (at most {proof['tolerance']:.0e}). Took "
            f"{formats.duration(result['seconds'])}.",
            "muted",
        )
        words.addWidget(self.proof)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(words, 1)
        return head

    def _repair(self, steps: list[dict[str, Any]]) -> QWidget:
        self.repairs = TableModel(_REPAIR_COLUMNS, self)
        self.repairs.set_rows(steps)
        view = table_view(self.repairs, "Result of every repair step", stretch=5)
        height = view.verticalHeader().defaultSectionSize() * len(steps) + 34
        view.setFixedHeight(min(170, height))
        return view

    def _layers(self, result: Mapping[str, Any]) -> QWidget:
        rows = [r for r in result["layers"] if not r["type"].startswith("BatchNorm")]
        self.model = TableModel(_LAYER_COLUMNS, self)
        self.model.set_rows(rows)
        view = table_view(SortedProxy(self.model, self), "Layers before and after", stretch=0)
        view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        return view

    def _buttons(self) -> QWidget:
        """Return what can be done next; the last is the usual step."""
        steps: list[QPushButton] = []
        for text, signal, tip in (
            ("&Open pruned model", self.openWanted, "Show the pruned network in the window"),
            ("&Compare…", self.compareWanted, "Compare it with the original on the same images"),
            ("&Fine-tune…", self.tuneWanted, "Train it in its new shape"),
        ):
            step = QPushButton(text)
            step.setToolTip(tip)
            step.clicked.connect(self.accept)
            step.clicked.connect(lambda _=False, one=signal: one.emit(self._output))
            steps.append(step)
        steps[-1].setProperty("primary", "true")
        folder = QPushButton("Show in folder")
        place = QUrl.fromLocalFile(str(Path(self._output).absolute().parent))
        folder.clicked.connect(lambda: QDesktopServices.openUrl(place))
        close = QPushButton("Close")
        close.clicked.connect(self.accept)
        close.setFocus()  # Enter closes; nothing else is done by a stray key
        buttons = row(folder, None, close, *steps)
        buttons.setContentsMargins(18, 4, 18, 14)
        return buttons


def _figures(result: Mapping[str, Any], file_before: int | None, note: str) -> QWidget:
    before, after = result["before"], result["after"]
    rows: list[tuple[str, float | None, float, Callable[[float], str]]] = [
        ("Parameters", before["parameters"], after["parameters"], formats.count),
        ("GFLOPs", before["macs"], after["macs"], formats.gflops),
        ("File", file_before, result["output_size"], formats.size),
    ]
    card = QFrame()
    card.setObjectName("card")
    grid = QGridLayout(card)
    grid.setContentsMargins(14, 10, 14, 10)
    grid.setHorizontalSpacing(24)
    for place, title in enumerate(("", "Before", "After", "Change")):
        grid.addWidget(label(title, "muted"), 0, place)
    for line, (name, was, now, show) in enumerate(rows, 1):
        grid.addWidget(label(name), line, 0)
        grid.addWidget(label(show(was) if was else "none"), line, 1)
        grid.addWidget(label(show(now), "heading"), line, 2)
        change = formats.percent(now / was) if was else ""
        said = f"{change} ({note})" if note and name == "File" else change
        grid.addWidget(label(said, "muted"), line, 3)
    grid.setColumnStretch(3, 1)
    return card


_REPAIR_COLUMNS: list[Column[Mapping[str, Any]]] = [
    Column("Step", lambda r: repair_words.step_title(str(r["step"]))),
    Column(
        "Gap",
        repair_words.gap,
        tip="Distance of the outputs from the original's, on held-out images",
    ),
    Column(
        "Accuracy",
        repair_words.gain,
        tip="On the same few images; varies more than the gap",
    ),
    Column(
        "Result", repair_words.verdict, colour=lambda r: "success" if r.get("kept") else "muted"
    ),
    Column("Time", lambda r: formats.duration(r.get("seconds") or 0.0), right=True),
    Column("Note", lambda r: str(r.get("note") or "")),
]
_LAYER_COLUMNS: list[Column[Mapping[str, Any]]] = [
    Column("Layer", lambda r: str(r["name"])),
    Column("Kind", lambda r: str(r["type"])),
    Column(
        "In",
        lambda r: formats.widths(r["inputs_before"], r["inputs_after"]),
        lambda r: r["inputs_before"],
        right=True,
    ),
    Column(
        "Out",
        lambda r: formats.widths(r["outputs_before"], r["outputs_after"]),
        lambda r: r["outputs_before"],
        right=True,
    ),
    Column("Kept", lambda r: f"{r['outputs_after'] / max(1, r['outputs_before']):.0%}", right=True),
]
