"""What should be tuned, by what, how long: a part of the panel “Fine-tune”."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.data.source_part import DEVICES
from app.engine.place_choice import HERE, SLURM, PlaceChoice
from app.kit.controls import SizeBox, add_items, choose, combo, row
from app.kit.layouts import Flow
from app.kit.widgets import label
from app.tune.data_part import DataCheck
from app.tune.sparsity_part import SparsityPart
from app.tune.turns_part import TurnsPart

OTHER = "…"
"""Stands for a file that is asked for."""
CHECKPOINTS = "YOLO checkpoints (*.pt)"
WAYS = {
    "auto": ("default", "As set by the preset"),
    "outputs": ("outputs", "Scores and boxes of the teacher, position by position"),
    "features": ("features", "The feature maps before the head, with distill_model of Ultralytics"),
    "none": ("nothing", "Use the labels only"),
}
LENGTHS = {
    "preset": ("default", "The number of epochs of the preset"),
    "epochs": ("epochs", "Number of passes over the images"),
    "minutes": ("minutes", "Time limit; the learning rate decays over this time"),
}
PLACES = {
    HERE: ("This computer", "In the queue of this computer"),
    SLURM: ("Slurm", "A node of the cluster runs the job; everything must lie on a shared disk"),
}
NEEDS_DATA = "Choose a dataset first"
NO_CHECKPOINT = "Open a checkpoint (.pt) first, or choose one as the network"


class TuningForm(QWidget):
    """Asks for everything a fine-tuning needs.

    Signals
    -------
    startRequested(dict)
        Settings, as `core.tune.settings.Settings` has them, or with the ``kind``
        “iterative” those of `core.runs.kinds.iterative.Iteration`.
    checkRequested(str)
        The dataset should be checked against a network.
    dataRequested
    argumentsRequested(str, dict, callable)
        Any argument should be set, over a preset's: the preset, those set, who is called.
    """

    argumentsRequested = Signal(str, object, object)
    startRequested = Signal(dict)
    checkRequested = Signal(str)
    dataRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._session = context, context.session
        self._measured = context.session.measured
        self._offered: dict[str, tuple[tuple[str, str], ...]] = {}
        self._newest = ""
        self.options: dict[str, Any] = {}
        self._make()
        self.turns = TurnsPart(context, self._kind_changed)
        self.data = DataCheck(context)
        self.data.checkRequested.connect(lambda: self.checkRequested.emit(self.network_path))
        self.data.dataRequested.connect(self.dataRequested)
        self.begin = QPushButton("&Start")
        self.begin.setProperty("primary", "true")
        self.begin.clicked.connect(lambda: self.startRequested.emit(self.settings()))
        self._lay_out()
        for signal in (self._session.modelChanged, self._session.resultsChanged):
            signal.connect(self.offer)
        self._measured.dataChanged.connect(self._enable)
        context.engine.changed.connect(self._enable)
        self.offer()

    # ---- parts --------------------------------------------------------------------------------

    def _make(self) -> None:
        from core.tune.presets import PRESETS

        self.network = combo({}, "Network to fine-tune")
        self.network.activated.connect(lambda _: self._picked(self.network))
        self.teacher = combo({}, "Teacher")
        self.teacher.activated.connect(lambda _: self._picked(self.teacher))
        presets = {
            key: (p.title, f"{p.text}\n{_arguments(p.options)}") for key, p in PRESETS.items()
        }
        self.preset = combo(presets, "Preset")
        self.preset.activated.connect(lambda _: self._tips())
        self.sparsity = SparsityPart()
        self.way = combo(WAYS, "Distillation target")
        self.length = combo(LENGTHS, "Duration")
        self.length.activated.connect(lambda _: self._enable())
        self.length.setMinimumContentsLength(8)
        self.amount = QDoubleSpinBox()
        self.amount.setDecimals(0)
        self.amount.setRange(1, 100_000)
        self.amount.setValue(10)
        self.amount.setAccessibleName("Number of epochs or minutes")
        self.batch = QSpinBox()
        self.batch.setRange(0, 4096)
        self.batch.setSpecialValueText("default")
        self.batch.setAccessibleName("Batch size")
        self.batch.setToolTip("Images per batch; more need more memory")
        self.smaller = QCheckBox("halve the batch if memory runs out")
        self.smaller.setChecked(True)
        self.smaller.setToolTip(
            "If memory runs out, continue with half the batch size; otherwise stop and suggest it"
        )
        sizes = {None: ("default", "The image size that the network was trained with")}
        self.image_size = SizeBox(sizes)
        self.device = combo(DEVICES, "Device")
        self.where = PlaceChoice(PLACES)
        self.more = QPushButton()
        self.more.clicked.connect(self._ask)
        self.set_options({})

    def _lay_out(self) -> None:
        target, way = self.turns.widgets
        self._turns_row: list[QWidget] = [target, way]
        self._sparse_row: list[QWidget] = [self.sparsity.widget]
        what = self._fields(
            (
                ("Job", self.turns.kind),
                ("Keep", target),
                ("Network", self.network),
                ("Teacher", self.teacher),
                ("Preset", self.preset),
                ("Strength", self.sparsity.widget),
                ("Distill", self.way),
            )
        )
        how = self._fields(
            (
                ("Experts", self.more),
                ("In", way),
                ("Duration", row(self.length, self.amount)),
                ("Batch size", row(self.batch, self.smaller)),
                ("Image size", self.image_size),
                ("Device", self.device),
                ("Run on", self.where),
            )
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Flow(what, how, self.data, spacing=16))
        layout.addStretch(1)

    def _fields(self, lines: Iterable[tuple[str, QWidget]]) -> QWidget:
        """Make one column of the form; it takes the width that there is."""
        result = QWidget()
        result.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        grid = QGridLayout(result)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        for number, (name, widget) in enumerate(lines):
            caption = label(name, "muted", wrap=False)
            for optional in (self._turns_row, self._sparse_row):
                if widget in optional:
                    optional.append(caption)
            grid.addWidget(caption, number, 0)
            grid.addWidget(widget, number, 1)
        grid.setColumnStretch(1, 1)
        return result

    def _kind_changed(self) -> None:
        """In turns, it is the open model that is pruned, and that teaches."""
        self.offer()
        own = self._own
        if self.turns.chosen and own:
            choose(self.network, own)
            if self.teacher.findData(own) >= 0:
                choose(self.teacher, own)
        self._tips()

    def _ask(self) -> None:
        preset = str(self.preset.currentData())
        self.argumentsRequested.emit(preset, self.options, self.set_options)

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Use arguments of Ultralytics' trainer over those of the preset."""
        self.options = dict(options)
        count = f" ({len(self.options)} set)" if self.options else ""
        self.more.setText(f"&All arguments{count}…")
        told = ", ".join(f"{key} {value}" for key, value in self.options.items())
        self.more.setToolTip(told or "All arguments of the Ultralytics trainer")

    # ---- what is offered ----------------------------------------------------------------------

    @property
    def network_path(self) -> str:
        """The network chosen to be tuned."""
        return str(self.network.currentData() or "")

    @property
    def _own(self) -> str:
        """The open model, where it is a checkpoint."""
        model = self._session.model
        return model.path if model is not None and Path(model.path).suffix == ".pt" else ""

    def offer(self) -> None:
        """Offer the networks there are: pruned results, the open model, tuned files."""
        results = [r.output for r in self._session.lineage.results]
        own = [self._own] if self._own else []
        tuned = [one.output for one in reversed(self._session.lineage.tuned)]
        existing = [
            p for p in dict.fromkeys([*reversed(results), *own, *tuned]) if Path(p).is_file()
        ]
        named = [(path, _named(path, results, own)) for path in existing]
        newest = existing[0] if existing else ""
        came = newest != self._newest  # a new result, or another model: that is what is wanted
        self._newest = newest
        wanted = newest if came else self.network_path
        self._fill(self.network, named, self._own if self.turns.chosen else wanted)
        teachers = [("", "none"), *((path, Path(path).name) for path in own)]
        kept = str(self.teacher.currentData() or "")
        usual = own[0] if own and (newest not in own or self.turns.chosen) else ""
        self._fill(self.teacher, teachers, usual if came else kept)
        self._tips()

    def choose_network(self, path: str) -> None:
        """Choose the network to be tuned, offered or not."""
        self._fill(self.network, self._offered.get(self.network.accessibleName(), ()), path)
        self._tips()

    def _fill(self, box: QComboBox, offered: Iterable[tuple[str, str]], wanted: str) -> None:
        """Offer files, keeping one that the user has picked next to them."""
        items = dict(offered)
        if wanted and wanted not in items:
            items[wanted] = Path(wanted).name
        told = tuple(items.items())
        if self._offered.get(box.accessibleName()) != told:
            self._offered[box.accessibleName()] = told
            box.clear()
            add_items(box, {path: (name, path) for path, name in told})
            add_items(box, {OTHER: ("other file…", "Choose a checkpoint")})
        if wanted in items:
            choose(box, wanted)

    def _picked(self, box: QComboBox) -> None:
        if box.currentData() == OTHER:
            start = self._context.settings.folder()
            path, _ = QFileDialog.getOpenFileName(
                self, f"Choose: {box.accessibleName()}", start, CHECKPOINTS
            )
            offered = self._offered[box.accessibleName()]
            wanted = path or (offered[0][0] if offered else "")
            self._fill(box, offered, wanted)
        self._tips()

    def _tips(self) -> None:
        for box in (self.network, self.teacher, self.preset, self.way):
            choose(box, box.currentData())
        self._enable()

    def _enable(self) -> None:
        self.way.setEnabled(bool(self.teacher.currentData()))
        self.amount.setEnabled(self.length.currentData() != "preset")
        has_data = self._measured.data is not None
        network = self.network_path not in ("", OTHER)
        turns = self.turns.chosen
        for widget in self._turns_row:
            widget.setVisible(turns)
        for widget in self._sparse_row:
            widget.setVisible(self.sparsity.fits(str(self.preset.currentData())))
        self.network.setEnabled(not turns)
        self.turns.target.setToolTip(self.turns.tip() if turns else "")
        checking = bool(self._context.engine.running("check_data"))
        self.begin.setEnabled(has_data and network and not checking)
        tip = (
            "Train a copy of the network in a separate process, which continues if you close "
            "the window"
        )
        self.begin.setToolTip(NEEDS_DATA if not has_data else tip if network else NO_CHECKPOINT)

    # ---- what is asked for --------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Return what the form says."""
        length = self.length.currentData()
        teacher = str(self.teacher.currentData() or "") or None
        result: dict[str, Any] = {
            "model": self.network_path,
            "teacher": None if teacher == OTHER else teacher,
            "distill": self.way.currentData() if teacher else "auto",
            "preset": self.preset.currentData(),
            "batch": self.batch.value() or None,
            "smaller_batch": self.smaller.isChecked(),
            "image_size": self.image_size.currentData(),
            "device": self.device.currentData(),
            "options": dict(self.options),
            **self.sparsity.settings(str(self.preset.currentData())),
        }
        if length == "epochs":
            result["epochs"] = int(self.amount.value())
        elif length == "minutes":
            result["minutes"] = self.amount.value()
        result = self.turns.settings(result) if self.turns.chosen else result
        return {**result, "on": self.where.text}


def _named(path: str, results: list[str], own: list[str]) -> str:
    kind = "pruned" if path in results else "open" if path in own else "tuned"
    return f"{Path(path).name} ({kind})"


def _arguments(options: Mapping[str, Any]) -> str:
    """Describe the main arguments of a preset."""
    shown = ("optimizer", "lr0", "epochs", "batch")
    return ", ".join(f"{key} {options[key]}" for key in shown if key in options)
