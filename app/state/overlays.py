"""What the fill of the blocks may tell: one row for each overlay of the graph.

A feature brings its rows (``Feature.overlays``); the session holds them all, and menu, shortcuts,
legend, drawing and the view that a project keeps are derived from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from app.state.open_model import OpenModel

RAMP, HEAT = "ramp", "heat"
"""How values become colours: from light to dark, or as losses."""


class HoldsModel(Protocol):
    """What has a model open, or none."""

    model: OpenModel | None


S = TypeVar("S", bound=HoldsModel, contravariant=True)


def has_model(session: HoldsModel) -> bool:
    """While a model is open."""
    return session.model is not None


@dataclass(frozen=True)
class OverlayOf(Generic[S]):
    """One overlay of a session, which has its type under the name ``Overlay``.

    Attributes
    ----------
    id : str
        Names it in a project, and its action as ``overlay_ID``.
    text : str
        In the menu.
    title, low, high : str
        In the legend: what is shown, and the two ends of its colours.
    values : callable, optional
        Returns the value of each block, 0 to 1; those that are missing keep their usual fill.
    texts : callable, optional
        Returns a figure for each block, instead of its share of the multiply-adds.
    heading : callable, optional
        Returns the title, where that depends on what was measured; empty for the usual one.
    fields : callable, optional
        Returns fields of the graph's state that show something else than the plan.
    scale : str
        ``RAMP`` or ``HEAT``; empty where every block keeps the colour of its part.
    shortcut, tip : str
        Of its action; the shortcut also gives its place in the menu.
    needs : callable
        When it can be chosen.
    """

    id: str
    text: str
    title: str = ""
    low: str = ""
    high: str = ""
    values: Callable[[S], Mapping[int, float]] | None = None
    texts: Callable[[S], Mapping[int, str]] | None = None
    heading: Callable[[S], str] | None = None
    fields: Callable[[S], Mapping[str, Any]] | None = None
    scale: str = RAMP
    shortcut: str = ""
    tip: str = ""
    needs: Callable[[S], bool] = has_model

    def state(self, session: S) -> dict[str, Any]:
        """Return what the graph's state holds of it."""
        heading = self.heading(session) if self.heading is not None else ""
        return {
            "overlay": self.id,
            "overlay_scale": self.scale,
            "overlay_title": heading or self.title,
            "overlay_ends": (self.low, self.high),
            "overlay_values": dict(self.values(session)) if self.values is not None else {},
            "overlay_texts": dict(self.texts(session)) if self.texts is not None else {},
        }


PLAIN: OverlayOf[HoldsModel] = OverlayOf("none", "&Plain", scale="", shortcut="Ctrl+1")
"""No overlay."""


def share_of_most(costs: Mapping[int, float]) -> dict[int, float]:
    """Return values as shares of the largest."""
    most = max(costs.values(), default=1) or 1
    return {block: cost / most for block, cost in costs.items()}
