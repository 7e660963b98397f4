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
from dataclasses import replace
from typing import Any

from core.errors import CancelledError, UserError
from core.graph.declared import declared_rule
from core.graph.rules import HeadLayout, ModuleRule, StoredWidth
from core.registry import Registry, code_of, resolve
from core.trust.store import digest


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
    """Return the rule of a module's class, or of its nearest ancestor that has one.

    What a trusted module declares comes first: a class of its may have the name of a stock one.
    """
    kind = type(module)
    declared = _declared_of(kind)
    if declared is not None:
        return declared
    name = _row_of(kind)
    return None if name is None else MODULES[name]


_declared: dict[type, ModuleRule | None] = {}


def _declared_of(kind: type) -> ModuleRule | None:
    if kind not in _declared:
        found = (declared_rule(cls) for cls in kind.__mro__)
        _declared[kind] = next((rule for rule in found if rule is not None), None)
    return _declared[kind]


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
        added = sorted(set(filter(None, (_added(type(module)) for module in modules))))
        if not added:
            raise
        raise UserError(
            f"What is left by the rule for {' or '.join(added)} does not work: {error}.",
            "Correct what its stand-in carries, or which widths it stores.",
        ) from error


def _added(kind: type) -> str:
    """Return what a rule for a class that is not the program's own is for; empty without one."""
    if _declared_of(kind) is not None:
        return name_of(kind)
    name = _row_of(kind)
    return "" if name is None or MODULES.is_own(name) else name


def digest_of_added() -> str:
    """Return what tells tables made with other rules apart; empty where no rule was added.

    The modules that are trusted count: they bring rules, and other code for the same names.
    """
    added = {name: rule for name, rule in MODULES.items() if not MODULES.is_own(name)}
    trusted = digest()
    if not added:
        return trusted
    rules = hashlib.sha256(trusted.encode())
    for name, rule in sorted(added.items()):
        code = "" if rule.carries is None else code_of(rule.carries)
        if code is None:  # nobody could tell later which version it was
            return secrets.token_hex(8)
        rules.update(f"{name} {code} {replace(rule, carries=None)}\n".encode())
    return rules.hexdigest()[:16]
