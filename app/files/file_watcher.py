"""Watches the open model's file: it may be moved, deleted or replaced behind our back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer

from app.context import Context
from core.system.files import sha256_of

SETTLE_MS = 300
"""Programs save by rename: a file that is gone for a moment is not gone."""


class ModelWatcher(QObject):
    """Reports when the file is not what was opened any more.

    Parameters
    ----------
    reopen : callable
        Opens a path.
    locate : callable
        Asks the user where the file is now.
    """

    def __init__(
        self,
        context: Context,
        reopen: Callable[[str], None],
        locate: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session, self._background = context.session, context.background
        self._reopen, self._locate = reopen, locate
        self._path = ""
        self._watcher = QFileSystemWatcher(self)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._watcher.fileChanged.connect(lambda _: self._settle.start())
        self._watcher.directoryChanged.connect(self._folder_changed)
        self._settle.timeout.connect(self._look)

    def watch(self, path: str) -> None:
        """Watch another file, or none."""
        self._settle.stop()
        old = [*self._watcher.files(), *self._watcher.directories()]
        if old:
            self._watcher.removePaths(old)
        self._path = path
        if path and Path(path).is_file():
            self._watcher.addPaths([path, str(Path(path).absolute().parent)])

    def moved_to(self, path: str) -> None:
        """Take a file the user named for the open model, if it is the same."""
        known = self._session.model

        def done(sha256: str) -> None:
            if known is not None and sha256 == known.facts.sha256:
                self._session.move_model(path)
                self.watch(path)
                self._session.say(f"Found: {path}", kind="success", key="model file")
            else:
                self._session.say(
                    f"{Path(path).name} is not the open model.",
                    "Open it instead, or locate another file.",
                    "warning",
                    actions=(("Open", lambda: self._reopen(path)),),
                    key="model file",
                )

        self._background.run("hash", lambda: sha256_of(Path(path)), done, self._unreadable)

    def _unreadable(self, error: Exception) -> None:
        self._session.say(f"The model file cannot be read: {error}", kind="error")

    def _folder_changed(self) -> None:
        if Path(self._path).is_file() and self._path not in self._watcher.files():
            self._watcher.addPath(self._path)
            self._settle.start()

    def _look(self) -> None:
        model = self._session.model
        if model is None or model.path != self._path:
            return
        path = Path(self._path)
        if not path.is_file():
            self._session.say(
                f"{path.name} was moved or deleted.",
                "Your plan is safe. Restore the file or locate it before you prune.",
                "warning",
                actions=(("Locate…", self._locate),),
                key="model file",
            )
            return
        if self._path not in self._watcher.files():
            self._watcher.addPath(self._path)
        self._background.run("hash", lambda: sha256_of(path), self._compare, lambda error: None)

    def _compare(self, sha256: str) -> None:
        model = self._session.model
        if model is None or model.path != self._path or model.facts.sha256 == sha256:
            return
        if Path(self._path).suffix.lower() != ".pt":
            return  # a description's hash holds its scale too; the engine compares that one
        path = self._path
        self._session.say(
            f"{Path(path).name} was replaced by another file.",
            "The window still shows the previous model. Save the plan if you need it.",
            "warning",
            actions=(("Open new file", lambda: self._reopen(path)),),
            key="model file",
        )
