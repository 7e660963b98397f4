"""Whether the dataset can be trained on: a part of the panel “Fine-tune”."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit import theme
from app.kit.widgets import Elided, column, label, show_markup
from core.system.escape import html_text

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck

NONE = "No dataset. Drop a dataset YAML on the window, or choose one."
UNCHECKED = "Not checked; it is checked before training starts."
COLOURS = {"error": "blocked", "warning": "warning"}
WIDTH = 300
"""Pixels, at least."""
CLASSES = 6
"""How many classes are named; the rest are counted."""


class DataCheck(QWidget):
    """The dataset, and what a check of it found.

    Signals
    -------
    checkRequested, dataRequested
    """

    checkRequested = Signal()
    dataRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._measured, self._engine = context.session.measured, context.engine
        self.name = Elided("heading")
        self.pick = QPushButton("Ch&oose…")
        self.pick.setToolTip("Choose a dataset YAML (or drop it on the window)")
        self.pick.clicked.connect(self.dataRequested)
        self.check = QPushButton("Chec&k data")
        self.check.setToolTip(
            "Look for missing or damaged images and labels, other classes, and images in two splits"
        )
        self.check.clicked.connect(self.checkRequested)
        self.found = label("")
        show_markup(self.found)
        self.found.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.found.setAccessibleName("Results of the check")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(WIDTH)
        top = QHBoxLayout()
        top.addWidget(self.name, 1)
        top.addWidget(self.check)
        top.addWidget(self.pick)
        layout = column(TaskLine(context.engine, "check_data"), self.found, margins=0, spacing=4)
        layout.insertLayout(0, top)
        layout.addStretch(1)
        self.setLayout(layout)
        for signal in (self._measured.dataChanged, self._measured.dataChecked):
            signal.connect(self.show_data)
        context.engine.changed.connect(self._enable)
        self.show_data()

    def show_data(self) -> None:
        """Show the dataset and what is known of it."""
        data, check = self._measured.data, self._measured.check
        name, path = ("Data", "") if data is None else (Path(data.path).name, data.path)
        self.name.set_whole(name, path)
        if data is None:
            self.found.setText(NONE)
        elif check is None:
            self.found.setText(UNCHECKED)
        else:
            self.found.setText(check_text(check))
        self._enable()

    def _enable(self) -> None:
        able = self._measured.data is not None and not self._engine.running("check_data")
        self.check.setEnabled(able)


def check_text(check: DatasetCheck) -> str:
    """Describe what a check found: problems first, the worst before the others, then the splits."""
    colours = theme.colours()
    lines = []
    problems = sorted(check["problems"], key=lambda p: p["severity"] != "error")
    for problem in problems:
        colour = getattr(colours, COLOURS.get(problem["severity"], "muted"))
        word = problem["severity"].capitalize()
        hint = f' <span style="color:{colours.muted}">{html_text(problem["hint"])}</span>'
        lines.append(
            f'<b style="color:{colour}">{word}:</b> {html_text(problem["message"])}'
            + (hint if problem["hint"] else "")
        )
    if not problems:
        lines.append(f'<b style="color:{colours.success}">Ready:</b> no problems found.')
    for name, split in check["splits"].items():
        lines.append(
            f"<b>{html_text(name)}</b>: {split['images']:,} images "
            f"({split['labelled']:,} labelled), "
            f"{split['objects']:,} objects of {len(split['classes'])} classes"
        )
    lines.append(f'<span style="color:{colours.muted}">{html_text(classes_text(check))}</span>')
    return "<br>".join(line for line in lines if line)


def classes_text(check: DatasetCheck) -> str:
    """Describe how often the classes occur in the train split, the most frequent first."""
    split = check["splits"].get("train") or next(iter(check["splits"].values()), None)
    counts = split["classes"] if split else {}
    often = sorted(counts.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {count:,}" for name, count in often[:CLASSES])
    more = len(often) - CLASSES
    return named + (f", {more} more" if more > 0 else "")
