"""Asks about modules, and lets the engine read, list and forget them. Runs nothing of them here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.kit.dialogs import show_dialog
from app.trust.list_dialog import ListDialog
from app.trust.review_dialog import ReviewDialog

FILES = "Python files (*.py)"


class TrustController(QObject):
    """From a network that needs a module to the user's answer, and back."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._settings, self._window, self._jobs = context.settings, window, context.jobs

    def ask(self, wanted: Mapping[str, Any]) -> None:
        """Show the module that a network needs, and ask whether to trust it.

        Parameters
        ----------
        wanted : mapping
            ``file`` and ``name`` of the module where they are known, ``names`` of classes that are
            needed, what to ``open`` once it is trusted, and the folder of a job to ``resume``;
            each may be missing.
        """
        file = str(wanted.get("file") or "") or self._choose(list(wanted.get("names") or ()))
        if not file:
            return

        def review(found: dict[str, Any]) -> None:
            dialog = ReviewDialog(found, self._window)
            dialog.accepted.connect(lambda: self._trust(found, wanted))
            show_dialog(dialog)

        arguments = {**wanted, "file": file}
        self._engine.submit("review_module", f"Read {Path(file).name}", arguments, done=review)

    def _choose(self, names: list[str]) -> str:
        shown = ", ".join(name.rpartition(".")[2] for name in names[:3])
        title = f"Python file that defines {shown}" if shown else "Python file"
        title += ", or a package's __init__.py"
        file, _ = QFileDialog.getOpenFileName(self._window, title, self._settings.folder(), FILES)
        return file

    def _trust(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        def done(result: dict[str, Any]) -> None:
            self._session.say(
                f"{Path(result['file']).name} is trusted until its content changes.",
                "File › Trusted modules lists what is trusted.",
                "success",
                key="failed open",
            )
            if path := str(wanted.get("open") or ""):
                self._session.requests.openWanted.emit(path)
            if folder := str(wanted.get("resume") or ""):
                self._jobs.resume(folder)

        arguments = {key: found[key] for key in ("file", "name", "sha256")}
        title = f"Trust {Path(str(found['file'])).name}"
        self._engine.submit("trust_module", title, arguments, done=done)

    def show_list(self) -> None:
        """List the trusted modules."""

        def shown(result: dict[str, Any]) -> None:
            dialog = ListDialog(result["modules"], self._window)
            dialog.addWanted.connect(lambda: self.ask({}))
            dialog.lookWanted.connect(self.ask)
            dialog.removeWanted.connect(self._remove)
            show_dialog(dialog)

        self._engine.submit("trusted_modules", "List the trusted modules", {}, done=shown)

    def _remove(self, file: str) -> None:
        def done(_result: dict[str, Any]) -> None:
            self._session.say(f"{Path(file).name} is no longer trusted.")

        self._engine.submit("remove_module", f"Remove {Path(file).name}", {"file": file}, done=done)
