"""Deployment kits: an exported network, programs that run it, and what they should find."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError, reason_of
from core.progress import Progress, Span, silent
from core.ship.export.formats import format_of
from core.ship.export.run import size_of
from core.system.escape import markdown
from core.system.files import check_folder, write_json, write_text
from core.system.scratch import Scratch
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.ship.export.run import Exported, ExportSettings
    from core.ship.exported.network import ExportedNetwork
    from core.tryout.result import TriedImage

CONFIDENCE, OVERLAP = 0.25, 0.7
"""As in the predictions of Ultralytics."""
SAMPLES = 3
"""Images of the dataset that are copied to a kit."""
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")
"""Images that Pillow and OpenCV read alike."""
_FILES = files("resources") / "deploy"
_OWN = ("bus.jpg", "zidane.jpg")
"""Pictures that come with Ultralytics, for a kit without a dataset."""


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit that was written.

    Attributes
    ----------
    folder : Path
    images : int
        Samples in it.
    objects : int
        Found on them.
    bytes : int
    """

    folder: Path
    images: int
    objects: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        found = {"folder": str(self.folder), "images": self.images, "objects": self.objects}
        return {**found, "bytes": self.bytes}


def check_kit(folder: Path, form: str, precision: str, task: str) -> None:
    """Refuse a kit that cannot come to anything, before anything is exported.

    Raises
    ------
    UserError
        For a format, precision or task that kits are not for, or a folder that holds something.
    """
    from core.compare.pictures import check_free

    title = "The deployment kit"
    if format_of(form).name != "onnx":
        raise UserError(f"{title} is for ONNX files.", "Choose the format onnx.")
    if precision == "fp16":
        raise UserError(f"{title} is for FP32 and INT8.", "Choose another precision.")
    if task != "detect":
        raise UserError(
            f"{title} is for detection, not for the task “{task}”.", "Export without a kit."
        )
    check_free(folder)
    check_folder(folder, is_folder=True)


