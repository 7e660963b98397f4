"""The task that writes a network in INT8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine.tasks import Args, Models, Task, data_of, network_of
from core.progress import Progress, Span
from core.system.size import ImageSize


def quantize_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Quantise a model to ``output``; ``keep`` and ``aware`` are as the command line has them."""
    from core.errors import UserError
    from core.ship.quantize.choose import AUTO, parse_kept
    from core.ship.quantize.run import quantize
    from core.ship.quantize.settings import IMAGES, Aware, QuantizeSettings

    loaded = network_of(models, args, progress)
    data, size = data_of(args, images=IMAGES), args.get("image_size")
    if data is None:
        raise UserError(
            "INT8 needs images for calibration.",
            "Pass a dataset similar to the training data (--data).",
        )
    settings = QuantizeSettings(
        data,
        form=str(args.get("format") or "onnx"),
        kept=parse_kept(str(args.get("keep") or AUTO)),
        image_size=ImageSize.of(size) if size else None,
        aware=Aware() if args.get("aware") else None,
    )
    done = quantize(loaded, str(args["output"]), settings, Span(progress, 0.05, 1.0))
    return {**done.to_json(), "sha256": loaded.facts.sha256}


TASKS: Mapping[str, Task] = {"quantize": quantize_model}
