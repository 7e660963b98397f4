"""A slider over milliseconds: the goal of a suggestion; a part of the panel “Latency”."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QPushButton, QSlider, QWidget

from app.context import Context
from app.kit import formats
from app.kit.controls import row
from app.kit.widgets import column, label

LOWEST, WHOLE = 20, 100
"""Percent of the unpruned network's time that the slider reaches."""
START = 70
BY_KIT = (
    "This device cannot be reached from here: write a measurement kit, run it there, and choose "
    "Latency › Read answers."
)
NOT_TIMED = (
    "Measure the layers of this model once to predict the milliseconds of every plan as "
    "you edit it. This takes minutes."
)


class LatencyTarget(QWidget):
    """Sets how many milliseconds an image may take, and asks for a plan that keeps to it.

    Signals
    -------
    layersRequested, suggestRequested
    kitRequested
        The device that counts has no shell: it needs an archive.
    """

    layersRequested = Signal()
    kitRequested = Signal()
    suggestRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._measured = context.session, context.session.measured
        self._engine = context.engine
        self.setFixedWidth(216)
        self.heading = label("A target in milliseconds", "heading", wrap=False)
        self.now = label("", "muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(LOWEST, WHOLE)
        self.slider.setPageStep(5)
        self.slider.setValue(START)
        self.slider.setAccessibleName("Share of the unpruned network's time")
        self.slider.valueChanged.connect(self._slid)
        self.spin = QDoubleSpinBox()
        self.spin.setDecimals(2)
        self.spin.setRange(0.01, 100_000.0)
        self.spin.setSuffix(" ms")
        self.spin.setKeyboardTracking(False)
        self.spin.setAccessibleName("Milliseconds per image")
        self.spin.valueChanged.connect(self._typed)
        self.share = label("", "muted", wrap=False)
        self.suggest = QPushButton("S&uggest")
        self.suggest.setToolTip("Find what to remove to meet the target")
        self.suggest.clicked.connect(self._suggest)
        self.time = QPushButton()
        self.time.setToolTip("With the runtime, image size, batch size and threads selected here")
        self.time.clicked.connect(self._measure)
        self._lay_out()
        for signal in (
            self._measured.clockChanged,
            self._measured.goalChanged,
            self._session.modelChanged,
            self._session.predictionChanged,
            self._session.devices.changed,
            context.engine.changed,
        ):
            signal.connect(self.show_target)
        self.show_target()

    def _lay_out(self) -> None:
        self._controls = QWidget()
        self._controls.setLayout(
            column(self.slider, row(self.spin, self.share, None, self.suggest), margins=0)
        )
        self.setLayout(
            column(self.heading, self.now, self._controls, self.time, None, margins=0, spacing=6)
        )

    # ---- showing ------------------------------------------------------------------------------

    @property
    def whole(self) -> float | None:
        """Milliseconds of the unpruned network, where they are predicted."""
        return self._session.unpruned_ms

    def show_target(self) -> None:
        """Show the goal, and what the plan as it is takes."""
        whole, prediction = self.whole, self._session.prediction
        self._controls.setVisible(whole is not None)
        running = bool(self._engine.running("latency_table", "suggest", "scores"))
        device = self._session.devices.find(self._session.plan.device)
        unknown = bool(self._session.plan.device) and device is None
        words = "Measure &layers" if whole is None else "Measure &layers again"
        self.time.setText("Measurement &kit…" if self._by_kit() else words)
        self.time.setEnabled(self._session.model is not None and not running and not unknown)
        self.suggest.setEnabled(not running)
        clock = self._session.clock
        if whole is None or prediction is None or clock is None:
            self.now.setText(BY_KIT if self._by_kit() else NOT_TIMED)
            return
        after = clock.ms(prediction.resolution.removed)
        change = f"{formats.change_ms(whole, after)}{self._about()}"
        self.now.setText(f"Predicted for the plan {self._session.where}: {change}.")
        goal = self._measured.goal
        asked = goal.latency_ms if goal is not None else None
        if goal is not None and goal.latency is not None:
            asked = goal.latency * whole
        self._show(asked if asked is not None else whole * self.slider.value() / 100, whole)

    def _by_kit(self) -> bool:
        """Whether the device that counts is measured by an archive."""
        device = self._session.devices.find(self._session.plan.device)
        return device is not None and not device.reachable

    def _about(self) -> str:
        """Describe what the prediction holds for."""
        clock = self._measured.clock
        return "" if clock is None else f" ({formats.timed_how(clock.latency.about)})"

    def _show(self, ms: float, whole: float) -> None:
        """Put slider and number where the goal is, without asking for it again."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.slider.setValue(round(100 * ms / whole))
            self.spin.setValue(ms)
        self.share.setText(f"{100 * ms / whole:.0f}%")
        self.slider.setToolTip(f"{ms:.2f} of {whole:.2f} ms")

    # ---- asking -------------------------------------------------------------------------------

    def _measure(self) -> None:
        (self.kitRequested if self._by_kit() else self.layersRequested).emit()

    def _slid(self, percent: int) -> None:
        whole = self.whole
        if whole is not None:
            self._set(whole * percent / 100)

    def _typed(self, ms: float) -> None:
        self._set(ms)

    def _set(self, ms: float) -> None:
        from core.plan.schema import Target

        self._measured.set_goal(Target(latency_ms=round(ms, 4)))

    def _suggest(self) -> None:
        self._set(self.spin.value())
        self.suggestRequested.emit()
