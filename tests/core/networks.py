"""Networks for the tests: every supported family, untrained but with lively statistics."""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path

import torch
import yaml
from torch import nn

from core.checkpoint import Facts, Loaded, save
from core.graph.builder import analyse_model
from core.graph.table import ChannelTable
from core.pipeline import load
from core.system.size import ImageSize, SizeLike

SMALL = (
    "yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls", "yolov5n", "yolov9t",
    "yolov10n", "yolo11n", "yolo12n", "yolo26n", "rtdetr-l",
)  # fmt: skip
FAMILIES = (*SMALL, "yolov8s", "yolov8m", "yolov8l", "yolov8x")
"""The families the engine promises to prune."""

OPEN = ("yolov8s-world", "yolov8s-worldv2", "yoloe-11s-seg")
"""Open-vocabulary networks."""
OTHERS = (
    "yolo26n-seg", "yolo26n-pose", "yolov8n-ghost", "yolo11n-obb", "yolov3-tiny", "yolov9s", *OPEN,
)  # fmt: skip
"""Further ones that no rule was written for."""
TINY = "tiny"
"""A YOLOv8 of ten blocks (``tiny.yaml``), for what is the same with any network."""
_OWN = {TINY: Path(__file__).with_name("tiny.yaml")}


def image_size(family: str) -> int:
    return 224 if family.endswith("-cls") else 640


def enliven(model: nn.Module) -> nn.Module:
    """Give normalisation the statistics of a trained network: nothing is 0 or 1 by default."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return model


def live_file(path: Path) -> Path:
    """Write a checkpoint of a YOLOv8n whose outputs depend on its images; return its path."""
    original = load("yolov8n.yaml")
    save(enliven(original.model), path, train_args=original.train_args)
    return path


def narrow(family: str, folder: Path) -> Path:
    """Return the description of a family whose blocks are a quarter as wide, written to a folder.

    Least squares of a layer take the third power of its width.
    """
    from ultralytics.nn.tasks import yaml_model_load

    known = yaml_model_load(f"{family}.yaml")
    known["scales"][known["scale"]][1] /= 4
    path = folder / f"{family}.yaml"
    kept = {key: value for key, value in known.items() if key not in ("scale", "yaml_file")}
    path.write_text(yaml.safe_dump(kept), encoding="utf-8")
    return path


@lru_cache(maxsize=4)
def network(family: str) -> nn.Module:
    """An untrained network; treat it as read-only."""
    return enliven(load(_OWN.get(family, f"{family}.yaml")).model.float().eval())


def untrained(family: str) -> Loaded:
    """The same network as if it came from a file."""
    model = network(family)
    facts = Facts(
        path=f"{family}.yaml",
        sha256=f"{zlib.crc32(family.encode()):x}",
        family=family,
        task=str(model.task),
        classes=dict(model.names),
        image_size=image_size(family),
        dtype="float32",
        frozen=False,
        fused=False,
    )
    return Loaded(model, facts, {"task": model.task, "imgsz": image_size(family)})


@lru_cache(maxsize=32)
def table_of(family: str) -> ChannelTable:
    return analyse_model(network(family), image_size(family))


def count_macs(model: nn.Module, size: SizeLike, channels: int = 3) -> int:
    """Multiply-adds of convolutions and linear layers, measured by running the network."""
    total = 0

    def add(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            total += module.weight.numel() * inputs[0].shape[2:].numel()
        elif isinstance(module, nn.Conv2d):
            total += module.weight.numel() * output.shape[2:].numel()
        elif isinstance(module, nn.Linear):
            total += module.weight.numel() * (output.numel() // output.shape[-1])

    hooks = [module.register_forward_hook(add) for module in model.modules()]
    with torch.no_grad():
        model.eval()(torch.zeros(1, channels, *ImageSize.of(size)))
    for hook in hooks:
        hook.remove()
    return total


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def convolution_parameters(model: nn.Module) -> int:
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, kinds))
