"""What is remembered between starts: window layout, recent files, appearance."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

RECENT = 8
APPEARANCES = ("system", "light", "dark")


def config_folder() -> Path:
    """Return where settings are kept."""
    return Path(platformdirs.user_config_dir("secateur"))


class Settings:
    """One INI file in the user's configuration folder."""

    def __init__(self) -> None:
        path = config_folder() / "window.ini"
        self._store = QSettings(str(path), QSettings.Format.IniFormat)

    def recent(self) -> list[str]:
        """Return files opened lately, newest first."""
        value = self._store.value("recent", [])
        if isinstance(value, str):  # one alone is stored without a list
            value = [value]
        entries = value if isinstance(value, list) else []
        return [str(entry) for entry in entries][:RECENT]

    def add_recent(self, path: str) -> None:
        """Put a file at the top of the recent ones."""
        others = [entry for entry in self.recent() if entry != path]
        self._store.setValue("recent", [path, *others][:RECENT])

    def forget_recent(self, path: str | None = None) -> None:
        """Take one file, or all, from the recent ones."""
        kept = [entry for entry in self.recent() if path is not None and entry != path]
        self._store.setValue("recent", kept)

    def appearance(self) -> str:
        """Return ``system``, ``light`` or ``dark``."""
        value = str(self._store.value("appearance", "system"))
        return value if value in APPEARANCES else "system"

    def set_appearance(self, value: str) -> None:
        """Remember the appearance."""
        self._store.setValue("appearance", value)

    def layout(self) -> tuple[QByteArray, QByteArray]:
        """Return the window's geometry and dock state, empty when there are none."""
        geometry = self._store.value("geometry", QByteArray())
        state = self._store.value("state", QByteArray())
        return (
            geometry if isinstance(geometry, QByteArray) else QByteArray(),
            state if isinstance(state, QByteArray) else QByteArray(),
        )

    def set_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Remember the window's geometry and its layout."""
        self._store.setValue("geometry", geometry)
        self._store.setValue("state", state)

    def tour_seen(self) -> bool:
        """Whether the tour was shown, or skipped."""
        return str(self._store.value("tour", "")) == "seen"

    def set_tour_seen(self) -> None:
        """Remember that the tour was shown."""
        self._store.setValue("tour", "seen")

    def notifications(self) -> bool:
        """Whether the desktop says that something long has ended."""
        return str(self._store.value("notifications", "on")) != "off"

    def set_notifications(self, on: bool) -> None:
        """Remember whether the desktop says that something long has ended."""
        self._store.setValue("notifications", "on" if on else "off")

    def device(self) -> str:
        """Return the device that a new dataset is looked at on; empty for the fastest."""
        return str(self._store.value("device", ""))

    def set_device(self, device: str) -> None:
        """Remember a device."""
        self._store.setValue("device", device)

    def folder(self) -> str:
        """Return the folder last used in a file dialog."""
        return str(self._store.value("folder", str(Path.home())))

    def set_folder(self, folder: str) -> None:
        """Remember a folder."""
        self._store.setValue("folder", folder)

    def save(self) -> None:
        """Write the file now."""
        self._store.sync()
