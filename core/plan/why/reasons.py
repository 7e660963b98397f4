"""Why a layer is affected: the path its channels take through splits, joins and Concats."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints, Step
from core.plan.resolve import Resolution

ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True, slots=True)
class Hop:
    """One operation on the way.

    Attributes
    ----------
    op : str
        ``concat``, ``split`` or ``add``.
    block : int
    owner : str
        Module that runs it.
    channels : (int, int)
        First and last channel the path takes in the operation's result.
    text : str
    """

    op: str
    block: int
    owner: str
    channels: tuple[int, int]
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "op": self.op,
            "block": self.block,
            "owner": self.owner,
            "channels": list(self.channels),
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Path:
    """How channels get from one layer to another.

    ``relation`` is ``reads`` (the target's inputs hold them) or ``shares`` (its outputs are the
    same channels, so they live or die together); ``channels`` is the range in the target.
    """

    source: str
    target: str
    relation: str
    hops: tuple[Hop, ...]
    channels: tuple[int, int]
    count: int

    @property
    def text(self) -> str:
        """The path in one line."""
        verb = "reads" if self.relation == "reads" else "shares channels with"
        way = "".join(f", through {hop.text}" for hop in self.hops)
        side = "input" if self.relation == "reads" else "output"
        first, last = self.channels
        return f"{self.target} {verb} {self.source} ({side} channels {first}–{last}){way}"

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "source": self.source,
            "target": self.target,
            "relation": self.relation,
            "channels": list(self.channels),
            "count": self.count,
            "hops": [hop.to_json() for hop in self.hops],
            "text": self.text,
        }


class Explainer:
    """Finds paths in one table; build it once and ask often."""

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        self._members = [set(t[t >= 0].tolist()) for t in table.tensors]
        self._outs = [set(table.outputs(n).tolist()) - {-1} for n in range(len(table.layers))]
        self._ins = [set(table.inputs(n).tolist()) - {-1} for n in range(len(table.layers))]
        self._own = [
            np.array(sorted(ins | outs), dtype=np.int64)
            for ins, outs in zip(self._ins, self._outs, strict=True)
        ]
        self._makers_of: tuple[Resolution, dict[int, list[int]]] | None = None
        self._links: dict[int, list[tuple[int, Step]]] = {}
        self._made: dict[int, int] = {}
        self._read: dict[int, list[int]] = {}
        for step in table.steps:
            if step.op in ("layer", "parameter"):
                self._made.setdefault(step.layer, step.outputs[0])
                if step.inputs:
                    self._read.setdefault(step.layer, []).append(step.inputs[0])
                continue
            if step.op == "follow":
                self._made.setdefault(step.layer, step.outputs[0])
                self._read.setdefault(step.layer, []).append(step.inputs[0])
            for one in (*step.inputs, *step.outputs):
                for other in (*step.inputs, *step.outputs):
                    if one != other:
                        self._links.setdefault(one, []).append((other, step))

    def path(self, source: int, target: int, atoms: set[int] | None = None) -> Path | None:
        """Shortest path of channels from one layer's outputs to another layer.

        Parameters
        ----------
        source, target : int
            Indices of layers.
        atoms : set of int, optional
            Only these channels; all of the source's outputs otherwise.

        Returns
        -------
        Path or None
            None when no channel of the source reaches the target.
        """
        table = self.table
        carried = self._outs[source] if atoms is None else self._outs[source] & atoms
        relation = "reads"
        reached = carried & self._ins[target]
        goals = set(self._read.get(target, []))
        if not table.layers[target].mixes or not reached:
            relation = "reads" if reached and table.layers[target].mixes else "shares"
            shared = carried & self._outs[target]
            if not reached and shared:
                reached, goals = shared, {self._made.get(target, -1)}
        if not reached or source not in self._made or source == target:
            return None
        steps = self._search(self._made[source], goals, reached)
        if steps is None:
            steps = []
        side = table.inputs(target) if relation == "reads" else table.outputs(target)
        places = self._places(side, reached)
        return Path(
            table.layers[source].name,
            table.layers[target].name,
            relation,
            tuple(
                hop for step, ends in steps if (hop := self._hop(step, ends, reached)) is not None
            ),
            (int(places[0]), int(places[-1])),
            len(places),
        )

    def _search(
        self, start: int, goals: set[int], atoms: set[int]
    ) -> list[tuple[Step, tuple[int, int]]] | None:
        """Breadth first over tensors that hold any of the channels."""
        before: dict[int, tuple[int, Step] | None] = {start: None}
        queue = deque([start])
        while queue:
            current = queue.popleft()
            if current in goals:
                way: list[tuple[Step, tuple[int, int]]] = []
                link = before[current]
                while link is not None:
                    way.append((link[1], (link[0], current)))
                    current = link[0]
                    link = before[current]
                return way[::-1]
            for other, step in self._links.get(current, ()):
                if other not in before and self._members[other] & atoms:
                    before[other] = (current, step)
                    queue.append(other)
        return None

    def _hop(self, step: Step, ends: tuple[int, int], atoms: set[int]) -> Hop | None:
        if step.op in ("follow", "heads", "pick"):
            return None
        if step.op == "cat":
            where = step.outputs[0]
        elif step.op in ("chunk", "split"):
            where = next(end for end in ends if end in step.outputs)
        else:
            where = step.outputs[0]
        places = self._places(self.table.tensors[where], atoms)
        if not len(places):
            return None
        span = (int(places[0]), int(places[-1]))
        if step.op == "cat":
            kind = self.table.blocks[step.block].type
            name = f"Concat {step.block}" if kind == "Concat" else f"the Concat of {step.owner}"
            return Hop(
                "concat", step.block, step.owner, span, f"{name} (channels {span[0]}–{span[1]})"
            )
        if step.op in ("chunk", "split"):
            place = step.outputs.index(where)
            part = f"{ORDINALS[place]} half" if len(step.outputs) == 2 else f"part {place + 1}"
            return Hop(
                "split", step.block, step.owner, span, f"the {part} of the split in {step.owner}"
            )
        return Hop("add", step.block, step.owner, span, f"the add in {step.owner}")

    def _makers(self, resolution: Resolution) -> dict[int, list[int]]:
        """Return the selected layers that put out each removed atom; kept for the next question."""
        if self._makers_of is None or self._makers_of[0] is not resolution:
            makers: dict[int, list[int]] = {}
            for source in resolution.selected:
                outs = self.table.outputs(source)
                for atom in outs[(outs >= 0) & resolution.removed[outs]].tolist():
                    makers.setdefault(atom, []).append(source)
            self._makers_of = resolution, makers
        return self._makers_of[1]

    def _places(self, side: Ints, atoms: set[int]) -> NDArray[np.int64]:
        """Return where a layer's side or a tensor holds any of the atoms."""
        wanted = np.zeros(self.table.atom_count + 1, dtype=bool)  # NO_ATOM is the last
        wanted[list(atoms)] = True
        return np.flatnonzero(wanted[side])

    def reason(self, resolution: Resolution, layer: int, owner: str) -> str:
        """Describe in one line why a layer (or a module, by name) is affected by a plan."""
        if layer < 0:
            return f"{owner} has a fixed size in code"
        own = self._own[layer]
        touched = set(own[resolution.removed[own]].tolist())
        best: Path | None = None
        makers = self._makers(resolution)
        for source in sorted({one for atom in touched for one in makers.get(atom, ())}):
            path = self.path(source, layer, touched)
            if path is not None and (best is None or len(path.hops) < len(best.hops)):
                best = path
        if best is not None:
            return best.text
        name = self.table.layers[layer].name
        for split in self.table.splits:
            if any(touched & set(piece.tolist()) for piece in split.pieces):
                return (
                    f"{name} is adjusted: the parts of the split in {split.owner} keep equal counts"
                )
        return f"{name} is adjusted through layers that change on the way"
