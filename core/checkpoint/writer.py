"""From a network to a checkpoint that stock Ultralytics opens."""

from __future__ import annotations

import copy
import datetime
import hashlib
import io
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.checkpoint._stock import ultralytics
from core.checkpoint.plain import as_plain, plain_items
from core.checkpoint.reader import HISTORY_KEY, open_checkpoint
from core.errors import UserError
from core.system.files import check_folder, write_bytes
from core.trust.find import in_place


def save(
    model: nn.Module,
    path: str | Path,
    *,
    train_args: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    forbidden: Iterable[str | Path] = (),
    training: Mapping[str, Any] | None = None,
    dtype: str = "float32",
) -> None:
    """Write a network as an Ultralytics checkpoint; the file is whole and readable, or absent.

    Parameters
    ----------
    model : torch.nn.Module
        The network; a copy is written, with its ``requires_grad`` flags as they are.
    path : str or Path
        A ``.pt`` file. An existing one is replaced.
    train_args : mapping
        Arguments of its training; entries that are not plain data are left out.
    history : sequence of mapping
        What was done to the network, oldest first, as plain data.
    forbidden : iterable of path
        Files that must not be replaced, such as the one the network came from.
    training : mapping, optional
        The state of an unfinished training, under the names that Ultralytics uses, to resume;
        tensors and plain data only.
    dtype : str
        ``float32``, or ``float16`` as Ultralytics stores finished trainings; a network with
        weights beyond what FP16 holds is written in FP32.

    Raises
    ------
    UserError
        When the name is not allowed, the network holds other than stock classes, or the file
        cannot be written.
    TypeError
        When ``history`` is not plain data.
    """
    target = Path(path)
    check_target(target, forbidden)
    records = [as_plain(record) for record in history]
    network = stored_as(model, dtype)
    contents = {**_contents(network, plain_items(train_args), records), **(training or {})}
    buffer = _serialise(contents, target)
    _verify(model, buffer, target)
    write_bytes(target, buffer.getbuffer())


def stored_as(model: nn.Module, dtype: str) -> nn.Module:
    """Return a copy of a network in the type that it is stored in.

    Parameters
    ----------
    model : torch.nn.Module
    dtype : str
        ``float32``, or ``float16`` where that holds all weights; FP32 otherwise.
    """
    copied = copy.deepcopy(model).float()
    if dtype == "float16":
        small = copy.deepcopy(copied).half()
        tensors = (t for t in small.state_dict().values() if t.is_floating_point())
        if all(bool(torch.isfinite(t).all()) for t in tensors):
            return small
    return copied


def check_target(target: Path, forbidden: Iterable[str | Path]) -> None:
    """Refuse a file that no checkpoint can be written to; before work begins that would be lost.

    Parameters
    ----------
    target : Path
    forbidden : iterable of path
        Files that must not be replaced.

    Raises
    ------
    UserError
        With the reason.
    """
    check_folder(target)
    if target.suffix.lower() != ".pt":
        raise UserError(
            f"{target} does not end in .pt.",
            "A checkpoint must end in .pt, otherwise other programs cannot open it.",
        )
    if target.is_dir():
        raise UserError(f"{target} is a folder.", "Choose a file name.")
    for other in map(Path, forbidden):
        same = target.absolute() == other.absolute() or target.resolve() == other.resolve()
        # A hard link, or a name that differs only in case, is still the same file.
        if same or (target.exists() and other.exists() and target.samefile(other)):
            raise UserError(
                f"{target} is the file that the network was loaded from; it is not overwritten.",
                "Choose another file name.",
            )


def _contents(copied: nn.Module, train_args: dict[str, Any], history: list[Any]) -> dict[str, Any]:
    network: Any = copied.to(memory_format=torch.contiguous_format)
    network.criterion = None
    # The folder a file was opened from is nobody else's business; Ultralytics sets it on opening.
    vars(network).pop("pt_path", None)
    args = plain_items(getattr(network, "args", None))
    network.args = {key: value for key, value in args.items() if key in train_args}
    if isinstance(task := getattr(network, "task", None), str):
        train_args = {"task": task, **train_args}
    return {
        "epoch": -1,
        "best_fitness": None,
        "model": network,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": train_args,
        "date": datetime.datetime.now().isoformat(),
        "version": str(ultralytics.__version__),
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
        HISTORY_KEY: history,
    }


def _serialise(contents: dict[str, Any], target: Path) -> io.BytesIO:
    buffer = io.BytesIO()
    try:
        with in_place(contents["model"]):
            torch.save(contents, buffer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"{target} was not saved: the network contains something that cannot be "
            f"stored in a file ({str(error)[:200]}).",
            "Only networks with stock Ultralytics classes can be saved.",
        ) from error
    buffer.seek(0)
    return buffer


def _verify(model: nn.Module, buffer: io.BytesIO, target: Path) -> None:
    """Open the bytes to be written as anyone will, and compare."""
    with buffer.getbuffer() as view:
        digest = hashlib.sha256(view).hexdigest()
    try:
        again = open_checkpoint(buffer, target, digest).model
    except UserError as error:
        raise UserError(
            f"{target} was not saved: the written file could not be opened. {error.message}",
            error.hint,
        ) from error
    if _shapes(again) != _shapes(model):
        raise UserError(
            f"{target} was not saved: the layers of the written file differ from the network.",
            "This is an internal error; please report it.",
        )


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
