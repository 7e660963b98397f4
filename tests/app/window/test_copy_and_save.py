"""Every table can be copied, and every chart saved and copied: by construction, and as used."""

from __future__ import annotations

import ast
import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QDialog, QTableView, QTreeView

from app.kit.charts.chart import COPY, SAVE_CSV, SAVE_SVG, Chart
from app.kit.table_copy import COPY_ROWS, COPY_TABLE, cell_text
from app.state.measurements import Alternative, Point
from tests.app.compare.test_compare import THREE, comparison
from tests.app.conftest import QUICK_MS
from tests.app.fake_runs import FakeRun
from tests.app.tune.test_tuning import STARTED, batch, epoch

APP = Path(__file__).parents[3] / "app"
MENU = Qt.ContextMenuPolicy.ActionsContextMenu
RAW = {
    "QTableView", "QTableWidget", "QTreeView", "QTreeWidget", "PlotWidget", "PlotItem",
    "GraphicsLayoutWidget", "GraphicsView", "QChartView",
}  # fmt: skip
"""Qt's and pyqtgraph's own, which offer nothing by themselves."""
DIALOGS = ("shortcuts", "preferences", "why", "help", "messages")


def name_of(node: ast.expr) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


@pytest.mark.parametrize("path", sorted(APP.rglob("*.py")), ids=lambda p: str(p.relative_to(APP)))
def test_tables_and_charts_come_from_the_kit(path):
    if path.relative_to(APP).parts[0] == "kit":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        made = [node.func] if isinstance(node, ast.Call) else getattr(node, "bases", [])
        assert not RAW & {name_of(one) for one in made}, f"{path.name}:{node.lineno}"


def test_a_chart_that_says_nothing_of_its_data_cannot_be_made():
    with pytest.raises(TypeError, match="Silent"):
        type("Silent", (Chart,), {"restyle": lambda self: None})


@pytest.fixture
def everything(opened, fake, dataset, choose, qtbot):
    """Every panel with something in it, and the dialogs that open from the menus."""
    session, measured = opened.session, opened.session.measured
    choose(opened, 5)
    measured.set_baseline(0.4)
    for ratio in (0.25, 0.5):
        measured.add_point(Point(5, ratio, 0.4 * (1 - ratio), 1 - ratio))
    measured.set_front([Alternative(m, m, 1 - m, session.plan) for m in (0.5, 0.7, 0.9)])
    run = FakeRun("a.pt")
    run.emit(STARTED, batch(1, 6), epoch(1, 0.2), batch(2, 6, 0.8), epoch(2, 0.3, 0.7))
    opened.workspace.go_to("tuning")
    opened.context.jobs.watch(str(run.folder))
    panel = opened.workspace["tuning"].widget()
    shots = lambda: panel.watch.charts and panel.watch.charts.rates.plot.curves  # noqa: E731
    qtbot.waitUntil(lambda: bool(shots()), timeout=QUICK_MS)
    opened.workspace.go_to("compare")
    compare = opened.workspace["compare"].widget()
    qtbot.waitUntil(lambda: compare.shown, timeout=QUICK_MS)
    measured.set_comparison(comparison(*THREE))
    for number in range(compare.tabs.count()):
        compare.tabs.setCurrentIndex(number)
    for name in [p.id for f in opened.features for p in f.panels()]:
        opened.workspace.go_to(name)
        widget = opened.workspace[name].widget()
        qtbot.waitUntil(lambda w=widget: getattr(w, "shown", True), timeout=QUICK_MS)
    for name in DIALOGS:
        opened.actions_table.by_id[name].trigger()
    yield opened
    for dialog in opened.findChildren(QDialog):
        dialog.close()
    run.set("done")
    opened.context.jobs.entries = ()


def within(window, kind):
    """All widgets of a kind: in the window, its dialogs, and the panels of every mode."""
    panels = [window.workspace[p.id] for f in window.features for p in f.panels()]
    return list({w for root in (window, *panels) for w in root.findChildren(kind)})


def tables(window) -> list[QTableView | QTreeView]:
    views = [*within(window, QTableView), *within(window, QTreeView)]
    return [view for view in views if view.model() and view.model().columnCount() > 1]


def charts(window) -> list[pg.PlotWidget]:
    return within(window, pg.PlotWidget)


def act(widget, text: str) -> None:
    (action,) = (one for one in widget.actions() if one.text() == text)
    action.trigger()


