"""Numbers and blocks in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.graph.table import Block, ChannelTable
from core.plan.cost import gflops as gflops
from core.system.size import size_text

PLAIN = {
    "Conv": "A convolution: detects patterns; with stride 2 it also halves the feature map.",
    "DWConv": "A depthwise convolution: filters every channel separately.",
    "C2f": "Splits its channels, refines one half in steps, and concatenates all steps.",
    "C3k2": "Splits its channels, refines one half in steps, and concatenates all steps.",
    "C2fCIB": "Like C2f, with compact inverted bottlenecks.",
    "C3": "Two branches, one refined by bottlenecks, then concatenated.",
    "RepC3": "Two branches, one refined by re-parameterized convolutions, then merged.",
    "C2PSA": "Splits its channels and applies attention over the whole map to one half.",
    "PSA": "Splits its channels and applies attention over the whole map to one half.",
    "A2C2f": "Refines by attention over areas of the map, and concatenates all steps.",
    "AIFI": "A transformer layer: every position attends to every other.",
    "SPPF": "Pools at increasing sizes and concatenates them, for a larger receptive field.",
    "SPPELAN": "Pools at increasing sizes and concatenates them, for a larger receptive field.",
    "SPP": "Pools at several sizes and concatenates them, for a larger receptive field.",
    "Upsample": "Doubles the size of the feature map. No weights.",
    "Concat": "Concatenates the channels of its sources. No weights.",
    "Detect": "The head: boxes and classes at every scale.",
    "v10Detect": "The head: boxes and classes at every scale, without NMS.",
    "Segment": "The head: boxes, classes and masks.",
    "Pose": "The head: boxes, classes and keypoints.",
    "OBB": "The head: rotated boxes and classes.",
    "Classify": "The head: one class for the whole image.",
    "RTDETRDecoder": "The head: a transformer decoder with object queries.",
    "ELAN1": "Refines in steps and concatenates all of them.",
    "RepNCSPELAN4": "Refines in steps by re-parameterized branches and concatenates all of them.",
    "AConv": "Average pooling, then a convolution that halves the map.",
    "ADown": "Halves the map in two ways and concatenates them.",
    "SCDown": "Halves the map by a pointwise and a depthwise convolution.",
    "HGStem": "The stem: several convolutions that reduce the image.",
    "HGBlock": "Many light convolutions whose outputs are concatenated.",
    "MaxPool2d": "Keeps the largest value of each neighbourhood. No weights.",
}
STAGES = {"backbone": "Backbone", "neck": "Neck", "head": "Head"}


def plain(block: Block) -> str:
    """Describe what a block does."""
    known = PLAIN.get(block.type)
    if known is None:
        known = f"A block of type {block.type}." if block.parameters else "No weights."
    return known


def sources(block: Block) -> str:
    """Name what a block reads."""
    return ", ".join("image" if s < 0 else str(s) for s in block.sources)


def count(value: float) -> str:
    """Write a count with a unit: 3.16 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:.0f}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, as in “1 layer”, “3 layers”."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size(value: float) -> str:
    """Write a number of bytes: 6.2 MB."""
    for unit_size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit_size:
            return f"{value / unit_size:.1f} {unit}"
    return f"{value:.0f} B"


def widths(before: int, after: int) -> str:
    """Write a width, with the new one where it changes."""
    return str(before) if before == after else f"{before} → {after}"


def percent(share: float) -> str:
    """Write a change as a share: −12.5%."""
    change = 100 * (share - 1)
    if abs(change) < 0.05:
        return "unchanged"
    return f"{'−' if change < 0 else '+'}{abs(change):.1f}%"


def change_ms(before: float, after: float, *, bold: bool = False) -> str:
    """Write a time in milliseconds, with the new one where it changes: 23.4 → 17.0 ms (−27.4%)."""
    strong = "<b>{}</b>" if bold else "{}"
    if abs(after - before) < 0.005:
        return f"{strong.format(f'{before:.1f}')} ms"
    new = strong.format(f"{after:.1f}")
    return f"{before:.1f} → {new} ms ({percent(after / max(before, 1e-9))})"


def timed_how(about: Mapping[str, Any]) -> str:
    """Describe what the times of a table of layers hold for: onnx, 1 thread, 320 px."""
    threads = "1 thread" if about["threads"] == 1 else f"{about['threads']} threads"
    return f"{about['runtime']}, {threads}, {size_text(about['image_size'])}"


def duration(seconds: float) -> str:
    """Write a time: 0.4 s, 40 s, 12 min, 1 h 05 min."""
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def kind_count(table: ChannelTable, *kinds: str) -> int:
    """Count layers of some classes."""
    return sum(layer.kind in kinds for layer in table.layers)
