"""Refit: the remaining weights of every layer by weighted least squares, in order of execution.

Each layer of the pruned network is asked for the original's outputs on the surviving channels,
given what the already repaired layers before it deliver (as 1707.06168, section 3.2, does channel
pruning). Positions are not equal: plain least squares shrinks the few confident logits. They are
drawn by the squared gradient of a loss whose labels are drawn from the teacher's own
probabilities (the Fisher information), so that a position counts as much as it changes outputs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.repair.context import Context, gradients_pass
from core.repair.layers import Mendable, add_constant, columns_of, input_of, mendable
from core.repair.outputs import Outputs, outputs_of, weight_of

PLACES = 128
"""Positions of every image and layer that enter the least squares."""
IMAGES = 192
"""Images looked at, at most; where there are fewer, their mirror images as well."""
TOGETHER = 8
"""Images that pass at once."""
EVEN = 0.3
"""Share of the positions that are drawn evenly, so that the background is not forgotten."""


@dataclass(frozen=True, slots=True)
class RefitSettings:
    """How to refit.

    ``ridge`` pulls towards the weights as they are, relative to the mean square of the inputs;
    ``share`` goes that part of the way to the solution.
    """

    ridge: float = 0.01
    share: float = 1.0


@dataclass
class Goal:
    """What a layer should deliver at the drawn positions of every image."""

    places: Tensor
    wanted: Tensor


def refit(context: Context, student: nn.Module, options: RefitSettings | None = None) -> nn.Module:
    """Return a copy of the student with its layers refitted one after the other."""
    options = options or RefitSettings()
    result = copy.deepcopy(student).float().to(context.device).eval()
    layers = mendable(context.table, context.removed)
    images = [image.to(context.device) for image in context.pool.plain(size=1)]
    images = [*images, *(image.flip(3) for image in images)][:IMAGES]
    goals = draw_goals(context, layers, images)
    touched = False
    block, feeds = -1, []
    for number, layer in enumerate(layers):
        context.progress(0.4 + 0.6 * number / len(layers), f"fitting {layer.name}")
        touched = touched or bool(len(layer.lost)) or layer.block == context.since
        if not touched or layer.name not in goals:
            continue
        if layer.block != block:  # later layers of a block need no pass through the whole network
            block, feeds = layer.block, block_inputs(context, result, layer.block, images)
        fit_layer(context, result, layer, goals[layer.name], feeds, options)
    return result


@torch.no_grad()
def block_inputs(context: Context, model: nn.Module, block: int, images: list[Tensor]) -> list[Any]:
    """What a block reads for every batch of ``TOGETHER`` images."""
    batches = [torch.cat(images[n : n + TOGETHER]) for n in range(0, len(images), TOGETHER)]
    with context.low_precision():
        return [input_of(model, f"model.{block}", batch) for batch in batches]


def apply(context: Context, student: nn.Module) -> tuple[nn.Module, str]:
    """Refit every layer behind the first cut."""
    return refit(context, student), ""


def draw_goals(context: Context, layers: list[Mendable], images: list[Tensor]) -> dict[str, Goal]:
    """Draw positions by importance, and remember the teacher's outputs there."""
    teacher = copy.deepcopy(context.teacher).requires_grad_(False)
    generator = torch.Generator().manual_seed(context.settings.seed)
    seen: dict[str, Tensor] = {}
    for layer in layers:

        def keep(_m: nn.Module, _i: object, output: Tensor, name: str = layer.name) -> None:
            output.retain_grad()
            seen[name] = output

        teacher.get_submodule(layer.name).register_forward_hook(keep)
    places: dict[str, list[Tensor]] = {}
    wanted: dict[str, list[Tensor]] = {}
    for number, image in enumerate(images):
        context.progress(0.4 * number / len(images), "preparing")
        seen.clear()
        with gradients_pass(teacher):
            drawn_loss(
                outputs_of(teacher(image.clone().requires_grad_(True))), generator
            ).backward()
        for layer in layers:
            output = seen.get(layer.name)
            if output is None or output.grad is None:
                continue
            last = isinstance(teacher.get_submodule(layer.name), nn.Linear)
            flat = _flat(output.detach(), last)[0]
            drawn = _draw(_flat(output.grad, last)[0].square().sum(1), generator)
            places.setdefault(layer.name, []).append(drawn)
            kept = torch.from_numpy(layer.outputs).to(flat.device)
            wanted.setdefault(layer.name, []).append(flat[drawn].index_select(1, kept))
    return {
        name: Goal(torch.stack(drawn), torch.cat(wanted[name]))
        for name, drawn in places.items()
        if len(drawn) == len(images)
    }


