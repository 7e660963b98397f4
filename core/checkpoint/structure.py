"""Checks and completes a network that came out of a file, and reads facts off it."""

from __future__ import annotations

import ast
import contextlib
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import torch
from torch import nn

from core.checkpoint import masks
from core.checkpoint._stock import (
    DEFAULT_CFG_DICT,
    DFL,
    Conv,
    ConvTranspose,
    RepConv,
    tasks,
)
from core.checkpoint.allowlist import Method, resolve_methods
from core.checkpoint.plain import plain_items
from core.errors import UserError
from core.system.budget import (
    INFLATED,
    INFLATED_ROOM,
    MOST_MODULES,
    MOST_OBJECTS,
    MOST_OUTPUTS,
    Budget,
    over,
)
from core.system.size import ImageSize
from core.system.tree import check_tree

Place: TypeAlias = "tuple[Place, object] | None"

_RESAVE = "Load it in Ultralytics, save it again with model.save, and open the new file."
TASKS = ("detect", "segment", "pose", "obb", "classify", "semantic", "depth")
_PLAIN = ("train_args", "secateur", "version")
"""What is read of a checkpoint besides its network."""
_CONTENTS = Budget("a checkpoint", 0, MOST_OBJECTS)
_MODULES = Budget("a network", 0, MOST_MODULES)
_TABLES = ("_modules", "_parameters", "_buffers")
_DEFAULT_SIZE = 640
_CLASSIFY_SIZE = 224


def check(model: nn.Module, label: object, checkpoint: Mapping[str, Any], size: int) -> None:
    """Refuse a network that is not Ultralytics', or whose parts are not what they must be.

    Parameters
    ----------
    model : torch.nn.Module
    label : object
        How messages name the file.
    checkpoint : mapping
        What came with it.
    size : int
        Bytes of the file.

    Raises
    ------
    UserError
        With the part concerned.
    """
    if not isinstance(model, tasks.BaseModel) or not isinstance(
        vars(model).get("_modules", {}).get("model"), nn.Sequential
    ):
        raise UserError(
            f"{label} contains a {type(model).__name__}, not an Ultralytics network.",
            "Open a checkpoint saved by Ultralytics (model.save).",
        )
    if checkpoint.get("modelopt"):
        raise UserError(
            f"{label} was trained with quantization, which cannot be pruned.",
            "Open the checkpoint from before quantization.",
        )
    modules = _walk(model, label)
    check_tree(_read_of(model, checkpoint), _CONTENTS, label)
    held: dict[int, int] = {}
    claimed = 0
    for place, module in modules:
        parts = vars(module)
        kinds = (("_modules", nn.Module), ("_parameters", nn.Parameter), ("_buffers", torch.Tensor))
        for key, kind in kinds:
            table = parts.get(key)
            if not isinstance(table, dict) or not all(
                isinstance(at, str) and (item is None or isinstance(item, kind))
                for at, item in table.items()
            ):
                name = _name_of(place) or "the network"
                raise UserError(f"{label} contains a damaged part: {name}.", _RESAVE)
        if any(_attaches_code(key, value) for key, value in parts.items()):
            raise UserError(f"{label} attaches code to the layer {_name_of(place)}.", _RESAVE)
        for tensor in (*parts["_parameters"].values(), *parts["_buffers"].values()):
            if tensor is not None:
                claimed += tensor.numel() * tensor.element_size()
                storage = tensor.untyped_storage()
                held[storage.data_ptr()] = storage.nbytes()
    # A tensor of stride 0 claims any size over a few bytes, and takes it all once converted.
    weights = sum(held.values())
    if claimed > 4 * weights + (16 << 20) or weights > INFLATED * size + INFLATED_ROOM:
        raise UserError(f"{label} claims more weights than it contains.", _RESAVE)
    # PyTorch visits a module once for every way to it.
    check_tree(model, _MODULES, label, _children)
    _check_description(model, label)


