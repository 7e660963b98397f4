"""What is known about a model file, as plain data, and the network it goes with. Needs no torch."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.system.size import ImageSize
from core.system.versions import SECATEUR

if TYPE_CHECKING:
    from torch import nn

#: An untrained network has a share of about 0.003: the biases of its BatchNorms.
_MANY_ZEROS = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a model file says about itself.

    Parameters
    ----------
    path : str
        The file, as it was named.
    sha256 : str
        Hash of its bytes; for a YAML file, of its bytes followed by the scale.
    family : str
        Architecture and scale, such as ``yolov8n`` or ``yolo11n-seg``; where the file does not
        say, the class of the network in lower case.
    task : str
        ``detect``, ``segment``, ``pose``, ``obb``, ``classify``, ``semantic`` or ``depth``.
    classes : dict of int to str
        Class names by index.
    image_size : ImageSize
        Of the training images: a square unless the file names height and width.
    dtype : str
        Type of the weights as stored, such as ``float16``.
    frozen : bool
        True when weights that normally train have ``requires_grad`` False. Ultralytics stores
        every finished training so. The fixed convolution of DFL does not count.
    fused : bool
        True when BatchNorm was folded into a convolution.
    ultralytics : str or None
        The version of Ultralytics that wrote the file, where it says.
    history : tuple of dict
        What Secateur did to the network so far, oldest first.
    masked : int
        How many parameters had a mask of ``torch.nn.utils.prune``, which was applied on loading.
    zeros : float
        Share of the parameters that are exactly zero, 0 to 1.
    converted : str
        What of a fork of Ultralytics was given the layout of Ultralytics on loading; empty where
        nothing was.
    modules : tuple of dict
        Trusted modules that the network needs, as `core.trust.find.needed_by` gives them.
    """

    path: str
    sha256: str
    family: str
    task: str
    classes: dict[int, str]
    image_size: ImageSize
    dtype: str
    frozen: bool
    fused: bool
    ultralytics: str | None = None
    history: tuple[dict[str, Any], ...] = ()
    masked: int = 0
    zeros: float = 0.0
    converted: str = ""
    modules: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", ImageSize.of(self.image_size))

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as data that JSON can hold; class indices become strings."""
        data = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        data["classes"] = {str(index): name for index, name in self.classes.items()}
        data["image_size"] = self.image_size.plain
        data["history"] = [dict(record) for record in self.history]
        data["modules"] = [dict(module) for module in self.modules]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Facts:
        """Build facts from what `to_dict` gave; keys of later versions are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["classes"] = {int(index): str(name) for index, name in values["classes"].items()}
        values["image_size"] = ImageSize.of(values["image_size"])
        values["history"] = tuple(dict(record) for record in values.get("history", ()))
        values["modules"] = tuple(dict(module) for module in values.get("modules", ()))
        return cls(**values)


def zeros_note(facts: Facts) -> str:
    """Return a remark about masks and zero weights, or nothing where there are few of both.

    Parameters
    ----------
    facts : Facts
        Of the file.
    """
    if not facts.masked and facts.zeros < _MANY_ZEROS:
        return ""
    applied = ""
    if facts.masked:
        some = "a parameter" if facts.masked == 1 else f"{facts.masked} parameters"
        applied = f"Pruning masks of PyTorch on {some} were applied. "
    return (
        f"{applied}{facts.zeros:.1%} of the weights are zero. They are stored and multiplied like "
        "any other: only removed channels make the network smaller and faster."
    )


def fork_note(facts: Facts) -> str:
    """Return a remark about what was converted on loading, or nothing.

    Parameters
    ----------
    facts : Facts
        Of the file.
    """
    if not facts.converted:
        return ""
    return (
        f"From a fork of Ultralytics: {facts.converted}. The outputs are the same, and what is "
        "saved opens in Ultralytics."
    )


def modules_note(modules: Sequence[Mapping[str, Any]], what: str) -> str:
    """Return which trusted modules are needed to open a file, or nothing where there are none.

    Parameters
    ----------
    modules : sequence of mapping
        As `Facts` have them.
    what : str
        What needs them, as the beginning of a sentence.
    """
    if not modules:
        return ""
    parts = [
        f"{Path(str(one['file'])).name} ({', '.join(map(str, one['classes']))})" for one in modules
    ]
    return f"{what} needs {' and '.join(parts)} wherever it is opened."


def kept_dtype(facts: Facts, *, full: bool = False) -> str:
    """Return the type in which what is made of a file is saved: that which it came in.

    Parameters
    ----------
    facts : Facts
        Of the file.
    full : bool
        Whether to save FP32 in any case.

    Returns
    -------
    str
        ``float16`` or ``float32``.
    """
    return "float16" if facts.dtype == "float16" and not full else "float32"


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A network and what is known about it.

    Parameters
    ----------
    model : torch.nn.Module
        An Ultralytics network in FP32 and eval mode, on the CPU.
    facts : Facts
        What the file says about itself.
    train_args : dict
        The arguments it was trained with, as plain data.
    """

    model: nn.Module
    facts: Facts
    train_args: dict[str, Any]


def record_head(facts: Facts) -> dict[str, Any]:
    """Return what every record of a file's history begins with.

    Parameters
    ----------
    facts : Facts
        Of the file that something is done to.

    Returns
    -------
    dict
        ``version`` of the record, ``secateur`` (its version), ``date`` (ISO 8601, UTC) and
        ``source`` {name, sha256, family}.
    """
    return {
        "version": 1,
        "secateur": SECATEUR,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "source": {
            "name": Path(facts.path).name,
            "sha256": facts.sha256,
            "family": facts.family,
        },
    }


def origin_of(facts: Facts) -> str:
    """Return the hash of the file that a network was made from in the very beginning.

    Everything that was pruned and tuned from one file has its hash for origin; so has that file.
    """
    first = facts.history[0] if facts.history else {}
    source = first.get("source")
    told = source.get("sha256") if isinstance(source, Mapping) else None
    return str(told) if told else facts.sha256
