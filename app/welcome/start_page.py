"""What an empty window shows: where to drop a model, and what was open lately."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit import theme
from app.kit.controls import row
from app.kit.widgets import label

SHOWN = 5
WIDTH = 560
TITLE = "Drop a YOLO model here"


class StartPage(QWidget):
    """Invites to open something."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._settings, self._requests = context.settings, context.session.requests
        self._requests.opening.connect(self.set_opening)
        self.zone = QFrame()
        self.zone.setObjectName("dropZone")
        self.zone.setFixedWidth(WIDTH)
        inside = QVBoxLayout(self.zone)
        inside.setContentsMargins(36, 32, 36, 32)
        inside.setSpacing(12)
        self._picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._picture.setMinimumHeight(56)
        self._title = label(TITLE, "title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        hint = label(
            "A checkpoint (.pt), a model YAML (.yaml), or a Secateur project. No code "
            "from the file is executed, and the file is never changed.",
            "muted",
        )
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open_button = QPushButton("Open model…")
        self.open_button.setProperty("primary", "true")
        self.open_button.clicked.connect(context.session.requests.openDialogWanted)
        self.demo_button = QPushButton("Try the demo")
        self.demo_button.setToolTip(
            "Open a small trained network with a dataset; nothing is downloaded"
        )
        self.demo_button.clicked.connect(context.session.requests.demoWanted)
        self.job = TaskLine(context.engine, "demo_set_up", "open", tall=True)
        for part in (self._picture, self._title, hint):
            inside.addWidget(part)
        inside.addWidget(row(None, self.open_button, self.demo_button, None))
        inside.addWidget(self.job)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addWidget(row(None, self.zone, None))
        layout.addSpacing(16)
        holder = QWidget()
        holder.setFixedWidth(WIDTH)
        holder.setLayout(self._recent)
        layout.addWidget(row(None, holder, None))
        layout.addStretch(3)
        context.theme.changed.connect(self._restyle)
        self._restyle()
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Recent files may have changed while the page was hidden."""
        self.refresh()

    def set_opening(self, path: str) -> None:
        """Report that a file is being opened; an empty path ends that."""
        self._title.setText(f"Opening {Path(path).name}…" if path else TITLE)
        for button in (self.open_button, self.demo_button):
            button.setEnabled(not path)

    def refresh(self) -> None:
        """Show the recent files."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        recent = self._settings.recent()[:SHOWN]
        if recent:
            self._recent.addWidget(label("Recent", "heading"))
        for path in recent:
            folder = str(Path(path).parent)
            shown = folder.replace(str(Path.home()), "~", 1)
            words = f"{Path(path).name}   {shown}" if folder != "." else path
            button = QPushButton()
            middle = Qt.TextElideMode.ElideMiddle  # the tip has all of it
            button.setText(button.fontMetrics().elidedText(words, middle, WIDTH - 60))
            button.setFlat(True)
            button.setStyleSheet("text-align: left; padding: 4px;")
            button.setIcon(
                theme.icon("project" if path.endswith(".secateur") else "model", "muted")
            )
            button.setToolTip(path)
            button.clicked.connect(lambda _=False, p=path: self._requests.openWanted.emit(p))
            self._recent.addWidget(button)

    def _restyle(self) -> None:
        self._picture.setPixmap(theme.render("drop", 48, theme.colours().accent, 2.0))
        self.refresh()
