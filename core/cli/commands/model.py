"""A model looked at, pruned and proven: inspect, predict, why, prune, verify."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command, steps
from core.cli.options import (
    add_data,
    add_history,
    add_repair,
    data_settings,
    repair_settings,
    shown_progress,
)
from core.pipeline import Analysis


def add_parsers(add: Add) -> None:
    """Add inspect, predict, why, prune and verify."""
    inspect = add("inspect", "List a model's blocks, sources, widths, parameters and GFLOPs.")
    inspect.add_argument(
        "--structure",
        action="store_true",
        help="also list the units, branches, scales and classes that a plan can remove",
    )
    predict = add("predict", "Show exactly what a plan changes, without pruning.")
    predict.add_argument("--plan", required=True, metavar="PLAN", help="a plan (JSON)")
    why = add("why", "Show whether pruning one block or layer changes another, and by which path.")
    why.add_argument("--from", dest="source", required=True, metavar="BLOCK|LAYER")
    why.add_argument("--to", dest="target", required=True, metavar="BLOCK|LAYER")
    prune = add("prune", "Prune a model, verify the result and save it.")
    prune.add_argument("--plan", required=True, metavar="PLAN", help="a plan (JSON)")
    prune.add_argument("-o", "--output", required=True, metavar="OUT.pt")
    prune.add_argument("--events", action="store_true", help="print progress as JSON lines")
    steps.add_options(prune)
    prune.add_argument(
        "--fp32", action="store_true", help="save FP32 weights even if the model came in FP16"
    )
    add_data(predict, "for ranking on its training images")
    add_data(prune, "for ranking on its training images, and for repair")
    add_repair(prune)
    add_history(prune)
    verify = add("verify", "Compare a pruned model with its masked original.")
    verify.add_argument("pruned", metavar="PRUNED", help="the pruned checkpoint")
    verify.add_argument("--plan", metavar="PLAN", help="its plan (the one stored in it)")


def _inspect(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.cli.text import inspect_text
    from core.pipeline import analyse

    analysis = analyse(options.model, cache=not options.no_cache)
    told, text = inspect_json(analysis), inspect_text(analysis, locked_blocks(analysis))
    if not options.structure:
        return told, text
    from core.cli.text import structure_text
    from core.pipeline import load
    from core.structure.listing import listing

    found = listing(load(options.model))
    return {**told, "structure": found}, f"{text}\n\n{structure_text(found)}"


def locked_blocks(analysis: Analysis) -> dict[int, str]:
    """Blocks with weights of which no channel can be removed, each with the main reason."""
    table = analysis.table
    locked = {}
    for block in table.blocks:
        layers = table.layers_of(block.index)
        held = [table.fixed[atoms[atoms >= 0]] for n in layers for atoms in [table.outputs(n)]]
        reasons = [int(number) for numbers in held for number in numbers]
        if layers and all(number >= 0 for number in reasons):
            most = max(set(reasons), key=reasons.count, default=-1)
            locked[block.index] = table.reasons[most] if most >= 0 else "its channels are constant"
    return locked


def inspect_json(analysis: Analysis) -> dict[str, Any]:
    """Return what ``inspect --json`` prints."""
    from core.cli.text import convolutions

    facts, table = analysis.facts, analysis.table
    locked = locked_blocks(analysis)
    blocks = [
        {
            "index": b.index,
            "type": b.type,
            "stage": b.stage,
            "stride": b.stride,
            "sources": list(b.sources),
            "in_channels": b.in_channels,
            "out_channels": b.out_channels,
            "parameters": b.parameters,
            "macs": b.macs,
            "locked": b.index in locked,
            "locked_reason": locked.get(b.index),
        }
        for b in table.blocks
    ]
    concats = []
    for b in table.blocks:
        if b.type == "Concat":
            ends = [sum(b.source_channels[:n]) for n in range(len(b.sources))]
            concats.append({"block": b.index, "sources": list(b.sources), "offsets": ends})
    return {
        "model": {
            "path": facts.path,
            "sha256": facts.sha256,
            "family": facts.family,
            "task": facts.task,
            "classes": {str(n): name for n, name in facts.classes.items()},
            "image_size": facts.image_size.plain,
            "dtype": facts.dtype,
            "frozen": facts.frozen,
            "fused": facts.fused,
            "masked": facts.masked,
            "zeros": facts.zeros,
        },
        "totals": {
            "parameters": sum(b.parameters for b in table.blocks),
            "macs": sum(b.macs for b in table.blocks),
            "blocks": len(table.blocks),
            "conv_layers": convolutions(table),
        },
        "blocks": blocks,
        "concats": concats,
        "not_followed": list(table.unfollowed),
    }


def _predict(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.cli.text import prediction_text
    from core.pipeline import load, predict
    from core.plan.schema import read_plan

    plan = read_plan(options.plan)
    prediction = predict(
        load(options.model),
        plan,
        cache=not options.no_cache,
        data=data_settings(options, plan.seed),
        progress=shown_progress(options),
    )
    return prediction.to_json(), prediction_text(prediction)


def _why(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.cli.text import why_text
    from core.pipeline import analyse
    from core.plan.why.why import explain

    analysis = analyse(options.model, cache=not options.no_cache)
    answer = explain(analysis.table, options.source, options.target)
    return answer.to_json(), why_text(answer)


def _prune(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.cli.text import pruned_text
    from core.pipeline import load, prune
    from core.plan.schema import read_plan

    plan = read_plan(options.plan)
    if plan.strategy == "one_by_one":
        return steps.prune_steps(options, plan)
    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    result = prune(
        loaded,
        plan,
        options.output,
        cache=not options.no_cache,
        data=data_settings(options, plan.seed),
        repair=repair_settings(options, plan.seed),
        fp32=options.fp32,
        progress=show,
    )
    report = steps.remembered(options, loaded, result.to_json())
    return report, pruned_text(result)


def _verify(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import load, verify
    from core.plan.schema import read_plan

    plan = read_plan(options.plan) if options.plan else None
    proof = verify(load(options.model), load(options.pruned), plan)
    word = "equals" if proof.passed else "differs from"
    if proof.repaired:
        word = "has the widths of its plan, and before the repair of its weights it equalled"
    text = (
        f"{options.pruned} {word} the masked original: relative error "
        f"{proof.relative_error:.1e} on {proof.inputs} inputs (at most {proof.tolerance:.0e})"
    )
    return {"verification": proof.to_json()}, text


COMMANDS: Mapping[str, Command] = {
    "inspect": _inspect,
    "predict": _predict,
    "why": _why,
    "prune": _prune,
    "verify": _verify,
}
