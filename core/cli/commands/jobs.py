"""Commands on jobs: list, show, log, pause, continue, cancel, resume, and the queue."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.commands.finetune import add_nodes, add_slurm
from core.cli.options import add_trust_paths, positive
from core.errors import UserError, reason_of
from core.progress import left_text, with_left
from core.system.budget import JOB_FILE, OverBudgetError, read_json

if TYPE_CHECKING:
    from core.runs.tail import RunEntry

ACTIONS = {
    "new": "start a job of a kind with settings from a JSON file",
    "list": "list the jobs of a folder or project, and the queue",
    "show": "show a job and its last events",
    "log": "show the output of a job and its libraries",
    "pause": "pause a job",
    "continue": "continue a paused job",
    "cancel": "stop a job and keep its best and last state",
    "resume": "resume a cancelled, failed or interrupted job",
    "queue": "add a job to the queue",
    "first": "move a job to the front of the queue",
    "hold": "pause the queue",
    "next": "resume the queue",
    "run": "run a job in this terminal",
}
_SHOWN_EVENTS = 5
_NO_JOB = ("hold", "next")
Answer = tuple[dict[str, Any], str]


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    jobs = add("jobs", "List, watch, order and control jobs.", model=None)
    text = "; ".join(f"{name}: {what}" for name, what in ACTIONS.items())
    where = "or a folder or project whose jobs to list"
    jobs.add_argument("words", nargs="*", metavar="ACTION JOB", help=f"{text}; {where}")
    jobs.add_argument("--detach", action="store_true", help="new or resume: run in the background")
    jobs.add_argument("--queue", action="store_true", help="new or resume: wait for a free device")
    batch = "resume with this batch size or less, if memory ran out"
    jobs.add_argument("--batch", type=positive, metavar="N", help=batch)
    add_slurm(jobs)
    add_nodes(jobs)
    add_trust_paths(jobs)
    jobs.add_argument("--events", action="store_true", help="print events as JSON lines")


def _jobs(options: argparse.Namespace) -> Answer:
    words = list(options.words)
    action = words.pop(0) if words and words[0] in ACTIONS else "list"
    if action == "new":
        return _new(words, options)
    if len(words) > (0 if action in _NO_JOB else 1):
        raise UserError(f"Unexpected argument “{words[-1]}”.", "Usage: `secateur jobs ACTION JOB`.")
    if action == "list":
        return _list(words[0] if words else None)
    if action in _NO_JOB:
        return _hold(action == "hold")
    if not words:
        raise UserError(f"`jobs {action}` needs a job.", f"Usage: `secateur jobs {action} JOB`.")
    from core.runs.folder import find_job

    folder = find_job(words[0])
    if options.trust_paths:
        from core.runs.received import check_job

        check_job(folder, trust=True)
    if options.batch is not None:
        _limit(folder, action, options.batch)
    if action in ("resume", "run"):
        from core.cli.commands.finetune import run, start, where_of

        where = where_of(options)
        return run(folder, options) if action == "run" else start(folder, options, where)
    acts: Mapping[str, Callable[[Path], Answer]] = {
        "show": _show,
        "log": _log,
        "queue": _wait,
        "first": lambda folder: _wait(folder, first=True),
    }
    return acts[action](folder) if action in acts else _tell(folder, action)


def _new(words: list[str], options: argparse.Namespace) -> Answer:
    """Start a job of any kind by its settings."""
    from core.cli.commands.finetune import start, where_of
    from core.runs.folder import create_job
    from core.runs.kinds import KINDS

    where = where_of(options)
    if len(words) != 2:
        kinds = ", ".join(KINDS)
        raise UserError("A kind and a file are needed.", f"Write `jobs new KIND FILE`: {kinds}.")
    kind = KINDS.find(words[0])
    arguments = kind.settings(_settings(Path(words[1]), kind.inputs)).model_dump(mode="json")
    inputs = {key: arguments.get(key) for key in kind.inputs}
    return start(create_job(words[0], arguments, inputs), options, where)


def _settings(path: Path, inputs: Sequence[str]) -> Any:
    """Read settings; the files they name are looked for from here, wherever the job continues."""
    try:
        settings = read_json(path, JOB_FILE)
    except OSError as error:
        reason = reason_of(error)
        raise UserError(f"Could not read {path}: {reason}.", "Check the path.") from error
    except OverBudgetError:
        raise
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}.", "Correct the value.") from error
    if isinstance(settings, dict):
        for key in (*inputs, "output"):
            name = settings.get(key)
            if isinstance(name, str) and (key == "output" or Path(name).exists()):
                settings[key] = str(Path(name).absolute())
    return settings


def _limit(folder: Path, action: str, batch: int) -> None:
    """Take a smaller batch from now on."""
    from core.runs.folder import limit_batch

    if action not in ("resume", "queue", "first"):
        raise UserError(
            "--batch can only be used with resume.", "Usage: `secateur jobs resume JOB --batch N`."
        )
    limit_batch(folder, batch)


def summary(folder: Path) -> dict[str, Any]:
    """Return one job as plain data."""
    from core.runs.folder import read_job, status_of
    from core.runs.queue import read_queue

    job = read_job(folder)
    data = job.model_dump(mode="json")
    place = read_queue().place(folder)
    return {**data, "state": status_of(job), "place": place, "folder": str(folder)}


def _places(named: str | None) -> list[str | Path]:
    """Return the folders to list; waiting and running jobs of others come with the usual ones."""
    from core.project import SUFFIX
    from core.runs.queue import read_queue
    from core.system.paths import jobs_folder, jobs_of

    if named is not None and named.endswith(SUFFIX):
        return [jobs_of(named)]
    if named is not None:
        return [named]
    queue = read_queue()
    return [jobs_folder(), *queue.waiting, *queue.running]


def _list(named: str | None) -> Answer:
    from core.runs.folder import list_jobs
    from core.runs.listing import entries
    from core.runs.queue import read_queue

    places = _places(named)
    listed = sorted(entries(places), key=lambda entry: (entry.place, entry.created))
    known = {entry.folder for entry in listed}
    found = [
        {**summary(Path(e.folder)), "progress": e.progress, "seconds_left": e.seconds_left}
        for e in listed
    ]
    lines = [line_of(entry) for entry in listed]
    for place in places:
        for folder in map(str, list_jobs(place) if Path(place).is_dir() else ()):
            if folder not in known:
                known.add(folder)
                found.append({"folder": folder, "state": "damaged"})
                lines.append(f"{'damaged':<19} {folder}")
    held = read_queue().held
    if held:
        lines.append("The queue is paused; `secateur jobs next` resumes it.")
    return {"jobs": found, "held": held}, "\n".join(lines) or "No jobs."


def line_of(entry: RunEntry) -> str:
    """Return one line about a job: state, creation time, file, results, folder."""
    from core.runs.listing import figures_of

    try:
        made = datetime.datetime.fromisoformat(entry.created).astimezone()
        when = f"{made:%d %b %H:%M}"
    except ValueError:
        when = ""
    told = with_left(entry.progress, left_text(entry.seconds_left))
    told = told or figures_of(entry) or entry.message
    if entry.waits_for:
        told = f"after {entry.waits_for}"
    return f"{entry.word:<19} {when:<12} {entry.title:<24} {told}\n{'':<19} {entry.folder}"


def _show(folder: Path) -> Answer:
    from core.cli.commands.finetune import event_text, smaller_text
    from core.runs.folder import read_events
    from core.runs.listing import entry_of, figures_of

    job, entry = summary(folder), entry_of(folder)
    events, _ = read_events(folder)
    place = f", number {job['place']} in the queue" if job["place"] else ""
    lines = [f"{job['state']}{place}: {job['folder']}"]
    if entry is not None and figures_of(entry):
        lines.append(figures_of(entry))
    if entry is not None and entry.needs:
        lines.append(entry.needs)
    if job["message"]:
        lines.append(f"{job['message']} {job['hint']}".strip())
    if job["next_batch"]:
        lines.append(smaller_text(folder, job["next_batch"]))
    lines += [event_text(event) for event in events[-_SHOWN_EVENTS:]]
    return {**job, "events": events[-_SHOWN_EVENTS:]}, "\n".join(lines)


def _log(folder: Path) -> Answer:
    from core.runs.folder import LOG

    path = folder / LOG
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return {"folder": str(folder), "log": text}, text.rstrip() or "It has no output."


def _wait(folder: Path, first: bool = False) -> Answer:
    from core.cli.commands.finetune import queued
    from core.runs import queue

    queue.add(folder, first=first)
    return queued(folder)


def _hold(held: bool) -> Answer:
    from core.runs import queue

    queue.hold(held)
    started = [] if held else [str(folder) for folder in queue.go_on()]
    waiting = queue.read_queue().waiting
    text = (
        f"Queue paused; {len(waiting)} waiting."
        if held
        else f"{len(started)} started, {len(waiting)} waiting."
    )
    return {"held": held, "started": started, "waiting": waiting}, text


def _tell(folder: Path, action: str) -> Answer:
    from core.runs import queue
    from core.runs.folder import tell

    if action == "cancel" and queue.drop(folder):
        return {
            "folder": str(folder),
            "told": "cancel",
        }, f"{folder.name} was removed from the queue."
    if action == "cancel":
        from core.runs.apart import withdraw

        if withdraw(folder):
            told = {"folder": str(folder), "told": "cancel"}
            return told, f"{folder.name} was taken out of Slurm's queue."
    state = summary(folder)["state"]
    if state not in ("running", "paused"):
        raise UserError(f"The job {folder.name} is not running (state: {state}).")
    words: Mapping[str, Any] = {"pause": "pause", "continue": "run", "cancel": "cancel"}
    tell(folder, words[action])
    return {"folder": str(folder), "told": words[action]}, f"Sent to {folder.name}: {action}."


COMMANDS: Mapping[str, Command] = {"jobs": _jobs}
