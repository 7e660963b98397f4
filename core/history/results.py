"""What a project holds of a history: its pruned and its tuned files, told by the steps themselves.

The history is where they are kept. A project file repeats them, so that it can be read alone; what
a project of another machine, or of version 0.1, tells and the history lacks becomes a step.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.history.nodes import Node, attach, new_node, read_nodes
from core.plan.cost import COST
from core.project import Project, Result, Tuned


def pruned_node(report: Mapping[str, Any]) -> Node:
    """Return the step of a file that was pruned.

    Parameters
    ----------
    report : mapping
        As ``prune --json`` prints it: ``output``, ``before``, ``after``, ``plan``,
        ``verification``.
    """
    before, after = report["before"], report["after"]
    return new_node(
        "prune",
        report["output"],
        figures={key: after[key] for key in COST},
        details={
            "plan": report["plan"],
            "relative_error": report["verification"]["relative_error"],
            "repair": [s["step"] for s in report.get("repair") or () if s.get("kept")],
            "before": {key: before[key] for key in COST},
        },
    )


def tuned_node(
    output: str | Path,
    source: str | Path,
    job: str | Path,
    before: Mapping[str, float] | None,
    after: Mapping[str, float] | None,
    *,
    parameters: int | None = None,
    epochs: int | None = None,
    measured_on: Mapping[str, Any] | None = None,
    date: str = "",
) -> Node:
    """Return the step of a file that was tuned from ``source`` by the job in a folder.

    Figures that were not measured, before or after, are None. ``measured_on`` is what
    `core.tune.run.finetune` reports; nothing in files of version 0.1.
    """
    node = new_node(
        "tune",
        output,
        figures=after or {},
        details={
            "job": str(job),
            "before": dict(before or {}),
            "epochs": epochs,
            "parameters": parameters,
            "source": str(source),
            **(measured_on or {}),
        },
        date=date,
    )
    return node if not str(job) else node.model_copy(update={"id": _digest("job", str(job))})


def quantized_node(report: Mapping[str, Any], source: str | Path) -> Node:
    """Return the step of a file that was quantised.

    Parameters
    ----------
    report : mapping
        As ``quantize --json`` prints it.
    source : path
        The checkpoint.
    """
    ms = {t["precision"]: t["ms"]["median"] for t in report["timings"]}
    facts = ("format", "precision", "kept", "tried", "fp32_bytes", "parity", "aware")
    return new_node(
        "quantize",
        report["output"],
        figures={
            **(report["figures"] or {}),
            "milliseconds": ms["int8"],
            "bytes": report["bytes"],
        },
        details={
            **report["measured_on"],
            **{key: report[key] for key in facts},
            "source": str(source),
            "before": {
                **(report["before"] or {}),
                "milliseconds": ms["fp32"],
                "bytes": report["fp32_bytes"],
            },
        },
    )


# ---- as a project has them ----------------------------------------------------------------------


def result_of(node: Node) -> Result:
    """Return a pruned file as a project holds it."""
    before, told = node.details.get("before") or {}, node.details
    return Result(
        output=node.file or "",
        date=_seconds(node.date),
        parameters_before=int(before.get("parameters", 0)),
        parameters_after=int(node.figures.get("parameters", 0)),
        macs_before=int(before.get("macs", 0)),
        macs_after=int(node.figures.get("macs", 0)),
        relative_error=float(told.get("relative_error", 0.0)),
        plan=dict(told.get("plan") or {}),
    )


def tuned_of(node: Node) -> Tuned:
    """Return a tuned file as a project holds it."""
    told = node.details
    parameters = told.get("parameters")
    return Tuned(
        output=node.file or "",
        date=node.date,
        source=str(told.get("source") or ""),
        job=str(told.get("job") or ""),
        parameters=None if parameters is None else int(parameters),
        before=dict(told.get("before") or {}),
        after=dict(node.figures),
    )


def of_result(result: Result) -> Node:
    """Return the step of a pruned file that a project tells of; the same wherever it is read."""
    told = result.model_dump(mode="json", exclude={"output"})
    node = new_node(
        "prune",
        result.output,
        figures={"parameters": result.parameters_after, "macs": result.macs_after},
        details={
            "plan": dict(result.plan),
            "relative_error": result.relative_error,
            "repair": [],
            "before": {"parameters": result.parameters_before, "macs": result.macs_before},
        },
        node_id=_digest("result", Path(result.output).name, told),
    )
    return node.model_copy(update={"date": result.date})


def of_tuned(tuned: Tuned) -> Node:
    """Return the step of a tuned file that a project tells of; the same wherever it is read."""
    told = tuned.model_dump(mode="json", exclude={"output", "source", "job"})
    node = tuned_node(
        tuned.output,
        tuned.source,
        tuned.job,
        tuned.before,
        tuned.after,
        parameters=tuned.parameters,
    )
    node_id = _digest("tuned", Path(tuned.output).name, told)
    return node.model_copy(update={"id": node_id, "date": tuned.date})


def steps_of(project: Project) -> tuple[Node, ...]:
    """Return the steps that a project tells of, oldest first: its pruned, then its tuned files."""
    return *map(of_result, project.results), *map(of_tuned, project.tuned)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _seconds(date: str) -> str:
    """Return a date as a project has it: without parts of a second."""
    return re.sub(r"\.\d+", "", date)


# ---- what a project tells and its history lacks -------------------------------------------------


def adopt(folder: str | Path, nodes: Iterable[Node], model: str | Path) -> list[Node]:
    """Write the steps of a project that its history does not have; return those.

    Parameters
    ----------
    folder : path
        Of the history.
    nodes : iterable of Node
        As `of_result` and `of_tuned` make them, oldest first.
    model : path
        The project's model, which they resulted from where nothing else is reported.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    known = list(read_nodes(folder))
    written = []
    for node in nodes:
        if not is_known(node, known):
            told = str(node.details.get("source") or "")
            source = told if told and Path(told).is_file() else model
            before = node.details.get("before") or {}
            cost = {key: before[key] for key in COST if key in before}
            written.append(attach(folder, node, source, cost))
            known.append(written[-1])
    return written


def is_known(node: Node, known: Sequence[Node]) -> bool:
    """Whether a step is among those of a history, perhaps as whoever made the file told it."""
    return any(node.id == one.id or _same(node, one) for one in known if one.kind == node.kind)


def _same(node: Node, other: Node) -> bool:
    if Path(node.file or "").name != Path(other.file or "").name:
        return False
    job = node.details.get("job")
    if job and other.details.get("job"):
        return Path(str(job)).name == Path(str(other.details["job"])).name
    facts = ("plan", "relative_error") if node.kind == "prune" else ()
    return node.figures == other.figures and all(
        node.details.get(key) == other.details.get(key) for key in facts
    )
