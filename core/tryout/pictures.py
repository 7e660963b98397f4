"""What networks find on images, as pictures in files and as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.compare.pictures import Panel, Sheet
from core.system.paths import model_names
from core.system.size import size_text
from core.tryout.agreement import count, marks, same, total, typical, whole
from core.tryout.result import TriedImage, Tryout


def names_of(result: Tryout) -> list[str]:
    """Return the names of the networks, each differently."""
    return model_names([one["path"] for one in result["networks"]])


def found_words(image: TriedImage, network: int, confidence: float) -> str:
    """Describe what a network finds on an image, as ``7 found, 5 of 6 kept, 2 new``."""
    if "same" in image:
        return f"{image['same'][network]:.1%} of the pixels alike" if network else ""
    own = count(image, network, confidence)
    text = f"{own.found} found"
    if network:
        text += f", {own.kept} of {own.kept + own.lost} kept, {own.new} new"
    return text


def title_of(image: TriedImage, network: int, name: str, confidence: float) -> str:
    """Return a line about a network on an image: its name, what it finds, and its time."""
    found = found_words(image, network, confidence)
    words = f"{whole(image['milliseconds'][network]):.1f} ms"
    return f"{name}: {', '.join(filter(None, [found, words]))}"


def map_file(image: TriedImage, network: int) -> str:
    """Return the file with the map that a network finds; empty where there is none."""
    return image["maps"][network] if "maps" in image else ""


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
        words = title_of(image, network, name, confidence)
        drawn = marks(image, network, confidence)
        panels.append(Panel(words, drawn, map_file(image, network)))
    stem = Path(image["image"]).stem
    return Sheet(image["image"], f"{number + 1:03d}-{stem}", panels)


def tried_text(result: Tryout, confidence: float) -> str:
    """Return a table of the networks: objects, what is kept, and milliseconds."""
    rows, sure = [_head(result)], f", confidence {confidence:g}"
    for network, name in enumerate(names_of(result)):
        times = typical(result, network)
        steps = [times["preprocess"], times["inference"], times["postprocess"], whole(times)]
        found = _found(result, network, confidence)
        rows.append([name, *found, *(f"{ms:.2f}" for ms in steps)])
    images = len(result["images"])
    lines = [
        f"{images} image{'s' * (images != 1)} at {size_text(result['image_size'])} on "
        f"{result['device']}{'' if _has_maps(result) else sure}; times are medians.",
        *_table(rows),
        *result["left_out"],
        *(f"Skipped {one['file']}. {one['reason']}" for one in result["skipped"]),
    ]
    return "\n".join(lines)


def _has_maps(result: Tryout) -> bool:
    return same(result, 0) is not None


def _head(result: Tryout) -> list[str]:
    found = ["same pixels"] if _has_maps(result) else ["found", "kept", "lost", "new"]
    return ["network", *found, "preprocess", "inference", "postprocess", "ms per image"]


def _found(result: Tryout, network: int, confidence: float) -> list[str]:
    """Return what a network finds, in the columns of `_head`."""
    share = same(result, network)
    if share is not None:
        return [f"{share:.1%}" if network else ""]
    own = total(result, network, confidence)
    related = [str(own.kept), str(own.lost), str(own.new)] if network else [""] * 3
    return [str(own.found), *related]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
