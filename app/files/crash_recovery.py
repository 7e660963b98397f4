"""Unsaved work is written next to the settings now and then, and offered after a crash."""

from __future__ import annotations

import contextlib
import time
import uuid
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.context import Context
from app.files.documents import Documents
from app.state.project_state import to_project
from core.errors import UserError
from core.system.locks import Lock, is_taken, take
from core.system.paths import data_folder

DELAY_MS = 1500
SUFFIX = ".secateur"


def folder() -> Path:
    """Return where work is kept for recovery."""
    return data_folder() / "recovery"


class CrashRecovery(QObject):
    """Keeps one file up to date while there is unsaved work; a clean end removes it.

    A lock that dies with the process tells work that was left behind from another window's.
    """

    def __init__(self, context: Context, documents: Documents, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._documents = context.session, documents
        self._background = context.background
        self.path = folder() / f"{uuid.uuid4().hex}{SUFFIX}"
        self._lock: Lock | None = None
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self.write)
        self._session.titleChanged.connect(self._changed)
        self._session.planChanged.connect(self._changed)

    def _changed(self) -> None:
        if self._session.dirty:
            self._timer.start()
        else:
            self._timer.stop()
            self.discard()

    def write(self) -> None:
        """Write the work now; what cannot be written is tried again with the next edit."""
        if not self._session.dirty:
            return
        from core.project import write_project

        with contextlib.suppress(OSError, UserError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = take(self.path.with_suffix(".lock"))
            write_project(self.path, to_project(self._session, self.path))

    def discard(self) -> None:
        """Remove the file: there is nothing to recover."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self.path.with_suffix(".lock").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def close(self) -> None:
        """End cleanly."""
        self._timer.stop()
        self.discard()

    # ---- after a crash ------------------------------------------------------------------------

    def left_behind(self) -> list[Path]:
        """Return work of processes that are no more, newest first."""
        found = []
        for path in folder().glob(f"*{SUFFIX}") if folder().is_dir() else ():
            if path != self.path and not is_taken(path.with_suffix(".lock")):
                found.append(path)
        return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)

    def offer(self) -> None:
        """Ask what to do with work that was left behind."""
        found = self.left_behind()
        if not found:
            return
        newest = found[0]
        self._background.read(
            str(newest),
            lambda: _about(newest),
            lambda about: self._ask(found, about),
            lambda error: self._ask(found, "Last changed"),
        )

    def _ask(self, found: list[Path], about: str) -> None:
        newest = found[0]
        if not newest.exists():
            return
        when = time.strftime("%d %B, %H:%M", time.localtime(newest.stat().st_mtime))
        self._session.say(
            "Secateur did not close properly. Your unsaved plan was kept.",
            f"{about} {when}.",
            "warning",
            actions=(
                ("Restore", lambda: self._restore(newest)),
                ("Discard", lambda: _remove(found)),
            ),
            key="recovery",
        )

    def _restore(self, path: Path) -> None:
        self._documents.open_project(str(path), recovered=True)
        _remove([path])


def _about(path: Path) -> str:
    from core.project import read_project

    with contextlib.suppress(UserError):
        project = read_project(path)
        if project.model is not None:
            return f"{Path(project.model.path).name}, last changed"
    return "Last changed"


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
