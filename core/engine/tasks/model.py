"""A model opened, pruned and proven."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task, choosing, data_of, delivered, network_of
from core.progress import Progress
from core.system.files import believe


def open_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Understand a model; the window gets files it can read without torch."""
    from core.graph.cache import cache_path, write_table
    from core.pipeline import analyse, cached_analysis
    from core.system.cache import stored

    path = str(args["path"])
    progress(0.05, "Opening the file")
    if "hash" in args:
        believe(Path(path), args["hash"])
    analysis = cached_analysis(path)
    if analysis is None:
        loaded = models.get(path)
        progress(0.5, "Tracing channels through the network")
        analysis = analyse(loaded)
    table = cache_path(analysis.facts.sha256)
    known = analysis
    if not table.is_file():
        table = stored(table, lambda p: write_table(p, known.table, known.facts.to_dict()))
    progress(0.8, "Ranking channels")
    scores = choosing.scores_by_weights(models, analysis, args)
    file = Path(path)
    return {
        "facts": analysis.facts.to_dict(),
        "table": str(table),
        "scores": str(scores),
        "criterion": str(args.get("criterion", "l2")),
        "seed": int(args.get("seed", 0)),
        "file_size": file.stat().st_size if file.is_file() else None,
    }


def prune_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Prune, prove and save."""
    from core.pipeline import prune
    from core.plan.schema import parse_plan

    started = time.monotonic()
    plan = parse_plan(args["plan"])
    loaded = network_of(models, args, progress)
    data = data_of(args, seed=plan.seed)
    wish = args.get("repair")
    repair = None
    if wish:
        from core.repair import RepairSettings

        steps = tuple(str(name) for name in wish.get("steps") or ("auto",))
        minutes, images = float(wish.get("minutes", 10.0)), wish.get("images") or None
        repair = RepairSettings(steps, minutes, seed=plan.seed, images=images)
    output = str(args["output"])
    result = prune(
        loaded,
        plan,
        output,
        data=data,
        repair=repair,
        fp32=bool(args.get("fp32")),
        progress=progress,
    )
    return delivered(result.to_json(), started)


def verify_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Compare a pruned file with its masked original."""
    from core.pipeline import load, verify
    from core.plan.schema import parse_plan

    plan = parse_plan(args["plan"]) if args.get("plan") else None
    progress(0.1, "Opening both networks")
    original = models.get(str(args["original"]))
    pruned = load(str(args["pruned"]))
    progress(0.5, "Comparing with the masked original")
    return {"verification": verify(original, pruned, plan).to_json(), "pruned": str(args["pruned"])}


TASKS: Mapping[str, Task] = {"open": open_model, "prune": prune_model, "verify": verify_model}
