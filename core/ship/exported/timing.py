"""Exported files timed in their own runtimes, in turns with each other and with checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from core.errors import UserError
from core.progress import Progress, Span, silent
from core.ship.devices import bench
from core.ship.export.exporter import sealed
from core.ship.exported.network import ExportedNetwork
from core.ship.latency.measure import (
    Measured,
    Timing,
    available,
    interleave,
    machine,
    measure,
    timings_of,
)
from core.ship.latency.runtime import Run, Settings, cuda_available
from core.system.machine import check_device, default_threads
from core.system.scratch import Scratch
from core.system.size import ImageSize, SizeLike

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class _Turn:
    """One that takes turns: a network in a runtime."""

    name: str
    runtime: str
    precision: str
    settings: Settings
    run: Run


def measure_in_turns(
    models: Mapping[str, nn.Module],
    *,
    runtimes: Sequence[str],
    batches: Sequence[int] = (1,),
    image_size: SizeLike = 640,
    threads: int | None = None,
    repeats: int,
    device: str = "",
    progress: Progress = silent,
) -> Measured:
    """Time networks: checkpoints in every runtime, exported files in their own, all in turns.

    Without exported files this is `core.ship.latency.measure.measure`. The first network, in the
    first runtime, is what the others are compared with.

    Parameters
    ----------
    models : mapping of str to nn.Module
        By the name to report.
    runtimes : sequence of str
        Of checkpoints.
    batches : sequence of int
        One, where exported files take part.
    image_size : ImageSize, int or pair of int
        Of networks that have no size of their own.
    threads, repeats, device, progress
        As `core.ship.latency.measure.measure` takes them; exported files run on the processor,
        unless their runtime needs a GPU.

    Raises
    ------
    UserError
        When a runtime cannot run here, a file cannot be opened, or is for another batch size.
    """
    size = ImageSize.of(image_size)
    more: dict[str, Any] = {"runtimes": runtimes, "repeats": repeats, "device": device}
    if not any(isinstance(model, ExportedNetwork) for model in models.values()):
        more |= {"batches": batches, "threads": threads, "image_size": size, "progress": progress}
        return measure(models, **more)
    if len(batches) > 1:
        raise UserError("Exported files are timed at one batch size.", "Give one batch size.")
    wanted = check_device(device) or ("cuda" if cuda_available() else "cpu")
    base = Settings(batches[0], size, threads or default_threads(), False, wanted)
    checkpoints = [m for m in models.values() if not isinstance(m, ExportedNetwork)]
    found, missing = available(runtimes) if checkpoints else ([], ())
    before = torch.get_num_threads()
    turns: list[_Turn] = []
    try:
        with Scratch("latency") as place, sealed():
            for number, (name, model) in enumerate(models.items()):
                progress(0.3 * number / len(models), f"Preparing {name}")
                if isinstance(model, ExportedNetwork):
                    turns.append(_turn_of(name, model, base))
                    continue
                for runtime in found:
                    folder = Path(place) / f"{number}-{runtime.name}"
                    folder.mkdir()
                    run = runtime.run(model, base, folder)
                    turns.append(_Turn(name, runtime.name, "fp32", base, run))
            wall, cpu = interleave([t.run for t in turns], repeats, Span(progress, 0.3, 1.0))
    finally:
        torch.set_num_threads(before)
    progress(1.0, "Done")
    return Measured(_timings(turns, wall, cpu), missing, machine(wanted))


def _timings(turns: Sequence[_Turn], wall: Any, cpu: Any) -> tuple[Timing, ...]:
    labels = [str(number) for number in range(len(turns))]
    timings = []
    for number, turn in enumerate(turns):
        timing = timings_of(labels, turn.runtime, turn.settings, wall, cpu)[number]
        timings.append(replace(timing, model=turn.name, precision=turn.precision))
    return tuple(timings)


def _turn_of(name: str, network: ExportedNetwork, base: Settings) -> _Turn:
    """Open a file in its runtime; its size and batch are its own."""
    about, form = network.about, network.form
    if network.batch and base.batch not in (1, network.batch):
        raise UserError(
            f"{network.path} was exported for batches of {network.batch}, not of {base.batch}.",
            "Leave out the batch size, or export for this one.",
        )
    settings = replace(
        base,
        batch=network.batch or base.batch,
        image_size=network.image_size or base.image_size,
        device=network.place(base.device),
    )
    shape = (settings.batch, about.channels, *settings.image_size)
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    with network.explained("opened"):
        run = _RUNS[form.name](network, image, settings)
        run()  # what cannot run says so before any turn
    return _Turn(name, form.name, about.precision, settings, run)


# ---- runtimes ------------------------------------------------------------------------------------


def _onnx(network: ExportedNetwork, image: Any, settings: Settings) -> Run:
    session = bench.onnx_session(str(network.path), settings.threads)
    entry = session.get_inputs()[0]
    half = entry.type == "tensor(float16)"
    inputs = {entry.name: image.astype(np.float16 if half else np.float32)}
    return lambda: session.run(None, inputs)


def _openvino(network: ExportedNetwork, image: Any, settings: Settings) -> Run:
    import openvino

    file = next(network.path.glob("*.xml"))
    options = {"INFERENCE_NUM_THREADS": settings.threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(str(file), "CPU", options).create_infer_request()
    return lambda: request.infer([image])


def _ncnn(network: ExportedNetwork, image: Any, settings: Settings) -> Run:
    import ncnn

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = settings.threads
    net.opt.openmp_blocktime = 0  # idle threads that spin would slow whatever is timed next
    file = next(network.path.glob("*.param"))
    if net.load_param(str(file)) or net.load_model(str(file.with_suffix(".bin"))):
        raise ValueError("NCNN refuses it")
    entries, ends = [ncnn.Mat(one).clone() for one in image], net.output_names()

    def run() -> object:
        made = []
        for entry in entries:
            extractor = net.create_extractor()
            extractor.input(net.input_names()[0], entry)
            made = [np.array(extractor.extract(name)[1]) for name in ends]
        return made

    return run


def _by_ultralytics(network: ExportedNetwork, image: Any, settings: Settings) -> Run:
    device = torch.device("cuda:0" if settings.device.startswith("cuda") else "cpu")
    backend = network.opened(device)
    ready = torch.from_numpy(image).to(device)
    ready = ready.half() if backend.fp16 else ready

    def run() -> object:
        torch.set_num_threads(settings.threads)
        with torch.inference_mode():
            result = backend(ready)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return run


_RUNS: Mapping[str, Callable[[ExportedNetwork, Any, Settings], Run]] = {
    "onnx": _onnx,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "torchscript": _by_ultralytics,
    "engine": _by_ultralytics,
}
