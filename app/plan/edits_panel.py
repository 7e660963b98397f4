"""Everything done to the plan, as a list; a click goes back there."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QUndoView

from app.context import Context
from app.kit import theme


class EditsPanel(QUndoView):
    """The undo stack."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setStack(context.session.undo_stack)
        self.setEmptyLabel("As opened")
        self.setProperty("roomy", "true")
        context.theme.changed.connect(self._restyle)
        self._restyle()
        self.setIconSize(QSize(14, 14))
        self.setUniformItemSizes(True)
        self.setAccessibleName("Edits of the plan")
        self.setToolTip("Click a line to go back to that state; later edits can be redone")

    def _restyle(self) -> None:
        self.setCleanIcon(theme.icon("save", "muted"))
