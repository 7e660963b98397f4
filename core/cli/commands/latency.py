"""Commands that measure time."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_image_size, device, positive, shown_progress
from core.errors import UserError
from core.progress import Span
from core.system.columns import laid_out
from core.system.size import ImageSize, size_text

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.plan.latency.clock import LatencyTable
    from core.ship.latency.measure import Measured, Spread

REPEATS = 30


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    latency = add(
        "latency", "Measure the latency of models and exported files, in turns, in every runtime."
    )
    latency.add_argument("others", nargs="*", metavar="OTHER", help="compared with the first model")
    latency.add_argument(
        "--runtime",
        help="such as torch, onnx or openvino (torch,onnx); on another device onnx, openvino, ncnn "
        "(onnx)",
    )
    latency.add_argument("--batch", default="1", help="batch sizes, such as 1,8 (1)")
    latency.add_argument("--repeats", type=positive, default=REPEATS, help="turns (30)")
    table = add(
        "latency-table", "Build the latency table of a model, to predict plans in milliseconds."
    )
    table.add_argument("--runtime", default="onnx", help="onnx or torch (onnx)")
    table.add_argument("--batch", type=positive, default=1, help="batch size (1)")
    table.add_argument("--half", action="store_true", help="FP16; only on a GPU")
    table.add_argument("--renew", action="store_true", help="calibrate again")
    table.add_argument("--again", action="store_true", help="measure everything again")
    kit = add("latency-kit", "Measure a device that cannot be reached from here, by an archive.")
    kit.add_argument("--name", default="", help="what to call the device (its processor)")
    kit.add_argument("--batch", type=positive, default=1, help="batch size (1)")
    kit.add_argument("--answers", metavar="FILE", help="read the file that the device wrote")
    kit.add_argument("-o", "--output", metavar="FILE", help="the archive (MODEL-bench.zip)")
    add_image_size(kit)
    kit.add_argument("--threads", type=positive, help="CPU threads (one per core)")
    kit.add_argument("--events", action="store_true", help="print progress as JSON lines")
    for command in (latency, table):
        add_image_size(command)
        command.add_argument("--threads", type=positive, help="CPU threads (one per core)")
        command.add_argument(
            "--device", type=device, default="", help="cpu or cuda (a GPU if there is one)"
        )
        command.add_argument(
            "--on", metavar="DEVICE", help="another device: ssh://user@host[:port], or its name"
        )
        command.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _latency(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.ship.exported.network import ExportedNetwork, open_network
    from core.ship.exported.timing import measure_in_turns
    from core.ship.latency.measure import brief_names

    show = shown_progress(options)
    paths = [options.model, *options.others]
    loaded = []
    for number, path in enumerate(paths):
        show(0.1 * number / len(paths), f"Opening {Path(path).name}")
        loaded.append(open_network(path))
    files = [one for one in loaded if isinstance(one.model, ExportedNetwork)]
    models = dict(zip(brief_names(paths), (one.model for one in loaded), strict=True))
    told: dict[str, Any] = {
        "batches": [_count(word) for word in _words(options.batch)],
        "image_size": options.image_size or loaded[0].facts.image_size,
        "threads": options.threads,
        "repeats": options.repeats,
        "progress": Span(show, 0.1, 1.0),
    }
    if options.on:
        _check_there(options)
        if files:
            raise UserError(
                f"{files[0].facts.path} is an exported file, which is timed on this machine only.",
                "Pass the checkpoint: it is exported for the device.",
            )
        from core.ship.latency.elsewhere import measure_there

        runtimes = _words(options.runtime or "onnx")
        told["hashes"] = [one.facts.sha256 for one in loaded]
        measured = measure_there(models, options.on, runtimes=runtimes, **told)
    else:
        runtimes = _words(options.runtime or "torch,onnx")
        measured = measure_in_turns(models, runtimes=runtimes, device=options.device, **told)
    report, text = measured.to_json(), latency_text(measured)
    if files:
        names = dict(zip(models, loaded, strict=True))
        report["steps"], words = _around(names, told, options.repeats, measured)
        text += f"\n{words}"
    return report, text


def _around(
    models: Mapping[str, Loaded], told: Mapping[str, Any], repeats: int, measured: Measured
) -> tuple[list[dict[str, Any]], str]:
    """Time what is around the networks; return it as plain data and as text."""
    from core.tryout.steps import time_steps

    rows = [("an image, before and after the network", "preprocess, ms", "postprocess, ms")]
    found = []
    for name, loaded in models.items():
        size, threads = ImageSize.of(told["image_size"]), measured.timings[0].threads
        steps = time_steps(loaded, size, threads=threads, repeats=repeats)
        found.append({"model": name, **steps.to_json()})
        rows.append((name, _spread(steps.preprocess, 2), _spread(steps.postprocess, 2)))
    return found, laid_out(rows)


def _check_there(options: argparse.Namespace) -> None:
    """Refuse what is of this machine alone."""
    if options.device or getattr(options, "half", False):
        raise UserError(
            "On another device, networks are measured in FP32 on its processor.",
            "Leave out --device and --half.",
        )


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _count(word: str) -> int:
    try:
        return positive(word)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{word} is not a batch size.", "Use numbers such as 1,8.") from error


def latency_text(measured: Measured) -> str:
    """Return a table for people."""
    head = (
        "model",
        "runtime",
        "precision",
        "batch",
        "ms, median (quartiles)",
        "ratio to baseline",
    )
    rows = [head]
    for timing in measured.timings:
        cells = (timing.model, timing.runtime, timing.precision, str(timing.batch))
        rows.append((*cells, _spread(timing.wall, 2), _spread(timing.ratio, 3)))
        if timing.cpu is not None:
            own = (_spread(timing.cpu, 2), _spread(timing.cpu_ratio, 3))
            rows.append(("  processor time only", "", "", "", *own))
    first = measured.timings[0]
    about = f"{measured.machine['device']}, {_threads(first.threads)}, {_sizes(measured)}"
    missing = [f"{name}: {text}" for name, text in measured.missing]
    return "\n".join([about, laid_out(rows), *missing])


def _sizes(measured: Measured) -> str:
    return ", ".join(dict.fromkeys(timing.image_size.text for timing in measured.timings))


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f} to {spread.high:.{digits}f})"


def _table(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import analyse, load
    from core.ship.latency.table import build_latency, describe_here, table_json

    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    analysis = analyse(loaded, cache=not options.no_cache)
    settings: dict[str, Any] = {
        "threads": options.threads,
        "batch": options.batch,
        "image_size": options.image_size or loaded.facts.image_size,
    }
    if options.on:
        _check_there(options)
        from core.ship.devices.known import described_on

        about = described_on(options.on, options.runtime, **settings)
    else:
        about = describe_here(options.runtime, device=options.device, half=options.half, **settings)
    latency = build_latency(
        loaded.model,
        analysis.table,
        loaded.facts.sha256,
        about,
        renew=options.renew,
        again=options.again,
        cache=not options.no_cache,
        progress=show,
    )
    result = table_json(latency, analysis.table)
    return result, _table_text(latency, result)


def _kit(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import analyse, load
    from core.ship.devices.kit import read_kit, write_kit
    from core.ship.latency.runtime import Settings
    from core.ship.latency.table import table_json
    from core.system.files import check_folder

    show = shown_progress(options)
    output = Path(options.output or f"{Path(options.model).stem}-bench.zip")
    if not options.answers:
        check_folder(output)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    table = analyse(loaded, cache=not options.no_cache).table
    sha256, name = loaded.facts.sha256, str(options.name)
    if options.answers:
        latency, device = read_kit(loaded.model, table, sha256, Path(options.answers), name=name)
        result = table_json(latency, table)
        text = f"{_table_text(latency, result)}\nThe device is called {device.name}."
        return {**result, "name": device.name}, text
    size = ImageSize.of(options.image_size or loaded.facts.image_size)
    settings = Settings(options.batch, size, options.threads or 0)
    count = write_kit(loaded.model, table, sha256, settings, output, name=name, progress=show)
    text = (
        f"{output} ({count / 1e6:.1f} MB, without the weights)\n"
        "Unpack it on the device and run `python3 bench.py` there; it needs onnxruntime. Then\n"
        f"secateur latency-kit {shlex.quote(str(options.model))} --answers answers.jsonl"
    )
    return {"output": str(output), "bytes": count}, text


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _table_text(latency: LatencyTable, result: Mapping[str, Any]) -> str:
    about = latency.about
    where = f"{about['device']}, {about['runtime']} {about['version']}"
    steps = f"widths step by {latency.step}" if latency.step > 1 else "no steps in width"
    return (
        f"{where}, {_threads(about['threads'])}, batch {about['batch']}, "
        f"{size_text(about['image_size'])}\n"
        f"{result['shapes']} layer shapes at {result['points']} widths; {steps}\n"
        f"unpruned: {latency.measured_ms:.2f} ms measured, {result['predicted_ms']:.2f} ms "
        f"predicted; largest error in calibration {latency.error:.1%}"
    )


COMMANDS: Mapping[str, Command] = {
    "latency": _latency,
    "latency-table": _table,
    "latency-kit": _kit,
}
