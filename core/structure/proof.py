"""Proof: what is left computes what the original does with the rest bypassed and masked.

In the original, a unit is replaced by what hands its input on, and its part of a Concat is zeroed
where it is read; scales and classes need nothing, for what is taken away is an output. Then every
layer that is left must put out the same in both networks, of those outputs that are left.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.graph.drive import untouched
from core.pruning.surgery import zero_inputs
from core.pruning.verify import TOLERANCE, Verification, comparison_images, difference
from core.structure.scales import places_of
from core.structure.units import LEAVES
from core.structure.working import Cuts


def prove(original: nn.Module, left: nn.Module, cuts: Cuts) -> Verification:
    """Compare every layer that is left with the original's, on two images.

    Parameters
    ----------
    original : nn.Module
    left : nn.Module
        The network without the structure, under the original's names. Both stay as they are.
    cuts : Cuts

    Returns
    -------
    Verification
        In FP32; in double precision where FP32 leaves a doubt, as rounding does in a head that
        picks its best queries.
    """
    masked = bypassed(original, cuts)
    images = comparison_images(original)
    worst = _worst(masked, left, cuts, images)
    if not worst <= TOLERANCE:
        exact = copy.deepcopy(left).double()
        worst = _worst(masked.double(), exact, cuts, [image.double() for image in images])
    return Verification(worst, TOLERANCE, worst <= TOLERANCE, len(images))


def bypassed(original: nn.Module, cuts: Cuts) -> nn.Module:
    """Return a copy of a network in which units hand their inputs on and count nowhere else."""
    masked = copy.deepcopy(original)
    for name, kept in cuts.inputs.items():
        zero_inputs(masked.get_submodule(name), kept)
    for unit in cuts.units:
        parent, _, key = unit.name.rpartition(".")
        masked.get_submodule(parent)._modules[key] = nn.Identity()
    return masked


def _worst(masked: nn.Module, left: nn.Module, cuts: Cuts, images: list[Tensor]) -> float:
    """Return the largest relative difference over all images and layers."""
    names = [name for name, module in left.named_modules() if isinstance(module, LEAVES)]
    worst = 0.0
    for image in images:
        expected, made = _outputs(masked, names, image), _outputs(left, names, image)
        if expected.keys() != made.keys() or not made:
            return float("inf")
        anchors = _anchors(masked, cuts, image)
        for name, own in expected.items():
            if name in cuts.outputs:
                axis = -1 if isinstance(masked.get_submodule(name), nn.Linear) else 1
                own = own.index_select(axis, torch.tensor(cuts.outputs[name]))
            if len(anchors) and own.shape[-1] == len(anchors):  # over all scales, one by one
                own = own[..., anchors]
            worst = max(worst, difference([own], [made[name]]))
    return worst


def _anchors(model: nn.Module, cuts: Cuts, image: Tensor) -> Tensor:
    """Return which places stay where a head joins those of all its scales; nothing if all do."""
    if not cuts.levels:
        return torch.zeros(0, dtype=torch.bool)
    parts = [
        torch.full((places,), level not in cuts.levels)
        for level, places in enumerate(places_of(model, image))
    ]
    return torch.cat(parts)


def _outputs(model: nn.Module, names: list[str], image: Tensor) -> dict[str, Tensor]:
    """Run a network and return what its layers put out, by their names; each runs once."""
    made: dict[str, Tensor] = {}

    def note(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        made.setdefault(name, output.clone())

    hooks = [model.get_submodule(name).register_forward_hook(partial(note, name)) for name in names]
    try:
        with untouched(model), torch.no_grad():
            model.eval()(image)
    finally:
        for hook in hooks:
            hook.remove()
    return made
