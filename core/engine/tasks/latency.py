"""Tasks that measure time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task, network_of
from core.errors import UserError
from core.progress import Progress, Span
from core.system.size import ImageSize


def measure_latency(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Time a model, and others against it, in turns.

    ``predicted_ms`` is what a latency table of the first model made here says, for it and for
    those pruned from it; null without one of the same runtime and settings.
    """
    from core.pipeline import analyse, load
    from core.ship.latency.measure import REPEATS, brief_names, measure
    from core.ship.latency.predicted import predicted_ms, removal_of

    first = network_of(models, args, progress)
    files = {str(args["path"]): first}
    for path in map(str, args.get("others") or ()):
        progress(0.05, f"Opening {Path(path).name}")
        files[path] = load(path)
    names = dict(zip(files, brief_names(list(files)), strict=True))
    measured = measure(
        {names[path]: loaded.model for path, loaded in files.items()},
        runtimes=tuple(args.get("runtimes") or ("torch", "onnx")),
        batches=tuple(map(int, args.get("batches") or (1,))),
        image_size=ImageSize.of(args.get("image_size") or first.facts.image_size),
        threads=args.get("threads"),
        repeats=int(args.get("repeats") or REPEATS),
        device=str(args.get("device") or ""),
        progress=Span(progress, 0.1, 1.0),
    )
    result = measured.to_json()
    paths = {name: path for path, name in names.items()}
    table, device = analyse(first).table, str(result["machine"]["device"])
    for timing in result["timings"]:
        timing |= {"model": paths[timing["model"]], "predicted_ms": None}
        with contextlib.suppress(UserError):  # not pruned from the first
            removed = removal_of(table, first.facts, files[timing["model"]].facts)
            known = predicted_ms(table, first.facts.sha256, removed, timing, device)
            timing["predicted_ms"] = known
    return {**result, "models": {path: loaded.facts.sha256 for path, loaded in files.items()}}


def list_runtimes(_models: Models, _args: Args, _progress: Progress) -> dict[str, Any]:
    """List the runtimes, with what is missing for each here."""
    from core.ship.latency.runtime import cuda_available
    from core.ship.latency.runtimes import runtimes
    from core.system.machine import default_threads, processor

    return {
        "runtimes": [runtime.to_json() for runtime in runtimes().values()],
        "threads": default_threads(),
        "processor": processor(),
        "gpu": cuda_available(),
    }


def make_table(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure a model's layers; the window gets a file it can read without torch.

    Its ``table`` is read by ``core.plan.latency.files.read_latency``.
    """
    from core.pipeline import analyse
    from core.plan.latency.files import stored_latency
    from core.ship.latency.table import build_latency, describe_here, table_json

    loaded = network_of(models, args, progress)
    table = analyse(loaded).table
    about = describe_here(
        str(args.get("runtime") or "onnx"),
        threads=args.get("threads"),
        batch=int(args.get("batch") or 1),
        image_size=ImageSize.of(args.get("image_size") or loaded.facts.image_size),
        device=str(args.get("device") or ""),
        half=bool(args.get("half")),
    )
    sha256 = loaded.facts.sha256
    renew = bool(args.get("renew"))
    latency = build_latency(loaded.model, table, sha256, about, renew=renew, progress=progress)
    file = stored_latency(latency, sha256, about)
    return {**table_json(latency, table), "table": str(file)}


TASKS: Mapping[str, Task] = {
    "latency": measure_latency,
    "latency_table": make_table,
    "runtimes": list_runtimes,
}
