"""Ultralytics' exporter, kept off the network, the user's packages and the user's folders."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from core.errors import CancelledError, UserError
from core.progress import Progress, silent
from core.registry import resolve
from core.ship.export.format import Format
from core.system.program import forget_telemetry
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import nn

    from core.data.stream import DataSettings

_NO_INSTALLING = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
_LONGEST = 300
"""Letters of an exporter's reason that are shown."""
_QUOTING = re.compile(r"""["'`\x00-\x1f\x7f]""" if os.sep == "\\" else r"""["'`\\\x00-\x1f\x7f]""")
"""What can end a string in a script, or change what follows."""


def run_exporter(
    model: nn.Module,
    form: Format,
    folder: Path,
    *,
    image_size: ImageSize,
    batch: int = 1,
    precision: str = "fp32",
    device: str = "cpu",
    images: Any = None,
    keep_choice: bool = False,
    nms: bool = False,
) -> Path:
    """Export a copy of a network into a folder, by Ultralytics' exporter or the format's own.

    Parameters
    ----------
    model : nn.Module
        Not changed. It is exported itself, not rebuilt from its model YAML.
    form : Format
    folder : Path
        An empty folder; everything is written there, under the name ``network``.
    image_size : ImageSize
        Rounded up to what the sides of the network's images are multiples of.
    batch : int
    precision : str
        ``fp32``, ``fp16`` or ``int8``.
    device : str
        ``cpu`` or ``cuda``.
    images : iterable of batches, optional
        uint8 images to calibrate INT8 by.
    keep_choice : bool
        Whether a head that picks its detections itself continues doing so; Ultralytics exports the
        raw ones otherwise.
    nms : bool
        Whether to export NMS with the network, at Ultralytics' thresholds (`Format.nms`).

    Returns
    -------
    Path
        The file or folder.

    Raises
    ------
    UserError
        When the exporter fails, with its reason; or would run what the folder's path says.
    """
    from core.graph.drive import real_size

    _check_path(folder, form)
    make: Callable[..., Path] = partial(
        _by_ultralytics, form=form, keep_choice=keep_choice, nms=nms
    )
    if form.make is not None:
        make = resolve(form.make)
    trial: Any = copy.deepcopy(model).float().eval()
    try:
        with sealed():
            return make(
                trial,
                folder,
                image_size=real_size(model, image_size),
                batch=batch,
                precision=precision,
                device=device,
                images=images,
            )
    except (UserError, CancelledError):
        raise
    except ImportError as error:
        name = error.name or str(error)
        raise UserError(
            f"Exporting to {form.name} needs the Python module {name}, which is not installed.",
            "Install the package that provides it, or choose another format.",
        ) from error
    except Exception as error:
        who = "Ultralytics" if form.make is None else f"The exporter of {form.title}"
        raise UserError(
            f"{who} could not export the network to {form.name}: {brief(error)}.",
            "Nothing was written. Choose another format, precision or image size.",
        ) from error


def _check_path(folder: Path, form: Format) -> None:
    """Refuse a folder whose path would be code for a format's tools."""
    if form.scripted and _QUOTING.search(str(folder)):
        raise UserError(
            f"{form.title} cannot be exported in {folder}: its tools run a script with this path.",
            "Set TMPDIR to a folder without quotation marks and backslashes in its path.",
        )


def _by_ultralytics(
    model: Any,
    folder: Path,
    *,
    form: Format,
    image_size: ImageSize,
    batch: int,
    precision: str,
    device: str,
    images: Any,
    keep_choice: bool,
    nms: bool,
) -> Path:
    from ultralytics.engine.exporter import Exporter

    class Quiet(Exporter):  # type: ignore[misc]
        def get_int8_calibration_dataloader(self, prefix: str = "") -> Any:
            return images

    model.pt_path = str(folder / "network.pt")
    options: dict[str, Any] = {
        "format": form.name,
        "imgsz": image_size.plain,
        "batch": batch,
        "device": "0" if device.startswith("cuda") else "cpu",
    }
    if precision != "fp32":
        options["quantize"] = 16 if precision == "fp16" else form.int8
    if precision == "int8" and form.calibrates:
        options["data"] = "none"  # or Ultralytics would name a dataset of its own
    if keep_choice and getattr(model, "end2end", False):
        options["nms"] = False
    if nms:
        options["nms"] = True
    # The exporter rounds to whole strides, of which 15 may be 15.06; this size is a network's.
    size = list(image_size)
    with mock.patch("ultralytics.engine.exporter.check_imgsz", lambda *_, **__: size):
        return Path(str(Quiet(overrides=options)(model=model)))


@contextlib.contextmanager
def sealed() -> Iterator[None]:
    """Let tools run that install nothing and tell nobody, whatever they would do automatically.

    Ultralytics installs what is missing where the user's settings let it, and other tools start
    pip when they are imported: it finds nothing then.
    """
    forget_telemetry()
    with (
        quiet(),
        mock.patch("ultralytics.utils.checks.AUTOINSTALL", False),
        mock.patch.dict(os.environ, _NO_INSTALLING),
    ):
        yield


def brief(error: Exception) -> str:
    """Return an error's reason on one line, without a full stop at its end.

    Of one that holds a traceback, as TorchScript's do, it is the last line.
    """
    text = str(error).strip()
    reason = text.splitlines()[-1] if "Traceback" in text else text
    return " ".join(reason.split())[:_LONGEST].rstrip(".") or type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Ultralytics' chatter out of the results."""
    from ultralytics.utils import LOGGER

    level = LOGGER.level
    LOGGER.setLevel("ERROR")
    try:
        yield
    finally:
        LOGGER.setLevel(level)


def calibration_images(
    data: DataSettings, task: str, classes: Any, image_size: ImageSize, progress: Progress = silent
) -> Any:
    """Return a loader of uint8 images, shape (1, c, height, width), read as for ranking.

    Parameters
    ----------
    data : DataSettings
    task : str
    classes : mapping of int to str
    image_size : ImageSize
    progress : Progress
        Told of every image when it is first asked for; may cancel whoever asks.

    Raises
    ------
    UserError
        For data that cannot be used.
    """
    import dataclasses

    import torch
    from torch.utils.data import DataLoader

    from core.data.stream import open_dataset

    settings = dataclasses.replace(data, image_size=image_size)
    dataset: Any = open_dataset(data.source(classes), settings, task)[0]

    def whole(items: list[Any]) -> dict[str, Any]:
        batch: dict[str, Any] = dataset.collate_fn(items)
        if batch["img"].is_floating_point():
            batch["img"] = (batch["img"] * 255).round().to(torch.uint8)
        return batch

    class Told(DataLoader[Any]):
        seen = 0

        def __iter__(self) -> Any:
            for number, batch in enumerate(super().__iter__(), 1):
                self.seen = max(self.seen, number)  # some tools read the images again
                progress(self.seen / len(self), f"Calibrating: image {number} of {len(self)}")
                yield batch

    return Told(dataset, batch_size=1, collate_fn=whole, drop_last=True)
