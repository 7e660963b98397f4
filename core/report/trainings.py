"""Trainings, scans and steps of a project, as their files tell them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.project import place
from core.runs.folder import read_events, read_job
from core.runs.tail import Digest, RunEntry
from core.sensitivity.records import read_scans, read_steps

if TYPE_CHECKING:
    from core.report.known import Known, Network

STEPS = "steps.jsonl"


def trainings(known: Known) -> list[dict[str, Any]]:
    """Return every fine-tuning of the project's files, the newest first, with its curves."""
    return [_training(n, n.job) for n in reversed(known.of("tuned")) if n.job is not None]


def _training(network: Network, folder: Path) -> dict[str, Any]:
    job = read_job(folder)
    result, arguments = job.result or {}, job.arguments
    digest = Digest()
    events, _ = read_events(folder)
    for event in events:
        digest.take(event)
    entry = RunEntry(str(folder), job.kind, job.created, job.state, "run", arguments)
    shown = digest.snapshot(entry)
    return {
        "name": network.path.name,
        "kind": job.kind,
        "date": job.changed,
        "model": Path(str(arguments.get("model") or "")).name,
        "teacher": Path(str(arguments["teacher"])).name if arguments.get("teacher") else None,
        "preset": arguments.get("preset"),
        "device": shown.device,
        "epochs": result.get("epochs") or shown.epochs,
        "seconds": result.get("seconds"),
        "before": result.get("before") or result.get("baseline"),
        "after": result.get("after"),
        "final": result.get("final"),
        "baseline": shown.before,
        "losses": _plain(shown.losses),
        "metrics": _plain(shown.metrics),
        "rates": _plain(shown.rates),
        "steps": result.get("steps") or [],
    }


def _plain(curves: Any) -> dict[str, dict[str, list[float]]]:
    return {name: {"x": list(x), "y": list(y)} for name, (x, y) in curves.items()}


def sensitivity(known: Known) -> dict[str, Any] | None:
    """Return the project's last scan of the model: ``baseline``, ``ratios`` and ``blocks``.

    A file that was named and is gone becomes a note.
    """
    stored = known.opened.project.sensitivity
    if stored is None or known.sha256 is None:
        return None
    file = place(stored, known.opened.place)
    try:
        records = read_scans(file)
    except UserError as error:
        known.note(error)
        return None
    scan: str | None = None
    settings: dict[str, Any] = {}
    for record in records:
        found = record.get("settings")
        if isinstance(found, dict) and found.get("model") == known.sha256:
            scan, settings = record.get("scan"), found
    figures = [r for r in records if scan and r.get("scan") == scan and "map50_95" in r]
    points = [figure for figure in figures if figure.get("block") is not None]
    if not points:
        return None
    base = next((f for f in figures if f.get("block") is None), {})
    shares: dict[int, dict[float, float | None]] = {}
    for point in points:
        shares.setdefault(int(point["block"]), {})[float(point["ratio"])] = point.get("share")
    ratios = sorted({ratio for row in shares.values() for ratio in row})
    return {
        "baseline": base.get("map50_95"),
        "images": settings.get("images"),
        "image_size": settings.get("image_size"),
        "ratios": ratios,
        "blocks": [
            {"block": block, "shares": [row.get(ratio) for ratio in ratios]}
            for block, row in sorted(shares.items())
        ],
    }


def steps(known: Known) -> list[dict[str, Any]]:
    """Return the steps that the strategy one by one tried, in order; none without a run."""
    stored = known.opened.project.steps
    if stored is None:
        return []
    file = place(stored, known.opened.place) / STEPS
    try:
        records = read_steps(file)
    except UserError as error:
        known.note(error)
        return []
    last = next((r.get("run") for r in reversed(records) if "step" in r), None)
    keys = ("step", "block", "ratio", "map50_95", "share", "accepted", "fallback_of", "note")
    return [
        {key: record.get(key) for key in keys}
        for record in records
        if "step" in record and record.get("run") == last
    ]
