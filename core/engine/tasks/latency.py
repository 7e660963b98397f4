"""Tasks that measure time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, network_of
from core.errors import UserError
from core.progress import Progress, Span
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.ship.latency.measure import Measured


def measure_latency(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Time a model, and others against it, in turns: here, or ``on`` another device.

    ``predicted_ms`` is what a latency table of the first model made there says, for it and for
    those pruned from it; null without one of the same runtime and settings.
    """
    from core.pipeline import analyse, load
    from core.ship.latency.measure import brief_names
    from core.ship.latency.predicted import predicted_ms, removal_of

    first = network_of(models, args, progress)
    files = {str(args["path"]): first}
    for path in map(str, args.get("others") or ()):
        progress(0.05, f"Opening {Path(path).name}")
        files[path] = load(path)
    names = dict(zip(files, brief_names(list(files)), strict=True))
    named = {names[path]: loaded for path, loaded in files.items()}
    result = _timed(named, args, Span(progress, 0.1, 1.0)).to_json()
    paths = {name: path for path, name in names.items()}
    table = analyse(first).table
    for timing in result["timings"]:
        timing |= {"model": paths[timing["model"]], "predicted_ms": None}
        with contextlib.suppress(UserError):  # not pruned from the first
            removed = removal_of(table, first.facts, files[timing["model"]].facts)
            sha256, machine = first.facts.sha256, result["machine"]
            timing["predicted_ms"] = predicted_ms(table, sha256, removed, timing, machine)
    return {**result, "models": {path: loaded.facts.sha256 for path, loaded in files.items()}}


def _timed(networks: Mapping[str, Loaded], args: Args, progress: Progress) -> Measured:
    """Time networks as a request says; the first is what the others are compared with."""
    from core.ship.latency.elsewhere import measure_there
    from core.ship.latency.measure import REPEATS, measure

    first = next(iter(networks.values()))
    models = {name: loaded.model for name, loaded in networks.items()}
    how: dict[str, Any] = {
        "batches": tuple(map(int, args.get("batches") or (1,))),
        "image_size": ImageSize.of(args.get("image_size") or first.facts.image_size),
        "threads": args.get("threads"),
        "repeats": int(args.get("repeats") or REPEATS),
        "progress": progress,
    }
    if args.get("on"):
        runtimes = tuple(args.get("runtimes") or ("onnx",))
        how["hashes"] = [loaded.facts.sha256 for loaded in networks.values()]
        return measure_there(models, str(args["on"]), runtimes=runtimes, **how)
    runtimes = tuple(args.get("runtimes") or ("torch", "onnx"))
    return measure(models, runtimes=runtimes, device=str(args.get("device") or ""), **how)


def list_runtimes(_models: Models, _args: Args, _progress: Progress) -> dict[str, Any]:
    """List the runtimes, with what is missing for each: here, and for other devices."""
    from core.ship.latency.packing import PACKS
    from core.ship.latency.runtime import cuda_available
    from core.ship.latency.runtimes import runtimes
    from core.system.machine import default_threads, processor

    found = {name: runtime.to_json() for name, runtime in runtimes().items()}
    for name, pack in PACKS.items():
        alone = f"{pack.title} is measured on other devices only."
        found.setdefault(name, {"name": name, "title": pack.title, "missing": alone})
        problem = pack.missing()
        found[name]["elsewhere"] = None if problem is None else str(problem)
    return {
        "runtimes": list(found.values()),
        "threads": default_threads(),
        "processor": processor(),
        "gpu": cuda_available(),
    }


def make_table(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure a model's layers, here or ``on`` another device; ``again`` where they were.

    The window gets a file it can read without torch: its ``table`` is read by
    ``core.plan.latency.files.read_latency``.
    """
    from core.pipeline import analyse
    from core.plan.latency.files import stored_latency
    from core.ship.latency.table import build_latency, table_json

    loaded = network_of(models, args, progress)
    table = analyse(loaded).table
    about = _described(args, loaded, progress)
    sha256 = loaded.facts.sha256
    again = bool(args.get("again"))
    latency = build_latency(loaded.model, table, sha256, about, again=again, progress=progress)
    file = stored_latency(latency, sha256, about)
    return {**table_json(latency, table), "table": str(file)}


def _described(args: Args, loaded: Loaded, progress: Progress) -> dict[str, Any]:
    """Describe the table that a request asks for; another device is looked at for that."""
    from core.ship.devices.known import described_on
    from core.ship.latency.table import describe_here

    runtime = str(args.get("runtime") or "onnx")
    how: dict[str, Any] = {
        "threads": args.get("threads"),
        "batch": int(args.get("batch") or 1),
        "image_size": ImageSize.of(args.get("image_size") or loaded.facts.image_size),
    }
    if args.get("on"):
        progress(0.0, "Connecting")
        return described_on(str(args["on"]), runtime, **how)
    device, half = str(args.get("device") or ""), bool(args.get("half"))
    return describe_here(runtime, device=device, half=half, **how)


TASKS: Mapping[str, Task] = {
    "latency": measure_latency,
    "latency_table": make_table,
    "runtimes": list_runtimes,
}
