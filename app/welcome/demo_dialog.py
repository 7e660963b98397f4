"""The demo as it is walked: its steps one by one, then the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QKeyEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.kit import theme
from app.kit.dialogs import place
from app.kit.layouts import Upright
from app.kit.widgets import Elided, column, label

WIDTH, LEAST_WIDTH, RUNNING = 860, 640, 460
"""Pixels: of the results where there is room, and at least; and of the steps."""
MARGIN = 16
SHARE = 368 / 992
"""Height of the picture's first row, with its heading, by its width (core.demo.pictures)."""


class DemoDialog(QDialog):
    """Shows a walk of the demo.

    Signals
    -------
    cancelRequested()
    lookRequested()
        The results should be opened in the window.
    """

    cancelRequested = Signal()
    lookRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("The demo")
        self.setWindowFlag(Qt.WindowType.Tool)  # above the window, which shows what is done
        self.setMinimumWidth(RUNNING)
        self.over = False
        self._result: Mapping[str, Any] = {}
        self.title = label("From a trained network to a smaller one", "heading")
        self.words = label(
            "The window shows every step where you would do it by hand. It takes a few minutes.",
            "muted",
        )
        self.steps = _Steps()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the demo")
        self.now = Elided("muted")
        self.outcome = QWidget()
        self.outcome.hide()
        self.hide_button = QPushButton("&Hide")
        self.hide_button.setToolTip("Continue in the background; the status bar shows the progress")
        self.hide_button.clicked.connect(self.hide)
        self.cancel_button = QPushButton("&Stop")
        theme.set_icon(self.cancel_button, "stop")
        self.cancel_button.clicked.connect(self.cancelRequested)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.hide_button)
        self.buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        body = QWidget()
        body.setLayout(column(self.steps, self.outcome, margins=0, spacing=0))
        self._scroll = Upright(body)
        for part in (self.title, self.words, self._scroll, self.now, self.bar):
            layout.addWidget(part)
        layout.setStretch(2, 1)
        layout.addLayout(self.buttons)
        self.resize(RUNNING, self.sizeHint().height())

    def show_beside(self, window: QWidget) -> None:
        """Show it in the lower left corner of the window while it runs, else in the middle."""
        if self.over:
            place(self)
        elif not self.isVisible():
            area = QRect(window.mapToGlobal(QPoint(0, 0)), window.size())
            inside = area.adjusted(MARGIN, MARGIN, -MARGIN, -5 * MARGIN)
            self.resize(RUNNING, min(self.sizeHint().height(), inside.height()))
            self.move(inside.bottomLeft() - QPoint(0, self.height()))
        self.show()
        self.raise_()

    # ---- while it runs ------------------------------------------------------------------------

    def set_progress(self, fraction: float, text: str) -> None:
        """Show how far it is."""
        if not self.over:
            self.bar.setValue(round(1000 * fraction))
            self.now.set_whole(text)

    def step_done(self, data: Mapping[str, Any]) -> None:
        """Show the results of a step; other news of the job is left alone."""
        if "title" in data:
            self.steps.done(str(data["step"]), str(data["text"]), float(data["seconds"]))

    def reject(self) -> None:
        """Escape hides it while it runs, and closes it when it is over."""
        if self.over:
            super().reject()
        else:
            self.hide()

    def closeEvent(self, event: QCloseEvent) -> None:
        """As Escape."""
        event.ignore()
        self.reject()

    def end(self) -> None:
        """Close it, over or not."""
        self.over = True
        self.reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let no stray Enter stop the walk."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.over:
            event.accept()
            return
        super().keyPressEvent(event)

    # ---- when it is over ----------------------------------------------------------------------

    def finish(self, result: Mapping[str, Any]) -> None:
        """Show the results in place of the steps."""
        self.over, self._result = True, result
        self.title.setText("Finished: the network is smaller, and verified")
        proof = result["verification"]
        self.words.setText(
            "After pruning it equals the masked original (relative error "
            f"{proof['relative_error']:.1e}, at most {proof['tolerance']:.0e}); then it "
            f"was repaired and fine-tuned. Total time: {result['seconds']:.0f} s."
        )
        for part in (self.steps, self.now, self.bar):
            part.hide()
        self._fill_outcome(result)
        self._change_buttons()
        self.setMinimumWidth(LEAST_WIDTH)
        self._scroll.updateGeometry()
        self.resize(WIDTH, self.sizeHint().height())
        if self.isVisible():
            place(self)

    def _fill_outcome(self, result: Mapping[str, Any]) -> None:
        layout = QVBoxLayout(self.outcome)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(_table(result["head"], result["rows"]))
        for missing in result["missing"]:
            layout.addWidget(label(f"Not available: {missing['message']}", "muted"))
        for path in result["pictures"][:1]:
            whole = QPixmap(path)
            if not whole.isNull():
                layout.addWidget(_FirstRow(whole))
        layout.addWidget(
            label(
                "Where the pruned network lost most: the detections of all three networks.", "muted"
            )
        )
        self.outcome.show()

    def _change_buttons(self) -> None:
        for old in (self.hide_button, self.cancel_button):
            old.hide()
        folder = QPushButton("Show &folder")
        folder.clicked.connect(lambda: _open(self._result["folder"]))
        report = QPushButton("Open &report")
        report.clicked.connect(lambda: _open(self._result["report"]))
        close = QPushButton("&Close")
        close.clicked.connect(self.reject)
        look = QPushButton("Open in &window")
        look.setProperty("primary", "true")
        look.clicked.connect(self.reject)
        look.clicked.connect(self.lookRequested)
        self.buttons.insertWidget(0, folder)
        self.buttons.insertWidget(1, report)
        for button in (close, look):
            self.buttons.addWidget(button)
        look.setDefault(True)
        look.setFocus()


