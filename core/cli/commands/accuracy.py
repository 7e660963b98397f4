"""Commands that measure accuracy."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.cli.commands import Add, Command
from core.cli.options import (
    add_data,
    add_history,
    add_place,
    data_settings,
    place_of,
    shown_progress,
)
from core.errors import UserError


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    evaluate = add("evaluate", "Measure the accuracy of a model on labelled images.")
    add_data(evaluate, "evaluated on its split", required=True, images=None)
    evaluate.add_argument("--split", default="val", help="train, val or test (val)")
    evaluate.add_argument(
        "--square",
        action="store_true",
        help="letterbox every image to the whole size, as exported files take them",
    )
    add_history(evaluate)
    evaluate.add_argument("--events", action="store_true", help="print progress as JSON lines")
    scan = add("sensitivity", "Measure accuracy with each block pruned alone; resumable.")
    add_data(scan, "evaluated on its validation images", required=True, images=None)
    scan.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="results, appended one at a time"
    )
    scan.add_argument("--ratios", type=_ratios, help="ratios (0.25,0.5,0.75,0.9)")
    scan.add_argument("--blocks", type=_blocks, help="blocks, such as 4,6,8 (all)")
    scan.add_argument("--split", default="val", help="train, val or test (val)")
    scan.add_argument(
        "--plan", metavar="PLAN", help="use the ranking, rounding and locks of this plan"
    )
    scan.add_argument("--criterion", help="ranking criterion (that of the plan, or fisher)")
    add_place(scan, "measure points")
    scan.add_argument("--events", action="store_true", help="print points as JSON lines")


def _evaluate(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.checkpoint.facts import origin_of
    from core.data.evaluate import evaluate
    from core.data.figures import names_of
    from core.history.remember import folder_of, remember_measured, with_step
    from core.ship.exported.metadata import exported_format
    from core.ship.exported.network import open_network

    show = shown_progress(options)
    show(0.0, "Opening the model")
    if options.history is not None and exported_format(options.model) is not None:
        raise UserError(
            "An exported file is no step of a history.",
            "Leave out --history, or put it next to its checkpoint: "
            "secateur compare MODEL FILE --data DATA --history.",
        )
    loaded = open_network(options.model)
    settings = data_settings(options, split=options.split)
    assert settings is not None  # --data is required
    facts = loaded.facts
    accuracy = evaluate(
        loaded.model,
        settings,
        facts.classes,
        facts.task,
        progress=show,
        square=options.square,
    )
    report = accuracy.to_json()
    if options.history is not None:
        folder = folder_of(options.history, origin_of(facts))
        looked_at = {"data": options.data, "split": options.split, "images": accuracy.images}
        looked_at["image_size"] = options.image_size.plain
        figures = accuracy.figures
        report = with_step(
            report, lambda: remember_measured(folder, options.model, figures, looked_at)
        )
    left = f", {accuracy.skipped} unreadable" if accuracy.skipped else ""
    main, second = names_of(facts.task)
    found = f"{main} {accuracy.map50_95:.4f}, {second} {accuracy.map50:.4f}"
    times = (
        f"an image: {accuracy.preprocess:.1f} ms before the network, "
        f"{accuracy.milliseconds:.1f} ms in it, {accuracy.postprocess:.1f} ms after it"
    )
    return report, f"{found} on {accuracy.images} images{left}\n{times}"


def _numbers(text: str, kind: type[Any], what: str) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a list of {what}") from None


def _ratios(text: str) -> list[float]:
    return _numbers(text, float, "ratios such as 0.25,0.5")


def _blocks(text: str) -> list[int]:
    return _numbers(text, int, "blocks such as 4,6,8")


def _sensitivity(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.cli.text import sensitivity_text
    from core.measure import RANKING, sensitivity
    from core.pipeline import load
    from core.plan.schema import Plan, read_plan

    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    plan = read_plan(options.plan) if options.plan else Plan(criterion=RANKING)
    if options.criterion:
        plan = plan.model_copy(update={"criterion": options.criterion})
    settings = data_settings(options, plan.seed, options.split)
    assert settings is not None  # --data is required
    result = sensitivity(
        loaded,
        settings,
        options.output,
        plan=plan,
        ratios=options.ratios,
        blocks=options.blocks,
        on=place_of(options),
        cache=not options.no_cache,
        progress=show,
    )
    report = {**result.to_json(), "output": options.output}
    return report, sensitivity_text(report, loaded.facts.task)


COMMANDS: Mapping[str, Command] = {"evaluate": _evaluate, "sensitivity": _sensitivity}
