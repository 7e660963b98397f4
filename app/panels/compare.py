"""Compare: original, pruned and tuned side by side, on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app.comparing import FIGURES, Row, main_figure, tables
from app.context import Context
from app.controls import JobLine
from app.item_models import TableModel
from app.widgets import OnScreen, column, label, table_view

if TYPE_CHECKING:
    from app.charts.compared import ComparedChart
    from app.widgets import TableView

VIEWS = ("Models", "Classes", "Layers", "Images")
NOTHING = "Tick two models or more; the first is what the others are held against."
NO_DATA = "Choose a dataset first (panel Choose, or drop its yaml on the window)."
PATH = Qt.ItemDataRole.UserRole


class ComparePanel(OnScreen, QWidget):
    """Chooses models and shows how they compare.

    Signals
    -------
    compareRequested(list of str)
    """

    compareRequested = Signal(list)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._runs, self._jobs = context.session, context.runs, context.jobs
        self._measured = context.session.measured
        self._chart: ComparedChart | None = None
        self._table: TableView | None = None
        self._offered: tuple[str, ...] = ()
        self.models = QListWidget()
        self.models.setAccessibleName("Models to compare")
        self.models.itemChanged.connect(lambda _: self._enable())
        self.run = QPushButton("Compare")
        self.run.setProperty("primary", "true")
        self.run.clicked.connect(lambda: self.compareRequested.emit(self.chosen))
        self.status = label(NOTHING, "muted")
        self.progress = JobLine(context, "compare", tall=True)
        self.views = QTabBar()
        self.views.setAccessibleName("What is compared")
        for name in VIEWS:
            self.views.addTab(name)
        self.views.currentChanged.connect(lambda _: self._show_table())
        self._lay_out()
        self._connect(context)
        self.offer()
        self._show()

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(260)
        side.setLayout(
            column(self.models, self.progress, self.run, self.status, margins=0, spacing=5)
        )
        self._place = QVBoxLayout()
        self._place.addWidget(self.views)
        self._right = QHBoxLayout()
        self._right.addLayout(self._place, 5)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(side)
        layout.addLayout(self._right, 1)
        self.setAccessibleName("Compare")

    def _connect(self, context: Context) -> None:
        for signal in (self._session.modelChanged, self._session.resultsChanged):
            signal.connect(self.offer)
        self._runs.listChanged.connect(self.offer)
        self._measured.compared.connect(self._show)
        for signal in (self._measured.dataChanged, context.jobs.changed):
            signal.connect(self._enable)
        context.theme.changed.connect(self._restyle)

    # ---- which models -------------------------------------------------------------------------

    def offer(self) -> None:
        """Offer the open model, the project's pruned files, and tuned ones; ticks stay."""
        model = self._session.model
        own = [model.path] if model is not None else []
        pruned = [r.output for r in self._session.results]
        # Of tuned files only those that came of this model's: others are for other classes.
        known = {*own, *pruned}
        tuned = [
            e.output
            for e in reversed(self._runs.entries)
            if e.state == "done" and {e.arguments.get("model"), e.arguments.get("teacher")} & known
        ]
        offered = tuple(p for p in dict.fromkeys([*own, *pruned, *tuned]) if Path(p).is_file())
        if offered == self._offered:
            return
        ticked = set(self.chosen) | (set(offered) - set(self._offered))
        self._offered = offered
        self.models.clear()
        for path in offered:
            item = QListWidgetItem(Path(path).name, self.models)
            item.setToolTip(path)
            item.setData(PATH, path)
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 8))  # room for the tick's box
            state = Qt.CheckState.Checked if path in ticked else Qt.CheckState.Unchecked
            item.setCheckState(state)
        self._enable()

    @property
    def chosen(self) -> list[str]:
        """The ticked models, in order."""
        items = [self.models.item(n) for n in range(self.models.count())]
        return [str(i.data(PATH)) for i in items if i.checkState() == Qt.CheckState.Checked]

    def _enable(self) -> None:
        running, data = self.progress.running, self._measured.data is not None
        self.run.setVisible(not running)
        self.run.setEnabled(data and len(self.chosen) > 1)
        self.run.setToolTip(NOTHING if data else NO_DATA)
        if self._measured.comparison is None:
            self.status.setText(NOTHING if data else NO_DATA)

    # ---- what came of it ----------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the comparison as it is now."""
        self._show()

    def _show(self) -> None:
        result = self._measured.comparison
        self.views.setVisible(result is not None)
        self._enable()
        if result is not None:
            images = result["models"][0].get("images", 0)
            self.status.setText(f"On {images:,} images of the split {result['split']}.")
        self._show_table()
        self._show_chart()

    def _show_table(self) -> None:
        if not self.shown:
            return
        if self._table is not None:
            self._place.removeWidget(self._table)
            self._table.deleteLater()
            self._table = None
        result = self._measured.comparison
        if result is None:
            return
        name = VIEWS[self.views.currentIndex()]
        table = tables(result)[name]
        self._table = table_view(TableModel[Row](table.columns, self), name)
        model = self._table.model()
        assert isinstance(model, TableModel)
        model.setParent(self._table)
        model.set_rows(table.rows)
        self._table.resizeColumnsToContents()
        self._place.addWidget(self._table, 1)

    def _show_chart(self) -> None:
        result = self._measured.comparison
        if not self.shown or (self._chart is None and result is None):
            return
        if self._chart is None:
            from app.charts.compared import ComparedChart

            self._chart = ComparedChart()
            self._right.addWidget(self._chart, 2)
        self._chart.setVisible(result is not None)
        if result is not None:
            key = main_figure(result)
            points = [
                (Path(m["path"]).stem, m["macs"] / 1e9, float(m["figures"].get(key, 0.0)))
                for m in result["models"]
            ]
            self._chart.set_models(points, FIGURES.get(key, key))

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()
