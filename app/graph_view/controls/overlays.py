"""What belongs to the drawing without being part of it: overview, legend, zoom control.

The overview floats in a corner; legend and zoom have a line of their own below the drawing.
"""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import SignalInstance
from PySide6.QtWidgets import QGraphicsView

from app.graph_view.controls.camera import Camera
from app.graph_view.controls.legend import HEIGHT, Legend
from app.graph_view.controls.minimap import Minimap
from app.graph_view.controls.zoom_control import ZoomControl
from app.graph_view.drawing.scene import GraphScene

MARGIN = 12


class Zoomable(Protocol):
    """What the zoom control acts on."""

    def zoom_in(self) -> None:
        """Zoom in about the middle."""

    def zoom_out(self) -> None:
        """Zoom out about the middle."""

    def zoom_reset(self) -> None:
        """Show one scene pixel as one screen pixel."""

    def fit(self) -> None:
        """Show the whole drawing."""


class Overlays:
    """Makes and places the overview, the legend and the zoom control.

    Parameters
    ----------
    view : QGraphicsView
        Keeps a margin of ``HEIGHT`` below the drawing.
    scene : GraphScene
    camera : Camera
    changed : Signal
        The view shows another part of the scene.
    """

    def __init__(
        self, view: QGraphicsView, scene: GraphScene, camera: Camera, changed: SignalInstance
    ) -> None:
        self._view, self._camera = view, camera
        self.minimap = Minimap(view, scene, changed)
        self.minimap.shownChanged.connect(self.arrange)
        self.minimap.wentTo.connect(camera.centre_on)
        self.legend = Legend(view)
        self.zoom = ZoomControl(view)
        changed.connect(self._show_zoom)
        self.arrange()

    def connect_zoom(self, target: Zoomable) -> None:
        """Let the buttons of the zoom control zoom."""
        self.zoom.outAsked.connect(target.zoom_out)
        self.zoom.inAsked.connect(target.zoom_in)
        self.zoom.wholeAsked.connect(target.zoom_reset)
        self.zoom.fitAsked.connect(target.fit)

    def _show_zoom(self) -> None:
        camera = self._camera
        self.zoom.show_zoom(camera.zoom, camera.least, camera.most)

    def arrange(self) -> None:
        """Keep the overview in its corner, and legend and zoom in the line below the drawing."""
        area = self._view.viewport().geometry()
        self.minimap.adjustSize()
        self.zoom.adjustSize()
        right, bottom = area.right() + 1 - MARGIN, area.bottom() + 1
        self.minimap.move(right - self.minimap.width(), bottom - MARGIN - self.minimap.height())
        self.zoom.setGeometry(right - self.zoom.width(), bottom, self.zoom.width(), HEIGHT)
        room = max(0, right - self.zoom.width() - 2 * MARGIN)
        self.legend.setGeometry(MARGIN, bottom, room, HEIGHT)
