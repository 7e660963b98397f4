"""How far a task of the engine is, as one line of a panel."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QProgressBar, QToolButton, QWidget

from app.engine.client import EngineClient
from app.kit import theme
from app.kit.controls import row
from app.kit.widgets import Elided, label


def cancel_button() -> QToolButton:
    """Return a button that cancels a task."""
    button = QToolButton()
    button.setText("Cancel")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    theme.set_icon(button, "stop")
    button.setToolTip("Cancel the task; no incomplete files are left")
    return button


class TaskLine(QWidget):
    """How far a task of some kinds is, and a button to cancel it; hidden while none runs.

    Parameters
    ----------
    engine : EngineClient
    kinds : str
        Names of tasks.
    tall : bool
        Whether the words are above the bar, for places too narrow to have them next to it.
    """

    def __init__(self, engine: EngineClient, *kinds: str, tall: bool = False) -> None:
        super().__init__()
        self._engine, self._kinds = engine, kinds
        self.words = Elided("muted")
        self.left = label("", "muted", wrap=False)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(60)
        self.bar.setAccessibleName("Progress")
        self.cancel = cancel_button()
        self.cancel.clicked.connect(self._cancel)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        if tall:
            layout.addWidget(row(self.words, self.left, stretch=0), 0, 0, 1, 2)
            layout.addWidget(self.bar, 1, 0)
            layout.addWidget(self.cancel, 1, 1)
            layout.setColumnStretch(0, 1)
        else:
            for number, part in enumerate((self.words, self.left, self.bar, self.cancel)):
                layout.addWidget(part, 0, number)
            layout.setColumnStretch(0, 3)
            layout.setColumnStretch(2, 2)
        engine.changed.connect(self._show)
        self._show()

    @property
    def running(self) -> bool:
        """Whether one of the tasks runs."""
        return bool(self._engine.running(*self._kinds))

    def _show(self) -> None:
        running = self._engine.running(*self._kinds)
        self.setVisible(bool(running))
        if running:
            text = running[0].text or "Waiting"
            self.words.set_whole(text, f"{running[0].title}: {running[0].words or text}")
            self.left.setText(running[0].left)
            self.left.setVisible(bool(running[0].left))
            self.bar.setValue(round(1000 * running[0].fraction))

    def _cancel(self) -> None:
        for record in self._engine.running(*self._kinds)[:1]:
            self._engine.cancel(record.number)
