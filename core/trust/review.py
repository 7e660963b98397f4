"""A module before it is trusted: what a person has to see to decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.errors import UserError
from core.trust.source import Source
from core.trust.store import state_of, trusted, verified


def described(source: Source) -> dict[str, Any]:
    """Return what is known of a module as plain data.

    Returns
    -------
    dict
        ``name``, ``file``, ``sha256``, ``state`` (``new``, ``changed`` or ``trusted``),
        ``classes`` and ``files``, their names.
    """
    return {
        "name": source.name,
        "file": str(source.path),
        "sha256": source.sha256,
        "state": state_of(source),
        "classes": [name for names in source.classes().values() for name in names],
        "files": list(source.files),
    }


def name_for(source: Source, names: Iterable[str]) -> str:
    """Return the name by which a file that asks for classes knows a module.

    Parameters
    ----------
    source : Source
        A module that may define them.
    names : iterable of str
        The classes, by their dotted names.

    Returns
    -------
    str
        Of the file or folder, unless the names of classes in it say another. Classes that were
        added to Ultralytics are found by their own names.
    """
    defined = {name for listed in source.classes().values() for name in listed}
    for dotted in names:
        module, _, name = dotted.rpartition(".")
        stock = module.startswith("ultralytics.")
        if module and not source.is_package and name in defined and not stock:
            return module
    return source.name


def listed() -> list[dict[str, Any]]:
    """Return what is trusted as plain data.

    Returns
    -------
    list of dict
        ``name``, ``file``, ``sha256`` and ``state``: ``trusted``, or why the module cannot be used.

    Raises
    ------
    UserError
        When the list is damaged.
    """
    rows = []
    for entry in trusted():
        try:
            verified(entry)
            state = "trusted"
        except UserError as error:
            state = error.message
        row = {"name": entry.name, "file": entry.path, "sha256": entry.sha256, "state": state}
        rows.append(row)
    return rows
