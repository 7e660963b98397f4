"""What modules do with channels that no trace of tensors can see: a table by class. No torch.

* ``carries``: a stand-in for a forward that cannot be traced, which carries channels as it does.
* ``stores``: numbers a module keeps next to its weights and that its code paths (``forward_split``,
  ``fuse``, export) read; surgery rewrites them.
* ``heads``: attention modules whose heads can be removed whole, and how their channels are laid
  out. A class that multiplies matrices and has none is locked as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.errors import CancelledError, UserError
from core.registry import Registry, code_of, resolve

Side = Literal["inputs", "outputs"]


@dataclass(frozen=True, slots=True)
class StoredWidth:
    """An attribute that repeats a width.

    A number equals the outputs (or inputs) of a layer divided by ``parts``; a list holds how many
    of them each part has; a tensor has an entry for each of them along ``axis``.

    Attributes
    ----------
    attribute : str
    layer : str
        Relative to the module. Empty for the module itself: its own weights where it has some,
        the tensors that it takes and returns otherwise.
    parts : int
    side : str
        ``outputs`` or ``inputs``.
    place : int
        Which of the tensors that the module takes or returns, from 0.
    axis : int
    """

    attribute: str
    layer: str
    parts: int = 1
    side: Side = "outputs"
    place: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """How an attention module lays its heads out.

    Attributes
    ----------
    projection : str
        Layer that makes queries, keys and values; head ``h`` owns the rows
        ``h * per_head … (h + 1) * per_head - 1``.
    key_parts, value_parts : int
        Rows per head: ``key_parts * key_dim + value_parts * head_dim``.
    tied_to_input : bool
        Whether the forward takes its output width from the input's shape, so that the input must
        lose ``head_dim`` channels with each head.
    totals : tuple of str
        Attributes that hold heads times ``head_dim``.
    """

    projection: str
    key_parts: int
    value_parts: int
    tied_to_input: bool
    totals: tuple[str, ...] = ()

    def per_head(self, module: object) -> int:
        """Rows of the projection that one head owns."""
        head_dim = int(getattr(module, "head_dim"))  # noqa: B009
        key_dim = int(getattr(module, "key_dim", head_dim))
        return self.key_parts * key_dim + self.value_parts * head_dim


@dataclass(frozen=True, slots=True)
class ModuleRule:
    """What is known of a class of modules.

    Attributes
    ----------
    carries : callable, str or None
        Takes the module and what its forward takes, and returns what that returns: tensors of the
        same shapes whose channels come from the same places, made by operations of PyTorch that
        can be traced and by the module's own layers and weights. Values do not matter. As a
        string, it is the name of that function, ``module:function``.
    stores : tuple of StoredWidth
    heads : HeadLayout or None
    """

    carries: Callable[..., Any] | str | None = None
    stores: tuple[StoredWidth, ...] = ()
    heads: HeadLayout | None = None

    @property
    def knows_splits(self) -> bool:
        """Whether the sizes by which the module cuts its channels are rewritten by surgery."""
        return bool(self.stores) or self.heads is not None

    def stores_tensors(self, module: object) -> bool:
        """Whether the module stores tensors that surgery shortens."""
        stored = (getattr(module, one.attribute, None) for one in self.stores)
        return any(hasattr(value, "dtype") for value in stored)

    def lists_sizes(self, module: object) -> bool:
        """Whether the module stores the sizes of the parts that it cuts its channels into."""
        stored = (getattr(module, one.attribute, None) for one in self.stores)
        return any(isinstance(value, (list, tuple)) for value in stored)


def _halves(attribute: str = "c") -> ModuleRule:
    return ModuleRule(stores=(StoredWidth(attribute, "cv1.conv", 2),))


def _whole(attribute: str = "c", layer: str = "cv1.conv") -> ModuleRule:
    return ModuleRule(stores=(StoredWidth(attribute, layer),))


MODULES: Registry[ModuleRule] = Registry(
    "rule for modules",
    ModuleRule,
    "secateur.modules",
    {
        "ultralytics.C2": _halves(),
        "ultralytics.C2f": _halves(),
        "ultralytics.C2fAttn": _halves(),
        "ultralytics.C3x": _whole("c_"),
        "ultralytics.RepNCSPELAN4": _halves(),
        "ultralytics.ADown": _whole(),
        "ultralytics.SPPELAN": _whole(),
        "ultralytics.PSA": _halves(),
        "ultralytics.C2PSA": _halves(),
        "ultralytics.RepConv": ModuleRule(
            stores=(
                StoredWidth("c1", "conv1.conv", side="inputs"),
                StoredWidth("c2", "conv1.conv"),
            )
        ),
        "ultralytics.RepVGGDW": _whole("dim", "conv.conv"),
        "ultralytics.CBLinear": _whole("c2s", "conv"),
        "ultralytics.Attention": ModuleRule(heads=HeadLayout("qkv.conv", 2, 1, tied_to_input=True)),
        "ultralytics.AAttn": ModuleRule(
            heads=HeadLayout("qkv.conv", 0, 3, tied_to_input=False, totals=("all_head_dim",))
        ),
    },
)
"""Rules by ``package.Class``: the class of that name in that package, or in any module of it. A
class without a rule has that of its nearest ancestor."""


def register_module(
    kind: type | str,
    carries: Callable[..., Any] | str | None = None,
    *,
    stores: tuple[StoredWidth, ...] = (),
    heads: HeadLayout | None = None,
) -> None:
    """Say what modules of a class do with channels, in this process.

    Parameters
    ----------
    kind : type or str
        The class, or its name as ``package.Class``.
    carries, stores, heads
        As in `ModuleRule`.

    Raises
    ------
    UserError
        When there is a rule for that class already.
    """
    MODULES.register(name_of(kind), ModuleRule(carries, stores, heads))


def forget_module(kind: type | str) -> None:
    """Take away what `register_module` said of a class."""
    MODULES.remove(name_of(kind))


def name_of(kind: type | str) -> str:
    """Return the name of a class's row."""
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def rule_of(module: object) -> ModuleRule | None:
    """Return the rule of a module's class, or of its nearest ancestor that has one."""
    name = _row_of(type(module))
    return None if name is None else MODULES[name]


