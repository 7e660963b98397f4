"""Long jobs in a row, as a list of them shows it: state, place in the queue, figures, progress."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.data.figures import MAIN, figure_name
from core.errors import UserError
from core.runs.folder import EVENTS, JOB, list_jobs, read_job, status_of, told
from core.runs.kinds import KINDS
from core.runs.queue import Queue, blocker, read_queue
from core.runs.tail import RunEntry
from core.system.budget import MESSAGE, parse_json
from core.system.files import open_regular
from core.system.records import UNFIT, leave_out

TAIL = 8192
"""Bytes from the end of the events that tell how far a job is."""
Over = dict[str, tuple[int, RunEntry]]


def entry_of(folder: str | Path) -> RunEntry | None:
    """Read a job's folder; None where it is gone, or damaged, which is named."""
    try:
        job = read_job(folder)
    except UserError as error:
        if (Path(folder) / JOB).exists():
            leave_out(folder, error)
        return None
    status = status_of(job)
    far, left = progress_of(folder) if status in ("running", "paused") else ("", None)
    return RunEntry(
        folder=str(folder),
        kind=job.kind,
        created=job.created,
        changed=job.changed,
        state=status,
        told=told(folder),
        arguments=job.arguments,
        hashes=job.hashes,
        message=job.message,
        hint=job.hint,
        next_batch=job.next_batch,
        untrusted=job.untrusted,
        result=job.result,
        progress=far,
        seconds_left=left if status == "running" else None,
    )


def entries(places: Iterable[str | Path], over: Over | None = None) -> tuple[RunEntry, ...]:
    """Return the jobs of some folders, newest first; a folder named twice counts once.

    Parameters
    ----------
    places : iterable of path
        Folders of jobs, or a job's own.
    over : dict, optional
        Jobs that do not run and when they were written, so that they are not read every time;
        filled here.
    """
    over = {} if over is None else over
    found: dict[str, RunEntry] = {}
    for place in places:
        if not Path(place).is_dir():
            continue
        for folder in list_jobs(place):
            name, written = str(folder), _written(folder / JOB)
            entry = over[name][1] if over.get(name, (0,))[0] == written else entry_of(folder)
            if entry is not None:
                found[os.path.realpath(folder)] = entry
                if not entry.stoppable:
                    over[name] = written, entry
    queue = _queue()
    listed = [_in_line(entry, name, queue) for name, entry in found.items()]
    return tuple(sorted(listed, key=lambda e: (e.created, e.folder), reverse=True))


def _queue() -> Queue:
    try:
        return read_queue()
    except UserError:
        return Queue()


def _in_line(entry: RunEntry, name: str, queue: Queue) -> RunEntry:
    place = queue.place(name)
    if not place:
        return entry
    waits_for = "" if queue.held else blocker(name, queue)
    title = ""
    if waits_for:
        other = entry_of(waits_for)
        title = other.title if other is not None else ""
    return replace(entry, place=place, waits_for=title, held=queue.held)


def progress_of(folder: str | Path) -> tuple[str, float | None]:
    """Describe how far a job is, by the last event that reports it, and the seconds left.

    Empty and None while no event did.
    """
    try:
        with open_regular(Path(folder) / EVENTS) as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL))
            lines = stream.read().splitlines()
    except OSError:
        return "", None
    for line in reversed(lines):
        try:
            event = parse_json(line, MESSAGE)
            kind, left = event.get("event"), event.get("seconds_left")
            left = float(left) if left is not None else None
            step = f"step {event['step']} of {event['steps']}, " if "steps" in event else ""
            if kind in ("batch", "epoch"):
                within = f", batch {event['batch']} of {event['batches']}"
                at = f"{step}epoch {event['epoch']} of {event['epochs']}"
                return at + (within if kind == "batch" else ""), left
            if kind == "progress" and event.get("text"):
                return f"{step}{event['text']}", left
        except UNFIT:
            continue
    return "", None


def measured_of(entry: RunEntry) -> tuple[dict[str, float], dict[str, float]]:
    """Return what was measured before and after a job; empty while unknown."""
    kind = KINDS.get(entry.kind)
    return ({}, {}) if kind is None else kind.figures(entry.result or {})


def figures_of(entry: RunEntry) -> str:
    """Describe the main figure before and after a job, in words; empty while unknown."""
    before, after = measured_of(entry)
    for key in MAIN:
        if key in after:
            was = f"{before[key]:.4f} → " if key in before else ""
            return f"{figure_name(key)} {was}{after[key]:.4f}"
    return ""


def lost_accuracy(entry: RunEntry) -> bool:
    """Whether a job's file is less accurate than what it began with, by the main figure.

    A file that a paired comparison has chosen is not: see `core.tune.choose`.
    """
    if (entry.result or {}).get("chosen"):
        return False
    before, after = measured_of(entry)
    key = next((key for key in MAIN if key in before and key in after), "")
    return bool(key) and after[key] < before[key]


def unchanged_text(entry: RunEntry) -> str:
    """Return the sentence that says that a fine-tuning did not help, or nothing if it did."""
    result = entry.result or {}
    return str(result.get("text") or "") if result.get("chosen") == "before" else ""


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
