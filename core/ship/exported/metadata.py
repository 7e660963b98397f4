"""What Ultralytics wrote into an exported file, read as anything from elsewhere. Needs no torch."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.errors import UserError, one_line
from core.ship.export.format import TASKS, Format
from core.ship.export.formats import FORMATS
from core.ship.exported.literal import parse_literal
from core.ship.exported.precision import precision_of
from core.ship.exported.protobuf import onnx_properties
from core.system.archives import DAMAGED, check_directory, check_unpacked
from core.system.budget import MB, MOST_CLASSES, Budget, parse_json, parse_yaml, read_text
from core.system.files import open_regular, sha256_of
from core.system.size import ImageSize

METADATA = Budget("an exported network's metadata", 4 * MB, 2 * MOST_CLASSES + 1000, 8)
_LITERALS = ("imgsz", "names", "kpt_shape", "args", "end2end")
"""What some formats hold as a text."""
_AGAIN = "Export the checkpoint again with Ultralytics or Secateur."
_FAMILY = re.compile(r"Ultralytics (\S+) model")
_PRECISIONS: Mapping[str, str] = {
    "None": "fp32", "32": "fp32", "16": "fp16", "8": "int8", "w8a16": "int8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an exported file says about itself.

    Attributes
    ----------
    task : str
    names : dict of int to str
        The classes, numbered from 0.
    stride : int
        What the sides of images are multiples of, in pixels.
    image_size : ImageSize
        Of the images that it was exported for.
    batch, channels : int
    dynamic : bool
        Whether it takes other sizes and batches too.
    nms : bool
        Whether NMS is inside.
    end2end : bool
        Whether it puts out detections: with NMS inside, or of a head that needs none.
    precision : str
        ``fp32``, ``fp16``, ``int8`` or ``mixed`` (`core.ship.exported.precision`); empty where it
        is not known.
    head : str
        The class of its head; empty where the file does not say.
    family : str
        Such as ``yolov8n``; empty where the file does not say.
    version : str or None
        Of Ultralytics.
    further : dict
        ``kpt_shape`` of poses, and ``dla`` of an engine.
    """

    task: str
    names: dict[int, str]
    stride: int
    image_size: ImageSize
    batch: int = 1
    channels: int = 3
    dynamic: bool = False
    nms: bool = False
    end2end: bool = False
    precision: str = ""
    head: str = ""
    family: str = ""
    version: str | None = None
    further: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as Ultralytics' backends take it."""
        return {
            "task": self.task,
            "names": dict(self.names),
            "stride": self.stride,
            "imgsz": list(self.image_size),
            "batch": self.batch,
            "channels": self.channels,
            "end2end": self.end2end,
            "args": {"dynamic": self.dynamic, "nms": self.nms},
            **self.further,
        }


def exported_format(path: str | Path) -> Format | None:
    """Return the format of an exported file by its name; None where it is no such name.

    The same is found by Ultralytics: the longest ending counts.
    """
    name = Path(path).name.lower()
    found = [form for form in FORMATS.values() if name.endswith(form.suffix)]
    return max(found, key=lambda form: len(form.suffix), default=None)


def is_exported(path: str | Path) -> bool:
    """Whether a name is that of an exported file that can be opened as a network."""
    form = exported_format(path)
    return form is not None and form.opens is not None


def exported_of(path: str | Path) -> str:
    """Return the folder of an exported network where a file in it is named; else the path itself.

    Dialogs choose files, and networks of OpenVINO and NCNN are folders.
    """
    file = Path(path)
    inside = not file.is_dir() and exported_format(path) is None and is_exported(file.parent)
    return str(file.parent if inside else path)


def is_network(path: str | Path) -> bool:
    """Whether there is a file, or the folder of an exported network."""
    place = Path(path)
    form = exported_format(place)
    return place.is_file() or (form is not None and form.folder and place.is_dir())


