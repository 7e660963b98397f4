"""The command palette: any action by a few letters of its name."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, QSortFilterProxyModel, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QLineEdit, QListView, QVBoxLayout, QWidget

from app.kit.table_model import Index

ACTION_ROLE = Qt.ItemDataRole.UserRole
ICON = 16
"""Pixels."""


class _Words(QSortFilterProxyModel):
    """Keeps what has every word that was typed, anywhere."""

    words: tuple[str, ...] = ()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        text = str(self.sourceModel().index(row, 0).data()).lower()
        return all(word in text for word in self.words)


class CommandPalette(QDialog):
    """A list of the actions that can be used now.

    Parameters
    ----------
    actions : list of QAction
    """

    def __init__(self, actions: list[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Commands")
        self.setModal(True)
        self.resize(520, 380)
        self.field = QLineEdit(placeholderText="Type a command")
        self.field.setAccessibleName("Search commands")
        self.field.setProperty("field", "true")
        model = QStandardItemModel(self)
        for action in actions:
            model.appendRow(_item(action))
        self._proxy = _Words(self)
        self._proxy.setSourceModel(model)
        self.list = QListView()
        self.list.setModel(self._proxy)
        self.list.setAccessibleName("Commands")
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(ICON, ICON))
        self.list.setProperty("roomy", "true")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.chosen: QAction | None = None
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.field.returnPressed.connect(self._run)
        self.list.activated.connect(self._run)
        self.list.clicked.connect(self._run)
        self._filter("")

    def _filter(self, text: str) -> None:
        self._proxy.words = tuple(text.lower().split())
        self._proxy.invalidate()
        self.list.setCurrentIndex(self._proxy.index(0, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows move in the list while one types."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if steps:
                row = self.list.currentIndex().row() + steps
                if 0 <= row < self._proxy.rowCount():
                    self.list.setCurrentIndex(self._proxy.index(row, 0))
                return True
        return super().eventFilter(watched, event)

    def _run(self) -> None:
        action = self.list.currentIndex().data(ACTION_ROLE)
        self.chosen = action if isinstance(action, QAction) else None
        self.accept()


def _item(action: QAction) -> QStandardItem:
    keys = action.shortcut().toString()
    text = action.text().replace("&", "").removesuffix("…")
    icon = action.icon()
    if icon.isNull():  # texts begin below each other
        space = QPixmap(ICON, ICON)
        space.fill(Qt.GlobalColor.transparent)
        icon = QIcon(space)
    item = QStandardItem(icon, f"{text}    {keys}" if keys else text)
    item.setData(action, ACTION_ROLE)
    item.setToolTip(action.toolTip())
    return item
