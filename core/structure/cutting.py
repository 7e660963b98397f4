"""The surgery of a plan in what its structure leaves, and the proof of both."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from core.checkpoint import Loaded
from core.checkpoint.writer import stored_as
from core.errors import UserError
from core.graph.modules import rules_blamed
from core.plan.predict import Prediction, predict_plan
from core.plan.resolve import Resolution
from core.plan.widths import Mask
from core.progress import Progress
from core.pruning.surgery import cut_network
from core.pruning.verify import Verification, check_proof, try_training, verify_networks
from core.structure.proof import prove
from core.structure.stage import Stage


def cut_stage(
    stage: Stage, removed: Mask, prediction: Prediction, progress: Progress, dtype: str
) -> tuple[nn.Module, Verification]:
    """Return a smaller copy of a network, verified to equal the masked original.

    Parameters
    ----------
    stage : Stage
    removed : bool array, shape (atoms,)
        Of what is left of the network.
    prediction : Prediction
        What is to come of it.
    progress : Progress
    dtype : str
        That it is stored in.

    Raises
    ------
    UserError
        For a network that was broken before.
    RuntimeError
        When the result is not what was predicted, which is a bug.
    """
    left = stage.loaded.model
    with rules_blamed(left.modules()):
        model = as_stored(cut_network(left, stage.analysis.table, removed), dtype)
        try_training(model)
        progress(0.65, "Comparing with the masked original")
        verification = proof_of(stage, model, removed)
        if not verification.passed:
            check_numbers(left)
        check_proof(verification, model, prediction.after.parameters)
    return model, verification


def check_numbers(model: nn.Module) -> None:
    """Refuse a network in which a training left weights that no output survives.

    Raises
    ------
    UserError
        With the first layer that has some: numbers that are none, or variances below zero.
    """
    for name, tensor in model.state_dict().items():
        layer, _, key = name.rpartition(".")
        if not tensor.is_floating_point():
            continue
        if not bool(torch.isfinite(tensor).all()):
            what = f"{key} of {layer} has values that are NaN or infinite"
        elif key == "running_var" and bool((tensor < 0).any()):
            what = f"{key} of {layer} has values below zero"
        else:
            continue
        raise UserError(
            f"The {what}, so the outputs of the network cannot be compared.",
            "Use a checkpoint from before the training diverged.",
            (layer,),
        )


def as_stored(model: nn.Module, dtype: str) -> nn.Module:
    """Return a network in FP32 with the weights that it has once it is stored in a type."""
    return model if dtype == "float32" else stored_as(model, dtype).float()


def proof_of(stage: Stage, pruned: nn.Module, removed: Mask) -> Verification:
    """Compare a pruned network with what is left of the original, and that with the original."""
    proof = verify_networks(stage.loaded.model, pruned, stage.analysis.table, removed)
    if stage.is_whole:
        return proof
    first = prove(stage.original.model, stage.loaded.model, stage.cuts)
    worst = max(first.relative_error, proof.relative_error)
    return replace(proof, relative_error=worst, passed=first.passed and proof.passed)


def check_widths(stage: Stage, pruned: Loaded, removed: Mask) -> None:
    """Raise ``UserError`` where a layer of a pruned file has another width than planned."""
    table = stage.analysis.table
    changes = predict_plan(table, Resolution(removed, (), ())).layers
    names = stage.names_in(pruned.model)
    if not stage.is_whole and set(names.values()) != {n for n, _ in pruned.model.named_modules()}:
        raise UserError(
            "The pruned file does not match the plan: it has other parts.",
            "Use the plan and the original model that it was pruned with.",
        )
    shapes = {name: p.shape for name, p in pruned.model.named_parameters()}
    for change in changes:
        name = names.get(change.name, change.name)
        shape = shapes.get(f"{name}.weight", shapes.get(name))
        if shape is None or change.outputs_after not in shape:
            raise UserError(
                f"The pruned file does not match the plan: {name} should have "
                f"{change.outputs_after} outputs.",
                "Use the plan and the original model that it was pruned with.",
                (name,),
            )
