"""The command that fine-tunes."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import (
    add_history,
    add_image_size,
    add_limits,
    add_same_classes,
    device,
    positive,
)
from core.cli.output import put_event, put_progress
from core.errors import UserError
from core.history.remember import OWN
from core.progress import left_text, with_left
from core.system.escape import shell_command
from core.system.records import UNFIT
from core.tune.presets import DISTILL, PRESETS, SCHEDULES

if TYPE_CHECKING:
    from core.cluster.place import Place
    from core.tune.settings import Settings


Where = tuple["Place", dict[str, str]]


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    tune = add("finetune", "Fine-tune a pruned model on labelled images; keeps its shape.")
    _add_settings(tune)
    text = "Prune and fine-tune iteratively, to the plan's target or a maximum loss."
    steps = add("iterate", text)
    steps.add_argument("--plan", required=True, metavar="PLAN", help="a plan with a target")
    steps.add_argument("--steps", type=positive, default=3, help="number of steps (3)")
    steps.add_argument("--max-loss", type=float, help="share of the accuracy that may be lost")
    steps.add_argument("--images", type=positive, default=96, help="images for the ranking (96)")
    steps.add_argument(
        "--repair",
        metavar="STEPS",
        help="repair after every pruning: some of fold, refit, bn and distill, or none (bn,refit)",
    )
    _add_settings(steps)


def _add_settings(tune: argparse.ArgumentParser) -> None:
    tune.add_argument("--data", required=True, metavar="DATA", help="a dataset YAML, or a folder")
    add_same_classes(tune)
    tune.add_argument("-o", "--output", metavar="OUT.pt", help="output file for the best state")
    tune.add_argument("--teacher", metavar="MODEL", help="the unpruned model")
    tune.add_argument("--preset", choices=list(PRESETS), default="recover_quickly")
    tune.add_argument(
        "--distill",
        choices=["auto", *DISTILL],
        default="auto",
        help="distillation: " + "; ".join(f"{name}: {text}" for name, text in DISTILL.items()),
    )
    tune.add_argument("--epochs", type=positive, help="number of epochs (that of the preset)")
    tune.add_argument("--minutes", type=float, help="time limit of the training")
    tune.add_argument("--batch", type=positive, help="batch size (that of the preset)")
    add_image_size(tune)
    _add_course(tune)
    add_history(tune)
    tune.add_argument("--folder", metavar="DIR", help="folder of the job (a new one)")
    tune.add_argument("--detach", action="store_true", help="run in the background")
    text = "wait in the queue for the device; runs in the background"
    tune.add_argument("--queue", action="store_true", help=text)
    add_slurm(tune)
    add_nodes(tune)
    tune.add_argument("--events", action="store_true", help="print events as JSON lines")


def add_slurm(parser: argparse.ArgumentParser) -> None:
    """Add how a job is handed to Slurm."""
    parser.add_argument(
        "--on", metavar="PLACE", help="slurm or slurm:PARTITION: a node of the cluster runs the job"
    )
    add_limits(parser)


def add_nodes(parser: argparse.ArgumentParser) -> None:
    """Add where this computer stands among several, by the names that torchrun has for it."""
    several = parser.add_argument_group("one training on several computers, as torchrun has it")
    several.add_argument("--nnodes", type=positive, default=1, metavar="N", help="computers (1)")
    text = "number of this one; 0, which leads, by default"
    several.add_argument("--node-rank", type=int, default=0, metavar="K", help=text)
    several.add_argument(
        "--master-addr", default="127.0.0.1", metavar="HOST", help="name of number 0"
    )
    several.add_argument(
        "--master-port", type=positive, default=29_500, metavar="PORT", help="free there (29500)"
    )


def _add_course(tune: argparse.ArgumentParser) -> None:
    """Add where a training runs, what it measures, and what else Ultralytics takes."""
    tune.add_argument(
        "--device", type=device, default="", help="cpu, cuda:0, or 0,1 (a GPU if there is one)"
    )
    tune.add_argument("--threads", type=positive, help="CPU threads")
    tune.add_argument("--seed", type=int, default=0)
    tune.add_argument(
        "--validate-every",
        type=positive,
        metavar="N",
        help="epochs between validations (a tenth of all)",
    )
    tune.add_argument(
        "--no-smaller-batch",
        dest="smaller_batch",
        action="store_false",
        help="if memory runs out, fail instead of halving the batch",
    )
    tune.add_argument(
        "--no-baseline",
        dest="baseline",
        action="store_false",
        help="do not measure the accuracy before training",
    )
    tune.add_argument(
        "--no-average",
        dest="average",
        action="store_false",
        help="do not try the mean of the weights before and after training",
    )
    tune.add_argument(
        "--sparsity",
        type=float,
        metavar="STRENGTH",
        help="pull BatchNorm scales to zero by this times the learning rate (that of the preset)",
    )
    tune.add_argument(
        "--sparsity-schedule",
        choices=list(SCHEDULES),
        default="constant",
        help="; ".join(f"{name}: {one.text.lower()}" for name, one in SCHEDULES.items()),
    )
    tune.add_argument(
        "--set",
        dest="options",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any training argument of Ultralytics; can be repeated; see `secateur arguments`",
    )


#: Options that are settings under the same name.
_SETTINGS = (
    "model", "data", "same_classes", "teacher", "preset", "distill", "epochs", "minutes", "batch",
    "image_size", "device", "threads", "seed", "validate_every", "smaller_batch", "baseline",
    "average", "sparsity", "sparsity_schedule", "output", "history",
)  # fmt: skip


def _finetune(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.runs.folder import create_job

    where = where_of(options)
    settings = _settings(options)
    inputs = {"model": settings.model, "teacher": settings.teacher, "data": settings.data}
    arguments = settings.model_dump(mode="json")
    return start(create_job("finetune", arguments, inputs, folder=options.folder), options, where)


def _iterate(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.plan.schema import read_plan
    from core.repair import parse_steps
    from core.runs.folder import create_job
    from core.runs.kinds.iterative import REPAIR, Iteration

    steps: tuple[str, ...] = REPAIR if options.repair is None else ()
    if options.repair not in (None, "none"):
        steps = parse_steps(options.repair)
    where, settings = where_of(options), _settings(options)
    own = ("model", "data", "output", "version", "history")
    tune = {k: v for k, v in settings.model_dump(mode="json").items() if k not in own}
    if settings.teacher is None:
        del tune["teacher"]  # the unpruned model teaches
    iteration = Iteration(
        model=settings.model,
        data=settings.data,
        plan=read_plan(options.plan).to_json(),
        steps=options.steps,
        max_loss=options.max_loss,
        images=options.images,
        repair=steps,
        tune=tune,
        output=settings.output,
        history=settings.history,
    )
    inputs = {"model": settings.model, "data": settings.data}
    arguments = iteration.model_dump(mode="json")
    return start(create_job("iterative", arguments, inputs, folder=options.folder), options, where)


def _settings(options: argparse.Namespace) -> Settings:
    from core.tune.arguments import check_values, read_arguments, read_options
    from core.tune.settings import parse_settings

    chosen = {name: getattr(options, name) for name in _SETTINGS}
    for name in ("model", "data", "teacher", "output", "history"):
        if chosen[name] is not None and (name, chosen[name]) != ("history", OWN):
            chosen[name] = str(Path(chosen[name]).absolute())
    known = {argument.name: argument for argument in read_arguments()} if options.options else {}
    trained = read_options(options.options, known)
    check_values(trained)
    settings = parse_settings({**chosen, "options": trained})
    for path in filter(None, (settings.model, settings.teacher)):
        if not Path(path).is_file():
            raise UserError(f"{path} does not exist.", "Check the path.")
    return settings


def start(
    folder: Path, options: argparse.Namespace, where: Where | None
) -> tuple[dict[str, Any], str]:
    """Run a job here, or detached, or put it in a queue; return what the command prints."""
    from core.runs import queue

    if where is not None:
        return submit(folder, where)
    if getattr(options, "queue", False):
        queue.add(folder)
        return queued(folder)
    if options.detach:
        pid = queue.start(folder)
        text = f"Started as process {pid}. To follow it: `{_jobs('show', folder)}`."
        return {"folder": str(folder), "pid": pid}, text
    queue.note(folder)
    return run(folder, options)


def _jobs(action: str, folder: Path) -> str:
    """Return a command on a job."""
    return shell_command("secateur", "jobs", action, folder)


def submit(folder: Path, where: Where) -> tuple[dict[str, Any], str]:
    """Hand a job to Slurm."""
    from core.runs import apart

    job = apart.submit(folder, *where)
    handed = job.submitted
    assert handed is not None
    text = f"Submitted as job {handed.id}. To follow it: `{_jobs('show', folder)}`."
    return {"folder": str(folder), "submitted": handed.model_dump(mode="json")}, text


def where_of(options: argparse.Namespace) -> Where | None:
    """Return to which place a job is handed, and its limits; None where it runs here.

    Raises
    ------
    UserError
        For a place that takes no jobs, or limits that are none.
    """
    from core.cluster.place import Place
    from core.cluster.slurm import check_here, parse_limits

    if options.nnodes > 1 and (options.on or options.detach or getattr(options, "queue", False)):
        raise UserError(
            "A training on several computers runs in the foreground on each.",
            "Leave out --on, --detach and --queue; Slurm starts nodes by --limit nodes=N.",
        )
    if not options.on and not options.limits:
        return None
    if not options.on:
        raise UserError("--limit is for jobs that Slurm runs.", "Add --on slurm.")
    place = Place.parse(options.on)
    if place.kind != "slurm":
        raise UserError(
            f"“{place.text}” does not run jobs.", "Use slurm or slurm:PARTITION, or leave out --on."
        )
    if options.detach or getattr(options, "queue", False):
        raise UserError(
            "A job that Slurm runs is detached, in a queue of Slurm's own.",
            "Leave out --detach and --queue.",
        )
    limits = parse_limits(options.limits)
    check_here()
    return place, limits


def queued(folder: Path) -> tuple[dict[str, Any], str]:
    """Start what the queue can start, and say whether a job of it runs or waits."""
    from core.runs import queue

    queue.go_on()
    place = queue.read_queue().place(folder)
    text = f"Waiting, number {place} in the queue." if place else "Started."
    text += f" To follow it: `{_jobs('show', folder)}`."
    return {"folder": str(folder), "place": place}, text


def run(folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Run a job here; whatever becomes of it, the next one in the queue starts."""
    from core.runs import queue
    from core.runs.folder import read_job

    try:
        return _run(folder, options)
    finally:
        with contextlib.suppress(UserError):  # another process's job, which was refused, goes on
            queue.go_on(ended=None if read_job(folder).runs else folder)