def hash_of_network(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files in a folder."""
    place = Path(path)
    if not place.is_dir():
        return sha256_of(place)
    digest = hashlib.sha256()
    for file in sorted(one for one in place.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(place)}:{sha256_of(file)}|".encode())
    return digest.hexdigest()


def read_metadata(path: Path, form: Format) -> Metadata:
    """Read what Ultralytics wrote into an exported file; nothing of the network is opened.

    Raises
    ------
    UserError
        For a file that is missing or damaged, or says nothing of its task and classes.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Check the path.")
    if path.is_dir() != form.folder:
        what = "a folder" if form.folder else "a file"
        raise UserError(f"{path} is not {what}, as {form.title} networks are.", _AGAIN)
    try:
        raw = _READERS[form.name](path)
        if raw is None:
            raise UserError(
                f"{path} does not say which task and classes it has: Ultralytics did not write it.",
                _AGAIN,
            )
        about = _checked(_parsed(raw, path))
        return replace(about, precision=precision_of(path, form, about.precision))
    except UserError:
        raise
    except (OSError, ValueError, yaml.YAMLError, KeyError, *DAMAGED) as error:
        raise UserError(
            f"{path} is damaged, or no exported network: {one_line(error)}.".replace("..", "."),
            _AGAIN,
        ) from error


# ---- by format -----------------------------------------------------------------------------------


def _of_onnx(path: Path) -> Any:
    return onnx_properties(path, METADATA) or None


def _of_folder(path: Path) -> Any:
    file = path / "metadata.yaml"
    return parse_yaml(read_text(file, METADATA), METADATA, file) if file.exists() else None


def _of_script(path: Path) -> Any:
    with open_regular(path) as stream:
        check_directory(stream, path)
        with zipfile.ZipFile(stream) as archive:
            check_unpacked(archive, path.stat().st_size, path)
            for entry in archive.infolist():
                if entry.filename.endswith("extra/config.txt"):
                    if entry.file_size > METADATA.size:
                        raise ValueError("its metadata is too large")
                    return parse_json(archive.read(entry), METADATA, path)
    return None


def _of_engine(path: Path) -> Any:
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(4), "little")
        if not 0 < length <= METADATA.size:
            return None
        data = stream.read(length)
    return parse_json(data, METADATA, path) if data[:1] == b"{" else None


_READERS: Mapping[str, Callable[[Path], Any]] = {
    "onnx": _of_onnx,
    "openvino": _of_folder,
    "ncnn": _of_folder,
    "torchscript": _of_script,
    "engine": _of_engine,
}


# ---- checked -------------------------------------------------------------------------------------


def _parsed(raw: Any, path: Path) -> dict[str, Any]:
    """Return the entries as data: in some formats they are texts."""
    if not isinstance(raw, dict):
        raise ValueError("its metadata is no mapping")
    found = {str(key): value for key, value in raw.items()}
    for key in _LITERALS:
        if isinstance(found.get(key), str):
            found[key] = parse_literal(found[key], METADATA, path)
    for key in ("stride", "batch", "channels"):
        if isinstance(found.get(key), str) and re.fullmatch(r"\d{1,6}", found[key]):
            found[key] = int(found[key])
    return found


def _checked(raw: Mapping[str, Any]) -> Metadata:
    task = raw.get("task")
    if task not in TASKS:
        raise ValueError(f"its task is {one_line(repr(task), 40)}")
    args = raw.get("args") if isinstance(raw.get("args"), dict) else {}
    assert isinstance(args, dict)
    nms = args.get("nms") is True
    size = raw.get("imgsz")
    if isinstance(size, list) and len(size) == 1:
        size = size[0]
    if not isinstance(size, int | list):
        raise ValueError("its image size is missing")
    family = _FAMILY.match(str(raw.get("description") or ""))
    return Metadata(
        task=task,
        names=_names(raw.get("names")),
        stride=_count(raw.get("stride"), "stride", 32),
        image_size=ImageSize.of(size),
        batch=_count(raw.get("batch"), "batch size", 1),
        channels=_count(raw.get("channels"), "number of channels", 3),
        dynamic=args.get("dynamic") is True,
        nms=nms,
        end2end=nms or raw.get("end2end") is True,
        precision=_precision(args),
        head=str(raw.get("head") or "")[:64],
        family=family[1].lower()[:64] if family else "",
        version=str(raw["version"])[:32] if raw.get("version") else None,
        further=_further(raw, task),
    )


def _names(found: Any) -> dict[int, str]:
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, dict) or not 0 < len(found) <= MOST_CLASSES:
        raise ValueError("its classes are missing")
    try:
        names = {int(key): str(name) for key, name in found.items()}
    except (TypeError, ValueError):
        raise ValueError("its classes are not numbered") from None
    if sorted(names) != list(range(len(found))):
        raise ValueError("its classes are not numbered from 0")
    return dict(sorted(names.items()))


def _count(found: Any, what: str, usual: int) -> int:
    if found is None:
        return usual
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= 4096:
        raise ValueError(f"its {what} is {one_line(repr(found), 40)}")
    return found


def _precision(args: Mapping[str, Any]) -> str:
    """Return the precision that it was exported in, as older and newer versions write it."""
    if args.get("half") is True:
        return "fp16"
    if args.get("int8") is True:
        return "int8"
    if "quantize" in args:
        return _PRECISIONS.get(str(args["quantize"]), "")
    return "fp32" if "half" in args else ""


def _further(raw: Mapping[str, Any], task: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if task == "pose":
        shape = raw.get("kpt_shape")
        if (
            not isinstance(shape, list)
            or len(shape) != 2
            or not all(isinstance(one, int) and 0 < one <= 10_000 for one in shape)
            or shape[1] not in (2, 3)
        ):
            raise ValueError("its keypoints are missing")
        found["kpt_shape"] = list(shape)
    if raw.get("dla") is not None:
        found["dla"] = int(str(raw["dla"])[:4])
    return found
