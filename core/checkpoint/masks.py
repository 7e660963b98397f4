"""Masks of ``torch.nn.utils.prune`` that are still on, made part of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from core.errors import UserError

#: What torch calls before the forward of a module to apply its masks.
HOOKS = "_forward_pre_hooks"


class MaskHook:
    """Stands for a pruning method of torch: says which parameter has a mask, and does nothing.

    The mask itself is a buffer of the module, so how it was found does not matter.
    """


def are_masks(hooks: object) -> bool:
    """Return whether all hooks of a module are pruning methods of torch."""
    return isinstance(hooks, dict) and all(type(hook) is MaskHook for hook in hooks.values())


def apply(model: nn.Module, label: object) -> int:
    """Multiply every masked parameter by its mask, as ``torch.nn.utils.prune.remove`` does.

    Parameters
    ----------
    model : torch.nn.Module
        As it came from the file, its tables checked; changed in place.
    label : object
        How messages name the file.

    Returns
    -------
    int
        How many parameters had a mask.

    Raises
    ------
    UserError
        When a mask is missing or does not fit its parameter.
    """
    found = 0
    for name, module in model.named_modules():
        parts = vars(module)
        for key in [key for key, value in parts.items() if type(value) is MaskHook]:
            del parts[key]  # nothing that a network needs, and no other program knows it
        hooks = parts.get(HOOKS)
        if not hooks or not are_masks(hooks):
            continue
        for hook in hooks.values():
            key = vars(hook).get("_tensor_name")
            if not _apply_one(module, key):
                raise UserError(
                    f"{label} has a pruning mask that does not fit the weights of {name}.",
                    "Apply it with torch.nn.utils.prune.remove, save the network again with "
                    "model.save, and open the new file.",
                )
            found += 1
        hooks.clear()
    return found


def _apply_one(module: nn.Module, key: object) -> bool:
    parts: dict[str, Any] = vars(module)
    parameters, buffers = parts["_parameters"], parts["_buffers"]
    weight, mask = parameters.get(f"{key}_orig"), buffers.get(f"{key}_mask")
    if not isinstance(key, str) or weight is None or mask is None:
        return False
    if weight.shape != mask.shape or not weight.is_floating_point() or key in parameters:
        return False
    applied = mask.detach().to(weight.dtype) * weight.detach()
    parts.pop(key, None)  # what the hook made of them last, in the precision of then
    del parameters[f"{key}_orig"], buffers[f"{key}_mask"]
    parameters[key] = nn.Parameter(applied, weight.requires_grad)
    return True


def zeros_in(model: nn.Module) -> float:
    """Return the share of a network's parameters that are exactly zero, 0 to 1."""
    counts = [(p.numel(), _others_in(p)) for p in model.parameters()]
    total = sum(size for size, _ in counts)
    return (total - sum(other for _, other in counts)) / total if total else 0.0


def _others_in(parameter: torch.Tensor) -> int:
    """Count what is not zero; NumPy takes half the time of torch for FP32 on a processor."""
    if parameter.dtype == torch.float32 and parameter.device.type == "cpu":
        return int(np.count_nonzero(parameter.detach().numpy() != 0))
    return int(torch.count_nonzero(parameter))
