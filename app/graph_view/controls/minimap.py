"""The whole drawing in a corner, with the part on screen; click or drag to go elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGraphicsView, QWidget

from app.graph_view.drawing.looks import BlockLook
from app.graph_view.drawing.scene import GraphScene
from core.drawing.places import Rect

SIZE = QSize(176, 128)
MARGIN = 7.0


class Minimap(QWidget):
    """A small overview of the view it is on.

    Parameters
    ----------
    view : QGraphicsView
    scene : GraphScene
        What the view shows.
    moved : Signal
        The view shows another part of it.

    Signals
    -------
    shownChanged
        It appeared or went away.
    wentTo(QPointF)
        The user wants this point of the scene in the middle.
    """

    shownChanged = Signal()
    wentTo = Signal(QPointF)

    def __init__(self, view: QGraphicsView, scene: GraphScene, moved: SignalInstance) -> None:
        super().__init__(view)
        self._view, self._scene = view, scene
        self.setObjectName("minimap")
        self.setAccessibleName("Overview of the graph")
        self.setToolTip("Overview: click or drag to move the graph")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._shown = True
        moved.connect(self._follow)
        self.hide()

    def set_shown(self, shown: bool) -> None:
        """Allow the overview, or keep it away."""
        self._shown = shown
        self._follow()

    def set_scene_changed(self) -> None:
        """Paint the blocks again."""
        self._follow()
        self.update()

    def sizeHint(self) -> QSize:
        """Return its fixed size."""
        return SIZE

    def _follow(self) -> None:
        """Show the overview where something is outside the view, and there is room for both."""
        layout, area = self._scene.layout, self._view.viewport().size()
        room = area.width() > 2 * SIZE.width() and area.height() > 2 * SIZE.height()
        useful = self._shown and room and layout is not None and not self._sees_all(layout.bounds)
        if useful != self.isVisibleTo(self._view):
            self.setVisible(useful)
            self.shownChanged.emit()
        self.update()

    def _sees_all(self, bounds: Rect) -> bool:
        view = self._view
        shown = view.mapToScene(view.viewport().rect()).boundingRect()
        return shown.adjusted(-8, -8, 8, 8).contains(QRectF(*bounds))

    def _scale(self) -> tuple[float, QPointF]:
        """Return the scale and where the drawing's corner is."""
        layout = self._scene.layout
        if layout is None:
            return 1.0, QPointF()
        _, _, width, height = layout.bounds
        room = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        scale = min(room.width() / width, room.height() / height)
        corner = QPointF(
            room.center().x() - width * scale / 2, room.center().y() - height * scale / 2
        )
        return scale, corner

    def visible_rect(self) -> QRectF:
        """Return the part on screen, in the overview's own pixels."""
        scale, corner = self._scale()
        view = self._view
        shown = view.mapToScene(view.viewport().rect()).boundingRect()
        return QRectF(
            corner.x() + shown.x() * scale,
            corner.y() + shown.y() * scale,
            shown.width() * scale,
            shown.height() * scale,
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint boxes as plain rectangles, and the part on screen as a frame."""
        scene = self._scene
        if scene.layout is None:
            return
        palette = scene.ink.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(scene.ink.pen(palette.border))
        panel = QColor(palette.background)
        panel.setAlpha(250)
        painter.setBrush(panel)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(frame, 8, 8)
        scale, corner = self._scale()
        painter.setPen(Qt.PenStyle.NoPen)
        for box in scene.layout.boxes:
            painter.setBrush(scene.ink.brush(self._colour(scene.blocks[box.index].look)))
            parts = box.parts if not box.small else ()
            areas = [(p.x, p.y, p.width, p.height) for p in parts]
            for x, y, width, height in areas or [(0.0, 0.0, box.width, box.height)]:
                at = corner + QPointF(box.x + x, box.y + y) * scale
                painter.drawRect(
                    QRectF(at.x(), at.y(), max(2.0, width * scale), max(1.5, height * scale))
                )
        shown = self.visible_rect().intersected(frame.adjusted(2, 2, -2, -2))
        fill = QColor(palette.focus)
        fill.setAlpha(28)
        painter.setPen(scene.ink.pen(palette.focus, 1.4))
        painter.setBrush(fill)
        painter.drawRoundedRect(shown, 3, 3)
        painter.end()

    def _colour(self, look: BlockLook | None) -> str:
        palette = self._scene.ink.palette
        if look is None:
            return palette.stroke
        if look.selected:
            return palette.focus
        if look.gone:
            return palette.band
        role = palette.roles.get(look.role)
        return role.line if role else look.line

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go where the pointer is."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the move here, so that the graph behind sees no release without a press."""
        event.accept()

    def _go(self, position: QPointF) -> None:
        scale, corner = self._scale()
        self.wentTo.emit((position - corner) / scale)
