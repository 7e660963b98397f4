"""The command that searches plans."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import (
    add_history,
    add_image_size,
    add_place,
    add_same_classes,
    place_of,
    positive,
    shown_progress,
)
from core.cli.options import device as device_name
from core.system.columns import laid_out

if TYPE_CHECKING:
    from core.search.records import Record
    from core.search.study import Found

STOPPED = "Stopped. The same command continues."


def add_parsers(add: Add) -> None:
    """Add the parser."""
    parser = add("search", "Search plans around a budget: each pruned, repaired and measured.")
    parser.add_argument("--data", required=True, metavar="DATA", help="a dataset YAML with labels")
    parser.add_argument(
        "--budget",
        required=True,
        metavar="TARGET",
        help='what plans are drawn around: a target and its value, such as "latency 0.7"',
    )
    parser.add_argument("--trials", type=positive, default=40, help="trials at most (40)")
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="time of all trials together (30)"
    )
    parser.add_argument(
        "--tune-minutes",
        type=float,
        default=0.0,
        metavar="MINUTES",
        help="fine-tune every promising trial for so long (0)",
    )
    parser.add_argument(
        "--at-once",
        type=positive,
        metavar="N",
        help="trials that are drawn and made at once (1; with --on, what the place has room for)",
    )
    add_place(parser, "prune, repair, evaluate and tune trials")
    _add_int8(parser)
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (0)")
    parser.add_argument("--plan", metavar="PLAN", help="a plan whose locks hold for every trial")
    parser.add_argument(
        "--images",
        type=positive,
        metavar="N",
        help="training images that each trial ranks and repairs on (48)",
    )
    add_image_size(parser)
    parser.add_argument(
        "--device", type=device_name, default="", help="cpu or cuda (a GPU if there is one)"
    )
    add_same_classes(parser)
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="folder of the search, continued where it has one (MODEL-search)",
    )
    parser.add_argument("--events", action="store_true", help="print progress as JSON lines")
    add_history(parser)


def _add_int8(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-int8",
        action="store_const",
        const=False,
        dest="int8",
        help="leave out the unpruned network as INT8; a continued search does the same",
    )


def _search(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import load
    from core.search.run import search
    from core.search.study import StoppedError

    settings, on = _settings(options), place_of(options)
    out = Path(options.out or f"{Path(options.model).stem}-search")
    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    stopped = False
    try:
        found = search(
            loaded,
            settings,
            out,
            history=options.history,
            on=on,
            cache=not options.no_cache,
            progress=show,
        )
    except StoppedError as stop:  # what was measured is kept
        found, stopped = stop.found, True
    report = {**found.to_json(), "folder": str(out), "stopped": stopped}
    failed = [r["history_failed"] for r in found.trials if r.get("history_failed")]
    if failed:
        report["history_failed"] = failed[0]
    return report, search_text(found, out, stopped)


def _settings(options: argparse.Namespace) -> Any:
    from core.plan.schema import read_plan
    from core.search.settings import parse_budget, parse_search

    given = {
        "model": options.model,
        "data": options.data,
        "budget": parse_budget(options.budget).model_dump(),
        "plan": read_plan(options.plan).to_json() if options.plan else None,
        "trials": options.trials,
        "minutes": options.minutes,
        "tune_minutes": options.tune_minutes,
        "at_once": options.at_once,
        "int8": options.int8,
        "seed": options.seed,
        "images": options.images,
        "image_size": None if options.image_size is None else options.image_size.plain,
        "device": options.device,
        "same_classes": options.same_classes,
    }
    return parse_search({key: value for key, value in given.items() if value is not None})


def search_text(found: Found, folder: Path, stopped: bool = False) -> str:
    """Describe what a search found: its front as a table, and what became of the other trials."""
    lines = [_table(found), "", _about(found)]
    if missing := found.int8.get("missing"):
        lines.append(f"The unpruned network was not measured as INT8: {missing}")
    lines += [STOPPED] if stopped else []
    lines.append(f"The networks of the front are in {folder}.")
    return "\n".join(lines)


def _table(found: Found) -> str:
    from core.data.figures import figure_name

    base = found.unpruned["point"]
    name = figure_name(base["metric"])
    rows = [["trial", "ms", "quartiles", name, "95% interval", "of unpruned", "image size", "plan"]]
    rows.append(_row("unpruned", base, base, ""))
    if point := found.int8.get("point"):
        rows.append(_row("int8", point, base, f"unpruned, {title_of(found.int8)} INT8"))
    rows += [
        _row(str(r["trial"] + 1), r["point"], base, words_of(r["settings"], r["report"]))
        for r in found.front
    ]
    return laid_out(rows, "rrrrrrrl")


def title_of(int8: Mapping[str, Any]) -> str:
    """Return the name of the format that the unpruned network was exported to."""
    from core.ship.export.formats import format_of

    return format_of(int8["format"]).title


def _row(name: str, point: Mapping[str, Any], base: Mapping[str, Any], words: str) -> list[str]:
    from core.system.size import ImageSize

    share = f"{point['accuracy'] / base['accuracy']:.1%}" if base["accuracy"] else "–"
    spread = "" if point is base else f"{point['low']:.4f}–{point['high']:.4f}"
    times = f"{point['latency_low']:.1f}–{point['latency_high']:.1f}"
    size = ImageSize.of(point["image_size"]).text
    accuracy, ms = f"{point['accuracy']:.4f}", f"{point['latency_ms']:.1f}"
    return [name, ms, times, accuracy, spread, share, size, words]


def words_of(settings: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Say how a trial was pruned, in a few words."""
    if not report:
        return "not pruned"
    gone = [settings[f"removed_{n + 1}"] for n in range(settings["removed"])]
    words = [settings["criterion"], settings["allocation"], f"round to {settings['round_to']}"]
    words += [f"at least {settings['minimum_channels']}"] * (settings["minimum_channels"] > 1)
    return ", ".join([*words, *(f"without {name}" for name in dict.fromkeys(gone))])


def _about(found: Found) -> str:
    """Count the trials by what became of them, and say what the figures are of."""
    from core.ship.latency.runtimes import runtimes
    from core.system.size import ImageSize

    base = found.unpruned["point"]
    counts = [f"{len(found.trials)} trials, {len(found.front)} on the front"]
    counts += _counted(found.trials, "stopped", "too far behind after repair to be tuned")
    counts += _counted(found.trials, "same", "the same network as another")
    counts += _counted(found.trials, "refused", "not possible")
    counts += [f"{found.resumed} of an earlier run"] if found.resumed else []
    size = ImageSize.of(base["image_size"]).text
    return (
        f"{', '.join(counts)}. {base['images']} val images, {runtimes()[base['runtime']].title}, "
        f"unpruned at {size}."
    )


def _counted(trials: Sequence[Record], state: str, words: str) -> list[str]:
    count = sum(record["state"] == state for record in trials)
    return [f"{count} {words}"] if count else []


COMMANDS: Mapping[str, Command] = {"search": _search}
