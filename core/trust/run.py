"""Runs trusted modules, in the process of the engine or the command line; never in the window's.

What is run is the text that was hashed, not what is on disk a moment later: modules come from
memory, and of a package only the files that belong to it. They run when a network that is opened
asks for one of their classes, not before.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import CancelledError, UserError
from core.system.visible import visible
from core.trust.source import MAIN, FromMemory, Source
from core.trust.store import Trusted, agreed, shares_name, verified

_SPAWNED = "__mp_main__"
"""What a script is called while it is run for its classes alone: its ``__main__`` part is not."""
_SOURCES: dict[str, Source] = {}
_OVERLAYS: dict[tuple[str, str, str, str], ModuleType] = {}
"""What runs in this process: importable modules by name; ones under the name of a module that
exists without them by entry, path, hash and name."""
_ENTRIES: dict[int, Trusted] = {}
"""Which trusted module a module object in this process comes from, by its `id`; none is let go."""
_KEPT: list[ModuleType] = []


def module_of(entry: Trusted, name: str) -> ModuleType:
    """Return a trusted module, run if it was not yet.

    Parameters
    ----------
    entry : Trusted
    name : str
        The name of the module, of a part of the package, or of a module of Ultralytics that a
        class of this file was defined in.

    Raises
    ------
    UserError
        When it has changed since it was trusted, or does not run.
    """
    source = verified(entry)
    if shares_name(name):
        return _overlay(entry, source, name)
    running = _SOURCES.get(entry.name)
    if running is None or (running.path, running.sha256) != (source.path, source.sha256):
        _forget(entry.name)
        if entry.name in sys.modules:
            raise UserError(
                f"A module {entry.name} was imported before the trusted one could be.",
                "Trust it under another name, or restart Secateur.",
            )
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    if name in sys.modules and entry.name in _SOURCES:
        return sys.modules[name]
    try:
        with _running(source):
            return importlib.import_module(name)
    except BaseException:
        _forget(entry.name)
        raise


def _forget(name: str) -> None:
    """Take a module and its parts out of what is imported, to be run again when it is asked for."""
    if _SOURCES.pop(name, None) is not None:
        for known in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[known]


def _overlay(entry: Trusted, source: Source, name: str) -> ModuleType:
    """Run a file as if it were the module of that name, which stays as it is."""
    key = (entry.name, entry.path, source.sha256, name)
    if key not in _OVERLAYS:
        file = source.file_of(source.name)
        if file is None:
            raise UserError(f"{entry.path} has no module {name}.", "Trust the file that has it.")
        module = ModuleType(_SPAWNED if name == MAIN else name)
        module.__file__ = str(_place(source, file))
        package = getattr(sys.modules.get(name), "__package__", None)
        module.__package__ = "" if name == MAIN else package or name.rpartition(".")[0]
        with _running(source), importable({name: module} if name not in sys.modules else {}):
            _execute(source, file, module)
        if name == MAIN:
            for kind in [each for each in vars(module).values() if isinstance(each, type)]:
                if kind.__module__ == _SPAWNED:
                    kind.__module__ = MAIN
        _keep(entry, module)
        _OVERLAYS[key] = module
    return _OVERLAYS[key]


@contextlib.contextmanager
def importable(modules: Mapping[str, ModuleType]) -> Iterator[None]:
    """Let modules be imported by these names meanwhile."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, known in before.items():
            if known is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = known


def _execute(source: Source, file: str, module: ModuleType) -> None:
    code = compile(source.code(file), str(_place(source, file)), "exec", dont_inherit=True)
    exec(code, vars(module))


def _keep(entry: Trusted, module: ModuleType) -> None:
    _ENTRIES[id(module)] = entry
    _KEPT.append(module)


def _place(source: Source, file: str) -> Path:
    return source.path / file if source.is_package else source.path


