"""How a network's parameters are named in the channel table."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from core.graph.table import Layer

KERNELS = (
    nn.modules.conv._ConvNd,
    nn.Linear,
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
)
"""PyTorch's layers: all that they own goes by their channels."""
OWN = ("weight", "bias")
"""Of a module that computes with weights of its own, the two that are a layer under its name."""


ALONE = (nn.PReLU, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)
"""Layers of PyTorch that may have no weights, or give the operation that runs a copy of them."""


def names_itself(module: nn.Module) -> bool:
    """Whether an operation on channels shows which module it belongs to only by what runs."""
    norm = isinstance(module, nn.modules.batchnorm._NormBase) and not module.affine
    return norm or isinstance(module, ALONE)


def at_rest(module: nn.Module) -> bool:
    """Whether a module is no normalisation, or one with a scale and stored statistics."""
    if not isinstance(module, nn.modules.batchnorm._NormBase):
        return True
    return module.affine and module.running_mean is not None


def is_sized(module: nn.Module) -> bool:
    """Whether a layer holds something for each channel, or counts them; one without is no layer."""
    if not isinstance(module, nn.modules.batchnorm._NormBase):
        return True
    return module.affine or module.running_mean is not None


def is_plain(module: nn.Module) -> bool:
    """Whether a module is one of PyTorch's, so that what it owns is known."""
    return isinstance(module, KERNELS) or type(module).__module__.startswith("torch.nn.")


def layer_names(modules: Iterable[tuple[str, nn.Module]]) -> dict[int, tuple[str, nn.Module]]:
    """Return the layer that each parameter belongs to, by the parameter's id, with its module.

    The parameters of a PyTorch layer, and ``weight`` and ``bias`` of any other module, make a layer
    under the module's name. Any other parameter is one of its own, under its own name.
    """
    found: dict[int, tuple[str, nn.Module]] = {}
    for name, module in modules:
        if not module._parameters:
            continue
        whole = is_plain(module)
        for own, parameter in module._parameters.items():
            if parameter is not None:
                single = not whole and own not in OWN
                found[id(parameter)] = (f"{name}.{own}".lstrip(".") if single else name, module)
    return found


def own_tensors(model: nn.Module, layer: str, *, single: bool) -> list[tuple[str, Tensor]]:
    """Return the tensors of a layer of the channel table, by their names in its module.

    Parameters
    ----------
    model : nn.Module
    layer : str
        Its name in the table.
    single : bool
        Whether it is one parameter (of the kind ``Parameter``), rather than a module.
    """
    if single:
        return [("weight", model.get_parameter(layer))]
    module = model.get_submodule(layer)
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    plain = is_plain(module)
    return [(name, tensor) for name, tensor in own if tensor.ndim and (plain or name in OWN)]


def outputs_axis(layer: Layer, name: str, tensor: Tensor) -> int:
    """Return the axis of a layer's tensor along which its outputs lie.

    Parameters
    ----------
    layer : Layer
    name : str
        Of the tensor in its module, as `own_tensors` has it.
    tensor : Tensor
    """
    if layer.kind == "Parameter" and not layer.mixes:  # one scale a channel, in any shape
        return max(range(tensor.ndim), key=lambda axis: tensor.shape[axis])
    transposed = "Transpose" in layer.kind and layer.groups == 1
    return 1 if transposed and name == "weight" and tensor.ndim > 1 else 0


def kernel_of(model: nn.Module, layer: Layer) -> Tensor:
    """Return the weight by which a layer makes its outputs, along its first axis."""
    tensors = dict(own_tensors(model, layer.name, single=layer.kind == "Parameter"))
    weight = tensors["weight"]
    return weight.transpose(0, outputs_axis(layer, "weight", weight))
