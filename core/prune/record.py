"""What a pruned checkpoint says about its pruning."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from core.checkpoint import Loaded
from core.plan.predict import LayerChange, Prediction
from core.plan.schema import Plan
from core.prune.verify import Verification


def record(
    loaded: Loaded, plan: Plan, prediction: Prediction, verification: Verification
) -> dict[str, Any]:
    """What goes into the checkpoint: plan, source, and the original channels that survive."""
    earlier = loaded.facts.history[-1]["original"] if loaded.facts.history else {}
    return {
        "version": 1,
        "secateur": metadata.version("secateur"),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "source": {
            "name": Path(loaded.facts.path).name,
            "sha256": loaded.facts.sha256,
            "family": loaded.facts.family,
        },
        "plan": plan.to_json(),
        "before": {"parameters": prediction.before.parameters, "macs": prediction.before.macs},
        "after": {"parameters": prediction.after.parameters, "macs": prediction.after.macs},
        "relative_error": verification.relative_error,
        "kept": {
            change.name: {
                "inputs": list(change.kept_inputs),
                "outputs": list(change.kept_outputs),
            }
            for change in prediction.layers
        },
        "original": _original_indices(prediction.layers, earlier),
    }


def _original_indices(
    layers: tuple[LayerChange, ...], earlier: Mapping[str, Any]
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
    return result
