"""Refit: the remaining weights of every layer by weighted least squares, in order of execution.

Each layer of the pruned network is asked for the original's outputs on the surviving channels,
given what the already repaired layers before it deliver (as 1707.06168, section 3.2, does channel
pruning), at positions that matter (``core.repair.goals``).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.repair.context import Context
from core.repair.goals import Goal, draw_goals
from core.repair.layers import Mendable, add_constant, columns_of, input_of, mendable
from core.system.size import ImageSize, SizeLike

TOGETHER = 8
"""Images that pass at once."""


@dataclass(frozen=True, slots=True)
class RefitSettings:
    """How to refit.

    ``ridges`` pull towards the weights as they are, relative to the mean variance of the inputs;
    of several, every layer takes the one that does best on images left out of the fit. ``share``
    goes that part of the way to the solution. ``images`` are looked at, at most; where there are
    fewer, their mirror images as well, and then random views (mosaics, zooms, crops, colour)
    where ``views`` says so. ``places`` of every image and layer enter the least squares.
    """

    ridges: tuple[float, ...] = (0.01, 0.05, 0.2, 1.0)
    share: float = 1.0
    images: int = 192
    places: int = 128
    views: bool = False


SAME = 1e-5
"""A layer that misses its goal by less, as a share of what that varies, is left as it is."""


FOLDS = 3
"""Parts of the images of which each is left out once, to choose between ridges."""


def refit(
    context: Context,
    student: nn.Module,
    options: RefitSettings | None = None,
    goals: Mapping[str, Goal] | None = None,
) -> nn.Module:
    """Return a copy of the student with its layers refitted one after the other.

    Parameters
    ----------
    context : Context
    student : nn.Module
    options : RefitSettings, optional
    goals : mapping of str to Goal, optional
        What `draw_goals` returned for the same teacher and images.
    """
    options = options or RefitSettings()
    result = copy.deepcopy(student).float().to(context.device).eval()
    layers = mendable(context.table, context.removed)
    images, folds = images_of(context, options.images, options.views)
    if goals is None:
        goals = draw_goals(context, layers, images, options.places)
    images, folds = _looked_at(goals, images, folds)
    touched = False
    block, feeds = -1, []
    for number, layer in enumerate(layers):
        context.progress(0.4 + 0.6 * number / len(layers), f"fitting {layer.name}")
        touched = touched or bool(len(layer.lost)) or layer.block == context.since
        goal = goals.get(context.heirs.get(layer.name, layer.name))
        if not touched or goal is None:
            continue
        if layer.block != block:  # later layers of a block need no pass through the whole network
            block, feeds = layer.block, block_inputs(context, result, layer.block, images)
        _inherit_norm(context, result, layer)
        fit_layer(context, result, layer, goal, feeds, folds, options)
    return result


def images_of(context: Context, most: int, views: bool = False) -> tuple[list[Tensor], Tensor]:
    """Return the images to fit, mirrored ones and views where there are few, and their folds."""
    own = [image.to(context.device) for image in context.pool.plain(size=1, most=most)]
    images = [*own, *(image.flip(3) for image in own)][:most]
    # A mirror image says nothing new of its original: both are in one fold.
    folds = [number % len(own) % FOLDS for number in range(len(images))]
    if views:
        rng = np.random.default_rng([context.settings.seed, 11])
        count = min(most - len(images), VIEWS * len(own))
        images += [context.pool.views(rng, 1).to(context.device) for _ in range(count)]
    folds += [number % FOLDS for number in range(len(folds), len(images))]
    return _mixed(images, folds, context.settings.seed)


def _mixed(images: list[Tensor], folds: list[int], seed: int) -> tuple[list[Tensor], Tensor]:
    """Shuffle images, so that a part of them has as many of each kind."""
    order = np.random.default_rng([seed, 13]).permutation(len(images)).tolist()
    return [images[n] for n in order], torch.tensor([folds[n] for n in order])


def _looked_at(
    goals: Mapping[str, Goal], images: list[Tensor], folds: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Return the images that goals were drawn for: time may have ended before the last."""
    count = len(next(iter(goals.values())).places) if goals else len(images)
    return images[:count], folds[:count]


@torch.no_grad()
def _inherit_norm(context: Context, model: nn.Module, layer: Mendable) -> None:
    """Give a layer that shall deliver what another did the other's BatchNorm."""
    if layer.name not in context.heirs or layer.norm is None:
        return
    own = layer.norm.removeprefix(layer.name.rpartition(".")[0])
    norm = context.heirs[layer.name].rpartition(".")[0] + own
    kept = torch.from_numpy(layer.outputs).to(context.device)
    theirs, mine = context.teacher.get_submodule(norm), model.get_submodule(layer.norm)
    for name, value in theirs.state_dict().items():
        if value.ndim:
            mine.state_dict()[name].copy_(value.index_select(0, kept))


@torch.no_grad()
def block_inputs(context: Context, model: nn.Module, block: int, images: list[Tensor]) -> list[Any]:
    """What a block reads for every batch of ``TOGETHER`` images."""
    batches = [torch.cat(images[n : n + TOGETHER]) for n in range(0, len(images), TOGETHER)]
    with context.low_precision():
        return [input_of(model, f"model.{block}", batch) for batch in batches]


def apply(context: Context, student: nn.Module) -> tuple[nn.Module, str]:
    """Refit every layer behind the first cut."""
    options = thorough(context.pool.size)
    return refit(context, student, options), ""


