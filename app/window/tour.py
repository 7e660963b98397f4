"""A short way around the window: five steps, each next to the part that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.kit import theme
from app.kit.widgets import label
from app.state import plan_edits
from app.window.parts import Parts

WIDTH, GAP, EDGE = 400, 14, 8
EXAMPLE, RATIO = frozenset({4, 6}), 0.5
"""What “Show me” prunes, where the open model has these blocks."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One step of the tour.

    Attributes
    ----------
    title, text : str
    target : callable
        Returns the part of the window that it is about.
    panels : tuple of str
        Panels to raise.
    act : str
        What “Show me” does, as its tip; no such button when empty.
    """

    title: str
    text: str
    target: Callable[[Parts], QWidget]
    panels: tuple[str, ...] = ()
    act: str = ""


STOPS: tuple[Stop, ...] = (
    Stop(
        "Open a network",
        "Drop a checkpoint (.pt), a model YAML or a project anywhere on the window, or "
        "press Ctrl+O. No code from the file is executed, and the file is never changed.",
        lambda parts: parts.pane.stack,
    ),
    Stop(
        "Choose what to prune",
        "Each box is a block. Click one, or several with Ctrl or Shift, then set in Plan "
        "how much to remove. To let Secateur find a plan, set a goal and a dataset in "
        "Choose. Every edit can be undone.",
        lambda parts: parts.host.view,
        ("plan",),
        "Selects blocks 4 and 6 and halves them; Ctrl+Z takes it back",
    ),
    Stop(
        "See what changes",
        "The graph immediately shows what else changes: orange blocks are adjusted "
        "automatically, violet ones share channels. Conflicts lists what would break if "
        "only the selected layers were cut. Why? shows the path by which one block "
        "changes another.",
        lambda parts: parts.workspace["conflicts"],
        ("conflicts",),
    ),
    Stop(
        "Prune",
        "Prune changes a copy, verifies that it equals the original with those channels "
        "masked, repairs it on your images if you like, and saves a checkpoint that "
        "Ultralytics opens. The original is not changed.",
        lambda parts: parts.workspace["plan"],
        ("plan",),
    ),
    Stop(
        "Fine-tune and compare",
        "Fine-tune trains the pruned network and keeps its shape; training continues "
        "when you close the window. Compare measures networks on the same images. Press "
        "F1 for help.",
        lambda parts: parts.workspace["tuning"],
        ("tuning",),
    ),
)


class Tour(QObject):
    """Shows the stops one after the other; where no model is open, the demo is offered for it.

    Parameters
    ----------
    parts : Parts
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.window)
        self._parts, self._window = parts, parts.window
        self._session, self._settings = parts.context.session, parts.context.settings
        self.place = -1
        self.card: Card | None = None
        self._frame: Frame | None = None
        self._session.modelChanged.connect(self._model_changed)
        self._session.requests.opening.connect(self.wait_for)
        self._session.requests.tourWanted.connect(self.start)
        self._session.requests.demoRuns.connect(lambda runs: self.end() if runs else None)
        self._session.requests.panelWanted.connect(self._gone_elsewhere)
        # The window's parts find their places over a few events.
        self._settle = QTimer(self, singleShot=True, interval=0)
        self._settle.timeout.connect(self._put)

    @property
    def running(self) -> bool:
        """Whether it is being shown."""
        return self.card is not None

    def offer(self) -> None:
        """Start it, the first time that there is a window."""
        if not self._settings.tour_seen():
            self.start()

    def start(self) -> None:
        """Begin at the first step; begin again when it runs."""
        self._settings.set_tour_seen()
        if self.card is None:
            self._frame = Frame(self._window)
            self.card = Card(self._window)
            for signal, act in (
                (self.card.nextWanted, self.next),
                (self.card.backWanted, self.back),
                (self.card.skipWanted, self.end),
                (self.card.actWanted, self._act),
            ):
                signal.connect(act)
            self._window.installEventFilter(self)
            self._session.requests.tourRuns.emit(True)
        self._go_to(0)

    def next(self) -> None:
        """Go to the next step; the first one needs a model."""
        if self.place + 1 >= len(STOPS):
            self.end()
        elif self._session.model is None:
            self._session.requests.demoWanted.emit()
        else:
            self._go_to(self.place + 1)

    def wait_for(self, path: str) -> None:
        """Offer no demo while something else is being opened; an empty path ends that."""
        if self.card is not None:
            self.card.next.setEnabled(not path)

    def back(self) -> None:
        """Go back one step."""
        if self.place > 0:
            self._go_to(self.place - 1)

    def end(self) -> None:
        """Leave it."""
        if self.card is None:
            return
        self._window.removeEventFilter(self)
        for part in (self.card, self._frame):
            if part is not None:
                part.hide()
                part.deleteLater()
        self.card = self._frame = None
        self.place = -1
        if self._session.model is not None:
            self._parts.host.view.setFocus()
        self._session.requests.tourRuns.emit(False)

    # ---- inside -------------------------------------------------------------------------------

    def _go_to(self, place: int) -> None:
        self.place = place
        stop = STOPS[place]
        for name in stop.panels:
            self._parts.workspace.go_to(name)
        if self.card is not None:
            self.card.show_stop(place, self._session.model is not None)
        self._settle.start()

    def _model_changed(self) -> None:
        if self.card is None:
            return
        if self._session.model is None:
            self._go_to(0)
        elif self.place == 0:
            self._go_to(1)

    def _gone_elsewhere(self, panel: str) -> None:
        """End where the person asked for something that the step is not about."""
        if self.card is not None and panel not in STOPS[self.place].panels:
            self.end()

    def _act(self) -> None:
        """Prune two blocks for show, as an edit like any other."""
        session = self._session
        blocks = {b.index for b in session.table.blocks} if session.table else set()
        chosen = EXAMPLE & blocks & (session.model.predictor.prunable if session.model else set())
        session.select(chosen)
        session.edit(plan_edits.set_ratio(session.plan, frozenset(chosen), RATIO))
        self.next()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size and the panels' places."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._settle.start()
        return super().eventFilter(watched, event)

    def _put(self) -> None:
        """Lay the frame around the part, and the card next to it."""
        if self.card is None or self._frame is None:
            return
        target = STOPS[self.place].target(self._parts)
        rect = QRect(target.mapTo(self._window, QPoint(0, 0)), target.size())
        self._frame.around(rect)
        size = QSize(WIDTH, self.card.heightForWidth(WIDTH))
        self.card.setGeometry(QRect(beside(rect, size, self._window.rect()), size))
        self.card.raise_()


