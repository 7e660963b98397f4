"""Several views of one picture side by side: each with marks of its own, all zoomed together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app.kit.widgets import Elided, label, show_markup
from app.pictures.drawing import OUTCOMES, Pens
from app.pictures.loader import FULL, Pictures, Read, Wish
from app.pictures.view import PictureView, Viewpoint
from core.data.labels import Object

TITLE = 22
"""Pixels for the title of a view."""
Marks = Sequence[Object]
OUTCOME_WORDS = {**{outcome: outcome for outcome in OUTCOMES}, "label": "labelled"}


@dataclass(frozen=True, slots=True)
class Pane:
    """One view of a picture.

    Attributes
    ----------
    title : str
    marks : sequence of mapping, optional
        What to draw; what is read with the picture unless given.
    path : str
        Another picture to show in the place of the page's.
    """

    title: str = ""
    marks: Marks | None = None
    path: str = ""


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

    def wish_of(self, pane: Pane) -> Wish:
        """Return the picture of a pane."""
        return Wish(pane.path, FULL) if pane.path else self.wish

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """All pictures that it shows, each once."""
        return tuple({wish.name: wish for wish in map(self.wish_of, self.panes)}.values())


class Panes(QWidget):
    """Shows a page."""

    def __init__(self, pictures: Pictures, pens: Pens) -> None:
        super().__init__()
        self.page: Page | None = None
        self.viewpoint = Viewpoint(self)
        self.views: list[PictureView] = []
        self._titles: list[Elided] = []
        self._pictures, self._pens, self._names = pictures, pens, True
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        self._columns = 0
        pictures.ready.connect(self._ready)

    def set_pens(self, pens: Pens) -> None:
        """Draw in other colours, from the next page on."""
        self._pens = pens

    def set_names(self, names: bool) -> None:
        """Write what the marks are, or only draw them."""
        self._names = names
        for view in self.views:
            view.set_names(names)

    def set_page(self, page: Page | None, keep_view: bool = False) -> None:
        """Show another picture, whole; or none.

        Parameters
        ----------
        page : Page or None
        keep_view : bool
            Whether it is the same picture with other marks, which stays where it is.
        """
        self.page = page
        if not keep_view:
            self.viewpoint.fit()
        self._make_views(len(page.panes) if page is not None else 0)
        self._show()

    def _make_views(self, count: int) -> None:
        while len(self.views) < count:
            view, title = PictureView(self.viewpoint), Elided("muted")
            view.set_names(self._names)
            self.views.append(view)
            self._titles.append(title)
            self._columns = 0
        for number, (view, title) in enumerate(zip(self.views, self._titles, strict=True)):
            view.setVisible(number < count)
            title.setVisible(number < count)

    def _show(self) -> None:
        page = self.page
        if page is None:
            return
        picture = None
        for view, title, pane in zip(self.views, self._titles, page.panes, strict=False):
            picture = self._pictures.get(page.wish_of(pane))
            objects = picture.objects if picture is not None else ()
            marks = objects if pane.marks is None else pane.marks
            title.set_whole(pane.title)
            title.setVisible(bool(pane.title))
            view.setAccessibleName(f"{page.title} {pane.title}".strip())
            view.set_picture(picture, marks, self._pens)

        if picture is not None and not picture.image.isNull():
            size = picture.image.size()
            columns = best_columns(len(page.panes), self.size().toTuple(), size.toTuple())
        else:
            columns = self._columns or len(page.panes)
        self._arrange(columns)

    def _arrange(self, columns: int) -> None:
        """Lay the views out in rows."""
        if columns == self._columns:
            return
        self._columns = columns
        for number, (view, title) in enumerate(zip(self.views, self._titles, strict=True)):
            line, place = divmod(number, columns)
            self._grid.addWidget(title, 2 * line, place)
            self._grid.addWidget(view, 2 * line + 1, place)
        for number in range(len(self.views)):
            self._grid.setColumnStretch(number, int(number < columns))
            used = number * columns < len(self.views)
            self._grid.setRowStretch(2 * number + 1, int(used))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the views out again where that shows more."""
        super().resizeEvent(event)
        self._show()

    def _ready(self, name: Hashable) -> None:
        if self.page is not None and name in {wish.name for wish in self.page.wishes}:
            self._show()


def best_columns(count: int, room: tuple[int, int], picture: tuple[int, int]) -> int:
    """Return in how many columns views of a picture show it largest; few rows where it is alike.

    Parameters
    ----------
    count : int
        Of the views.
    room, picture : (int, int)
        Width and height.
    """

    def scale(columns: int) -> float:
        rows = -(-count // columns)
        width, height = room[0] / columns, room[1] / rows - TITLE
        return min(width / picture[0], height / picture[1])

    return max(range(count, 0, -1), key=scale, default=1)


def outcome_key(outcome: str) -> QWidget:
    """Return a word with the colour that represents it."""
    colour, _ = OUTCOMES[outcome]
    word = OUTCOME_WORDS[outcome]
    # White would not show on a light window: it is on the dark that it has on photographs.
    back = "background-color:#3a414b;" if outcome == "label" else ""
    result = label(f'<span style="color:{colour};{back}">■</span> {word}', "muted", wrap=False)
    show_markup(result)
    result.setAccessibleName(word)
    return result
