"""Mouse and wheel over the graph view: turned into requests, never into changes."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QElapsedTimer, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QHelpEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QGraphicsView, QRubberBand, QToolTip

from app.graph_view.camera import Camera
from app.graph_view.input import ADDS, NO_BLOCK, InputTarget, Mods, SelectionInput
from app.graph_view.scene import GraphScene

WHEEL_NOTCH = 120
ZOOM_PER_NOTCH = 1.15
GESTURE_MS = 350
"""A wheel that turned no longer than this ago goes on doing what it did."""


class Pointer:
    """Clicks, rubber band, moving by hand, hovering, menus and tips.

    Parameters
    ----------
    view : QGraphicsView
        Whose events are handed on.
    scene : GraphScene
    camera : Camera
    selection : SelectionInput
    target : InputTarget
    """

    def __init__(
        self,
        view: QGraphicsView,
        scene: GraphScene,
        camera: Camera,
        selection: SelectionInput,
        target: InputTarget,
    ) -> None:
        self._view, self._scene, self._camera = view, scene, camera
        self._selection, self._target = selection, target
        self._press: QPoint | None = None
        self._pan: QPoint | None = None
        self._panned = False
        self._band = QRubberBand(QRubberBand.Shape.Rectangle, view.viewport())

    def forget(self) -> None:
        """Drop what was begun on the network before."""
        self._press = self._pan = None
        self._band.hide()

    def block_at(self, position: QPoint | QPointF) -> int | None:
        """Return the block under a point of the view."""
        return self._scene.block_at(self._camera.to_scene(QPointF(position)))

    # ---- buttons -------------------------------------------------------------------------------

    def press(self, event: QMouseEvent) -> None:
        """Begin a click, a rubber band or a move."""
        position = event.position().toPoint()
        left = event.button() == Qt.MouseButton.LeftButton
        moves = event.button() in (Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton)
        if moves or (left and event.modifiers() & Mods.AltModifier):
            self._pan, self._panned = position, False
        elif left:
            self._press = position

    def move(self, event: QMouseEvent) -> None:
        """Move the drawing, draw the band, or tell which block the pointer is on."""
        position = event.position().toPoint()
        far = QApplication.startDragDistance()
        if self._pan is not None:
            moved = position - self._pan
            if self._panned or moved.manhattanLength() >= far:
                self._panned = True
                self._view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
                self._camera.scroll(QPointF(-moved))
                self._pan = position
        elif self._press is not None:
            if self._band.isVisible() or (position - self._press).manhattanLength() >= far:
                self._band.setGeometry(QRect(self._press, position).normalized())
                self._band.show()
        else:
            self._hover(self.block_at(position))

    def release(self, event: QMouseEvent) -> None:
        """End what the press began."""
        position = event.position().toPoint()
        if self._pan is not None:
            self._pan = None
            self._view.viewport().unsetCursor()
            if not self._panned and event.button() == Qt.MouseButton.RightButton:
                self._ask_menu(self.block_at(position), event.globalPosition().toPoint())
        elif self._press is not None:
            press, self._press = self._press, None
            if self._band.isVisible():
                self._band.hide()
                self._take_band(QRect(press, position).normalized(), event.modifiers())
            else:
                self._click(position, event.modifiers())

    def double_click(self, event: QMouseEvent) -> None:
        """Open or close the block."""
        block = self.block_at(event.position())
        if block is not None and event.button() == Qt.MouseButton.LeftButton:
            self._target.toggle_block(block)

    def _click(self, position: QPoint, modifiers: Mods) -> None:
        point = self._camera.to_scene(QPointF(position))
        block = self._scene.block_at(point)
        self._view.setFocus(Qt.FocusReason.MouseFocusReason)
        if block is None:
            if not modifiers & ADDS:
                self._selection.clear()
            return
        self._scene.set_marks(replace(self._scene.marks, focus=block, ring=False))
        layer = self._scene.layer_at(point)
        if layer and not modifiers & ADDS:
            self._target.layerClicked.emit(layer)
        else:
            self._selection.click(block, modifiers)

    def _take_band(self, band: QRect, modifiers: Mods) -> None:
        corner = self._camera.to_scene(QPointF(band.topLeft()))
        end = self._camera.to_scene(QPointF(band.bottomRight()))
        self._selection.take(self._scene.blocks_in(QRectF(corner, end)), modifiers)

    # ---- without buttons -----------------------------------------------------------------------

    def leave(self) -> None:
        """Notice that the pointer is gone."""
        self._hover(None)

    def _hover(self, block: int | None) -> None:
        marks = self._scene.marks
        if block != marks.hovered:
            self._scene.set_marks(replace(marks, hovered=block))
            self._view.viewport().setCursor(
                Qt.CursorShape.ArrowCursor if block is None else Qt.CursorShape.PointingHandCursor
            )
            self._target.blockHovered.emit(block)

    def show_tip(self, event: QHelpEvent) -> None:
        """Show a tip, made when it is wanted."""
        text = self._scene.tip_at(self._camera.to_scene(QPointF(event.pos())))
        if text:
            area = QRect(event.pos() - QPoint(4, 4), QSize(8, 8))
            QToolTip.showText(event.globalPos(), text, self._view.viewport(), area)
        else:
            QToolTip.hideText()

    def menu(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the focused block; the pointer's own way is its release."""
        if event.reason() != QContextMenuEvent.Reason.Keyboard:
            return
        focus = self._scene.marks.focus
        point = self._view.viewport().rect().center()
        if focus is not None:
            middle = self._scene.blocks[focus].sceneBoundingRect().center()
            point = self._view.mapFromScene(middle)
        self._ask_menu(focus, self._view.viewport().mapToGlobal(point))

    def _ask_menu(self, block: int | None, where: QPoint) -> None:
        self._target.contextMenuRequested.emit(NO_BLOCK if block is None else block, where)


