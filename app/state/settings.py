"""What is remembered between starts: window layout, recent files, appearance.

A JSON file of texts, each checked where it is read. `QSettings` would not do: it makes objects of
what stands in its file, those of Python by ``pickle``.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QByteArray

from core.errors import UserError
from core.system.budget import SETTINGS, read_json

RECENT = 8
APPEARANCES = ("system", "light", "dark")
VERSION = 1
_OLD = ("appearance", "tour", "notifications", "device", "folder", "recent")
"""What is taken from the file of version 0.1, once, where it is plain text."""


def config_folder() -> Path:
    """Return where settings are kept."""
    return Path(platformdirs.user_config_dir("secateur"))


class Settings:
    """One file in the user's configuration folder; what is damaged in it counts as not set."""

    def __init__(self) -> None:
        self._path = config_folder() / "window.json"
        self._held = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            data = read_json(self._path, SETTINGS)
        except FileNotFoundError:
            data = _old(config_folder() / "window.ini")
        except (OSError, ValueError):
            return {}
        held = data if isinstance(data, dict) else {}
        return {key: held[key] for key, fits in _FITTING.items() if key in held and fits(held[key])}

    def _set(self, key: str, value: str | list[str]) -> None:
        if self._held.get(key) != value:
            self._held[key] = value
            self.save()

    def recent(self) -> list[str]:
        """Return files opened lately, newest first."""
        return list(self._held.get("recent", ()))[:RECENT]

    def add_recent(self, path: str) -> None:
        """Put a file at the top of the recent ones."""
        others = [entry for entry in self.recent() if entry != path]
        self._set("recent", [path, *others][:RECENT])

    def forget_recent(self, path: str | None = None) -> None:
        """Take one file, or all, from the recent ones."""
        kept = [entry for entry in self.recent() if path is not None and entry != path]
        self._set("recent", kept)

    def appearance(self) -> str:
        """Return ``system``, ``light`` or ``dark``."""
        value = str(self._held.get("appearance", "system"))
        return value if value in APPEARANCES else "system"

    def set_appearance(self, value: str) -> None:
        """Remember the appearance."""
        self._set("appearance", value)

    def layout(self) -> tuple[QByteArray, QByteArray]:
        """Return the window's geometry and dock state, empty when there are none."""
        return self._bytes("geometry"), self._bytes("state")

    def _bytes(self, key: str) -> QByteArray:
        try:
            return QByteArray(base64.b64decode(self._held.get(key, ""), validate=True))
        except (binascii.Error, ValueError):
            return QByteArray()

    def set_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Remember the window's geometry and its layout."""
        for key, value in (("geometry", geometry), ("state", state)):
            self._set(key, base64.b64encode(value.data()).decode("ascii"))

    def tour_seen(self) -> bool:
        """Whether the tour was shown, or skipped."""
        return bool(self._held.get("tour") == "seen")

    def set_tour_seen(self) -> None:
        """Remember that the tour was shown."""
        self._set("tour", "seen")

    def notifications(self) -> bool:
        """Whether the desktop says that something long has ended."""
        return bool(self._held.get("notifications") != "off")

    def set_notifications(self, on: bool) -> None:
        """Remember whether the desktop says that something long has ended."""
        self._set("notifications", "on" if on else "off")

    def device(self) -> str:
        """Return the device that a new dataset is looked at on; empty for the fastest."""
        return str(self._held.get("device", ""))

    def set_device(self, device: str) -> None:
        """Remember a device."""
        self._set("device", device)

    def place(self) -> str:
        """Return where scans run; empty for this computer."""
        return str(self._held.get("place", ""))

    def set_place(self, place: str) -> None:
        """Remember where scans run."""
        self._set("place", place)

    def folder(self) -> str:
        """Return the folder last used in a file dialog; the user's own where none can be it."""
        held = str(self._held.get("folder") or "")
        try:
            Path(held or Path.home()).stat()
        except FileNotFoundError:  # on a drive that is not there now
            return held
        except (OSError, ValueError):
            return str(Path.home())
        return held or str(Path.home())

    def set_folder(self, folder: str) -> None:
        """Remember a folder."""
        self._set("folder", folder)

    def save(self) -> None:
        """Write the file now; one that cannot be written costs only what was to be remembered."""
        from core.system.files import write_json

        with contextlib.suppress(OSError, UserError, ValueError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, {"version": VERSION, **self._held}, private=True)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "recent": _is_list,
    **dict.fromkeys(
        ("appearance", "geometry", "state", "tour", "notifications", "device", "folder", "place"),
        _is_text,
    ),
}


def _old(path: Path) -> dict[str, Any]:
    """Return what a file of version 0.1 holds as plain text; nothing of it is made an object."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        told = dict(parser["General"])
    except (OSError, ValueError, KeyError, configparser.Error):
        return {}
    plain = {k: told[k] for k in _OLD if k in told and not set('@\\"') & set(told[k])}
    recent = [part.strip() for part in plain.pop("recent", "").split(",")]
    return {**plain, "recent": [part for part in recent if part]}