def passes(images: int, size: SizeLike) -> int:
    """Return how many images and views of so many images a repair looks at."""
    return min(thorough(size).images, (2 + VIEWS) * images)


def thorough(size: SizeLike) -> RefitSettings:
    """Return the settings of a repair: ``PASSES`` images and views, fewer where they are large.

    Parameters
    ----------
    size : ImageSize, int or pair of int
        Of the images.
    """
    images = int(np.clip(PASSES * PASSES_SIDE**2 / ImageSize.of(size).area, PASSES // 2, PASSES))
    return RefitSettings(images=images, places=POSITIONS // images, views=True)


PASSES = 384
"""Images and views that refit looks at, of ``PASSES_SIDE`` pixels."""
VIEWS = 3
"""Random views of an image, at most."""
PASSES_SIDE = 320
POSITIONS = 24_576
"""Positions of every layer that enter its least squares."""


@torch.no_grad()
def fit_layer(
    context: Context,
    model: nn.Module,
    layer: Mendable,
    goal: Goal,
    feeds: list[Any],
    folds: Tensor,
    options: RefitSettings,
) -> tuple[float, float]:
    """Solve one layer in place; return its mean squared error before and after.

    ``feeds`` is what the layer's block reads (``block_inputs``), ``folds`` the fold of every image.
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
    kept = torch.from_numpy(layer.outputs).to(goal.wanted.device)
    wanted = goal.wanted.index_select(1, kept)
    moved, constant, errors = solve(inputs, wanted, start, options.ridges, folds)
    moved = start + options.share * (moved - start)
    now = inputs @ moved.T
    constant = wanted.mean(0) - now.mean(0)
    weight.copy_(moved.view_as(weight))
    bias = module._parameters.get("bias")
    _set_constant(model, layer, constant, bias)
    return errors


def solve(
    inputs: Tensor,
    wanted: Tensor,
    start: Tensor,
    ridges: Sequence[float],
    folds: Tensor | None = None,
) -> tuple[Tensor, Tensor, tuple[float, float]]:
    """Least squares with an intercept, pulled towards ``start``.

    Parameters
    ----------
    inputs : Tensor, shape (rows, columns)
        The rows of each image together.
    wanted : Tensor, shape (rows, outputs)
    start : Tensor, shape (outputs, columns)
    ridges : sequence of float
        Relative to the mean variance of the inputs. Of several, the one whose fit is nearest on
        images that it did not see.
    folds : int64 Tensor, shape (images,), optional
        The part of the images that each belongs to; without, the first ridge is taken.

    Returns
    -------
    Tensor, Tensor, (float, float)
        Weights, constant per output, and the mean squared error at the start (with the best
        constant) and at the solution.
    """
    mean_in, mean_out = inputs.mean(0), wanted.mean(0)
    centred = (inputs - mean_in).double()
    rest = (wanted - mean_out).double() - centred @ start.double().T
    if float(rest.square().mean()) <= SAME * float(wanted.double().var(0).mean()):
        return start, mean_out - start @ mean_in, (0.0, 0.0)
    parts = _normal_equations(centred, rest, folds if len(ridges) > 1 else None)
    gram, cross = (torch.stack(each).sum(0) for each in zip(*parts, strict=True))
    ridge = ridges[0] if len(parts) < 2 else _best_ridge(gram, cross, parts, ridges)
    step = _pulled(gram, cross, ridge)
    moved = start + step.T.to(start.dtype)
    constant = mean_out - moved @ mean_in
    before = rest.square().sum()
    after = before + (step * (gram @ step - 2 * cross)).sum()
    count = rest.numel()
    return moved, constant, (float(before / count), float(after / count))


Equations = tuple[Tensor, Tensor]


def _normal_equations(centred: Tensor, rest: Tensor, folds: Tensor | None) -> list[Equations]:
    """Return the normal equations of each fold: their sum is that of all."""
    if folds is None:
        return [(centred.T @ centred, centred.T @ rest)]
    own = folds.to(centred.device).repeat_interleave(len(centred) // len(folds))
    chosen = [(centred[own == part], rest[own == part]) for part in folds.unique()]
    return [(x.T @ x, x.T @ y) for x, y in chosen]


def _pulled(gram: Tensor, cross: Tensor, ridge: float) -> Tensor:
    pulled = gram.clone()
    pulled.diagonal().add_(ridge * gram.diagonal().mean().clamp(min=1e-12))
    return torch.cholesky_solve(cross, torch.linalg.cholesky(pulled))


def _best_ridge(
    gram: Tensor, cross: Tensor, parts: Sequence[Equations], ridges: Sequence[float]
) -> float:
    """Leave out one fold after the other, and return the ridge that is nearest on those."""
    errors = [0.0] * len(ridges)
    for held, own in parts:
        for number, ridge in enumerate(ridges):
            step = _pulled(gram - held, cross - own, ridge)
            errors[number] += float((step * (held @ step - 2 * own)).sum())
    return ridges[errors.index(min(errors))]


def _set_constant(model: nn.Module, layer: Mendable, constant: Tensor, bias: Tensor | None) -> None:
    """Make the layer's output ``weight @ input + constant``, the BatchNorm's mean taken along."""
    if layer.norm is None:
        assert bias is not None
        bias.copy_(constant)
        return
    held = torch.zeros_like(constant) if bias is None else bias
    add_constant(model, layer, constant - held)
