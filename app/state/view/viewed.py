"""What the person looks at: the blocks selected, the one in focus, and what colours the graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.state.open_model import Coupling, OpenModel, selected
from app.state.overlays import PLAIN, OverlayOf
from core.plan.left import block_named

if TYPE_CHECKING:
    from core.graph.table import ChannelTable
    from core.plan.live import Prediction
    from core.project import Project


class Viewed(QObject):
    """The part of the session that says what the person looks at.

    Signals
    -------
    selectionChanged
        The blocks the user selected, or the one in focus.
    viewChanged
        What is highlighted: overlay, hovered block, drawn path.
    """

    selectionChanged = Signal()
    viewChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model: OpenModel | None = None
        self.prediction: Prediction | None = None
        self.selection: frozenset[int] = frozenset()
        self.focused: int | None = None
        self.focused_layer: str = ""
        self.overlays: dict[str, OverlayOf[Any]] = {PLAIN.id: PLAIN}
        self.overlay = PLAIN.id
        self.highlighted: frozenset[int] = frozenset()
        self.coupling = Coupling()

    @property
    def table(self) -> ChannelTable | None:
        """The open model's channel table, of all its structure."""
        return self.model.table if self.model else None

    def _reset_view(self, project: Project | None) -> None:
        known = {b.index for b in self.table.blocks} if self.table else set()
        view = project.view if project is not None else None
        self.selection = frozenset(view.selection) & known if view else frozenset()
        self.focused = view.focused if view and view.focused in known else None
        self.overlay = view.overlay if view and view.overlay in self.overlays else PLAIN.id
        self.focused_layer = ""
        self.highlighted = frozenset()
        self.coupling = Coupling()

    def select(self, blocks: Iterable[int], mode: str = "replace") -> None:
        """Select blocks: ``replace``, ``add``, ``remove`` or ``toggle``."""
        if self.table is None:
            return
        asked = frozenset(blocks) & {b.index for b in self.table.blocks}
        selection, focused = selected(self.selection, self.focused, asked, mode)
        if (selection, focused) == (self.selection, self.focused):
            return
        if focused != self.focused:
            self.focused_layer = ""
        self.selection, self.focused = selection, focused
        self.selectionChanged.emit()
        self._explain_focus()

    def focus_layer(self, name: str) -> None:
        """Bring one layer, and with it its block, into focus; of any other module, the block."""
        if self.table is None or name == self.focused_layer:
            return
        if name not in self.table.index:
            inner = block_named(name)
            if inner is not None:
                self.select({inner})
            return
        block = self.table.layers[self.table.index[name]].block
        if block not in self.selection:
            self.selection = frozenset({block})
        self.focused, self.focused_layer = block, name
        self.selectionChanged.emit()

    def offer_overlays(self, overlays: Iterable[OverlayOf[Any]]) -> None:
        """Take in what else may colour the blocks, as the features bring it."""
        self.overlays |= {overlay.id: overlay for overlay in overlays}

    def set_overlay(self, overlay: str) -> None:
        """Colour the blocks by something."""
        if overlay in self.overlays and overlay != self.overlay:
            self.overlay = overlay
            self.viewChanged.emit()

    def hover(self, block: int | None) -> None:
        """Light the blocks that share channels with, or read, the block under the pointer."""
        model = self.model
        lit = frozenset() if block is None or model is None else model.touched_by(block)
        if lit != self.highlighted:
            self.highlighted = lit
            self.viewChanged.emit()

    def show_coupling(self, source: int, target: int) -> None:
        """Draw the path from one block to another, if there is one."""
        coupling = Coupling() if self.model is None else self.model.coupling(source, target)
        if not coupling.pairs:
            self._clear_coupling()
            return
        self.coupling = coupling
        self.viewChanged.emit()

    def explain_block(self, block: int) -> None:
        """Bring an affected block into focus and draw what it follows; the selection stays."""
        if block != self.focused:
            self.focused, self.focused_layer = block, ""
            self.selectionChanged.emit()
        self._explain_focus()

    def _explain_focus(self) -> None:
        """Draw the path from a block of the plan to the affected block in focus."""
        self._clear_coupling()
        if self.model is None or self.prediction is None or self.focused is None:
            return
        source = self.model.source_of(self.focused, self.prediction.roles)
        if source is not None:
            self.show_coupling(source, self.focused)

    def _clear_coupling(self) -> None:
        if self.coupling.pairs:
            self.coupling = Coupling()
            self.viewChanged.emit()
