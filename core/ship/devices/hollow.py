"""ONNX networks without their weights: as large as their layers are many, and as slow as before.

What a layer takes does not depend on the values of its weights, so a network that is only to be
timed need not take them along: kilobytes instead of megabytes go to the device, and the weights
stay here.
"""

from __future__ import annotations

import math
from typing import Any

LEAST = 1024
"""Values from which a tensor is replaced; smaller ones may be shapes and anchors."""


def hollow(content: bytes) -> bytes:
    """Return an ONNX network whose large FP32 weights are made when it is opened.

    A tensor becomes a ``ConstantOfShape``, which the runtime folds into a constant before it
    chooses kernels, exactly as if it had been stored. All its values are one over the inputs that
    they are multiplied with, so signals neither overflow nor become denormal numbers, which would
    be slow.

    Parameters
    ----------
    content : bytes
        A serialised model.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model: Any = onnx.load_from_string(content)
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    kept: list[Any] = []
    made: list[Any] = []
    for tensor in graph.initializer:
        large = math.prod(tensor.dims) >= LEAST and tensor.data_type == TensorProto.FLOAT
        if not large or tensor.name not in used:
            kept.append(tensor)
            continue
        shape = f"{tensor.name}_shape"
        value = helper.make_tensor("value", TensorProto.FLOAT, [1], [_value(tensor.dims)])
        kept.append(numpy_helper.from_array(np.array(tensor.dims, np.int64), shape))
        made.append(helper.make_node("ConstantOfShape", [shape], [tensor.name], value=value))
    nodes = [*made, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    result: bytes = model.SerializeToString()
    return result


def _value(dims: Any) -> float:
    return 1.0 / max(1, int(math.prod(dims[1:])))
