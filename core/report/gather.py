"""All of a report as plain data: what is known, what was measured, what could be used instead."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.data.figures import main_name
from core.errors import UserError
from core.history.measurements import (
    ACCURACY,
    ALTERNATIVES,
    EXPORT,
    LATENCY,
    OLD_SUFFIX,
    Measurement,
    fitting,
    newest,
    read_measurements,
    write_measurement,
)
from core.history.shapes import RESULTS
from core.progress import Progress, Span, silent
from core.project import SUFFIX
from core.report import images
from core.report.instead import alternatives
from core.report.known import Known, Network, OpenProject, open_project, read_known
from core.report.measuring import measure
from core.report.network import describe_network, plan_words
from core.report.trainings import sensitivity, steps, trainings
from core.report.wanted import Measuring
from core.runs.received import check_project
from core.system.escape import shell_command
from core.system.paths import history_of
from core.system.records import completed
from core.system.versions import versions_of

VERSION = 1
LIBRARIES = ("secateur", "torch", "ultralytics", "numpy", "onnxruntime", "openvino")
SAMPLES = 6


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What goes into a report.

    Attributes
    ----------
    measuring : Measuring
        What to measure now; nothing by default. It is kept for later reports.
    samples : int
        Images shown.
    stores : tuple of Path or None
        Histories that hold measurements, those made now are kept in the first; by default the
        copy next to the project and the network's own. Files of version 0.1 are read, too.
    jobs : tuple of Path or None
        Folders of long jobs; the one next to the project and the usual one by default.
    """

    measuring: Measuring = field(default_factory=Measuring)
    samples: int = SAMPLES
    stores: tuple[Path, ...] | None = None
    jobs: tuple[Path, ...] | None = None


