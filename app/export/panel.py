"""Export: a network in the formats of other runtimes, and whether it still gives the same."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.engine.task_line import TaskLine
from app.export.words import exported_row
from app.kit.controls import able_or_why, add_items, choose, combo, row, set_able, trained_size
from app.kit.desktop import open_file
from app.kit.table_model import Column, TableModel
from app.kit.widgets import OnScreen, TableView, fit_columns, label, table_view
from app.state.deliverables import Exported, exports_of
from app.state.files import at_hand
from app.state.shipping import Format
from core.ship.export.format import NMS_TASKS
from core.ship.quantize.methods import METHODS

PRECISIONS = {
    "fp32": ("FP32", "Full precision; the outputs must match the checkpoint"),
    "fp16": ("FP16", "Half the size; faster on many devices"),
    "int8": (
        "INT8",
        "A quarter of the size; most formats need images of the dataset for calibration",
    ),
}
MORE = ("kit", "nms")
"""Choices to tick."""
QUANTISED = {
    "auto": (
        "Measure which layers",
        "Layers that lose most stay in higher precision where that is worth their time; takes a "
        "minute or more",
    ),
    "none": ("All layers", "All layers in INT8; only the decoding of the outputs is not"),
    "aware": (
        "Train for INT8 first",
        "Ultralytics' quantisation-aware training of a few epochs, then as measured; needs labels "
        "and nvidia-modelopt",
    ),
}
KIT = (
    "Next to the file, a folder with examples in Python and C++ that run it, and what they should "
    "find"
)
NO_KIT = "For detection networks in ONNX, in FP32 and with a batch of one."
NMS = (
    "The network puts out detections: overlapping ones are suppressed inside, at a confidence "
    "above 0.25"
)
NO_NMS = "This format has none, or the network puts out no boxes."
BATCH = "Images per batch; most applications use one"
VIEWS = ("Formats", "Exported")
WAITS = "Checking the installed tools…"
Row = tuple[str, ...]
FORMAT_COLUMNS = (
    Column[Row]("Format", itemgetter(0)),
    Column[Row]("Precisions", itemgetter(1)),
    Column[Row]("Available", itemgetter(2)),
)
EXPORTED_TITLES = (
    "File", "Network", "Format", "Size", "Compared with checkpoint", "Detections", "INT8, of FP32",
)  # fmt: skip
EXPORTED_COLUMNS = tuple(
    Column[Row](title, itemgetter(n), right=title == "Size")
    for n, title in enumerate(EXPORTED_TITLES)
)


class ExportPanel(OnScreen, QWidget):
    """Chooses network, format and precision, and shows the results of exports.

    Signals
    -------
    exportRequested(str, str, str, object, int, object)
        Network, format, precision, image size or None, batch, and what else is chosen: the names
        of `MORE`.
    quantizeRequested(str, str, str, object)
        Network, format, one of ``QUANTISED``, image size or None.
    wanted
        The formats should be looked up.
    """

    exportRequested = Signal(str, str, str, object, int, object)
    quantizeRequested = Signal(str, str, str, object)
    wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._shipped = context.session.shipped
        self._exported: list[Exported] = []
        self._networks: tuple[str, ...] = ()
        self._make(context)
        self._lay_out()
        for signal in (self._session.modelChanged, self._session.resultsChanged):
            signal.connect(self.offer)
        context.engine.changed.connect(self._enable)
        self._session.measured.dataChanged.connect(self._enable)
        self._shipped.formatsChanged.connect(self._show_formats)
        told = (self._session.modelChanged, self._session.lineage.changed)
        for signal in (*told, self._shipped.formatsChanged):
            signal.connect(self._show_exported)
        self.offer()
        self._show()

    # ---- parts --------------------------------------------------------------------------------

    def _make(self, context: Context) -> None:
        self.network: QComboBox = combo({}, "Network to export")
        self.form: QComboBox = combo({}, "Format")
        self.form.activated.connect(lambda _: self._enable())
        self.precision: QComboBox = combo(PRECISIONS, "Precision")
        self.precision.setMinimumContentsLength(5)
        self.precision.activated.connect(lambda _: self._enable())
        self.quantised: QComboBox = combo(QUANTISED, "Layers in INT8")
        self.image_size = trained_size()
        self.batch = QSpinBox()
        self.batch.setRange(1, 1024)
        self.batch.setAccessibleName("Batch size")
        self.batch.valueChanged.connect(lambda _: self._enable())
        self.kit = QCheckBox("Deployment &kit")
        self.nms = QCheckBox("&NMS in the file")
        self.run = QPushButton("&Export…")
        self.run.setProperty("primary", "true")
        self.run.clicked.connect(self._ask)
        self.progress = TaskLine(context.engine, "export", "quantize", "formats", tall=True)
        self.note = label("", "muted")
        self.views = QTabBar()
        self.views.setAccessibleName("Table to show")
        for name in VIEWS:
            self.views.addTab(name)
        self.views.setExpanding(False)
        self.views.currentChanged.connect(lambda _: self._show())
        self.folder = QPushButton("Show &folder")
        self.folder.setToolTip("Show the selected file in its folder")
        self.folder.clicked.connect(self._open_folder)
        self.formats_model = TableModel[Row](FORMAT_COLUMNS, self)
        self.exported_model = TableModel[Row](EXPORTED_COLUMNS, self)
        self.formats: TableView = table_view(self.formats_model, "Formats")
        self.exported: TableView = table_view(self.exported_model, "Exported files", stretch=0)
        self.exported.horizontalHeader().setMinimumSectionSize(70)
        self.exported.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.exported.doubleClicked.connect(lambda _: self._open_folder())

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        batch_name = QLabel("&Batch size")
        batch_name.setBuddy(self.batch)
        fields: tuple[tuple[str, QWidget], ...] = (
            ("&Network", self.network),
            ("For&mat", row(self.form, self.precision)),
            ("&INT8", self.quantised),
            ("Im&ages", row(self.image_size, batch_name, self.batch)),
        )
        leads = (self.network, self.form, self.quantised, self.image_size)
        for number, (name, widget) in enumerate(fields):
            title = QLabel(name)
            title.setBuddy(leads[number])
            grid.addWidget(title, number, 0)
            grid.addWidget(widget, number, 1)
        for number, part in enumerate((self.nms, self.kit, self.run, self.progress, self.note)):
            grid.addWidget(part, len(fields) + number, 0, 1, 2)
        grid.setRowStretch(len(fields) + 5, 1)
        grid.setColumnStretch(1, 1)
        side = QWidget()
        side.setFixedWidth(300)
        side.setLayout(grid)
        top = QHBoxLayout()
        top.addWidget(self.views, 1)
        top.addWidget(self.folder)
        right = QVBoxLayout()
        right.addLayout(top)
        right.addWidget(self.formats, 1)
        right.addWidget(self.exported, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(side)
        layout.addLayout(right, 1)
        self.setAccessibleName("Export")

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Look the formats up when the panel is seen first."""
        self.wanted.emit()
        self._show_formats()

    def offer(self) -> None:
        """Offer the networks available; a pruned one that is new is what is wanted."""
        paths = at_hand(self._session)
        if paths == self._networks:
            self._enable()
            return
        came = [path for path in paths if path not in self._networks]
        kept = self.network.currentData()
        self._networks = paths
        self.network.clear()
        add_items(self.network, {path: (Path(path).name, path) for path in paths})
        wanted = came[-1] if came else kept
        if wanted in paths:
            choose(self.network, wanted)
        self._enable()

    @property
    def _known(self) -> dict[str, Format]:
        return self._shipped.formats

    def _show_formats(self) -> None:
        if not self.shown:
            return
        chosen = self.form.currentData()
        self.form.clear()
        add_items(self.form, {name: (f.title, f.missing) for name, f in self._known.items()})
        task = self._session.model.facts.task if self._session.model is not None else ""
        rows = []
        for name, known in self._known.items():
            other = bool(task) and task not in known.tasks
            set_able(self.form, name, not known.missing and not other)
            able = ", ".join(PRECISIONS[p][0] for p in known.precisions)
            state = known.missing or ("ready" if not other else known.problem("fp32", task))
            extra = " ".join(known.missing_for.values())
            rows.append((known.title, able, f"{state}; {extra}" if extra else state))
        self.formats_model.set_rows(rows)
        fit_columns(self.formats)
        if chosen in self._known:
            choose(self.form, chosen)
        self._enable()

    def _show_exported(self) -> None:
        found = exports_of(self._session)
        if found == self._exported:
            return
        self._exported = found
        rows = [exported_row(told) for told in found]
        self.exported_model.set_rows(rows)
        if rows:
            self.views.setCurrentIndex(1)
            self.exported.selectRow(len(rows) - 1)
        self._show()

    def _show(self) -> None:
        exported = self.views.currentIndex() == 1
        self.formats.setVisible(not exported)
        self.exported.setVisible(exported)
        self.folder.setVisible(exported)
        self._enable()

    def _enable(self) -> None:
        known = self._known.get(str(self.form.currentData()))
        model, precision = self._session.model, str(self.precision.currentData())
        if known is not None:
            for name in PRECISIONS:
                able = name in known.precisions and name not in known.missing_for
                set_able(self.precision, name, able)
            if precision not in known.precisions:
                precision = known.precisions[0]
                choose(self.precision, precision)
        problem = (
            "" if known is None or model is None else known.problem(precision, model.facts.task)
        )
        detects = model is not None and model.facts.task == "detect"
        is_onnx = known is not None and known.name == "onnx" and precision != "fp16"
        layers = self._quantises(precision)  # by another task, which writes the file alone
        alone = "A file in INT8 is written without it: choose FP32." if layers else ""
        fits = detects and is_onnx and self.batch.value() == 1
        able_or_why(self.kit, KIT, alone or ("" if fits else NO_KIT))
        task = "" if model is None else model.facts.task
        can = known is not None and known.nms and task in NMS_TASKS
        able_or_why(self.nms, NMS, alone or ("" if can else NO_NMS))
        needs = known is not None and precision == "int8" and known.calibrates
        if not problem and needs and self._session.measured.data is None:
            problem = "INT8 needs a dataset: choose one in Choose, or drop its YAML on the window."
        self.note.setText(problem or ("" if known is not None else WAITS))
        self.note.setVisible(bool(self.note.text()))
        able = known is not None and model is not None and not problem
        self.quantised.setEnabled(able and layers)
        if layers:
            choose(self.quantised, self.quantised.currentData())
        else:
            self.quantised.setToolTip("For ONNX and OpenVINO in INT8")
        able_or_why(self.batch, BATCH, "A file in INT8 takes one image." if layers else "")
        self.run.setVisible(not self.progress.running)
        self.run.setEnabled(able and self.network.count() > 0)
        self.folder.setEnabled(self.exported.selectionModel().hasSelection())

    # ---- asking -------------------------------------------------------------------------------

    def _quantises(self, precision: str) -> bool:
        """Whether layers can be chosen: other formats quantise by their own tools."""
        return precision == "int8" and str(self.form.currentData()) in METHODS

    def _ask(self) -> None:
        network, form = str(self.network.currentData()), str(self.form.currentData())
        precision, size = str(self.precision.currentData()), self.image_size.currentData()
        if self._quantises(precision):
            how = str(self.quantised.currentData())
            self.quantizeRequested.emit(network, form, how, size)
            return
        more = {
            name for name in MORE if (box := getattr(self, name)).isEnabled() and box.isChecked()
        }
        self.exportRequested.emit(network, form, precision, size, self.batch.value(), more)

    def _open_folder(self) -> None:
        rows = self.exported.selectionModel().selectedRows()
        if rows:
            open_file(self._exported[rows[0].row()].path.parent)
