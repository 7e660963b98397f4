"""What the session holds and raises: plain frozen values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.checkpoint.facts import Facts
    from core.graph.table import ChannelTable
    from core.plan.live import Predictor


@dataclass(frozen=True, slots=True)
class Message:
    """Something the user should know, shown in the window until dismissed.

    Attributes
    ----------
    kind : str
        ``info``, ``success``, ``warning`` or ``error``.
    actions : tuple of (str, callable)
        Buttons, with what they do.
    key : str
        A later message with the same key takes this one's place.
    """

    text: str
    hint: str = ""
    kind: str = "info"
    actions: tuple[tuple[str, Callable[[], object]], ...] = ()
    layers: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class OpenModel:
    """A model that the window shows."""

    path: str
    facts: Facts
    table: ChannelTable
    predictor: Predictor
    file_size: int | None

    @property
    def precision_note(self) -> str:
        """Why the sizes of the file and of a pruned one do not compare; empty where they do."""
        return "16 → 32-bit weights" if self.facts.dtype == "float16" else ""


@dataclass(frozen=True, slots=True)
class Coupling:
    """A path between two blocks, to be drawn, and the reason in words."""

    pairs: tuple[tuple[int, int], ...] = ()
    text: str = ""