def _flat(value: Tensor, last: bool) -> Tensor:
    """Bring a layer's output to shape (n, positions, channels)."""
    return value.flatten(1, -2) if last else value.flatten(2).transpose(1, 2)


def _draw(importance: Tensor, generator: torch.Generator) -> Tensor:
    count = len(importance)
    total = importance.sum()
    even = torch.full_like(importance, 1 / count)
    share = importance / total if total > 0 else even
    chance = EVEN * even + (1 - EVEN) * share
    drawn = torch.multinomial(chance.cpu(), PLACES, replacement=True, generator=generator)
    return drawn.to(importance.device)


def drawn_loss(heads: list[Outputs], generator: torch.Generator) -> Tensor:
    """A loss with labels drawn from the outputs themselves: its squared gradient is the Fisher.

    Logits get a Bernoulli label each; everything else noise of its own spread, where the teacher
    sees something.
    """
    total = torch.zeros(())
    for head in heads:
        if "logits" in head:
            noise = torch.randn(head["logits"].shape, generator=generator)
            chance = head["logits"].softmax(1).detach()
            total = total + (head["logits"] * noise.to(chance) * chance.sqrt()).sum()
            continue
        weight = weight_of(head).detach()
        for name, value in head.items():
            noise = torch.randn(value.shape, generator=generator).to(value)
            if name == "scores":
                chance = value.sigmoid().detach()
                total = total + (value * noise * (chance * (1 - chance)).sqrt()).sum()
            elif value.ndim == 3 and value.shape[2] == weight.shape[1]:
                spread = 0.3 / value.detach().std().clamp(min=1e-3)
                total = total + (value * noise * weight[:, None].sqrt()).sum() * spread
            else:
                total = total + (value * noise).mean()
    return total


@torch.no_grad()
def fit_layer(
    context: Context,
    model: nn.Module,
    layer: Mendable,
    goal: Goal,
    feeds: list[Any],
    options: RefitSettings,
) -> tuple[float, float]:
    """Solve one layer in place; return its mean squared error before and after.

    ``feeds`` is what the layer's block reads (``block_inputs``).
    """
    module = model.get_submodule(layer.name)
    around = model.get_submodule(f"model.{layer.block}")
    inside = layer.name.removeprefix(f"model.{layer.block}").removeprefix(".")
    rows = []
    for feed, places in zip(feeds, goal.places.split(TOGETHER), strict=True):
        with context.low_precision():
            value = input_of(around, inside, feed)
        rows.append(columns_of(module, value.float(), places))
    inputs = torch.cat(rows)
    weight = module.get_parameter("weight")
    start = weight.flatten(1)
    moved, constant, errors = solve(inputs, goal.wanted, start, options.ridge)
    moved = start + options.share * (moved - start)
    now = inputs @ moved.T
    constant = goal.wanted.mean(0) - now.mean(0)
    weight.copy_(moved.view_as(weight))
    bias = module._parameters.get("bias")
    _set_constant(model, layer, constant, bias)
    return errors


def solve(
    inputs: Tensor, wanted: Tensor, start: Tensor, ridge: float
) -> tuple[Tensor, Tensor, tuple[float, float]]:
    """Least squares with an intercept, pulled towards ``start``.

    Parameters
    ----------
    inputs : Tensor, shape (rows, columns)
    wanted : Tensor, shape (rows, outputs)
    start : Tensor, shape (outputs, columns)
    ridge : float
        Relative to the mean variance of the inputs.

    Returns
    -------
    Tensor, Tensor, (float, float)
        Weights, constant per output, and the mean squared error at the start (with the best
        constant) and at the solution.
    """
    mean_in, mean_out = inputs.mean(0), wanted.mean(0)
    centred = (inputs - mean_in).double()
    rest = (wanted - mean_out).double() - centred @ start.double().T
    gram = centred.T @ centred
    gram.diagonal().add_(ridge * gram.diagonal().mean().clamp(min=1e-12))
    step = torch.linalg.solve(gram, centred.T @ rest)
    after = rest - centred @ step
    moved = start + step.T.to(start.dtype)
    constant = mean_out - moved @ mean_in
    return moved, constant, (float(rest.square().mean()), float(after.square().mean()))


def _set_constant(model: nn.Module, layer: Mendable, constant: Tensor, bias: Tensor | None) -> None:
    """Make the layer's output ``weight @ input + constant``, the BatchNorm's mean taken along."""
    if layer.norm is None:
        assert bias is not None
        bias.copy_(constant)
        return
    held = torch.zeros_like(constant) if bias is None else bias
    add_constant(model, layer, constant - held)
