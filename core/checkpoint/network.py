"""Builds the untrained network of a YAML description, which is as untrusted as any file."""

from __future__ import annotations

import copy
import hashlib
import importlib
import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from torch import nn

from core.checkpoint import structure
from core.checkpoint._stock import DEFAULT_CFG_DICT, ROOT, Conv, modules, tasks
from core.checkpoint.facts import Facts, Loaded
from core.checkpoint.guard import TooLargeError, guarded, rehearse
from core.checkpoint.sniff import check_readable, unreadable
from core.errors import UserError, one_line
from core.system.budget import MODEL_YAML, MOST_OUTPUTS, OverBudgetError, parse_yaml, read_bytes
from core.trust.find import Candidate, UntrustedError, added_to, find_block, needed_by

#: Part of the last block's name, then task and class; the first that fits counts.
_HEADS: dict[str, tuple[str, Any]] = {
    "rtdetr": ("detect", tasks.RTDETRDetectionModel),
    "worlddetect": ("detect", tasks.WorldModel),
    "yoloesegment": ("segment", tasks.YOLOESegModel),
    "yoloedetect": ("detect", tasks.YOLOEModel),
    "classify": ("classify", tasks.ClassificationModel),
    "detect": ("detect", tasks.DetectionModel),
    "semanticsegment": ("semantic", tasks.SemanticSegmentationModel),
    "segment": ("segment", tasks.SegmentationModel),
    "pose": ("pose", tasks.PoseModel),
    "obb": ("obb", tasks.OBBModel),
    "depth": ("depth", tasks.DepthModel),
}
_MOST_BLOCKS = 2000
_LARGEST_NUMBER = 100_000
_MOST_REPEATS = 1000
_OPS = "torchvision.ops."
_NETWORK = "A model YAML lists its blocks under 'backbone' and 'head'."


def build(path: Path) -> Loaded:
    """Return the untrained network of a description, with the same weights every time.

    Parameters
    ----------
    path : Path
        A YAML file; a bare name that is not in the folder means Ultralytics' own, with the
        scale's letter in it (``yolov8n.yaml``).

    Raises
    ------
    UserError
        If there is no such file, it describes no network, or the network cannot be built.
    """
    file = _find(path)
    check_readable(file)
    try:
        data = read_bytes(file, MODEL_YAML)
    except OSError as error:
        raise unreadable(path, error) from error
    description = _parse(path, data)
    scale = _scale_of(path, description)
    description.update(scale=scale, yaml_file=path.name)
    own = _check(path, description)
    kind, task = _head_of(path, description)
    shipped = file.is_relative_to(ROOT)
    known = shipped or _rehearse(path, description, own, kind)
    model = _construct(path, description, own, kind, nullcontext() if known else guarded(path))
    model.task = task
    size = structure.image_size_of(task, {})
    args = {"task": task, "model": path.name, "imgsz": size.plain}
    model.args = {**DEFAULT_CFG_DICT, **args}
    facts = Facts(
        path=str(path),
        sha256=hashlib.sha256(data + scale.encode()).hexdigest(),
        family=structure.family_of(model),
        task=task,
        classes=dict(model.names),
        image_size=size,
        dtype=structure.stored_dtype(model),
        frozen=structure.is_frozen(model),
        fused=structure.is_fused(model),
        modules=needed_by(model),
    )
    return Loaded(model, facts, args)


def _without_scale(name: str) -> str:
    return re.sub(r"(\d+)([nslmx])(.+)?$", r"\1\3", name)


