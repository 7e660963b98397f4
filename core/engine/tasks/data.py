"""The engine's task that checks a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine.tasks import Args, Models, Task, network_of
from core.progress import Progress


def check_dataset(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Check ``data`` (a path), and compare it with the model at ``path`` if given.

    ``same_classes`` says whether the classes are the model's by number, whatever their names.
    """
    from core.data.check import check_data, keypoints_of

    facts, keypoints = None, None
    if args.get("path"):
        loaded = network_of(models, args, progress)
        facts, keypoints = loaded.facts, keypoints_of(loaded.model)
    found = check_data(
        str(args["data"]),
        task=None if facts is None else facts.task,
        classes=None if facts is None else facts.classes,
        keypoints=keypoints,
        same_classes=bool(args.get("same_classes")),
        samples=int(args.get("samples", 12)),
        index=bool(args.get("index", True)),
        progress=progress,
    )
    return dict(found)


TASKS: Mapping[str, Task] = {"check_data": check_dataset}
