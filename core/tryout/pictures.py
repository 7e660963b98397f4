"""What networks find on images, as pictures in files and as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.compare.pictures import Panel, Sheet
from core.system.size import size_text
from core.tryout.agreement import count, marks, total, typical, whole
from core.tryout.result import TriedImage, Tryout


def names_of(result: Tryout) -> list[str]:
    """Return the names of the networks; those of one name with their folder."""
    paths = [Path(one["path"]) for one in result["networks"]]
    names = [path.stem for path in paths]
    return [
        name if names.count(name) == 1 else f"{path.parent.name}/{name}"
        for path, name in zip(paths, names, strict=True)
    ]


def found_words(image: TriedImage, network: int, confidence: float) -> str:
    """Describe what a network finds on an image, as ``7 found, 5 of 6 kept, 2 new``."""
    own = count(image, network, confidence)
    text = f"{own.found} found"
    if network:
        text += f", {own.kept} of {own.kept + own.lost} kept, {own.new} new"
    return text


def sheet_of(result: Tryout, number: int, confidence: float) -> Sheet:
    """Return an image with what every network finds on it.

    Parameters
    ----------
    result : Tryout
    number : int
        Of the image.
    confidence : float
    """
    image = result["images"][number]
    panels = []
    for network, name in enumerate(names_of(result)):
        ms = whole(image["milliseconds"][network])
        words = f"{name}: {found_words(image, network, confidence)}, {ms:.1f} ms"
        panels.append(Panel(words, marks(image, network, confidence)))
    stem = Path(image["image"]).stem
    return Sheet(image["image"], f"{number + 1:03d}-{stem}", panels)


def tried_text(result: Tryout, confidence: float) -> str:
    """Return a table of the networks: objects, what is kept, and milliseconds."""
    head = ["network", "found", "kept", "lost", "new", "preprocess", "inference", "postprocess"]
    rows = [[*head, "ms per image"]]
    for network, name in enumerate(names_of(result)):
        own, times = total(result, network, confidence), typical(result, network)
        related = [str(own.kept), str(own.lost), str(own.new)] if network else ["", "", ""]
        steps = [times["preprocess"], times["inference"], times["postprocess"], whole(times)]
        rows.append([name, str(own.found), *related, *(f"{ms:.2f}" for ms in steps)])
    images = len(result["images"])
    lines = [
        f"{images} image{'s' * (images != 1)} at {size_text(result['image_size'])} on "
        f"{result['device']}, confidence {confidence:g}; times are medians.",
        *_table(rows),
        *result["left_out"],
        *(f"Skipped {one['file']}. {one['reason']}" for one in result["skipped"]),
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
