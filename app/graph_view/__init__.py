"""The graph of the network: state, items, scene, view; `core.drawing` lays it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.graph_view.state import GraphState
    from app.graph_view.view import GraphView

__all__ = ["GraphState", "GraphView"]


def __getattr__(name: str) -> Any:
    # The state can be used, and tested, without loading Qt.
    if name == "GraphView":
        from app.graph_view.view import GraphView

        return GraphView
    if name == "GraphState":
        from app.graph_view.state import GraphState

        return GraphState
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
