"""The hash of a network's weights, by which two networks are the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def weights_sha256(model: nn.Module) -> str:
    """Hash the weights and statistics of a network, with their names, types and shapes.

    Unlike the hash of a file it does not change with the date and versions a file states.

    Returns
    -------
    str
        SHA-256, lower-case hexadecimal.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
