"""Which classes stay: searched, ticked, with the objects that a dataset has of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTreeWidgetItem,
    QWidget,
)

from app.kit.widgets import TreeTable, column, label
from app.state.session import Session
from app.state.structure import edits

CLASS, OBJECTS = 0, 1
NONE_STAYS = "At least one class must stay: tick one."
NO_DATA = "With a dataset, the objects of each class are counted here."
NOT_CHECKED = "The dataset is not checked yet: check it in Data to see the objects of each class."


class ClassesDialog(QDialog):
    """Ticked classes stay; the others are removed from the head.

    Parameters
    ----------
    session : Session
        With a model open.
    parent : QWidget
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        assert session.model is not None
        self._names = session.model.facts.classes
        self.setWindowTitle("Keep only some classes")
        self.resize(460, 560)
        self.search = QLineEdit(placeholderText="Search classes")
        self.search.setAccessibleName("Search classes")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.tree = self._make_tree()
        self.note = label("", "muted")
        self.said = label("")
        self.said.setAccessibleName("How many classes stay")
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.keep = self.buttons.button(buttons.Ok)
        self.keep.setText("Keep")
        self.keep.setProperty("primary", "true")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = column(self.search, self.tree, self._ticking(), self.note, self.said, margins=12)
        layout.addWidget(self.buttons)
        layout.setStretchFactor(self.tree, 1)
        self.setLayout(layout)
        self._fill()
        session.measured.dataChecked.connect(self._count)
        session.modelChanged.connect(self.reject)

    def _make_tree(self) -> TreeTable:
        tree = TreeTable()
        tree.setHeaderLabels(["Class", "Objects"])
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setAccessibleName("Classes that stay")
        tree.setMinimumHeight(120)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(CLASS, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(OBJECTS, QHeaderView.ResizeMode.ResizeToContents)
        tree.itemChanged.connect(self._ticked)
        return tree

    def _ticking(self) -> QWidget:
        """Make the buttons that tick many at once, of those that the search shows."""
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self.all = QPushButton("All")
        self.all.setToolTip("Tick all classes that the search shows")
        self.all.clicked.connect(lambda: self._tick(lambda item: True))
        self.none = QPushButton("None")
        self.none.setToolTip("Clear the ticks of all classes that the search shows")
        self.none.clicked.connect(lambda: self._tick(lambda item: False))
        self.occurring = QPushButton("With objects")
        self.occurring.setToolTip("Tick the classes of which the dataset has objects, no others")
        self.occurring.clicked.connect(lambda: self._tick(lambda item: item.objects > 0))
        for button in (self.all, self.none, self.occurring):
            button.setAutoDefault(False)
            layout.addWidget(button)
        layout.addStretch(1)
        return row

    # ---- showing ------------------------------------------------------------------------------

    def _fill(self) -> None:
        kept = self._session.plan.classes
        self.tree.blockSignals(True)
        for number, name in sorted(self._names.items()):
            item = ClassItem(number, name)
            stays = kept is None or number in kept
            item.setCheckState(CLASS, Qt.CheckState.Checked if stays else Qt.CheckState.Unchecked)
            item.setSizeHint(CLASS, QSize(0, self.fontMetrics().height() + 8))
            self.tree.addTopLevelItem(item)
        self.tree.blockSignals(False)
        self.tree.setSortingEnabled(True)
        self.tree.sortByColumn(CLASS, Qt.SortOrder.AscendingOrder)
        self._count()
        self._say()

    def _count(self) -> None:
        """Write beside every class how many objects the dataset has."""
        measured = self._session.measured
        check = measured.check
        self.note.setText(NO_DATA if measured.data is None else NOT_CHECKED)
        self.note.setVisible(check is None)
        self.occurring.setEnabled(check is not None)
        splits = [] if check is None else [s["classes"] for s in check["splits"].values()]
        self.tree.setColumnHidden(OBJECTS, check is None)
        self.tree.blockSignals(True)
        for item in self._items():
            item.set_objects(sum(int(split.get(item.name, 0)) for split in splits))
        self.tree.blockSignals(False)

    def _say(self) -> None:
        count, whole = len(self.chosen), len(self._names)
        self.said.setText(f"{count} of {whole} classes {'stays' if count == 1 else 'stay'}.")
        self.keep.setEnabled(count > 0)
        self.keep.setToolTip("" if count else NONE_STAYS)
        if not count:
            self.said.setText(NONE_STAYS)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for item in self._items():
            item.setHidden(not all(word in item.name.lower() for word in words))

    # ---- ticking ------------------------------------------------------------------------------

    def _items(self) -> Iterable[ClassItem]:
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            assert isinstance(item, ClassItem)
            yield item

    def _ticked(self, item: QTreeWidgetItem) -> None:
        """Tick all that are selected with the one that was ticked."""
        if item.isSelected():
            self.tree.blockSignals(True)
            for other in self.tree.selectedItems():
                other.setCheckState(CLASS, item.checkState(CLASS))
            self.tree.blockSignals(False)
        self._say()

    def _tick(self, wanted: Callable[[ClassItem], bool]) -> None:
        self.tree.blockSignals(True)
        for item in self._items():
            if not item.isHidden():
                state = Qt.CheckState.Checked if wanted(item) else Qt.CheckState.Unchecked
                item.setCheckState(CLASS, state)
        self.tree.blockSignals(False)
        self.tree.viewport().update()
        self._say()

    @property
    def chosen(self) -> list[int]:
        """The classes that stay, by number."""
        ticked = Qt.CheckState.Checked
        return sorted(item.number for item in self._items() if item.checkState(CLASS) == ticked)

    def accept(self) -> None:
        """Put the choice into the plan."""
        chosen = self.chosen
        if chosen:
            session = self._session
            session.edit(edits.keep_classes(session.plan, chosen, len(self._names)))
            super().accept()


class ClassItem(QTreeWidgetItem):
    """A class: its name, and how many objects of it there are."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__([name, ""])
        self.number, self.name, self.objects = number, name, 0
        self.setFlags(self.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        self.setTextAlignment(OBJECTS, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setToolTip(CLASS, f"Class {number}: {name}")

    def set_objects(self, count: int) -> None:
        """Show how many objects there are."""
        self.objects = count
        self.setText(OBJECTS, f"{count:,}")

    def __lt__(self, other: QTreeWidgetItem) -> bool:
        """Sort classes by number, and objects by how many they are."""
        tree = self.treeWidget()
        if not isinstance(other, ClassItem):
            return super().__lt__(other)
        if tree is not None and tree.sortColumn() == OBJECTS:
            return (self.objects, other.number) < (other.objects, self.number)
        return self.number < other.number
