"""What prunings, tunings and measurements leave in a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import UserError, reason_of
from core.history.measurements import (
    ACCURACY,
    EXPORT,
    Measurement,
    new_measurement,
    write_measurement,
)
from core.history.nodes import Node, attach, ensure_node, find_home, home_of, record
from core.history.results import pruned_node, quantized_node, tuned_node
from core.plan.cost import COST
from core.ship.exported.metadata import is_network
from core.system.logs import append_fault
from core.system.size import ImageSize, SizeLike

OWN = "own"
"""Stands for the history that belongs to the network itself, which the window keeps."""


def folder_of(asked: str, origin: str) -> Path:
    """Return the folder that the user means.

    Parameters
    ----------
    asked : str
        A folder, or ``OWN``.
    origin : str
        See `core.checkpoint.facts.origin_of`.
    """
    return home_of(origin) if asked == OWN else Path(asked)


def with_step(result: Mapping[str, Any], remember: Callable[[], object]) -> dict[str, Any]:
    """Return a result with its step in a history, as ``node``.

    What was computed counts more than the history: where that cannot be written, the result has the
    reason, as ``history_failed``.

    Parameters
    ----------
    result : mapping
    remember : callable
        Writes the step; where it returns it, the result names it.
    """
    try:
        node = remember()
    except UserError as error:
        return {**result, "history_failed": f"{error.message} {error.hint}".strip()}
    except OSError as error:
        return {**result, "history_failed": f"Could not write to it: {reason_of(error)}."}
    except Exception as error:  # a bug there must not cost what took minutes
        where = append_fault(error)
        failed = f"Internal error ({type(error).__name__}), logged in {where}. Please report it."
        return {**result, "history_failed": failed}
    return {**result, "node": node.id} if isinstance(node, Node) else {**result}


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
    before = report["before"]
    return attach(folder, pruned_node(report), model, {key: before[key] for key in COST})


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
    node = tuned_node(
        result["output"],
        model,
        job,
        result["before"],
        result["after"],
        parameters=result.get("parameters"),
        epochs=result.get("epochs"),
        measured_on=result.get("measured_on"),
    )
    return attach(_own(history, model), node, model)


def remember_quantized(
    folder: Path, model: str | Path, report: Mapping[str, Any], origin: str
) -> Node:
    """Add a quantised file beneath the file it was made of, and what was measured of the two.

    Parameters
    ----------
    folder : Path
    model : path
        The checkpoint.
    report : mapping
        As ``quantize --json`` prints it, with the checkpoint's ``sha256``.
    origin : str
        See `core.checkpoint.facts.origin_of`.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    node = attach(folder, quantized_node(report, model), model)
    write_measurement(folder, exported(report, model, origin))
    return node


def exported(report: Mapping[str, Any], model: str | Path, origin: str) -> Measurement:
    """Return an export as a history keeps it; ``origin`` is the hash of the first file."""
    told = {**report, "model": Path(model).name}
    return new_measurement(EXPORT, [origin, str(report["sha256"])], told)


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
        told |= step.get("measured_on") or {}  # version 0.1 kept none
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
    folder: Path, result: Mapping[str, Any], data: str, image_size: SizeLike
) -> Measurement:
    """Add a comparison; every model in it gets a step of its own if there is none yet.

    The tree shows it with every model, as what was measured of that one.

    Parameters
    ----------
    folder : Path
    result : mapping
        As `core.compare.figures.compare` returns it.
    data : str
        The dataset.
    image_size : ImageSize, int or pair of int
        In pixels.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    return remember_measurement(folder, compared(result, data, image_size))


def remember_measurement(folder: Path, measurement: Measurement) -> Measurement:
    """Add a measurement; every model that a comparison looked at is a step.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    for model in measurement.result.get("models") or ():
        path = Path(model.get("path") or "/")
        if is_network(path) or path.parent == Path():  # a model YAML of Ultralytics is no file
            known = {key: model[key] for key in COST if model.get(key) is not None}
            ensure_node(folder, path, known)  # an exported file says neither
    return write_measurement(folder, measurement)


def compared(result: Mapping[str, Any], data: str, image_size: SizeLike) -> Measurement:
    """Return a comparison as a history keeps it: its figures and images, but no channels."""
    keys = ("path", "sha256", *COST, "bytes", "figures", "classes", "milliseconds", "images")
    kept = {
        "models": [{key: model[key] for key in keys if key in model} for model in result["models"]],
        "images": result["images"],
        "split": result["split"],
        "data": data,
        "image_size": ImageSize.of(image_size).plain,
    }
    return new_measurement(ACCURACY, [str(model["sha256"]) for model in result["models"]], kept)