class _Steps(QFrame):
    """One line a step: done, under way, or still to come."""

    def __init__(self) -> None:
        super().__init__()
        from core.demo.steps import STEPS

        self.setObjectName("card")
        grid = QGridLayout(self)
        grid.setContentsMargins(14, 10, 14, 10)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(7)
        self._names = [step.name for step in STEPS]
        self._ready = 0
        self._marks, self.texts, self._times = [], [], []
        for line, step in enumerate(STEPS):
            mark, title, text, time = QLabel(), label(step.title, wrap=False), Elided(), QLabel()
            time.setProperty("role", "muted")
            time.setAlignment(Qt.AlignmentFlag.AlignRight)
            mark.setFixedSize(16, 16)
            for number, part in enumerate((mark, title, text, time)):
                grid.addWidget(part, line, number)
            self._marks.append(mark)
            self.texts.append(text)
            self._times.append(time)
        grid.setColumnStretch(2, 1)
        self._mark()

    def done(self, name: str, text: str, seconds: float) -> None:
        """Tick a step off."""
        line = self._names.index(name)
        self.texts[line].set_whole(text)
        self._times[line].setText(f"{seconds:.0f} s")
        self._ready = line + 1
        self._mark()

    def _mark(self) -> None:
        for line, mark in enumerate(self._marks):
            name, colour, word = (
                ("success", "success", "done")
                if line < self._ready
                else ("next", "accent", "running")
                if line == self._ready
                else ("", "", "waiting")
            )
            mark.setAccessibleName(word)
            mark.setToolTip(word)
            if name:
                mark.setPixmap(theme.render(name, 16, theme.colour(colour).name(), 2.0))
            else:
                mark.setPixmap(QPixmap())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> QWidget:
    card = QFrame()
    card.setObjectName("card")
    grid = QGridLayout(card)
    grid.setContentsMargins(14, 10, 14, 10)
    grid.setHorizontalSpacing(20)
    for number, title in enumerate(head):
        grid.addWidget(label(title, "muted", wrap=False), 0, number)
    for line, row in enumerate(rows, 1):
        for number, text in enumerate(row):
            role = "heading" if number == 0 or (line > 1 and number < len(row) - 1) else ""
            grid.addWidget(label(text, role, wrap=False), line, number)
    grid.setColumnStretch(len(head) - 1, 1)
    return card


class _FirstRow(QWidget):
    """The first row of a picture, as wide as there is room."""

    def __init__(self, whole: QPixmap) -> None:
        super().__init__()
        self._part = whole.copy(QRect(0, 0, whole.width(), round(SHARE * whole.width())))
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Detections of the original, the pruned and the fine-tuned network")

    def heightForWidth(self, width: int) -> int:
        """Return the height at which it is not distorted."""
        return round(SHARE * width)

    def sizeHint(self) -> QSize:
        """Return the size at the usual width."""
        return QSize(WIDTH, self.heightForWidth(WIDTH))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(self.rect(), self._part)


def _open(path: str) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path))))
