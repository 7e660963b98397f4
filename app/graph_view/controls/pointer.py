"""Mouse, wheel and fingers over the graph view: turned into requests, never into changes.

Click selects (Ctrl toggles, Shift takes the range from the last block clicked), double-click
opens. Dragging moves the drawing, with Space, Alt or another button also over blocks; with Ctrl or
Shift it draws a rubber band, which adds to the selection. The wheel zooms at the pointer, with
Shift it moves sideways, and only with Alt does it step the ratio of the block under it. Two fingers
move, a pinch zooms.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QHelpEvent,
    QInputDevice,
    QMouseEvent,
    QNativeGestureEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QGestureEvent,
    QGraphicsView,
    QPinchGesture,
    QRubberBand,
    QToolTip,
)

from app.graph_view.controls.camera import Camera
from app.graph_view.controls.input import (
    ADDS,
    NO_BLOCK,
    InputTarget,
    Keyboard,
    Mods,
    SelectionInput,
)
from app.graph_view.drawing.scene import GraphScene

WHEEL_NOTCH = 120
ZOOM_PER_NOTCH = 1.15
FINE = 0.5
"""Pixels to move by a unit of the wheel's angle, for touchpads that report no pixels."""


class Pointer:
    """Clicks, rubber band, moving by hand, hovering, menus and tips.

    Parameters
    ----------
    view : QGraphicsView
        Whose events are handed on.
    scene : GraphScene
    camera : Camera
    selection : SelectionInput
    keyboard : Keyboard
        Knows whether Space is down.
    target : InputTarget
    """

    def __init__(
        self,
        view: QGraphicsView,
        scene: GraphScene,
        camera: Camera,
        selection: SelectionInput,
        keyboard: Keyboard,
        target: InputTarget,
    ) -> None:
        self._view, self._scene, self._camera = view, scene, camera
        self._selection, self._keyboard, self._target = selection, keyboard, target
        self._press: QPoint | None = None
        self._pan: QPoint | None = None
        self._panned = self._bands = False
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
        self._panned = False
        if moves or (left and (event.modifiers() & Mods.AltModifier or self._holds_space())):
            self._pan = position
        elif left:
            self._press, self._bands = position, bool(event.modifiers() & ADDS)

    def _holds_space(self) -> bool:
        held = self._keyboard.takes_drag()
        if held:
            self._panned = True
            self._view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        return held

    def move(self, event: QMouseEvent) -> None:
        """Move the drawing, draw the band, or tell which block the pointer is on."""
        position = event.position().toPoint()
        if self._press is not None and not self._band.isVisible() and self._far(self._press, event):
            if self._bands:
                self._band.show()
            else:  # what began as a click moves the drawing, from where it began
                self._pan, self._press = self._press, None
        if self._pan is not None:
            if self._panned or self._far(self._pan, event):
                self._panned = True
                self._view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
                self._camera.scroll(QPointF(self._pan - position))
                self._pan = position
        elif self._press is not None:
            if self._band.isVisible():
                self._band.setGeometry(QRect(self._press, position).normalized())
        else:
            self._hover(self.block_at(position))

    def _far(self, start: QPoint, event: QMouseEvent) -> bool:
        moved = event.position().toPoint() - start
        return moved.manhattanLength() >= QApplication.startDragDistance()

    def release(self, event: QMouseEvent) -> None:
        """End what the press began."""
        position = event.position().toPoint()
        if self._pan is not None:
            self._pan = None
            self._view.viewport().unsetCursor()
            if not self._panned and event.button() == Qt.MouseButton.RightButton:
                self._focus_part(position)
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

    def _focus_part(self, position: QPoint) -> None:
        """Let the menu be about the layer under the pointer, or the scale of a closed head."""
        point = self._camera.to_scene(QPointF(position))
        layer = self._scene.layer_at(point) or self._scene.scale_layer_at(point)
        if layer:
            self._target.layerClicked.emit(layer)

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
    """Zooms; with Alt steps a ratio, with Shift moves sideways. Two fingers move and pinch.

    Parameters
    ----------
    view : QGraphicsView
    scene : GraphScene
    camera : Camera
    target : InputTarget
    """

    def __init__(
        self, view: QGraphicsView, scene: GraphScene, camera: Camera, target: InputTarget
    ) -> None:
        self._view, self._scene, self._camera, self._target = view, scene, camera, target
        self._rest = 0
        self._stepped: int | None = None

    def turn(self, event: QWheelEvent) -> None:
        """Do what a turn of the wheel, or two fingers, mean where the pointer is."""
        modifiers, delta = event.modifiers(), event.angleDelta().y() or event.angleDelta().x()
        if modifiers & Mods.ControlModifier:
            self._zoom(event.position(), delta)
        elif modifiers & Mods.AltModifier:
            self._step(self._scene.block_at(self._camera.to_scene(event.position())), delta)
        elif _by_fingers(event):
            pixels = QPointF(event.pixelDelta())
            self._camera.scroll(-(pixels or QPointF(event.angleDelta()) * FINE))
        elif modifiers & Mods.ShiftModifier:
            self._camera.scroll(QPointF(-delta * FINE, 0))
        else:
            self._zoom(event.position(), delta)

    def _zoom(self, place: QPointF, delta: int) -> None:
        if delta:
            self._camera.zoom_at(place, ZOOM_PER_NOTCH ** (delta / WHEEL_NOTCH))

    def _step(self, block: int | None, delta: int) -> None:
        if block != self._stepped:
            self._stepped, self._rest = block, 0
        # Blocks without layers have nothing to prune.
        if block is None or self._scene.is_small(block):
            return
        self._rest += delta  # fine wheels send parts of a step
        steps = int(self._rest / WHEEL_NOTCH)
        if steps:
            self._rest -= steps * WHEEL_NOTCH
            self._target.ratioStepped.emit(block, steps)

    def gesture(self, event: QNativeGestureEvent) -> bool:
        """Zoom by a pinch on a touchpad; returns whether it was one."""
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        self._camera.zoom_at(event.position(), max(0.1, 1 + event.value()))
        return True

    def pinch(self, event: QGestureEvent) -> bool:
        """Zoom and move by two fingers on a touch screen; returns whether they do."""
        found = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(found, QPinchGesture):
            return False
        viewport = self._view.viewport()
        centre = viewport.mapFromGlobal(found.centerPoint())
        changes = found.changeFlags()
        if (
            changes & QPinchGesture.ChangeFlag.CenterPointChanged
            and not found.lastCenterPoint().isNull()
        ):
            self._camera.scroll(viewport.mapFromGlobal(found.lastCenterPoint()) - centre)
        if changes & QPinchGesture.ChangeFlag.ScaleFactorChanged:
            self._camera.zoom_at(centre, found.scaleFactor())
        return True


def _by_fingers(event: QWheelEvent) -> bool:
    """Whether a touchpad sent it; a wheel has neither phases nor, but for X11, pixels."""
    if event.device().type() == QInputDevice.DeviceType.TouchPad:
        return True
    if event.phase() != Qt.ScrollPhase.NoScrollPhase:
        return True
    return not event.pixelDelta().isNull() and QGuiApplication.platformName() != "xcb"
