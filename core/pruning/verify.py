"""Proof: the pruned network equals the original with the removed channels masked.

The original's removed channels are zeroed where they leave: the rows of the layers that make
them, with their bias and their BatchNorm's scale and shift, so that every later layer meets
zeros. The pruned network never had them. Both must agree.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.drive import image_channels, image_unit, untouched
from core.graph.modules import stand_in_of
from core.graph.parameters import kernel_of, outputs_axis, own_tensors
from core.graph.table import ChannelTable
from core.graph.tensors import tensors_in
from core.plan.widths import Mask

TOLERANCE = 1e-5
"""Largest relative error in FP32 that counts as equal."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Outcome of a comparison.

    Attributes
    ----------
    relative_error : float
        Largest absolute difference over all outputs, relative to the largest value of each.
    tolerance : float
    passed : bool
    inputs : int
        Images compared.
    repaired : bool
        Whether weights were repaired since; the comparison is then the stored one from before.
    """

    relative_error: float
    tolerance: float
    passed: bool
    inputs: int
    repaired: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return asdict(self)


def mask_network(model: nn.Module, table: ChannelTable, removed: Mask) -> nn.Module:
    """Return a copy of the original whose removed channels are zero where they leave."""
    memo: dict[int, Any] = {}
    gone = np.append(removed, False)
    for number, layer in enumerate(table.layers):
        rows = np.flatnonzero(gone[table.outputs(number)])
        if not len(rows):
            continue
        index = torch.from_numpy(rows)
        for name, tensor in own_tensors(model, layer.name, single=layer.kind == "Parameter"):
            if isinstance(tensor, nn.Parameter):
                values = tensor.detach().clone()
                values.index_fill_(outputs_axis(layer, name, tensor), index, 0.0)
                memo[id(tensor)] = nn.Parameter(values, requires_grad=tensor.requires_grad)
    masked = copy.deepcopy(model, memo)
    if any(_loses_zero(m) or stand_in_of(m) is not None for m in masked.modules()):
        _mask_readers(masked, table, gone)
    return masked


def _loses_zero(module: nn.Module) -> bool:
    """Whether a module of PyTorch may make something else of a channel that is zero."""
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return not module.affine and module.running_mean is not None
    if type(module).__module__ != nn.modules.activation.__name__:
        return False
    try:
        made = copy.deepcopy(module).eval()(torch.zeros(1, getattr(module, "num_parameters", 4), 2))
        return not isinstance(made, Tensor) or bool((made != 0).any())
    except (RuntimeError, TypeError, ValueError):  # it takes something else than one feature map
        return True


def _mask_readers(masked: nn.Module, table: ChannelTable, gone: Mask) -> None:
    for number, layer in enumerate(table.layers):
        columns = np.flatnonzero(gone[table.inputs(number)])
        if layer.mixes and layer.groups == 1 and len(columns):
            kernel_of(masked, layer).data.index_fill_(1, torch.from_numpy(columns), 0.0)


def verify_networks(
    original: nn.Module, pruned: nn.Module, table: ChannelTable, removed: Mask, seed: int = 0
) -> Verification:
    """Compare the masked original with the pruned network, in evaluation mode, on two images.

    Parameters
    ----------
    original, pruned : nn.Module
        Left as they are.
    table : ChannelTable
        Of the original.
    removed : bool array, shape (atoms,)

    Returns
    -------
    Verification
    """
    masked = mask_network(original, table, removed).float().eval()
    images = comparison_images(original, seed)
    with torch.no_grad(), untouched(pruned):
        pruned.eval()
        pairs = [(_run(masked, image), _run(pruned, image)) for image in images]
        # Signals fade in an untrained network: its outputs are little more than biases, so what
        # the head reads must agree as well, relative to its own size.
        features = max(_feature_difference(*pair, table, ~removed) for pair in pairs)
        worst = max(features, *(difference(mine.outputs, own.outputs) for mine, own in pairs))
        if not worst <= TOLERANCE and features <= TOLERANCE:
            # A head that picks its best queries turns rounding noise into another choice. Then
            # its outputs must agree in double precision.
            exact, masked = copy.deepcopy(pruned).double(), masked.double()
            doubles = [image.double() for image in images]
            gaps = [
                difference(_run(masked, image).outputs, _run(exact, image).outputs)
                for image in doubles
            ]
            worst = max(features, *gaps)
    return Verification(worst, TOLERANCE, worst <= TOLERANCE, len(images))


def check_proof(proof: Verification, pruned: nn.Module, parameters: int) -> None:
    """Raise where a pruned network is not what was predicted, which is a bug.

    Parameters
    ----------
    proof : Verification
    pruned : nn.Module
    parameters : int
        That were predicted.
    """
    actual = sum(p.numel() for p in pruned.parameters())
    if not proof.passed or actual != parameters:
        raise RuntimeError(
            "The pruned network differs from the masked original (relative error "
            f"{proof.relative_error:.1e}, {actual} parameters instead of {parameters}); "
            "it was not saved."
        )


def comparison_images(model: nn.Module, seed: int = 0) -> list[Tensor]:
    """Return an image of each size that networks are compared at."""
    sides = comparison_sides(model)
    generator = torch.Generator().manual_seed(seed)
    channels = image_channels(model)
    return [torch.rand(1, channels, *side, generator=generator) for side in sides]


class _Run(NamedTuple):
    """What a network's last block reads of an image, and what comes out."""

    features: list[Tensor]
    outputs: list[Tensor]


