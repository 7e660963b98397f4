"""Where the view looks: zoom and place of the drawing."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QTransform
from PySide6.QtWidgets import QGraphicsView

from app.graph_view.drawing.scene import GraphScene

ZOOM_STEP = 1.2
MOST_ZOOM = 4.0
BEYOND_FIT = 0.8
"""How far one may zoom out: until the whole drawing takes this part of the window."""
FIT_LIMIT = 1.35
READABLE, READING = 0.6, 0.9
"""Below the first zoom a block that is gone to is shown at the second."""
ROOM = 0.6
"""Part of the window by which the drawing may be pushed beyond its edge."""


class Camera(QObject):
    """Zooms and moves a view over its scene.

    Parameters
    ----------
    view : QGraphicsView
    scene : GraphScene
        What the view shows.

    Attributes
    ----------
    fitted : bool
        Whether the whole drawing is shown and should stay so when the view's size changes.

    Signals
    -------
    moved
        Another part of the scene, or another zoom, is shown.
    """

    moved = Signal()

    def __init__(self, view: QGraphicsView, scene: GraphScene) -> None:
        super().__init__(view)
        self._view, self._scene = view, scene
        self.fitted = True
        view.horizontalScrollBar().valueChanged.connect(self.moved)
        view.verticalScrollBar().valueChanged.connect(self.moved)

    @property
    def zoom(self) -> float:
        """Screen pixels per scene pixel."""
        return self._view.transform().m11()

    def to_scene(self, point: QPointF) -> QPointF:
        """Return what is under a point of the view, without rounding to whole pixels."""
        inverse, _ = self._view.viewportTransform().inverted()
        return inverse.map(point)

    @property
    def least(self) -> float:
        """The zoom at which zooming out ends: a little smaller than the whole drawing needs."""
        return min(1.0, BEYOND_FIT * self._fitting())

    @property
    def most(self) -> float:
        """The zoom at which zooming in ends."""
        return MOST_ZOOM

    def _fitting(self) -> float:
        """Return the zoom at which the whole drawing is shown."""
        layout = self._scene.layout
        if layout is None:
            return 1.0
        room = self._view.viewport().size()
        width, height = layout.bounds[2:]
        scale = min(room.width() / width, room.height() / height, FIT_LIMIT)
        return max(0.98 * scale, 0.01)

    def fit(self) -> None:
        """Show the whole drawing."""
        layout = self._scene.layout
        self.fitted = True
        if layout is None:
            return
        self._set_zoom(self._fitting())
        self._view.centerOn(QRectF(*layout.bounds).center())
        self.fitted = True
        self.moved.emit()

    def zoom_in(self) -> None:
        """Zoom in about the middle."""
        self.zoom_at(self._middle(), ZOOM_STEP)

    def zoom_out(self) -> None:
        """Zoom out about the middle."""
        self.zoom_at(self._middle(), 1 / ZOOM_STEP)

    def zoom_reset(self) -> None:
        """Show one scene pixel as one screen pixel."""
        self.zoom_at(self._middle(), 1 / self.zoom)

    def _middle(self) -> QPointF:
        return QPointF(self._view.viewport().rect().center())

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom about a point of the view, which stays where it is."""
        before = self.to_scene(point)
        self._set_zoom(min(max(self.zoom * factor, min(self.least, self.zoom)), self.most))
        after = self.to_scene(point)
        self.scroll((after - before) * -self.zoom)
        self.moved.emit()

    def _set_zoom(self, scale: float) -> None:
        self.fitted = False
        self._view.setTransform(QTransform.fromScale(scale, scale))
        self.limit()

    def scroll(self, by: QPointF) -> None:
        """Move the view over the drawing, in pixels of the view."""
        self.fitted = False
        horizontal, vertical = self._view.horizontalScrollBar(), self._view.verticalScrollBar()
        horizontal.setValue(horizontal.value() + round(by.x()))
        vertical.setValue(vertical.value() + round(by.y()))

    def limit(self) -> None:
        """Let the drawing be pushed aside, but not out of sight."""
        layout = self._scene.layout
        if layout is None:
            self._view.setSceneRect(QRectF())
            return
        room = self._view.viewport().size()
        dx, dy = room.width() * ROOM / self.zoom, room.height() * ROOM / self.zoom
        self._view.setSceneRect(QRectF(*layout.bounds).adjusted(-dx, -dy, dx, dy))

    def centre_on(self, point: QPointF) -> None:
        """Bring a point of the drawing to the middle."""
        self.fitted = False
        self._view.centerOn(point)
        self.moved.emit()

    def go_to(self, area: QRectF) -> None:
        """Bring a part of the drawing to the middle, large enough to be read."""
        if self.zoom < READABLE:
            self._set_zoom(READING)
        self.centre_on(area.center())

    def reveal(self, area: QRectF) -> None:
        """Move no further than a part of the drawing needs to be seen."""
        self._view.ensureVisible(area, 24, 24)
        self.moved.emit()
