"""Bugs: logged whole, and shown with the log. What the user can fix never comes here."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.engine.protocol import Failure
from app.engine.untrusted import offer
from app.kit.dialogs import place
from app.kit.widgets import label
from app.state.session import Session
from core.system.logs import append, fault_log
from core.system.visible import visible


class BugDialog(QDialog):
    """Reports that Secateur made a mistake, and offers the log.

    Signals
    -------
    reportWanted()
        A report about it should be saved.
    """

    reportWanted = Signal()

    def __init__(self, message: str, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Internal error")
        self.resize(640, 360)
        self.details = QPlainTextEdit(details)
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the error")
        copy = QPushButton("Copy details")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
        show = QPushButton("Show log")
        show.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(fault_log()))))
        close = QPushButton("Continue")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        report = QPushButton("&Save report…")
        report.setToolTip("Logs, versions, machine and plan in one file; no images, no weights")
        report.clicked.connect(self.reportWanted)
        for part in (copy, show, report):
            buttons.addWidget(part)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addWidget(label("An unexpected error occurred. It is not your fault.", "heading"))
        layout.addWidget(label(message))
        layout.addWidget(
            label(
                "Your plan is unchanged and will be kept for recovery. Please report "
                "this error with the details below.",
                "muted",
            )
        )
        layout.addWidget(self.details, 1)
        layout.addLayout(buttons)


class ErrorReporter(QObject):
    """Takes in everything that went wrong.

    Parameters
    ----------
    session : Session
        Failures that the user can fix become its messages.
    window : QWidget
    """

    reportWanted = Signal()
    _caught = Signal(str, str)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._window = session, window
        self._dialog: BugDialog | None = None
        # Later: a fault may come out of a paint, where no dialog can be opened.
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._previous = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        """Catch what nothing else catches, on any thread."""
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def uninstall(self) -> None:
        """Put the hooks back that were there before."""
        sys.excepthook, threading.excepthook = self._previous

    def failed(self, failure: Failure) -> None:
        """Show why a job failed."""
        if failure.bug:
            self._show(failure.message, failure.trace or failure.message)
            return
        more: dict[str, Any] = {"key": f"failed {failure.task}"} if failure.task else {}
        hint = failure.hint
        if failure.untrusted:
            hint, act = offer(failure.untrusted, self._session.requests.trustWanted.emit)
            more["actions"] = (act,)
        self._session.say(failure.message, hint, "error", layers=failure.layers, **more)

    def succeeded(self, task: str) -> None:
        """Withdraw what was said of the last failure of this kind of task."""
        self._session.unsay(f"failed {task}")

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        append(details)
        if sys.stderr is not None:
            print(visible(details), file=sys.stderr)
        self._caught.emit(f"{kind.__name__}: {error}", details)

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _show(self, message: str, details: str) -> None:
        if self._dialog is not None:
            return  # one at a time: faults often come in swarms
        self._dialog = BugDialog(message, details, self._window)
        self._dialog.reportWanted.connect(self.reportWanted)
        self._dialog.finished.connect(self._closed)
        place(self._dialog)
        self._dialog.open()

    def _closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None
