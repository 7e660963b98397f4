"""Data: what a check of the dataset found, how often its classes occur, and its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QTreeWidgetItem,
    QWidget,
)

from app.context import Context
from app.data.classes_part import ClassTable
from app.data.samples_part import Samples
from app.engine.task_line import TaskLine
from app.kit import theme
from app.kit.layouts import Flow
from app.kit.widgets import Elided, OnScreen, WrappedTree, column, label
from app.pictures.panes import Page

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck, Problem
    from core.data.index import Index
    from core.errors import UserError

NONE = "No dataset. Drop its YAML or folder on the window, or choose it."
UNCHECKED = "Not checked. Check it to see its classes, its images, and what is wrong with them."
SIGNS = {"error": ("error", "blocked"), "warning": ("warning", "warning"), "none": ("success",) * 2}
WIDTHS = [290, 320, 430]
LEAST = (252, 220, 220)
"""Widths of its three parts, in pixels."""
IMAGE = Qt.ItemDataRole.UserRole
SEVERITY = Qt.ItemDataRole.UserRole + 1


class DataPanel(OnScreen, QWidget):
    """Shows the dataset before anything is started on it.

    Signals
    -------
    dataRequested, folderRequested
        A dataset should be chosen: its description, or its folder.
    checkRequested
    """

    dataRequested = Signal()
    folderRequested = Signal()
    checkRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._engine = context.session, context.engine
        self._measured, self._background = context.session.measured, context.background
        self._shown_check: DatasetCheck | None = None
        self._index_path = ""
        self._make(context)
        self._lay_out()
        for signal in (self._measured.dataChanged, self._measured.dataChecked):
            signal.connect(self._show)
        context.engine.changed.connect(self._enable)
        context.theme.changed.connect(self._restyle)
        self.setAccessibleName("Data")
        self._show()

    def _make(self, context: Context) -> None:
        self.name = Elided("heading")
        self.pick = QPushButton("Ch&oose…")
        self.pick.setToolTip("Choose a dataset YAML (or drop it on the window)")
        self.pick.clicked.connect(self.dataRequested)
        self.folder = QPushButton("Fo&lder…")
        self.folder.setToolTip("Choose a folder with a dataset, or with one folder per class")
        self.folder.clicked.connect(self.folderRequested)
        self.check = QPushButton("Chec&k")
        self.check.setToolTip(
            "Look for missing or damaged images and labels, other classes, and images in two splits"
        )
        self.check.clicked.connect(self.checkRequested)
        self.progress = TaskLine(context.engine, "check_data", tall=True)
        self.summary = label("", "muted")
        self.problems = WrappedTree()
        self.problems.setAccessibleName("Results of the check")
        self.problems.itemActivated.connect(self._open)
        self.classes = ClassTable()
        self.samples = Samples(context)
        self.classes.picked.connect(self.samples.show_class)

    def _lay_out(self) -> None:
        side = QWidget()
        buttons = Flow(self.pick, self.folder, self.check)
        parts = (self.name, buttons, self.progress, self.summary, self.problems)
        layout = column(*parts, margins=0, spacing=4)
        layout.setStretch(len(parts) - 1, 1)
        layout.addStretch(0)  # keeps the rest at the top while there are no results
        side.setLayout(layout)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(9)
        split.setProperty("gap", "true")
        for part, least in zip((side, self.classes, self.samples), LEAST, strict=True):
            part.setMinimumWidth(least)
            split.addWidget(part)
        split.setSizes(WIDTHS)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(8, 6, 8, 6)
        whole.addWidget(split)

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the dataset as it is now."""
        self._show()

    def _show(self) -> None:
        """Show what was refused last, if it was; else the dataset in use."""
        measured = self._measured
        check = measured.refused if measured.refused is not None else measured.check
        path = str(check["path"]) if check is not None else ""
        if not path and measured.data is not None:
            path = measured.data.path
        self.name.set_whole(Path(path).name if path else "No dataset", path or NONE)
        self.summary.setText(summary(check, bool(path), refused=measured.refused is not None))
        self._enable()
        for part in (self.problems, self.classes, self.samples):
            part.setVisible(check is not None)
        if not self.shown or check is self._shown_check:
            return
        self._shown_check = check
        self._fill_problems(check)
        self.classes.set_check(check)
        self._read_index(str(check.get("index") or "") if check is not None else "")

    def _fill_problems(self, check: DatasetCheck | None) -> None:
        self.problems.clear()
        self.problems.setRootIsDecorated(False)
        for problem in sorted_problems(check):
            text = f"{problem['message']} {problem['hint']}".strip()
            details = problem.get("details", ())
            item = QTreeWidgetItem(self.problems, [text])
            item.setToolTip(0, text)
            item.setIcon(0, _sign(str(problem["severity"])))
            item.setData(0, SEVERITY, problem["severity"])
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{problem['severity']}: {text}")
            self.problems.setRootIsDecorated(self.problems.rootIsDecorated() or bool(details))
            for detail in details:
                words = f"{Path(detail['image']).name}: {detail['text']}"
                child = QTreeWidgetItem(item, [words])
                child.setToolTip(0, f"{detail['image']}\n{detail['text']}")
                child.setData(0, IMAGE, detail["image"])
        if check is not None and not self.problems.topLevelItemCount():
            item = QTreeWidgetItem(self.problems, ["No problems found."])
            item.setIcon(0, _sign("none"))
            item.setData(0, SEVERITY, "none")

    def _read_index(self, path: str) -> None:
        self._index_path = path
        self.samples.set_index(None)
        if not path:
            return

        def read() -> Index:
            from core.data.index import read_index

            return read_index(path)

        def failed(error: Exception | UserError) -> None:
            self.summary.setText(str(error))

        self._background.run("index", read, self.samples.set_index, failed)

    def _enable(self) -> None:
        running = self.progress.running
        self.check.setEnabled(self._measured.data is not None and not running)
        self.summary.setVisible(not running)

    def _restyle(self) -> None:
        for number in range(self.problems.topLevelItemCount()):
            item = self.problems.topLevelItem(number)
            if item is not None:
                item.setIcon(0, _sign(str(item.data(0, SEVERITY))))
        self.classes.restyle()

    def _open(self, item: QTreeWidgetItem) -> None:
        """Show the images that a problem is about."""
        parent = item.parent() or item
        children = [c for n in range(parent.childCount()) if (c := parent.child(n)) is not None]
        if children:
            pages = [self._page(str(child.data(0, IMAGE)), child.text(0)) for child in children]
            number = parent.indexOfChild(item) if item is not parent else 0
            self.samples.show_pages(parent.text(0), pages, number)

    def _page(self, path: str, text: str) -> Page:
        return Page(path, Path(path).name, text, read=self.samples.read_of(path))


def _sign(severity: str) -> QIcon:
    return theme.icon(*SIGNS.get(severity, ("info", "muted")))


def sorted_problems(check: DatasetCheck | None) -> list[Problem]:
    """Return the problems of a check, errors first."""
    problems = check["problems"] if check is not None else ()
    return sorted(problems, key=lambda problem: problem["severity"] != "error")


def summary(check: DatasetCheck | None, there: bool, refused: bool) -> str:
    """Summarise what is known of a dataset."""
    if check is None:
        return UNCHECKED if there else NONE
    splits = ", ".join(
        f"{name} {split['images']:,} images" for name, split in check["splits"].items()
    )
    objects = sum(split["objects"] for split in check["splits"].values())
    told = f"{check['task']}: {splits}; {objects:,} objects." if splits else ""
    words = "It was not selected. " if refused else ""
    return f"{words}{told}"
