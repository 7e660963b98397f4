"""What the command line prints for people: tables, bars, short sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.checkpoint.facts import fork_note, modules_note, zeros_note
from core.data.figures import names_of
from core.graph.table import ChannelTable
from core.pipeline import Analysis, Pruned
from core.plan.cost import gflops
from core.plan.predict import Prediction
from core.plan.why.why import Answer
from core.system.columns import laid_out
from core.trust.find import needed_by

BAR = 10

if TYPE_CHECKING:
    from core.repair import Repaired


def count(value: int) -> str:
    """Write a count with a unit: 3.16 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= size:
            return f"{value / size:.2f} {unit}"
    return str(value)


def bar(share: float, width: int = BAR) -> str:
    """Draw a share, 0 to 1, as a bar."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "░" * (width - filled)


def convolutions(table: ChannelTable) -> int:
    """Count the convolutions of a network."""
    return sum(layer.kind in ("Conv2d", "ConvTranspose2d") for layer in table.layers)


def inspect_text(analysis: Analysis, locked: Mapping[int, str]) -> str:
    """Describe a model: its facts, then its blocks."""
    facts, blocks = analysis.facts, analysis.table.blocks
    parameters = sum(b.parameters for b in blocks)
    macs = sum(b.macs for b in blocks)
    classes = f"{len(facts.classes)} classes" if len(facts.classes) != 1 else "1 class"
    notes = [
        n for n, on in (("fused", facts.fused), ("pruned by Secateur", bool(facts.history))) if on
    ]
    lines = [
        f"{facts.path}: {facts.family}, {facts.task}, {classes}, {facts.image_size.text}, "
        + ", ".join([facts.dtype, *notes]),
        f"{count(parameters)} parameters, {gflops(macs)} GFLOPs, {len(blocks)} blocks, "
        f"{convolutions(analysis.table)} convolutions",
        *filter(
            None,
            [fork_note(facts), zeros_note(facts), modules_note(facts.modules, "This file")],
        ),
        "",
    ]
    largest = max((b.macs for b in blocks), default=1) or 1
    rows = [
        [
            str(b.index),
            b.type,
            b.stage,
            f"/{b.stride}",
            ", ".join("image" if s < 0 else str(s) for s in b.sources),
            f"{b.in_channels} → {b.out_channels}",
            count(b.parameters),
            f"{bar(b.macs / largest)} {gflops(b.macs)}",
            "locked" if b.index in locked else "",
        ]
        for b in blocks
    ]
    head = [
        "block",
        "type",
        "stage",
        "stride",
        "from",
        "channels",
        "parameters",
        "GFLOPs",
        "",
    ]
    why = [f"Block {index} is locked: {reason}." for index, reason in locked.items()]
    return "\n".join([*lines, laid_out([head, *rows], "rlllllr"), *([""] if why else []), *why])


def structure_text(found: Mapping[str, Any]) -> str:
    """List what a plan can remove besides channels."""
    rows = [[str(u["block"]), str(u["place"]), u["name"], u["type"]] for u in found["units"]]
    rows += [[str(b["block"]), "", b["name"], b["type"]] for b in found["branches"]]
    lines = ["Can be removed, by block and place (units) or by name (branches):"]
    lines.append(laid_out([["block", "place", "name", "type"], *rows], "rrll"))
    if found["scales"]:
        lines.append(
            f"Detection scales that can be removed: {', '.join(map(str, found['scales']))}."
        )
    if found["classes"]:
        lines.append('Classes can be reduced to those in "classes".')
    return "\n".join(lines)


def latency_text(prediction: Prediction) -> list[str]:
    """Return one line on predicted milliseconds, or none."""
    if prediction.latency_ms is None:
        return []
    before, after = prediction.latency_ms
    kept = after / before if before else 1.0
    name = "ms, predicted"
    return [f"{name:14} {before:9.2f} → {after:9.2f}  {bar(kept, 20)} {kept:.1%}"]


def prediction_text(prediction: Prediction) -> str:
    """Describe what a plan does."""
    before, after = prediction.before, prediction.after
    lines = [
        change_text("parameters", before.parameters, after.parameters),
        change_text("GFLOPs", before.macs, after.macs, gflops),
        *latency_text(prediction),
        "",
    ]
    rows = [
        [
            change.name,
            _widths(change.inputs_before, change.inputs_after),
            _widths(change.outputs_before, change.outputs_after),
            bar(change.outputs_after / max(1, change.outputs_before)),
        ]
        for change in prediction.layers
        if not change.type.startswith("BatchNorm")
    ]
    if rows:
        lines += [laid_out([["layer", "inputs", "outputs", "kept"], *rows], "lrr"), ""]
    if prediction.naive_conflicts:
        lines.append(
            "Without Secateur, cutting only the selected layers would fail here, in order:"
        )
        for place, conflict in enumerate(prediction.naive_conflicts, 1):
            lines += [f"{place:3}. {conflict.layer}: {conflict.error}", f"     {conflict.reason}"]
        lines.append("")
    for blocked in prediction.blocked:
        lines.append(f"Blocked: {blocked.message}")
        if blocked.nearest:
            nearest = ", ".join(json.dumps(entry.to_json()) for entry in blocked.nearest)
            lines.append(f"         nearest that works: {nearest}")
    lines += skipped_text(prediction.skipped)
    return "\n".join(lines).rstrip()


def change_text(name: str, before: int, after: int, write: Callable[[int], str] = count) -> str:
    """Show a figure before and after, and the share that remains."""
    share = after / before if before else 1.0
    return f"{name:14} {write(before):>9} → {write(after):>9}  {bar(share, 20)} {share:.1%}"


def _widths(before: int, after: int) -> str:
    if before == after:
        return str(before)
    return f"{before} → {after}" if after else f"{before}, gone"


def skipped_text(skipped: int) -> list[str]:
    """Describe how many images could not be read; nothing when all could."""
    if not skipped:
        return []
    noun, verb = ("image", "was") if skipped == 1 else ("images", "were")
    return [f"{skipped} {noun} could not be read and {verb} skipped."]


def pruned_text(result: Pruned) -> str:
    """Describe a pruning that was done."""
    proof = result.verification
    lines = [
        change_text(
            "parameters", result.prediction.before.parameters, result.prediction.after.parameters
        ),
        change_text("GFLOPs", result.prediction.before.macs, result.prediction.after.macs, gflops),
        f"equal to the masked original: relative error {proof.relative_error:.1e} "
        f"(at most {proof.tolerance:.0e}) on {proof.inputs} inputs",
        f"saved as {result.output}",
    ]
    if result.repaired is not None:
        lines += repair_lines(result.repaired)
    if result.repair_failed:
        lines.append(f"Warning: repair failed, so the file is not repaired. {result.repair_failed}")
    lines += [f"Blocked: {blocked.message}" for blocked in result.prediction.blocked]
    lines += skipped_text(result.prediction.skipped)
    lines += filter(None, [modules_note(needed_by(result.model), "The pruned file")])
    lines.append(
        "Fine-tune the network to recover accuracy, with `secateur finetune`: train() of "
        "Ultralytics would rebuild the full network."
    )
    return "\n".join(lines)


def repair_lines(repaired: Repaired) -> list[str]:
    """Describe what every step of a repair gained, on images it was not fitted to."""
    measure = names_of(str(getattr(repaired.model, "task", "")))[0]
    lines = [
        f"repaired on {repaired.fitted} of {repaired.available} images, measured on "
        f"{repaired.held_out} held-out images"
        + (f"; {repaired.skipped} unreadable" if repaired.skipped else "")
    ]
    unused = repaired.available - repaired.fitted - repaired.held_out - repaired.skipped
    if unused > 0:
        lines.append(f"  {unused} images were not used; more may help")
    for step in repaired.steps:
        word = "kept" if step.kept else "not kept"
        text = f"  {step.step:8} gap {step.before.gap:.3g} → {step.after.gap:.3g}"
        if step.before.map50_95 is not None and step.after.map50_95 is not None:
            text += f", {measure} {step.before.map50_95:.4f} → {step.after.map50_95:.4f}"
        note = f" ({step.note})" if step.note else ""
        lines.append(f"{text}: {word}, {step.seconds:.0f} s{note}")
    return lines


def why_text(answer: Answer) -> str:
    """State an answer, then every path."""
    return "\n".join([answer.sentence, *(f"  {path.text}" for path in answer.paths[1:])])


def sensitivity_text(report: Mapping[str, Any], task: str = "") -> str:
    """Lay out a scan: a row per block, a column per ratio, accuracy kept as a share."""
    base, points = report["baseline"], report["points"]
    ratios = sorted({p["ratio"] for p in points})
    shares = {(p["block"], p["ratio"]): p["share"] for p in points}
    rows = []
    for block in sorted({p["block"] for p in points}):
        found = [shares.get((block, ratio)) for ratio in ratios]
        rows.append([str(block), *["-" if share is None else f"{share:.1%}" for share in found]])
    head = ["block", *[f"-{ratio:.0%}" for ratio in ratios]]
    lines = [
        f"Unpruned: {names_of(task)[0]} {base['map50_95']:.4f} on {base['images']} images. "
        "Share kept when only that block loses this share of its channels:",
        laid_out([head, *rows], "r" * len(head)),
    ]
    lines += [row["reason"] for row in report["unprunable"]]
    if report["resumed"]:
        lines.append(f"{report['resumed']} of {len(points)} were measured earlier.")
    return "\n".join(lines)