def build_report(
    project: str | Path | OpenProject,
    settings: ReportSettings | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Gather a report.

    Parameters
    ----------
    project : path or OpenProject
    settings : ReportSettings, optional
    progress : Progress
        May cancel; what was measured until then and is whole is kept.

    Returns
    -------
    dict
        Plain data; ``docs/report.md`` names its parts. What is not known is null or empty.

    Raises
    ------
    UserError
        When the project cannot be read or has no model, for something that cannot be measured, or
        files outside a received project's folder that nobody confirmed.
        Files that are missing are reported in ``notes``; the rest of the report is made.
    """
    opened = project if isinstance(project, OpenProject) else open_project(project)
    return gather(opened, settings or ReportSettings(), progress)[0]


def gather(
    opened: OpenProject, settings: ReportSettings, progress: Progress
) -> tuple[dict[str, Any], Known]:
    """Gather a report, and what it was made of; as `build_report`."""
    progress(0.02, "Reading the project")
    own, jobs = not opened.received, settings.jobs or ()
    check_project(opened.place, opened.project, own=own, jobs=jobs)
    known = read_known(opened, settings.jobs)
    stores = settings.stores or known.stores
    fresh = _measure(known, settings, stores[0], Span(progress, 0.05, 0.9))
    progress(0.9, "Building the report")
    held = [measurement for place in stores for measurement in read_measurements(place)]
    return _assemble(known, settings, held, fresh), known


def _measure(
    known: Known, settings: ReportSettings, store: Path, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Measure what is asked for, and keep it; a store that cannot be written costs only that."""
    fresh = {}
    for done in measure(known, settings.measuring, progress):
        result = {**done.result, "date": done.date}
        if done.measured == ACCURACY:
            result = _only_samples(result, settings.samples)
        fresh[done.measured] = result
        try:
            write_measurement(_to_write(store), done.model_copy(update={"result": result}))
        except UserError as error:
            known.note(error)
    return fresh


def _to_write(store: Path) -> Path:
    """Return the history to write to; a file of version 0.1 is only read."""
    name = store.name.removesuffix(OLD_SUFFIX)
    return store if name == store.name else history_of(store.with_name(f"{name}{SUFFIX}"))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _only_samples(result: dict[str, Any], count: int) -> dict[str, Any]:
    """Keep the images that a report shows; a split may have thousands."""
    rows = result["images"]
    return {**result, "images": [dict(row) for row in images.choose(rows, max(count, 12))]}


def _assemble(
    known: Known,
    settings: ReportSettings,
    held: Sequence[Measurement],
    fresh: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    shown = [network.sha256 for network in known.shown[1:]]
    found: dict[str, dict[str, Any] | None] = {}
    for name in (ACCURACY, LATENCY, ALTERNATIVES):
        record = newest(fitting(held, name, known.sha256), shown)
        told = fresh.get(name)
        if told is None and record is not None:
            told = {**record.result, "date": record.date}
        found[name] = None if told is None else completed(RESULTS[name], _plain(told))
    network = describe_network(known)
    accuracy = _accuracy(known, found[ACCURACY])
    plan = _plan(known)
    return {
        "version": VERSION,
        "made": _now(),
        "project": known.opened.name,
        "notes": [],
        "model": _model(known),
        "networks": [network.to_json() for network in known.networks],
        "shown": [network.to_json() for network in known.shown],
        "results": [network.to_json() for network in known.of("pruned")],
        "plan": plan,
        "plan_words": plan_words(plan),
        "repair": _repair(known),
        "precisions": {
            "before": known.facts.dtype if known.facts else None,
            "after": known.pruned_facts.dtype if known.pruned_facts else None,
        },
        **network,
        "accuracy": accuracy,
        "samples": _samples(known, found[ACCURACY], settings.samples) if accuracy else [],
        "trainings": trainings(known),
        "steps": steps(known),
        "latency": _latency(known, found[LATENCY]),
        "sensitivity": sensitivity(known),
        "exports": _exports(known, held),
        "alternatives": alternatives(known, found[ALTERNATIVES], accuracy),
        "versions": versions_of(*LIBRARIES),
        "modules": _modules(known),
        "replay": _replay(known),
    } | {"notes": [{"message": message, "hint": hint} for message, hint in known.notes]}


def _plain(told: Mapping[str, Any]) -> Any:
    """Return what was measured as it is read again."""
    return json.loads(json.dumps(told))


def _model(known: Known) -> dict[str, Any]:
    original, facts = known.original, known.facts
    assert original is not None
    assert known.opened.project.model is not None
    return {
        "name": original.path.name,
        "sha256": known.sha256,
        "family": facts.family if facts else known.opened.project.model.family,
        "task": facts.task if facts else None,
        "classes": len(facts.classes) if facts else None,
        "image_size": facts.image_size.plain if facts else None,
        "there": original.sha256 is not None,
    }


def _plan(known: Known) -> dict[str, Any]:
    """Return the plan of the newest pruned file, bound to its model; else the project's."""
    project, pruned = known.opened.project, known.pruned
    made = [r.plan for r in project.results if pruned and r.date == pruned.date and r.plan]
    plan = made[-1] if made else project.plan.to_json()
    return {**plan, "model_sha256": known.sha256}


def _repair(known: Known) -> list[dict[str, Any]]:
    """Return the steps by which the newest pruned file's weights were repaired."""
    history = known.pruned_facts.history if known.pruned_facts is not None else ()
    return list((history[-1].get("repair") if history else None) or [])


def _modules(known: Known) -> list[dict[str, Any]]:
    """Return the trusted modules that the files need; of a module, its file's name alone."""
    facts = [facts for facts in (known.facts, known.pruned_facts) if facts is not None]
    found = {module["file"]: module for each in facts for module in each.modules}
    return [
        {**module, "file": Path(path).name, "command": _trust(Path(path), module["name"])}
        for path, module in found.items()
    ]


def _trust(path: Path, name: str) -> str:
    """Return the command that trusts a module under the name by which it was trusted here."""
    named = () if name == path.stem else ("--as", name)
    return shell_command("secateur", "trust", "add", Path(path.name), *named)


def _replay(known: Known) -> list[str]:
    """Return the commands that make the newest pruned file again."""
    model = known.original.path.name if known.original else "MODEL.pt"
    pruned = known.pruned
    again = shell_command("secateur", "prune", Path(model), "--plan", "plan.json", "-o", "again.pt")
    if pruned is None:
        return [again]
    made = Path(pruned.path.name)
    exact = shell_command("secateur", "plan", Path(model), made, "-o", "plan.json")
    return [exact, again]


# ---- measurements of the available files ----------------------------------------------------


def _accuracy(known: Known, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the figures of the networks shown, in their order."""
    if stored is None:
        return None
    by_hash = {entry.get("sha256"): entry for entry in stored.get("models") or ()}
    models = [
        {
            "role": network.role,
            "name": network.path.name,
            "figures": dict(by_hash[network.sha256]["figures"]),
            "classes": dict(by_hash[network.sha256].get("classes") or {}),
            "images": by_hash[network.sha256].get("images"),
        }
        for network in known.shown
        if network.sha256 in by_hash
    ]
    if not models or models[0]["role"] != "original":
        return None
    return {
        "date": stored.get("date"),
        "data": Path(str(stored["data"])).name if stored.get("data") else None,
        "split": stored.get("split"),
        "image_size": stored.get("image_size"),
        "measure": main_name(models[0]["figures"]),
        "models": models,
    }


def _samples(known: Known, stored: Mapping[str, Any] | None, count: int) -> list[dict[str, Any]]:
    """Return sample images with what the networks shown found."""
    if stored is None or not isinstance(stored.get("images"), list):
        return []
    hashes = [entry.get("sha256") for entry in stored.get("models") or ()]
    places = [hashes.index(n.sha256) for n in known.shown if n.sha256 in hashes]
    found = []
    for row in images.choose(stored["images"], count):
        made = images.sample(
            {
                **row,
                "image": str(known.opened.place.parent / str(row["image"])),
                "boxes": [row["boxes"][place] for place in places],
                "scores": [row["scores"][place] for place in places],
            }
        )
        if made is not None:
            found.append(made)
    missing = min(count, len(stored["images"])) - len(found)
    if missing:
        known.notes.append(
            (
                f"{missing} of the sample images can no longer be read.",
                "Restore the dataset, or measure the accuracy again.",
            )
        )
    return found


def _latency(known: Known, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return timings with the networks' names, and what a table of layers predicts for each."""
    if stored is None:
        return None
    names = {network.sha256: network for network in known.shown if network.sha256}
    machine = {"device": None, **(stored.get("machine") or {})}
    timings = []
    for timing in stored.get("timings") or ():
        network = names.get(timing.get("model"))
        if network is not None:
            told = {"model": network.path.name, "role": network.role}
            predicted = _predicted(known, network, timing, machine)
            timings.append({**timing, **told, "predicted_ms": predicted})
    return {**stored, "timings": timings} if timings else None


def _predicted(
    known: Known, network: Network, timing: Mapping[str, Any], machine: Mapping[str, Any]
) -> float | None:
    from core.ship.latency.predicted import predicted_ms

    if known.table is None or known.sha256 is None:
        return None
    removed = known.removed
    if network.role == "original":
        removed = np.zeros(known.table.atom_count, bool)
    if removed is None:
        return None
    return predicted_ms(known.table, known.sha256, removed, timing, machine)


def _exports(known: Known, held: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Return what the networks shown were exported to, the newest of each kind."""
    names = {network.sha256: network.path.name for network in known.networks if network.sha256}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in fitting(held, EXPORT, known.sha256):
        name = names.get(record.models[-1])
        if name is not None:
            result = completed(RESULTS[EXPORT], record.result)
            key = (name, result.get("format"), result.get("precision"))
            found[key] = {**result, **_measured_of(result), "model": name, "date": record.date}
    return list(found.values())


def _measured_of(export: Mapping[str, Any]) -> dict[str, Any]:
    """Return milliseconds and the main figure of an exported file; None where not measured."""
    own = [t for t in export["timings"] if t["precision"] == export["precision"]]
    figures = export["figures"] or {}
    key = main_name(figures) if figures else None
    return {
        "name": Path(str(export["output"])).name,
        "ms": own[-1]["ms"]["median"] if own else None,
        "measure": key,
        "figure": figures.get(key) if key else None,
    }
