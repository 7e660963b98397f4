"""Which channels of a teacher's blocks are those of its student's, by the history in the file.

A pruned network's file lists, for every convolution, the channels of the original that are left.
So the maps of a block can be compared channel by channel (FitNets, 1412.6550, without a regressor).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from core.checkpoint import Loaded
from core.repair.context import block_outputs

FINEST = 8
"""Blocks of a smaller stride are not matched: large maps, and little is cut there."""
SIDE = 64
"""Pixels of the image that shows which convolution delivers a block's output."""
LEAST_VARIANCE = 1e-3
"""Added to the variance of a channel, so that one that is always the same is not divided by 0."""


def matched_channels(student: Loaded, teacher: Loaded) -> dict[int, Tensor]:
    """Return the teacher's channels that a student's blocks still have.

    Parameters
    ----------
    student : Loaded
        Its history tells what was pruned.
    teacher : Loaded
        The network that it was pruned from.

    Returns
    -------
    dict of int to Tensor
        Indices of the teacher's channels by the number of a block; empty where the student was
        not pruned from the teacher. A block whose output is not that of one of its convolutions
        is left out.
    """
    history = student.facts.history
    source = (history[0].get("source") or {}) if history else {}
    if source.get("sha256") != teacher.facts.sha256:
        return {}
    original = history[-1].get("original") or {}
    widths = {n: own.shape[1] for n, (own, _) in _delivered(teacher.model).items()}
    found = {}
    for number, (output, name) in _delivered(student.model).items():
        kept = (original.get(f"{name}.conv") or {}).get("outputs")
        kept = range(output.shape[1]) if kept is None else kept
        fits = len(kept) == output.shape[1] and max(kept, default=0) < widths.get(number, 0)
        if fits and output.shape[-1] <= SIDE // FINEST:
            found[number] = torch.tensor(list(kept))
    return found


def _delivered(model: nn.Module) -> dict[int, tuple[Tensor, str]]:
    """Return the output of every block that is that of a ``Conv`` in it, with the name of that."""
    from ultralytics.nn.modules.conv import Conv

    seen: dict[int, tuple[Tensor, str]] = {}  # with the tensor, so that its id stays its own
    outputs: dict[int, tuple[Tensor, str]] = {}
    parameter = next(model.parameters())
    was, blocks = model.training, cast("nn.Sequential", model.model)
    with contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            if isinstance(module, Conv):

                def note(_m: nn.Module, _in: Any, output: Tensor, name: str = name) -> None:
                    seen[id(output)] = (output, name)

                stack.callback(module.register_forward_hook(note).remove)
        found = stack.enter_context(block_outputs(model, list(range(len(blocks) - 1))))
        with torch.no_grad():
            channels = int(getattr(model, "yaml", {}).get("channels", 3))
            model.eval()(torch.zeros(1, channels, SIDE, SIDE).to(parameter))
        for number, output in found.items():
            if id(output) in seen:
                outputs[number] = seen[id(output)]
    model.train(was)
    return outputs


def feature_loss(
    mine: Mapping[int, Tensor], theirs: Mapping[int, Tensor], kept: Mapping[int, Tensor]
) -> Tensor:
    """Compare the maps of blocks channel by channel.

    Parameters
    ----------
    mine, theirs : mapping of int to Tensor, shape (n, channels, height, width)
        Outputs of the blocks of a student and of its teacher.
    kept : mapping of int to Tensor
        From `matched_channels`.

    Returns
    -------
    Tensor
        Squared difference relative to the variance of the teacher's channel, the mean over all.
    """
    parts = []
    for number, index in kept.items():
        own, wanted = _positions(mine[number]), _positions(theirs[number])
        wanted = wanted[:, index.to(wanted.device)]
        scale = 1.0 / (wanted.float().var(0) + LEAST_VARIANCE)
        parts.append(((own - wanted).float().square().mean(0) * scale).mean())
    return torch.stack(parts).mean()


def _positions(maps: Tensor) -> Tensor:
    """Bring maps to shape (positions, channels), which costs nothing in channels-last order."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
