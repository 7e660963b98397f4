"""The inside of a block as a graph: its layers, splits, shortcuts and Concats, from the trace."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import isqrt

from core.graph.table import ChannelTable, Layer, Step

MERGES = ("join", "cat")
SPLITS = ("chunk", "split")


@dataclass
class Node:
    """A layer or operation inside a block, and the nodes it reads."""

    kind: str
    label: str
    layer: int = -1
    name: str = ""
    kernel: str = ""
    sources: list[int] = field(default_factory=list)
    owner: str = ""


class _Reader:
    """Follows the steps of one block and remembers which node made each tensor."""

    def __init__(self, table: ChannelTable, block: int) -> None:
        self.table = table
        self.block = block
        self.prefix = f"model.{block}."
        self.nodes: list[Node] = []
        self.owners: list[str] = []
        self.made: dict[int, int] = {}
        self.outside = _makers(table)
        self.inputs: dict[int, int] = {}

    def read(self) -> list[Node]:
        for step in self.table.steps:
            if step.block == self.block:
                self._take(step)
        return self.nodes

    def _take(self, step: Step) -> None:
        layer = self.table.layers[step.layer] if step.layer >= 0 else None
        if layer is not None and (step.op == "layer" or layer.kind.startswith("Conv")):
            self._take_layer(step, layer)
        elif step.op in MERGES:
            self._merge(step)
        elif step.op in SPLITS:
            self._pass_through(step, self._add(Node("split", "split"), step))
        else:  # normalisation follows its convolution; views and picks only move channels
            self._pass_through(step, None)

    def _take_layer(self, step: Step, layer: Layer) -> None:
        name = layer.name.removeprefix(self.prefix).removesuffix(".conv")
        node = Node("layer", name, step.layer, layer.name, _kernel(layer))
        number = self._add(node, step)
        if not node.sources:
            # The trace does not see through attention's products: continue from the nearest kin.
            node.sources = self._kin(step.owner) or self._only_input()
        self._pass_through(step, number)

    def _merge(self, step: Step) -> None:
        found = [self._source(tensor) for tensor in step.inputs]
        known = [number for number in found if number is not None]
        if len(set(known)) < 2 and not (step.op == "cat" and len(known) > 1):
            self._pass_through(step, known[0] if known else None)
            return
        label = "add" if step.op == "join" else "Concat"
        number = self._add(Node(step.op, label), step)
        self._pass_through(step, number)

    def _add(self, node: Node, step: Step) -> int:
        found = [self._source(tensor) for tensor in step.inputs]
        node.sources = list(dict.fromkeys(number for number in found if number is not None))
        node.owner = step.owner
        self.nodes.append(node)
        self.owners.append(step.owner)
        return len(self.nodes) - 1

    def _pass_through(self, step: Step, number: int | None) -> None:
        if number is None and step.inputs:
            number = self._source(step.inputs[0])
        if number is not None:
            for tensor in step.outputs:
                self.made[tensor] = number

    def _source(self, tensor: int) -> int | None:
        if tensor in self.made:
            return self.made[tensor]
        sources = self.table.blocks[self.block].sources
        maker = self.outside.get(tensor)
        if maker == self.block or (maker is None and self.nodes):
            return None
        if maker not in sources:  # the maker only handed the tensor on (Upsample)
            maker = sources[0] if len(sources) == 1 else None
        return self._input(-2 if maker is None else maker)

    def _input(self, source: int) -> int:
        if source not in self.inputs:
            text = {-1: "image", -2: "in"}.get(source, f"from {source}")
            self.nodes.append(Node("input", text))
            self.owners.append("")
            self.inputs[source] = len(self.nodes) - 1
        return self.inputs[source]

    def _only_input(self) -> list[int]:
        sources = self.table.blocks[self.block].sources
        return [self._input(sources[0])] if len(sources) == 1 else []

    def _kin(self, owner: str) -> list[int]:
        """Return the last node of the same submodule, if there is one."""
        parts = owner.split(".")
        for depth in range(len(parts), 2, -1):
            stem = ".".join(parts[:depth])
            for number in range(len(self.nodes) - 2, -1, -1):
                if f"{self.owners[number]}.".startswith(stem + "."):
                    return [number]
        return []


def _makers(table: ChannelTable) -> dict[int, int]:
    """Return which block made each tensor first."""
    made: dict[int, int] = {}
    for step in table.steps:
        for tensor in step.outputs:
            made.setdefault(tensor, step.block)
    return made


def _kernel(layer: Layer) -> str:
    if not layer.kind.startswith("Conv"):
        return ""
    side = isqrt(layer.kernel)
    text = f"{side}×{side}" if side * side == layer.kernel else f"{layer.kernel}"
    if layer.groups > 1:
        text += " dw" if not layer.mixes else f" g{layer.groups}"
    return text


def read_inside(table: ChannelTable, block: int) -> list[Node]:
    """Return the nodes of a block in order of execution; sources come before their readers.

    Parameters
    ----------
    table : ChannelTable
    block : int
        Index of the block.
    """
    nodes = _Reader(table, block).read()
    return _sorted(nodes)


def _sorted(nodes: list[Node]) -> list[Node]:
    """Put input marks first, so that every node is after what it reads."""
    order = sorted(range(len(nodes)), key=lambda n: (nodes[n].kind != "input", n))
    place = {old: new for new, old in enumerate(order)}
    result = [nodes[n] for n in order]
    for node in result:
        node.sources = sorted(place[s] for s in node.sources if s in place)
    return result


def readers_of(nodes: list[Node]) -> dict[int, list[int]]:
    """Return who reads each node."""
    readers: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(nodes):
        for source in node.sources:
            readers[source].append(number)
    return readers
