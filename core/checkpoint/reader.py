"""From a file to a network and the facts about it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.checkpoint.facts import Facts, Loaded
from core.checkpoint.plain import as_plain, plain_items
from core.checkpoint.sniff import check_file
from core.errors import UserError, one_line
from core.system.files import sha256_of
from core.trust.find import needed_by
from core.trust.fit import fits

#: Where Secateur keeps what it did to a network.
HISTORY_KEY = "secateur"
_LONGEST = 100
_YAML = (".yaml", ".yml")


def load(path: str | Path) -> Loaded:
    """Open a checkpoint, or build the untrained network of a YAML description.

    Nothing in the file is run, nothing is downloaded, and the file is not changed.

    Parameters
    ----------
    path : str or Path
        A ``.pt`` checkpoint saved by Ultralytics or Secateur; or a ``.yaml`` description, where a
        name such as ``yolov8n.yaml`` that is not in the folder means Ultralytics' own.

    Raises
    ------
    UserError
        When the file is missing, damaged, something else, or asks for anything but stock classes.
    """
    file = Path(path)
    if file.suffix.lower() in _YAML and not file.is_dir():
        from core.checkpoint.network import build

        return build(file)
    check_file(file)
    return open_checkpoint(file, file, sha256_of(file))


def open_checkpoint(source: Path | io.BytesIO, label: Path, sha256: str) -> Loaded:
    """Open a checkpoint that was already found to be one.

    Parameters
    ----------
    source : Path or BytesIO
        The bytes to read.
    label : Path
        The file they belong to, for messages and facts.
    sha256 : str
        Hash of these bytes.
    """
    from core.checkpoint import forks, masks, structure, unpickle

    model: Any
    model, checkpoint = unpickle.network_in(unpickle.read(source, label), label)
    size = source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes
    try:
        structure.check(model, label, checkpoint, size)
        if not fits(model):  # a fork is trusted, and this network is not one of it
            contents = unpickle.read(source, label, forks=False)
            model, checkpoint = unpickle.network_in(contents, label)
            structure.check(model, label, checkpoint, size)
        masked = masks.apply(model, label)
        converted = forks.convert(model, label)
        dtype = structure.stored_dtype(model)
        train_args = structure.normalise(model, plain_items(checkpoint.get("train_args")), label)
        facts = Facts(
            path=str(label),
            sha256=sha256,
            family=structure.family_of(model),
            task=str(model.task),
            classes=dict(model.names),
            image_size=structure.image_size_of(model.task, train_args),
            dtype=dtype,
            frozen=structure.is_frozen(model),
            fused=structure.is_fused(model),
            ultralytics=_version_in(checkpoint),
            history=_history_in(checkpoint),
            masked=masked,
            zeros=masks.zeros_in(model),
            converted=converted,
            modules=needed_by(model),
        )
    except UserError:
        raise
    except Exception as error:  # the state of every module comes from the file
        raise UserError(
            f"The network in {label} cannot be rebuilt ({type(error).__name__}: "
            f"{one_line(error)}).",
            "Load it in Ultralytics, save it again with model.save, and open the new file.",
        ) from error
    return Loaded(model, facts, train_args)


def _version_in(checkpoint: Mapping[str, Any]) -> str | None:
    version = checkpoint.get("version")
    return version[:_LONGEST] if isinstance(version, str) else None


def _history_in(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    records = checkpoint.get(HISTORY_KEY, ())
    if not isinstance(records, list | tuple):
        return ()
    try:
        return tuple(as_plain(record) for record in records if isinstance(record, dict))
    except TypeError:
        return ()
