"""The graph for assistive tools: a list of its blocks, each with its name, place and state."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, QRect
from PySide6.QtGui import QAccessible, QAccessibleEvent, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QGraphicsView
from shiboken6 import isValid

from app.graph_view.drawing.scene import GraphScene

CLASS = "GraphView"
_made: list[GraphInterface] = []
"""Qt keeps the interfaces, but not what Python knows of them."""


class BlockInterface(QAccessibleInterface):
    """One block.

    Parameters
    ----------
    graph : GraphInterface
    index : int
        The block's.
    """

    def __init__(self, graph: GraphInterface, index: int) -> None:
        super().__init__()
        self._graph, self.index = graph, index

    def isValid(self) -> bool:
        """Whether the network shown has this block."""
        return self.index in self._graph.indices()

    def object(self) -> QObject | None:  # type: ignore[override]
        """Blocks are painted; none is an object of its own."""
        return None

    def parent(self) -> QAccessibleInterface:
        """Return the graph."""
        return self._graph

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """Blocks have no children here."""
        return None

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """Blocks have no children here."""
        return None

    def childCount(self) -> int:
        """Blocks have no children here."""
        return 0

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """Blocks have no children here."""
        return -1

    def text(self, kind: QAccessible.Text) -> str:
        """Say which block it is, its channels, and its part in the plan."""
        scene = self._graph.scene if kind == QAccessible.Text.Name else None
        return "" if scene is None else scene.words(self.index)

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        """Names come from the network."""

    def rect(self) -> QRect:
        """Return its place on the screen."""
        return self._graph.rect_of(self.index)

    def role(self) -> QAccessible.Role:
        """An item of a list."""
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        """Whether it has the focus and is selected."""
        state, view, scene = QAccessible.State(), self._graph.view, self._graph.scene
        state.focusable = state.selectable = state.multiSelectable = True
        if view is not None and scene is not None:
            state.focused = self.index == scene.marks.focus and view.hasFocus()
            state.selected = self.index in scene.marks.selection
        return state


class GraphInterface(QAccessibleWidget):
    """The graph: its blocks are its children.

    Parameters
    ----------
    view : QGraphicsView
        Shows a `GraphScene`.
    """

    def __init__(self, view: QGraphicsView) -> None:
        super().__init__(view, QAccessible.Role.List, view.accessibleName())
        self._view = view
        self._blocks: dict[int, BlockInterface] = {}

    @property
    def view(self) -> QGraphicsView | None:
        """The view, as long as there is one."""
        return self._view if isValid(self._view) else None

    @property
    def scene(self) -> GraphScene | None:
        """What the view shows."""
        scene = self.view.scene() if self.view is not None else None
        return scene if isinstance(scene, GraphScene) else None

    def indices(self) -> list[int]:
        """Return the blocks in order."""
        return sorted(self.scene.blocks) if self.scene is not None else []

    def childCount(self) -> int:
        """Return the number of blocks."""
        return len(self.indices())

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """Return a block by its place."""
        indices = self.indices()
        if not 0 <= index < len(indices):
            return None
        block = indices[index]
        if block not in self._blocks:
            self._blocks[block] = BlockInterface(self, block)
            QAccessible.registerAccessibleInterface(self._blocks[block])
        return self._blocks[block]

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """Return the place of a block."""
        indices = self.indices()
        known = isinstance(child, BlockInterface) and child.index in indices
        return indices.index(child.index) if known else -1  # type: ignore[attr-defined]

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """Return the block at a point of the screen."""
        if self.view is None or self.scene is None:
            return None
        inside = self.view.viewport().mapFromGlobal(QPoint(x, y))
        block = self.scene.block_at(self.view.mapToScene(inside))
        return None if block is None else self.child(self.indices().index(block))

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        """Return the block that the keyboard acts on."""
        indices, focus = self.indices(), self.focus
        return self.child(indices.index(focus)) if focus in indices else None

    @property
    def focus(self) -> int | None:
        """The block that the keyboard acts on."""
        return self.scene.marks.focus if self.scene is not None else None

    def rect_of(self, block: int) -> QRect:
        """Return the place of a block on the screen."""
        view, scene = self.view, self.scene
        if view is None or scene is None or block not in scene.blocks:
            return QRect()
        shown = view.mapFromScene(scene.blocks[block].sceneBoundingRect()).boundingRect()
        return QRect(view.viewport().mapToGlobal(shown.topLeft()), shown.size())


def announce(view: QGraphicsView) -> None:
    """Let assistive tools read out the block that has the focus."""
    interface = QAccessible.queryAccessibleInterface(view) if QAccessible.isActive() else None
    if isinstance(interface, GraphInterface) and interface.focus is not None:
        event = QAccessibleEvent(view, QAccessible.Event.Focus)
        event.setChild(interface.indices().index(interface.focus))
        QAccessible.updateAccessibility(event)


def _make(key: str, shown: QObject) -> QAccessibleInterface | None:
    if key != CLASS or not isinstance(shown, QGraphicsView):
        return None
    interface = GraphInterface(shown)
    _made.append(interface)
    return interface


QAccessible.installFactory(_make)
