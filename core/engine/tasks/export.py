"""Tasks that hand a network on: export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task, data_of, network_of
from core.progress import Progress, Span
from core.system.size import ImageSize


def export_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Export a model and compare the result with it; with ``kit``, write one to that folder."""
    from core.deploy.kit import export_with_kit
    from core.ship.export.run import ExportSettings

    loaded = network_of(models, args, progress)
    size = args.get("image_size")
    settings = ExportSettings(
        form=str(args.get("format") or "onnx"),
        precision=str(args.get("precision") or "fp32"),
        image_size=ImageSize.of(size) if size else None,
        batch=int(args.get("batch") or 1),
        device=str(args.get("device") or ""),
        data=data_of(args),
        nms=bool(args.get("nms")),
    )
    folder = Path(args["kit"]) if args.get("kit") else None
    report, _ = export_with_kit(
        loaded, str(args["output"]), settings, folder, Span(progress, 0.05, 1.0)
    )
    return {**report, "sha256": loaded.facts.sha256}


def list_formats(_models: Models, _args: Args, _progress: Progress) -> dict[str, Any]:
    """List the formats, with what is missing for each here."""
    from core.ship.export.formats import FORMATS

    return {"formats": [form.to_json() for form in FORMATS.values()]}


TASKS: Mapping[str, Task] = {"export": export_model, "formats": list_formats}