def beside(target: QRect, size: QSize, window: QRect) -> QPoint:
    """Return where a card goes: next to its target where there is room, else upon it.

    Parameters
    ----------
    target, window : QRect
        In the same coordinates.
    size : QSize
        Of the card.
    """
    inside = window.adjusted(EDGE, EDGE, -EDGE, -EDGE)

    def within(x: int, y: int) -> tuple[int, int]:
        right, bottom = inside.right() - size.width() + 1, inside.bottom() - size.height() + 1
        return max(inside.left(), min(x, right)), max(inside.top(), min(y, bottom))

    along_x, along_y = within(target.left(), target.top())
    for x, y in (
        (target.right() + GAP, along_y),
        (target.left() - GAP - size.width(), along_y),
        (along_x, target.top() - GAP - size.height()),
        (along_x, target.bottom() + GAP),
    ):
        if inside.contains(QRect(QPoint(x, y), size)):
            return QPoint(x, y)
    corner = target.bottomRight() - QPoint(size.width() + 2 * GAP, size.height() + 2 * GAP)
    return QPoint(*within(corner.x(), corner.y()))


class Card(QFrame):
    """Describes what a step is about.

    Signals
    -------
    nextWanted(), backWanted(), skipWanted(), actWanted()
    """

    nextWanted = Signal()
    backWanted = Signal()
    skipWanted = Signal()
    actWanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tour")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = label("", "heading")
        self.text = label("")
        self.count = label("", "muted", wrap=False)
        self.skip = QPushButton("&Skip the tour")
        self.skip.setToolTip("Escape; reopen it with Help › Tour")
        self.back = QPushButton("&Back")
        self.act = QPushButton("Show &me")
        self.next = QPushButton("&Next")
        self.next.setProperty("primary", "true")
        row = QHBoxLayout()
        row.addWidget(self.skip)
        row.addStretch(1)
        for button, signal in (
            (self.back, self.backWanted),
            (self.act, self.actWanted),
            (self.next, self.nextWanted),
        ):
            button.clicked.connect(signal)
            row.addWidget(button)
        self.skip.clicked.connect(self.skipWanted)
        for button in (self.skip, self.back, self.act, self.next):
            button.installEventFilter(self)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addWidget(self.text)
        layout.addSpacing(2)
        layout.addLayout(row)

    def show_stop(self, place: int, opened: bool) -> None:
        """Show a step.

        Parameters
        ----------
        place : int
        opened : bool
            Whether a model is open.
        """
        stop, last = STOPS[place], place == len(STOPS) - 1
        self.title.setText(stop.title)
        self.text.setText(stop.text)
        self.count.setText(f"{place + 1} of {len(STOPS)}")
        self.setAccessibleName(f"Tour, {place + 1} of {len(STOPS)}: {stop.title}")
        self.setAccessibleDescription(stop.text)
        self.back.setVisible(place > 0)
        self.act.setVisible(bool(stop.act))
        self.act.setToolTip(stop.act)
        self.skip.setVisible(not last)
        self.next.setText("&Done" if last else "&Next" if opened else "Open the &demo")
        self.show()
        self.next.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys of the tour before a button does: one would move the focus on an arrow."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._act_on(event)
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes it; the arrow keys go forward and back."""
        if not self._act_on(event):
            super().keyPressEvent(event)

    def _act_on(self, event: QKeyEvent) -> bool:
        button = {
            Qt.Key.Key_Escape: self.skip,
            Qt.Key.Key_Right: self.next,
            Qt.Key.Key_Left: self.back,
        }.get(Qt.Key(event.key()))
        if button is not None:
            button.click()
        return button is not None


class Frame(QWidget):
    """A frame around a part of the window, which lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def around(self, rect: QRect) -> None:
        """Lie around a part."""
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(rect.adjusted(-2, -2, 2, 2) & parent.rect())
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent"), 3))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 6, 6)
