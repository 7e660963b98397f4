"""Tasks with a label for every pixel: semantic segmentation and depth. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DENSE = ("semantic", "depth")
"""Tasks of which every image has a map: a class, or a depth, for every pixel."""
BACKGROUND = "background"
MAP_WORDS: Mapping[str, str] = {
    "semantic": "Semantic segmentation needs a mask for every image: a PNG of class numbers in the "
    "folder that masks_dir names, in the place of “images”; or polygons in label files.",
    "depth": "Depth needs a map for every image: a 16-bit PNG or a .npy of the same name in the "
    "folder “depth”, in the place of “images”.",
}
"""What the labels of these tasks are, for people."""


CHECK_LABELS = "Check that its images can be opened and its labels fit the task."
"""What to do about the labels of all other tasks."""


def with_background(
    names: Mapping[int, str], extra: Mapping[str, Any], task: str
) -> dict[int, str]:
    """Return the classes that a network of a task has of a dataset.

    Where masks are drawn from polygons, Ultralytics adds a class for what no polygon covers, unless
    there is one class only.

    Parameters
    ----------
    names : mapping of int to str
        The dataset's.
    extra : mapping
        What else its labels need.
    task : str
    """
    if task != "semantic" or extra.get("masks_dir") or len(names) == 1:
        return dict(names)
    return {**names, len(names): BACKGROUND}


def polygon_marks(names: Mapping[int, str], extra: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return what tells Ultralytics that the background is among the classes already.

    Parameters
    ----------
    names : mapping of int to str
        As `with_background` returns them.
    extra : mapping
    task : str
    """
    if task != "semantic" or extra.get("masks_dir"):
        return {}
    return {"_polygon_bg_added": True, "bg_class_idx": len(names) - 1}
