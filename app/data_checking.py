"""A dataset that was dropped or chosen: taken over if it fits, and checked in any case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.choosing import Choosing
from app.context import Context
from app.jobs.manager import JobManager
from app.jobs.protocol import Failure
from core.errors import UserError

JOB = "check_data"
Found = Callable[[dict[str, Any]], None]


class DataChecking(QObject):
    """The window's side of the job ``check_data``.

    Signals
    -------
    failed(Failure)
    shown()
        The panel that shows what was found shall come to the front.
    """

    failed = Signal(object)
    shown = Signal()

    def __init__(self, context: Context, choosing: Choosing, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._jobs, self._settings = context.session, context.jobs, context.settings
        self._measured = context.session.measured
        self._choosing, self._window = choosing, window

    def choose_folder(self) -> None:
        """Ask for the folder of a dataset."""
        start = self._settings.folder()
        path = QFileDialog.getExistingDirectory(self._window, "Which folder of images?", start)
        if path:
            self._settings.set_folder(str(Path(path).parent))
            self.look(path)

    def drop(self, path: str) -> None:
        """Take what was dropped on the window, and show what is in it."""
        if self.look(path):
            self.shown.emit()

    def look(self, path: str) -> bool:
        """Take a dataset over if it fits the model, and check it; False where there is none."""
        from core.data.source import find_description

        model = self._session.model
        try:
            place = find_description(Path(path).absolute())
        except UserError as error:
            self._session.say(error.message, error.hint, "error", key="data")
            return False
        self._choosing.set_data(str(place))
        if model is not None:
            self._check(str(place), model.path)
        return model is not None

    def check(self) -> None:
        """Check the dataset in use against the open model."""
        data, model = self._measured.data, self._session.model
        if data is not None and model is not None:
            self._check(data.path, model.path)

    def _check(self, path: str, network: str) -> None:
        for record in self._jobs.running(JOB):
            self._jobs.cancel(record.number)

        def done(result: dict[str, Any]) -> None:
            self._take(path, {**result, "network": network})

        submit_check(self._jobs, path, network, done, self.failed.emit)

    def _take(self, path: str, result: dict[str, Any]) -> None:
        """Show what was found; what is not in use is shown as refused."""
        data, model = self._measured.data, self._session.model
        if model is None or model.path != result["network"]:
            return
        if data is not None and data.path == path:
            self._measured.set_check(result)
        else:
            self._measured.set_refused(result)
        self._say(result)

    def _say(self, result: Mapping[str, Any]) -> None:
        name, problems = Path(result["path"]).name, result["problems"]
        show = (("Show", self.shown.emit),)
        errors = [p for p in problems if p["severity"] == "error"]
        if errors:
            more = f" And {len(problems) - 1} more; see Data." if len(problems) > 1 else ""
            text = f"{name} cannot be used: {errors[0]['message']}"
            self._session.say(text, errors[0]["hint"] + more, "error", actions=show, key="data")
        elif problems:
            more = f" And {len(problems) - 1} more; see Data." if len(problems) > 1 else ""
            text = f"{name} can be used. {problems[0]['message']}{more}"
            self._session.say(text, problems[0]["hint"], "warning", actions=show, key="data")


def submit_check(
    jobs: JobManager,
    path: str,
    network: str,
    done: Found,
    failed: Callable[[Failure], object],
) -> None:
    """Check a dataset against a network, in the engine."""
    jobs.submit(
        JOB,
        f"Check {Path(path).name}",
        {"path": network, "data": path},
        done=done,
        failed=failed,
    )
