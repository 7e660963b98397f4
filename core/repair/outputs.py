"""What two networks say about the same images, and how far apart that is.

One table of losses by the name of a head's output; a head is whatever the network returns, so no
version of YOLO is named. ``scores`` are logits per class, and they weigh everything else: a box
matters where the teacher sees something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, smooth_l1_loss, softplus

from core.errors import UserError

Outputs = dict[str, Tensor]


def outputs_of(result: Any) -> list[Outputs]:
    """Return the raw outputs of every head in what a network returns in evaluation mode.

    End-to-end networks have two heads, a classifier one with ``logits`` alone; so has a network of
    a class per pixel; depths, and pixels of one class or none, are a ``map``.

    Raises
    ------
    UserError
        For a network whose outputs cannot be matched one to one (RT-DETR picks its own queries).
    """
    if isinstance(result, Tensor) and result.ndim == 4:
        return [{"map" if result.shape[1] == 1 else "logits": result}]
    if isinstance(result, tuple) and len(result) == 2:
        second = result[1]
        if isinstance(second, dict):
            heads = [part for part in second.values() if isinstance(part, dict)] or [second]
            return [{k: v for k, v in head.items() if isinstance(v, Tensor)} for head in heads]
        if isinstance(second, Tensor) and second.ndim == 2:
            return [{"logits": second}]
    raise UserError(
        "Repair does not support this kind of network: it selects its own queries, so "
        "its outputs do not correspond to the original's.",
        "Prune without --repair, then fine-tune.",
    )


def weight_of(teacher: Outputs) -> Tensor:
    """How much every place matters: the teacher's highest class probability, shape (n, places)."""
    return teacher["scores"].float().sigmoid().amax(1)


