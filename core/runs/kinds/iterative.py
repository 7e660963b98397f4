"""Prune a little, repair, tune, measure, and again: until a target, or a loss of accuracy.

Every step prunes the tuned network of the step before, and learns from the unpruned one. It is a
kind of long job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from core.data.figures import main_figure
from core.errors import UserError, first_wrong
from core.plan.widths import compute_widths
from core.runs.kinds import Emit, Figures, JobKind, figures_text, spared
from core.system.budget import JOB_FILE, read_json
from core.system.files import write_json
from core.system.records import Shape, checked
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.plan.schema import Plan

REPAIR = ("bn", "refit")
"""What command line and window do after every pruning unless told otherwise; fine-tuning then
distils anyway."""
_STEP = "step.json"


class Iteration(BaseModel):
    """What an iterative pruning is asked to do.

    Attributes
    ----------
    model, data : str
        The unpruned checkpoint, and a dataset YAML.
    plan : dict
        Criterion, rounding, locks and a target; the target is met in the last step.
    steps : int
    max_loss : float or None
        Share of the unpruned figure that may be lost after tuning; the last step within it is the
        result.
    images : int
        How many images a criterion looks at.
    repair : tuple of str
        Steps of the repair after every pruning, as in ``core.repair.STEPS``; empty for none.
    tune : dict
        Settings of every tuning, as `core.tune.settings.Settings` has them; ``model``,
        ``data`` and ``output`` are set here, and the teacher is the unpruned model unless named.
    output : str or None
        Where the result is copied to.
    history : str or None
        A history's folder (`core.history`), or `core.history.remember.OWN`, that gets every step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    model: str
    data: str
    plan: dict[str, Any]
    steps: int = Field(default=3, ge=1, le=50)
    max_loss: float | None = Field(default=None, gt=0, lt=1)
    images: int = Field(default=96, ge=1)
    repair: tuple[str, ...] = ()
    tune: dict[str, Any] = Field(default_factory=dict)
    output: str | None = None
    history: str | None = None


def parse_iteration(data: Any) -> Iteration:
    """Check plain data; raises ``UserError`` with the first thing that is wrong."""
    try:
        return Iteration.model_validate(data)
    except ValidationError as error:
        raise UserError(
            f"The settings of the iteration are not valid: {first_wrong(error)}."
        ) from error


def parse(data: Any) -> Iteration:
    """Check plain data, the settings of repairs and tunings included."""
    from core.repair.run import known_steps
    from core.tune.settings import parse_settings

    wanted = parse_iteration(data)
    if wanted.repair:
        known_steps(wanted.repair)
    parse_settings({**wanted.tune, "model": wanted.model, "data": wanted.data})
    return wanted


def run(
    arguments: Mapping[str, Any], folder: Path, emit: Emit, check: Callable[[], None]
) -> dict[str, Any]:
    """Prune iteratively, or continue; remember every step in a history if given."""
    result = iterate(arguments, folder, emit, check)
    if arguments.get("history"):
        from core.history.remember import remember_iteration

        with spared(emit):
            remember_iteration(str(arguments["history"]), str(arguments["model"]), result, folder)
    return result


