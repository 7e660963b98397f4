"""Every argument of Ultralytics' trainer: a table to search in, with values of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.engine.hints import in_window
from app.kit.qt_guard import guarded, guarded_or
from app.kit.table_model import Column, SortedProxy, TableModel
from app.kit.widgets import label, set_widths, table_view
from core.errors import UserError
from core.tune.arguments import Argument, usual_of, write_value
from core.tune.presets import PRESETS

Index = QModelIndex | QPersistentModelIndex
Check = Callable[[Mapping[str, Any], Callable[[Mapping[str, str]], None]], None]
OWN, WIDTHS = 1, (150, 130, 110, 150)
NO_VALUE = ""
IN_FORM = {
    "use --data": "set the dataset in the form",
    "use --device": "set the device in the form",
    "use --minutes": "set the duration in the form",
    "use --teacher": "set the teacher in the form",
    "use --folder": "every job gets its own folder",
    "use --resume": "use Resume to continue a job",
}
"""What the command line names by its options, for the window."""
HINT = "Double-click or press F2 in the column “Value” to set a value; clear it to use the default."


@dataclass(slots=True)
class ArgumentRow:
    """One argument with what the user wrote for it."""

    argument: Argument
    usual: str
    text: str = NO_VALUE
    wrong: str = ""


def columns(preset: str) -> list[Column[ArgumentRow]]:
    """Return the columns; the third reports what a preset gives."""
    return [
        Column("Argument", lambda r: r.argument.name, tip="The name in Ultralytics"),
        Column(
            "Value",
            lambda r: r.text,
            tip="Your value; empty uses the default",
            colour=lambda r: "blocked" if r.wrong else "accent",
        ),
        Column(
            preset, lambda r: r.usual, tip="The default, or the value of the preset", colour=_faint
        ),
        Column("Takes", lambda r: r.argument.takes, colour=_faint),
        Column("Meaning", meaning, colour=_faint),
    ]


def meaning(row: ArgumentRow) -> str:
    """Describe what an argument means, or why it is not set here."""
    instead = row.argument.instead
    return f"Cannot be set here: {IN_FORM.get(instead, instead)}" if instead else row.argument.text


def _faint(row: ArgumentRow) -> str:
    return "muted" if row.argument.instead else ""


class ArgumentsModel(TableModel[ArgumentRow]):
    """The table; the second column can be written, and reports what is wrong with what was."""

    @guarded_or(Qt.ItemFlag.NoItemFlags)
    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let one's own value be edited where it is for the user to set."""
        flags = super().flags(index)
        if index.column() == OWN and not self.rows[index.row()].argument.instead:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    @guarded
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """As the table, with the text to edit, and a fault as the tip."""
        if index.isValid() and index.column() == OWN:
            row = self.rows[index.row()]
            if role == Qt.ItemDataRole.EditRole:
                return row.text
            if role == Qt.ItemDataRole.ToolTipRole and row.wrong:
                return row.wrong
        return super().data(index, role)

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a text; what cannot be read stays, with the reason."""
        if role != Qt.ItemDataRole.EditRole or index.column() != OWN:
            return False
        row = self.rows[index.row()]
        row.text, row.wrong = str(value).strip(), ""
        try:
            if row.text:
                row.argument.read(row.text)
        except UserError as error:
            row.wrong = in_window(f"{error.message} {error.hint}".strip())
        first = self.index(index.row(), 0)
        self.dataChanged.emit(first, self.index(index.row(), len(self.columns) - 1))
        return True

    @property
    def values(self) -> dict[str, Any]:
        """What was set and can be read."""
        return {
            row.argument.name: row.argument.read(row.text)
            for row in self.rows
            if row.text and not row.wrong
        }

    @property
    def wrong(self) -> list[ArgumentRow]:
        """Those that cannot be used."""
        return [row for row in self.rows if row.wrong]


class _Filter(SortedProxy):
    """Finds words in any column, and leaves out what is not set where that is wanted."""

    only_own = False

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        """Whether a row is shown."""
        model = self.sourceModel()
        assert isinstance(model, ArgumentsModel)
        if self.only_own and not model.rows[row].text:
            return False
        return super().filterAcceptsRow(row, parent)


class ArgumentsDialog(QDialog):
    """Asks for arguments; accepts only what Ultralytics takes.

    Parameters
    ----------
    arguments : sequence of Argument
    preset : str
    chosen : mapping
        What was set before.
    check : callable
        Lets Ultralytics itself check values; told the problems by name, later.
    """

    def __init__(
        self,
        arguments: Sequence[Argument],
        preset: str,
        chosen: Mapping[str, Any],
        check: Check,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._check = check
        title = PRESETS[preset].title
        self.setWindowTitle("All training arguments")
        self.resize(980, 620)
        self.model = ArgumentsModel(columns(title), self)
        self.model.set_rows([_row(argument, preset, chosen) for argument in arguments])
        self.model.dataChanged.connect(lambda *_: self._show())
        self.proxy = _Filter(self.model, self)
        self.view = table_view(self.proxy, "Training arguments")
        self.view.setSortingEnabled(False)
        self.proxy.sort(-1)  # in the order of Ultralytics, which keeps what belongs together
        triggers = QAbstractItemView.EditTrigger
        self.view.setEditTriggers(
            triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed
        )
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        set_widths(self.view, WIDTHS)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: name, type, meaning")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search arguments")
        self.search.textChanged.connect(self.proxy.setFilterFixedString)
        self.only = QCheckBox("&Only values I set")
        self.only.toggled.connect(self._filter)
        self.status = label(HINT, "muted")
        self._lay_out()
        self._show()
        self.search.setFocus()

    def _lay_out(self) -> None:
        self.forget = QPushButton("&Reset all")
        self.forget.setToolTip("Clear all values and use those of the preset")
        self.forget.clicked.connect(self._forget)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.use = QPushButton("&Apply")
        self.use.setProperty("primary", "true")
        self.use.clicked.connect(self._try)
        for button in (self.forget, cancel, self.use):
            button.setAutoDefault(False)  # Enter ends a search or an edit, not the dialog
        top, buttons = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.only)
        buttons.addWidget(self.forget)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.status)
        layout.addLayout(buttons)

    @property
    def options(self) -> dict[str, Any]:
        """What was set."""
        return self.model.values

    def _filter(self, only: bool) -> None:
        self.proxy.only_own = only
        self.proxy.invalidate()

    def _forget(self) -> None:
        for row in range(len(self.model.rows)):
            if self.model.rows[row].text:
                self.model.setData(self.model.index(row, OWN), NO_VALUE)

    def _show(self) -> None:
        wrong, count = self.model.wrong, sum(bool(row.text) for row in self.model.rows)
        self.use.setEnabled(not wrong)
        self.forget.setEnabled(count > 0)
        self.status.setProperty("role", "blocked" if wrong else "muted")
        self.status.style().polish(self.status)
        if wrong:
            self.status.setText(wrong[0].wrong)
        else:
            self.status.setText(f"{count} set. {HINT}" if count else HINT)

    def _try(self) -> None:
        """Ask Ultralytics where the type alone does not tell, and close when all is well."""
        asked = {
            row.argument.name: row.argument.read(row.text)
            for row in self.model.rows
            if row.text and row.argument.kind == "any"
        }
        if not asked:
            self.accept()
            return
        self.use.setEnabled(False)
        self.status.setText("Checking with Ultralytics…")
        self._check(asked, self._tried)

    def _tried(self, problems: Mapping[str, str]) -> None:
        for row in self.model.rows:
            row.wrong = problems.get(row.argument.name, row.wrong)
        if problems:
            self.model.refresh()
            self._show()
        else:
            self.accept()


def _row(argument: Argument, preset: str, chosen: Mapping[str, Any]) -> ArgumentRow:
    text = write_value(chosen[argument.name]) if argument.name in chosen else NO_VALUE
    return ArgumentRow(argument, usual_of(argument, preset), text)
