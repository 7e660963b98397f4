"""The engine's job that checks a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.jobs import Args, Job, Models
from core.progress import Progress


def check_dataset(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Check ``data`` (a path), and hold it against the model at ``path`` where one is named."""
    from core.data.check import check_data

    facts = None
    if args.get("path"):
        progress(0.0, "Opening the model")
        facts = models.get(str(args["path"]), args.get("sha256")).facts
    return check_data(
        str(args["data"]),
        task=None if facts is None else facts.task,
        classes=None if facts is None else facts.classes,
        samples=int(args.get("samples", 12)),
        progress=progress,
    )


JOBS: Mapping[str, Job] = {"check_data": check_dataset}