def iterate(
    arguments: Mapping[str, Any], folder: Path, emit: Emit, check: Callable[[], None]
) -> dict[str, Any]:
    """Run, or continue with, an iterative pruning in a job's folder.

    Returns
    -------
    dict
        ``output``, ``accepted`` (the last step within the limit; 0 is the unpruned model),
        ``reached`` (whether that is the target), ``baseline`` figures and ``steps`` [{step,
        share, parameters, macs, before, after, accepted, file, repair_failed}].

    Raises
    ------
    UserError
        For a plan without a target, or what pruning and tuning refuse.
    """
    from core.checkpoint.writer import check_target
    from core.pipeline import load
    from core.plan.refusals import check_channels_only
    from core.plan.schema import parse_plan

    job = parse_iteration(arguments)
    plan = parse_plan(job.plan)
    check_channels_only(plan, "Pruning and tuning in turn")
    if plan.target is None or not plan.target.by_count:
        raise UserError("The plan has no target.", 'Add one, such as "target": {"macs": 0.5}.')
    if job.output is not None:
        check_target(Path(job.output), [job.model])
    emit({"event": "progress", "fraction": 0.0, "text": "Measuring the unpruned network"})
    baseline = _baseline(job, load(job.model), folder)
    emit({"event": "baseline", "metrics": baseline})
    steps: list[dict[str, Any]] = []
    current = Path(job.model)
    for number in range(1, job.steps + 1):
        check()
        place = folder / f"step-{number}"
        done = _known(place)
        if done is None:
            done = _step(job, number, current, place, emit, check)
        lost = 1.0 - main_figure(done["after"]) / max(main_figure(baseline), 1e-9)
        done["accepted"] = job.max_loss is None or lost <= job.max_loss
        write_json(place / _STEP, done)
        steps.append(done)
        emit({"event": "step", "steps": job.steps, **done})
        if not done["accepted"]:
            break
        current = Path(done["file"])
    good = [step for step in steps if step["accepted"]]
    output = current
    if job.output is not None and good:
        try:
            _copy(current, Path(job.output), job)
            output = Path(job.output)
        except UserError as error:  # every step is whole, and where the job is
            hint = f"The result is in {output}."
            emit({"event": "warning", "message": error.message, "hint": hint})
    return {
        "output": str(output),
        "accepted": len(good),
        "reached": len(good) == job.steps,
        "baseline": baseline,
        "steps": steps,
    }


class _Done(Shape):
    """What is read of a step that was done before an interruption."""

    step: int
    parameters: int
    macs: int
    before: dict[str, float] | None = None
    after: dict[str, float]
    file: str


class _Stored(RootModel[dict[str, float]]):
    """The figures of the unpruned network."""


def _known(place: Path) -> dict[str, Any] | None:
    """Return a step that was done before an interruption."""
    try:
        data: dict[str, Any] = checked(_Done, read_json(place / _STEP, JOB_FILE))
    except (OSError, ValueError):
        return None
    return data if Path(data["file"]).is_file() else None


def _baseline(job: Iteration, loaded: Any, folder: Path) -> dict[str, float]:
    known = folder / "baseline.json"
    try:
        return dict(_Stored.model_validate(read_json(known, JOB_FILE)).root)
    except (OSError, ValueError):
        pass
    from core.data.evaluate import evaluate
    from core.data.stream import ALL

    settings = _data(job, loaded, "val", ALL)
    accuracy = evaluate(loaded.model, settings, loaded.facts.classes, loaded.facts.task)
    figures = {name: round(value, 5) for name, value in accuracy.figures.items()}
    write_json(known, figures)
    return figures


def _data(job: Iteration, loaded: Any, split: str, images: int) -> Any:
    from core.data.stream import DataSettings
    from core.tune.device import choose_device, gpus

    size = ImageSize.of(job.tune.get("image_size") or loaded.facts.image_size)
    device, _ = choose_device(str(job.tune.get("device") or ""))
    if numbers := gpus(device):
        device = f"cuda:{numbers[0]}"
    return DataSettings(
        Path(job.data),
        images=images,
        image_size=size,
        split=split,
        device=device,
        same_classes=bool(job.tune.get("same_classes")),
    )