def _scores(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    # The cross-entropy less the teacher's own entropy, in the form that is cheap and exact at 0.
    gap = softplus(student) - softplus(teacher) - teacher.sigmoid() * (student - teacher)
    return gap.sum() / weight.sum().clamp(min=1.0)


BINS = 16
"""Fewest channels of a box that hold a distribution per side (reg_max 4) instead of distances."""


def _boxes(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    if teacher.shape[1] < BINS:
        return _values(student, teacher, weight)
    n, channels, places = teacher.shape
    shape = (n, 4, channels // 4, places)
    mine, wanted = student.view(shape).log_softmax(2), teacher.view(shape).log_softmax(2)
    gap = kl_div(mine, wanted, reduction="none", log_target=True).sum((1, 2))
    return (gap * weight).sum() / weight.sum().clamp(min=1.0)


def _values(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    scale = _spread(teacher, weight)
    gap = smooth_l1_loss(student / scale, teacher / scale, reduction="none", beta=0.1).mean(1)
    return 4.0 * (gap * weight).sum() / weight.sum().clamp(min=1.0)


def _spread(teacher: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum().clamp(min=1e-6)
    mean = (teacher * weight[:, None]).sum((0, 2), keepdim=True) / total
    variance = ((teacher - mean).square() * weight[:, None]).sum((0, 2), keepdim=True) / total
    return variance.mean().sqrt().clamp(min=1e-3)


def _map(student: Tensor, teacher: Tensor, _weight: Tensor) -> Tensor:
    return 4.0 * (student - teacher).square().mean() / teacher.var().clamp(min=1e-6)


def _logits(student: Tensor, teacher: Tensor) -> Tensor:
    """Divergence of class probabilities: of an image, or the mean over its pixels."""
    logs, goal = log_softmax(student, 1), log_softmax(teacher, 1)
    places = teacher[0, 0].numel()
    return kl_div(logs, goal, reduction="batchmean", log_target=True) / places


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
LOSSES: Mapping[str, Loss] = {
    "scores": _scores,
    "boxes": _boxes,
    "kpts": _values,
    "angle": _values,
    "mask_coefficient": _values,
    "proto": _map,
}
"""Loss of every output by its name; outputs of other names follow from these."""


def output_loss(student: list[Outputs], teacher: list[Outputs]) -> Tensor:
    """How far the student's outputs are from the teacher's; 0 when they are the same.

    Class logits by cross-entropy with the teacher's probabilities, so a rare confident cell counts
    as much as it says; box distributions by Kullback-Leibler divergence, weighted by confidence.
    """
    total = torch.zeros(())
    for mine, wanted in zip(student, teacher, strict=True):
        if "logits" in wanted:
            total = total + _logits(mine["logits"].float(), wanted["logits"].float())
            continue
        if "map" in wanted:
            total = total + _map(mine["map"].float(), wanted["map"].float(), wanted["map"])
            continue
        weight = weight_of(wanted)
        for name, loss in LOSSES.items():
            if name in wanted:
                total = total + loss(mine[name].float(), wanted[name].float(), weight)
    return total


SILENT = math.log(0.001 / 0.999)
"""Logit of what a missing scale says at most: below this confidence nothing is a detection."""


def over_all_scales(
    said: list[Outputs],
    wanted: list[Outputs],
    scales: Sequence[int],
    kept: Sequence[int],
    places: Sequence[int],
) -> list[Outputs]:
    """Return a network's outputs at all positions of the teacher, of which it may lack scales.

    At those of a scale that it lacks it sees nothing; its boxes there are not judged.

    Parameters
    ----------
    said, wanted : list of Outputs
        The student's and the teacher's.
    scales, kept : sequence of int
        Strides of the teacher's scales and of the student's, in the order of their positions.
    places : sequence of int
        Positions of each of the teacher's scales, as ``core.structure.scales.places_of`` counts.
    """
    if tuple(scales) == tuple(kept):
        return said
    parts = [torch.full((n,), s in kept) for s, n in zip(scales, places, strict=True)]
    present = torch.cat(parts).to(wanted[0]["scores"].device)

    def spread(name: str, own: Tensor, whole: Tensor) -> Tensor:
        if whole.ndim != 3 or whole.shape[2] != len(present):
            return own
        full = whole.clamp(max=SILENT) if name == "scores" else whole.clone()
        full[:, :, present] = own.to(full)
        return full

    return [
        {name: spread(name, value, whole[name]) for name, value in own.items()}
        for own, whole in zip(said, wanted, strict=True)
    ]


def gaps_on(
    student: nn.Module,
    targets: list[list[Outputs]],
    images: list[Tensor],
    scales: Sequence[int] = (),
    kept: Sequence[int] = (),
    places: Sequence[Sequence[int]] = (),
) -> tuple[float, ...]:
    """Return the output loss of every held-out image on its own; lower is better.

    Parameters
    ----------
    student : nn.Module
    targets : list of outputs, one per batch
        The teacher's, as `outputs_on` returns them.
    images : list of Tensor, shape (n, 3, height, width)
        The batches.
    scales, kept : sequence of int
        As in `over_all_scales`.
    places : sequence of sequence of int
        The same for each batch; needed where the student lacks scales.
    """
    found: list[float] = []
    with torch.inference_mode():
        for number, (batch, wanted) in enumerate(zip(images, targets, strict=True)):
            own = places[number] if places else ()
            said = over_all_scales(outputs_of(student(batch)), wanted, scales, kept, own)
            for n in range(len(batch)):
                found.append(float(output_loss(_image(said, n), _image(wanted, n))))
    return tuple(found)


def _image(heads: list[Outputs], number: int) -> list[Outputs]:
    one = slice(number, number + 1)
    return [{k: v[one] if v.ndim else v for k, v in head.items()} for head in heads]


def outputs_on(model: nn.Module, images: list[Tensor]) -> list[list[Outputs]]:
    """Return a network's outputs for fixed batches."""
    with torch.inference_mode():
        return [outputs_of(model(batch)) for batch in images]
