"""The command line. ``--json`` prints one JSON object, as ``docs/command-line.md`` describes."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any, cast

from core import program
from core.commands import GROUPS, Command, Group, steps
from core.commands.options import (
    add_data,
    add_history,
    add_repair,
    data_settings,
    repair_settings,
    shown_progress,
)
from core.errors import CancelledError, UserError
from core.logs import append_fault
from core.pipeline import Analysis


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 1 refused or failed (one line on standard error), 2 wrong usage.
    """
    options = build_parser().parse_args(arguments)
    try:
        # Libraries print to standard output as they please; there, only our own result belongs.
        with contextlib.redirect_stdout(sys.stderr):
            result, text = _command(options.command)(options)
        if output := json.dumps(result, allow_nan=False) if options.json else text:
            print(output)
        sys.stdout.flush()
    except UserError as error:
        return _fail(str(error))
    except CancelledError:
        return _fail("Cancelled; nothing was changed.")
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was left half done.")
    except BrokenPipeError:  # the reader of our output went away: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        return _fail(_report_bug(error))
    proofs = (result.get("verification"), result.get("parity"))
    return int(any(proof and proof.get("passed") is False for proof in proofs))


def _fail(text: str) -> int:
    print(f"secateur: {' '.join(text.split())}", file=sys.stderr)
    return 1


def _report_bug(error: Exception) -> str:
    """Log a bug whole; return the line for the person."""
    where = append_fault(error)
    kind = type(error).__name__
    return f"A fault of Secateur ({kind}: {error}), logged in {where}; please report it."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="secateur",
        description="Makes YOLO networks smaller and faster without breaking them.",
        epilog="Without a command the window opens, on FILE where one is named. --self-test tries "
        "the program itself, window included.",
    )
    parser.add_argument(
        "--version", action="version", version=f"secateur {metadata.version('secateur')}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, model: str | None = "MODEL") -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        if model is not None:
            about = "a .pt checkpoint or an Ultralytics yaml"
            command.add_argument("model", metavar=model, help=about)
            command.add_argument("--no-cache", action="store_true", help="trace the network anew")
        return command

    add("inspect", "List a model's blocks, sources, widths, parameters and multiply-adds.")
    predict = add("predict", "Say exactly what a plan does, before it is done.")
    predict.add_argument("--plan", required=True, metavar="PLAN", help="a plan, as JSON")
    why = add("why", "Say whether and by which path one place changes another.")
    why.add_argument("--from", dest="source", required=True, metavar="BLOCK|LAYER")
    why.add_argument("--to", dest="target", required=True, metavar="BLOCK|LAYER")
    prune = add("prune", "Prune a model, prove the result and save it.")
    prune.add_argument("--plan", required=True, metavar="PLAN", help="a plan, as JSON")
    prune.add_argument("-o", "--output", required=True, metavar="OUT.pt")
    prune.add_argument("--events", action="store_true", help="print progress as JSON lines")
    steps.add_options(prune)
    add_data(predict, "for ranking by its training images")
    add_data(prune, "for ranking by its training images and for repair")
    add_repair(prune)
    add_history(prune)
    verify = add("verify", "Compare a pruned model with its masked original.")
    verify.add_argument("pruned", metavar="PRUNED", help="the pruned checkpoint")
    verify.add_argument("--plan", metavar="PLAN", help="its plan; else the one stored in it")
    for group in _groups():
        group.add_parsers(add)
    return parser


@lru_cache(maxsize=1)
def _groups() -> tuple[Group, ...]:
    return tuple(cast(Group, importlib.import_module(name)) for name in GROUPS)


def _command(name: str) -> Command:
    for group in _groups():
        if name in group.COMMANDS:
            return group.COMMANDS[name]
    return COMMANDS[name]


def _inspect(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import analyse
    from core.render import inspect_text

    analysis = analyse(options.model, cache=not options.no_cache)
    return inspect_json(analysis), inspect_text(analysis, locked_blocks(analysis))


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
    from core.render import convolutions

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
            "image_size": facts.image_size,
            "dtype": facts.dtype,
            "frozen": facts.frozen,
            "fused": facts.fused,
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
    from core.pipeline import load, predict
    from core.plan.schema import read_plan
    from core.render import prediction_text

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
    from core.pipeline import analyse
    from core.plan.why import explain
    from core.render import why_text

    analysis = analyse(options.model, cache=not options.no_cache)
    answer = explain(analysis.table, options.source, options.target)
    return answer.to_json(), why_text(answer)


def _prune(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.checkpoint.facts import origin_of
    from core.pipeline import load, prune
    from core.plan.schema import read_plan
    from core.remember import folder_of, remember_pruned
    from core.render import pruned_text
    from core.ship.replay import weights_sha256

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
        progress=show,
    )
    report = {
        **result.prediction.to_json(),
        "verification": result.verification.to_json(),
        "repair": result.repaired.to_json() if result.repaired else None,
        "output": str(result.output),
        "plan": result.plan.to_json(),
        "weights_sha256": weights_sha256(result.model),
    }
    if options.history is not None:
        folder = folder_of(options.history, origin_of(loaded.facts))
        report["node"] = remember_pruned(folder, options.model, report).id
    return report, pruned_text(result)


def _verify(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.pipeline import load, verify
    from core.plan.schema import read_plan

    plan = read_plan(options.plan) if options.plan else None
    proof = verify(load(options.model), load(options.pruned), plan)
    word = "equals" if proof.passed else "differs from"
    if proof.repaired:
        word = "has the widths of its plan, and before its weights were repaired it equalled"
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


if __name__ == "__main__":
    program.prepare()
    logging.captureWarnings(True)
    sys.exit(main())
