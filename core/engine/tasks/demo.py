"""Tasks of the demo: laying it out, and walking the whole of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task
from core.progress import Progress


def lay_out(_models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Put the demo's network, dataset and project into ``folder``, unless they are there."""
    from core.demo import Place, is_ready, set_up

    folder = str(args["folder"])
    place = Place(Path(folder)) if is_ready(folder) else set_up(folder, progress=progress)
    return {"folder": str(place.folder), "project": str(place.project)}


def walk(_models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Walk the whole task in ``folder``; every step done is a partial result."""
    from core.demo import HEAD, DemoSettings, run_demo, summary_rows

    settings = DemoSettings(**(args.get("settings") or {}))
    result = run_demo(str(args["folder"]), settings, progress)
    return {**result, "head": HEAD, "rows": summary_rows(result)}


TASKS: Mapping[str, Task] = {"demo_set_up": lay_out, "demo": walk}
