"""What a checkpoint may ask for, and what it gets instead of the real thing.

Torch's restricted unpickler lets an allowed class be *called* as well as re-created. Calling is
dangerous with Ultralytics: `DetectionModel({...})` evaluates strings of its argument, and
`TorchVision(...)` downloads. So a pickle never gets a real class: it gets a proxy that re-creates
an empty instance, into which the pickle then puts its state, and that refuses to be called. The
few functions that stock checkpoints call are replaced by ones that return plain data.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from core.checkpoint import _stock
from core.checkpoint.masks import MaskHook
from core.checkpoint.scan import TORCHVISION, foreign_globals
from core.trust.find import Candidate, find_class
from core.trust.source import Source
from core.trust.store import Trusted

Entry = Callable[..., Any] | tuple[Callable[..., Any], str]


class RefusedError(Exception):
    """A pickle tried what no stock checkpoint does."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Method:
    """Stands for a bound method or function of a class until the whole file is read."""

    owner: object
    name: str


class DtypeName:
    """Stands for a numpy dtype, whose own unpickling accepts too much."""

    def __init__(self, name: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment: stock checkpoints hold native scalars only."""


class _NoCall(type):
    """Classes of this kind can be re-created by a pickle, not called."""

    real: Any
    without_arguments: bool
    inner: dict[str, _NoCall]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.without_arguments and not args and not kwargs:
            return cls.real.__new__(cls.real)
        if issubclass(cls.real, enum.Enum) and len(args) == 1 and not kwargs:
            # A pickle spells a member as a call with its value; it is looked up, and none is made.
            for member in cls.real.__members__.values():
                if type(member.value) is type(args[0]) and member.value == args[0]:
                    return member
        raise RefusedError(f"a call of {cls.real.__module__}.{cls.real.__qualname__}")


def _proxy(real: Any, without_arguments: bool = False) -> _NoCall:
    def recreate(_cls: type, *args: object) -> object:
        if args:
            raise RefusedError(f"arguments for {real.__module__}.{real.__qualname__}")
        return real.__new__(real)

    body = {"__new__": recreate, "real": real, "without_arguments": without_arguments, "inner": {}}
    return _NoCall(real.__name__, (), body)


def _scalar(dtype: object, data: object = b"") -> float | int | bool:
    if not isinstance(dtype, DtypeName) or not isinstance(dtype.name, str):
        raise RefusedError("a numpy scalar of an unknown type")
    kind = np.dtype(dtype.name)
    if kind.kind not in "biuf" or not isinstance(data, bytes) or len(data) != kind.itemsize:
        raise RefusedError("a numpy scalar that is not a number")
    value = np.frombuffer(data, dtype=kind)[0].item()
    assert isinstance(value, bool | int | float)
    return value


def _dtype(name: object, *_flags: object) -> DtypeName:
    return DtypeName(name)


def _path(*parts: str) -> str:
    # Only shown to people, never opened: the other system's separators are no harm.
    if not all(isinstance(part, str) for part in parts):
        raise RefusedError("a path of something else than text")
    return "/".join(str(part).rstrip("/\\") or "/" for part in parts).replace("//", "/")


def _interpolation(value: object) -> object:
    from torchvision.transforms.functional import InterpolationMode

    return InterpolationMode(value)


def _getattr(owner: object, name: object) -> object:
    if owner is _interpolation and isinstance(name, str):
        from torchvision.transforms.functional import InterpolationMode

        return InterpolationMode[name]
    if isinstance(owner, _NoCall) and isinstance(name, str) and name in owner.inner:
        return owner.inner[name]
    plain_class = isinstance(owner, _NoCall) and issubclass(owner.real, torch.nn.Module)
    if isinstance(name, str) and (plain_class or isinstance(owner, torch.nn.Module)):
        return Method(owner, name)
    shown = repr(name[:40]) if isinstance(name, str) else f"a {type(name).__name__}"
    raise RefusedError(f"attribute {shown} of {type(owner).__name__}")


def _method(function: object, owner: object) -> Method:
    if isinstance(function, Method) and isinstance(function.owner, _NoCall):
        named = getattr(function.owner.real, function.name, None)
        known = named is not None and isinstance(owner, torch.nn.Module)
        if known and getattr(type(owner), function.name, None) is named:
            return Method(owner, function.name)
    raise RefusedError("a function bound to what is not its module")


#: What dill's names of builtin types give: the types of plain data, and a placeholder for the
#: methods that fused networks store.
_DILL_TYPES: dict[str, Callable[..., Any]] = {
    "MethodType": _method,
    **{kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, dict)},
    "set": set,
    "frozenset": frozenset,
}


def _dill_type(name: object) -> Callable[..., Any]:
    # Ultralytics wrote its checkpoints with dill until September 2024. dill spells a builtin type
    # as a call of its own function, which gives out types of code as well: no network needs those.
    # Nor any needs a bytearray, which torch would make of any length.
    found = _DILL_TYPES.get(name) if isinstance(name, str) else None
    if found is None:
        shown = name[:40] if isinstance(name, str) else type(name).__name__
        raise RefusedError(f"the type {shown!r} of dill")
    return found


def encode_latin(text: object, encoding: object) -> bytes:
    """Return bytes that a pickle of protocol 2 spells as text, as it spells all bytes.

    Any other codec is refused: some double what they are given, again and again.
    """
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "ascii"):
        raise RefusedError("bytes in an encoding of their own")
    return text.encode("latin-1")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "builtins.getattr": _getattr,
    "dill._dill._load_type": _dill_type,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "torchvision.transforms.functional.InterpolationMode": _interpolation,
    **{
        f"{module}.{kind}": _path
        for module in ("pathlib", "pathlib._local")
        for kind in vars(pathlib)
        if kind.endswith("Path")
    },
}
#: Names of older releases, as Ultralytics maps them.
_RENAMED = {
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
    "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
}
_TRANSFORMS = "torchvision.transforms.transforms"


def entries_for(
    names: Iterable[str], label: object = "", *, forks: bool = True
) -> tuple[list[Entry], list[str]]:
    """Return allow-list entries for the names a checkpoint asks for, and the names refused.

    Classes of modules that the user trusts are run for it, where none is refused.

    Parameters
    ----------
    names : iterable of str
        Dotted names, as `core.checkpoint.scan` lists them.
    label : object
        How messages name the checkpoint.
    forks : bool
        Whether trusted modules stand in for stock classes of the same name.

    Returns
    -------
    entries : list of (object, str)
        For `torch.serialization.safe_globals`.
    refused : list of str
        What is neither a stock class, nor one of torch's own data types, nor trusted; sorted.

    Raises
    ------
    UserError
        When a trusted module has changed, does not run, or does not define what is asked for.
    """
    asked = set(names)
    trusted = _trusted_among(asked, label, forks)
    refused = foreign_globals(asked - trusted.keys())
    # Torch also asks whether the type of an instance is allowed before it sets its state. A line
    # break cannot be in a pickle's global, so no pickle can spell these names.
    entries: list[Entry] = [
        (DtypeName, "\nDtypeName"),
        (MaskHook, "\nMaskHook"),
        (_method, "\nmethod"),
    ]
    for name in sorted(asked.difference(refused, trusted)):
        if function := _FUNCTIONS.get(name):
            entries.append((function, name))
        elif name.startswith("torch.nn.utils.prune."):
            entries.append((_proxy(MaskHook), name))
        elif name.startswith(("torch.nn.modules.", "ultralytics.", "torchvision.")):
            real = _class_named(name)
            if real is None:
                refused.append(name)
                continue
            namespace = real is _stock.IterableSimpleNamespace
            entries += [(_proxy(real, without_arguments=namespace), name), (real, f"\n{name}")]
    if not refused:  # of a file that is not opened anyway, nothing is run
        for name, candidate in trusted.items():
            _add_trusted(entries, name, candidate.take(label))
    return entries, sorted(refused)


def _add_trusted(entries: list[Entry], name: str, kind: type) -> _NoCall:
    """Let a pickle re-create instances of a trusted class, and of the classes inside it."""
    proxy = _proxy(kind)
    entries += [(proxy, name), (kind, f"\n{name}")]
    for part, inner in vars(kind).items():
        own = isinstance(inner, type) and inner.__qualname__ == f"{kind.__qualname__}.{part}"
        if own and inner.__module__ == kind.__module__:
            proxy.inner[part] = _add_trusted(entries, f"\n{name}.{part}", inner)
    return proxy


def _trusted_among(names: Iterable[str], label: object, forks: bool) -> dict[str, Candidate]:
    """Return the classes of trusted modules among the names that a checkpoint asks for."""
    found: dict[str, Candidate] = {}
    sources: dict[Trusted, Source] = {}
    for name in sorted(names):
        unknown = bool(foreign_globals([name]))
        if not unknown and not name.startswith("ultralytics.nn."):
            continue
        is_stock = not unknown and _class_named(name) is not None
        if is_stock and not forks:
            continue
        candidate = find_class(name, label, is_stock=is_stock, sources=sources)
        if candidate is not None:
            found[name] = candidate
    return found


def _class_named(name: str) -> type | None:
    """Return the stock class of that name, or None. Imports nothing that the name could choose."""
    name = _RENAMED.get(name, name).replace("ultralytics.yolo.utils", "ultralytics.utils")
    module_name, _, attribute = name.rpartition(".")
    if module_name == _TRANSFORMS or TORCHVISION.fullmatch(module_name):
        # Few networks store these, and importing them takes its time. The name was checked.
        importlib.import_module(module_name)
    found = getattr(sys.modules.get(module_name), attribute, None)
    if not isinstance(found, type):
        return None
    home = found.__module__
    if found is _stock.IterableSimpleNamespace or home == _TRANSFORMS:
        return found
    if home in ("ultralytics.utils.loss", "ultralytics.utils.tal"):
        return found
    stock = home.startswith(("torch.nn.modules.", "ultralytics.nn.modules."))
    stock = stock or bool(TORCHVISION.fullmatch(home) and home == module_name)
    if issubclass(found, torch.nn.Module) and (stock or home == "ultralytics.nn.tasks"):
        return found
    return None


def resolve_methods(model: torch.nn.Module) -> None:
    """Turn the placeholders for methods and classes in a network into these, or drop them.

    Fused networks store ``module.forward = module.forward_fuse``, and older segmentation heads
    store ``Detect.forward``. Only forward functions of the module itself or of a stock class are
    ever put back.
    """
    for module in model.modules():
        for key, value in list(vars(module).items()):
            if isinstance(value, _NoCall):  # the kind of norm that a ResNet is made of, say
                vars(module)[key] = value.real
            if not isinstance(value, Method):
                continue
            function = None
            if value.name.startswith("forward"):
                if value.owner is module:
                    function = getattr(type(module), value.name, None)
                elif isinstance(value.owner, _NoCall):
                    function = getattr(value.owner.real, value.name, None)
            if function is None:
                del vars(module)[key]
            else:
                bound = function.__get__(module) if value.owner is module else function
                vars(module)[key] = bound