_found: dict[tuple[type, int], str | None] = {}


def _row_of(kind: type) -> str | None:
    key = (kind, MODULES.version)
    if key not in _found:
        names = (name for cls in kind.__mro__ for name in _names_of(cls))
        _found[key] = next((name for name in names if name in MODULES), None)
    return _found[key]


def _names_of(kind: type) -> Iterator[str]:
    """Yield the names under which a class may have a row: its module's, then its packages'."""
    for package in _ancestors(kind.__module__):
        yield f"{package}.{kind.__qualname__}"


def stand_in_of(module: object) -> Callable[..., Any] | None:
    """Return what stands in for a module's forward when it is traced; None for its own."""
    rule = rule_of(module)
    return None if rule is None or rule.carries is None else resolve(rule.carries)


def described(modules: Mapping[str, object]) -> frozenset[str]:
    """Return the dotted names of the modules whose forward is described, not traced."""
    return frozenset(n for n, module in modules.items() if stand_in_of(module) is not None)


def is_inside(name: str, modules: frozenset[str]) -> bool:
    """Whether a dotted name is one of some modules, or lies in one."""
    return any(part in modules for part in _ancestors(name))


def _ancestors(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


@contextlib.contextmanager
def rules_blamed(modules: Iterable[object]) -> Iterator[None]:
    """Say of what fails inside that rules which were added may be wrong, where modules have some.

    Raises
    ------
    UserError
        Instead of what failed.
    """
    try:
        yield
    except (UserError, CancelledError):
        raise
    except Exception as error:
        rows = {_row_of(type(module)) for module in modules}
        added = sorted(name for name in rows if name is not None and not MODULES.is_own(name))
        if not added:
            raise
        raise UserError(
            f"What is left by the rule for {' or '.join(added)} does not work: {error}.",
            "Correct what its stand-in carries, or which widths it stores.",
        ) from error


def digest_of_added() -> str:
    """Return what tells tables made with other rules apart; empty where no rule was added."""
    added = {name: rule for name, rule in MODULES.items() if not MODULES.is_own(name)}
    if not added:
        return ""
    digest = hashlib.sha256()
    for name, rule in sorted(added.items()):
        code = "" if rule.carries is None else code_of(rule.carries)
        if code is None:  # nobody could tell later which version it was
            return secrets.token_hex(8)
        digest.update(f"{name} {code} {replace(rule, carries=None)}\n".encode())
    return digest.hexdigest()[:16]
