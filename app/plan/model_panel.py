"""The model at a glance: what it is, how large, and where its cost is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QPushButton, QScrollArea, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit import formats
from app.kit.controls import row
from app.kit.widgets import ShareBar, column, label, line
from app.state.open_model import OpenModel
from core.checkpoint.facts import fork_note, modules_note, zeros_note

STAGES = ("backbone", "neck", "head")


class ModelPanel(QScrollArea):
    """Facts of the open model, and how accurate it is.

    Signals
    -------
    evaluateRequested()
    """

    evaluateRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._name = label("", "heading")
        self._note = label("No model is open. Drop one on the window.", "muted")
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 4, 0, 4)
        self._form.setHorizontalSpacing(12)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._facts = QWidget()
        self._facts.setLayout(self._form)
        self._parameters, self._macs = ShareBar(), ShareBar()
        self._bars = QWidget()
        self._bars.setLayout(
            column(
                label("Parameters by stage", "muted"),
                self._parameters,
                label("GFLOPs by stage", "muted"),
                self._macs,
                margins=0,
            )
        )
        self.accuracy = label("", "muted")
        self.evaluate = QPushButton("Measure accuracy")
        self.evaluate.setToolTip("Measure mAP on the val split of the dataset")
        self.evaluate.clicked.connect(self.evaluateRequested)
        self.progress = TaskLine(context.engine, "evaluate", tall=True)
        self._engine = context.engine
        self._ask = row(self.evaluate, None)
        self._measuring = QWidget()
        self._measuring.setLayout(
            column(line(), self.accuracy, self._ask, self.progress, margins=0)
        )
        inner = QWidget()
        parts = (self._name, self._note, self._facts, self._bars, self._measuring)
        inner.setLayout(column(*parts, None, margins=10))
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the keyboard
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Model overview")
        self.setMinimumWidth(200)
        self._session.modelChanged.connect(self._show_model)
        self._session.predictionChanged.connect(self._show_shares)
        measured = self._session.measured
        for signal in (measured.dataChanged, measured.accuracyChanged, context.engine.changed):
            signal.connect(self._show_accuracy)
        self._show_model()

    def _show_model(self) -> None:
        model = self._session.model
        self._show_accuracy()
        for part in (self._name, self._facts, self._bars):
            part.setVisible(model is not None)
        while self._form.rowCount():
            self._form.removeRow(0)
        if model is None:
            return
        self._name.setText(Path(model.path).name)
        self._name.setToolTip(model.path)
        self._note.setText(_note(model))
        self._note.setVisible(bool(_note(model)))
        for name, value, tip in _facts(model):
            shown = label(value)
            shown.setToolTip(tip)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._form.addRow(label(name, "muted", wrap=False), shown)
        self._show_shares()

    def _show_accuracy(self) -> None:
        """Describe the accuracy of the open model, if it was measured."""
        measured = self._session.measured
        self._measuring.setVisible(self._session.model is not None and measured.data is not None)
        running = bool(self._engine.running("evaluate"))
        self._ask.setVisible(not running)
        found = measured.accuracy
        if found is None:
            self.accuracy.setText("" if running else "Accuracy not measured.")
        else:
            skipped = f", {found.skipped} unreadable" if found.skipped else ""
            main, second = self._session.measures
            self.accuracy.setText(
                f"{main} {found.map50_95:.4f}, {second} {found.map50:.4f} "
                f"on {found.images} images{skipped}"
            )

    def _show_shares(self) -> None:
        table, prediction = self._session.table, self._session.prediction
        if table is None or prediction is None:
            return
        for bar, costs in (
            (self._parameters, prediction.block_parameters),
            (self._macs, prediction.block_macs),
        ):
            sums = dict.fromkeys(STAGES, 0)
            for block in table.blocks:
                sums[block.stage] = sums.get(block.stage, 0) + costs[block.index]
            total = sum(sums.values()) or 1
            bar.set_parts([(formats.STAGES[s], sums[s] / total, s) for s in STAGES if sums[s]])


def _note(model: OpenModel) -> str:
    notes = []
    if model.facts.history:
        times = len(model.facts.history)
        notes.append(f"Already pruned by Secateur {('once' if times == 1 else f'{times} times')}.")
    if model.facts.fused:
        notes.append("BatchNorm is folded into the convolutions.")
    facts = model.facts
    told = (fork_note(facts), zeros_note(facts), modules_note(facts.modules, "This file"))
    notes += filter(None, told)
    if model.table.unfollowed:
        notes.append(
            f"{len(model.table.unfollowed)} modules could not be traced; they are left unchanged."
        )
    return " ".join(notes)


def _facts(model: OpenModel) -> list[tuple[str, str, str]]:
    facts, table = model.facts, model.table
    names = [facts.classes[k] for k in sorted(facts.classes)]
    stages = [f"{sum(b.stage == s for b in table.blocks)} {s}" for s in STAGES]
    shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    image = "{} × {} px".format(*facts.image_size)
    file = formats.size(model.file_size) if model.file_size else "model YAML, untrained"
    return [
        ("Family", facts.family, "Architecture and scale"),
        ("Task", facts.task, "The task of the network"),
        ("Classes", f"{len(names)} ({shown})", ", ".join(names[:60])),
        ("Image", image, "Height and width of the images it was trained with"),
        ("Blocks", f"{len(table.blocks)}", ", ".join(stages)),
        (
            "Convolutions",
            str(formats.kind_count(table, "Conv2d", "ConvTranspose2d")),
            "Convolution layers in all blocks",
        ),
        ("Weights", facts.dtype, "Data type of the stored weights"),
        ("File", file, model.path),
    ]
