"""The steps of repair in order, each measured on images it was not fitted to."""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.data.stream import ALL, DataSettings
from core.errors import UserError, no_dataset
from core.graph.table import ChannelTable
from core.plan.widths import Mask
from core.progress import Forward, Progress, Span, publish, silent
from core.repair.context import Context, RepairSettings
from core.repair.images import open_pool
from core.repair.judge import Judge, Measure, check_labels

if TYPE_CHECKING:
    from torch import nn

    from core.structure.stage import Stage

STEPS: Mapping[str, str] = {
    "fold": "core.repair.fold",
    "refit": "core.repair.refit",
    "bn": "core.repair.statistics",
    "distill": "core.repair.distill",
}
"""Steps by name, by the module that holds their ``apply``."""

AUTO = ("bn", "refit", "distill")
"""What ``auto`` does."""


TIMED = ("distill",)
"""Steps that end by themselves when their time is over, with what they have by then."""
OUT_OF_TIME = "not finished within {:g} min"


FEWEST_IMAGES = 2


class OutOfTimeError(Exception):
    """A step would pass the limit of the repair; what it did is left."""


class Limited:
    """Progress of a step that ends it when its time is over.

    Parameters
    ----------
    whole : Progress
    ends : float
        On the clock.
    clock : callable
        Seconds.
    """

    def __init__(self, whole: Progress, ends: float, clock: Callable[[], float]) -> None:
        self._whole, self._ends, self._clock = whole, ends, clock

    def __call__(self, fraction: float, text: str) -> None:
        """Report, or raise ``OutOfTimeError``."""
        if self._clock() >= self._ends:
            raise OutOfTimeError
        self._whole(fraction, text)

    def partial(self, data: dict[str, Any]) -> None:
        """Hand a partial result on."""
        publish(self._whole, data)


