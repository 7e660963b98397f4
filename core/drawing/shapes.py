"""How large things are drawn: one scale from channels to pixels, the same for every network.

Both scales grow with the square root of the channels between a least and a most size, so that a
wider network looks wider and no block gets too small for its name.
"""

from __future__ import annotations

from math import ceil, log2, sqrt

from core.drawing.places import PartPlace
from core.graph.table import Block, ChannelTable

BOX_WIDTHS = (96.0, 300.0)
LINE_WIDTHS = (1.2, 11.0)
BOX_HEIGHT = 52.0
BAR_HEIGHT = 24.0
PILL_HEIGHT = 26.0
PORT = 13.0
"""Height a line needs where it enters a bar or a box."""
PART_GAP = 2.0
LETTER = 9.5
"""Width of a letter of a pill's name, near enough to reserve room without Qt."""


def box_width(channels: float) -> float:
    """Return the width of a box that puts out as many channels."""
    least, most = BOX_WIDTHS
    return min(most, least + 6.6 * sqrt(max(0.0, channels)))


def line_width(channels: float) -> float:
    """Return the thickness of a line that carries as many channels."""
    least, most = LINE_WIDTHS
    return min(most, least + 0.4 * sqrt(max(0.0, channels)))


def row_of(stride: int) -> int:
    """Return the row of a stride: 1 for P1 (stride 2), 5 for P5 (stride 32).

    Strides between two powers of two (a padded map) belong to the coarser one.
    """
    return max(0, ceil(log2(max(1, stride)) - 0.25))


def entering(table: ChannelTable, block: Block) -> list[tuple[int, int]]:
    """Return each source of a block with the channels it brings.

    A block that reads lists of maps (CBFuse) reads more tensors than blocks; there a source counts
    with what it puts out.
    """
    if len(block.sources) == len(block.source_channels):
        return list(zip(block.sources, block.source_channels, strict=True))
    outs = [table.blocks[s].out_channels if s >= 0 else 0 for s in block.sources]
    return list(zip(block.sources, outs, strict=True))


def is_bar(table: ChannelTable, block: Block) -> bool:
    """Whether a block only lines its sources' channels up, as a Concat does."""
    return (
        len(block.sources) > 1
        and not table.layers_of(block.index)
        and len(block.sources) == len(block.source_channels)
        and block.in_channels == block.out_channels
    )


def pill_text(table: ChannelTable, block: Block) -> str:
    """Name a block without weights: by what it does to the size, or by its type."""
    source = block.sources[0] if block.sources else -1
    if len(block.sources) == 1 and source >= 0 and block.spatial:
        finer = table.blocks[source].stride / max(1, block.stride)
        if finer > 1:
            return f"{block.index} ×{finer:g}"
    return f"{block.index} {block.type}"


def size_of(table: ChannelTable, block: Block) -> tuple[float, float]:
    """Return width and height of a closed block."""
    entries = PORT * len(block.sources)
    if is_bar(table, block):
        return box_width(block.out_channels), max(BAR_HEIGHT, entries)
    if not table.layers_of(block.index):
        return 22.0 + LETTER * len(pill_text(table, block)), max(PILL_HEIGHT, entries)
    return box_width(width_of(table, block)), max(BOX_HEIGHT, entries)


def width_of(table: ChannelTable, block: Block) -> int:
    """Return a block's channels out, or its last layer's where it puts out no feature map."""
    layers = table.layers_of(block.index)
    if block.out_channels or not layers:
        return block.out_channels
    return int(table.out_counts[layers[-1]])


def bar_parts(block: Block, width: float, height: float) -> tuple[PartPlace, ...]:
    """Divide a bar among its sources, by channels."""
    room = width - PART_GAP * (len(block.sources) - 1)
    parts = []
    x = 0.0
    for source, channels in zip(block.sources, block.source_channels, strict=True):
        part = room * channels / max(1, block.in_channels)
        parts.append(PartPlace(source, channels, "", x, 0.0, part, height))
        x += part + PART_GAP
    return tuple(parts)


def head_parts(
    table: ChannelTable, block: Block, centres: dict[int, float]
) -> tuple[float, tuple[PartPlace, ...]]:
    """Place one box for each scale a head reads, level with what it reads.

    Parameters
    ----------
    table : ChannelTable
    block : Block
        The head.
    centres : dict of int to float
        Height of the middle of each block.

    Returns
    -------
    float
        Y of the uppermost part.
    tuple of PartPlace
        Relative to it, from top to bottom.
    """
    step = BOX_HEIGHT + 16.0
    order = sorted(range(len(block.sources)), key=lambda n: (centres[block.sources[n]], n))
    wanted = [centres[block.sources[n]] - BOX_HEIGHT / 2 for n in order]
    tops: list[float] = []
    for top in wanted:
        tops.append(max(top, tops[-1] + step) if tops else top)
    parts = []
    for n, top in zip(order, tops, strict=True):
        source, channels = block.sources[n], block.source_channels[n]
        name = f"P{row_of(table.blocks[source].stride)}"
        place = (0.0, top - tops[0], box_width(channels), BOX_HEIGHT)
        parts.append(PartPlace(source, channels, name, *place))
    return tops[0], tuple(parts)
