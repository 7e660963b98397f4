"""What prunings, tunings and measurements leave in a history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.history.nodes import Node, find_home, home_of, record

OWN = "own"
"""Stands for the history that belongs to the network itself, which the window keeps."""
COST = ("parameters", "macs")


def folder_of(asked: str, origin: str) -> Path:
    """Return the folder that a person means.

    Parameters
    ----------
    asked : str
        A folder, or ``OWN``.
    origin : str
        See `core.checkpoint.facts.origin_of`.
    """
    return home_of(origin) if asked == OWN else Path(asked)


def remember_pruned(folder: Path, model: str | Path, report: Mapping[str, Any]) -> Node:
    """Add a pruned file beneath the model it was pruned from.

    Parameters
    ----------
    folder : Path
    model : path
    report : mapping
        As ``prune --json`` prints it: ``output``, ``before``, ``after``, ``plan``,
        ``verification``.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    before, after = report["before"], report["after"]
    return record(
        folder,
        "prune",
        report["output"],
        model,
        figures={key: after[key] for key in COST},
        details={
            "plan": report["plan"],
            "relative_error": report["verification"]["relative_error"],
            "repair": [s["step"] for s in report.get("repair") or () if s.get("kept")],
        },
        cost={key: before[key] for key in COST},
    )


def remember_tuned(history: str, model: str | Path, result: Mapping[str, Any], job: Path) -> Node:
    """Add a tuned file beneath the file it was tuned from.

    Parameters
    ----------
    history : str
        A folder, or ``OWN``.
    model : path
    result : mapping
        As `core.tune.run.finetune` returns it.
    job : Path
        The job's folder.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    details = {"job": str(job), "before": result["before"], "epochs": result.get("epochs")}
    folder, output = _own(history, model), result["output"]
    return record(folder, "tune", output, model, figures=result["after"], details=details)


def remember_iteration(
    history: str, model: str | Path, result: Mapping[str, Any], job: Path
) -> list[Node]:
    """Add every pruning and every tuning of an iterative pruning, each beneath the one before.

    Parameters
    ----------
    history, model, job
        As for `remember_tuned`.
    result : mapping
        As `core.runs.kinds.iterative.iterate` returns it.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    folder, current, nodes = _own(history, model), str(model), []
    for step in result["steps"]:
        number = step["step"]
        pruned = job / f"step-{number}" / "pruned.pt"
        told = {"job": str(job), "step": number, "share": step["share"]}
        cost = {key: step[key] for key in COST}
        nodes.append(record(folder, "prune", pruned, current, figures=cost, details=told))
        last = step["accepted"] and number == result["accepted"]
        current = result["output"] if last else step["file"]
        told |= {"before": step["before"], "accepted": step["accepted"]}
        nodes.append(record(folder, "tune", current, pruned, figures=step["after"], details=told))
        current = step["file"]
    return nodes


def _own(history: str, model: str | Path) -> Path:
    """Return the folder that is meant; the network's own is found by what the file says."""
    if history != OWN:
        return Path(history)
    known = find_home(model)
    if known is not None:
        return known
    from core.checkpoint.facts import origin_of
    from core.pipeline import load

    return home_of(origin_of(load(model).facts))


def remember_measured(
    folder: Path,
    model: str | Path,
    figures: Mapping[str, float],
    looked_at: Mapping[str, Any],
    cost: Mapping[str, float] | None = None,
) -> Node:
    """Add what was measured of a file.

    Parameters
    ----------
    folder : Path
    model : path
    figures : mapping
        Such as ``map50_95``.
    looked_at : mapping
        ``data``, ``split``, ``image_size`` and ``images``, as far as they are known.
    cost : mapping, optional
        ``parameters`` and ``macs``.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    return record(folder, "evaluate", model, figures=figures, details=looked_at, cost=cost)


def remember_compared(
    folder: Path, result: Mapping[str, Any], data: str, image_size: int
) -> list[Node]:
    """Add what a comparison measured of every model in it.

    Parameters
    ----------
    folder : Path
    result : mapping
        As `core.compare.figures.compare` returns it.
    data : str
        The dataset.
    image_size : int
        In pixels.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    nodes = []
    for model in result["models"]:
        looked_at = {"data": data, "split": result["split"], "image_size": image_size}
        looked_at["images"] = model["images"]
        cost = {key: model[key] for key in COST}
        nodes.append(remember_measured(folder, model["path"], model["figures"], looked_at, cost))
    return nodes
