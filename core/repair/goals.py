"""What refit asks of layers: the original's outputs at positions that matter.

Positions are not equal: plain least squares shrinks the few confident logits. They are drawn by
the squared gradient of a loss whose labels are drawn from the teacher's own probabilities (the
Fisher information), so that a position counts as much as it changes outputs.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.repair.context import Context, gradients_pass
from core.repair.layers import Mendable
from core.repair.outputs import Outputs, outputs_of, weight_of

EVEN = 0.3
"""Share of the positions that are drawn evenly, so that the background is not forgotten."""
PREPARING = 0.25
"""Share of the remaining time in which images are prepared; then those so far must do."""
FEWEST = 24
"""Images that are prepared whatever time it takes."""


@dataclass
class Goal:
    """What a layer of the teacher delivers at the drawn positions of every image, all channels."""

    places: Tensor
    wanted: Tensor


def draw_goals(
    context: Context, layers: list[Mendable], images: list[Tensor], places: int
) -> dict[str, Goal]:
    """Draw positions by importance, and remember the teacher's outputs there.

    Returns
    -------
    dict of str to Goal
        By the teacher's layers.
    """
    teacher = copy.deepcopy(context.teacher).requires_grad_(False)
    generator = torch.Generator().manual_seed(context.settings.seed)
    seen: dict[str, Tensor] = {}
    names = list(dict.fromkeys(context.heirs.get(layer.name, layer.name) for layer in layers))
    for name in names:

        def keep(_m: nn.Module, _i: object, output: Tensor, name: str = name) -> None:
            # What embeddings of classes go through is the same for all images.
            if output.requires_grad:
                output.retain_grad()
            seen[name] = output

        teacher.get_submodule(name).register_forward_hook(keep)
    goals: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}
    until = _prepared_until(context)
    for number, image in enumerate(images):
        if number >= FEWEST and context.clock() >= until:
            images = images[:number]
            break
        context.progress(0.4 * number / len(images), "preparing")
        seen.clear()
        with gradients_pass(teacher):
            heads = outputs_of(teacher(image.clone().requires_grad_(True)))
            drawn_loss(heads, generator).backward()
        for name, output in seen.items():
            if output.grad is None:
                continue
            last = isinstance(teacher.get_submodule(name), nn.Linear)
            drawn = _draw(_flat(output.grad, last)[0].square().sum(1), places, generator)
            goals[name].append((drawn, _flat(output.detach(), last)[0][drawn]))
    return {
        name: Goal(torch.stack([drawn for drawn, _ in own]), torch.cat([v for _, v in own]))
        for name, own in goals.items()
        if len(own) == len(images)
    }


def _prepared_until(context: Context) -> float:
    """When preparing must end; never, where the result shall not depend on the time."""
    if context.settings.updates is not None:
        return math.inf
    now = context.clock()
    return now + PREPARING * max(context.deadline - now, 0.0)


def _flat(value: Tensor, last: bool) -> Tensor:
    """Bring a layer's output to shape (n, positions, channels); a classifier has one position."""
    if last:
        return value.reshape(len(value), -1, value.shape[-1])
    return value.flatten(2).transpose(1, 2)


def _draw(importance: Tensor, places: int, generator: torch.Generator) -> Tensor:
    count = len(importance)
    total = importance.sum()
    even = torch.full_like(importance, 1 / count)
    share = importance / total if total > 0 else even
    chance = EVEN * even + (1 - EVEN) * share
    drawn = torch.multinomial(chance.cpu(), places, replacement=True, generator=generator)
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
        if "map" in head:
            noise = torch.randn(head["map"].shape, generator=generator).to(head["map"])
            total = total + (head["map"] * noise).sum() / head["map"].detach().std().clamp(min=1e-3)
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
