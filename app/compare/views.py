"""The views of a comparison that are a table with something next to it: models, classes, layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.compare import tables
from app.compare.graph_overlay import NAMES, OVERLAYS, is_kin
from app.compare.tables import COSTS, SIGNS, Pair, Row, Table
from app.kit.controls import add_items, choose, combo, row
from app.kit.table_model import ROW_ROLE, SortedProxy, TableModel
from app.kit.widgets import Elided, KeptStrip, TableView, column, table_view
from core.compare.result import ComparedLayer, Comparison
from core.data.figures import figure_name

if TYPE_CHECKING:
    from app.compare.classes_chart import ClassesChart
    from app.compare.models_chart import ComparedChart
    from app.state.session import Session

SHARES = (560, 260)
PLAN = "none"


class View(QWidget):
    """A table of a comparison, and next to it what its subclass makes of it.

    Parameters
    ----------
    name : str
        Of the table, for screen readers.
    """

    shares = SHARES
    """How table and side divide the width at first."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.table: TableView | None = None
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.addWidget(self._split)

    def show_result(self, result: Comparison, pair: Pair) -> None:
        """Show a comparison."""
        raise NotImplementedError

    def restyle(self) -> None:
        """Draw in the colours of the theme."""

    def add_side(self, side: QWidget) -> None:
        """Put a widget next to the table."""
        self._split.addWidget(side)
        self._split.setSizes(list(self.shares))

    def set_table(self, table: Table) -> None:
        """Show another table."""
        model = TableModel[Row](table.columns)
        model.set_rows(table.rows)
        proxy = SortedProxy(model)
        view = table_view(proxy, self._name)
        model.setParent(view)
        proxy.setParent(view)
        view.sortByColumn(table.order, Qt.SortOrder.AscendingOrder)
        view.setMinimumWidth(200)
        view.resizeColumnsToContents()
        view.selectionModel().currentRowChanged.connect(self._current_changed)
        view.activated.connect(lambda index: self.opened(index.row()))
        proxy.layoutChanged.connect(self.sorted_anew)
        old, self.table = self.table, view
        if old is None:
            self._split.insertWidget(0, view)
            self._split.setSizes(list(self.shares))
        else:
            sizes = self._split.sizes()
            self._split.replaceWidget(0, view)
            self._split.setSizes(sizes)
            old.deleteLater()

    @property
    def rows(self) -> list[Row]:
        """The rows as they are sorted now."""
        if self.table is None:
            return []
        model = self.table.model()
        return [model.index(n, 0).data(ROW_ROLE) for n in range(model.rowCount())]

    def _current_changed(self, now: QModelIndex, _before: QModelIndex) -> None:
        self.picked(now.row())

    def picked(self, number: int) -> None:
        """Called with the row that the user went to."""

    def opened(self, number: int) -> None:
        """Called with the row to open."""

    def sorted_anew(self) -> None:
        """Called when rows changed their order."""


class ModelsView(View):
    """What every model reaches and costs, with a chart of one against the other."""

    def __init__(self) -> None:
        super().__init__("Models")
        self._result: Comparison | None = None
        self.chart: ComparedChart | None = None
        self.figure = combo({}, "Accuracy figure of the chart")
        self.cost = combo({}, "Cost on the horizontal axis of the chart")
        add_items(self.cost, {key: (title, "") for key, (title, *_) in COSTS.items()})
        for box in (self.figure, self.cost):
            box.setMinimumContentsLength(5)
            box.activated.connect(lambda _: self._draw())
        self._side = QWidget()
        self._column = column(row(self.figure, self.cost), margins=0, spacing=2)
        self._side.setLayout(self._column)
        self.add_side(self._side)

    def show_result(self, result: Comparison, pair: Pair) -> None:
        """Show the models; the chart needs figures."""
        self._result = result
        self.set_table(tables.models_table(result))
        keys = tables.figures_of(result)
        self._side.setVisible(bool(keys))
        known = [self.figure.itemData(n) for n in range(self.figure.count())]
        if known != keys:
            self.figure.clear()
            add_items(self.figure, {key: (figure_name(key), "") for key in keys})
            if keys:
                choose(self.figure, tables.main_figure(result))
        cost = str(self.cost.currentData())
        if keys and any(tables.cost_of(model, cost) is None for model in result["models"]):
            choose(self.cost, "milliseconds")  # or exported files would not be in the chart
        self._draw()

    def _draw(self) -> None:
        result, figure = self._result, self.figure.currentData()
        if result is None or figure is None:
            return
        if self.chart is None:
            from app.compare.models_chart import ComparedChart

            self.chart = ComparedChart()
            self._column.addWidget(self.chart, 1)
        cost = str(self.cost.currentData())
        points = tables.points(result, figure, cost)
        self.chart.set_models(points, figure_name(figure), COSTS[cost][1])

    def restyle(self) -> None:
        """Draw the chart in the colours of the theme."""
        if self.chart is not None:
            self.chart.restyle()


