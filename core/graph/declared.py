"""What a trusted module says about how channels pass its classes: its ``SECATEUR_CHANNELS``.

A plain dict, so that the module needs nothing of Secateur: by the name of the class, a stand-in for
its forward, or a dict of what `ModuleRule` holds, with dicts for `StoredWidth` and `HeadLayout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from core.errors import UserError
from core.graph.rules import HeadLayout, ModuleRule, Side, StoredWidth
from core.trust.run import home_of, owner_of

NAME = "SECATEUR_CHANNELS"
_KEYS = ("carries", "stores", "heads")


def declared_rule(kind: type) -> ModuleRule | None:
    """Return what the trusted module of a class declares for it; None where it declares nothing.

    Raises
    ------
    UserError
        When the declaration is not valid.
    """
    home = home_of(kind)
    table = None if home is None else vars(home).get(NAME)
    if table is None:
        return None
    owner = owner_of(kind)
    where = "the module" if owner is None else owner.path
    try:
        if not isinstance(table, Mapping):
            raise TypeError("it is not a dict")
        said = table.get(kind.__qualname__)
        return None if said is None else _rule(said)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{NAME} in {where} is not valid for {kind.__qualname__}: {error}.",
            "Compare it with the example in docs/modules.md.",
        ) from error


def _rule(said: object) -> ModuleRule:
    if callable(said):
        return ModuleRule(said)
    if not isinstance(said, Mapping) or not said:
        raise TypeError("it is neither a function nor a dict")
    if strange := [key for key in said if key not in _KEYS]:
        raise ValueError(f"unknown key {strange[0]!r}; known are {', '.join(_KEYS)}")
    carries = said.get("carries")
    if carries is not None and not callable(carries):
        raise TypeError("carries is not a function")
    stores = tuple(_stored(one) for one in _listed(said.get("stores", ()), "stores"))
    heads = said.get("heads")
    return ModuleRule(carries, stores, None if heads is None else _made(HeadLayout, heads, "heads"))


def _stored(one: object) -> StoredWidth:
    stored: StoredWidth = _made(StoredWidth, one, "stores")
    if stored.side not in get_args(Side) or stored.parts < 1:
        raise ValueError("stores has a side other than inputs and outputs, or no parts")
    return stored


def _listed(value: object, what: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{what} is not a list")
    return list(value)


def _made(kind: Any, values: object, what: str) -> Any:
    if not isinstance(values, Mapping):
        raise TypeError(f"{what} does not hold dicts")
    try:
        return kind(**values)
    except TypeError as error:
        raise TypeError(f"{what}: {str(error).partition(') ')[2] or error}") from error
