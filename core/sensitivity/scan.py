"""How much accuracy each block costs at each ratio: measured, block by block, and resumable.

Every block is pruned alone, at every ratio, by the ranking of the unpruned network, and the result
is evaluated (Li et al., 1608.08710, section 3.2, prune layer by layer and look at the accuracy).
Results are appended to a file, each under a key of everything it depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from core.data.validation import Accuracy, Validation
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Entry, Plan
from core.plan.widths import Mask, compute_widths
from core.progress import Progress, Span, publish, silent
from core.system.journal import Journal

Figures = dict[str, Any]
Source = Callable[[Sequence["Point"], Progress], Iterable[tuple["Point", Accuracy]]]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A block at a ratio, and the atoms that removes."""

    block: int
    ratio: float
    removed: Mask
    macs: int
    parameters: int

    @property
    def atoms(self) -> str:
        """A short name for what is removed: the figures depend on nothing else of the point."""
        return hashlib.sha256(np.packbits(self.removed).tobytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Outcome of a scan.

    Attributes
    ----------
    baseline : dict
        The unpruned network: ``map50_95``, ``map50``, ``images``, ``skipped``, ``macs``,
        ``parameters``.
    points : tuple of dict
        ``block``, ``ratio``, ``map50_95``, ``map50``, ``share`` (of the baseline's mAP50-95, None
        where that is 0), ``macs``, ``parameters`` (of the whole network after), by block and ratio.
    unprunable : tuple of dict
        ``block`` and ``reason`` for those asked for that have nothing to remove.
    resumed : int
        Points that an earlier scan had measured.
    """

    baseline: Figures
    points: tuple[Figures, ...]
    unprunable: tuple[dict[str, Any], ...]
    resumed: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "baseline": self.baseline,
            "points": list(self.points),
            "unprunable": list(self.unprunable),
            "resumed": self.resumed,
            "skipped": self.baseline["skipped"],
        }


def scan_points(
    resolver: Resolver,
    plan: Plan,
    scores: Scores,
    ratios: Sequence[float],
    blocks: Sequence[int] | None,
) -> tuple[list[Point], list[dict[str, Any]]]:
    """Return what there is to measure, and which blocks have nothing to remove.

    Parameters
    ----------
    resolver : Resolver
    plan : Plan
        Its rounding, floor and locks hold; its selection and target do not count.
    scores : float array, shape (atoms,)
    ratios : sequence of float
    blocks : sequence of int, optional
        All by default.
    """
    table = resolver.table
    wanted = [b.index for b in table.blocks] if blocks is None else sorted(set(blocks))
    points: list[Point] = []
    unprunable = []
    for block in wanted:
        found, reason = [], f"Block {block} has no layer with prunable channels."
        for ratio in sorted(set(ratios)):
            one = _plan_for(plan, Entry(block=block, ratio=ratio))
            resolution = resolver.resolve(one, scores)
            if resolution.removed.any():
                widths = compute_widths(table, resolution.removed)
                found.append(
                    Point(block, ratio, resolution.removed, widths.macs, widths.parameters)
                )
            elif resolution.blocked:
                reason = resolution.blocked[0].message
        points += found
        if not found:
            unprunable.append({"block": block, "reason": reason})
    return points, unprunable


def _plan_for(plan: Plan, entry: Entry) -> Plan:
    update = {"selection": (entry,), "target": None, "strategy": "structural"}
    return plan.model_copy(update=update)


def scan_settings(
    validation: Validation, model_sha256: str, plan: Plan, ranking: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all that a figure depends on, besides block and ratio."""
    used = validation.settings
    return {
        "model": model_sha256,
        "data": validation.sha256,
        "split": used.split,
        "images": len(validation.dataset),
        "image_size": used.image_size.plain,
        "batch": used.batch,
        "device": validation.device.type,
        "round_to": plan.round_to,
        "minimum_channels": plan.minimum_channels,
        "locked": sorted(map(str, plan.locked)),
        "ranking": dict(ranking),
        "versions": {name: metadata.version(name) for name in ("torch", "ultralytics")},
    }


def settings_key(settings: Mapping[str, Any]) -> str:
    """Return a short name for settings: the start of their SHA-256."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class Ledger:
    """The results of scans: found in a journal when they were measured before, else added.

    Parameters
    ----------
    journal : Journal, optional
        Without one, results are kept in memory only.
    settings : dict
    """

    def __init__(self, journal: Journal | None, settings: dict[str, Any]) -> None:
        self._journal = journal
        self.key = settings_key(settings)
        records = journal.records if journal else []
        self._known: dict[tuple[Any, Any], Figures] = {
            (record.get("block"), record.get("ratio")): record
            for record in records
            if record.get("scan") == self.key and "map50_95" in record
        }
        described = any(r.get("scan") == self.key and "settings" in r for r in records)
        if journal is not None and not described:
            journal.append({"scan": self.key, "settings": settings})

    def get(self, block: int | None, ratio: float | None, atoms: str = "") -> Figures | None:
        """Return what was measured, without its key; None where other atoms went."""
        record = self._known.get((block, ratio))
        if record is None or record.get("atoms", "") != atoms:
            return None
        return {k: v for k, v in record.items() if k not in ("scan", "atoms")}

    def add(self, figures: Figures, atoms: str = "") -> None:
        """Keep a result."""
        record = {"scan": self.key, **figures, **({"atoms": atoms} if atoms else {})}
        if self._journal is not None:
            self._journal.append(record)
        self._known[figures["block"], figures["ratio"]] = record


def scan(
    points: Sequence[Point],
    ledger: Ledger,
    baseline: Callable[[Progress], Accuracy],
    measure: Source,
    whole: tuple[int, int],
    progress: Progress = silent,
) -> tuple[Figures, tuple[Figures, ...], int]:
    """Measure what was not measured before.

    Parameters
    ----------
    points : sequence of Point
    ledger : Ledger
    baseline : callable
        Measures the unpruned network.
    measure : callable
        Measures points, in any order.
    whole : (int, int)
        The unpruned network's multiply-adds and parameters.
    progress : Progress
        Handed every point as a partial result, those measured before first; may cancel.

    Returns
    -------
    baseline : dict
    points : tuple of dict
    resumed : int
    """
    base = ledger.get(None, None)
    if base is None:
        found = baseline(Span(progress, 0.0, 0.05))
        base = {"block": None, "ratio": None, **plain_figures(found)}
        base |= {"macs": whole[0], "parameters": whole[1]}
        ledger.add(base)
    publish(progress, {**base, "share": 1.0})
    left, resumed = [], 0
    for point in points:
        known = ledger.get(point.block, point.ratio, point.atoms)
        if known is None:
            left.append(point)
        else:
            resumed += 1
            publish(progress, known)
    for point, accuracy in _each_once(left, measure, Span(progress, 0.05, 1.0)):
        figures = {
            "block": point.block,
            "ratio": point.ratio,
            "map50_95": accuracy.map50_95,
            "map50": accuracy.map50,
            "share": share_of(accuracy.map50_95, base["map50_95"]),
            "macs": point.macs,
            "parameters": point.parameters,
        }
        ledger.add(figures, point.atoms)
        publish(progress, figures)
    measured = [ledger.get(p.block, p.ratio, p.atoms) for p in points]
    progress(1.0, "Done")
    base.pop("block"), base.pop("ratio")
    return base, tuple(figures for figures in measured if figures is not None), resumed


def plain_figures(accuracy: Accuracy) -> Figures:
    """Return what a scan keeps of an evaluation of the unpruned network."""
    wanted = ("map50_95", "map50", "images", "skipped")
    return {name: getattr(accuracy, name) for name in wanted}


def share_of(value: float, base: float) -> float | None:
    """Return a figure as a share of the unpruned one; None where that is 0."""
    return value / base if base > 0 else None


def _each_once(
    points: Sequence[Point], measure: Source, progress: Progress
) -> Iterable[tuple[Point, Accuracy]]:
    """Measure only one of the points that rounding makes the same cut."""
    alike: dict[str, list[Point]] = {}
    for point in points:
        alike.setdefault(point.atoms, []).append(point)
    for point, accuracy in measure([group[0] for group in alike.values()], progress):
        for same in alike[point.atoms]:
            yield same, accuracy
