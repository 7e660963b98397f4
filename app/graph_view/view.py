"""The view of the graph: shows what it is given, and says what a person asks for.

Pointer and wheel
    Click selects (Ctrl toggles, Shift takes the range from the last block clicked); dragging with
    the left button draws a rubber band (Ctrl and Shift add to the selection). A plain click on a
    block that a plan affects asks for its reason; a second click selects it. The middle or right
    button, or Alt and the left one, move the drawing. The wheel over a block steps its ratio, over
    anything else it zooms; with Ctrl it always zooms, with Shift it moves sideways. A zoom that
    carries the pointer onto a block goes on as a zoom.
Keyboard
    Arrows move the focus to the next block in that direction, Enter opens and closes it, Space
    toggles its selection, Ctrl+A selects all, Escape none; + and - zoom, 0 shows everything, Home
    goes to the first block, [ and ] to the block read and to the next reader.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QPainter,
    QResizeEvent,
    QShowEvent,
    QTransform,
)
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from app.graph_view.ink import Ink
from app.graph_view.input import InputMixin
from app.graph_view.legend import Legend
from app.graph_view.minimap import Minimap
from app.graph_view.picture import copy_scene, save_scene
from app.graph_view.scene import GraphScene
from app.graph_view.search import find_blocks
from app.graph_view.state import GraphState
from core.graph.table import ChannelTable

ZOOM_STEP = 1.2
ZOOM_RANGE = (0.05, 4.0)
FIT_LIMIT = 1.35
ROOM = 0.6
"""Part of the window by which the drawing may be pushed beyond its edge."""


class GraphView(InputMixin, QGraphicsView):
    """The network as a graph.

    Signals
    -------
    selectionRequested(frozenset of int, str)
        Blocks, and ``replace``, ``toggle`` or ``add``.
    ratioStepped(int, int)
        Block, and steps of the wheel (up is positive).
    blockHovered(int or None)
    blockActivated(int)
        An affected block was clicked: its reason is wanted.
    layerClicked(str)
    blockOpened(int, bool)
    contextMenuRequested(int, QPoint)
        Block (-1 beside all blocks), and the place on the screen.
    """

    selectionRequested = Signal(object, str)
    ratioStepped = Signal(int, int)
    blockHovered = Signal(object)
    blockActivated = Signal(int)
    layerClicked = Signal(str)
    blockOpened = Signal(int, bool)
    contextMenuRequested = Signal(int, QPoint)
    viewChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ink = Ink("light")
        self._scene = GraphScene(self._ink)
        self.setScene(self._scene)
        self._fitted = True
        self._set_up_view()
        self._set_up_input()
        self.minimap = Minimap(self, self._scene, self.viewChanged)
        self.minimap.shownChanged.connect(self._arrange_overlays)
        self.minimap.wentTo.connect(self.centre_on_point)
        self.legend = Legend(self)
        self._arrange_overlays()

    def _set_up_view(self) -> None:
        self.setObjectName("graphView")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        # Items set every pen and brush they use; saving the painter for each would be waste.
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName("Network graph")
        self.horizontalScrollBar().valueChanged.connect(self.viewChanged)
        self.verticalScrollBar().valueChanged.connect(self.viewChanged)

    # ---- what is shown -------------------------------------------------------------------------

    @property
    def table(self) -> ChannelTable | None:
        """The network shown."""
        return self._scene.table

    @property
    def opened(self) -> frozenset[int]:
        """Blocks shown with their layers."""
        return self._scene.opened

    @property
    def selection(self) -> frozenset[int]:
        """Blocks shown as selected."""
        return self._scene.marks.selection

    @property
    def focused_block(self) -> int | None:
        """The block that the keyboard acts on."""
        return self._scene.marks.focus

    def set_table(self, table: ChannelTable | None) -> None:
        """Show a network, or nothing.

        Parameters
        ----------
        table : ChannelTable or None
        """
        self._forget_pointer()
        self._scene.set_table(table)
        self._update_scene_rect()
        self.legend.set_state(GraphState(), self._ink)
        self.minimap.set_scene_changed()
        self.setAccessibleDescription(self._summary())
        self.fit()

    def set_state(self, state: GraphState) -> None:
        """Show widths, roles and colours; only what differs is painted again."""
        self._scene.set_state(state)
        if self.legend.set_state(state, self._ink):
            self._arrange_overlays()
        self.minimap.set_scene_changed()

    def set_selection(self, blocks: frozenset[int]) -> None:
        """Show these blocks as selected."""
        self._scene.set_marks(replace(self._scene.marks, selection=frozenset(blocks)))
        self.minimap.set_scene_changed()

    def set_palette_kind(self, kind: str) -> None:
        """Change to the ``light`` or the ``dark`` palette."""
        self._ink = Ink(kind)
        self._scene.set_ink(self._ink)
        self.legend.set_state(self._scene.state, self._ink)
        self.minimap.set_scene_changed()

    # ---- opening -------------------------------------------------------------------------------

    def open_block(self, block: int) -> None:
        """Show a block's layers in its place; nothing happens for one without layers."""
        self._set_opened(self.opened | {block}, block)

    def close_block(self, block: int) -> None:
        """Show a block as one box again."""
        self._set_opened(self.opened - {block}, block)

    def toggle_block(self, block: int) -> None:
        """Open or close a block."""
        (self.close_block if block in self.opened else self.open_block)(block)

    def open_all(self) -> None:
        """Open every block that has layers."""
        if self.table is not None:
            self._scene.set_opened(frozenset(b.index for b in self.table.blocks))
            self._after_layout(None, QPointF())

    def close_all(self) -> None:
        """Close every block."""
        self._scene.set_opened(frozenset())
        self._after_layout(None, QPointF())

    def _set_opened(self, blocks: frozenset[int], block: int) -> None:
        if self.table is None or block not in self._scene.blocks:
            return
        before = self.opened
        item = self._scene.blocks[block]
        corner = QPointF(self.mapFromScene(item.pos()))
        self._scene.set_opened(blocks)
        self._after_layout(block, corner)
        if (block in before) != (block in self.opened):
            self.blockOpened.emit(block, block in self.opened)

    def _after_layout(self, block: int | None, corner: QPointF) -> None:
        """Keep the block that was opened where it was on the screen."""
        self._update_scene_rect()
        if block is not None:
            moved = QPointF(self.mapFromScene(self._scene.blocks[block].pos())) - corner
            self._scroll(moved)
        self.minimap.set_scene_changed()

    # ---- zoom and place ------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """Screen pixels per scene pixel."""
        return self.transform().m11()

    def fit(self) -> None:
        """Show the whole drawing."""
        layout = self._scene.layout
        self._fitted = True
        if layout is None:
            return
        room = self.viewport().size()
        width, height = layout.bounds[2:]
        scale = min(room.width() / width, room.height() / height, FIT_LIMIT)
        self._set_zoom(max(scale * 0.98, ZOOM_RANGE[0]))
        # Room that is left over goes to the legend at the right.
        spare = max(0.0, room.width() / self.zoom - width)
        shift = min(spare, (self.legend.sizeHint().width() + 12) / self.zoom) / 2
        self.centerOn(QRectF(*layout.bounds).center() + QPointF(shift, 0))
        self._fitted = True
        self._place_legend()
        self.viewChanged.emit()

    def zoom_in(self) -> None:
        """Zoom in about the middle."""
        self.zoom_at(QPointF(self.viewport().rect().center()), ZOOM_STEP)

    def zoom_out(self) -> None:
        """Zoom out about the middle."""
        self.zoom_at(QPointF(self.viewport().rect().center()), 1 / ZOOM_STEP)

    def zoom_reset(self) -> None:
        """Show one scene pixel as one screen pixel."""
        self.zoom_at(QPointF(self.viewport().rect().center()), 1 / self.zoom)

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom about a point of the view, which stays where it is."""
        before = self._to_scene(point)
        self._set_zoom(min(max(self.zoom * factor, ZOOM_RANGE[0]), ZOOM_RANGE[1]))
        after = self._to_scene(point)
        self._scroll((after - before) * -self.zoom)
        self.viewChanged.emit()

    def _set_zoom(self, scale: float) -> None:
        self._fitted = False
        self.setTransform(QTransform.fromScale(scale, scale))
        self._update_scene_rect()

    def _to_scene(self, point: QPointF) -> QPointF:
        inverse, _ = self.viewportTransform().inverted()
        return inverse.map(point)

    def _scroll(self, by: QPointF) -> None:
        self._fitted = False
        horizontal, vertical = self.horizontalScrollBar(), self.verticalScrollBar()
        horizontal.setValue(horizontal.value() + round(by.x()))
        vertical.setValue(vertical.value() + round(by.y()))

    def _update_scene_rect(self) -> None:
        """Let the drawing be pushed aside, but not out of sight."""
        layout = self._scene.layout
        if layout is None:
            self.setSceneRect(QRectF())
            return
        room = self.viewport().size()
        dx, dy = room.width() * ROOM / self.zoom, room.height() * ROOM / self.zoom
        self.setSceneRect(QRectF(*layout.bounds).adjusted(-dx, -dy, dx, dy))

    def focus_block(self, block: int) -> None:
        """Give a block the keyboard focus and bring it to the middle."""
        self._focus(block)
        item = self._scene.blocks.get(block)
        if item is not None:
            if self.zoom < 0.6:
                self._set_zoom(0.9)
            self._fitted = False
            self.centerOn(item.sceneBoundingRect().center())
            self.viewChanged.emit()

    def centre_on_point(self, point: QPointF) -> None:
        """Bring a point of the drawing to the middle."""
        self._fitted = False
        self.centerOn(point)
        self.viewChanged.emit()

    def _focus(self, block: int | None) -> None:
        if block is not None and block not in self._scene.blocks:
            return
        self._scene.set_marks(replace(self._scene.marks, focus=block, ring=True))
        self.setAccessibleDescription(self._summary())
        event = QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
        QAccessible.updateAccessibility(event)

    def _summary(self) -> str:
        """Say in words what a screen reader should read out."""
        table, focus = self.table, self.focused_block
        if table is None:
            return "No network is open."
        if focus is None:
            return f"{len(table.blocks)} blocks. The arrow keys move between them."
        block = table.blocks[focus]
        look = self._scene.blocks[focus].look
        words = [f"Block {focus}, {block.type}, {block.stage}, stride {block.stride}"]
        if look is not None:
            words.append(look.widths.replace("→", "to") + " channels")
            words += [w for w in (look.role, "selected" if look.selected else "") if w]
        return ", ".join(dict.fromkeys(words)) + "."

    # ---- search and neighbours -----------------------------------------------------------------

    def search(self, text: str) -> list[int]:
        """Highlight the blocks whose index, type or layers' names match, and return them.

        Parameters
        ----------
        text : str
            An empty text ends the search.
        """
        found = find_blocks(self.table, text) if self.table is not None else []
        self._scene.set_marks(replace(self._scene.marks, matches=frozenset(found)))
        return found

    def jump(self, direction: str) -> int | None:
        """Go to a neighbour along the lines.

        Parameters
        ----------
        direction : str
            ``source`` for the block read, ``target`` for a reader. Where there are several, the
            next call after coming back takes the next one.

        Returns
        -------
        int or None
            The block gone to; None where there is none.
        """
        block = self._next_neighbour(direction)
        if block is not None:
            self.focus_block(block)
        return block

    # ---- pictures ------------------------------------------------------------------------------

    def copy_picture(self) -> None:
        """Put a picture of the whole drawing on the clipboard."""
        copy_scene(self._scene)

    def save_picture(self, path: str | Path) -> None:
        """Write a picture of the whole drawing: SVG or PNG, by the name's ending.

        Raises
        ------
        OSError
            When the file cannot be written.
        ValueError
            When the name ends otherwise.
        """
        save_scene(self._scene, Path(path))

    # ---- the window around it ------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Return a size at which a network is readable."""
        return QSize(1100, 760)

    def showEvent(self, event: QShowEvent) -> None:
        """Fit what was set before the view had its size."""
        super().showEvent(event)
        self._arrange_overlays()
        if self._fitted:
            self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted drawing fitted, and the overlays in their corners."""
        super().resizeEvent(event)
        self._arrange_overlays()
        self._update_scene_rect()
        if self._fitted:
            self.fit()
        self.viewChanged.emit()

    def _arrange_overlays(self) -> None:
        area = QRect(self.rect()).adjusted(12, 12, -12, -12)
        self.minimap.adjustSize()
        self.legend.adjustSize()
        right, bottom = area.right() + 1, area.bottom() + 1
        self.minimap.move(right - self.minimap.width(), bottom - self.minimap.height())
        self._place_legend()

    def _place_legend(self) -> None:
        """Put the legend where it covers nothing; while a person moves the drawing, it stays."""
        if self._scene.layout is not None and self._fitted:
            self.legend.lie_in(self, self._scene.layout, self.minimap.geometry())