def _run(model: nn.Module, image: Tensor) -> _Run:
    seen: list[Tensor] = []
    last: nn.Module = model.model[-1]  # type: ignore[index,assignment]

    def remember(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.extend(tensors_in(inputs[0]))

    hook = last.register_forward_pre_hook(remember)
    try:
        return _Run(seen, _raw(model, image))
    finally:
        hook.remove()


def _feature_difference(masked: _Run, pruned: _Run, table: ChannelTable, kept: Mask) -> float:
    """Compare what the last block reads, channel by channel that is kept.

    Embeddings of classes, which come after the features of its sources, keep their channels.
    """
    sources = table.blocks[-1].sources
    known = np.append(kept, True)
    places = [np.flatnonzero(known[table.blocks[source].out_atoms]) for source in sources]
    maps, rest = masked.features[: len(sources)], masked.features[len(sources) :]
    chosen = [
        features.index_select(1, torch.from_numpy(own))
        for features, own in zip(maps, places, strict=True)
    ]
    return difference([*chosen, *rest], pruned.features)


def try_training(model: nn.Module) -> None:
    """Run a copy of a network once in training mode too; what fails there raises."""
    trial = copy.deepcopy(model).train()
    with torch.no_grad():
        trial(torch.rand(2, image_channels(model), *comparison_sides(model)[0]))


def comparison_sides(model: nn.Module) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two image sizes, one not square, both small: equality does not depend on size."""
    unit = image_unit(model)
    unit *= max(1, 64 // unit)
    return (2 * unit, 2 * unit), (2 * unit, 3 * unit)


def _raw(model: nn.Module, image: Tensor) -> list[Tensor]:
    """Outputs before any selection of detections: ties there would turn noise into difference."""
    output = model(image)
    if isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], dict):
        parts = output[1]
        nested = [v for v in parts.values() if isinstance(v, dict)]
        output = [
            tensor
            for part in (nested or [parts])
            for key, value in part.items()
            if key != "feats"
            for tensor in tensors_in(value)
        ]
    return [t for t in tensors_in(output) if t.is_floating_point()]


def difference(first: list[Tensor], second: list[Tensor]) -> float:
    """Return the largest difference, relative to the largest value of each tensor of the first."""
    worst = 0.0 if len(first) == len(second) else float("inf")
    for one, other in zip(first, second, strict=False):
        if one.shape != other.shape:
            return float("inf")
        scale = float(one.abs().max())
        gap = float((one - other).abs().max())
        if not np.isfinite(scale) or not np.isfinite(gap):
            return float("inf")
        worst = max(worst, gap / scale if scale > 0 else gap)
    return worst
