"""What cannot be done, and what would break without Secateur."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.kit import formats, theme
from app.kit.table_model import ROW_ROLE, Column, Index, TableModel
from app.kit.widgets import OnScreen, label, set_widths, table_view
from app.plan.conflicts.finder import KINDS, ConflictFinder
from app.state import plan_edits

if TYPE_CHECKING:
    from core.plan.resolve import Blocked
    from core.plan.schema import Plan
    from core.plan.why.conflicts import Conflict

TITLE = "Conflicts"
SHOWN_REFUSALS = 3
INTRO = {
    "none": "Select something to prune; this panel then lists what breaks without Secateur.",
    "refused": "Nothing is removed yet.",
    "clean": "Cutting only the selected layers works here: nothing else changes.",
    "busy": "Checking what would break without Secateur…",
}


class ConflictsPanel(OnScreen, QWidget):
    """Refusals with a way out, then the naive conflicts in the order they would come."""

    def __init__(self, context: Context, finder: ConflictFinder) -> None:
        super().__init__()
        self._session, self._finder = context.session, finder
        self._refusals = QVBoxLayout()
        self._refusals.setSpacing(4)
        self.intro = label(INTRO["none"], "muted")
        self.model = TableModel(_COLUMNS, self)
        self.view = table_view(self.model, "What would break without Secateur")
        set_widths(self.view, (36, 180, 250, 400, 200))
        self.view.activated.connect(self._go)
        self.view.clicked.connect(self._go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 4)
        layout.addLayout(self._refusals)
        layout.addWidget(self.intro)
        layout.addWidget(self.view, 1)
        finder.changed.connect(self._show)

    def catch_up(self) -> None:
        """Show what changed while nobody could see it."""
        self._show()

    # ---- refusals -----------------------------------------------------------------------------

    def _show_refusals(self) -> None:
        while (item := self._refusals.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        prediction = self._session.prediction
        if prediction is None:
            return
        if prediction.refusal is not None:
            self._refusals.addWidget(_red(str(prediction.refusal)))
        blocked = prediction.resolution.blocked
        for refused in blocked[:SHOWN_REFUSALS]:
            self._refusals.addWidget(self._refusal(refused))
        if len(blocked) > SHOWN_REFUSALS:
            self._refusals.addWidget(self._rest(len(blocked) - SHOWN_REFUSALS))

    def _refusal(self, refused: Blocked) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        picture = QLabel()
        picture.setPixmap(theme.render("error", 16, theme.colours().blocked, 2.0))
        picture.setFixedWidth(20)
        button = QPushButton(self._remedy(refused))
        button.setToolTip("Use the nearest selection that works; can be undone")
        button.clicked.connect(lambda: self._mend(refused))
        layout.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(_red(refused.message), 1)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    @staticmethod
    def _remedy(refused: Blocked) -> str:
        if not refused.nearest:
            return "Remove from the plan"
        if len(refused.nearest) > 1:
            return "Use " + " and ".join(e.label for e in refused.nearest) + " instead"
        entry = refused.nearest[0]
        scope = "" if entry.scope == "all" else f", {plan_edits.SCOPE_NAMES[entry.scope]},"
        ratio = f" at {entry.ratio:.0%}" if entry.ratio is not None else ""
        return f"Use {entry.label}{scope}{ratio} instead"

    def _rest(self, more: int) -> QWidget:
        button = QPushButton(f"Fix these and {more} more")
        button.setToolTip("Use the nearest selection for all blocked entries")
        button.clicked.connect(self._mend_all)
        return button

    def _edit_for(self, plan: Plan, refused: Blocked) -> plan_edits.Edit:
        assert self._session.model is not None
        block = self._session.model.predictor.block_of(refused.layer)
        return plan_edits.apply_nearest(plan, refused, block)

    def _mend(self, refused: Blocked) -> None:
        self._session.edit(self._edit_for(self._session.plan, refused))

    def _mend_all(self) -> None:
        prediction, plan = self._session.prediction, self._session.plan
        for refused in prediction.resolution.blocked if prediction else ():
            plan = self._edit_for(plan, refused).plan
        self._session.edit(plan_edits.replace_plan(plan, "Fix all blocked entries"))

    # ---- naive conflicts ----------------------------------------------------------------------

    def _show(self) -> None:
        """Count, also unseen, what would break: the tab says how much of it Secateur resolves."""
        finder, prediction = self._finder, self._session.prediction
        if self.shown:
            self._show_refusals()
        nothing = prediction is None or not prediction.changes
        if finder.searching:
            self.intro.setText(INTRO["busy"])
            return
        if nothing:
            refused = prediction is not None and (
                prediction.resolution.blocked or prediction.refusal
            )
            self.intro.setText(INTRO["refused" if refused else "none"])
        elif finder.conflicts:
            layers = formats.counted(len(finder.conflicts), "layer")
            self.intro.setText(
                f"If only the selected layers were cut, {layers} would fail, in this order. "
                "Secateur adjusts all of them."
            )
        else:
            self.intro.setText(INTRO["clean"])
        self.model.set_rows(list(enumerate(finder.conflicts, 1)))
        self._say_counts(len(finder.conflicts))

    def _say_counts(self, resolved: int) -> None:
        blocked = len(self._finder.blocked)
        counts = f": {resolved} resolved, {blocked} blocked" if resolved or blocked else ""
        self.setWindowTitle(f"{TITLE}{counts}")

    def _go(self, index: Index) -> None:
        row = index.data(ROW_ROLE)
        if row is not None:
            self._session.focus_layer(row[1].layer)


def _red(text: str) -> QLabel:
    result = label(text, "blocked")
    result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return result


_COLUMNS: list[Column[tuple[int, Conflict]]] = [
    Column("#", lambda r: str(r[0]), lambda r: r[0], "The order of the failures", right=True),
    Column("Layer", lambda r: r[1].layer, tip="The layer that would fail"),
    Column(
        "Problem",
        lambda r: f"{KINDS.get(r[1].kind, r[1].kind)} ({r[1].got}, not {r[1].expected})",
        tip="Channels it gets, and channels it expects",
    ),
    Column("Reason", lambda r: r[1].reason, tip="The path from the selection"),
    Column("PyTorch error", lambda r: r[1].error, colour=lambda r: "muted"),
]
