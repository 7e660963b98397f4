"""Pictures at full size, one after the other; several views of one picture side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.kit.widgets import Elided, label
from app.pictures.drawing import Pens
from app.pictures.loader import Pictures
from app.pictures.panes import Page, Panes, outcome_key
from app.pictures.view import PictureView, Viewpoint


class PictureDialog(QDialog):
    """Goes through pictures: arrow keys, Home and End; all views of a picture zoom together.

    Parameters
    ----------
    pictures : Pictures
    title : str
    pens : Pens
    parent : QWidget
    outcomes : sequence of str
        Which outcomes the marks have; explained in a line at the foot.

    Signals
    -------
    went(int)
        Another picture shows; its place.
    """

    went = Signal(int)

    def __init__(
        self,
        pictures: Pictures,
        title: str,
        pens: Pens,
        parent: QWidget,
        outcomes: Sequence[str] = (),
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setModal(False)
        self.resize(1100, 760)
        self.pages: Sequence[Page] = ()
        self.number = 0
        self._pictures = pictures
        self.panes = Panes(pictures, pens)
        self.heading = Elided("heading")
        self.text = Elided("muted")
        self.place = label("", "muted", wrap=False)
        self._make_controls()
        self._lay_out(outcomes)

    @property
    def views(self) -> list[PictureView]:
        """The views of the picture."""
        return self.panes.views

    @property
    def viewpoint(self) -> Viewpoint:
        """Where all of them look."""
        return self.panes.viewpoint

    def _make_controls(self) -> None:
        self.previous = _button("&Previous", "Previous image (Left)")
        self.next = _button("&Next", "Next image (Right)")
        self.previous.clicked.connect(lambda: self.go(self.number - 1))
        self.next.clicked.connect(lambda: self.go(self.number + 1))
        self.fit = _button("Fit &image", "Show the whole image (0)")
        self.fit.clicked.connect(self.viewpoint.fit)
        self.names = QCheckBox("&Labels")
        self.names.setChecked(True)
        self.names.setToolTip("Show labels on the boxes")
        self.names.toggled.connect(self.panes.set_names)
        for widget in (self.previous, self.next, self.fit):
            widget.setAutoDefault(False)

    def _lay_out(self, outcomes: Sequence[str]) -> None:
        top = QHBoxLayout()
        top.addWidget(self.heading, 2)
        top.addWidget(self.text, 3)
        foot = QHBoxLayout()
        foot.addWidget(self.names)
        for outcome in outcomes:
            foot.addWidget(outcome_key(outcome))
        foot.addStretch(1)
        for widget in (self.place, self.fit, self.previous, self.next):
            foot.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.panes, 1)
        layout.addLayout(foot)

    def set_pens(self, pens: Pens) -> None:
        """Draw in other colours, from the next picture on."""
        self.panes.set_pens(pens)

    # ---- pages --------------------------------------------------------------------------------

    def set_pages(self, pages: Sequence[Page], number: int = 0) -> None:
        """Show other pictures, beginning with one of them."""
        self.pages = pages
        self.number = -1
        self.go(number)

    def update_pages(self, pages: Sequence[Page]) -> None:
        """Show the same pictures with other marks; the view stays where it is."""
        self.pages = pages
        self.panes.set_page(pages[self.number], keep_view=True)

    def go(self, number: int) -> None:
        """Show a picture by its place; nothing happens beyond the ends."""
        if not 0 <= number < len(self.pages) or number == self.number:
            return
        self.number = number
        page = self.pages[number]
        self.heading.set_whole(page.title, page.path)
        self.text.set_whole(page.text)
        self.place.setText(f"{number + 1:,} of {len(self.pages):,}")
        self.previous.setEnabled(number > 0)
        self.next.setEnabled(number + 1 < len(self.pages))
        self.panes.set_page(page)
        if self.focusWidget() not in self.views:
            self.views[0].setFocus()
        if number + 1 < len(self.pages):  # ready when the user goes there
            for wish in self.pages[number + 1].wishes:
                self._pictures.get(wish)
        self.went.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from picture to picture."""
        key = Qt.Key(event.key())
        wanted = page_wanted(key, self.number, len(self.pages) - 1)
        if wanted is not None:
            self.go(wanted)
        else:
            super().keyPressEvent(event)


def page_wanted(key: Qt.Key, number: int, last: int) -> int | None:
    """Return the page that a key goes to from another one; None for other keys."""
    return {
        Qt.Key.Key_Right: number + 1,
        Qt.Key.Key_Left: number - 1,
        Qt.Key.Key_PageDown: min(number + 10, last),
        Qt.Key.Key_PageUp: max(number - 10, 0),
        Qt.Key.Key_Home: 0,
        Qt.Key.Key_End: last,
    }.get(key)


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    return result