class Wheel:
    """Steps a ratio, zooms, or moves sideways, and goes on so within one gesture.

    Parameters
    ----------
    scene : GraphScene
    camera : Camera
    target : InputTarget
    """

    def __init__(self, scene: GraphScene, camera: Camera, target: InputTarget) -> None:
        self._scene, self._camera, self._target = scene, camera, target
        self._rest = 0
        self._gesture = ""
        self._since = QElapsedTimer()

    def turn(self, event: QWheelEvent) -> None:
        """Do what a turn of the wheel means where the pointer is."""
        delta = event.angleDelta().y() or event.angleDelta().x()
        if not delta:
            return
        block = self._scene.block_at(self._camera.to_scene(event.position()))
        action = self._action(block, event.modifiers())
        if action != self._gesture:
            self._rest = 0
        self._gesture = action
        self._since.start()
        if action == "zoom":
            self._camera.zoom_at(event.position(), ZOOM_PER_NOTCH ** (delta / WHEEL_NOTCH))
        elif action == "side":
            self._camera.scroll(QPointF(-delta / 2, 0))
        elif block is not None:
            self._step(block, delta)

    def _action(self, block: int | None, modifiers: Mods) -> str:
        if modifiers & Mods.ControlModifier:
            return "zoom"
        if modifiers & Mods.ShiftModifier:
            return "side"
        if self._gesture == "zoom" and self._lasts():
            return "zoom"
        # Blocks without layers have nothing to prune; the wheel zooms over them.
        return "zoom" if block is None or self._scene.is_small(block) else "ratio"

    def _lasts(self) -> bool:
        return self._since.isValid() and self._since.elapsed() < GESTURE_MS

    def _step(self, block: int, delta: int) -> None:
        self._rest += delta  # fine wheels send parts of a step
        steps = int(self._rest / WHEEL_NOTCH)
        if steps:
            self._rest -= steps * WHEEL_NOTCH
            self._target.ratioStepped.emit(block, steps)
