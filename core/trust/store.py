"""The list of trusted modules: in the user's own settings, each pinned by the hash of its content.

Only the user adds to it. A checkpoint, a description or a project never does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from core.errors import UserError, reason_of
from core.system.budget import SETTINGS, parse_json, read_text
from core.system.escape import shell_command
from core.system.files import unwritable, write_json
from core.system.records import UNFIT
from core.trust.source import Source, read_source

VERSION = 1


@dataclass(frozen=True, slots=True)
class Trusted:
    """A module that the user agreed to run.

    Attributes
    ----------
    name : str
        The name it is imported by.
    path : str
        The file, or the folder of the package.
    sha256 : str
        The hash of what was agreed to.
    """

    name: str
    path: str
    sha256: str

    def covers(self, module: str) -> bool:
        """Return whether a dotted name is that of the module, or of a part of the package."""
        return module == self.name or module.startswith(f"{self.name}.")


class ChangedError(UserError):
    """A trusted module is no longer what was agreed to.

    Parameters
    ----------
    message, hint : str
    path : str
        The module.
    name : str
        The name it is imported by.
    """

    def __init__(self, message: str, hint: str, path: str, name: str) -> None:
        super().__init__(message, hint)
        self.path, self.name = path, name


def store_file() -> Path:
    """Return where the list is."""
    return Path(platformdirs.user_config_dir("secateur")) / "trusted-modules.json"


def trusted() -> tuple[Trusted, ...]:
    """Return what is trusted, by name.

    Raises
    ------
    UserError
        When the list is damaged, or others can change it.
    """
    path = store_file()
    hint = "Delete it, and trust your modules again."
    try:
        status = path.stat()
        text = read_text(path, SETTINGS)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is not text"
        raise UserError(
            f"The list of trusted modules {path} cannot be read: {reason}.", hint
        ) from error
    if os.name == "posix" and (status.st_mode & 0o022 or status.st_uid != os.getuid()):
        raise UserError(f"The list of trusted modules {path} can be changed by others.", hint)
    try:
        data = parse_json(text, SETTINGS, path)
        if data["version"] != VERSION:
            raise ValueError(data["version"])
        found = [_entry(item) for item in data["modules"]]
    except UNFIT as error:
        raise UserError(f"The list of trusted modules {path} is damaged.", hint) from error
    return tuple(sorted(found, key=lambda entry: (entry.name, entry.path)))


def _entry(item: Mapping[str, Any]) -> Trusted:
    entry = Trusted(**item)
    if not all(isinstance(value, str) for value in asdict(entry).values()):
        raise TypeError("not text")
    return entry


def agreed() -> tuple[Trusted, ...]:
    """Return what is trusted, for opening files: nothing where the list cannot be used."""
    try:
        return trusted()
    except UserError:
        return ()


def state_of(source: Source) -> str:
    """Return ``trusted``, ``changed`` since it was trusted, or ``new``."""
    same = [e for e in agreed() if (e.path, e.name) == (str(source.path), source.name)]
    if not same:
        return "new"
    return "trusted" if same[0].sha256 == source.sha256 else "changed"


def add(source: Source) -> Trusted:
    """Trust a module as it was read and shown, instead of what was trusted of it before.

    Raises
    ------
    UserError
        When another one is trusted by its name, or the list cannot be written.
    """
    known = trusted()
    entry = Trusted(source.name, str(source.path), source.sha256)
    others = [e for e in known if (e.path, e.name) != (entry.path, entry.name)]
    taken = [e for e in others if e.name == entry.name]
    # Several files may add classes to a module of Ultralytics, or come from several scripts.
    if taken and not shares_name(entry.name):
        raise UserError(
            f"Another module is trusted as {entry.name}: {taken[0].path}.",
            f"Remove it with `{shell_command('secateur', 'trust', 'remove', entry.name)}`, or "
            "choose a name with --as.",
        )
    _write((*others, entry))
    return entry


def remove(what: str) -> tuple[Trusted, ...]:
    """Trust a module no longer, by its name or its file; returns what was removed.

    Raises
    ------
    UserError
        When none is trusted by that name.
    """
    known = trusted()
    place = str(Path(what).expanduser().absolute())
    gone = tuple(e for e in known if what == e.name or place == e.path)
    if not gone:
        names = ", ".join(dict.fromkeys(e.name for e in known)) or "none"
        raise UserError(f"No module {what} is trusted.", f"Trusted modules: {names}.")
    _write(tuple(e for e in known if e not in gone))
    return gone


def _write(entries: tuple[Trusted, ...]) -> None:
    path = store_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    data = {"version": VERSION, "modules": [asdict(entry) for entry in entries]}
    write_json(path, data, private=True)


def shares_name(name: str) -> bool:
    """Return whether a name is that of a module which exists without the user's files."""
    return name == "__main__" or name.startswith("ultralytics.")


def verified(entry: Trusted) -> Source:
    """Read a trusted module, if it still is what was agreed to.

    Raises
    ------
    ChangedError
        When it is missing, or its content has changed.
    """
    again = f"trust it again with `{command_for(entry)}`."
    try:
        source = read_source(entry.path, entry.name)
    except UserError as error:
        raise ChangedError(
            f"The trusted module {entry.name} cannot be used: {error.message}",
            f"Put it back, or {again}",
            entry.path,
            entry.name,
        ) from error
    if source.sha256 != entry.sha256:
        raise ChangedError(
            f"{entry.path} has changed since it was trusted, so it was not run.",
            f"Look at it, then {again}",
            entry.path,
            entry.name,
        )
    return source


def command_for(entry: Trusted) -> str:
    """Return the command that trusts a module as it is now."""
    place = Path(entry.path)
    named = () if entry.name in (place.stem, place.name) else ("--as", entry.name)
    return shell_command("secateur", "trust", "add", place, *named)


def still_holds(needed: Mapping[str, Any]) -> bool:
    """Return whether a module that a network needs is trusted and unchanged.

    Parameters
    ----------
    needed : mapping
        ``name``, ``file`` and ``sha256``, as facts of a model file have them.
    """
    wanted = (needed.get("name"), needed.get("file"), needed.get("sha256"))
    for entry in agreed():
        if (entry.name, entry.path, entry.sha256) == wanted:
            try:
                return bool(verified(entry))
            except UserError:
                return False
    return False


def digest() -> str:
    """Return what tells apart what was made with other modules; empty where none is trusted."""
    entries = agreed()
    if not entries:
        return ""
    text = json.dumps([[entry.name, entry.sha256] for entry in entries])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
