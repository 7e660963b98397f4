"""The images of a comparison: the worst changes first, with the labels and what each model says."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.compare import tables
from app.compare.tables import Pair, Row
from app.compare.views import View
from app.context import Context
from app.kit.controls import row
from app.kit.dialogs import place
from app.pictures.dialog import PictureDialog
from app.pictures.drawing import Pens
from app.pictures.panes import Page, Pane, Panes, outcome_key
from core.compare.result import ComparedImage, Comparison
from core.data.labels import Object

OUTCOMES = ("label", "found", "missed", "wrong")
TITLE = "Images compared"


class ImagesView(View):
    """A list of images, and the one in it with its labels and the boxes of both models."""

    shares = (370, 450)

    def __init__(self, context: Context) -> None:
        super().__init__("Images")
        self._pictures = context.pictures
        self._result: Comparison | None = None
        self._pair: Pair = (0, 1)
        self.dialog: PictureDialog | None = None
        self.panes = Panes(context.pictures, Pens())
        self.panes.set_names(False)
        self.large = QPushButton("F&ull size…")
        self.large.setToolTip("Show the image in a separate window (Enter)")
        self.large.clicked.connect(lambda: self.opened(self.current))
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.panes, 1)
        layout.addWidget(row(*map(outcome_key, OUTCOMES), None, self.large))
        self.add_side(side)

    @property
    def current(self) -> int:
        """The row that shows; the first unless the user went elsewhere."""
        return max(0, self.table.currentIndex().row()) if self.table is not None else 0

    def show_result(self, result: Comparison, pair: Pair) -> None:
        """Show the images."""
        self._result, self._pair = result, pair
        if self.dialog is not None:
            self.dialog.close()
        self.set_table(tables.images_table(result, pair))
        self.large.setEnabled(bool(self.rows))
        if self.rows:
            assert self.table is not None
            self.table.selectRow(0)
        else:
            self.panes.set_page(None)

    def picked(self, number: int) -> None:
        """Show an image."""
        rows = self.rows
        if 0 <= number < len(rows):
            self.panes.set_page(self.page(rows[number]))

    def page(self, cells: Row) -> Page:
        """Return what to show of an image: labels, then what either model of the pair says."""
        assert self._result is not None
        image, told = cells[0], tables.names(self._result)
        score = tables.score_name(self._result)
        panes = [Pane(f"Labels: {len(image['truth'])}", marks(image, -1))]
        for model in self._pair:
            words = f"{score} {image['scores'][model]:.2f}, {tables.outcome_words(image, model)}"
            panes.append(Pane(f"{told[model]}: {words}", marks(image, model)))
        path = str(image["image"])
        change = f"{score} {cells[2]:.2f} → {cells[3]:.2f}"
        return Page(path, Path(path).name, f"{change}: {path}", tuple(panes))

    def opened(self, number: int) -> None:
        """Show an image at full size, in a separate window; one can continue from there."""
        if not self.rows:
            return
        if self.dialog is None:
            self.dialog = PictureDialog(self._pictures, TITLE, Pens(), self.window(), OUTCOMES)
            place(self.dialog)
            self.dialog.went.connect(self._follow)
        self.dialog.set_pages([self.page(cells) for cells in self.rows], number)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _follow(self, number: int) -> None:
        """Go where the large window went."""
        if self.table is not None:
            self.table.selectRow(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next image or the one before, also from the pictures."""
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        if step is None or self.table is None:
            super().keyPressEvent(event)
            return
        wanted = self.current + step
        if 0 <= wanted < len(self.rows):
            self.table.selectRow(wanted)
        event.accept()


def marks(image: ComparedImage, model: int) -> list[Object]:
    """Return what to draw of an image for a model, or its labels for -1."""
    from core.compare.pictures import panel_marks

    return panel_marks(image, model)
