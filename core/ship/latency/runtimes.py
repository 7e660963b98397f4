"""The runtimes a network can be timed in: each has a function here that prepares a run.

A runtime takes a network as it is in memory and returns a function that runs it once. Whatever
file it needs is in a temporary folder of the caller.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.ship.devices.bench import onnx_run, openvino_run
from core.ship.export.exporter import quiet, run_exporter, sealed
from core.ship.export.formats import FORMATS
from core.ship.latency.runtime import RUNTIMES, Run, Runtime, Settings

if TYPE_CHECKING:
    from torch import nn


# ---- torch --------------------------------------------------------------------------------------


def fused(model: nn.Module) -> nn.Module:
    """Return a copy in FP32 with every BatchNorm folded into its convolution."""
    trial: Any = copy.deepcopy(model).float().eval()
    if hasattr(trial, "fuse"):
        with quiet():
            trial = trial.fuse(verbose=False)
    for parameter in trial.parameters():
        parameter.requires_grad_(False)
    return trial  # type: ignore[no-any-return]


def prepare_torch(model: nn.Module, settings: Settings, folder: Path) -> Run:
    """Return what runs a network in PyTorch."""
    import torch

    from core.graph.drive import image_channels, real_size

    device = torch.device(settings.device)
    kind = torch.float16 if settings.half else torch.float32
    trial = fused(model).to(device, kind)
    shape = (settings.batch, image_channels(model), *real_size(model, settings.image_size))
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device, kind)

    def run() -> object:
        torch.set_num_threads(settings.threads)
        with torch.inference_mode():
            result = trial(image)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return run


# ---- through Ultralytics' exporter --------------------------------------------------------------


def export(model: nn.Module, form: str, settings: Settings, folder: Path) -> Path:
    """Export a copy of a network to a format, by its name.

    Raises
    ------
    UserError
        When the exporter fails, with its reason.
    """
    return run_exporter(
        model,
        FORMATS[form],
        folder,
        image_size=settings.image_size,
        batch=settings.batch,
        precision="fp16" if settings.half else "fp32",
        device=settings.device,
    )


def prepare_onnx(model: nn.Module, settings: Settings, folder: Path) -> Run:
    """Return what runs a network in ONNX Runtime."""
    return onnx_run(export(model, "onnx", settings, folder), settings.threads)


def prepare_openvino(model: nn.Module, settings: Settings, folder: Path) -> Run:
    """Return what runs a network in OpenVINO."""
    return openvino_run(export(model, "openvino", settings, folder), settings.threads)


def prepare_tensorrt(model: nn.Module, settings: Settings, folder: Path) -> Run:
    """Return what runs a network in TensorRT."""
    import torch
    from ultralytics.nn.autobackend import AutoBackend

    from core.graph.drive import image_channels, real_size

    path = export(model, "engine", settings, folder)
    with sealed():
        backend = AutoBackend(str(path), device=torch.device("cuda:0"), fp16=settings.half)
    kind = torch.float16 if settings.half else torch.float32
    shape = (settings.batch, image_channels(model), *real_size(model, settings.image_size))
    image = torch.rand(shape, device="cuda:0").to(kind)

    def run() -> object:
        result = backend(image)
        torch.cuda.synchronize()
        return result

    return run


def runtimes() -> dict[str, Runtime]:
    """Return all runtimes by name: those of formats, and of none."""
    found = dict(RUNTIMES)
    for form in FORMATS.values():
        if form.runtime is not None:
            found.setdefault(form.runtime.name, form.runtime)
    return found


def runtime_of(name: str) -> Runtime:
    """Find a runtime by name.

    Raises
    ------
    UserError
        If there is none of that name, or it cannot run here.
    """
    known = runtimes()
    if name not in known:
        raise UserError(f"There is no runtime “{name}”.", f"Use some of {', '.join(known)}.")
    missing = known[name].missing()
    if missing is not None:
        raise missing
    return known[name]
