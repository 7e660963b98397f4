"""Tasks about the structure of an open model: what can go, and what is left without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, network_of
from core.progress import Progress

if TYPE_CHECKING:
    from core.structure.stage import Stage


def list_structure(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """List what can go besides channels, and why the rest cannot."""
    from core.graph.cache import parts_path
    from core.structure.listing import listing, scale_facts
    from core.system.cache import stored
    from core.system.files import write_json

    loaded = network_of(models, args, progress)
    progress(0.5, "Looking for units")
    head = len(list(loaded.model.model.children())) - 1  # type: ignore[union-attr]
    found = {**listing(loaded), "scale_facts": scale_facts(loaded), "head": head}
    stored(parts_path(loaded.facts.sha256), lambda path: write_json(path, found))
    return found


def restructure_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Understand what a plan's structure leaves; the window reads it as it reads a model."""
    from core.engine.tasks.choosing import scores_by_weights
    from core.plan.criteria import by_images

    stage = stage_asked(models, args, progress)
    progress(0.8, "Ranking channels")
    result = told_of(stage)
    criterion = str(args.get("criterion", "l2"))
    if not by_images(criterion):
        result["scores"] = str(scores_by_weights(models, stage.analysis, args, stage.loaded))
    return result


def stage_asked(models: Models, args: Args, progress: Progress) -> Stage:
    """Return what is left of a network without the structure that a request's plan names."""
    from core.plan.schema import parse_plan
    from core.structure.stage import stage_of

    loaded = network_of(models, args, progress)
    progress(0.3, "Removing structure")
    return stage_of(loaded, parse_plan(args["plan"]))


def told_of(stage: Stage) -> dict[str, Any]:
    """Return what is left as plain data and a file, and what went."""
    from core.graph.cache import cache_path, write_table
    from core.structure.scales import modules_of, strides_of
    from core.system.cache import stored

    facts, table = stage.analysis.facts, stage.analysis.table
    path = cache_path(f"{facts.sha256}-left")
    if not path.is_file():
        path = stored(path, lambda p: write_table(p, table, {}))
    strides = strides_of(stage.original.model)
    model, levels = stage.original.model, stage.cuts.levels
    units = [unit.name for unit in stage.cuts.units]
    return {
        "table": str(path),
        "sha256": facts.sha256,
        "blocks": sorted(stage.cuts.gone_blocks),
        "modules": [*units, *(name for level in levels for name in modules_of(model, level))],
        "scales": [strides[level] for level in levels],
        "conflicts": [conflict.to_json() for conflict in stage.conflicts()],
    }


def retarget_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Write the model at ``path`` with outputs for the classes of ``data`` to ``output``."""
    from core.data.source import read_source
    from core.structure.retarget import retarget, save_retargeted

    loaded = network_of(models, args, progress)
    names = read_source(str(args["data"]), "train", task=loaded.facts.task).names
    done = retarget(loaded, names, int(args.get("seed", 0)))
    save_retargeted(loaded, done, str(args["output"]))
    return {"output": str(args["output"]), "text": done.text, **done.to_json()}


TASKS: Mapping[str, Task] = {
    "parts": list_structure,
    "restructure": restructure_model,
    "retarget": retarget_model,
}
