"""The command that chooses what goes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_data, add_place, data_settings, place_of, shown_progress
from core.errors import UserError, no_dataset
from core.system.columns import laid_out

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.choose.suggest import Suggestion
    from core.cluster.place import Place
    from core.compare.bench import MeasuredFront
    from core.plan.schema import Plan
    from core.progress import Progress


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    suggest = add("suggest", "Find the exact channels for the target of a plan, and alternatives.")
    suggest.add_argument("--plan", required=True, metavar="PLAN", help="a plan (JSON)")
    suggest.add_argument("-o", "--output", metavar="PLAN.json", help="output file for the plan")
    suggest.add_argument("--events", action="store_true", help="print progress as JSON lines")
    add_data(suggest, "for ranking on its training images, and for --measure")
    suggest.add_argument(
        "--measure",
        action="store_true",
        help="prune, repair, evaluate and time every alternative, on --data",
    )
    add_place(suggest, "rank on images, and prune, repair and evaluate for --measure")
    suggest.add_argument(
        "--repair",
        metavar="STEPS",
        help="repair before --measure evaluates: some of fold, refit and bn, or none (bn,refit)",
    )


def _suggest(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.elsewhere import pool_for
    from core.pipeline import load, suggest
    from core.plan.criteria import can_be_shared
    from core.plan.schema import read_plan
    from core.progress import Span
    from core.system.files import check_folder, write_json

    if options.output:
        check_folder(Path(options.output))
    if options.measure and options.data is None:
        raise no_dataset("--measure", "Pass a dataset YAML (--data).")
    plan = read_plan(options.plan)
    on = _place(options, plan)
    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    data = data_settings(options, plan.seed)
    part = Span(show, 0.0, 0.2) if options.measure else show
    twice = on is not None and options.measure and can_be_shared(plan.criterion)
    with pool_for(loaded, on, data, show) if on is not None and twice else nullcontext():
        found = suggest(loaded, plan, data, part, cache=not options.no_cache, on=on)
        if options.output:
            write_json(Path(options.output), found.plan.to_json())
        report = {**found.to_json(), "output": options.output}
        if not options.measure:
            return report, suggestion_text(found, options.output)
        measured = _measured(options, loaded, found, on, Span(show, 0.2, 1.0))
    told = measured.to_json()
    front = [{**one, **(told["points"][n] or {})} for n, one in enumerate(report["front"])]
    report |= {"front": front, "unpruned": told["unpruned"], "refused": told["refused"]}
    return report, suggestion_text(found, options.output, measured)


def _place(options: argparse.Namespace, plan: Plan) -> Place | None:
    """Return where work runs; raise ``UserError`` where none of it can run elsewhere."""
    from core.plan.criteria import CRITERIA, can_be_shared

    on = place_of(options)
    if on is None or options.measure or can_be_shared(plan.criterion):
        return on
    shared = ", ".join(name for name in CRITERIA if can_be_shared(name))
    raise UserError(
        f"The criterion “{plan.criterion}” ranks in this process, so that nothing is left for "
        f"{on.text}.",
        f"Leave out --on, pass --measure, or use one of {shared}.",
    )


def _measured(
    options: argparse.Namespace,
    loaded: Loaded,
    found: Suggestion,
    on: Place | None,
    progress: Progress,
) -> MeasuredFront:
    from dataclasses import replace

    from core.compare.bench import QUICK
    from core.compare.front import measure_front
    from core.repair import parse_steps

    data = data_settings(options, found.plan.seed, "val")
    assert data is not None  # checked before
    repair = QUICK
    if options.repair not in (None, "none"):
        repair = replace(QUICK, steps=parse_steps(options.repair))
    return measure_front(
        loaded,
        [alternative.plan for alternative in found.front],
        data,
        None if options.repair == "none" else repair,
        on=on,
        cache=not options.no_cache,
        progress=progress,
    )


def suggestion_text(
    found: Suggestion, output: str | None, measured: MeasuredFront | None = None
) -> str:
    """Describe a suggestion and its alternatives."""
    from core.cli.text import change_text, skipped_text
    from core.plan.cost import gflops

    lines = [
        change_text("parameters", found.before.parameters, found.after.parameters),
        change_text("GFLOPs", found.before.macs, found.after.macs, gflops),
        "",
        _table(found) if measured is None else _measured_table(found, measured),
    ]
    lines += skipped_text(found.skipped)
    if found.rankings:
        lines += ["", "Rankings by their images; the plan is that of the smallest gap:"]
        lines += [_rankings_table(found)]
    if found.hint:
        lines += ["", f'{found.hint} Set "depth": true in the plan to try.']
    if output:
        lines += ["", f"saved as {output}"]
    return "\n".join(lines)


def _table(found: Suggestion) -> str:
    rows = [["GFLOPs", "parameters", "predicted cost"]]
    rows += [
        [f"{other.macs:.1%}", f"{other.params:.1%}", f"{other.score:.4g}"] for other in found.front
    ]
    return laid_out(rows, "rrr")


def _rankings_table(found: Suggestion) -> str:
    rows = [["images", "gap after a quick repair", ""]]
    rows += [
        [str(one.images), f"{one.gap:.4g}", "kept" if one.kept else ""] for one in found.rankings
    ]
    return laid_out(rows, "rrl")


def _measured_table(found: Suggestion, measured: MeasuredFront) -> str:
    """Lay out what was measured, and say of which images and of what it depends on."""
    from core.data.figures import figure_name
    from core.ship.latency.runtimes import runtimes

    base = measured.base
    assert base is not None  # whatever is measured begins with it
    name = figure_name(base.metric)
    rows = [["GFLOPs", "parameters", name, "95% interval", "of unpruned", "ms", "quartiles"]]
    named = [("100.0%", "100.0%", base)]
    named += [
        (f"{other.macs:.1%}", f"{other.params:.1%}", point)
        for other, point in zip(found.front, measured.points, strict=True)
        if point is not None
    ]
    for macs, params, point in named:
        share = f"{point.accuracy / base.accuracy:.1%}" if base.accuracy else "–"
        spread = f"{point.low:.4f}–{point.high:.4f}" if point is not base else "unpruned"
        times = f"{point.latency_low:.1f}–{point.latency_high:.1f}"
        accuracy, ms = f"{point.accuracy:.4f}", f"{point.latency_ms:.1f}"
        rows.append([macs, params, accuracy, spread, share, ms, times])
    about = (
        f"{base.images} images at {base.image_size.text}, repair: {base.repair or 'none'}, "
        f"{runtimes()[base.runtime].title}. "
        "The interval is of the difference to the unpruned network, by a bootstrap over images."
    )
    refused = [f"Not measured: {text}" for text in measured.refused.values()]
    return "\n".join([laid_out(rows, "rrrrrrr"), about, *refused])


COMMANDS: Mapping[str, Command] = {"suggest": _suggest}