def test_every_table_copies_all_of_it_and_its_selected_rows(everything):
    found = tables(everything)
    names = {view.accessibleName() for view in found}
    assert {"Blocks of the model", "Channel flow", "History", "Models", "Layers"} <= names
    assert {"Keyboard shortcuts", "Fine-tuning jobs: running, waiting and finished"} <= names
    filled = 0
    for view in found:
        name = view.accessibleName()
        assert view.contextMenuPolicy() == MENU, name
        act(view, COPY_TABLE)
        head, *rows = QGuiApplication.clipboard().text().splitlines()
        shown = [n for n in range(view.model().columnCount()) if not view.isColumnHidden(n)]
        assert len(head.split("\t")) == len(shown), name
        if isinstance(view, QTableView):
            assert len(rows) == view.model().rowCount(), name
        assert all(row.count("\t") == len(shown) - 1 for row in rows), name
        if rows:
            filled += 1
            view.setCurrentIndex(view.model().index(0, 0))
            act(view, COPY_ROWS)
            assert QGuiApplication.clipboard().text().splitlines() == [head, rows[0]], name
    assert filled >= 8


def contrast(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    parts = QColor(colour)
    rgb = (parts.redF(), parts.greenF(), parts.blueF())
    light = sum(w * linear(v) for w, v in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
    return 1.05 / (light + 0.05)


def texts_of(svg: bytes) -> list[tuple[str, str]]:
    """What is written in an SVG, and in which colour."""
    found: list[tuple[str, str]] = []

    def walk(node: ET.Element, fill: str) -> None:
        fill = node.get("fill", fill)
        if node.tag.endswith("}text"):
            found.append(("".join(node.itertext()).strip(), fill))
        for child in node:
            walk(child, fill)

    walk(ET.fromstring(svg), "#000000")
    return found


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_every_chart_is_saved_as_svg_and_csv_and_copied(everything, answers, tmp_path, appearance):
    everything.context.theme.set_appearance(appearance)
    found = charts(everything)
    names = {chart.accessibleName() for chart in found}
    assert names == {
        "Alternatives", "Accuracy against cost", "Classes", "Ranking of channels",
        "Sensitivity of every block", "Losses", "Accuracy", "Learning rate",
    }  # fmt: skip
    for number, chart in enumerate(found):
        name = chart.accessibleName()
        assert isinstance(chart, Chart), name
        assert chart.contextMenuPolicy() == MENU, name
        chart.grab()  # those that were never in sight are laid out by this
        before = chart.grab().toImage()
        for action, suffix in ((SAVE_SVG, ".svg"), (SAVE_CSV, ".csv")):
            answers["save"].append(str(tmp_path / f"{number}{suffix}"))
            act(chart, action)
        look_at_csv(tmp_path / f"{number}.csv", name)
        look_at_svg(tmp_path / f"{number}.svg", name)
        act(chart, COPY)
        copied = QGuiApplication.clipboard().image()
        assert copied.width() >= 2 * chart.width(), name
        assert copied.pixelColor(2, 2) == QColor("white"), name
        assert chart.grab().toImage() == before, name  # the window shows it as it was


def look_at_csv(path: Path, name: str) -> None:
    with path.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    assert len(head) > 1 and all(head), name
    assert rows, name
    assert all(len(row) == len(head) for row in rows), name
    numbers = [cell for row in rows for cell in row[1:] if cell]
    assert numbers and all(isinstance(float(cell), float) for cell in numbers), name


def look_at_svg(path: Path, name: str) -> None:
    svg = path.read_bytes()
    written = texts_of(svg)
    assert name in {text for text, _ in written}
    assert len([text for text, _ in written if text]) > 4, name
    faint = {(text, fill) for text, fill in written if text and contrast(fill) < 4.5}
    assert not faint, (name, faint)
    assert b"<image" not in svg, name  # drawn, not pixels
    drawn = QImage(400, 260, QImage.Format.Format_ARGB32)
    drawn.fill(QColor("#16191e"))  # the page of a dark document
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(svg)).render(painter)
    painter.end()
    assert drawn.pixelColor(2, 2) == QColor("white"), name


def test_a_small_chart_gets_room_in_its_picture(everything):
    everything.workspace.go_to("tuning")
    chart = everything.workspace["tuning"].widget().watch.charts.rates.plot
    assert chart.isVisible()
    size = chart.size()
    assert size.width() < 420
    root = ET.fromstring(chart.svg())
    assert float(root.get("viewBox").split()[2]) >= 420
    ticks = {text for text, _ in texts_of(chart.svg())}
    assert {"epoch", "learning rate"} <= ticks
    chart.copy_picture()
    assert chart.size() == size


def test_a_chart_that_cannot_be_written_says_why(everything, answers, tmp_path):
    chart = next(c for c in charts(everything) if c.accessibleName() == "Losses")
    answers["save"].append(str(tmp_path / "gone" / "losses.svg"))
    answers["ask"].append(None)
    act(chart, SAVE_SVG)
    assert not answers["ask"]  # the message was shown


def test_cells_are_written_as_spreadsheets_read_them():
    assert cell_text("1,234,567") == "1234567"
    assert cell_text("−12.5%") == "-12.5%"
    assert cell_text("one\ttwo\nthree") == "one two three"
    assert cell_text("2, 3") == "2, 3"
    assert cell_text("block 4 − 50%") == "block 4 − 50%"
    assert cell_text(None) == ""
