"""One fine-tuning from its settings to the best file, measured before and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from core.checkpoint import Loaded, load, record_head
from core.checkpoint.writer import check_target
from core.data.stream import ALL, DataSettings
from core.errors import CancelledError, UserError
from core.graph.drive import real_size
from core.repair.images import files_of
from core.system.files import remove_old_parts
from core.system.program import is_packaged
from core.system.size import ImageSize
from core.system.versions import SECATEUR
from core.tune.arguments import check_values
from core.tune.aware import check_aware
from core.tune.choose import BEFORE, State
from core.tune.device import choose_device, gpus, use_threads
from core.tune.distill import WHOLE, check_teacher
from core.tune.feed import read_feed
from core.tune.finish import finish
from core.tune.measure import Measurer, tell_scarce
from core.tune.nodes import nodes, world_size
from core.tune.presets import PRESETS, merged_options
from core.tune.report import Reporter
from core.tune.settings import Settings
from core.tune.several import Together
from core.tune.sparsity import Sparsity, sparsity_of
from core.tune.state import STATE_KEY, read_state
from core.tune.teacher import fitted
from core.tune.trainer import make_trainer
from core.tune.training import Emit, Run
from core.tune.trouble import explain


def finetune(
    settings: Settings,
    folder: str | Path,
    *,
    emit: Emit = lambda event: None,
    check: Callable[[], None] = lambda: None,
    resume: bool = False,
) -> dict[str, Any]:
    """Fine-tune a network and keep its shape.

    Parameters
    ----------
    settings : Settings
    folder : str or Path
        Gets ``last.pt``, with all that is needed to continue, and ``best.pt``; must exist.
    emit : callable
        Told events, as plain data: see ``docs/finetune.md``.
    check : callable
        Called at every batch; it may raise ``CancelledError``, or wait.
    resume : bool
        Whether to continue from ``last.pt`` if there is one.

    Returns
    -------
    dict
        ``best``, ``last`` (paths), ``parameters``, ``epochs``, ``seconds``, and the figures on
        the validation images ``before``, ``after`` (of the result) and ``final`` (of the last);
        ``averaged``: ``share``, ``figures`` and whether it was ``kept`` as the result, or None;
        ``chosen``: which state is the result (``before``, ``last``, ``mean``, ``best``), and
        ``text``, which says so; ``measured_on``: ``data``, ``split``, ``images`` (a count) and
        ``image_size`` in pixels (a square's side, or height and width); ``assumed``: the
        network's class by that of the data, where other names were taken for its own;
        ``sparsity``, of a sparse training: ``scales`` (a count) and the shares of them near zero
        ``before`` and ``after``.

    Raises
    ------
    UserError
        For settings, data or a teacher that do not fit, a loss that is no number, memory that
        is not enough, or a disk that is full. The best state so far stays.
    CancelledError
        From ``check``; the files of the last whole epoch stay.
    """
    use_threads(settings.threads)
    folder = Path(folder)
    run, options, device = set_up(settings, folder, emit, check)
    for file in (run.last, run.best):  # what a killed process left half written
        remove_old_parts(file)
    state = read_state(run.last) if resume and run.last.is_file() else None
    if state is not None:
        run = replace(run, state=state, elapsed=float(state[STATE_KEY]["elapsed"]))
        options["batch"] = _limited(state[STATE_KEY]["batch"], settings, options["device"])
    began = time.monotonic()
    emit(_started(run, options, device))
    before = _before(settings, run, options)
    emit({"event": "baseline", "metrics": None if before is None else before.figures})
    if state is None or not state[STATE_KEY]["finished"]:
        _train(settings, run, options)
    result = finish(settings, run, options, before, time.monotonic() - began)
    return {**result, "assumed": dict(run.feed.assumed)} if run.feed.assumed else result


def set_up(
    settings: Settings, folder: Path, emit: Emit, check: Callable[[], None]
) -> tuple[Run, dict[str, Any], dict[str, Any]]:
    """Check everything that can be checked before the first image is read.

    Returns
    -------
    run : Run
    options : dict
        For Ultralytics' trainer.
    device : dict
        What to report to the user about it.

    Raises
    ------
    UserError
        For settings, data, a device or a teacher that do not fit, or an output that cannot be
        written.
    """
    check_values(settings.options)
    check_aware(settings)
    if settings.output is not None:
        check_target(Path(settings.output), filter(None, (settings.model, settings.teacher)))
    name, device = choose_device(settings.device)
    student = load(settings.model)
    if student.facts.fused:
        raise UserError(
            f"The BatchNorm layers of {settings.model} are folded into the convolutions.",
            "Fine-tune the file from before it was fused or exported.",
        )
    feed = read_feed(
        settings.data, student.facts.task, student.facts.classes, settings.same_classes
    )
    preset = PRESETS.get(settings.preset)
    way = settings.distill
    if way == "auto":
        way = "outputs" if preset is None else preset.distill  # type: ignore[assignment]
        if student.facts.task in WHOLE:  # it has no feature maps that a projector joins
            way = "outputs"
    teacher = load(settings.teacher) if settings.teacher and way != "none" else None
    if teacher is not None:
        teacher = fitted(teacher, student)
        check_teacher(student, teacher, way)
    size = _size(settings, student)
    options = _options(settings, student, name, folder, size)
    usual = preset.weight if preset is not None and way == preset.distill else None
    weight = settings.options.get("dis", usual)
    run = Run(
        student=student,
        teacher=teacher,
        way=way,
        weight=None if weight is None else float(weight),
        feed=feed,
        folder=folder,
        size=size,
        history=[*student.facts.history, _record(settings, student, options, size)],
        emit=emit,
        check=check,
        validate_every=settings.validate_every,
        hold_statistics=bool(preset and preset.hold_statistics),
        average=preset.average if preset is not None else 0.0,
        sparsity=_sparsity(settings, student),
        aware=settings.aware,
        smaller_batch=settings.smaller_batch,
    )
    return run, options, device


def _sparsity(settings: Settings, student: Loaded) -> Sparsity | None:
    strength = settings.sparsity
    if strength is None:
        preset = PRESETS.get(settings.preset)
        strength = preset.sparsity if preset is not None else 0.0
    return sparsity_of(student, strength, settings.sparsity_schedule) if strength else None


def _size(settings: Settings, student: Loaded) -> ImageSize:
    """Return the image size: the one chosen, in whichever way, or else the network's own.

    Sides are rounded up to multiples of the stride, as Ultralytics does.
    """
    inherited = merged_options(settings.preset, student.train_args, settings.options)
    own = inherited.get("imgsz", student.facts.image_size)
    return real_size(student.model, settings.image_size or own)


def _options(
    settings: Settings, student: Loaded, device: str, folder: Path, size: ImageSize
) -> dict[str, Any]:
    """Return the arguments for Ultralytics' trainer."""
    options = merged_options(
        settings.preset, student.train_args, settings.options, _per_class(settings, student)
    )
    options["imgsz"] = size.longest  # Ultralytics trains on squares
    options.setdefault("batch", 16)
    options.setdefault("nbs", options["batch"])
    # The check for mixed precision downloads a network; without it, full precision.
    options.setdefault("amp", False)
    if is_packaged():
        options.setdefault("workers", 0)  # a packaged program cannot count on starting them
    if options["amp"] and device == "cpu":
        options["amp"] = False
    if settings.aware:
        options["quantize"] = 8
    chosen = {
        "epochs": settings.epochs,
        "batch": settings.batch,
        "time": settings.minutes and settings.minutes / 60,
    }
    options.update({key: value for key, value in chosen.items() if value is not None})
    if nodes().count > 1 and not gpus(device):
        raise UserError(
            f"Several nodes train on GPUs, and the device is {device}.",
            "Train on one node, or select GPUs that every node has, such as 0 or 0,1.",
        )
    _divide(options, settings.batch is not None, _processes(device))
    if settings.batch and "nbs" not in settings.options:
        options["nbs"] = settings.batch
    options["batch"] = _limited(options["batch"], settings, device)
    return {
        **options,
        "task": student.facts.task,
        "model": settings.model,
        "data": settings.data,
        "device": device,
        "seed": settings.options.get("seed", settings.seed),
        "save_dir": str(folder / "work"),
        "exist_ok": True,
        "plots": False,
        "verbose": False,
    }


def _per_class(settings: Settings, student: Loaded) -> float:
    """Return how many training images there are per class; 0 where they are not asked for.

    Class folders are not counted.
    """
    preset = PRESETS.get(settings.preset)
    if preset is None or preset.bold is None or student.facts.task == "classify":
        return 0.0
    images = files_of(DataSettings(Path(settings.data), images=ALL, split="train"))
    return len(images) / max(len(student.facts.classes), 1)


def _processes(device: str) -> int:
    """Return how many processes train: one for each GPU of each computer."""
    return max(world_size(), max(len(gpus(device)), 1) * nodes().count)


def _limited(batch: int, settings: Settings, device: str) -> int:
    """Take no more images per batch than the user allows, and one for every GPU at least."""
    devices, limit = _processes(device), settings.largest_batch
    return batch if limit is None or batch <= limit else max(limit // devices, 1) * devices


def _divide(options: dict[str, Any], chosen: bool, devices: int) -> None:
    """Make every GPU get as many images per batch; a batch that the user chose is not changed."""
    rest = int(options["batch"]) % max(devices, 1)
    if rest and chosen:
        raise UserError(
            f"A batch size of {options['batch']} cannot be divided among {devices} GPUs.",
            f"Use a multiple of {devices}.",
        )
    if rest:
        options["batch"] = options["nbs"] = int(options["batch"]) - rest + devices


def _record(
    settings: Settings, student: Loaded, options: Mapping[str, Any], size: ImageSize
) -> dict[str, Any]:
    """What the files say about this tuning; the original channels are those of the pruning."""
    history = student.facts.history
    told = ("epochs", "batch", "imgsz", "optimizer", "lr0", "time")
    return {
        **record_head(student.facts),
        "kind": "finetune",
        "preset": settings.preset,
        "options": {key: options[key] for key in told if key in options} | {"imgsz": size.plain},
        "data": Path(settings.data).name,
        "teacher": Path(settings.teacher).name if settings.teacher else None,
        "original": history[-1].get("original", {}) if history else {},
    }


def training_note(size: ImageSize) -> str:
    """Say what Ultralytics cannot do with a size that is no square; nothing for a square."""
    if size.square:
        return ""
    return (
        f"Ultralytics trains on squares, here of {size.longest} px, the longer side; accuracy is "
        f"measured at {size.text}."
    )


def _started(run: Run, options: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    state = run.state
    return {
        "event": "started",
        "device": {**device, "threads": torch.get_num_threads()},
        "parameters": run.parameters,
        "task": run.student.facts.task,
        "epochs": int(options.get("epochs", 100)),
        "minutes": options["time"] * 60 if options.get("time") else None,
        "batch": options["batch"],
        "image_size": run.size.plain,
        "note": training_note(run.size),
        "teacher": run.way if run.teacher is not None else None,
        "resumed_after": None if state is None else int(state["epoch"]) + 1,
        "secateur": SECATEUR,
    }


def _before(settings: Settings, run: Run, options: Mapping[str, Any]) -> State | None:
    """Measure the network as it came; after an interruption, its figures are known already."""
    return Measurer(settings, run, options)(BEFORE, run.student) if settings.baseline else None


def _train(settings: Settings, run: Run, options: dict[str, Any]) -> None:
    """Train to the end; when memory runs out later on, continue with half the batch."""
    devices = _processes(options["device"])
    while True:
        if devices > 1:
            trainer: Any = Together(run, options, settings)
        else:
            trainer = make_trainer(run, options)
            Reporter(run.emit).watch(trainer)
        try:
            trainer.train()
            return
        except (UserError, CancelledError):
            raise
        except Exception as error:
            batch = int(trainer.batch_size)
            explain(run, trainer, error, devices)
        del trainer
        options["batch"] = batch // 2 // devices * devices
        tell_scarce(run, batch, options["batch"], "in training")
        state = read_state(run.last) if run.last.is_file() else None
        elapsed = float(state[STATE_KEY]["elapsed"]) if state else run.elapsed
        run = replace(run, state=state, elapsed=elapsed)
