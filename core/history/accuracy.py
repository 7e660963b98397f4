"""What a history knows of a network's accuracy, whichever step measured it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.figures import SECOND, main_figure, main_name
from core.history.nodes import Node
from core.system.size import ImageSize, SizeLike


@dataclass(frozen=True, slots=True)
class KnownAccuracy:
    """An accuracy that was measured.

    Attributes
    ----------
    map50_95, map50 : float
        As in `core.data.validation.Accuracy`.
    images : int
        How many of the val split it was measured on.
    date : str
        ISO 8601, UTC.
    """

    map50_95: float
    map50: float
    images: int
    date: str


def accuracy_of(
    nodes: Sequence[Node], sha256: str, data: str, image_size: SizeLike | None = None
) -> KnownAccuracy | None:
    """Return the latest accuracy of a file on the val split of a dataset.

    Parameters
    ----------
    nodes : sequence of Node
        Steps, with those of comparisons: `core.history.tree.with_compared`.
    sha256 : str
        Of the file.
    data : str
        The dataset, as the measurements name it.
    image_size : ImageSize, int or pair of int, optional
        Only what was measured at this size, in pixels: others do not compare.
    """
    shas = {node.id: node.sha256 for node in nodes}
    found = [
        KnownAccuracy(
            main_figure(figures),
            figures[SECOND[main_name(figures)]],
            node.details["images"],
            node.date,
        )
        for node in nodes
        for of, figures in _measured(node, shas)
        if of == sha256
        and SECOND.get(main_name(figures)) in figures
        and _fits(node.details, data, image_size)
    ]
    return max(found, key=lambda one: one.date, default=None)


def accuracy_by_plan(
    nodes: Sequence[Node],
    sha256: str,
    plan: Mapping[str, Any],
    data: str,
    image_size: SizeLike | None = None,
) -> KnownAccuracy | None:
    """Return the latest accuracy of what a plan made of a file, or None if it was not measured.

    Of several prunings by the same plan, with other repairs, the one measured last counts.

    Parameters
    ----------
    nodes, data, image_size
        As for `accuracy_of`.
    sha256 : str
        Of the file that was pruned.
    plan : mapping
        The plan as plain data, as steps hold it.
    """
    origins = {node.id for node in nodes if node.sha256 == sha256}
    wanted = _chosen(plan)
    pruned = [
        accuracy_of(nodes, node.sha256, data, image_size)
        for node in nodes
        if node.kind == "prune"
        and node.sha256 is not None
        and node.parent in origins
        and _chosen(node.details.get("plan") or {}) == wanted
    ]
    return max(filter(None, pruned), key=lambda one: one.date, default=None)


def _measured(
    node: Node, shas: Mapping[str, str | None]
) -> Iterator[tuple[str | None, Mapping[str, float]]]:
    """Return the hashes of the files that a step measured, and the figures."""
    if node.kind in ("evaluate", "tune", "quantize"):
        yield node.sha256, node.figures
    if node.kind == "tune":
        yield shas.get(node.parent or ""), node.details.get("before") or {}


def _chosen(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plan chooses, whatever the order, and whichever file it was made for."""
    entries = sorted(map(str, plan.get("selection") or ()))
    return {**plan, "selection": entries, "model_sha256": None}


def _fits(details: Mapping[str, Any], data: str, image_size: SizeLike | None) -> bool:
    images = details.get("images")
    on_val = details.get("split", "val") == "val" and details.get("data") == data
    if image_size is not None:
        size = ImageSize.of(image_size)
        if details.get("image_size", size) != size:
            return False
    return on_val and isinstance(images, int) and images > 0
