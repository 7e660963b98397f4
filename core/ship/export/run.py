"""Exporting: into a temporary folder, compared with the checkpoint, then put in its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.progress import Progress, Span, silent
from core.registry import resolve
from core.ship.export.formats import PRECISIONS, Format, format_of
from core.system.files import check_folder, write_atomically
from core.system.scratch import Scratch, put_folder
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import Tensor

    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.ship.export.parity import Parity

COMPARED = 4
"""Images that the exported network and the checkpoint are compared on."""
MARKER = "metadata.yaml"
"""What Ultralytics leaves in every folder it exports."""


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """How to export.

    Attributes
    ----------
    form : str
        A format's name (``core.ship.export.formats``).
    precision : str
        ``fp32``, ``fp16`` or ``int8``.
    image_size : ImageSize or None
        Of the images, rounded up to the network's stride; None takes the model's.
    batch : int
    device : str
        ``cpu`` or ``cuda``; empty takes what the format and precision need.
    data : DataSettings or None
        Images to calibrate INT8 by, and to compare on; without, comparing takes generated ones.
    compared : int
        Images to compare on.
    nms : bool
        Whether NMS is exported with the network, which then puts out detections.
    """

    form: str = "onnx"
    precision: str = "fp32"
    image_size: ImageSize | None = None
    batch: int = 1
    device: str = ""
    data: DataSettings | None = None
    compared: int = COMPARED
    nms: bool = False

    def __post_init__(self) -> None:
        if self.image_size is not None:
            object.__setattr__(self, "image_size", ImageSize.of(self.image_size))


@dataclass(frozen=True, slots=True)
class Exported:
    """The results of an export.

    Attributes
    ----------
    output : Path
    form : str
    precision : str
    image_size : ImageSize
        That it takes; as asked for, rounded up to the network's stride.
    bytes : int
        Of the exported file, or of all files in the folder.
    model_bytes : int
        Of the checkpoint's file; 0 if there is none.
    parameters : int
        Of the checkpoint's network.
    exported_parameters : int or None
        Weights that the exported network holds, BatchNorm folded in; None where unknown.
    parity : Parity or None
        None where the format cannot be run on this machine.
    seconds : float
    """

    output: Path
    form: str
    precision: str
    image_size: ImageSize
    bytes: int
    model_bytes: int
    parameters: int
    exported_parameters: int | None
    parity: Parity | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "output": str(self.output),
            "format": self.form,
            "precision": self.precision,
            "image_size": self.image_size.plain,
            "bytes": self.bytes,
            "model_bytes": self.model_bytes,
            "parameters": self.parameters,
            "exported_parameters": self.exported_parameters,
            "parity": None if self.parity is None else self.parity.to_json(),
            "seconds": self.seconds,
        }


def export(
    loaded: Loaded,
    output: str | Path,
    settings: ExportSettings,
    progress: Progress = silent,
) -> Exported:
    """Export a network, compare it with the checkpoint, and put it in its place.

    Parameters
    ----------
    loaded : Loaded
        Not changed; the module itself is exported, with the widths it has.
    output : path
        Must end as the format's files or folders do. Written only when whole.
    settings : ExportSettings
    progress : Progress
        May cancel between the steps; nothing is left then.

    Raises
    ------
    UserError
        For a format, precision or task that does not fit, tools or images that are missing, an
        exporter that fails, or a place that cannot be written.
    """
    started = time.monotonic()
    form = format_of(settings.form)
    target = Path(output)
    check_export(form, loaded, target, settings)
    from core.graph.drive import real_size
    from core.ship.export.parity import compare

    size = real_size(loaded.model, settings.image_size or loaded.facts.image_size)
    device = settings.device or ("cuda" if form.gpu or _half_on_gpu(form, settings) else "cpu")
    progress(0.0, "Reading images" if settings.data else "Preparing")
    images, real = _images(loaded, settings, size)
    with Scratch("export") as name:
        progress(0.05, f"Exporting to {form.title}")
        made = _run(loaded, form, settings, size, device, Path(name), Span(progress, 0.1, 0.55))
        progress(0.6, "Comparing with the checkpoint")
        parity = compare(
            loaded.model,
            made,
            form,
            images,
            precision=settings.precision,
            real=real,
            device=device if form.gpu else "cpu",
            nms=settings.nms,
            progress=Span(progress, 0.6, 0.95),
        )
        counted = None if form.weights is None else int(resolve(form.weights)(made))
        progress(0.95, "Writing")
        put_export(made, target)
    progress(1.0, "Done")
    file = Path(loaded.facts.path)
    return Exported(
        target,
        form.name,
        settings.precision,
        size,
        size_of(target),
        file.stat().st_size if file.is_file() else 0,
        sum(p.numel() for p in loaded.model.parameters()),
        counted,
        parity,
        time.monotonic() - started,
    )


def check_export(form: Format, loaded: Loaded, target: Path, settings: ExportSettings) -> None:
    """Refuse what cannot come to anything, before anything is done.

    Raises
    ------
    UserError
        For a precision or task that does not fit, a name or a place that cannot be written, tools
        or images that are missing.
    """
    if settings.precision not in PRECISIONS:
        raise UserError(
            f"There is no precision “{settings.precision}”.", f"Use one of {', '.join(PRECISIONS)}."
        )
    if not target.name.endswith(form.suffix) or target.name == form.suffix:
        raise UserError(
            f"{target} does not end in {form.suffix}.",
            f"Name it NAME{form.suffix}: Ultralytics detects the format by the file name.",
        )
    check_folder(target, is_folder=form.folder)
    if form.folder and target.exists() and not _replaceable(target):
        raise UserError(
            f"{target} already exists and is not an exported network; it is not replaced.",
            "Choose another file name.",
        )
    if not form.folder and target.is_dir():
        raise UserError(f"{target} is a folder.", "Choose a file name.")
    form.check(loaded.facts.task, settings.precision)
    if settings.nms:
        form.check_nms(loaded.facts.task, bool(getattr(loaded.model, "end2end", False)))
    if settings.precision == "int8" and form.calibrates and settings.data is None:
        raise UserError(
            "INT8 needs images for calibration.",
            "Pass a dataset similar to the training data (--data).",
        )


def _replaceable(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MARKER).is_file() or (folder / "Manifest.json").is_file())


def _half_on_gpu(form: Format, settings: ExportSettings) -> bool:
    return settings.precision == "fp16" and form.gpu_half


def _run(
    loaded: Loaded,
    form: Format,
    settings: ExportSettings,
    size: ImageSize,
    device: str,
    folder: Path,
    progress: Progress,
) -> Path:
    from core.ship.export.exporter import calibration_images, run_exporter

    images, precision, facts = None, settings.precision, loaded.facts
    own = None if precision != "int8" or form.quantise is None else resolve(form.quantise)
    if precision == "int8" and form.calibrates and settings.data is not None:
        part = silent if own else progress
        images = calibration_images(settings.data, facts.task, facts.classes, size, part)
    made = run_exporter(
        loaded.model,
        form,
        folder,
        image_size=size,
        batch=settings.batch,
        precision="fp32" if own else precision,
        device=device,
        images=None if own else images,
        keep_choice=True,
        nms=settings.nms,
    )
    if own is not None:
        more = {"batch": settings.batch, "progress": progress}
        made = own(loaded.model, made, form, images, folder, **more)
    if not made.exists():
        raise UserError(
            f"The exporter reported an export to {form.title}, but no file was written.",
            "Choose another format.",
        )
    return made


def _images(
    loaded: Loaded, settings: ExportSettings, size: ImageSize
) -> tuple[Sequence[Tensor], bool]:
    """Images to compare on, each of shape (1, c, height, width), and whether they are real."""
    import torch

    from core.graph.drive import image_channels

    if settings.data is None:
        generator = torch.Generator().manual_seed(0)
        shape = (settings.batch, image_channels(loaded.model), *size)
        return [torch.rand(shape, generator=generator) for _ in range(settings.compared)], False
    from core.ship.export.exporter import calibration_images

    facts = loaded.facts
    loader = calibration_images(settings.data, facts.task, facts.classes, size)
    chosen = []
    for batch in loader:
        image = batch["img"].float() / 255
        chosen.append(image.expand(settings.batch, -1, -1, -1).contiguous())
        if len(chosen) == settings.compared:
            break
    return chosen, True


def put_export(made: Path, target: Path) -> None:
    """Copy what was made next to its place and rename it, so that it is whole or absent."""
    if made.is_file():
        with made.open("rb") as source:
            write_atomically(target, lambda stream: shutil.copyfileobj(source, stream))
        return
    put_folder(made, target)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
