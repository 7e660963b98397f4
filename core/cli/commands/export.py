"""Commands that hand a network on: export, and the plan that replays it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_image_size, add_same_classes, device, positive, shown_progress
from core.progress import Span

if TYPE_CHECKING:
    from core.ship.export.run import Exported

IMAGES = 100


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    export = add("export", "Export a model and compare the result with the checkpoint.")
    export.add_argument("--format", default="onnx", help="a format of `secateur formats` (onnx)")
    export.add_argument("-o", "--output", required=True, metavar="OUT")
    precision = export.add_mutually_exclusive_group()
    precision.add_argument("--half", action="store_true", help="FP16")
    precision.add_argument("--int8", action="store_true", help="INT8; most formats need --data")
    export.add_argument(
        "--data",
        metavar="DATA",
        help="images for INT8 calibration, and for the comparison instead of noise",
    )
    add_same_classes(export)
    export.add_argument(
        "--images",
        type=positive,
        default=IMAGES,
        help=f"number of images for INT8 calibration ({IMAGES})",
    )
    add_image_size(export)
    export.add_argument("--batch", type=positive, default=1, help="batch size (1)")
    export.add_argument(
        "--device", type=device, default="", help="cpu or cuda (what the format needs)"
    )
    export.add_argument(
        "--nms", action="store_true", help="export NMS with the network, which puts out detections"
    )
    export.add_argument(
        "--kit",
        metavar="DIR",
        help="also write a deployment kit: the file with examples in Python and C++ (ONNX, detect)",
    )
    export.add_argument("--events", action="store_true", help="print progress as JSON lines")
    add("formats", "List the export formats and their missing requirements.", model=None)
    plan = add("plan", "Write the exact channels of a pruned file as a plan.")
    plan.add_argument("pruned", metavar="PRUNED", help="the pruned checkpoint")
    plan.add_argument("-o", "--output", required=True, metavar="PLAN.json")


def _export(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.stream import DataSettings
    from core.deploy.kit import export_with_kit
    from core.pipeline import load
    from core.ship.export.run import ExportSettings

    show = shown_progress(options)
    show(0.0, "Opening the model")
    data = None
    if options.data is not None:
        data = DataSettings(
            Path(options.data), images=options.images, same_classes=options.same_classes
        )
    settings = ExportSettings(
        form=options.format,
        precision="fp16" if options.half else "int8" if options.int8 else "fp32",
        image_size=options.image_size,
        batch=options.batch,
        device=options.device,
        data=data,
        nms=options.nms,
    )
    folder = None if options.kit is None else Path(options.kit)
    report, done = export_with_kit(
        load(options.model), options.output, settings, folder, Span(show, 0.05, 1.0)
    )
    text = export_text(done)
    if kit := report.get("kit"):
        text += (
            f"\n{kit['folder']}: {kit['objects']} objects on {kit['images']} sample images are "
            "expected"
        )
    return report, text


def export_text(done: Exported) -> str:
    """Return what was exported, for people."""
    lines = [f"{done.output}: {_megabytes(done.bytes)}"]
    if done.model_bytes:
        lines[0] += f" (the checkpoint: {_megabytes(done.model_bytes)})"
    lines[0] += f", {done.image_size.text}, {done.precision.upper()}, {done.seconds:.1f} s"
    if done.exported_parameters is not None:
        lines.append(
            f"{done.exported_parameters:,} weights; the checkpoint has "
            f"{done.parameters:,} parameters including BatchNorm, which is folded in"
        )
    parity = done.parity
    if parity is None:
        lines.append("not compared: this format does not run on this machine")
        return "\n".join(lines)
    kind = "images of the dataset" if parity.real else "generated images"
    words = {True: "matches the checkpoint", False: "DIFFERS from the checkpoint"}
    word = "compared with the checkpoint" if parity.passed is None else words[parity.passed]
    bound = "" if parity.tolerance is None else f" (at most {parity.tolerance:.0e})"
    lines.append(
        f"{word} on {parity.images} {kind}: relative error {parity.relative_error:.1e}{bound}"
    )
    if parity.detections:
        lines.append(f"{parity.matched:.1%} of {parity.detections} detections agree")
    elif parity.detections == 0:
        lines.append("no detections on these images to compare")
    return "\n".join(lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _formats(_options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.ship.export.formats import FORMATS

    known = [form.to_json() for form in FORMATS.values()]
    width = max(len(form["name"]) for form in known)
    lines = []
    for form in known:
        able = ", ".join(name.upper() for name in form["precisions"])
        state = form["missing"] or " ".join(["ready;", *form["missing_for"].values()]).rstrip(";")
        lines.append(f"{form['name']:<{width}}  {form['title']}, {able}: {state}")
    return {"formats": known}, "\n".join(lines)


def _plan(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import analyse, load
    from core.ship.replay import replay_plan, weights_sha256
    from core.system.files import write_json

    pruned = load(options.pruned)
    original = analyse(options.model, cache=not options.no_cache)
    plan = replay_plan(original.table, original.facts.sha256, pruned.facts)
    write_json(Path(options.output), plan.to_json())
    sha256 = weights_sha256(pruned.model)
    result = {"plan": plan.to_json(), "output": options.output, "weights_sha256": sha256}
    return (
        result,
        f"saved as {options.output}; SHA-256 of the weights of {options.pruned}: {sha256}",
    )


COMMANDS: Mapping[str, Command] = {"export": _export, "formats": _formats, "plan": _plan}
