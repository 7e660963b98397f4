"""What lies over the drawing: the overview and the legend, in the corners of the view."""

from __future__ import annotations

from PySide6.QtCore import QRect, SignalInstance
from PySide6.QtWidgets import QGraphicsView

from app.graph_view.camera import Camera
from app.graph_view.legend import Legend
from app.graph_view.minimap import Minimap
from app.graph_view.scene import GraphScene

MARGIN = 12


class Overlays:
    """Makes and places the overview and the legend.

    Parameters
    ----------
    view : QGraphicsView
    scene : GraphScene
    camera : Camera
    changed : Signal
        The view shows another part of the scene.
    """

    def __init__(
        self, view: QGraphicsView, scene: GraphScene, camera: Camera, changed: SignalInstance
    ) -> None:
        self._view, self._scene, self._camera = view, scene, camera
        self.minimap = Minimap(view, scene, changed)
        self.minimap.shownChanged.connect(self.arrange)
        self.minimap.wentTo.connect(camera.centre_on)
        self.legend = Legend(view)
        self.arrange()

    def arrange(self) -> None:
        """Put both in their corners."""
        area = QRect(self._view.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        self.minimap.adjustSize()
        self.legend.adjustSize()
        right, bottom = area.right() + 1, area.bottom() + 1
        self.minimap.move(right - self.minimap.width(), bottom - self.minimap.height())
        self.place_legend()

    def place_legend(self) -> None:
        """Put the legend where it covers nothing; while a person moves the drawing, it stays."""
        if self._scene.layout is not None and self._camera.fitted:
            self.legend.lie_in(self._view, self._scene.layout, self.minimap.geometry())
