"""Commands on jobs: list, show, pause, continue, cancel, resume."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.commands import Add, Command
from core.errors import UserError

ACTIONS = {
    "list": "the jobs of a folder",
    "show": "one job and its last events",
    "pause": "let it wait",
    "continue": "let it go on",
    "cancel": "end it; its best and last state stay",
    "resume": "go on with one that was cancelled, failed or interrupted",
    "run": "run one here",
}
_SHOWN_EVENTS = 5


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    jobs = add("jobs", "List long jobs, watch them and tell them what to do.", model=None)
    text = "; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    jobs.add_argument("words", nargs="*", metavar="ACTION JOB", help=f"{text}; or a folder to list")
    jobs.add_argument("--detach", action="store_true", help="resume without this terminal")
    jobs.add_argument("--events", action="store_true", help="print events as JSON lines")


def _jobs(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    words = list(options.words)
    action = words.pop(0) if words and words[0] in ACTIONS else "list"
    if len(words) > 1:
        raise UserError(f"“{words[1]}” is one word too many.", "Write `jobs ACTION JOB`.")
    if action == "list":
        return _list(words[0] if words else None)
    if not words:
        raise UserError(f"Which job shall I {action}?", f"Write `jobs {action} JOB`.")
    from core.runs.folder import find_job

    folder = find_job(words[0])
    if action in ("resume", "run"):
        from core.commands.finetune import start

        return start(folder, options)
    if action == "show":
        return _show(folder)
    return _tell(folder, action)


def summary(folder: Path) -> dict[str, Any]:
    """Return one job as plain data."""
    from core.runs.folder import read_job, status_of

    job = read_job(folder)
    data = job.model_dump(mode="json")
    return {**data, "state": status_of(job), "folder": str(folder)}


def _list(parent: str | None) -> tuple[dict[str, Any], str]:
    from core.runs.folder import list_jobs

    found = []
    for folder in list_jobs(parent):
        try:
            found.append(summary(folder))
        except UserError as error:
            found.append({"folder": str(folder), "state": "damaged", "message": error.message})
    lines = [f"{job['state']:<12} {job['folder']}  {job.get('message', '')}" for job in found]
    return {"jobs": found}, "\n".join(lines) or "No jobs."


def _show(folder: Path) -> tuple[dict[str, Any], str]:
    from core.commands.finetune import event_text
    from core.runs.folder import read_events

    job = summary(folder)
    events, _ = read_events(folder)
    lines = [f"{job['state']}: {job['folder']}"]
    lines += [event_text(event) for event in events[-_SHOWN_EVENTS:]]
    return {**job, "events": events[-_SHOWN_EVENTS:]}, "\n".join(lines)


def _tell(folder: Path, action: str) -> tuple[dict[str, Any], str]:
    from core.runs.folder import tell

    state = summary(folder)["state"]
    if state not in ("running", "paused"):
        raise UserError(f"The job {folder.name} does not run (it is {state}).")
    words: Mapping[str, Any] = {"pause": "pause", "continue": "run", "cancel": "cancel"}
    tell(folder, words[action])
    return {"folder": str(folder), "told": words[action]}, f"Told {folder.name}: {action}."


COMMANDS: Mapping[str, Command] = {"jobs": _jobs}