def _find(path: Path) -> Path:
    """Return the file itself, its family next to it, or the one of Ultralytics by that name."""
    try:
        for candidate in (path, path.with_name(_without_scale(path.name))):
            if candidate.exists():
                return candidate
    except ValueError as error:
        raise UserError(f"{path!r} is not a file name.", "Check the name.") from error
    if path.parent == Path():
        folder = Path(ROOT) / "cfg" / "models"
        bundled = {file.name: file for file in folder.rglob("*.yaml")}
        name = path.with_suffix(".yaml").name
        for known in (name, _without_scale(name)):
            if known in bundled:
                return bundled[known]
    raise UserError(
        f"The model YAML {path} does not exist.",
        "Check the path. Models of Ultralytics have names like yolov8n.yaml.",
    )


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        description = parse_yaml(data.decode("utf-8"), MODEL_YAML, path)
    except OverBudgetError as error:
        raise UserError(error.message, _NETWORK) from error
    except (yaml.YAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f" (line {line + 1})"
        raise UserError(f"{path} is not valid YAML{where}.", _NETWORK) from error
    if not isinstance(description, dict):
        raise UserError(f"{path} is not a model YAML.", _NETWORK)
    if "backbone" in description and "head" in description:
        return description
    if {"train", "val", "path"} & description.keys():
        raise UserError(
            f"{path} describes a dataset, not a network.",
            "Use it as the dataset; the model is a .pt file or a model YAML such as yolov8n.yaml.",
        )
    raise UserError(f"{path} is not a model YAML: it has no backbone and head.", _NETWORK)


def _scale_of(path: Path, description: dict[str, Any]) -> str:
    scales = description.get("scales")
    named = str(tasks.guess_model_scale(path))
    if not scales:
        return named
    if not isinstance(scales, dict):
        raise UserError(f"The scales in {path} are not valid.", _NETWORK)
    scale = named or str(description.get("scale") or next(iter(scales)))
    values = scales.get(scale)
    if values is None:
        known = ", ".join(str(key) for key in scales)
        raise UserError(f"{path} has no scale '{scale}'.", f"Available scales: {known}.")
    if not (isinstance(values, list) and len(values) == 3 and all(map(_is_number, values))):
        raise UserError(f"The scale '{scale}' in {path} is not valid.", _NETWORK)
    return scale


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e5


def _check(path: Path, description: dict[str, Any]) -> dict[str, type]:
    """Refuse whatever Ultralytics would evaluate, import, download, or choke on.

    Returns the classes of trusted modules that it names. None is run before all else is checked.
    """
    activation = description.get("activation")
    if activation is not None and not structure.is_activation(activation):
        raise UserError(
            f"{path} uses an activation that PyTorch does not have.",
            "No code from it was executed. Write it as nn.SiLU() or nn.LeakyReLU(0.1).",
        )
    parts = [description["backbone"], description["head"]]
    if not all(isinstance(part, list) for part in parts) or not description["backbone"]:
        raise UserError(f"The list of blocks in {path} is not valid.", _NETWORK)
    blocks = parts[0] + parts[1]
    if len(blocks) > _MOST_BLOCKS:
        raise UserError(f"{path} has too many blocks.", _NETWORK)
    own: dict[str, Candidate] = {}
    for index, block in enumerate(blocks):
        if not (
            isinstance(block, list)
            and len(block) == 4
            and isinstance(block[2], str)
            and isinstance(block[3], list)
        ):
            raise UserError(
                f"Block {index} of {path} is not a list of from, repeats, module and arguments.",
                _NETWORK,
            )
        if candidate := _check_module(path, index, block[2]):
            own[block[2]] = candidate
        elif block[2] == "TorchVision":
            block[3] = _without_weights(path, index, block[3])
    repeats = _largest([block[1] for block in blocks]) * _deepest(description)
    classes = _largest(description.get("nc", 1))
    large = max(_largest([description.get("channels", 3), blocks]), classes)
    if classes > MOST_OUTPUTS or large > _LARGEST_NUMBER or repeats > _MOST_REPEATS:
        raise UserError(f"The network in {path} is unreasonably large.", _NETWORK)
    return {name: _module_class(path, name, candidate) for name, candidate in own.items()}


def _module_class(path: Path, name: str, candidate: Candidate) -> type:
    kind = candidate.take(path)
    if not issubclass(kind, nn.Module):
        raise UserError(
            f"{name} in {candidate.entry.path} is not a PyTorch module, which {path} uses it as.",
            "Derive it from torch.nn.Module.",
        )
    return kind


def _check_module(path: Path, index: int, name: str) -> Candidate | None:
    """Refuse a block's module that is neither stock nor trusted; return a trusted one."""
    if name.startswith("nn."):
        found, home = getattr(nn, name[3:], None), "torch.nn.modules."
    elif name.startswith(_OPS):
        ops = importlib.import_module(_OPS.rstrip("."))
        found, home = getattr(ops, name.removeprefix(_OPS), None), _OPS
    else:
        # Of the classes that Ultralytics has, these are the ones that a model YAML can name.
        found, home = getattr(tasks, name, None), "ultralytics.nn.modules."
    known = isinstance(found, type) and issubclass(found, nn.Module)
    is_stock = known and found is not None and found.__module__.startswith(home)
    own = find_block(name, path, is_stock=is_stock)
    if own is None and not is_stock:
        lacks = not isinstance(getattr(modules, name, None), type)
        what = "Ultralytics does not have" if lacks else "no model YAML can name"
        raise UntrustedError(
            f"Block {index} of {path} uses a module that {what}: {name[:60]}.",
            "No code from it was executed. Use one of Ultralytics, torch.nn or torchvision.ops; if "
            "it is yours, trust the Python file that defines it: `secateur trust add FILE`.",
            (name,),
        )
    return own


def _without_weights(path: Path, index: int, arguments: list[Any]) -> list[Any]:
    """Return a TorchVision block's arguments with no weights, which would be downloaded.

    Classifiers alone: detectors and segmenters fetch weights of their backbone besides.
    """
    from torchvision import models

    channels, name, *rest = [*arguments, None, None][: max(2, len(arguments))]
    if name not in models.list_models(module=models):
        raise UserError(
            f"Block {index} of {path} names no classifier of torchvision: {str(name)[:60]}.",
            "Use one of torchvision.models, such as resnet18.",
        )
    return [channels, name, None, *rest[1:]]


def _deepest(description: dict[str, Any]) -> float:
    """Return what repeats are multiplied by, at least 1."""
    scale = (description.get("scales") or {}).get(description["scale"], [1.0])
    return max(1.0, float(scale[0]), _largest(description.get("depth_multiple", 1)))


def _largest(value: object) -> float:
    """Return the largest number in nested lists, as text or not."""
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"\s*\d{1,30}(\.\d*)?\s*", value) else 0
    if isinstance(value, int | float):
        return abs(value)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return 0