@contextlib.contextmanager
def _running(source: Source) -> Iterator[None]:
    """Say in one line why a module does not run, whatever it raises.

    Modules of the current folder are not importable meanwhile: nobody agreed to those.
    """
    before = list(sys.path)
    allowed = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    here = str(Path.cwd())
    sys.path[:] = [p for p in before if p not in ("", here) or (p and p in allowed)]
    try:
        yield
    except (UserError, CancelledError):
        raise
    except ModuleNotFoundError as error:
        missing = visible(str(error.name or error))[:80]
        raise UserError(
            f"{source.path} imports {missing}, which is not installed.",
            "Install it where Secateur runs. If it is a file of yours, trust it, too.",
        ) from error
    except SyntaxError as error:
        raise UserError(
            f"{source.path} is not valid Python (line {error.lineno or 0}).", "Correct it."
        ) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and _is_main_thread():
            raise
        said = " ".join(visible(str(error)).split())[:200]
        raise UserError(
            f"{source.path} failed when it was imported ({type(error).__name__}: {said}).",
            "Correct it so that it can be imported on its own.",
        ) from error
    finally:
        sys.path[:] = before


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class _Loader(FromMemory):
    """Runs one file of a source, from memory."""

    def __init__(self, entry: Trusted, source: Source, file: str | None) -> None:
        self._entry, self._source, self._file = entry, source, file

    def exec_module(self, module: ModuleType) -> None:
        """Run the file; a folder without ``__init__.py`` has nothing to run."""
        if self._file is not None:
            _keep(self._entry, module)
            _execute(self._source, self._file, module)

    def get_source(self, fullname: str) -> str | None:
        """Return the text of the file."""
        return None if self._file is None else self._source.code(self._file)

    def get_data(self, path: str) -> bytes:
        """Return what is in a file of the package, as it was hashed."""
        try:
            inside = Path(path).relative_to(self._source.path).as_posix()
            return self._source.files[inside]
        except (ValueError, KeyError) as error:
            raise OSError(f"no such file in the trusted package: {path}") from error


def _empty_package(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Return a package of nothing, unless there is one: what lies in it is trusted alone."""
    if importlib.machinery.PathFinder.find_spec(name, path) is not None:
        return None
    return ModuleSpec(name, None, is_package=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds trusted modules before any others, and their parts nowhere else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        """Return how to load a trusted module; None for all others."""
        known = [e for e in agreed() if not shares_name(e.name)]
        entry = next((e for e in known if e.covers(fullname)), None)
        if entry is None:
            above = any(e.name.startswith(f"{fullname}.") for e in known)
            return _empty_package(fullname, path) if above else None
        source = _SOURCES.get(entry.name)
        if source is None:
            source = _SOURCES[entry.name] = verified(entry)
        file = source.file_of(fullname)
        inside = fullname.removeprefix(entry.name).lstrip(".").replace(".", "/")
        package = source.is_package and (file is None or file.endswith("__init__.py"))
        if file is None and not any(f.startswith(f"{inside}/") for f in source.files):
            return None
        spec = importlib.util.spec_from_loader(
            fullname, _Loader(entry, source, file), is_package=package
        )
        if spec is not None:
            spec.origin = str(_place(source, file or inside))
            spec.has_location = True
            if package:  # its parts are found here, not in the folder
                spec.submodule_search_locations = []
        return spec


def home_of(kind: type) -> ModuleType | None:
    """Return the module object that a trusted class is defined in; None for any other class."""
    for module in reversed(_KEPT):
        if class_in(module, kind.__qualname__) is kind:
            return module
    return None


def owner_of(kind: type) -> Trusted | None:
    """Return the trusted module that defines a class; None for any other class."""
    home = home_of(kind)
    return None if home is None else _ENTRIES[id(home)]


def class_in(module: ModuleType, name: str) -> type | None:
    """Return the class of a qualified name that a module itself defines, or None."""
    found: object = module
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, type | ModuleType) else None
    own = MAIN if module.__name__ == _SPAWNED else module.__name__
    if isinstance(found, type) and (found.__module__, found.__qualname__) == (own, name):
        return found
    return None


def raised_by_trusted(error: BaseException) -> bool:
    """Return whether the code of a trusted module raised an error."""
    frames = list(traceback.walk_tb(error.__traceback__))
    files = {getattr(module, "__file__", None) for module in _KEPT}
    return bool(frames) and frames[-1][0].f_code.co_filename in files
