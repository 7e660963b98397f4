"""The operations of an exported network, and which of them only decode its outputs. No torch.

Nothing here knows versions of YOLO: what decodes is found by walking back from the outputs to the
last layers with trained weights. There, pixel coordinates and scores are joined in one tensor,
which a single INT8 scale cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOVES = frozenset(
    ("reshape", "transpose", "squeeze", "unsqueeze", "flatten", "slice", "split", "variadicsplit",
     "stridedslice", "identity", "convert", "cast")
)  # fmt: skip
"""Operators that pass values on as they are, in lower case."""
SOFTMAX = "softmax"
SHAPES = frozenset(("shape", "shapeof"))
"""Operators that read how large a tensor is, but none of its values."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an exported network.

    Attributes
    ----------
    name : str
        In the exported file; no two have the same.
    kind : str
        The operator, such as ``Conv``.
    sources : tuple of str
        Names of the operations whose outputs it reads; constants are not listed.
    layer : str
        The module of the network that it came from, as far as the file tells; else its own name.
    weighted : bool
        Whether it multiplies by weights that the file holds.
    products : bool
        Whether it multiplies what it reads by each other, as attention does.
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    layer: str
    weighted: bool = False
    products: bool = False


def decoding(operations: Sequence[Operation], outputs: Iterable[str]) -> frozenset[str]:
    """Return the operations between the last trained layers and the outputs.

    Parameters
    ----------
    operations : sequence of Operation
    outputs : iterable of str
        Names of the operations that give the outputs of the network.

    Returns
    -------
    frozenset of str
        Names. A weighted mean over a softmax, as in the decoding of boxes, is one of them: its
        weights are counted numbers that no training changes.
    """
    known = {operation.name: operation for operation in operations}
    left, found = list(outputs), set[str]()
    while left:
        operation = known[left.pop()]
        if operation.name in found or (operation.weighted and not _averages(operation, known)):
            continue
        found.add(operation.name)
        left.extend(() if operation.kind.lower() in SHAPES else operation.sources)
    return frozenset(found)


def _averages(operation: Operation, known: Mapping[str, Operation]) -> bool:
    """Whether what is weighted comes from a softmax, with nothing but moves in between."""
    seen = set[str]()
    left = list(operation.sources)
    while left:
        source = known[left.pop()]
        if source.kind.lower() == SOFTMAX:
            return True
        if source.kind.lower() in MOVES and source.name not in seen:
            seen.add(source.name)
            left.extend(source.sources)
    return False


def boundary(operations: Sequence[Operation], decoders: frozenset[str]) -> tuple[str, ...]:
    """Return the operations whose outputs the decoding reads, in their order in the file."""
    readers = (o for o in operations if o.name in decoders and o.kind.lower() not in SHAPES)
    read = {source for operation in readers for source in operation.sources} - decoders
    return tuple(o.name for o in operations if o.name in read)


def layers(operations: Sequence[Operation], decoders: frozenset[str]) -> tuple[str, ...]:
    """Return the layers that can be quantised or left, each once, in their order in the file."""
    able = (o.layer for o in operations if o.name not in decoders and (o.weighted or o.products))
    return tuple(dict.fromkeys(able))


def left_out(
    operations: Sequence[Operation], decoders: frozenset[str], kept: Iterable[str]
) -> frozenset[str]:
    """Return the operations that stay in higher precision: the decoding, and those of layers.

    Parameters
    ----------
    operations : sequence of Operation
    decoders : frozenset of str
    kept : iterable of str
        Layers, or modules that hold them.
    """
    names = tuple(kept)
    return decoders | {o.name for o in operations if any(within(o.layer, name) for name in names)}


def within(layer: str, module: str) -> bool:
    """Whether a layer is a module or inside it."""
    return layer == module or layer.startswith(f"{module}.")