def _run(folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.runs.folder import read_job
    from core.runs.kinds import KINDS
    from core.runs.run import check_together, follow_job, run_job
    from core.tune.nodes import Nodes, among

    with among(Nodes(options.nnodes, options.node_rank, options.master_addr, options.master_port)):
        if options.nnodes > 1:
            check_together(read_job(folder))
        if options.node_rank:
            follow_job(folder)
            return {"folder": str(folder)}, "The training is over on this node."
        event = run_job(folder, listener(options))
    if event["event"] == "failed":
        batch = event.get("next_batch")
        hint = smaller_text(folder, batch) if batch else event["hint"]
        raise UserError(event["message"], hint)
    if event["event"] == "cancelled":
        raise UserError(
            f"Cancelled; the last and the best state are in {folder}.",
            f"To continue: `{_jobs('resume', folder)}`.",
        )
    result = {**event["result"], "folder": str(folder)}
    text = KINDS[read_job(folder).kind].text(result)
    return result, "" if options.events else text


def smaller_text(folder: Path, batch: int) -> str:
    """Describe how to resume a job that ran out of memory."""
    command = f"{_jobs('resume', folder)} --batch {batch}"
    return f"To continue with batch size {batch}: `{command}`."


def listener(options: argparse.Namespace) -> Callable[[dict[str, Any]], None] | None:
    """Show events as JSON lines, as a line on a terminal, or not at all."""
    output = sys.__stdout__
    if options.events and output is not None:

        def line(event: dict[str, Any]) -> None:
            put_event(event, output)

        return line
    if sys.stderr.isatty() and not options.json:

        def text(event: dict[str, Any]) -> None:
            end = "" if event["event"] == "batch" else "\n"
            put_progress(event_text(event), sys.stderr, end)

        return text
    return None


def event_text(event: Mapping[str, Any]) -> str:
    """Return one line for people about an event; of one that is not whole, what kind it is."""
    try:
        return _event_text(event)
    except UNFIT:
        return str(event.get("event"))


def _event_text(event: Mapping[str, Any]) -> str:
    kind = event["event"]
    if kind in ("batch", "epoch"):
        losses = ", ".join(f"{name} {value:.3g}" for name, value in event["losses"].items())
        at = f"Epoch {event['epoch']} of {event['epochs']}"
        if kind == "batch":
            left = left_text(event.get("seconds_left"))
            return with_left(f"{at}, batch {event['batch']} of {event['batches']}: {losses}", left)
        measured = "" if event["fitness"] is None else f", fitness {event['fitness']:.4f}"
        star = " (best so far)" if event["best"] else ""
        return f"{at}: {losses}{measured}{star}"
    if kind == "started":
        text = f"Training {event['parameters']:,} parameters on {event['device']['name']}"
        return f"{text}. {event['note']}" if event.get("note") else text
    if kind == "baseline" and event["metrics"]:
        from core.runs.kinds import figures_text

        return "Before: " + figures_text(event["metrics"])
    return str(event.get("text") or event.get("message") or kind)


COMMANDS: Mapping[str, Command] = {"finetune": _finetune, "iterate": _iterate}
