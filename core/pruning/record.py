"""What a pruned checkpoint says about its pruning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoint import Facts, Loaded, record_head, save
from core.checkpoint.facts import kept_dtype
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.predict import LayerChange, Prediction
from core.plan.schema import Plan, parse_plan
from core.plan.widths import Mask
from core.pruning.verify import TOLERANCE, Verification

if TYPE_CHECKING:
    from torch import nn


def record(
    loaded: Loaded,
    plan: Plan,
    prediction: Prediction,
    verification: Verification,
    repair: list[dict[str, Any]] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What goes into the checkpoint: plan, source, the original channels that survive, repair.

    ``renamed`` has the new names of modules that have another than in the original.
    """
    earlier = loaded.facts.history[-1]["original"] if loaded.facts.history else {}
    return {
        **record_head(loaded.facts),
        "plan": plan.to_json(),
        "before": {"parameters": prediction.before.parameters, "macs": prediction.before.macs},
        "after": {"parameters": prediction.after.parameters, "macs": prediction.after.macs},
        "relative_error": verification.relative_error,
        "inputs": verification.inputs,
        "repair": repair,
        "kept": {
            change.name: {
                "inputs": list(change.kept_inputs),
                "outputs": list(change.kept_outputs),
            }
            for change in prediction.layers
        },
        "original": _original_indices(prediction.layers, earlier, renamed or {}),
    }


def save_pruned(
    loaded: Loaded,
    model: nn.Module,
    path: Path,
    made: Mapping[str, Any],
    dtype: str | None = None,
) -> None:
    """Write what became of a network, with the record of how added to its history.

    It is written in ``dtype``, by default in the precision that the network came in.

    Raises
    ------
    UserError
        When the file cannot be written, or is the one the network came from.
    """
    save(
        model,
        path,
        train_args=loaded.train_args,
        history=[*loaded.facts.history, made],
        forbidden=[loaded.facts.path],
        dtype=dtype or kept_dtype(loaded.facts),
    )


def _original_indices(
    layers: tuple[LayerChange, ...], earlier: Mapping[str, Any], renamed: Mapping[str, str]
) -> dict[str, dict[str, list[int]]]:
    """Kept channels as indices of the very first network, through every earlier pruning."""
    result = {name: dict(sides) for name, sides in earlier.items()}
    for change in layers:
        before = earlier.get(change.name)
        sides = {"inputs": change.kept_inputs, "outputs": change.kept_outputs}
        result[change.name] = {
            side: [before[side][n] for n in kept] if before else list(kept)
            for side, kept in sides.items()
        }
    gone = {change.name for change in layers if not change.outputs_after}
    return {renamed.get(name, name): own for name, own in result.items() if name not in gone}


def stored_plan(facts: Facts, sha256: str) -> Plan:
    """Return the plan by which a file says that it was pruned from the file with this hash.

    Raises
    ------
    UserError
        When it says nothing, or was pruned from another file.
    """
    if not facts.history:
        raise UserError(
            f"{facts.path} does not contain the plan that it was pruned with.",
            "Pass the plan with --plan.",
        )
    last = facts.history[-1]
    if "kept" not in last:
        raise UserError(
            f"{facts.path} was fine-tuned after pruning, so it does not equal the masked original.",
            "Verify the file from before fine-tuning.",
        )
    if last["source"]["sha256"] != sha256:
        raise UserError(
            f"{facts.path} was pruned from another file ({last['source']['name']}).",
            "Use that file as the original.",
        )
    return parse_plan(last["plan"])


def stored_removal(
    table: ChannelTable,
    sha256: str,
    facts: Facts,
    classes: Mapping[str, Sequence[int]] | None = None,
) -> Mask:
    """Return which channels a pruned file says were removed from the file with this hash.

    Parameters
    ----------
    table : ChannelTable
        Of what the plan's structure leaves of the original.
    sha256 : str
    facts : Facts
        Of the pruned file.
    classes : mapping of str to sequence of int, optional
        Layers that lost outputs with the structure, and the original's indices that they keep;
        None where the table is of the whole original.

    Raises
    ------
    UserError
        When it says nothing, was pruned from another file, names a layer that there is not, or
        lost more than channels where only those are looked at.
    """
    if stored_plan(facts, sha256).restructures and classes is None:
        raise UserError(
            f"{facts.path} lost more than channels (units, branches, scales or classes).",
            "Use `secateur predict` with its plan on the original to see what it lost.",
        )
    removed = np.zeros(table.atom_count, bool)
    for name, sides in facts.history[-1]["kept"].items():
        number = table.index.get(name)
        if number is None and sides["outputs"]:
            raise UserError(f"The original has no layer {name}.", "Use the correct original.")
        # One without outputs went as a whole; one of the head's lost classes, and no channels.
        if number is None or not sides["outputs"] or name in (classes or ()):
            continue
        atoms = table.outputs(number)
        gone = np.ones(len(atoms), bool)
        gone[sides["outputs"]] = False
        removed[atoms[gone & (atoms >= 0)]] = True
    return removed


def repaired_proof(facts: Facts) -> Verification | None:
    """Return the verification from before a file's weights were repaired, or None."""
    last = facts.history[-1] if facts.history else {}
    if not any(step["kept"] for step in last.get("repair") or ()):
        return None
    error = float(last["relative_error"])
    return Verification(error, TOLERANCE, error <= TOLERANCE, int(last["inputs"]), repaired=True)
