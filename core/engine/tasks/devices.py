"""Tasks on other devices: reached over the network, or by an archive that is carried there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.engine.tasks import Args, Models, Task, network_of
from core.progress import Progress, Span
from core.system.size import ImageSize


def add_device(_models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Reach the device at an ``address``, and remember it, under a ``name`` if one is given."""
    from core.ship.devices.known import add_device

    progress(0.1, "Connecting")
    device = add_device(str(args["address"]).strip(), str(args.get("name") or "").strip())
    return {"device": device.model_dump()}


def write_archive(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Write the archive that a device without a shell measures, to ``output``."""
    from core.pipeline import analyse
    from core.ship.devices.kit import write_kit
    from core.ship.latency.runtime import Settings

    loaded = network_of(models, args, progress)
    size = ImageSize.of(args.get("image_size") or loaded.facts.image_size)
    settings = Settings(int(args.get("batch") or 1), size, int(args.get("threads") or 0))
    output, table = Path(str(args["output"])), analyse(loaded).table
    part, name = Span(progress, 0.1, 1.0), str(args.get("name") or "").strip()
    sha256 = loaded.facts.sha256
    count = write_kit(loaded.model, table, sha256, settings, output, name=name, progress=part)
    return {"output": str(output), "bytes": count}


def read_answers(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Read the ``file`` that such a device wrote; its latency table is kept."""
    from core.pipeline import analyse
    from core.ship.devices.kit import read_kit
    from core.ship.latency.table import table_json

    loaded = network_of(models, args, progress)
    table, file = analyse(loaded).table, Path(str(args["file"]))
    progress(0.5, "Reading the answers")
    name, sha256 = str(args.get("name") or "").strip(), loaded.facts.sha256
    latency, device = read_kit(loaded.model, table, sha256, file, name=name)
    return {**table_json(latency, table), "device": device.model_dump()}


TASKS: Mapping[str, Task] = {
    "device_add": add_device,
    "latency_kit": write_archive,
    "latency_answers": read_answers,
}
