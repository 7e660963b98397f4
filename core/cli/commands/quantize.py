"""The command that writes a network in INT8."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import (
    add_history,
    add_image_size,
    add_same_classes,
    positive,
    shown_progress,
)
from core.data.figures import FIGURES
from core.errors import UserError
from core.progress import Span
from core.ship.quantize.choose import AUTO, NONE, Tried, parse_kept
from core.ship.quantize.methods import METHODS
from core.ship.quantize.settings import IMAGES, TURNS, Aware, Quantized, QuantizeSettings
from core.system.columns import laid_out
from core.tune.presets import PRESETS

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.ship.latency.measure import Timing


def add_parsers(add: Add) -> None:
    """Add the parser."""
    text = "Write a model in INT8, calibrated on your images; measures what it gains and loses."
    parser = add("quantize", text)
    parser.add_argument("--data", required=True, metavar="DATA", help="a dataset YAML, or a folder")
    add_same_classes(parser)
    parser.add_argument("-o", "--output", required=True, metavar="OUT")
    parser.add_argument("--format", default="onnx", help=f"one of {', '.join(METHODS)} (onnx)")
    parser.add_argument(
        "--keep",
        default=AUTO,
        metavar="LAYERS",
        help=f"layers to leave in higher precision: {AUTO} measures which, {NONE}, or names such "
        f"as model.0,model.22.cv3 ({AUTO})",
    )
    parser.add_argument(
        "--images",
        type=positive,
        default=IMAGES,
        help=f"training images to read; a third of them compares versions ({IMAGES})",
    )
    add_image_size(parser)
    parser.add_argument(
        "--split", default="val", help="split on which the files are evaluated (val)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads to time on (1)")
    parser.add_argument(
        "--turns", type=positive, default=TURNS, help=f"turns when files are timed ({TURNS})"
    )
    _add_aware(parser)
    add_history(parser)
    parser.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _add_aware(parser: argparse.ArgumentParser) -> None:
    aware = parser.add_argument_group("quantisation-aware training, before the file is written")
    text = "train the weights for INT8 by Ultralytics; needs labels, and nvidia-modelopt"
    aware.add_argument("--aware", action="store_true", help=text)
    aware.add_argument("--minutes", type=float, help="time limit of the training")
    aware.add_argument("--epochs", type=positive, help="number of epochs (that of the preset)")
    aware.add_argument("--preset", choices=list(PRESETS), default=Aware().preset)


def _quantize(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.stream import DataSettings
    from core.pipeline import load
    from core.ship.quantize.run import quantize

    settings = QuantizeSettings(
        DataSettings(Path(options.data), images=options.images, same_classes=options.same_classes),
        form=options.format,
        kept=parse_kept(options.keep),
        image_size=options.image_size,
        split=options.split,
        threads=options.threads,
        turns=options.turns,
        aware=_aware(options),
    )
    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    done = quantize(loaded, options.output, settings, Span(show, 0.02, 1.0))
    report = {**done.to_json(), "sha256": loaded.facts.sha256}
    if options.history is not None:
        report = _remembered(options, loaded, report)
    return report, quantized_text(done)


def _aware(options: argparse.Namespace) -> Aware | None:
    if options.aware:
        return Aware(options.minutes, options.epochs, options.preset)
    if options.minutes is not None or options.epochs is not None:
        raise UserError("--minutes and --epochs are of the training with --aware.", "Add --aware.")
    return None


def _remembered(
    options: argparse.Namespace, loaded: Loaded, report: Mapping[str, Any]
) -> dict[str, Any]:
    from core.checkpoint.facts import origin_of
    from core.history.remember import folder_of, remember_quantized, with_step

    origin = origin_of(loaded.facts)
    folder = folder_of(options.history, origin)
    return with_step(report, lambda: remember_quantized(folder, options.model, report, origin))


def quantized_text(done: Quantized) -> str:
    """Return what was quantised, for people."""
    one = done.exported
    rows = [
        ("", "FP32", "INT8", ""),
        _row("size", done.fp32_bytes / 1e6, one.bytes / 1e6, "MB", 1),
        _time_row(*done.timings),
    ]
    for name, value in (done.before or {}).items():
        if name in ("map50_95", "map50", "top1", "top5", "miou", "delta1"):
            rows.append(_row(FIGURES[name], value, (done.figures or {})[name], "", 4))
    lines = [f"{one.output}: {one.form}, {one.image_size.text}, {one.seconds:.0f} s"]
    lines.append(laid_out(rows, "lrrl"))
    lines += [_kept_text(done), *_tried_text(done.tried), *_parity_text(done)]
    if done.figures is None:
        split = done.measured_on["split"]
        lines.append(f"not evaluated: the split “{split}” has no labels for this network")
    if (trained := done.aware) is not None:
        word = "kept" if trained.kept else "not kept: the file is more accurate without it"
        lines.append(f"trained for INT8 in {trained.epochs} epochs: {word}")
        lines.append(f"the trained weights in FP32: {trained.checkpoint}")
    return "\n".join(lines)


def _row(name: str, before: float, after: float, unit: str, digits: int) -> tuple[str, ...]:
    share = f"{after / before:.1%}" if before else ""
    return (name, f"{before:.{digits}f}", f"{after:.{digits}f}", f"{unit} ({share})".strip())


def _time_row(before: Timing, after: Timing) -> tuple[str, ...]:
    """Return the times, and their ratio turn by turn, by which versions are chosen, too.

    On a busy machine, the share of two medians on the clock would be anything.
    """
    from core.ship.quantize.measure import share_of

    name, one, other = "time", before.wall, after.wall
    if before.cpu is not None and after.cpu is not None and after.cpu_ratio is not None:
        name, one, other = "processor time", before.cpu, after.cpu
    ratio = share_of(after)
    return (name, f"{one.median:.2f}", f"{other.median:.2f}", f"ms ({ratio:.1%}, in turns)")


def _kept_text(done: Quantized) -> str:
    kept = f"; in higher precision: {', '.join(done.kept)}" if done.kept else ""
    return (
        f"{done.int8_layers} of {done.layers} layers in INT8, calibrated on {done.calibrated} "
        f"images{kept}"
    )


def _tried_text(tried: tuple[Tried, ...]) -> list[str]:
    """Return what versions kept and took, as shares of the FP32 file's."""
    if not tried:
        return []
    rows = [("layers in higher precision", "accuracy", "time")]
    rows += [(str(len(one.kept)), f"{one.accuracy:.1%}", f"{one.time:.1%}") for one in tried]
    return [laid_out(rows, "rrr")]


def _parity_text(done: Quantized) -> list[str]:
    parity = done.exported.parity
    if parity is None or not parity.detections:
        return []
    return [f"{parity.matched:.1%} of {parity.detections} detections agree with the checkpoint"]


COMMANDS: Mapping[str, Command] = {"quantize": _quantize}
