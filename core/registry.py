"""Tables that can be added to: what the program offers of one kind, by name.

A table holds the program's own rows, one each. Other installed packages add theirs as entry points
of the table's group; a script adds to its own process by `Registry.register`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from core.errors import UserError
from core.system.logs import append_fault

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """What there is of one kind: the program's own, then what others add.

    Parameters
    ----------
    kind : str
        What messages call one of them, such as ``criterion``.
    type_ : type
        What every one of them is an instance of.
    group : str
        The group of entry points by which installed packages add to it.
    rows : mapping of str to object or str
        The program's own, by name. A string names the object as ``module`` or ``module:object``,
        which is imported when it is first asked for.
    """

    def __init__(
        self, kind: str, type_: type[Any], group: str, rows: Mapping[str, T | str]
    ) -> None:
        self.kind, self.group = kind, group
        self._type = type_
        self._rows: dict[str, T | str] = dict(rows)
        self._own = frozenset(rows)
        self._left_out: dict[str, str] = {}
        self._installed = False
        self._changes = 0

    def __getitem__(self, name: str) -> T:
        self._load_installed()
        row = self._rows[name]
        if isinstance(row, str):
            row = self._checked(name, pkgutil.resolve_name(row))
            self._rows[name] = row
        return row

    def __iter__(self) -> Iterator[str]:
        self._load_installed()
        return iter(tuple(self._rows))

    def __len__(self) -> int:
        self._load_installed()
        return len(self._rows)

    def register(self, name: str, entry: T) -> None:
        """Add one, in this process.

        Raises
        ------
        UserError
            When there is one of that name already.
        TypeError
            When it is not what the table holds.
        """
        self._load_installed()
        self._add(name, entry, "Choose another name.")

    def remove(self, name: str) -> None:
        """Take away one that was added; the program's own stay.

        Raises
        ------
        UserError
            When none of that name was added.
        """
        if name in self._own or name not in self._rows:
            raise UserError(f"No {self.kind} “{name}” was added.", "Only what was added can go.")
        del self._rows[name]
        self._changes += 1

    def find(self, name: str) -> T:
        """Return one by its name.

        Raises
        ------
        UserError
            If there is none of that name, with what there is.
        """
        self._load_installed()
        if name in self._left_out:
            raise UserError(self._left_out[name], "Update or remove the package.")
        if name not in self._rows:
            raise UserError(f"There is no {self.kind} “{name}”.", f"Use one of {', '.join(self)}.")
        return self[name]

    @property
    def version(self) -> int:
        """A number that changes with what is in the table."""
        self._load_installed()
        return self._changes

    def is_own(self, name: str) -> bool:
        """Whether one is the program's own, rather than added."""
        return name in self._own

    def _add(self, name: str, entry: object, hint: str) -> None:
        if name in self._rows:
            raise UserError(f"The {self.kind} “{name}” exists already.", hint)
        self._rows[name] = self._checked(name, entry)
        self._changes += 1

    def _checked(self, name: str, entry: object) -> T:
        if not isinstance(entry, self._type):
            raise TypeError(
                f"the {self.kind} “{name}” is a {type(entry).__name__}, not a {self._type.__name__}"
            )
        found: T = entry
        return found

    def _load_installed(self) -> None:
        """Take in what installed packages add, once; one that fails is left out, and said so."""
        if self._installed:
            return
        self._installed = True
        for point in sorted(metadata.entry_points(group=self.group), key=lambda p: p.name):
            package = point.dist.name if point.dist is not None else point.value
            try:
                self._add(point.name, point.load(), "")
            except Exception as error:
                reason = error.message if isinstance(error, UserError) else None
                reason = reason or f"{type(error).__name__}: {error}"
                text = f"The {self.kind} “{point.name}” of {package} was left out: {reason}"
                if point.name not in self._rows:
                    self._left_out[point.name] = text
                append_fault(error)
                warnings.warn(text, RuntimeWarning, stacklevel=2)


class Groups(Registry[ModuleType], Generic[T]):
    """A table of modules, each of which offers several things by name.

    Parameters
    ----------
    kind : str
        What messages call one of those things, such as ``command``.
    member : str
        The modules' attribute that holds them, a mapping by name.
    group, rows
        As for `Registry`; the entries are modules.
    """

    def __init__(self, kind: str, member: str, group: str, rows: Mapping[str, str]) -> None:
        super().__init__(f"group of {kind}s", ModuleType, group, rows)
        self._each, self._member = kind, member

    def offered(self) -> dict[str, T]:
        """Return what all modules offer, by name; imports all of them."""
        return {name: each for module in self.values() for name, each in self._of(module).items()}

    def find_offered(self, name: str) -> T:
        """Return what a module offers by that name.

        Raises
        ------
        UserError
            When none does.
        """
        try:
            return self.offered()[name]
        except KeyError:
            hint = "Update Secateur, or install the package that brings it."
            raise UserError(f"There is no {self._each} “{name}”.", hint) from None

    def _of(self, module: ModuleType) -> Mapping[str, T]:
        found: Mapping[str, T] = getattr(module, self._member)
        return found

    def _add(self, name: str, entry: object, hint: str) -> None:
        known = self.offered()
        for each in self._of(self._checked(name, entry)):
            if each in known:
                raise UserError(f"The {self._each} “{each}” exists already.", hint)
        super()._add(name, entry, hint)

    def _checked(self, name: str, entry: object) -> ModuleType:
        module = super()._checked(name, entry)
        if not isinstance(getattr(module, self._member, None), Mapping):
            raise TypeError(f"{module.__name__} has no table {self._member}")
        return module


def resolve(named: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return a function, imported where it is named as ``module:function``."""
    if not isinstance(named, str):
        return named
    found: Callable[..., Any] = pkgutil.resolve_name(named)
    return found


@functools.lru_cache(maxsize=64)
def code_of(named: Callable[..., Any] | str) -> str | None:
    """Return a digest of the code that a function is part of; None where that cannot be read.

    That is the file of its module or, in a package, all modules of that package's folder. What the
    function made is stale when the digest has changed. It is read once, since a function that is
    loaded does not change with its file: early, then, and not when its results are first kept.

    Parameters
    ----------
    named : callable or str
        A function, or its name as ``module:function``.
    """
    if isinstance(named, str):
        with contextlib.suppress(ImportError, ValueError):
            spec = util.find_spec(named.partition(":")[0])
            return _digest(spec.origin, spec.parent) if spec is not None else None
        return None
    function = inspect.unwrap(named)
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__module__", None) or type(function).__module__
    module = sys.modules.get(name)
    return _digest(getattr(module, "__file__", None), getattr(module, "__package__", None))


def _digest(file: str | None, package: str | None) -> str | None:
    if file is None or not Path(file).is_file():
        return None
    digest = hashlib.sha256()
    for path in sorted(Path(file).parent.glob("*.py")) if package else [Path(file)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
