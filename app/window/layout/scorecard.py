"""The scorecard: the network before → after, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Signal
from PySide6.QtGui import QAction, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.kit import formats, theme
from app.kit.widgets import label, show_markup
from core.plan.live import file_size

if TYPE_CHECKING:
    from core.history.accuracy import KnownAccuracy

FLOPS_A_MAC = 2
"""GFLOPs, as Ultralytics prints them, count a multiply-add as two operations."""
FILE_TIP = "The file now → the pruned file (estimated; Secateur saves 32-bit weights)"


class Bar(QWidget):
    """How much of a figure stays."""

    def __init__(self) -> None:
        super().__init__()
        self._share = 1.0
        self.setFixedHeight(3)

    def set_share(self, share: float) -> None:
        """Show a share, 0 to 1."""
        if share != self._share:
            self._share = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what stays over what there was."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("border"))
        stays = QRectF(0, 0, self.width() * min(1.0, self._share), self.height())
        painter.fillRect(stays, theme.colour("accent"))


class Metric(QWidget):
    """One figure: its name, before → after, and how much of it stays.

    Signals
    -------
    wanted
        It was not measured, and the person asks for it.
    """

    wanted = Signal()

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self.title = label(title, "muted", wrap=False)
        self.value = QLabel()
        show_markup(self.value)
        self.ask = QPushButton("measure")
        self.ask.setProperty("link", "true")
        self.ask.setAccessibleName(f"Measure {title}")
        self.ask.clicked.connect(self.wanted)
        self.ask.hide()
        figure = QHBoxLayout()
        figure.setSpacing(4)
        for part in (self.value, self.ask):
            figure.addWidget(part)
        figure.addStretch(1)
        self.bar = Bar()
        self.setToolTip(tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.title)
        layout.addLayout(figure)
        layout.addWidget(self.bar)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_change(
        self,
        before: float,
        after: float,
        show: Callable[[float], str],
        better: Callable[[float, float], float] = min,
    ) -> None:
        """Show a figure before and after."""
        if before == after:
            self.set_known(f"<b>{show(before)}</b>")
        else:
            improved = better(before, after) == after
            colour = theme.colours().success if improved else theme.colours().warning
            change = formats.percent(after / before)
            self.set_known(
                f"{show(before)} → <b>{show(after)}</b> "
                f"<span style='color:{colour}'>{change}</span>"
            )
        self.bar.set_share(after / before if before else 1.0)
        self.setAccessibleName(f"{self.title.text()}: {show(before)} → {show(after)}")

    def settle(self) -> None:
        """Let the hints be those of the text, whose layout may still be to come."""
        layout = self.layout()
        if layout is not None:
            layout.activate()

    def set_known(self, text: str) -> None:
        """Show a text that asks for nothing."""
        self.value.setText(text)
        self.value.show()
        self.ask.hide()

    def set_missing(self, known: str = "") -> None:
        """Offer to measure; ``known`` is what was measured of the network before."""
        self.value.setText(f"{known} →" if known else "")
        self.value.setVisible(bool(known))
        self.ask.show()
        self.bar.set_share(1.0)
        self.setAccessibleName(f"{self.title.text()}: {known or 'not measured'}")


class Scorecard(QFrame):
    """Figures of the open network and its plan, and the next step of the mode.

    Every figure says in its tip whether it is measured, predicted or estimated.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("scorecard")
        self._session, self._theme = context.session, context.theme
        self.parameters = Metric("Parameters", "Numbers learned in training; exact")
        self.macs = Metric("GFLOPs", "")
        self.time = Metric("Latency", "")
        self.file = Metric("File", FILE_TIP)
        self.accuracy = Metric("mAP50-95", "")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(14, 6, 12, 7)
        self._layout.setSpacing(22)
        for metric in self.metrics():
            self._layout.addWidget(metric)
        self._layout.addStretch(1)
        self._layout.addLayout(self._buttons)
        requests, measured = self._session.requests, self._session.measured
        self.time.wanted.connect(lambda: requests.layerTimesWanted.emit({}))
        self.accuracy.wanted.connect(requests.evaluateWanted)
        for signal in (
            self._session.modelChanged,
            self._session.predictionChanged,
            measured.clockChanged,
            measured.accuracyChanged,
            self._session.lineage.changed,
            context.theme.changed,
        ):
            signal.connect(self._show)
        self._show()

    def metrics(self) -> Sequence[Metric]:
        """Return the figures, the first that give way last."""
        return (self.parameters, self.macs, self.time, self.accuracy, self.file)

    def set_actions(self, actions: Sequence[QAction]) -> None:
        """Show buttons for actions; the last is the next step."""
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        before: QWidget = self.metrics()[-1].ask
        for number, action in enumerate(actions, 1):
            button = ActionButton(action, primary=number == len(actions))
            self._buttons.addWidget(button)
            QWidget.setTabOrder(before, button)
            before = button
        self._make_room()

    def _show(self, *_: object) -> None:
        model, prediction = self._session.model, self._session.prediction
        self.setVisible(model is not None)
        if model is None or prediction is None:
            return
        before, after = prediction.before, prediction.after
        self.parameters.set_change(before.parameters, after.parameters, formats.count)
        self.macs.set_change(before.macs * FLOPS_A_MAC, after.macs * FLOPS_A_MAC, _giga)
        exact = f"{formats.count(before.macs)} → {formats.count(after.macs)}"
        self.macs.setToolTip(f"Twice the multiply-adds for one image: {exact}; exact")
        dtype = model.facts.dtype
        was = model.file_size or file_size(before.parameters, dtype)
        now = file_size(after.parameters, dtype) if prediction.changes else was
        self.file.set_change(was, now, formats.size)
        self._show_time()
        self._show_accuracy()
        self._make_room()

    def _show_time(self) -> None:
        clock, prediction = self._session.clock, self._session.prediction
        before, where = self._session.unpruned_ms, self._session.where
        device = self._session.devices.brief(self._session.plan.device)
        self.time.title.setText(f"Latency, {device}" if device else "Latency")
        if clock is None or before is None or prediction is None:
            self.time.set_missing()
            self.time.setToolTip(f"Milliseconds for one image: not measured {where} yet")
            return
        removed = prediction.resolution.removed
        after = clock.ms(removed)
        self.time.set_change(before, after, lambda ms: f"{ms:.1f} ms")
        how = formats.timed_how(clock.latency.about)
        self.time.setToolTip(f"One pass, predicted from layers timed {where}: {how}")

    def _show_accuracy(self) -> None:
        accuracy, prediction = self._session.measured.accuracy, self._session.prediction
        measure = self._session.measures[0]
        self.accuracy.title.setText(measure)
        self.accuracy.ask.setAccessibleName(f"Measure {measure}")
        if accuracy is None:
            self.accuracy.set_missing()
            self.accuracy.setToolTip("Accuracy on the val split: not measured yet")
            return
        changed = prediction is not None and prediction.changes
        after = self._accuracy_after() if changed else None
        known = f"{accuracy.map50_95:.3f}"
        note = f"Measured on {accuracy.images} images of the val split"
        if after is not None:
            self.accuracy.set_change(accuracy.map50_95, after.map50_95, _share, better=max)
            note += f"; what this plan made of it, on {after.images}"
        else:
            self.accuracy.set_known(f"{known} → ?" if changed else f"<b>{known}</b>")
            self.accuracy.bar.set_share(1.0)
            self.accuracy.setAccessibleName(f"{measure}: {known}")
            note += "; of the pruned network it is known once that is measured" if changed else ""
        self.accuracy.setToolTip(note)

    def _accuracy_after(self) -> KnownAccuracy | None:
        """Return what was measured of a file that this plan made."""
        model, data = self._session.model, self._session.measured.data
        if model is None or data is None:
            return None
        lineage, sha256 = self._session.lineage, model.facts.sha256
        return lineage.accuracy_by_plan(sha256, self._session.plan, data)

    def resizeEvent(self, event: object) -> None:
        """What there is room for changes."""
        self._make_room()

    def event(self, event: QEvent) -> bool:
        """Buttons and figures have their widths only once they are laid out."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._make_room()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """Figures give way, so the window may be narrow."""
        return QSize(200, super().minimumSizeHint().height())

    def _make_room(self) -> None:
        """Leave figures out that have no room, the last first."""
        room = self.width() - self._buttons.sizeHint().width() - 60
        for metric in self.metrics():
            metric.settle()
            room -= metric.sizeHint().width() + self._layout.spacing()
            metric.setVisible(room >= 0 or metric is self.parameters)


class ActionButton(QPushButton):
    """A button that is an action: its text, tip and state."""

    def __init__(self, action: QAction, primary: bool) -> None:
        super().__init__()
        self._action = action
        self.setProperty("primary", "true" if primary else "false")
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        text = self._action.text()
        self.setText(f"Next: {text}" if self._action.isCheckable() else text)  # another mode
        self.setToolTip(self._action.toolTip())
        self.setEnabled(self._action.isEnabled())


def _giga(operations: float) -> str:
    return f"{operations / 1e9:.2f}" if operations < 1e10 else f"{operations / 1e9:.1f}"


def _share(accuracy: float) -> str:
    return f"{accuracy:.3f}"
