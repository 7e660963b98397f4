"""The status bar: what runs and how to cancel it, the device, and the state of the engine."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar

from app.context import Context
from app.engine.protocol import EngineState
from app.engine.task_line import cancel_button
from app.kit.widgets import Elided

PHASES = {
    "off": "engine off",
    "starting": "engine starting…",
    "restarting": "engine restarting…",
    "ready": "engine ready",
    "broken": "engine not available",
}
EDGE = 4
DEVICE_TIP = "Device for pruning and measuring"
UNTESTED = "untested versions"
"""Stays in sight without asking for anything; the tip and *Help › About* name the versions."""


def versions_line(state: EngineState) -> str:
    """Return the versions of the engine's libraries; empty while they are not known."""
    facts = state.facts
    if "ultralytics" not in facts:
        return ""
    return f"PyTorch {facts['torch']}, Ultralytics {facts['ultralytics']}"


class StatusBar(QStatusBar):
    """Shows; is asked nothing."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._engine, self._session = context.engine, context.session
        self.setSizeGripEnabled(False)
        self.setContentsMargins(0, 0, 10, 0)
        self._job = Elided()  # the window would grow by long words
        self._job.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(140)
        self._bar.setTextVisible(False)
        self.cancel = cancel_button()
        self.cancel.clicked.connect(self._cancel)
        self.engine = QLabel()
        for widget in (self._job, self._bar, self.cancel, self.engine):
            self.addPermanentWidget(widget, int(widget is self._job))
        self.cancel.ensurePolished()
        # The graph must not move when the button comes and goes.
        self.setMinimumHeight(self.cancel.sizeHint().height() + 2 * EDGE)
        self._engine.changed.connect(self._show_job)
        self._engine.engine_changed.connect(self._show_engine)
        for signal in (
            self._session.modelChanged,
            self._session.planChanged,
            self._session.devices.changed,
        ):
            signal.connect(lambda: self._show_engine(self._engine.state))
        self._show_job()
        self._show_engine(self._engine.state)

    def _show_job(self) -> None:
        running = self._engine.running()
        for widget in (self._job, self._bar, self.cancel):
            widget.setVisible(bool(running))
        if running:
            words = running[0].words or running[0].title
            self._job.set_whole(words, f"{running[0].title}: {words}")
            self._bar.setValue(round(1000 * running[0].fraction))

    def _cancel(self) -> None:
        for record in self._engine.running()[:1]:
            self._engine.cancel(record.number)

    def _show_engine(self, state: EngineState) -> None:
        words = PHASES[state.phase]
        untested = str(state.facts.get("untested", ""))
        plan, devices = self._session.plan, self._session.devices
        timed = f"times of {devices.brief(plan.device)}" if plan.device else ""
        parts = [timed, state.device, words, UNTESTED if untested else ""]
        text = " · ".join(part for part in parts if part)
        self.engine.setText(text if state.device else text[:1].upper() + text[1:])
        self.engine.setContentsMargins(8, 2, 14, 2)
        elsewhere = f"Milliseconds are those {devices.where(plan.device)}" if timed else ""
        lines = [DEVICE_TIP, elsewhere, versions_line(state), untested]
        self.engine.setToolTip("\n".join(line for line in lines if line))
