"""The mean of a network from before and after tuning: where images are few, better than either.

Tuning on few images gains what they teach and loses what the network knew beyond them; half-way
between both states little is lost of either. Wortsman et al., "Robust fine-tuning of zero-shot
models", CVPR 2022, section 3.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

SHARE = 0.5
"""Of the tuned weights in the mean; the paper's choice if nothing is known of the best."""


def mean_network(before: nn.Module, tuned: nn.Module, share: float = SHARE) -> nn.Module:
    """Return a network whose weights are between those of two of one shape.

    Parameters
    ----------
    before, tuned : Module
        Left as they are.
    share : float
        0 gives the weights of ``before``, 1 those of ``tuned``.

    Returns
    -------
    Module
        In FP32, with the counters of ``tuned``.
    """
    mean = copy.deepcopy(tuned).float()
    start = before.state_dict()
    with torch.no_grad():
        for name, tensor in mean.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(start[name].to(tensor), 1.0 - share)
    return mean
