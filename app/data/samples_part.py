"""The images of a dataset with what is labelled in them, page by page, by split and class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.context import Context
from app.kit import theme
from app.kit.controls import add_items, choose, combo
from app.kit.dialogs import place
from app.kit.widgets import label
from app.pictures.dialog import PictureDialog
from app.pictures.drawing import Pens
from app.pictures.grid import SIDE, Entry, PictureGrid
from app.pictures.loader import Read, Wish
from app.pictures.panes import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.index import Index

PAGE = 48
"""Pictures on a page."""
ALL = ""


class Samples(QWidget):
    """Pages of small pictures; one of them opens at full size."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._pictures = context.pictures
        self._index: Index | None = None
        self._found: list[int] = []
        self._start = 0
        self._pens = Pens()
        self._dialog: PictureDialog | None = None
        self.split = combo({}, "Split")
        self.split.setMinimumContentsLength(5)
        self.split.activated.connect(lambda _: self._offer_classes())
        self.kind = combo({}, "Class")
        self.kind.activated.connect(lambda _: self._look())
        self.place = label("", "muted", wrap=False)
        self.back = _arrow("left", "Previous page")
        self.forth = _arrow("right", "Next page")
        self.back.clicked.connect(lambda: self._turn(-PAGE))
        self.forth.clicked.connect(lambda: self._turn(PAGE))
        self.grid = PictureGrid(context.pictures, "Images of the dataset")
        self.grid.activated.connect(lambda index: self.open(index.row()))
        self.grid.setToolTip("Press Enter or double-click to show an image at full size")
        top = QHBoxLayout()
        top.addWidget(self.split)
        top.addWidget(self.kind, 1)
        for widget in (self.back, self.place, self.forth):
            top.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.grid, 1)
        self.set_index(None)

    def set_index(self, index: Index | None) -> None:
        """Show another dataset, or none."""
        self._index = index
        self._pictures.forget()
        if self._dialog is not None:
            self._dialog.close()
        self.split.clear()
        names = list(index.names.values()) if index is not None else []
        self._pens = Pens(names)
        if index is not None:
            items = {
                name: (name, f"{len(split.images):,} images")
                for name, split in index.splits.items()
            }
            add_items(self.split, items)
        self._offer_classes()

    def _offer_classes(self) -> None:
        wanted = self.kind.currentData()
        self.kind.clear()
        index, split = self._index, self.split.currentData()
        if index is not None and split is not None:
            total = len(index.splits[split].images)
            items = {ALL: (f"all ({total:,})", f"{total:,} images, all classes")}
            items |= {
                name: (f"{name} ({count:,})", f"{count:,} images of {split} with this class")
                for name, count in sorted(index.counts(split).items())
            }
            add_items(self.kind, items)
            if self.kind.findData(wanted) >= 0:
                choose(self.kind, wanted)
        self._look()

    def show_class(self, name: str) -> None:
        """Show the images of a class, or all when there are none of it."""
        choose(self.kind, name if self.kind.findData(name) >= 0 else ALL)
        self._look()

    def _look(self) -> None:
        index, split = self._index, self.split.currentData()
        self._found = (
            index.find(split, self.kind.currentData() or "") if index is not None and split else []
        )
        self._start = 0
        self._show()

    def _turn(self, step: int) -> None:
        last = max(len(self._found) - 1, 0) // PAGE * PAGE
        self._start = min(max(self._start + step, 0), last)
        self._show()

    def _show(self) -> None:
        numbers = self._found[self._start : self._start + PAGE]
        self.grid.entries.set_entries([self._entry(n) for n in numbers], self._pens)
        self.grid.scrollToTop()
        end = self._start + len(numbers)
        self.place.setText(
            f"{self._start + 1:,}–{end:,} of {len(self._found):,}" if numbers else ""
        )
        self.back.setEnabled(self._start > 0)
        self.forth.setEnabled(end < len(self._found))
        for widget in (self.split, self.kind):
            widget.setEnabled(self._index is not None)

    def _entry(self, number: int) -> Entry:
        index, split = self._index, str(self.split.currentData())
        assert index is not None
        path = index.splits[split].images[number]
        read = partial(index.objects, split, number)
        return Entry(Wish(path, SIDE, read, (path, SIDE, "read")), Path(path).name)

    def open(self, row: int) -> None:
        """Show a picture of the page at full size; one can continue from there to all of them."""
        index, split = self._index, str(self.split.currentData())
        if index is None or not self._found:
            return
        kind = self.kind.currentData() or "all classes"
        images = index.splits[split].images
        pages = [
            Page(
                images[n],
                Path(images[n]).name,
                f"{split}, {kind}: {images[n]}",
                read=partial(index.objects, split, n),
            )
            for n in self._found
        ]
        self.show_pages("Images of the dataset", pages, self._start + row)

    def show_pages(self, title: str, pages: Sequence[Page], number: int = 0) -> None:
        """Show pictures at full size in a separate window."""
        if self._dialog is None:
            self._dialog = PictureDialog(self._pictures, title, self._pens, self.window())
            place(self._dialog)
        self._dialog.set_pens(self._pens)
        self._dialog.setWindowTitle(title)
        self._dialog.set_pages(pages, number)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def read_of(self, path: str) -> Read | None:
        """Return what reads the labels of an image, or None where it is not in the dataset."""
        if self._index is None:
            return None
        for name, split in self._index.splits.items():
            if path in split.images:
                return partial(self._index.objects, name, split.images.index(path))
        return None


def _arrow(side: str, tip: str) -> QToolButton:
    button = QToolButton(autoRaise=True)
    theme.set_icon(button, f"arrow-{side}", "muted")
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
