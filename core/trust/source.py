"""What is in a Python file or package: its hash, its text, the classes it defines. Runs nothing."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import keyword
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from core.errors import UserError, reason_of
from core.system.visible import visible, visible_code

LARGEST, MOST_FILES = 32 << 20, 5000
"""Bytes and files of a package, at most."""
MAIN = "__main__"
_SKIPPED = ("__pycache__",)
_INIT = "__init__.py"
_STOCK = "ultralytics.nn."
_OWN = ("core", "app", "resources", "torch", "torchvision", "ultralytics")


_classes: dict[tuple[str, str], tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file or package as it was read, once: what is shown is what is run.

    Attributes
    ----------
    path : Path
        The file, or the folder of the package; absolute.
    name : str
        The name it is imported by.
    files : mapping of str to bytes
        What is in its files, by their names inside the package; the file alone has its own name.
    sha256 : str
        The hash of the file; for a package, of the names and hashes of all its files.
    """

    path: Path
    name: str
    files: Mapping[str, bytes]
    sha256: str

    @property
    def is_package(self) -> bool:
        """Whether it is a folder."""
        return _INIT in self.files

    def file_of(self, module: str) -> str | None:
        """Return the file of a module by its dotted name; None where there is none."""
        if not self.is_package:
            return next(iter(self.files)) if module == self.name else None
        inside = module.removeprefix(self.name).lstrip(".").replace(".", "/")
        candidates = (f"{inside}.py", f"{inside}/{_INIT}".lstrip("/"))
        return next((name for name in candidates if name in self.files), None)

    def code(self, file: str) -> str:
        """Return the text of a file, as Python reads it.

        Raises
        ------
        UserError
            When it is not text.
        """
        try:
            return importlib.util.decode_source(self.files[file])
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise UserError(
                f"{self.path} contains {file}, which is not Python source text.",
                "Save it in UTF-8.",
            ) from error

    def shown(self) -> str:
        """Return the text of all Python files, to be read before it is run.

        What a terminal or a text field would not show as it is, such as control characters and
        marks that turn the direction of text, is spelt out.
        """
        names = [name for name in self.files if name.endswith(".py")]
        parts = [visible_code(self.code(name)) for name in names]
        if len(names) == 1:
            return parts[0]
        return "\n".join(
            f"# ---- {visible(name)}\n{part}" for name, part in zip(names, parts, strict=True)
        )

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Return the names of classes at the top level of each Python file that defines some."""
        found = {name: self.defined_in(name) for name in self.files if name.endswith(".py")}
        return {name: defined for name, defined in found.items() if defined}

    def files_with(self, name: str) -> list[str]:
        """Return the Python files that define a class at their top level."""
        wanted = name.encode()  # found at once, where a package takes seconds to be parsed
        files = [f for f, data in self.files.items() if f.endswith(".py") and wanted in data]
        return [file for file in files if name in self.defined_in(file)]

    def defined_in(self, file: str) -> tuple[str, ...]:
        """Return the names of classes at the top level of a Python file."""
        key = (self.sha256, file)
        if key not in _classes:
            _classes[key] = _classes_in(self.code(file))
        return _classes[key]

    def module_of(self, file: str) -> str:
        """Return the dotted name of one of its files."""
        if not self.is_package:
            return self.name
        inside = file.removesuffix(".py").removesuffix("__init__").rstrip("/").replace("/", ".")
        return f"{self.name}.{inside}".rstrip(".")


class FromMemory(InspectLoader):
    """Loads a trusted module; what it loaded is no other module of that name."""


def read_source(path: str | Path, name: str | None = None) -> Source:
    """Read a Python file, or a package with all of its files.

    Parameters
    ----------
    path : str or Path
        A ``.py`` file, a package's folder, or its ``__init__.py``.
    name : str, optional
        The name it is imported by; that of the file or folder otherwise.

    Raises
    ------
    UserError
        When it is missing, something else or too large.
    """
    place = Path(path).expanduser()
    try:
        place = place.absolute()
        place = place.parent if place.name == _INIT else place
        if place.is_dir():
            files = _package(place)
        elif place.suffix != ".py" and place.exists():
            raise UserError(f"{place} does not end in .py.", "Choose a Python file or a package.")
        else:
            files = {place.name: _file(place, LARGEST)}
    except FileNotFoundError as error:
        raise UserError(f"{place} does not exist.", "Check the path.") from error
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{place} cannot be read: {reason}.", "Check the path.") from error
    package = place.is_dir()
    name = name or (place.name if package else place.stem)
    return Source(place, name, files, _digest(files) if package else _sha(files[place.name]))


def read_new(path: str | Path, name: str | None = None) -> Source:
    """Read a Python file or package that may become trusted, as `read_source` does.

    Raises
    ------
    UserError
        As `read_source`, and when something else is imported by that name.
    """
    source = read_source(path, name)
    _check_name(source.name, source.path)
    source.shown()
    return source


def _check_name(name: str, place: Path) -> None:
    parts = name.split(".")
    hint = "Give it a name with --as, as the checkpoint spells it: my_modules, for example."
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise UserError(f"{name[:80]!r} is not the name of a Python module.", hint)
    if name == MAIN or name.startswith(_STOCK):
        return
    if parts[0] in (*_OWN, *sys.stdlib_module_names) or _is_other(parts[0], place):
        raise UserError(f"{parts[0]} is the name of another module.", hint)


def _is_other(top: str, place: Path) -> bool:
    """Return whether Python imports something else than this file or package by a name."""
    spec = getattr(sys.modules.get(top), "__spec__", None)
    if spec is None or isinstance(spec.loader, FromMemory):
        spec = PathFinder.find_spec(top)
    places = [Path(found).absolute() for found in _places(spec)]
    return bool(places) and not any(
        place == found or place.is_relative_to(found) for found in places
    )


def _places(spec: ModuleSpec | None) -> Iterable[str]:
    if spec is None:
        return ()
    folders = list(spec.submodule_search_locations or ())
    # Packages that trusted modules import are served from memory, and have no folders.
    origin = spec.origin or ""
    return folders or [str(Path(origin).parent) if origin.endswith(_INIT) else origin]


def _package(folder: Path) -> dict[str, bytes]:
    if not (folder / _INIT).is_file():
        raise UserError(
            f"{folder} is a folder without {_INIT}, not a package.", "Choose a .py file in it."
        )
    files: dict[str, bytes] = {}
    left = LARGEST
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            inside = (Path(where) / name).relative_to(folder).as_posix()
            files[inside] = _file(Path(where) / name, left)
            left -= len(files[inside])
            if len(files) > MOST_FILES:
                raise UserError(
                    f"{folder} contains more than {MOST_FILES} files.",
                    "Trust a smaller package, or single files of it.",
                )
    return dict(sorted(files.items()))


def _file(path: Path, most: int) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} is not a regular file.", "Choose a .py file or a package.")
    if status.st_size > most:
        raise UserError(
            f"{path} is too large to be reviewed: more than {LARGEST >> 20} MB.",
            "Trust the file that defines the classes, without data.",
        )
    with path.open("rb") as stream:
        return stream.read(most + 1)[:most]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{_sha(data)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _classes_in(code: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: dict[str, None] = {}
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = None
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                pending += getattr(statement, field, [])
            for handler in getattr(statement, "handlers", []):
                pending += handler.body
    return tuple(found)
