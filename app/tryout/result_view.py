"""One image at a time with what every network finds on it, and how much that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QPushButton,
    QSlider,
    QSplitter,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.kit.controls import row
from app.kit.table_model import SortedProxy, TableModel
from app.kit.widgets import Elided, TableView, column, label, table_view
from app.pictures.dialog import PictureDialog, page_wanted
from app.pictures.drawing import Pens
from app.pictures.panes import Page, Pane, Panes, outcome_key
from app.tryout import tables
from core.data.dense import DENSE
from core.tryout.agreement import count, marks
from core.tryout.pictures import map_file, names_of, sheet_of, title_of
from core.tryout.result import FLOOR, Tryout

OUTCOMES = ("found", "lost", "new")
USUAL = 0.25
TABS = ("This image", "All images", "Classes")
TITLE = "Images tried"


class Pages(Sequence[Page]):
    """The images of a result as pages, each made when it is asked for."""

    def __init__(self, result: Tryout, confidence: float) -> None:
        self._result, self._confidence = result, confidence
        self._names = names_of(result)

    def __len__(self) -> int:
        return len(self._result["images"])

    @overload
    def __getitem__(self, number: int) -> Page: ...
    @overload
    def __getitem__(self, number: slice) -> list[Page]: ...
    def __getitem__(self, number: int | slice) -> Page | list[Page]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        image = self._result["images"][number]
        panes = []
        for network, name in enumerate(self._names):
            title = title_of(image, network, name, self._confidence)
            drawn = marks(image, network, self._confidence)
            panes.append(Pane(title, drawn, map_file(image, network)))
        return Page(image["image"], image["title"], image["image"], tuple(panes))

    def __iter__(self) -> Iterator[Page]:
        return (self[number] for number in range(len(self)))


class ResultView(QWidget):
    """Shows a result; the confidence acts without computing anything again.

    Signals
    -------
    saveWanted(Sheet)
        Save the image that shows as a picture.
    """

    saveWanted = Signal(object)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._pictures = context.pictures
        self._result: Tryout | None = None
        self._pages: Pages | None = None
        self.number = 0
        self.dialog: PictureDialog | None = None
        self.panes = Panes(context.pictures, Pens())
        self.heading, self.place = Elided("heading"), label("", "muted", wrap=False)
        self._make_buttons()
        self._make_confidence()
        self._make_tables()
        self._lay_out()

    # ---- parts --------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        self.previous = _button("&Previous", "Previous image (Left)")
        self.next = _button("&Next", "Next image (Right)")
        self.different = _button("Next &difference", "Next image with a lost or new object (D)")
        self.large = _button("F&ull size…", "Show the image in a separate window (Enter)")
        self.save = _button("Sa&ve picture…", "Save this image with what the networks find on it")
        self.previous.clicked.connect(lambda: self.go(self.number - 1))
        self.next.clicked.connect(lambda: self.go(self.number + 1))
        self.different.clicked.connect(self.go_to_difference)
        self.large.clicked.connect(self.open_large)
        self.save.clicked.connect(self._save)
        self.names = QCheckBox("&Labels")
        self.names.setChecked(True)
        self.names.setToolTip("Show classes and confidences on the objects")
        self.names.toggled.connect(self.panes.set_names)

    def _make_confidence(self) -> None:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(100 * FLOOR), 100)
        self.slider.setPageStep(5)
        self.slider.setMinimumWidth(80)
        self.value = QDoubleSpinBox()
        self.value.setRange(FLOOR, 1.0)
        self.value.setDecimals(2)
        self.value.setSingleStep(0.05)
        for part in (self.slider, self.value):
            part.setToolTip("Objects below this confidence are not shown or counted")
            part.setAccessibleName("Confidence")
        self.slider.setValue(round(100 * USUAL))
        self.value.setValue(USUAL)
        self.slider.valueChanged.connect(lambda value: self.value.setValue(value / 100))
        self.value.valueChanged.connect(lambda value: self.slider.setValue(round(100 * value)))
        self.value.valueChanged.connect(lambda _: self._show())

    def _make_tables(self) -> None:
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("What is counted")
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        for text in TABS:
            self.tabs.addTab(text)
        self.tabs.currentChanged.connect(lambda _: self._show_counts())
        self.networks = TableModel[tables.NetworkRow](tables.network_columns())
        self.network_table = table_view(SortedProxy(self.networks), "Networks", stretch=0)
        self.network_table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.classes: TableModel[tables.ClassRow] | None = None
        self.class_table: TableView | None = None
        self._counts = QVBoxLayout()
        self._counts.setContentsMargins(0, 0, 0, 0)
        self._counts.setSpacing(2)
        self._counts.addWidget(row(self.tabs, None, self.large, self.save))
        self._counts.addWidget(self.network_table, 1)

    def _lay_out(self) -> None:
        top = row(self.heading, self.place, self.previous, self.next, self.different, stretch=0)
        legend = [outcome_key(outcome) for outcome in OUTCOMES]
        name = label("Con&fidence", "", wrap=False)
        name.setBuddy(self.slider)
        self._of_objects = (name, self.slider, self.value, *legend)
        shown = row(*self._of_objects, self.names, stretch=1)
        upper, lower = QWidget(), QWidget()
        upper.setLayout(column(top, self.panes, shown, margins=0, spacing=4))
        layout = upper.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.setStretch(1, 1)
        lower.setLayout(self._counts)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(upper)
        split.addWidget(lower)
        split.setStretchFactor(0, 1)
        split.setSizes([600, 150])
        self.setLayout(column(split, margins=0))

    # ---- what shows ---------------------------------------------------------------------------

    @property
    def confidence(self) -> float:
        """From which on objects are shown and counted."""
        return round(self.value.value(), 2)

    def show_result(self, result: Tryout) -> None:
        """Show another result, from its first image on."""
        if self.dialog is not None:
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None
        self.number = 0
        self._fit_to(result)
        self._make_class_table(result)
        self._show(keep_view=False)

    def update_result(self, result: Tryout) -> None:
        """Show the same result with further images; the one that shows stays."""
        self._fit_to(result)
        self._show()

    def _fit_to(self, result: Tryout) -> None:
        self._result = result
        several = len(result["images"]) > 1
        for widget in (self.place, self.previous, self.next):
            widget.setVisible(several)
        objects = result["task"] not in DENSE
        self.different.setVisible(several and objects and len(result["networks"]) > 1)
        self.tabs.setTabVisible(TABS.index("All images"), several)
        self.tabs.setTabVisible(TABS.index("Classes"), objects)
        for part in self._of_objects:
            part.setVisible(objects)
        for place in (*tables.OBJECT_PLACES, *tables.MAP_PLACES):
            self.network_table.setColumnHidden(place, (place in tables.MAP_PLACES) == objects)

    def go(self, number: int) -> None:
        """Show an image by its place; nothing happens beyond the ends."""
        if self._pages is not None and 0 <= number < len(self._pages) and number != self.number:
            self.number = number
            self._show(keep_view=False)

    def go_to_difference(self) -> None:
        """Show the next image on which a network loses or adds an object, around the end."""
        if self._result is None:
            return
        images = self._result["images"]
        for step in range(1, len(images) + 1):
            number = (self.number + step) % len(images)
            image = images[number]
            counts = [count(image, n, self.confidence) for n in range(len(image["objects"]))]
            if any(one.lost or one.new for one in counts):
                self.go(number)
                return

    def _show(self, keep_view: bool = True) -> None:
        if self._result is None:
            return
        self._pages = Pages(self._result, self.confidence)
        page = self._pages[self.number]
        self.heading.set_whole(page.title, page.path)
        self.place.setText(f"{self.number + 1:,} of {len(self._pages):,}")
        self.previous.setEnabled(self.number > 0)
        self.next.setEnabled(self.number + 1 < len(self._pages))
        self.panes.set_page(page, keep_view)
        if self.number + 1 < len(self._pages):  # ready when the user goes there
            for wish in self._pages[self.number + 1].wishes:
                self._pictures.get(wish)
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.update_pages(self._pages)
        self._show_counts()

    def _make_class_table(self, result: Tryout) -> None:
        if self.class_table is not None:
            self._counts.removeWidget(self.class_table)
            self.class_table.deleteLater()
        self.classes = TableModel[tables.ClassRow](tables.class_columns(result))
        proxy = SortedProxy(self.classes)
        self.class_table = table_view(proxy, "Classes", stretch=0)
        self.class_table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.classes.setParent(self.class_table)
        proxy.setParent(self.class_table)
        self._counts.addWidget(self.class_table, 1)

    def _show_counts(self) -> None:
        result, tab = self._result, TABS[self.tabs.currentIndex()]
        if result is None or self.classes is None or self.class_table is None:
            return
        by_class = tab == "Classes"
        self.network_table.setVisible(not by_class)
        self.class_table.setVisible(by_class)
        if by_class:
            self.classes.set_rows(tables.class_rows(result, self.confidence))
        else:
            one = tab == "This image"
            self.network_table.setColumnHidden(tables.CHANGE_PLACE, one)
            self.networks.set_rows(
                tables.image_rows(result, self.number, self.confidence)
                if one
                else tables.all_rows(result, self.confidence)
            )

    # ---- larger, saved ------------------------------------------------------------------------

    def open_large(self) -> None:
        """Show the image at full size, in a separate window; one can continue from there."""
        if self._pages is None or self._result is None:
            return
        if self.dialog is None:
            outcomes = OUTCOMES if self._result["task"] not in DENSE else ()
            self.dialog = PictureDialog(self._pictures, TITLE, Pens(), self.window(), outcomes)
            self.dialog.went.connect(self.go)
        self.dialog.set_pages(self._pages, self.number)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _save(self) -> None:
        if self._result is not None:
            self.saveWanted.emit(sheet_of(self._result, self.number, self.confidence))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from image to image, open one, find a difference."""
        key = Qt.Key(event.key())
        last = 0 if self._pages is None else len(self._pages) - 1
        wanted = page_wanted(key, self.number, last)
        if wanted is not None:
            self.go(wanted)
        elif key == Qt.Key.Key_D:
            self.go_to_difference()
        elif (
            key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.focusWidget() in self.panes.views
        ):
            self.open_large()
        else:
            super().keyPressEvent(event)


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    return result
