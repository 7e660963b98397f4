"""The view of the graph: shows what it is given, and reports what the user asks for.

`app.graph_view.controls.pointer` and `app.graph_view.controls.input` say what mouse and keys do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGestureEvent, QGraphicsView, QWidget

from app.graph_view.accessible import announce
from app.graph_view.controls.camera import Camera
from app.graph_view.controls.input import Keyboard, SelectionInput
from app.graph_view.controls.legend import HEIGHT
from app.graph_view.controls.overlays import Overlays
from app.graph_view.controls.pointer import Pointer, Wheel
from app.graph_view.drawing.ink import Ink
from app.graph_view.drawing.scene import GraphScene
from app.graph_view.drawing.state import GraphState
from app.graph_view.picture import copy_scene, save_scene
from app.graph_view.search import find_blocks
from core.graph.table import ChannelTable


class GraphView(QGraphicsView):
    """The network as a graph.

    Signals
    -------
    selectionRequested(frozenset of int, str)
        Blocks, and ``replace``, ``toggle`` or ``add``.
    ratioStepped(int, int)
        Block, and steps of the wheel (up is positive).
    blockHovered(int or None)
    layerClicked(str)
    blockOpened(int, bool)
    contextMenuRequested(int, QPoint)
        Block (-1 next to all blocks), and the place on the screen.
    """

    selectionRequested = Signal(object, str)
    ratioStepped = Signal(int, int)
    blockHovered = Signal(object)
    layerClicked = Signal(str)
    blockOpened = Signal(int, bool)
    contextMenuRequested = Signal(int, QPoint)
    viewChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ink = Ink("light")
        self._scene = GraphScene(self._ink)
        self.setScene(self._scene)
        self._set_up_view()
        self._camera = Camera(self, self._scene)
        self._camera.moved.connect(self.viewChanged)
        selection = self._selection = SelectionInput(self._scene, self)
        self._keyboard = Keyboard(self._scene, selection, self)
        self._pointer = Pointer(self, self._scene, self._camera, selection, self._keyboard, self)
        self._wheel = Wheel(self, self._scene, self._camera, self)
        self.viewport().grabGesture(Qt.GestureType.PinchGesture)
        self._overlays = Overlays(self, self._scene, self._camera, self.viewChanged)
        self._overlays.connect_zoom(self)
        self.viewChanged.connect(self._scene.zoom_changed)
        self.minimap, self.legend = self._overlays.minimap, self._overlays.legend
        self.zoom_control = self._overlays.zoom

    def _set_up_view(self) -> None:
        self.setObjectName("graphView")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportMargins(0, 0, 0, HEIGHT)  # for the legend and the zoom
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
        for part in (self._pointer, self._keyboard, self._selection):
            part.forget()
        self._scene.set_table(table)
        self._camera.limit()
        self.legend.set_state(GraphState(), self._ink)
        self.minimap.set_scene_changed()
        self.setAccessibleDescription(self._scene.summary())
        self.fit()

    def set_state(self, state: GraphState) -> None:
        """Show widths, roles and colours; only what differs is painted again."""
        self._scene.set_state(state)
        self.legend.set_state(state, self._ink, bool(self.selection))
        self.minimap.set_scene_changed()

    def set_selection(self, blocks: frozenset[int]) -> None:
        """Show these blocks as selected."""
        self._scene.set_marks(replace(self._scene.marks, selection=frozenset(blocks)))
        self.legend.set_state(self._scene.state, self._ink, bool(blocks))
        self.minimap.set_scene_changed()

    def set_palette_kind(self, kind: str) -> None:
        """Change to the ``light`` or the ``dark`` palette."""
        self._ink = Ink(kind)
        self._scene.set_ink(self._ink)
        self.legend.set_state(self._scene.state, self._ink, bool(self.selection))
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
        self._camera.limit()
        self._camera.fitted = False  # a drawing that grew is not fitted again by a resize
        if block is not None:
            moved = QPointF(self.mapFromScene(self._scene.blocks[block].pos())) - corner
            self._camera.scroll(moved)
        self.minimap.set_scene_changed()

    # ---- zoom and place ------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """Screen pixels per scene pixel."""
        return self._camera.zoom

    def fit(self) -> None:
        """Show the whole drawing."""
        self._camera.fit()

    def zoom_in(self) -> None:
        """Zoom in about the middle."""
        self._camera.zoom_in()

    def zoom_out(self) -> None:
        """Zoom out about the middle."""
        self._camera.zoom_out()

    def zoom_reset(self) -> None:
        """Show one scene pixel as one screen pixel."""
        self._camera.zoom_reset()

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom about a point of the view, which stays where it is."""
        self._camera.zoom_at(point, factor)

    def centre_on_point(self, point: QPointF) -> None:
        """Bring a point of the drawing to the middle."""
        self._camera.centre_on(point)

    # ---- the keyboard's focus ------------------------------------------------------------------

    def focus_block(self, block: int) -> None:
        """Give a block the keyboard focus and bring it to the middle."""
        if self._focus(block):
            self._camera.go_to(self._scene.blocks[block].sceneBoundingRect())

    def move_focus(self, block: int) -> None:
        """Give a block the keyboard focus, and move only as far as it needs to be seen."""
        if self._focus(block):
            self._camera.reveal(self._scene.blocks[block].sceneBoundingRect())

    def _focus(self, block: int) -> bool:
        if block not in self._scene.blocks:
            return False
        self._scene.set_marks(replace(self._scene.marks, focus=block, ring=True))
        self.setAccessibleDescription(self._scene.summary())
        announce(self)
        return True

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
            The block gone to; None if there is none.
        """
        block = self._keyboard.neighbour(direction)
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
        UserError
            When the name ends otherwise, or the file cannot be written.
        """
        save_scene(self._scene, Path(path))

    # ---- what is where -----------------------------------------------------------------------

    def block_at(self, position: QPoint | QPointF) -> int | None:
        """Return the block under a point of the view."""
        return self._scene.block_at(self._camera.to_scene(QPointF(position)))

    def tip_at(self, position: QPoint | QPointF) -> str:
        """Return the tip for a point of the view, or an empty text."""
        return self._scene.tip_at(self._camera.to_scene(QPointF(position)))

    # ---- events: handed to those who know what they mean ---------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a click, a rubber band or a move."""
        self._pointer.press(event)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue what the press began, or hover."""
        self._pointer.move(event)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the press began."""
        self._pointer.release(event)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open or close the block."""
        self._pointer.double_click(event)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the focused block."""
        self._pointer.menu(event)
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom, move, or step a ratio."""
        self._wheel.turn(event)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, open, select or zoom by key."""
        event.setAccepted(self._keyboard.press(event))

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Select by Space, unless it was held for a drag."""
        event.setAccepted(self._keyboard.release(event))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Forget keys that are released elsewhere."""
        self._keyboard.leave()
        super().focusOutEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show tips made when they are wanted; take gestures; notice the pointer leaving."""
        if event.type() == QEvent.Type.Leave:
            self._pointer.leave()
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._pointer.show_tip(event)
            return True
        if isinstance(event, QNativeGestureEvent) and self._wheel.gesture(event):
            return True
        if isinstance(event, QGestureEvent) and self._wheel.pinch(event):
            self._pointer.forget()
            return True
        return super().viewportEvent(event)

    # ---- the window around it ------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Return a size at which a network is readable."""
        return QSize(1100, 760)

    def showEvent(self, event: QShowEvent) -> None:
        """Fit what was set before the view had its size."""
        super().showEvent(event)
        self._overlays.arrange()
        if self._camera.fitted:
            self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted drawing fitted, and the overlays in their corners."""
        super().resizeEvent(event)
        self._overlays.arrange()
        self._camera.limit()
        if self._camera.fitted:
            self.fit()
        self.viewChanged.emit()
