"""Pictures at full size, one after the other; several views of one picture side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.pictures.drawing import OUTCOMES, Pens
from app.pictures.loader import FULL, Pictures, Read, Wish
from app.pictures.view import PictureView, Viewpoint
from app.widgets import Elided, label

Marks = Sequence[Mapping[str, Any]]
OUTCOME_WORDS = {"found": "found", "missed": "missed", "wrong": "wrong", "label": "labelled"}


@dataclass(frozen=True, slots=True)
class Pane:
    """One view of a picture.

    Attributes
    ----------
    title : str
    marks : sequence of mapping, optional
        What to draw; what is read with the picture unless given.
    """

    title: str = ""
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One picture and what to show of it.

    Attributes
    ----------
    path : str
    title, text : str
        Its name, and a line about it.
    panes : tuple of Pane
    read : callable, optional
        Reads the marks of a pane that has none.
    """

    path: str
    title: str
    text: str = ""
    panes: tuple[Pane, ...] = (Pane(),)
    read: Read | None = None

    @property
    def wish(self) -> Wish:
        """The picture in full."""
        key = None if self.read is None else (self.path, FULL, "read")
        return Wish(self.path, FULL, self.read, key)


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
    """

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
        self.pages: tuple[Page, ...] = ()
        self.number = 0
        self._pictures, self._pens = pictures, pens
        self.viewpoint = Viewpoint(self)
        self.views: list[PictureView] = []
        self._titles: list[Elided] = []
        self.heading = Elided("heading")
        self.text = Elided("muted")
        self.place = label("", "muted", wrap=False)
        self._grid = QGridLayout()
        self._grid.setSpacing(6)
        self._make_controls()
        self._lay_out(outcomes)
        pictures.ready.connect(self._ready)

    def _make_controls(self) -> None:
        self.previous = _button("&Previous", "The picture before (Left)")
        self.next = _button("&Next", "The next picture (Right)")
        self.previous.clicked.connect(lambda: self.go(self.number - 1))
        self.next.clicked.connect(lambda: self.go(self.number + 1))
        self.fit = _button("Whole &picture", "Show all of it (0)")
        self.fit.clicked.connect(self.viewpoint.fit)
        self.names = QCheckBox("Na&mes")
        self.names.setChecked(True)
        self.names.setToolTip("Write what the marks are")
        self.names.toggled.connect(lambda on: [view.set_names(on) for view in self.views])
        for widget in (self.previous, self.next, self.fit):
            widget.setAutoDefault(False)

    def _lay_out(self, outcomes: Sequence[str]) -> None:
        top = QHBoxLayout()
        top.addWidget(self.heading, 2)
        top.addWidget(self.text, 3)
        foot = QHBoxLayout()
        foot.addWidget(self.names)
        for outcome in outcomes:
            foot.addWidget(_key(outcome))
        foot.addStretch(1)
        for widget in (self.place, self.fit, self.previous, self.next):
            foot.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addLayout(self._grid, 1)
        layout.addLayout(foot)

    def set_pens(self, pens: Pens) -> None:
        """Draw in other colours, from the next picture on."""
        self._pens = pens

    # ---- pages --------------------------------------------------------------------------------

    def set_pages(self, pages: Sequence[Page], number: int = 0) -> None:
        """Show other pictures, beginning with one of them."""
        self.pages = tuple(pages)
        self.viewpoint.fit()
        self.number = -1
        self.go(number)

    def go(self, number: int) -> None:
        """Show a picture by its place; nothing happens beyond the ends."""
        if not 0 <= number < len(self.pages) or number == self.number:
            return
        self.number = number
        self.viewpoint.fit()
        page = self.pages[number]
        self.heading.set_whole(page.title, page.path)
        self.text.set_whole(page.text)
        self.place.setText(f"{number + 1:,} of {len(self.pages):,}")
        self.previous.setEnabled(number > 0)
        self.next.setEnabled(number + 1 < len(self.pages))
        self._make_views(len(page.panes))
        self._show()
        if number + 1 < len(self.pages):  # ready when the person goes there
            self._pictures.get(self.pages[number + 1].wish)

    def _make_views(self, count: int) -> None:
        while len(self.views) < count:
            place = len(self.views)
            view, title = PictureView(self.viewpoint), Elided("muted")
            view.set_names(self.names.isChecked())
            self.views.append(view)
            self._titles.append(title)
            self._grid.addWidget(title, 0, place)
            self._grid.addWidget(view, 1, place)
            self._grid.setRowStretch(1, 1)
            self._grid.setColumnStretch(place, 1)
        for number, (view, title) in enumerate(zip(self.views, self._titles, strict=True)):
            view.setVisible(number < count)
            title.setVisible(number < count)
        if self.focusWidget() not in self.views:
            self.views[0].setFocus()

    def _show(self) -> None:
        page = self.pages[self.number]
        picture = self._pictures.get(page.wish)
        for view, title, pane in zip(self.views, self._titles, page.panes, strict=False):
            objects = picture.objects if picture is not None else ()
            marks = objects if pane.marks is None else pane.marks
            title.set_whole(pane.title)
            title.setVisible(bool(pane.title))
            view.setAccessibleName(f"{page.title} {pane.title}".strip())
            view.set_picture(picture, marks, self._pens)

    def _ready(self, name: Hashable) -> None:
        if self.pages and name == self.pages[self.number].wish.name:
            self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from picture to picture."""
        key = Qt.Key(event.key())
        last = len(self.pages) - 1
        wanted = {
            Qt.Key.Key_Right: self.number + 1,
            Qt.Key.Key_Left: self.number - 1,
            Qt.Key.Key_PageDown: min(self.number + 10, last),
            Qt.Key.Key_PageUp: max(self.number - 10, 0),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in wanted:
            self.go(wanted[key])
        else:
            super().keyPressEvent(event)


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    return result


def _key(outcome: str) -> QWidget:
    """Return a word with the colour that stands for it."""
    colour, _ = OUTCOMES[outcome]
    word = OUTCOME_WORDS[outcome]
    result = label(f'<span style="color:{colour}">■</span> {word}', wrap=False)
    result.setTextFormat(Qt.TextFormat.RichText)
    result.setStyleSheet(f"color: {theme.colours().muted};")
    result.setAccessibleName(word)
    return result
