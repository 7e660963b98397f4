"""The engine's task that tries networks on images without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task
from core.progress import Progress


def try_on_images(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Try the networks at ``paths`` on ``sources``; frames of videos are written to ``keep``."""
    from core.tryout.run import try_networks

    result = try_networks(
        args["paths"],
        args["sources"],
        image_size=args.get("image_size"),
        device=str(args.get("device") or ""),
        keep=Path(args["keep"]) if args.get("keep") else None,
        progress=progress,
    )
    return dict(result)


TASKS: Mapping[str, Task] = {"try": try_on_images}
