"""What could be used instead of pruning, next to what was pruned: to tell whether it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.report.alternatives import smaller_sizes
from core.report.stock import at_size, instead_of
from core.system.size import ImageSize, size_text

if TYPE_CHECKING:
    from core.report.known import Known

SLACK = 1.05
"""How much more of a cost still counts as the same."""
ROLES = ("original", "pruned", "tuned")
WORDS = {"macs": "GFLOPs", "ms": "latency"}


def alternatives(
    known: Known, measured: Mapping[str, Any] | None, accuracy: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return ``rows``, whether they were ``measured`` and how, and ``verdict`` sentences.

    Rows that nobody measured are there all the same: lower image sizes with the multiply-adds that
    follow from the area, and stock models as published.

    Parameters
    ----------
    known : Known
    measured : mapping or None
        What `core.report.measuring` found, if it was asked to.
    accuracy : mapping or None
        The report's own accuracy, for rows that were not measured here.
    """
    facts = known.facts
    size = facts.image_size if facts else None
    if measured:
        size = ImageSize.of(measured["image_size"])
    rows = _measured(known, measured) if measured else _derived(known, size)
    rows += _stock(known, size)
    about = ("image_size", "data", "split", "images", "measure", "runtime", "threads", "date")
    return {
        "measured": {key: measured.get(key) for key in about} if measured else None,
        "image_size": None if size is None else size.plain,
        "rows": rows,
        "verdict": verdict(rows) if measured else [],
    }


def _measured(known: Known, measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the networks shown, and all others."""
    shown = {network.sha256: network.path.name for network in known.shown if network.sha256}
    rows = []
    for row in measured["rows"]:
        if row["kind"] in ROLES:
            if row.get("sha256") not in shown:
                continue
            row = {**row, "name": shown[row["sha256"]]}
        rows.append({**row, "source": "measured"})
    return rows


def _derived(known: Known, size: ImageSize | None) -> list[dict[str, Any]]:
    """Return what follows without measuring: costs at smaller images."""
    rows = [
        _row(n.role, n.path.name, size, n.parameters, n.macs, bytes=n.bytes, source="counted")
        for n in known.shown
    ]
    original = known.original
    if original is None or original.macs is None or size is None:
        return rows
    pruned = known.pruned
    ratio = pruned.macs / original.macs if pruned and pruned.macs and original.macs else 0.7
    for smaller in smaller_sizes(size, ratio):
        rows.append(
            _row(
                "resolution",
                original.path.name,
                smaller,
                original.parameters,
                at_size(original.macs, size, smaller),
                source="derived",
            )
        )
    return rows


def _stock(known: Known, size: ImageSize | None) -> list[dict[str, Any]]:
    facts, original = known.facts, known.original
    if facts is None or original is None or original.macs is None or size is None:
        return []
    macs = at_size(original.macs, facts.image_size, size)
    return [
        _row(
            "stock",
            model.name,
            size,
            model.parameters,
            at_size(model.macs, model.size, size),
            published=model.figure,
            published_measure=model.measure,
            published_size=model.size,
            source="published",
            link=model.source,
        )
        for model in instead_of(facts.family, facts.task, macs, size)
    ]


def _row(
    kind: str,
    name: str,
    size: ImageSize | None,
    parameters: int | None,
    macs: int | None,
    **more: Any,
) -> dict[str, Any]:
    empty = ("bytes", "figure", "ms", "ratio", "published", "published_measure")
    return {
        "kind": kind,
        "name": name,
        "image_size": None if size is None else size.plain,
        "parameters": parameters,
        "macs": macs,
        "precision": "fp32",
        "note": "",
        **dict.fromkeys(empty),
        **more,
    }


def verdict(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe what the measured rows tell about whether pruning was the right tool.

    One sentence each for multiply-adds and for time: what is at least as accurate at about the
    same or less of it. Nothing is said where too little was measured.
    """
    mine = [row for row in rows if row["kind"] in ROLES[1:] and row.get("figure") is not None]
    if not mine:
        return []
    own = max(mine, key=lambda row: row["figure"])
    sentences = []
    for cost, words in WORDS.items():
        limit = own.get(cost)
        others = [
            row
            for row in rows
            if row["kind"] not in ROLES
            and row.get("figure") is not None
            and row.get(cost) is not None
            and limit is not None
            and row[cost] <= SLACK * limit
        ]
        if not others:
            continue
        better = [row for row in others if row["figure"] >= own["figure"]]
        names = ", ".join(f"{_called(row)} ({row['figure']:.4f})" for row in better or others)
        this = f"{own['name']} ({own['figure']:.4f})"
        if better:
            verb = "is" if len(better) == 1 else "are"
            sentences.append(
                f"With about the same or less {words}, {names} {verb} at least as "
                f"accurate as {this}: pruning was not the better choice."
            )
        else:
            sentences.append(
                f"With about the same or less {words}, {this} is more accurate than the "
                f"measured alternatives: {names}."
            )
    return sentences


def _called(row: Mapping[str, Any]) -> str:
    return (
        f"{row['name']} at {size_text(row['image_size'])}"
        if row["kind"] == "resolution"
        else row["name"]
    )
