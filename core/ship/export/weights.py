"""How many weights an exported network holds, by format."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def count_onnx(path: Path) -> int:
    """Count the weights that operations with weights read, also through a change of precision."""
    import onnx

    graph = onnx.load(str(path)).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    seen = set()
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            for name in node.input:
                maker = makers.get(name)
                through = maker is not None and maker.op_type in ("DequantizeLinear", "Cast")
                seen.add(maker.input[0] if maker is not None and through else name)
    return sum(sizes.get(name, 0) for name in seen)


def count_torchscript(path: Path) -> int:
    """Count the parameters of the module."""
    import torch

    module: nn.Module = torch.jit.load(str(path), map_location="cpu")
    return sum(p.numel() for p in module.parameters())
