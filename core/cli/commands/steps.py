"""Pruning one by one, and what it left in its folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.commands import Add, Command
from core.cli.options import data_settings, shown_progress
from core.errors import no_dataset
from core.system.columns import laid_out

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.plan.schema import Plan


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    add("steps", "List the steps saved by pruning one by one.", model="FOLDER")


def add_options(prune: argparse.ArgumentParser) -> None:
    """Add what ``prune`` takes for the strategy one by one."""
    prune.add_argument(
        "--steps", metavar="FOLDER", help="folder for the steps of one_by_one (next to the output)"
    )
    prune.add_argument(
        "--from-step", type=int, metavar="N", help="continue from this step of one_by_one"
    )


def prune_steps(options: argparse.Namespace, plan: Plan) -> tuple[dict[str, Any], str]:
    """Run ``prune`` with a plan whose strategy is one by one."""
    from core.cli.text import pruned_text
    from core.data.stream import ALL
    from core.measure import prune_one_by_one
    from core.pipeline import load

    show = shown_progress(options)
    show(0.0, "Opening the model")
    settings = data_settings(options, plan.seed, "val")
    if settings is None:
        raise no_dataset("The strategy one_by_one", "Pass a dataset YAML with --data.")
    loaded = load(options.model)
    result = prune_one_by_one(
        loaded,
        plan,
        replace(settings, images=ALL),
        options.output,
        folder=options.steps,
        from_step=options.from_step,
        cache=not options.no_cache,
        progress=show,
    )
    report = remembered(options, loaded, result.to_json())
    return report, f"{steps_text(report['steps'])}\n{pruned_text(result.pruned)}"


def remembered(
    options: argparse.Namespace, loaded: Loaded, report: dict[str, Any]
) -> dict[str, Any]:
    """Return the report of a pruning with its step in the history, where ``--history`` asks so."""
    if options.history is None:
        return report
    from core.checkpoint.facts import origin_of
    from core.history.remember import folder_of, remember_pruned, with_step

    folder = folder_of(options.history, origin_of(loaded.facts))
    return with_step(report, lambda: remember_pruned(folder, options.model, report))


def steps_text(steps: list[dict[str, Any]]) -> str:
    """Lay out steps: what was tried, what it kept, whether it stayed."""
    from core.plan.cost import gflops
    from core.plan.schema import Entry

    rows = []
    for step in steps:
        entry = Entry.model_validate(step["entry"])
        amount = f"{len(entry.channels)} channels" if entry.channels else f"-{entry.ratio:.0%}"
        what = f"{entry.label} {amount}" + ("" if entry.scope == "all" else f" ({entry.scope})")
        share = "-" if step["share"] is None else f"{step['share']:.1%}"
        after = f"after {step['parent']}"
        fate = "accepted" if step["accepted"] else "reverted"
        row = [str(step["step"]), after, what, f"{step['map50_95']:.4f}", share]
        rows.append([*row, gflops(step["macs"]), fate, step["checkpoint"]])
    head = ["step", "on", "entry", "accuracy", "kept", "GFLOPs", "", "checkpoint"]
    return laid_out([head, *rows], "rllrrr")


def _steps(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.sensitivity.one_by_one import LOG, public
    from core.sensitivity.records import read_steps

    folder = Path(options.model)
    steps = [public(r) for r in read_steps(folder / LOG, whole=True) if "step" in r]
    if not steps:
        return {"folder": str(folder), "steps": []}, f"{folder} contains no steps yet."
    return {"folder": str(folder), "steps": steps}, steps_text(steps)


COMMANDS: Mapping[str, Command] = {"steps": _steps}
