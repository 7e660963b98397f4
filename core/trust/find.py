"""Which trusted class a checkpoint or a description means; and what a network needs of them."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from core.errors import UserError
from core.trust.run import class_in, home_of, importable, module_of, owner_of
from core.trust.source import Source, read_source
from core.trust.store import ChangedError, Trusted, agreed, shares_name, verified

PATCHED = re.compile(r"ultralytics\.nn(\.\w+)+")
"""Where people add classes of theirs to Ultralytics."""


class UntrustedError(UserError):
    """A file needs classes that are in no trusted module.

    Parameters
    ----------
    message, hint : str
    names : tuple of str
        The classes, by their dotted names.
    """

    def __init__(self, message: str, hint: str, names: tuple[str, ...]) -> None:
        super().__init__(message, hint)
        self.names = names


def untrusted_in(error: UserError) -> dict[str, Any]:
    """Return what a person may be asked about, where a module has to be trusted first.

    Returns
    -------
    dict
        ``untrusted``: ``names`` of the classes, or ``file`` and ``name`` of a module that has
        changed. Empty for any other error.
    """
    if isinstance(error, UntrustedError):
        return {"untrusted": {"names": list(error.names), "file": "", "name": ""}}
    if isinstance(error, ChangedError):
        return {"untrusted": {"names": [], "file": error.path, "name": error.name}}
    return {}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class of a trusted module, which may not have been run yet."""

    entry: Trusted
    module: str
    name: str

    def take(self, label: object) -> type:
        """Return the class; its module runs now, if it did not yet.

        Raises
        ------
        UserError
            When the module has changed, does not run or does not define the class after all.
        """
        found = class_in(module_of(self.entry, self.module), self.name)
        if found is None:
            raise _lacks(self.entry, verified(self.entry), self.name, label)
        return found


def find_class(
    dotted: str, label: object, *, is_stock: bool, sources: dict[Trusted, Source] | None = None
) -> Candidate | None:
    """Find the trusted class that a checkpoint names, and run nothing; None where there is none.

    Parameters
    ----------
    dotted : str
        Module and qualified name, as the checkpoint spells them.
    label : object
        How messages name the checkpoint.
    is_stock : bool
        Whether Ultralytics has a class of this name: only a module that is trusted under the name
        of that very module stands in for it.
    sources : dict, optional
        What was read already, for the next name of the same checkpoint.

    Raises
    ------
    UserError
        When the module has changed or does not define the class, or when several define it.
    """
    entries = agreed()
    if not entries:
        return None
    found = _by_module(entries, dotted, label, {} if sources is None else sources)
    module, _, name = dotted.rpartition(".")
    if not found and not is_stock and PATCHED.fullmatch(module):
        found = [
            Candidate(entry, module, name)
            for entry, source, _file in _defining(entries, name)
            if not source.is_package
        ]
    return _only(found, dotted, label)


def _by_module(
    entries: Iterable[Trusted], dotted: str, label: object, sources: dict[Trusted, Source]
) -> list[Candidate]:
    """Return the classes of modules that are trusted under the name which comes before the class.

    A name is divided after each of its parts, since classes may be inside classes.
    """
    parts = dotted.split(".")
    found, lacking = [], None
    for entry in entries:
        for at in range(len(parts) - 1, 0, -1):
            module, name = ".".join(parts[:at]), ".".join(parts[at:])
            if not entry.covers(module) or (shares_name(entry.name) and module != entry.name):
                continue
            if entry not in sources:
                sources[entry] = verified(entry)
            source = sources[entry]
            file = source.file_of(module)
            if file is None:
                continue
            if parts[at] in source.defined_in(file):
                found.append(Candidate(entry, module, name))
            elif not shares_name(entry.name):
                lacking = lacking or _lacks(entry, source, name, label)
            break
    if lacking is not None and not found:
        raise lacking
    return found