def sample_images(data: DataSettings | None, classes: Any = None) -> list[Path]:
    """Return images for a kit: a few of the dataset's, or those that come with Ultralytics."""
    from ultralytics.utils import ASSETS

    from core.data.listing import image_files

    listed = [] if data is None else image_files(data.source(classes).images)
    found = [path for path in map(Path, listed) if path.suffix.lower() in ENDINGS]
    step = max(1, len(found) // SAMPLES)
    return found[::step][:SAMPLES] or [Path(ASSETS / name) for name in _OWN]


def write_kit(file: Path, folder: Path, images: Sequence[Path], progress: Progress = silent) -> Kit:
    """Write a deployment kit.

    Parameters
    ----------
    file : Path
        An ONNX file of a detection network.
    folder : Path
        New or empty; it appears only when all is in it.
    images : sequence of Path
        Samples, which are copied.
    progress : Progress
        May cancel; nothing is left then.

    Raises
    ------
    UserError
        For a file that kits are not for, images that cannot be read, or a folder that cannot be
        written.
    """
    from core.ship.exported.network import open_exported

    network: Any = open_exported(file).model
    check_kit(folder, network.form.name, network.about.precision, network.task)
    if network.queries or network.about.channels != 3 or network.image_size is None:
        raise UserError(
            f"{file} is not of the kind that the examples of a kit run.",
            "They run YOLO detection on images of three channels and one size.",
        )
    if network.batch != 1:
        raise UserError(
            f"{file} was exported for batches of {network.batch}; kits take one image at a time.",
            "Export with a batch size of 1.",
        )
    try:
        with Scratch("kit", folder.absolute().parent) as place:
            part = Path(place, "kit")
            (part / "images").mkdir(parents=True)
            shutil.copyfile(file, part / file.name)
            names = _copied(images, part / "images")
            progress(0.1, "Running the network on the sample images")
            found = _expected(part, file.name, names, Span(progress, 0.1, 0.9))
            _write(part, network, file.name, found)
            size = size_of(part)
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            part.rename(folder)
    except OSError as error:
        raise UserError(f"The kit {folder} cannot be written: {reason_of(error)}.") from error
    progress(1.0, "Done")
    return Kit(folder, len(found), sum(len(one["objects"]) for one in found), size)


def export_with_kit(
    loaded: Loaded,
    output: str | Path,
    settings: ExportSettings,
    folder: Path | None,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Exported]:
    """Export a network, and write a deployment kit of it where a folder is given.

    Returns
    -------
    dict, Exported
        The export as plain data, with ``kit`` where one was written; and the export.

    Raises
    ------
    UserError
        As `core.ship.export.run.export` and `write_kit`; the kit is refused before the export.
    """
    from core.ship.export.run import export

    if folder is None:
        done = export(loaded, output, settings, progress)
        return done.to_json(), done
    facts = loaded.facts
    check_kit(folder, settings.form, settings.precision, facts.task)
    samples = sample_images(settings.data, facts.classes)
    done = export(loaded, output, settings, Span(progress, 0.0, 0.8))
    kit = write_kit(done.output, folder, samples, Span(progress, 0.8, 1.0))
    return {**done.to_json(), "kit": kit.to_json()}, done


def _copied(images: Sequence[Path], folder: Path) -> list[str]:
    names = []
    for number, image in enumerate(images, 1):
        names.append(f"{number}{image.suffix.lower()}")
        shutil.copyfile(image, folder / names[-1])
    return names


def _expected(
    folder: Path, model: str, names: Sequence[str], progress: Progress
) -> list[dict[str, Any]]:
    """Return what Secateur finds on the samples: `try` on the exported file."""
    from core.tryout.run import try_networks

    sources = [folder / "images" / name for name in names]
    result = try_networks(
        [folder / model], sources, confidence=CONFIDENCE, device="cpu", progress=progress
    )
    return [_entry(image) for image in result["images"]]


def _entry(image: TriedImage) -> dict[str, Any]:
    from core.data.picture import open_picture

    width, height = open_picture(image["image"]).size
    objects = []
    for one in image["objects"][0]:
        x, y, w, h = (float(one[key]) for key in ("x", "y", "width", "height"))
        corners = [(x - w / 2) * width, (y - h / 2) * height]
        corners += [(x + w / 2) * width, (y + h / 2) * height]
        box = [round(value, 2) for value in corners]
        objects.append({"class": one["class"], "confidence": one["confidence"], "box": box})
    return {"image": f"images/{Path(image['image']).name}", "objects": objects}


def _write(folder: Path, network: ExportedNetwork, model: str, found: list[dict[str, Any]]) -> None:
    about = network.about
    facts = {
        "version": 1,
        "model": model,
        "names": list(about.names.values()),
        "image_size": list(about.image_size),
        "rows": about.end2end,
        "confidence": CONFIDENCE,
        "iou": OVERLAP,
    }
    write_json(folder / "kit.json", facts)
    write_json(folder / "expected.json", found)
    example = (files("core.deploy") / "example.py").read_text("utf-8")
    write_text(folder / "detect.py", example)
    for name in ("detect.cpp", "CMakeLists.txt"):
        write_text(folder / name, (_FILES / name).read_text("utf-8"))
    write_text(folder / "kit.hpp", _header(facts))
    write_text(folder / "README.md", _readme(facts, about.image_size, found))


def _header(facts: dict[str, Any]) -> str:
    """Return the constants of the C++ example."""
    names = ",\n    ".join(_quoted(name) for name in facts["names"])
    return (
        "// What detect.cpp runs: written with the kit, the same as kit.json.\n"
        "#pragma once\n#include <string>\n#include <vector>\n\n"
        f"static const char* const kModel = {_quoted(facts['model'])};\n"
        f"static const int kHeight = {facts['image_size'][0]}, kWidth = {facts['image_size'][1]};\n"
        f"static const bool kRows = {str(facts['rows']).lower()};\n"
        f"static const float kConfidence = {CONFIDENCE}f, kOverlap = {OVERLAP}f;\n"
        f"static const std::vector<std::string> kNames = {{\n    {names}}};\n"
    )


def _quoted(text: str) -> str:
    """Write a text as a literal of C++, all but plain letters as bytes."""
    plain = (
        chr(byte) if (chr(byte).isalnum() and byte < 0x80) or byte in b" ._-" else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(plain)}"'


def _readme(facts: dict[str, Any], size: ImageSize, found: list[dict[str, Any]]) -> str:
    rows = "\n".join(
        f"| {one['image']} | {len(one['objects'])} | {_surest(one['objects'])} |" for one in found
    )
    template = (_FILES / "README.md").read_text("utf-8")
    return template.format(
        model=markdown(facts["model"]), size=size.text, count=len(facts["names"]), rows=rows,
        confidence=CONFIDENCE, overlap=OVERLAP,
    )  # fmt: skip


def _surest(objects: list[dict[str, Any]]) -> str:
    if not objects:
        return "–"
    first = objects[0]
    left, top, right, bottom = first["box"]
    return (
        f"{markdown(str(first['class']))} {first['confidence']:.4f} at "
        f"{left:.1f}, {top:.1f}, {right:.1f}, {bottom:.1f}"
    )