_OWN_ARGUMENTS = (
    "Ultralytics gives a class that it does not know ({}) the arguments of the list alone, and "
    "takes its output to be as wide as its input. Write all arguments, with the channels it reads; "
    "a network built by a parser that does otherwise can be opened from its checkpoint."
)
"""What to do where the parser of a fork would have passed other arguments."""


def _head_of(path: Path, description: dict[str, Any]) -> tuple[Any, str]:
    """Return the class of a network, by its last block, and its task."""
    head = str(description["head"][-1][2]) if description["head"] else "nothing"
    for part, (task, kind) in _HEADS.items():
        if part in head.lower():
            return kind, task
    raise UserError(f"{path} ends in {head}, which is not the head of a known task.", _NETWORK)


def _rehearse(path: Path, description: dict[str, Any], own: dict[str, type], kind: Any) -> bool:
    """Refuse a network that is unreasonably large; return whether it is known to be none."""
    if own:  # the user's code may need real numbers
        return False
    try:
        rehearse(lambda: _made(copy.deepcopy(description), own, kind), path)
    except TooLargeError as error:
        raise UserError(error.message, _NETWORK) from error
    except Exception:  # what fails here fails again, where it is reported
        return False
    return True


def _made(description: dict[str, Any], own: dict[str, type], kind: Any) -> Any:
    activation = Conv.default_act
    try:
        with torch.random.fork_rng(devices=[]), added_to(tasks, own):
            torch.manual_seed(0)
            return kind(description, ch=int(description.get("channels", 3)), verbose=False)
    finally:
        # Ultralytics puts this back only when nothing fails on the way.
        Conv.default_act = activation


def _construct(
    path: Path,
    description: dict[str, Any],
    own: dict[str, type],
    kind: Any,
    guard: AbstractContextManager[None],
) -> Any:
    try:
        with guard:
            return _made(description, own, kind).eval()
    except TooLargeError as error:
        raise UserError(error.message, _NETWORK) from error
    except Exception as error:  # the arguments of every module come from the file
        raise UserError(
            f"The network in {path} cannot be built ({type(error).__name__}: {one_line(error)}).",
            _OWN_ARGUMENTS.format(", ".join(own))
            if own
            else "Compare it with the original model YAML.",
        ) from error
