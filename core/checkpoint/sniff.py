"""What a file is, from its bytes, before torch is asked to open it. Needs no torch."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from core.errors import UserError
from core.system.archives import DAMAGED, check_directory, check_unpacked
from core.system.budget import PICKLE, OverBudgetError, over

#: How the file torch wrote before version 1.6 begins: a pickled magic number.
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

_WANTED = "Secateur opens Ultralytics checkpoints (.pt) and model YAMLs (.yaml)."
_AGAIN = "Download or copy it again, and compare the file size with the original."

#: (offset, bytes, what it is, what to do)
_MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x89HDF\r\n", "a Keras (HDF5) model", "export"),
    (4, b"TFL3", "a TensorFlow Lite model", "export"),
    (0, b"ftrt", "a TensorRT engine", "export"),
    (0, b"GGUF", "a GGUF model", ""),
    (0, b"\x93NUMPY", "a NumPy array", ""),
    (0, b"\x89PNG", "a PNG image", ""),
    (0, b"\xff\xd8\xff", "a JPEG image", ""),
    (0, b"%PDF", "a PDF document", ""),
    (0, b"\x7fELF", "a program", ""),
    (0, b"MZ", "a program", ""),
    (0, b"\x1f\x8b", "a gzip archive", "unpack"),
    (0, b"\xfd7zXZ", "an xz archive", "unpack"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack"),
    (0, b"Rar!", "a RAR archive", "unpack"),
    (257, b"ustar", "a tar archive", "unpack"),
)
_HINTS = {
    "": _WANTED,
    "export": "An export cannot be pruned; open the .pt file that it was exported from.",
    "unpack": "Unpack it and open the .pt file inside.",
}


def check_file(path: Path) -> None:
    """Refuse anything but a whole torch checkpoint.

    Parameters
    ----------
    path : Path
        The file. Its name does not matter, its bytes do.

    Raises
    ------
    UserError
        When the file is missing, unreadable, damaged, or something else; reports what it is.
    """
    size = check_readable(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise unreadable(path, error) from error
    if head.startswith(b"PK\x03\x04"):
        _check_zip(path, size)
    elif not head.startswith(LEGACY_MAGIC):
        raise _foreign(path, head, size)


def check_readable(path: Path) -> int:
    """Return the size in bytes of an existing, regular, non-empty file, or raise UserError."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise UserError(
            f"{path} does not exist.",
            "Check the path. Secateur never downloads anything: download the weights "
            "yourself, or use a model YAML such as yolov8n.yaml for an untrained network.",
        ) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        hint = _WANTED
        if any((path / name).exists() for name in ("saved_model.pb", "metadata.yaml")):
            hint = _HINTS["export"]
        raise UserError(f"{path} is a folder, not a model file.", hint)
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} is not a regular file.", _WANTED)
    if status.st_size == 0:
        raise UserError(f"{path} is empty.", _AGAIN)
    if not os.access(path, os.R_OK):
        raise UserError(
            f"You do not have permission to read {path}.", "Change the permissions of the file."
        )
    return status.st_size


