"""Times of single layers, by runtime.

A timer takes points (a shape at given widths) and lets them take turns. It reports the least of the
repeats: what a layer needs when nothing else interrupts it. On a machine that other programs load,
most repeats of a long layer are interrupted, and any quartile would count that in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.ship.devices.bench import by_point, profile
from core.ship.latency.runtime import Settings
from core.ship.latency.shapes import Shape
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from torch import nn

Point = tuple[Shape, int, int]
"""A shape, its input width and its output width."""

Floats = NDArray[np.float64]
Timer = Callable[[Sequence[Point], Settings, int], Floats]


def time_onnx(points: Sequence[Point], settings: Settings, repeats: int) -> Floats:
    """Time layers in ONNX Runtime, several in one session, from its own profile.

    Parameters
    ----------
    points : sequence of Point
    settings : Settings
    repeats : int

    Returns
    -------
    float array, shape (points,)
        Milliseconds.
    """
    with Scratch("layers") as folder:
        model = onnx_layers(points, settings.batch)
        nodes = profile(model, settings.threads, repeats, Path(folder))
    return np.array(by_point(nodes, len(points)))


def onnx_layers(points: Sequence[Point], batch: int) -> bytes:
    """Return a model of independent layers, each with the input of its size."""
    from onnx import TensorProto, helper

    inputs: dict[str, Any] = {}
    nodes: list[Any] = []
    weights: list[Any] = []
    outputs: list[Any] = []
    generator = np.random.default_rng(0)
    for number, (shape, narrow, wide) in enumerate(points):
        ins, outs = shape.widths(narrow, wide)
        source = f"x_{ins}_{shape.side[0]}_{shape.side[1]}_{shape.kind == 'Linear'}"
        size = [batch, ins, *shape.side]
        if shape.kind == "Linear":
            size = [batch * shape.side[0], ins]
        inputs.setdefault(source, helper.make_tensor_value_info(source, TensorProto.FLOAT, size))
        made, arrays = _onnx_layer(f"L{number}", source, shape, ins, outs)
        last = f"L{number}_y"
        made += _onnx_activation(shape.activation, f"L{number}", last)
        nodes += made
        weights += [_tensor(name, size, generator) for name, size in arrays.items()]
        outputs.append(helper.make_tensor_value_info(made[-1].output[0], TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "layers", list(inputs.values()), outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    content: bytes = model.SerializeToString()
    return content


def _tensor(name: str, size: tuple[int, ...], generator: np.random.Generator) -> Any:
    from onnx import numpy_helper

    reach = max(1, int(np.prod(size[1:])))
    return numpy_helper.from_array(
        (generator.standard_normal(size) / np.sqrt(reach)).astype(np.float32), name
    )


def _onnx_layer(
    name: str, source: str, shape: Shape, ins: int, outs: int
) -> tuple[list[Any], dict[str, tuple[int, ...]]]:
    from onnx import helper

    weight, bias, result = f"{name}_w", f"{name}_b", f"{name}_y"
    if shape.kind == "Linear":
        node = helper.make_node("Gemm", [source, weight, bias], [result], f"{name}_gemm", transB=1)
        return [node], {weight: (outs, ins), bias: (outs,)}
    groups = outs // shape.per_group[1] if shape.grouped else 1
    transposed = shape.kind == "ConvTranspose2d"
    node = helper.make_node(
        "ConvTranspose" if transposed else "Conv",
        [source, weight, bias],
        [result],
        f"{name}_conv",
        kernel_shape=list(shape.kernel),
        strides=list(shape.stride),
        pads=[*shape.padding, *shape.padding],
        dilations=list(shape.dilation),
        group=groups,
    )
    size = (ins, outs // groups) if transposed else (outs, ins // groups)
    return [node], {weight: (*size, *shape.kernel), bias: (outs,)}


ONNX_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "SiLU": ("Sigmoid", "Mul"),
    "ReLU": ("Relu",),
    "LeakyReLU": ("LeakyRelu",),
    "Hardswish": ("HardSwish",),
    "Sigmoid": ("Sigmoid",),
}


def _onnx_activation(activation: str, name: str, source: str) -> list[Any]:
    """Return the nodes an exporter writes for an activation."""
    from onnx import helper

    nodes = []
    last = source
    for number, kind in enumerate(ONNX_ACTIVATIONS[activation]):
        result = f"{name}_a{number}"
        ins = [source, last] if kind == "Mul" else [last]
        nodes.append(helper.make_node(kind, ins, [result], f"{name}_{kind.lower()}"))
        last = result
    return nodes


def time_torch(points: Sequence[Point], settings: Settings, repeats: int) -> Floats:
    """Time layers in PyTorch, eager, taking turns.

    On one thread of a CPU the thread's own computing time is read; otherwise the clock.

    Parameters
    ----------
    points : sequence of Point
    settings : Settings
    repeats : int

    Returns
    -------
    float array, shape (points,)
        Milliseconds.
    """
    import torch

    gpu = settings.device.startswith("cuda")
    kind = torch.float16 if settings.half else torch.float32
    device = torch.device(settings.device)
    layers = [_torch_layer(*point).to(device, kind).eval() for point in points]
    images = [_torch_input(point, settings.batch).to(device, kind) for point in points]
    calls = 20 if gpu else 1
    clock = time.thread_time if settings.threads == 1 and not gpu else time.perf_counter
    taken = np.zeros((repeats + 1, len(points)))
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        with torch.inference_mode():
            for turn in range(repeats + 1):
                for number, (layer, image) in enumerate(zip(layers, images, strict=True)):
                    started = clock()
                    for _ in range(calls):
                        layer(image)
                    if gpu:
                        torch.cuda.synchronize(device)
                    taken[turn, number] = (clock() - started) * 1e3 / calls
    finally:
        torch.set_num_threads(before)
    least: Floats = taken[1:].min(axis=0)
    return least


def _torch_layer(shape: Shape, narrow: int, wide: int) -> nn.Module:
    from torch import nn

    ins, outs = shape.widths(narrow, wide)
    layer: nn.Module
    if shape.kind == "Linear":
        layer = nn.Linear(ins, outs)
    else:
        groups = outs // shape.per_group[1] if shape.grouped else 1
        options: Any = {
            "stride": shape.stride,
            "padding": shape.padding,
            "dilation": shape.dilation,
            "groups": groups,
        }
        layer = getattr(nn, shape.kind)(ins, outs, shape.kernel, **options)
    if not shape.activation:
        return layer
    # In place, as the activations of Ultralytics work.
    activation = getattr(nn, shape.activation)
    own = activation() if shape.activation == "Sigmoid" else activation(inplace=True)
    return nn.Sequential(layer, own)


def _torch_input(point: Point, batch: int) -> Any:
    import torch

    shape, narrow, wide = point
    ins, _ = shape.widths(narrow, wide)
    size = (batch * shape.side[0], ins) if shape.kind == "Linear" else (batch, ins, *shape.side)
    return torch.rand(size, generator=torch.Generator().manual_seed(0))


TIMERS: Mapping[str, Timer] = {"onnx": time_onnx, "torch": time_torch}
"""How single layers are timed, by runtime."""
