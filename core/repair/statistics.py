"""BatchNorm re-estimation: by how far statistics drifted, not by what a few images say.

Taking statistics again from a hundred images costs even an unpruned network accuracy. So the
teacher is run on the same images: what differs from its own statistics there is the images', and
only what differs between student and teacher is the pruning's.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from core.repair.context import Context
from core.repair.layers import Mendable, mendable

IMAGES = 32
"""Images looked at, at most, in one batch."""
MOST = 4.0
"""Largest factor by which a variance is corrected."""


@torch.no_grad()
def renew_statistics(context: Context, student: nn.Module, share: float = 1.0) -> nn.Module:
    """Return a copy whose BatchNorm statistics follow the drift of its layers' outputs.

    Every layer is corrected before the next one reads it, in one pass over ``IMAGES`` images.

    Parameters
    ----------
    share : float
        How much of the drift is corrected, 0 to 1.
    """
    result = copy.deepcopy(student).float().to(context.device).eval()
    layers = [la for la in mendable(context.table, context.removed) if la.norm is not None]
    batch = torch.cat(list(context.pool.plain(most=IMAGES))).to(context.device)
    wanted: dict[str, tuple[Tensor, Tensor]] = {}

    def read(layer: Mendable, output: Tensor) -> None:
        mean, variance = moments(output)
        kept = torch.from_numpy(layer.outputs).to(output.device)
        wanted[layer.name] = mean[kept], variance[kept]

    def correct(layer: Mendable, output: Tensor) -> None:
        if layer.name not in wanted:
            return
        norm = result.get_submodule(str(layer.norm))
        (mean, variance), (own_mean, own_variance) = wanted[layer.name], moments(output)
        factor = (own_variance + 1e-6) / (variance + 1e-6)
        # The student's place in its distribution should be the teacher's in its own.
        stored = norm.get_buffer("running_var"), norm.get_buffer("running_mean")
        scale = factor.clamp(1 / MOST, MOST) ** (share / 2)
        stored[1].copy_(share * (own_mean - scale * mean) + (1 - share + share * scale) * stored[1])
        stored[0].mul_(scale.square())

    with context.low_precision(), _reading(context.teacher, layers, read):
        context.teacher(batch)
    with context.low_precision(), _reading(result, layers, correct):
        result(batch)
    return result


def apply(context: Context, student: nn.Module) -> tuple[nn.Module, str]:
    """Correct all of the drift, or half of it, whichever is nearer on the held-out images."""
    trials = {}
    for number, share in enumerate((1.0, 0.5)):
        context.progress(number / 2, f"correcting {share:.0%} of the drift")
        trials[share] = renew_statistics(context, student, share)
    judge = context.judge
    if judge is None:
        return trials[1.0], ""
    best = min(trials, key=lambda share: judge(trials[share], quick=True).gap)
    return trials[best], f"{best:.0%} of the drift"


def moments(output: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of every channel, over images and positions."""
    variance, mean = torch.var_mean(output.float(), dim=(0, 2, 3), correction=0)
    return mean, variance


@contextlib.contextmanager
def _reading(
    model: nn.Module, layers: list[Mendable], read: Callable[[Mendable, Tensor], None]
) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for layer in layers:

            def hook(_m: nn.Module, _i: object, output: Tensor, layer: Mendable = layer) -> None:
                read(layer, output)

            stack.callback(model.get_submodule(layer.name).register_forward_hook(hook).remove)
        yield
