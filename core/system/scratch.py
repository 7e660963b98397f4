"""Temporary folders that do not outlive their process: what a kill left is swept by the next one.

Each is the user's alone, holds a lock for its process's life, and has a folder inside for the work.
A folder is swept where that lock is free; one without a lock of ours is nobody's to remove.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
from pathlib import Path
from types import TracebackType

from core.errors import UserError, reason_of
from core.system.files import remove_parts, unwritable
from core.system.locks import Lock, take

_NAMES = re.compile(r"\.?secateur-[a-z-]+-[a-z0-9_]{8}")
LOCK, _WORK, _OLD, _PLACE = "lock", "work", "old", "place"
_TRIES = 10


class Scratch:
    """A temporary folder of this process.

    Used as a context it gives its path as text, as ``tempfile.TemporaryDirectory`` does.

    Parameters
    ----------
    kind : str
        What it is for: lower-case letters and hyphens, part of its name.
    parent : Path, optional
        Where it should be, hidden; among the system's temporary files by default.

    Attributes
    ----------
    path : Path
        The folder for the work.

    Raises
    ------
    OSError
        When it cannot be made.
    """

    def __init__(self, kind: str, parent: Path | None = None) -> None:
        self._prefix = f"{'' if parent is None else '.'}secateur-{kind}-"
        self._folder, self._lock = self._make(parent)
        sweep(self._folder.parent)
        self.path = self._folder / _WORK
        self.path.mkdir(mode=0o700)
        self.cleanup = weakref.finalize(self, _remove, self._folder, self._lock, os.getpid())

    def _make(self, place: Path | None) -> tuple[Path, Lock]:
        for _ in range(_TRIES):
            folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=place))
            with contextlib.suppress(FileNotFoundError):  # swept while it was empty
                lock = take(folder / LOCK)
                if lock is not None:
                    return folder, lock
        raise OSError("new folders vanish there")

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()

    def keep(self) -> None:
        """Leave the folder to the user, for good."""
        self.cleanup.detach()
        with contextlib.suppress(OSError):
            (self._folder / LOCK).unlink()
        self._lock.close()


def _remove(folder: Path, lock: Lock, owner: int) -> None:
    if os.getpid() != owner:  # a fork's copy
        return
    with lock:
        _clear(folder)
    _clear_rest(folder)


def sweep(place: Path) -> None:
    """Remove the temporary folders of ours in a folder whose processes are no more."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(place)):
            if _NAMES.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _sweep_one(Path(entry.path))


def sweep_beneath(place: Path) -> None:
    """Remove all that killed processes left in a folder of ours and the folders beneath it."""
    for name, _, _ in os.walk(place):
        sweep(Path(name))
        remove_parts(Path(name))


def _sweep_one(folder: Path) -> None:
    if sys.platform != "win32" and folder.lstat().st_uid != os.getuid():
        return
    if not (folder / LOCK).exists():
        folder.rmdir()  # cut off before it had its lock; fails where anything is in it
        return
    if not stat.S_ISREG((folder / LOCK).lstat().st_mode):
        return
    lock = take(folder / LOCK, 0.0)
    if lock is None:
        return
    with lock:
        if not lock.sure or lock.fresh:
            return
        _clear(folder)
    _clear_rest(folder)


def _clear(folder: Path) -> None:
    """Remove a folder whose lock is held; what it stood in for is put back first."""
    with contextlib.suppress(OSError, ValueError):
        target = folder.parent / (folder / _PLACE).read_text(encoding="utf-8")
        if target.parent == folder.parent and not os.path.lexists(target):
            (folder / _OLD).rename(target)
    for name in (_WORK, _OLD):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _clear_rest(folder: Path) -> None:
    """Remove the lock's file where the system does not let go of an open one."""
    if sys.platform == "win32":
        shutil.rmtree(folder, ignore_errors=True)


def put_folder(made: Path, target: Path) -> None:
    """Copy a folder to its place so that it is whole or absent, also after a kill.

    A folder that was there is replaced; where that is cut off, the next use puts it back.

    Raises
    ------
    UserError
        When it cannot be written; what was there stays.
    """
    try:
        scratch = Scratch("put", target.absolute().parent)
        try:
            fresh, folder = scratch.path / "new", scratch.path.parent
            shutil.copytree(made, fresh)
            (folder / _PLACE).write_text(target.name, encoding="utf-8")
            if target.exists():
                target.rename(folder / _OLD)
            fresh.rename(target)
        finally:
            scratch.cleanup()
    except OSError as error:
        raise unwritable(target, error) from error


_kept: list[Scratch] = []


def own_folder() -> Path:
    """Return a new temporary folder that lasts as long as this process.

    Raises
    ------
    UserError
        When it cannot be made.
    """
    try:
        _kept.append(Scratch("own"))
    except OSError as error:
        raise UserError(
            f"Could not write temporary files: {reason_of(error)}.", "Free disk space."
        ) from error
    return _kept[-1].path
