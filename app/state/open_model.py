"""What the session holds and raises: plain frozen values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.checkpoint.facts import Facts
    from core.graph.table import ChannelTable
    from core.plan.live import Predictor
    from core.plan.why.why import Answer


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


@dataclass(frozen=True, slots=True)
class Coupling:
    """A path between two blocks, to be drawn, and the reason in words."""

    pairs: tuple[tuple[int, int], ...] = ()
    text: str = ""


@dataclass(frozen=True)
class OpenModel:
    """A model that the window shows.

    Attributes
    ----------
    table : ChannelTable
        Of the network with all its structure: what is drawn and listed.
    predictor : Predictor
        Of the structure that the plan leaves.
    """

    path: str
    facts: Facts
    table: ChannelTable
    predictor: Predictor
    file_size: int | None
    _touched: dict[int, frozenset[int]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def left(self) -> ChannelTable:
        """What the plan's structure leaves: the table that scores and removed channels are of."""
        return self.predictor.table

    def without(self, predictor: Predictor) -> OpenModel:
        """Return the model for another structure that is left."""
        return replace(self, predictor=predictor, _touched={})

    def touched_by(self, block: int) -> frozenset[int]:
        """Blocks that change when a block's outputs are pruned."""
        if block not in self._touched:
            from core.plan.why.why import affected

            table = self.left
            atoms = set(table.blocks[block].out_atoms.tolist()) - {-1}
            readers, sharers = affected(table, atoms, set(table.layers_of(block)))
            self._touched[block] = frozenset(table.layers[n].block for n in readers | sharers)
        return self._touched[block]

    def source_of(self, block: int, roles: Mapping[int, str]) -> int | None:
        """Return the block of the plan that an affected block follows; None where it is not one."""
        if roles.get(block) not in ("cascade", "coupled"):
            return None
        chosen = (one for one, role in roles.items() if role == "selected")
        return next((one for one in chosen if block in self.touched_by(one)), None)

    def explain(self, source: str, target: str) -> Answer:
        """Answer “why?” for two places."""
        from core.plan.why.why import explain

        return explain(self.left, source, target)

    def coupling(self, source: int, target: int) -> Coupling:
        """Return the path from one block to another; an empty one if there is none."""
        answer = self.explain(str(source), str(target))
        if not answer.paths:
            return Coupling()
        stops = [source, *(hop.block for hop in answer.paths[0].hops), target]
        clean = [s for n, s in enumerate(stops) if n == 0 or s != stops[n - 1]]
        return Coupling(tuple(pairwise(clean)), answer.sentence)


# ---- which blocks are selected ------------------------------------------------------------------

Blocks = frozenset[int]
COMBINE: dict[str, Callable[[Blocks, Blocks], Blocks]] = {
    "replace": lambda held, asked: asked,
    "add": operator.or_,
    "remove": operator.sub,
    "toggle": operator.xor,
}
"""Ways to select blocks, of those selected and those asked for."""


def selected(
    held: Blocks, focused: int | None, asked: Blocks, mode: str
) -> tuple[Blocks, int | None]:
    """Return the selection and the block in focus.

    Parameters
    ----------
    held, focused
        As they are.
    asked : frozenset of int
    mode : str
        Of ``COMBINE``.
    """
    selection = COMBINE[mode](held, asked)
    if len(asked) == 1 and asked <= selection:
        (focused,) = asked
    elif focused not in selection:
        focused = min(selection, default=None)
    return selection, focused
