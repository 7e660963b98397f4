"""Sparse training: the scales of BatchNorms are pulled to zero where the network needs them least.

Liu et al., “Network Slimming” (1708.06519), section 3, add an L1 penalty of the scales to the loss.
Its gradient never makes a scale exactly zero; the proximal step after every step of the optimizer
does: scales move towards zero by the learning rate times the strength, and stop there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.checkpoint import Loaded
from core.errors import UserError
from core.graph.analysis import analyse
from core.graph.table import ChannelTable
from core.tune.distill import student_of
from core.tune.presets import SCHEDULES
from core.tune.timed import share_of

NOTHING = 1e-3
"""A scale below this does next to nothing: trained ones are about one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparsity:
    """How the scales of a network are pulled.

    Attributes
    ----------
    strength : float
        What the learning rate is multiplied by to get the step towards zero.
    schedule : str
        A key of `core.tune.presets.SCHEDULES`.
    channels : mapping of str to bool arrays, shape (channels,)
        By the name of a BatchNorm, which of its channels are pulled.
    """

    strength: float
    schedule: str
    channels: Mapping[str, NDArray[np.bool_]]

    def share_near_zero(self, model: nn.Module) -> float:
        """Return the share of the scales that are pulled that is below `NOTHING`, 0 to 1."""
        near = total = 0
        for name, chosen in self.channels.items():
            scale = _scale(model, name).detach().abs().float().cpu().numpy()[chosen]
            near, total = near + int((scale < NOTHING).sum()), total + len(scale)
        return near / total


def sparsity_of(source: Loaded, strength: float, schedule: str) -> Sparsity:
    """Return the sparse training of a network.

    Parameters
    ----------
    source : Loaded
    strength : float
        More than 0.
    schedule : str

    Raises
    ------
    UserError
        When it has no BatchNorm with a channel that can be cut.
    """
    channels = cuttable(analyse(source).table)
    if not channels:
        raise UserError(
            f"{source.facts.path} has no BatchNorm with channels that can be cut.",
            "Sparse training pulls the scales of BatchNorm layers; choose another preset.",
        )
    return Sparsity(strength, schedule, channels)


def cuttable(table: ChannelTable) -> dict[str, NDArray[np.bool_]]:
    """Return which channels of each BatchNorm can be cut; a BatchNorm that has none is left out.

    Parameters
    ----------
    table : ChannelTable
    """
    found = {}
    for number, layer in enumerate(table.layers):
        atoms = table.outputs(number)
        # A BatchNorm without scales has an empty kernel.
        if not layer.kind.startswith("BatchNorm") or not layer.kernel:
            continue
        free = (atoms >= 0) & (table.fixed[np.maximum(atoms, 0)] < 0)
        if free.any():
            found[layer.name] = free
    return found


def shrink(scales: Tensor, step: Tensor | float) -> Tensor:
    """Return scales moved towards zero by a step, and no further than that: a soft threshold.

    Parameters
    ----------
    scales : Tensor
    step : Tensor or float
        0 or more; a tensor of the same shape has a step for each.
    """
    return scales.sign() * (scales.abs() - step).clamp_min(0.0)


def watch(trainer: Any, sparsity: Sparsity) -> None:
    """Pull the scales after every step of a trainer's optimizer.

    The averaged weights, which are measured and saved, become those of the last step: a mean over
    steps has few zeros, because a scale that is zero now was none before.

    Parameters
    ----------
    trainer : BaseTrainer
        About to start, its optimizer made.
    sparsity : Sparsity
    """
    student = student_of(trainer.model)
    scales = {name: _scale(student, name) for name in sparsity.channels}
    groups = {id(p): group for group in trainer.optimizer.param_groups for p in group["params"]}
    pulled = [
        (scale, torch.from_numpy(sparsity.channels[name]).to(scale), groups[id(scale)])
        for name, scale in scales.items()
        if id(scale) in groups and scale.requires_grad
    ]
    factor = SCHEDULES[sparsity.schedule].factor

    def pull(*_unused: Any) -> None:
        strength = sparsity.strength * factor(_progress(trainer))
        with torch.no_grad():
            for scale, chosen, group in pulled:
                scale.copy_(shrink(scale, chosen * (float(group["lr"]) * strength)))

    trainer.optimizer.register_step_post_hook(pull)
    if trainer.ema is not None:
        trainer.ema.decay = lambda updates: 0.0


def _progress(trainer: Any) -> float:
    """Return how much of a training is over, 0 to 1."""
    if trainer.args.time:
        return share_of(trainer)
    return min(float(trainer.epoch + 1) / max(float(trainer.epochs), 1.0), 1.0)


def _scale(model: nn.Module, name: str) -> Tensor:
    return model.get_submodule(name).get_parameter("weight")


def result_of(sparsity: Sparsity, before: nn.Module, after: nn.Module) -> dict[str, Any]:
    """Return what a result says of the scales.

    Returns
    -------
    dict
        ``scales`` that were pulled (a count), and the shares of them below `NOTHING` ``before``
        and ``after``, 0 to 1.
    """
    return {
        "scales": sum(int(chosen.sum()) for chosen in sparsity.channels.values()),
        "before": sparsity.share_near_zero(before),
        "after": sparsity.share_near_zero(after),
    }
