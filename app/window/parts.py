"""The parts of the window, for what works on several of them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QMainWindow

from app.context import Context
from app.window.graph_binding import GraphHost
from app.window.graph_pane import GraphPane
from app.window.layout.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Parts:
    """Made once, when the window is made.

    Attributes
    ----------
    context : Context
    window : QMainWindow
    host : GraphHost
        Has the graph.
    pane : GraphPane
        The middle: messages, search, and the graph or the start page.
    workspace : Workspace
        The panels.
    """

    context: Context
    window: QMainWindow
    host: GraphHost
    pane: GraphPane
    workspace: Workspace
