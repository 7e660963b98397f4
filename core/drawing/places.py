"""Where things are in the drawing. Plain values, no Qt; units are scene pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]
Points = tuple[Point, ...]
Rect = tuple[float, float, float, float]
"""x, y, width, height."""


@dataclass(frozen=True, slots=True)
class PartPlace:
    """What a block does with one of its sources, relative to the block's corner.

    A piece of a Concat's bar, or the box of one scale of a head.

    Attributes
    ----------
    source : int
        Block it reads; -1 for the image.
    channels : int
        Channels it reads before any pruning.
    name : str
        ``P3`` for a scale, empty for a piece of a bar.
    """

    source: int
    channels: int
    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BoxPlace:
    """Where a block is.

    ``small`` blocks have no weights: a Concat is a bar in ``parts``, the others (Upsample,
    pooling) are pills. A block with ``parts`` that is not small is a head, a box per scale.
    """

    index: int
    x: float
    y: float
    width: float
    height: float
    small: bool = False
    opened: bool = False
    parts: tuple[PartPlace, ...] = ()

    @property
    def right(self) -> float:
        """X of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Y of the lower side."""
        return self.y + self.height

    @property
    def middle(self) -> Point:
        """Centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is on the block: of a head, on the box of one of its scales."""
        if not (self.x <= x <= self.right and self.y <= y <= self.bottom):
            return False
        if self.small or not self.parts:
            return True
        x, y = x - self.x, y - self.y
        return any(
            part.x <= x <= part.x + part.width and part.y <= y <= part.y + part.height
            for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class EdgePlace:
    """How one block's output reaches another block.

    Attributes
    ----------
    source, target : int
        Blocks; ``source`` is -1 for the image.
    points : tuple of points
        Corners of the line, only horizontal and vertical pieces.
    label : str
        Channels carried.
    label_at : point
        Centre of the label.
    joins_at : point or None
        Where the line meets a Concat, None elsewhere.
    channels : int
        Channels carried before any pruning.
    """

    source: int
    target: int
    points: Points
    label: str
    label_at: Point
    joins_at: Point | None
    channels: int


@dataclass(frozen=True, slots=True)
class LanePlace:
    """A column of the drawing: backbone, one way through the neck, or the head."""

    title: str
    stage: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A band of one stride."""

    name: str
    stride: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A layer or an operation inside an opened block, relative to the block's corner.

    Attributes
    ----------
    kind : str
        ``layer``, ``join``, ``cat``, ``split`` or ``input``.
    name : str
        Full name of the layer; empty for operations.
    label : str
        What is written, without the block's own prefix.
    kernel : str
        ``3×3``, or empty.
    layer : int
        Index into the channel table, or -1.
    owner : str
        Dotted name of the module that runs it; empty for a mark of an input.
    """

    kind: str
    name: str
    label: str
    kernel: str
    layer: int
    x: float
    y: float
    width: float
    height: float
    owner: str = ""


@dataclass(frozen=True, slots=True)
class InsidePlace:
    """The diagram inside an opened block: layers, operations, and lines between them.

    Coordinates are relative to the block's upper left corner. ``ends`` are the nodes that each
    line joins, from the one that is read.
    """

    nodes: tuple[NodePlace, ...]
    lines: tuple[Points, ...]
    width: float
    height: float
    ends: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class GraphLayout:
    """The whole drawing."""

    boxes: tuple[BoxPlace, ...]
    edges: tuple[EdgePlace, ...]
    lanes: tuple[LanePlace, ...]
    rows: tuple[RowPlace, ...]
    insides: dict[int, InsidePlace]
    bounds: Rect
    by_index: dict[int, BoxPlace] = field(default_factory=dict)
