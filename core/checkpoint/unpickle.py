"""Opens torch checkpoints without running anything that is in them."""

from __future__ import annotations

import contextlib
import io
import pickle
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch._weights_only_unpickler import _get_allowed_globals

from core.checkpoint.allowlist import RefusedError, encode_latin, entries_for
from core.checkpoint.scan import Scan, refusal, scan_pickles
from core.checkpoint.sniff import LEGACY_MAGIC, damaged
from core.errors import UserError
from core.system.budget import OverBudgetError, over

#: torch keeps its allow-list for the whole process.
_LOCK = threading.Lock()
_ENCODE = "_codecs.encode"
_RESAVE = "Load it in Ultralytics, save it again with model.save, and open the new file."
_INTO_MODEL = (
    "Load the weights into the model in Ultralytics, save it with model.save, and open that file."
)


def read(source: Path | io.BytesIO, label: object, *, forks: bool = True) -> Any:
    """Return what a checkpoint holds.

    Parameters
    ----------
    source : Path or BytesIO
        A file that `core.checkpoint.sniff.check_file` passed, or bytes just written.
    label : object
        How messages name it.
    forks : bool
        Whether trusted modules stand in for stock classes that they are trusted under the name of.

    Raises
    ------
    UserError
        When it asks for anything but stock classes, or cannot be read.
    """
    try:
        scan, legacy = _scan(source, label)
    except OverBudgetError:
        raise
    except Exception as error:  # any byte may be wrong, and each fails in its own way
        raise damaged(label, "its contents cannot be listed") from error
    entries, refused = entries_for(scan.names, label, forks=forks)
    if refused:
        raise refusal(label, refused)
    try:
        with (
            _LOCK,
            torch.serialization.safe_globals(entries),
            warnings.catch_warnings(),
            _stricter(),
        ):
            warnings.simplefilter("ignore")
            return torch.load(source, map_location="cpu", weights_only=True)
    except RefusedError as error:
        raise UserError(
            f"{label} requests {error}, which no stock checkpoint does.",
            "No code from it was executed. Delete the file unless you trust its source.",
        ) from error
    except pickle.UnpicklingError as error:
        raise _unpickling(label, scan, legacy, str(error)) from error
    except MemoryError as error:
        raise UserError(
            f"{label} needs more memory than is available.", "Close other programs and try again."
        ) from error
    except Exception as error:  # see above
        raise damaged(label, "its contents are inconsistent") from error


@contextlib.contextmanager
def _stricter() -> Iterator[None]:
    """Replace what torch itself allows, where it accepts more than a checkpoint needs."""
    allowed = _get_allowed_globals()
    before = allowed.get(_ENCODE)
    allowed[_ENCODE] = encode_latin
    try:
        yield
    finally:
        allowed[_ENCODE] = before


def _scan(source: Path | io.BytesIO, label: object) -> tuple[Scan, bool]:
    stream: BinaryIO
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source.getvalue()) as stream:
        legacy = stream.read(len(LEGACY_MAGIC)) == LEGACY_MAGIC
        stream.seek(0)
        if legacy:
            return scan_pickles(stream, 5, label), True
        # torch's own reader decides which member counts when an archive names one twice.
        record = torch._C.PyTorchFileReader(stream).get_record("data.pkl")
        scan = scan_pickles(io.BytesIO(record), 1, label)
        if sum(scan.claims.values()) > stream.seek(0, io.SEEK_END):
            _check_storages(stream, scan.claims, label)
        return scan, False


def _check_storages(stream: BinaryIO, claims: Mapping[str, int], label: object) -> None:
    """Refuse storages of more bytes than the archive has for them."""
    held: dict[str, int] = {}
    for entry in zipfile.ZipFile(stream).infolist():  # of one that is there twice, the smaller
        key = entry.filename.rpartition("/data/")[2]
        held[key] = min(entry.file_size, held.get(key, entry.file_size))
    if any(size > held.get(key, 0) for key, size in claims.items()):
        raise over(label, "claims more weights than it contains")


def _unpickling(label: object, scan: Scan, legacy: bool, text: str) -> UserError:
    if scan.protocol > 2:
        return UserError(
            f"{label} was pickled with protocol {scan.protocol}, which cannot be read safely.",
            _RESAVE,
        )
    if legacy and "persistent" in text:
        return UserError(f"{label} uses the format of PyTorch before 1.6.", _RESAVE)
    if "reduce" in text or "GLOBAL" in text or "allowlisted" in text or "Can only" in text:
        return UserError(
            f"{label} has a structure that no stock checkpoint has.",
            "No code from it was executed. Delete the file unless you trust its source.",
        )
    return damaged(label, "its contents are inconsistent")


def network_in(contents: Any, label: object) -> tuple[torch.nn.Module, Mapping[str, Any]]:
    """Return the network of a checkpoint, ``ema`` before ``model``, and the checkpoint's dict.

    Raises
    ------
    UserError
        When there is none; reports what there is instead.
    """
    if isinstance(contents, torch.nn.Module):
        return contents, {}
    if not isinstance(contents, dict):
        kind = "tensor" if isinstance(contents, torch.Tensor) else type(contents).__name__
        raise UserError(
            f"{label} contains an object of type {kind}, not a network.",
            "Open a checkpoint saved by Ultralytics.",
        )
    for key in ("ema", "model"):
        value = contents.get(key)
        if isinstance(value, torch.nn.Module):
            return value, contents
        if _is_weights(value):
            raise UserError(
                f"{label} contains only weights under '{key}', without the network.", _INTO_MODEL
            )
    if _is_weights(contents):
        raise UserError(f"{label} is a state_dict: weights without the network.", _INTO_MODEL)
    if any(_is_weights(value) for value in contents.values()):
        raise UserError(f"{label} contains only weights, without the network.", _INTO_MODEL)
    raise UserError(
        f"{label} contains no network under 'ema' or 'model'.",
        "Open a checkpoint saved by Ultralytics.",
    )


def _is_weights(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(item, torch.Tensor) for item in value.values())
    )
