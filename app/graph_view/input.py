"""Pointer, wheel and keyboard of the graph view: turned into requests, never into changes."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QRubberBand, QToolTip

from app.graph_view.items import BlockItem
from app.graph_view.looks import percent

AFFECTED = ("cascade", "coupled", "blocked")
WHEEL_NOTCH = 120
ZOOM_PER_NOTCH = 1.15
GESTURE_MS = 350
"""A wheel that turned no longer than this ago goes on doing what it did."""
Mods = Qt.KeyboardModifier
NO_BLOCK = -1
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class InputMixin:
    """What ``GraphView`` does with events; split off to keep both readable."""

    def _set_up_input(self) -> None:
        self._press: QPoint | None = None
        self._pan: QPoint | None = None
        self._panned = False
        self._band = QRubberBand(QRubberBand.Shape.Rectangle, self.viewport())
        self._anchor: int | None = None
        self._asked: int | None = None
        self._wheel_rest = 0
        self._gesture = ""
        self._gesture_time = QElapsedTimer()
        self._jumps: dict[tuple[int, str], int] = {}

    def _forget_pointer(self) -> None:
        """Drop everything that named a block of the network before."""
        self._press = self._pan = None
        self._anchor = self._asked = None
        self._jumps.clear()
        self._band.hide()

    # ---- what lies where -----------------------------------------------------------------------

    def block_at(self, position: QPoint | QPointF) -> int | None:
        """Return the block under a point of the view."""
        point = self._to_scene(QPointF(position))
        layout = self._scene.layout
        for box in layout.boxes if layout is not None else ():
            if box.x <= point.x() <= box.right and box.y <= point.y() <= box.bottom:
                return box.index
        return None

    def layer_at(self, position: QPoint | QPointF) -> str:
        """Return the name of the layer under a point of the view, or an empty text."""
        block = self.block_at(position)
        if block is None:
            return ""
        item: BlockItem = self._scene.blocks[block]
        return item.layer_at(item.mapFromScene(self._to_scene(QPointF(position))))

    # ---- pointer -------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a click, a rubber band or a move."""
        position = event.position().toPoint()
        left = event.button() == Qt.MouseButton.LeftButton
        moves = event.button() in (Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton)
        if moves or (left and event.modifiers() & Mods.AltModifier):
            self._pan, self._panned = position, False
        elif left:
            self._press = position
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the drawing, draw the band, or tell which block the pointer is on."""
        position = event.position().toPoint()
        far = QApplication.startDragDistance()
        if self._pan is not None:
            moved = position - self._pan
            if self._panned or moved.manhattanLength() >= far:
                self._panned = True
                self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
                self._scroll(QPointF(-moved))
                self._pan = position
        elif self._press is not None:
            if self._band.isVisible() or (position - self._press).manhattanLength() >= far:
                self._band.setGeometry(QRect(self._press, position).normalized())
                self._band.show()
        else:
            self._hover(self.block_at(position))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the press began."""
        position = event.position().toPoint()
        if self._pan is not None:
            self._pan = None
            self.viewport().unsetCursor()
            if not self._panned and event.button() == Qt.MouseButton.RightButton:
                self._ask_menu(position, event.globalPosition().toPoint())
        elif self._press is not None:
            press, self._press = self._press, None
            if self._band.isVisible():
                self._band.hide()
                self._take_band(QRect(press, position).normalized(), event.modifiers())
            else:
                self._click(position, event.modifiers())
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open or close the block."""
        block = self.block_at(event.position())
        if block is not None and event.button() == Qt.MouseButton.LeftButton:
            self.toggle_block(block)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the focused block; the pointer's own way is its release."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            focus = self._scene.marks.focus
            point = self.viewport().rect().center()
            if focus is not None:
                point = self.mapFromScene(self._scene.blocks[focus].sceneBoundingRect().center())
            where = self.viewport().mapToGlobal(point)
            self.contextMenuRequested.emit(NO_BLOCK if focus is None else focus, where)
        event.accept()

    def _ask_menu(self, position: QPoint, where: QPoint) -> None:
        block = self.block_at(position)
        self.contextMenuRequested.emit(NO_BLOCK if block is None else block, where)

    def _hover(self, block: int | None) -> None:
        marks = self._scene.marks
        if block != marks.hovered:
            self._scene.set_marks(replace(marks, hovered=block))
            self.viewport().setCursor(
                Qt.CursorShape.ArrowCursor if block is None else Qt.CursorShape.PointingHandCursor
            )
            self.blockHovered.emit(block)

    def _click(self, position: QPoint, modifiers: Mods) -> None:
        block = self.block_at(position)
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if block is None:
            if not modifiers & (Mods.ControlModifier | Mods.ShiftModifier):
                self._asked = None
                self.selectionRequested.emit(frozenset(), "replace")
            return
        self._scene.set_marks(replace(self._scene.marks, focus=block, ring=False))
        layer = self.layer_at(position)
        if layer and not modifiers & (Mods.ControlModifier | Mods.ShiftModifier):
            self.layerClicked.emit(layer)
            return
        if modifiers & Mods.ShiftModifier and self._anchor is not None:
            low, high = sorted((self._anchor, block))
            self.selectionRequested.emit(frozenset(range(low, high + 1)), "add")
        elif modifiers & Mods.ShiftModifier:
            self._anchor = block
            self.selectionRequested.emit(frozenset({block}), "add")
        elif modifiers & Mods.ControlModifier:
            self._anchor = block
            self.selectionRequested.emit(frozenset({block}), "toggle")
        else:
            self._anchor = block
            self._plain_click(block)

    def _plain_click(self, block: int) -> None:
        """The first click on an affected block asks why, the next one selects it."""
        affected = self._scene.state.roles.get(block, "") in AFFECTED
        if affected and block not in self._scene.marks.selection and self._asked != block:
            self._asked = block
            self.blockActivated.emit(block)
            return
        self._asked = None
        self.selectionRequested.emit(frozenset({block}), "replace")

    def _take_band(self, band: QRect, modifiers: Mods) -> None:
        corner = self._to_scene(QPointF(band.topLeft()))
        end = self._to_scene(QPointF(band.bottomRight()))
        found = frozenset(
            box.index
            for box in (self._scene.layout.boxes if self._scene.layout is not None else ())
            if box.x < end.x()
            and box.right > corner.x()
            and box.y < end.y()
            and box.bottom > corner.y()
        )
        adds = modifiers & (Mods.ControlModifier | Mods.ShiftModifier)
        self.selectionRequested.emit(found, "add" if adds else "replace")

    # ---- wheel ---------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step a ratio, zoom, or move sideways."""
        delta = event.angleDelta().y() or event.angleDelta().x()
        if delta:
            self._turn(delta, event.position(), event.modifiers())
        event.accept()

    def _turn(self, delta: int, position: QPointF, modifiers: Mods) -> None:
        block = self.block_at(position)
        action = "ratio" if block is not None and self._can_step(block) else "zoom"
        if modifiers & Mods.ControlModifier:
            action = "zoom"
        elif modifiers & Mods.ShiftModifier:
            action = "side"
        elif self._gesture == "zoom" and self._lasts():
            action = "zoom"
        if action != self._gesture:
            self._wheel_rest = 0
        self._gesture = action
        self._gesture_time.start()
        if action == "zoom":
            self.zoom_at(position, ZOOM_PER_NOTCH ** (delta / WHEEL_NOTCH))
        elif action == "side":
            self._scroll(QPointF(-delta / 2, 0))
        elif block is not None:
            self._wheel_rest += delta  # fine wheels send parts of a step
            steps = int(self._wheel_rest / WHEEL_NOTCH)
            if steps:
                self._wheel_rest -= steps * WHEEL_NOTCH
                self.ratioStepped.emit(block, steps)

    def _lasts(self) -> bool:
        return self._gesture_time.isValid() and self._gesture_time.elapsed() < GESTURE_MS

    def _can_step(self, block: int) -> bool:
        """Blocks without layers have nothing to prune; the wheel zooms over them."""
        return not self._scene.layout.by_index[block].small

    # ---- keyboard ------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, open, select or zoom by key."""
        if self._scene.layout is None or not self._press_key(event):
            event.ignore()
            return
        event.accept()

    def _press_key(self, event: QKeyEvent) -> bool:
        key, text = Qt.Key(event.key()), event.text()
        focus = self._scene.marks.focus
        control = bool(event.modifiers() & Mods.ControlModifier)
        if key == Qt.Key.Key_A and control:
            self.selectionRequested.emit(frozenset(self._scene.blocks), "replace")
        elif key in ARROWS and not control:
            self._step_focus(*ARROWS[key])
        elif key == Qt.Key.Key_Home:
            self.focus_block(min(self._scene.blocks))
        elif key == Qt.Key.Key_End:
            self.focus_block(max(self._scene.blocks))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and focus is not None:
            self.toggle_block(focus)
        elif key == Qt.Key.Key_Space and focus is not None:
            self._anchor = focus
            self.selectionRequested.emit(frozenset({focus}), "toggle")
        elif key == Qt.Key.Key_Escape:
            self.selectionRequested.emit(frozenset(), "replace")
        elif text in KEY_ACTIONS:
            KEY_ACTIONS[text](self)
        else:
            return False
        return True

    def _step_focus(self, dx: int, dy: int) -> None:
        """Move the focus to the nearest block in a direction; straight ahead counts as nearer."""
        boxes = self._scene.layout.by_index
        focus = self._scene.marks.focus
        if focus is None:
            self._show_focus(min(boxes))
            return
        x, y = boxes[focus].middle
        best: tuple[float, int] | None = None
        for index, box in boxes.items():
            if index == focus:
                continue
            ahead = (box.middle[0] - x) * dx + (box.middle[1] - y) * dy
            # Boxes are compared by their nearest edge across the direction: heads are tall.
            if dx:
                aside = max(box.y - y, y - box.bottom, 0.0)
            else:
                aside = max(box.x - x, x - box.right, 0.0)
            if ahead > 1 and (best is None or (ahead + 3 * aside, index) < best):
                best = (ahead + 3 * aside, index)
        if best is not None:
            self._show_focus(best[1])

    def _show_focus(self, block: int) -> None:
        self._focus(block)
        self.ensureVisible(self._scene.blocks[block].sceneBoundingRect(), 24, 24)
        self.viewChanged.emit()

    def _next_neighbour(self, direction: str) -> int | None:
        table, focus = self._scene.table, self._scene.marks.focus
        if table is None:
            return None
        if focus is None:
            return min(self._scene.blocks)
        if direction == "source":
            found = [s for s in table.blocks[focus].sources if s >= 0]
        else:
            found = [b.index for b in table.blocks if focus in b.sources]
        if not found:
            return None
        turn = self._jumps.get((focus, direction), 0)
        self._jumps[focus, direction] = turn + 1
        return found[turn % len(found)]

    # ---- tips ----------------------------------------------------------------------------------

    def viewportEvent(self, event: QEvent) -> bool:
        """Show tips made when they are wanted; notice the pointer leaving."""
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self._tip(event.pos())
            if text:
                area = QRect(event.pos() - QPoint(4, 4), QSize(8, 8))
                QToolTip.showText(event.globalPos(), text, self.viewport(), area)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def _tip(self, position: QPoint) -> str:
        table, block = self._scene.table, self.block_at(position)
        if table is None or block is None:
            return ""
        layer = self.layer_at(position)
        if layer:
            return layer
        facts = table.blocks[block]
        sources = ", ".join("the image" if s < 0 else str(s) for s in facts.sources)
        lines = [
            f"Block {block}: {facts.type}, reads {sources}",
            f"{facts.parameters:,} parameters, {facts.macs / 1e6:,.0f} M multiply-adds "
            f"({self._share(block)} of the network's)",
        ]
        if facts.reason:
            lines.append(f"Locked: {facts.reason}")
        lines += [note for note in (self._scene.state.notes.get(block),) if note]
        return "\n".join(lines)

    def _share(self, block: int) -> str:
        looks = self._scene.looks
        return percent(self._scene.state.macs_share.get(block, looks.shares[block])) or "0 %"


KEY_ACTIONS = {
    "+": lambda view: view.zoom_in(),
    "=": lambda view: view.zoom_in(),
    "-": lambda view: view.zoom_out(),
    "0": lambda view: view.fit(),
    "[": lambda view: view.jump("source"),
    "]": lambda view: view.jump("target"),
}