def _check_description(model: nn.Module, label: object) -> None:
    """Check what the network says of its blocks, which Ultralytics evaluates when it rebuilds."""
    description = vars(model).get("yaml")
    if not isinstance(description, dict):
        raise UserError(f"The network in {label} has no model YAML.", _RESAVE)
    activation = description.get("activation")
    safe = activation is None or is_activation(activation)
    for block in [*description.get("backbone", ()), *description.get("head", ())]:
        name = str(block[2])
        found = getattr(nn, name[3:], None) if name.startswith("nn.") else vars(tasks).get(name)
        # A name that is gone since is no harm; one that is something else than a layer is.
        safe = safe and (
            found is None or (isinstance(found, type) and issubclass(found, nn.Module))
        )
    if not safe:
        raise UserError(
            f"{label} uses something that is not a layer or an activation in the list of "
            "its blocks.",
            "No code from it was executed. Delete the file unless you trust its source.",
        )
    for index, block in enumerate(model.get_submodule("model").children()):
        at, sources, kind = (vars(block).get(key) for key in ("i", "f", "type"))
        listed = isinstance(sources, list) and all(isinstance(item, int) for item in sources)
        if at != index or not (isinstance(sources, int) or listed) or not isinstance(kind, str):
            raise UserError(f"{label} does not define the inputs of block {index}.", _RESAVE)