class Elapsing:
    """Progress that grows with the time that the repair may take, where that grows faster.

    Parameters
    ----------
    whole : Progress
    start, seconds : float
        When the repair began, on the clock, and its limit.
    clock : callable
        Seconds.
    """

    def __init__(
        self, whole: Progress, start: float, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._whole, self._start, self._seconds, self._clock = whole, start, seconds, clock

    def __call__(self, fraction: float, text: str) -> None:
        """Report the work done, or the time spent."""
        spent = (self._clock() - self._start) / max(self._seconds, 1e-9)
        self._whole(min(max(fraction, spent), 1.0), text)

    def partial(self, data: dict[str, Any]) -> None:
        """Hand a partial result on."""
        publish(self._whole, data)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did.

    Attributes
    ----------
    step : str
    before, after : Measure
        On the held-out images. ``after`` is of the step's result, kept or not.
    kept : bool
    seconds : float
    note : str
    """

    step: str
    before: Measure
    after: Measure
    kept: bool
    seconds: float
    note: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a measure that is not a number becomes null."""
        return {
            "step": self.step,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "kept": self.kept,
            "seconds": round(self.seconds, 2),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repaired network and how it came about.

    Attributes
    ----------
    model : nn.Module
        Of the same classes, shapes and precision as before.
    steps : tuple of StepReport
    original : float or None
        mAP50-95 of the unpruned network on the held-out images, where they have labels.
    fitted, held_out, skipped : int
        Images the steps saw, images they were measured on, files that could not be read.
    available : int
        Images that the split has.
    """

    model: nn.Module
    steps: tuple[StepReport, ...]
    original: float | None
    fitted: int
    held_out: int
    skipped: int
    available: int = 0

    def images_json(self) -> dict[str, int]:
        """Return the counts of images as plain data."""
        names = ("fitted", "held_out", "skipped", "available")
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> list[dict[str, Any]]:
        """Return the steps as plain data."""
        return [step.to_json() for step in self.steps]


def parse_steps(text: str) -> tuple[str, ...]:
    """Read ``auto`` or names with commas between them.

    Raises
    ------
    UserError
        For a name that is not known.
    """
    if text.strip() == "auto":
        return AUTO
    return known_steps([part.strip() for part in text.split(",") if part.strip()])


def known_steps(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of steps; raises ``UserError`` for one that is not known, or for none."""
    if list(names) == ["auto"]:
        return AUTO
    for name in names:
        if name not in STEPS:
            raise UserError(
                f"There is no repair step “{name}”.", f"Use some of {', '.join(STEPS)}, or auto."
            )
    if not names:
        raise UserError("No repair steps were given.", f"Use some of {', '.join(STEPS)}, or auto.")
    return tuple(names)


def check_request(settings: RepairSettings, data: DataSettings | None) -> None:
    """Refuse a repair that cannot be done before anything long begins.

    Raises
    ------
    UserError
        For steps that are not known, no time, or too few images.
    """
    known_steps(settings.steps)
    if data is None:
        raise no_dataset("Repair", "Pass a dataset YAML (--data).", labels=False)
    if settings.images is not None and settings.images < FEWEST_IMAGES:
        raise UserError(
            f"Repair needs at least {FEWEST_IMAGES} images: one to fit to and one to measure on.",
            f"Allow at least {FEWEST_IMAGES} images.",
        )
    if not settings.minutes > 0:
        raise UserError("Repair has no time.", "Allow more than 0 minutes.")


def repair(
    original: nn.Module,
    pruned: nn.Module,
    table: ChannelTable,
    removed: Mask,
    data: DataSettings,
    settings: RepairSettings | None = None,
    *,
    classes: Mapping[int, str] | None = None,
    task: str = "detect",
    since: int | None = None,
    heirs: Mapping[str, str] | None = None,
    progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> Repaired:
    """Repair a pruned network by its original, on images without labels.

    Parameters
    ----------
    original, pruned : nn.Module
        Left as they are.
    table : ChannelTable
        Of the original, or of the part of it that was pruned, under the same names.
    removed : bool array, shape (atoms,)
        What the pruned network lacks of that.
    data : DataSettings
        A part of these images is held out; where it has labels, mAP is measured as well.
    settings : RepairSettings
    classes : mapping
        The model's.
    task : str
    since : int, optional
        The first block in which the pruned network lacks more than channels.
    heirs : mapping of str to str
        As in `core.repair.context.Context`.
    progress : Progress
        May cancel; nothing is changed then. Told every step's report as a partial result.
    clock : callable
        Seconds; what the settings' minutes are counted on.

    Raises
    ------
    UserError
        For images that cannot be used, or a network whose outputs cannot be matched.
    """
    settings = settings or RepairSettings()
    start = clock()
    device = data.pick_device()
    progress = Forward(Elapsing(progress, start, 60 * settings.minutes, clock))
    progress(0.0, "Reading images")
    teacher = _resting(original, device)
    enough = _reading_ends(settings, start, clock)
    every = replace(data.fitted(teacher), images=settings.images or ALL)
    pool = open_pool(every, Span(progress, 0.0, 0.05), enough=enough)
    check_labels(data, pool, classes or {})
    progress(0.05, "Repair: measuring the original network")
    judge = Judge(teacher, pool, data, classes or {}, task, device)
    student = _resting(pruned, device)
    ends = start + 60 * settings.minutes
    context = Context(
        teacher, table, removed, pool, settings, device, ends, clock, since=since, heirs=heirs or {}
    )
    reports: list[StepReport] = []
    best, judged = _measured(judge, student, progress, clock)
    names = known_steps(settings.steps)
    for number, name in enumerate(names):
        span = Span(progress, *_span(names, number), prefix=f"Repair, {name}: ")
        began = clock()
        candidate, note, after = _try_step(name, context, span, judge, student, judged)
        kept = after is not None and judge.better(after, best)
        report = StepReport(name, best, after or best, kept, clock() - began, note)
        reports.append(report)
        publish(progress, {"repair": report.to_json()})
        if kept and candidate is not None and after is not None:
            student, best = candidate, after
    result = copy.deepcopy(pruned)
    result.load_state_dict(student.state_dict())
    counts = len(pool.fit), len(pool.held), pool.skipped, pool.available
    return Repaired(result, tuple(reports), judge.original, *counts)


def _measured(
    judge: Judge, student: nn.Module, progress: Progress, clock: Callable[[], float]
) -> tuple[Measure, float]:
    """Return the measure of the pruned network before the first step, and the seconds it took."""
    progress(0.05, "Repair: measuring the pruned network")
    began = clock()
    return judge(student), clock() - began


READING = 0.1
"""Share of the time in which images are read; then those so far must do."""


def _reading_ends(
    settings: RepairSettings, start: float, clock: Callable[[], float]
) -> Callable[[], bool]:
    """Return what tells that reading must end; never, where the result shall not depend on it."""
    if settings.updates is not None:
        return lambda: False
    until = start + READING * 60 * settings.minutes
    return lambda: clock() >= until


def repair_stage(
    stage: Stage,
    pruned: nn.Module,
    removed: Mask,
    data: DataSettings,
    settings: RepairSettings,
    progress: Progress = silent,
) -> Repaired:
    """Repair what was pruned of a network without some of its structure, as `repair` does.

    Parameters
    ----------
    stage : Stage
        The network that channels were pruned in, with the original.
    pruned : nn.Module
    removed : bool array, shape (atoms,)
        Of what the structure leaves.
    data : DataSettings
    settings : RepairSettings
    progress : Progress
    """
    return repair(
        stage.teacher(),
        pruned,
        stage.analysis.table,
        removed,
        data,
        settings,
        classes=stage.loaded.facts.classes,
        task=stage.original.facts.task,
        since=stage.since,
        heirs=stage.heirs(),
        progress=progress,
    )


def _try_step(
    name: str, context: Context, span: Progress, judge: Judge, student: nn.Module, judged: float
) -> tuple[nn.Module | None, str, Measure | None]:
    """Return a step's network, its note and its measure; no network where its time is over.

    ``judged`` is how long a measurement takes: that much time must be left after a step.
    """
    clock = context.clock
    ends = context.deadline - (0.0 if name in TIMED else judged)
    try:
        if clock() >= ends:
            raise OutOfTimeError
        span(0.0, "starting")
        apply = importlib.import_module(STEPS[name]).apply
        limited = span if name in TIMED else Limited(span, ends, clock)
        candidate, note = apply(context.with_progress(limited, judge), student)
    except OutOfTimeError:
        return None, OUT_OF_TIME.format(context.settings.minutes), None
    return candidate, note, judge(candidate)


def _resting(model: nn.Module, device: str) -> nn.Module:
    trial = copy.deepcopy(model).float().to(device).eval()
    return trial.requires_grad_(False)


SHARES = {"fold": 1.0, "refit": 3.0, "bn": 1.0, "distill": 30.0}
"""How long steps take, roughly; for the progress alone."""


def _span(names: Sequence[str], number: int) -> tuple[float, float]:
    lengths = [SHARES.get(name, 1.0) for name in names]
    ends = [sum(lengths[:n]) / sum(lengths) for n in (number, number + 1)]
    return 0.05 + 0.95 * ends[0], 0.05 + 0.95 * ends[1]