def _step(
    job: Iteration,
    number: int,
    current: Path,
    place: Path,
    emit: Emit,
    check: Callable[[], None],
) -> dict[str, Any]:
    """Prune the network so far by this step's part of the whole way, and tune it."""
    from core.pipeline import load, prune
    from core.repair import RepairSettings
    from core.tune.run import finetune
    from core.tune.settings import parse_settings

    place.mkdir(exist_ok=True)
    original, loaded = load(job.model), load(current)
    part, share = _part(job, number, original, loaded)
    pruned = place / "pruned.pt"
    emit({"event": "pruning", "step": number, "steps": job.steps, "share": round(share, 4)})

    def tell(event: dict[str, Any]) -> None:
        emit({**event, "step": number, "steps": job.steps})

    def progress(fraction: float, text: str) -> None:
        check()
        tell({"event": "progress", "fraction": round(fraction, 4), "text": text})

    data = _data(job, original, "train", job.images)
    repair = RepairSettings(job.repair, seed=int(job.tune.get("seed") or 0)) if job.repair else None
    result = prune(loaded, part, pruned, data=data, repair=repair, progress=progress)
    teacher = job.tune.get("teacher", job.model)
    settings = {**job.tune, "model": str(pruned), "data": job.data, "teacher": teacher}
    tuned = finetune(
        parse_settings({**settings, "output": None}), place, emit=tell, check=check, resume=True
    )
    return {
        "step": number,
        "share": round(share, 4),
        "parameters": result.prediction.after.parameters,
        "macs": _cost(load(pruned), original, "macs"),
        "before": tuned["before"],
        "after": tuned["after"],
        "measured_on": tuned["measured_on"],
        "file": tuned["best"],
        "repair_failed": result.repair_failed or None,
    }


def _part(job: Iteration, number: int, original: Loaded, loaded: Loaded) -> tuple[Plan, float]:
    """Return a step's plan for the network so far, and the share of the original it leaves."""
    from core.plan.schema import Target, parse_plan

    plan = parse_plan(job.plan)
    kind = "macs" if plan.target is not None and plan.target.macs else "params"
    whole, now = _cost(original, original, kind), _cost(loaded, original, kind)
    # Every step takes the same share of what is left, so that all of them are equally hard.
    share = float(getattr(plan.target, kind) ** (number / job.steps))
    target = Target.model_validate({kind: min(1.0, share * whole / now)})
    return plan.model_copy(update={"target": target, "model_sha256": None}), share


def _cost(loaded: Loaded, original: Loaded, kind: str) -> int:
    """Return what a network costs at the original's image size, whatever it was tuned at."""
    from core.graph.builder import analyse_model

    table = analyse_model(loaded.model, original.facts.image_size)
    widths = compute_widths(table, np.zeros(table.atom_count, bool))
    return widths.macs if kind == "macs" else widths.parameters


def _copy(source: Path, output: Path, job: Iteration) -> None:
    from core.checkpoint import save
    from core.pipeline import load

    loaded = load(source)
    save(
        loaded.model,
        output,
        train_args=loaded.train_args,
        history=loaded.facts.history,
        forbidden=[job.model, source],
    )


def _how(arguments: Mapping[str, Any]) -> str:
    return f"iterative, {arguments.get('steps', '?')} steps"


def _figures(result: Mapping[str, Any]) -> tuple[Figures, Figures]:
    """Return the figures of the unpruned network, and of the last step that was taken."""
    taken = [step for step in result.get("steps") or () if step.get("accepted")]
    return dict(result.get("baseline") or {}), dict(taken[-1]["after"]) if taken else {}


def result_text(result: Mapping[str, Any]) -> str:
    """Return the results of an iterative pruning, for people."""
    lines = [f"unpruned: {figures_text(result['baseline'])}"]
    for step in result["steps"]:
        word = "" if step["accepted"] else " (loses too much, rejected)"
        figures = figures_text(step["after"])
        lines.append(f"step {step['step']}: {step['parameters']:,} parameters, {figures}{word}")
        if step.get("repair_failed"):
            lines.append(f"  repair failed, so it was tuned without: {step['repair_failed']}")
    word = "target reached" if result["reached"] else "target not reached"
    return "\n".join([*lines, f"{result['output']}: {word}"])


KIND = JobKind(
    noun="iterative pruning",
    title="Prune iteratively",
    tip="Prune the open model part of the way, fine-tune it, measure it, and repeat: to the "
    "target, or until too much accuracy is lost",
    parse=parse,
    run=run,
    ending="turns",
    inputs=("model", "data"),
    training="tune",
    how=_how,
    figures=_figures,
    text=result_text,
)