class ClassesView(View):
    """The main figure of every class, the worst changes first, as a table and as a chart."""

    def __init__(self) -> None:
        super().__init__("Classes")
        self._result: Comparison | None = None
        self._pair: Pair = (0, 1)
        self.chart: ClassesChart | None = None
        self.key = Elided("muted")
        self._side = QWidget()
        self._column = column(self.key, margins=0, spacing=2)
        self._side.setLayout(self._column)
        self.add_side(self._side)

    def show_result(self, result: Comparison, pair: Pair) -> None:
        """Show the classes."""
        self._result, self._pair = result, pair
        self.set_table(tables.classes_table(result, pair))
        told = tables.names(result)
        self.key.set_whole("   ".join(f"{SIGNS[n % len(SIGNS)]} {told[n]}" for n in self._shown))
        self._draw()

    @property
    def _shown(self) -> list[int]:
        """The models in the chart: those of the pair, and what is between."""
        assert self._result is not None
        others = [n for n in range(len(self._result["models"])) if n not in self._pair]
        return [self._pair[0], *others, self._pair[1]]

    def _draw(self) -> None:
        if self._result is None:
            return
        if self.chart is None:
            from app.compare.classes_chart import ClassesChart

            self.chart = ClassesChart()
            self._column.addWidget(self.chart, 1)
        rows, shown = self.rows, self._shown
        values = [[cells[1 + n] for n in shown] for cells in rows]
        figure = figure_name(tables.main_figure(self._result))
        told = tables.names(self._result)
        models = {n: told[n] for n in shown}
        self.chart.set_classes([str(cells[0]) for cells in rows], values, models, figure)

    def picked(self, number: int) -> None:
        """Show the class in the chart."""
        if self.chart is not None:
            self.chart.show_class(number)

    def sorted_anew(self) -> None:
        """Draw the chart in the order of the table."""
        self._draw()

    def restyle(self) -> None:
        """Draw the chart in the colours of the theme."""
        if self.chart is not None:
            self.chart.restyle()


class LayersView(View):
    """Widths, surviving channels and cost of every layer; of one layer, every channel.

    The layer that is gone to is also in focus on the graph, which can show the comparison itself.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("Layers")
        self._session = session
        self._result: Comparison | None = None
        self.graph = combo({PLAN: ("Graph: the plan", "")}, "What the graph shows")
        add_items(self.graph, {o.id: (f"Graph: {_within(o.title)}", "") for o in OVERLAYS})
        self.graph.setToolTip("Show the comparison on the graph: colours and widths")
        self.graph.activated.connect(lambda _: self._session.set_overlay(self.graph.currentData()))
        session.viewChanged.connect(self._look)
        session.selectionChanged.connect(self._follow)
        self.layer = Elided("heading")
        self._following = False
        self.strips: list[KeptStrip] = []
        self._words: list[Elided] = []
        self._side = QWidget()
        self._side.setMinimumWidth(180)
        self._column = column(self.graph, self.layer, margins=0, spacing=2)
        self._column.addStretch(1)
        self._side.setLayout(self._column)
        self.add_side(self._side)

    def show_result(self, result: Comparison, pair: Pair) -> None:
        """Show the layers, the first changed one in detail."""
        self._result = result
        self.graph.setEnabled(is_kin(self._session, result))
        self._look()
        self.set_table(tables.layers_table(result, pair))
        changed = (str(cells[0].layer) for cells in self.rows if cells[0].changed)
        first = next(changed, str(self.rows[0][0].layer) if self.rows else "")
        self.go_to(first)
        self._describe(first)

    def picked(self, number: int) -> None:
        """Show a layer in detail."""
        rows = self.rows
        if 0 <= number < len(rows):
            layer = str(rows[number][0].layer)
            self._describe(layer)
            if not self._following:
                self._session.focus_layer(layer)

    def go_to(self, layer: str) -> None:
        """Go to a layer, if it is there; the graph stays where it is."""
        rows = [str(cells[0].layer) for cells in self.rows]
        if self.table is None or layer not in rows:
            return
        if self.table.currentIndex().row() != rows.index(layer):
            self._following = True
            self.table.selectRow(rows.index(layer))
            self._following = False

    def _follow(self) -> None:
        """Go to the layer, or to the first changed layer of the block, in focus on the graph."""
        session = self._session
        if self._result is None or not self.isVisible() or session.focused is None:
            return
        if session.focused_layer:
            self.go_to(session.focused_layer)
            return
        own = [cells[0] for cells in self.rows if cells[0].block == session.focused]
        found = next((change for change in own if change.changed), own[0] if own else None)
        if found is not None:
            self.go_to(found.layer)

    def _look(self) -> None:
        overlay = self._session.overlay
        choose(self.graph, overlay if overlay in NAMES else PLAN)

    def _describe(self, name: str) -> None:
        result = self._result
        if result is None or not name:
            return
        layer = next(one for one in result["channels"] if one["layer"] == name)
        self.layer.set_whole(f"{name}: remaining channels")
        told = tables.names(result)
        while len(self.strips) < len(told):
            words, strip = Elided("muted"), KeptStrip()
            self._words.append(words)
            self.strips.append(strip)
            at = self._column.count() - 1
            self._column.insertWidget(at, words)
            self._column.insertWidget(at + 1, strip)
        for number, (words, strip) in enumerate(zip(self._words, self.strips, strict=True)):
            words.setVisible(number < len(told))
            strip.setVisible(number < len(told))
            if number < len(told):
                _describe_model(layer, number, told[number], words, strip)


def _describe_model(
    layer: ComparedLayer, number: int, name: str, words: Elided, strip: KeptStrip
) -> None:
    """Show which of the original channels of a layer a model has."""
    survived, width = layer["survived"][number], layer["outputs"][number]
    if width is None:
        words.set_whole(f"{name}: does not have this layer")
        strip.hide()
    elif survived is None:
        words.set_whole(f"{name}: {width:,} channels; the file does not list which ones")
        strip.hide()
    else:
        known = [one for one in layer["survived"] if one]
        last = max((max(one) + 1 for one in known), default=width)
        total = max(layer.get("original") or 0, last)
        listed = tables.ranges(survived)
        words.set_whole(f"{name}: {width:,} of {total:,}: {listed}", f"{name}: {listed}")
        strip.set_kept(np.isin(np.arange(total), survived))


def _within(title: str) -> str:
    """Write a title within a sentence; an abbreviation stays as it is."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