def _lacks(entry: Trusted, source: Source, name: str, label: object) -> UserError:
    known = [each for names in source.classes().values() for each in names]
    listed = ", ".join(known[:6]) + (" …" if len(known) > 6 else "")
    return UserError(
        f"{entry.path} does not define the class {name[:60]}, which {label} needs.",
        f"It defines {listed or 'no classes'}. Trust the file that defines it.",
    )


def _defining(entries: Iterable[Trusted], name: str) -> list[tuple[Trusted, Source, str]]:
    """Return the files that define a class at their top, as they are now: none is run for it.

    Raises
    ------
    ChangedError
        When none does, but a trusted module is missing that may.
    """
    found, missing = [], []
    for entry in entries:
        try:
            source = read_source(entry.path, entry.name)
        except UserError:
            missing.append(entry)
            continue
        found += [(entry, source, file) for file in source.files_with(name)]
    if missing and not found:
        verified(missing[0])
    return found


def _only(found: list[Candidate], name: str, label: object) -> Candidate | None:
    if len(found) > 1:
        places = " and ".join(each.entry.path for each in found[:2])
        raise UserError(
            f"{label} needs the class {name}, which several trusted modules define: {places}.",
            "Remove one of them with `secateur trust remove`.",
        )
    return found[0] if found else None


def find_block(name: str, label: object, *, is_stock: bool) -> Candidate | None:
    """Find the trusted class that a description's block names, and run nothing.

    Parameters
    ----------
    name : str
        The block's module, as ``CoordAtt``.
    label : object
        How messages name the description.
    is_stock : bool
        As for `find_class`.

    Raises
    ------
    UserError
        As for `find_class`.
    """
    entries = agreed() if name.isidentifier() else ()
    entries = tuple(e for e in entries if not is_stock or PATCHED.fullmatch(e.name))
    found = [
        Candidate(entry, entry.name if shares_name(entry.name) else source.module_of(file), name)
        for entry, source, file in _defining(entries, name)
    ]
    return _only(found, name, label)


@contextlib.contextmanager
def added_to(module: ModuleType, classes: dict[str, type]) -> Iterator[None]:
    """Let a module have more classes, or others by the same names, meanwhile."""
    before = {name: vars(module)[name] for name in classes if name in vars(module)}
    vars(module).update(classes)
    try:
        yield
    finally:
        for name in classes:
            vars(module).pop(name, None)
        vars(module).update(before)


@contextlib.contextmanager
def in_place(network: Any) -> Iterator[None]:
    """Let the classes of a network be where a pickle looks for them, by name, meanwhile."""
    with contextlib.ExitStack() as stack:
        for kind in _trusted_classes(network):
            name, _, _ = kind.__qualname__.partition(".")
            if kind.__module__ not in sys.modules:
                stack.enter_context(importable({kind.__module__: ModuleType(kind.__module__)}))
            found, home = sys.modules[kind.__module__], home_of(kind)
            if home is not None and class_in(found, kind.__qualname__) is not kind:
                stack.enter_context(added_to(found, {name: vars(home)[name]}))
        yield


def needed_by(network: Any) -> tuple[dict[str, Any], ...]:
    """Return the trusted modules that a network needs, as plain data.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    tuple of dict
        ``name`` of the module, ``file``, ``sha256`` and ``classes``, by name.
    """
    found: dict[Trusted, set[str]] = {}
    for kind in _trusted_classes(network):
        owner = owner_of(kind)
        assert owner is not None
        found.setdefault(owner, set()).add(f"{kind.__module__}.{kind.__qualname__}")
    return tuple(
        {
            "name": entry.name,
            "file": entry.path,
            "sha256": entry.sha256,
            "classes": sorted(classes),
        }
        for entry, classes in sorted(found.items(), key=lambda item: (item[0].name, item[0].path))
    )


def _trusted_classes(network: Any) -> list[type]:
    kinds = dict.fromkeys(type(module) for module in network.modules())
    return [kind for kind in kinds if owner_of(kind) is not None]