def damaged(path: object, detail: str) -> UserError:
    """Return the error for a file whose bytes are not what was once written."""
    return UserError(f"{path} is damaged or incomplete ({detail}).", _AGAIN)


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a file that the system does not give out."""
    reason = getattr(error, "strerror", None) or str(error)
    return UserError(
        f"{path} cannot be read: {reason.lower()}.", "Check the path and the permissions."
    )


def _check_zip(path: Path, size: int) -> None:
    try:
        with path.open("rb") as stream:
            check_directory(stream, path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_members(path, [entry.filename for entry in entries])
            check_unpacked(archive, size, path)
            structure = (entry for entry in entries if "/data/" not in entry.filename)
            if any(entry.file_size > PICKLE.size for entry in structure):
                raise over(path, f"has a structure of more than {PICKLE.size >> 20} MB")
            # torch does not compare checksums, so flipped bits in weights would go unnoticed.
            broken = archive.testzip()
    except UserError:
        raise
    except DAMAGED as error:
        raise damaged(path, "the archive is truncated or overwritten") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a damaged directory makes zipfile raise nearly anything
        raise damaged(path, "the archive's directory cannot be read") from error
    if broken is not None:
        raise damaged(path, f"the checksum of {broken} in the archive does not match")


def _check_members(path: Path, names: list[str]) -> None:
    parts = [name.replace("\\", "/").split("/") for name in names]
    leaves = {"/".join(part[1:]) for part in parts}
    if any(part[-1] == "constants.pkl" or "code" in part[1:-1] for part in parts):
        raise UserError(f"{path} is a TorchScript export, not a checkpoint.", _HINTS["export"])
    if "data.pkl" in leaves:
        return
    if any(part[-1] == "data.pkl" for part in parts):
        what, hint = "a zip archive around an unpacked checkpoint", _HINTS["unpack"]
    elif any(part[-1].endswith(".pt") for part in parts):
        what, hint = "a zip archive with a .pt file inside", _HINTS["unpack"]
    elif names and all(name.endswith(".npy") for name in names):
        what, hint = "an archive of NumPy arrays", _WANTED
    elif any(name.endswith((".xml", ".mlmodel")) for name in names):
        what, hint = "an archive of an exported model", _HINTS["export"]
    else:
        what, hint = "a zip archive of something else", _WANTED
    raise UserError(f"{path} is {what}, not a checkpoint.", hint)


def _foreign(path: Path, head: bytes, size: int) -> UserError:
    if head.startswith(b"version https://git-lfs"):
        return UserError(
            f"{path} is a Git LFS pointer, not the model itself.",
            "Run 'git lfs pull' in its repository, or download the file from its web page.",
        )
    for offset, magic, what, hint in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            return UserError(f"{path} is {what}, not a checkpoint.", _HINTS[hint])
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= size:
        return UserError(
            f"{path} is a safetensors file: weights without the network.",
            "Load them into the model in Ultralytics, save it, and open the new file.",
        )
    if head[4:5] == b"{" and 2 <= int.from_bytes(head[:4], "little") <= size:
        return UserError(f"{path} is a TensorRT engine, not a checkpoint.", _HINTS["export"])
    # An ONNX file is a protobuf whose first two fields are its version and its producer.
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x3a", b"B"):
        return UserError(f"{path} is an ONNX export, not a checkpoint.", _HINTS["export"])
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _bare_pickle(path)
    return _text_or_noise(path, head)


def _bare_pickle(path: Path) -> UserError:
    from core.checkpoint.scan import foreign_globals, refusal, scan_pickles

    try:
        with path.open("rb") as stream:
            asked = scan_pickles(stream, 1, path).names
    except OverBudgetError:
        raise
    except (ValueError, OSError):
        return damaged(path, "it starts like a pickle but is not one")
    if strangers := foreign_globals(asked):
        return refusal(path, strangers)
    return UserError(
        f"{path} is a bare Python pickle, not a torch checkpoint.",
        "Save the network with Ultralytics (model.save) and open that.",
    )


def _text_or_noise(path: Path, head: bytes) -> UserError:
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    lowered = text[:512].lower()
    if lowered.startswith(("<!doctype html", "<html")) or "<html" in lowered:
        return UserError(
            f"{path} is a web page, not the model itself.",
            "Use the download link of the raw file; you may have to log in.",
        )
    # The last character may be cut in two by the end of the excerpt.
    if text.count("\ufffd") <= 1 and all(sign.isprintable() or sign in "\r\n\t" for sign in text):
        if lowered.startswith("<?xml"):
            return UserError(f"{path} is an XML file, not a checkpoint.", _HINTS["export"])
        if lowered.startswith(("{", "[")):
            return UserError(f"{path} is a JSON file, not a checkpoint.", _WANTED)
        return UserError(
            f"{path} is a text file, not a checkpoint.",
            _WANTED + " A model YAML must end in .yaml.",
        )
    return UserError(
        f"{path} is not a model: its file format is unknown.",
        _WANTED + " If it should be a model, download it again.",
    )
