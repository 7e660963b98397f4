"""The command that chooses what goes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import add_data, data_settings, shown_progress
from core.system.columns import laid_out

if TYPE_CHECKING:
    from core.choose.suggest import Suggestion


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    suggest = add("suggest", "Find the exact channels for the target of a plan, and alternatives.")
    suggest.add_argument("--plan", required=True, metavar="PLAN", help="a plan (JSON)")
    suggest.add_argument("-o", "--output", metavar="PLAN.json", help="output file for the plan")
    suggest.add_argument("--events", action="store_true", help="print progress as JSON lines")
    add_data(suggest, "for ranking on its training images")


def _suggest(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import load, suggest
    from core.plan.schema import read_plan
    from core.system.files import write_json

    plan = read_plan(options.plan)
    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    data = data_settings(options, plan.seed)
    found = suggest(loaded, plan, data, show, cache=not options.no_cache)
    if options.output:
        write_json(Path(options.output), found.plan.to_json())
    return {**found.to_json(), "output": options.output}, suggestion_text(found, options.output)


def suggestion_text(found: Suggestion, output: str | None) -> str:
    """Describe a suggestion and its alternatives."""
    from core.cli.text import change_text, skipped_text
    from core.plan.cost import gflops

    rows = [["GFLOPs", "parameters", "predicted cost"]]
    rows += [
        [f"{other.macs:.1%}", f"{other.params:.1%}", f"{other.score:.4g}"] for other in found.front
    ]
    lines = [
        change_text("parameters", found.before.parameters, found.after.parameters),
        change_text("GFLOPs", found.before.macs, found.after.macs, gflops),
        "",
        laid_out(rows, "rrr"),
    ]
    lines += skipped_text(found.skipped)
    if output:
        lines += ["", f"saved as {output}"]
    return "\n".join(lines)


COMMANDS: Mapping[str, Command] = {"suggest": _suggest}