def is_activation(text: object) -> bool:
    """Return whether text is a call of one of torch's activations with literal arguments.

    Ultralytics evaluates this text as Python, so nothing else may reach it.
    """
    if not isinstance(text, str) or len(text) > 200:
        return False
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            ast.literal_eval(argument)
        owner = ast.unparse(call.func.value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    found = getattr(nn.modules.activation, call.func.attr, None)
    module = isinstance(found, type) and issubclass(found, nn.Module)
    return module and owner in ("nn", "torch.nn") and hasattr(nn, call.func.attr)


def _attaches_code(key: object, value: object) -> bool:
    """Return whether an attribute of a module makes torch call something else than its class says.

    Every table of hooks has that word in its name, whatever the version of torch; and an attribute
    of the name of a method hides that method. Ultralytics sets ``forward`` on fused layers, to
    another method of theirs (`resolve_methods`), and ``type``, which is text.
    """
    if not isinstance(key, str):  # no program writes one
        return True
    if "hook" in key:
        harmless = value is None or isinstance(value, bool) or not value
        return not harmless and not (key == masks.HOOKS and masks.are_masks(value))
    hides = key != "forward" and callable(getattr(nn.Module, key, None))
    return hides and (callable(value) or isinstance(value, Method))


def _walk(model: nn.Module, label: object) -> list[tuple[Place, nn.Module]]:
    """Return all modules and their places, however they are held, each once.

    Neither the tables of modules are trusted, nor that nothing else holds some: a list, or an
    object that is a plain attribute.
    """
    found: list[tuple[Place, nn.Module]] = []
    seen: set[int] = set()
    pending: list[tuple[Place, object]] = [(None, model)]
    while pending:
        place, item = pending.pop()
        if id(item) in seen or isinstance(item, torch.Tensor | type):
            continue
        seen.add(id(item))
        if isinstance(item, nn.Module):
            found.append((place, item))
        parts = _parts(item)
        pending += [((place, key), part) for key, part in parts]
        if len(seen) + len(pending) > 2 * MOST_OBJECTS or len(found) > MOST_MODULES:
            raise over(label, "contains more modules or objects than a network has")
    return found


def _read_of(model: nn.Module, checkpoint: Mapping[str, Any]) -> list[object]:
    """Return the plain data that is read of a checkpoint, wherever it is."""
    found: list[object] = [checkpoint.get(key) for key in _PLAIN]
    found += [value for key, value in vars(model).items() if key not in _TABLES]
    for block in model.get_submodule("model").children():
        found += [vars(block).get(key) for key in ("i", "f", "type")]
    return found


def _name_of(place: Place) -> str:
    """Return the dotted name of a place, as much of it as is good for a message."""
    names: list[str] = []
    while place is not None and len(names) < _CONTENTS.depth:
        place, key = place
        names.append(
            key[:60] if isinstance(key, str) else str(key) if isinstance(key, int) else "?"
        )
    return ".".join(reversed(names))


def _children(module: object) -> list[object]:
    children = module._modules.values() if isinstance(module, nn.Module) else ()
    return [child for child in children if child is not None]


def _parts(item: object) -> list[tuple[object, object]]:
    """Return what an object out of a file holds, by name or number."""
    parts: list[tuple[object, object]] = []
    if isinstance(item, dict):
        parts += item.items()
    elif isinstance(item, list | tuple | set | frozenset):
        parts += enumerate(item)
    for key, value in getattr(item, "__dict__", {}).items():
        if key == "_modules" and isinstance(value, dict):
            parts += value.items()
        else:
            parts.append((key, value))
    return parts


def normalise(model: Any, train_args: dict[str, Any], label: object) -> dict[str, Any]:
    """Bring a network to FP32 and eval mode, and complete it as Ultralytics does on loading.

    The network is changed in place. Returns the arguments of its training.
    """
    resolve_methods(model)
    if hasattr(model, "criterion"):
        # Left over from training, with tensors and arguments of then; it is made again on demand.
        model.criterion = None
    model.float().eval()
    args = train_args or plain_items(getattr(model, "args", None))
    model.args = {**DEFAULT_CFG_DICT, **args}
    model.pt_path = str(label)
    if getattr(model, "task", None) not in TASKS:
        model.task = tasks.guess_model_task(model)
    if not hasattr(model, "stride"):
        model.stride = torch.tensor([32.0])
    model.names = _names_of(model, label)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = True
        elif isinstance(module, nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            # Absent from files of torch 1.10 and before.
            module.recompute_scale_factor = None
    return args


def _names_of(model: nn.Module, label: object) -> dict[int, str]:
    names = getattr(model, "names", None)
    if isinstance(names, list | tuple):
        names = dict(enumerate(names))
    if isinstance(names, dict) and names:
        return {int(index): str(name) for index, name in names.items()}
    yaml = getattr(model, "yaml", None)
    count = int(yaml.get("nc", 0) if isinstance(yaml, dict) else 0)
    if count > MOST_OUTPUTS:
        raise over(label, f"says that it has more than {MOST_OUTPUTS:,} classes")
    return {index: str(index) for index in range(count)}


def stored_dtype(model: nn.Module) -> str:
    """Return the type most floating-point weights have, such as ``float16``."""
    sizes: Counter[str] = Counter()
    for parameter in model.parameters():
        if parameter.is_floating_point():
            sizes[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    return sizes.most_common(1)[0][0] if sizes else "float32"


def family_of(model: nn.Module) -> str:
    """Return architecture and scale, or the class of the network in lower case."""
    yaml = getattr(model, "yaml", None)
    file = yaml.get("yaml_file") if isinstance(yaml, dict) else None
    if not isinstance(file, str | PurePosixPath) or not str(file).strip():
        return type(model).__name__.lower()
    stem = PurePosixPath(str(file).replace("\\", "/")).stem.lower()
    scale = yaml.get("scale") if isinstance(yaml, dict) else None
    if isinstance(scale, str) and scale and not tasks.guess_model_scale(stem):
        # 'yolov8-seg.yaml' with scale n is the family yolov8n-seg.
        head, dash, tail = stem.partition("-")
        if head[-1:].isdigit():
            return f"{head}{scale}{dash}{tail}"
    return stem


def image_size_of(task: str, train_args: Mapping[str, Any]) -> ImageSize:
    """Return the size of the training images; the usual one where nothing says."""
    size = train_args.get("imgsz")
    with contextlib.suppress(UserError):
        if isinstance(size, int | list | tuple | str):
            return ImageSize.of(size)
    return ImageSize.of(_CLASSIFY_SIZE if task == "classify" else _DEFAULT_SIZE)


def is_frozen(model: nn.Module) -> bool:
    """Return whether weights that normally train do not ask for gradients."""
    fixed = {id(p) for m in model.modules() if isinstance(m, DFL) for p in m.parameters()}
    return any(not p.requires_grad for p in model.parameters() if id(p) not in fixed)


def is_fused(model: nn.Module) -> bool:
    """Return whether a BatchNorm was folded into a convolution of Ultralytics."""
    return any(
        isinstance(module, Conv | ConvTranspose | RepConv)
        and not hasattr(module, "bn")
        and not hasattr(module, "conv1")
        for module in model.modules()
    )
