"""A dataset that was dropped or chosen: taken over if it fits, and checked in any case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.data.check import TASK, submit_check
from app.data.classes_controller import Actions, ClassesController, Offers
from app.state import plan_edits
from core.errors import UserError

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck

DESCRIPTIONS = "Dataset YAML (*.yaml *.yml);;All files (*)"


class DataController(QObject):
    """The window's side of the job ``check_data``.

    Signals
    -------
    shown()
        The panel that shows what was found should be raised.
    """

    shown = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._settings = (
            context.session,
            context.engine,
            context.settings,
        )
        self._measured, self._background = context.session.measured, context.background
        self._window = window
        self._offers: Offers | None = None
        self.classes = ClassesController(context, window, self)
        context.session.modelChanged.connect(self._look_for_data)

    def choose_data(self) -> None:
        """Ask for a dataset YAML."""
        data = self._measured.data
        start = data.path if data is not None else self._settings.folder()
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Choose a dataset YAML", start, DESCRIPTIONS
        )
        if path:
            self._settings.set_folder(str(Path(path).parent))
            self.look(path)

    def set_data(self, path: str, *, same_classes: bool = False) -> None:
        """Look at the images of a dataset, unless it cannot be used for this model.

        ``same_classes`` says whether its classes are the model's, whatever their names.
        """
        from core.data.classes import ClassesDifferError
        from core.data.source import read_source

        session = self._session
        if session.model is None:
            session.say("Open a model before you choose a dataset for it.", kind="warning")
            return
        classes = session.model.facts.classes

        def read() -> None:
            for split in ("train", "val"):
                read_source(path, split, classes, same_classes=same_classes)

        def refused(error: UserError) -> None:
            if not isinstance(error, ClassesDifferError):
                session.say(error.message, error.hint, "error", key="data")
                return
            self._offers = self.classes.offers(str(Path(path).absolute()), error)
            session.say(
                error.message, self._offers.hint, "error", actions=self._offers.actions, key="data"
            )

        self._background.read(path, read, lambda _: self._use(path, same_classes), refused)

    def _use(self, path: str, same_classes: bool) -> None:
        from core.project import DataSetting

        session = self._session
        old = self._measured.data
        name = str(Path(path).absolute())
        new = DataSetting(path=name, device=self._settings.device())
        update = {"path": name, "same_classes": same_classes}
        data = (old or new).model_copy(update=update)
        self._measured.set_data(data)
        if session.plan.criterion == plan_edits.FIRST and not session.plan.selection:
            session.edit(plan_edits.set_criterion(session.plan, plan_edits.BEST_BY_IMAGES))
        session.say(
            f"Secateur now uses {Path(path).name}.",
            "Ranking uses its train split; accuracy is measured on its val split.",
            key="data",
        )

    def _look_for_data(self) -> None:
        """Report it at once where a project's dataset is not in its place any more."""
        data = self._measured.data
        if data is not None and not Path(data.path).exists():
            self._session.say(
                f"The dataset of the project is not at {data.path}.",
                "Locate it; the plan is kept.",
                "warning",
                actions=(("Choose dataset…", self.choose_data),),
                key="data",
            )

    def change_data(self, **values: str | int) -> None:
        """Change how many images are used, their size, the seed or the device."""
        data = self._measured.data
        if data is not None:
            self._measured.set_data(data.model_copy(update=values))

    def drop_data(self) -> None:
        """Look at no images."""
        self._measured.set_data(None)

    def choose_folder(self) -> None:
        """Ask for the folder of a dataset."""
        start = self._settings.folder()
        path = QFileDialog.getExistingDirectory(self._window, "Choose a folder of images", start)
        if path:
            self._settings.set_folder(str(Path(path).parent))
            self.look(path)

    def drop(self, path: str) -> None:
        """Take what was dropped on the window, and show what is in it."""
        if self.look(path):
            self.shown.emit()

    def look(self, path: str) -> bool:
        """Take a dataset over if it fits the model, and check it; False if there is none."""
        from core.data.source import find_description

        model = self._session.model
        try:
            place = find_description(Path(path).absolute())
        except UserError as error:
            self._session.say(error.message, error.hint, "error", key="data")
            return False
        before = self._measured.data
        known = before is not None and before.path == str(place) and before.same_classes
        self._take_over(str(place), known)
        return model is not None

    def take_as_same(self, path: str) -> None:
        """Take a dataset over whose classes are the model's under other names."""
        self._take_over(path, True)

    def _take_over(self, path: str, same_classes: bool) -> None:
        model = self._session.model
        self._offers = None
        self.set_data(path, same_classes=same_classes)
        if model is not None:
            self._check(path, model.path)

    def check(self) -> None:
        """Check the dataset in use against the open model."""
        data, model = self._measured.data, self._session.model
        if data is not None and model is not None:
            self._check(data.path, model.path)

    def _check(self, path: str, network: str) -> None:
        for record in self._engine.running(TASK):
            self._engine.cancel(record.number)

        def done(result: DatasetCheck) -> None:
            self._take(path, {**result, "network": network})

        data = self._measured.data
        same = data is not None and data.path == path and data.same_classes
        submit_check(self._engine, path, network, done, same)

    def _take(self, path: str, result: DatasetCheck) -> None:
        """Show what was found; what is not in use is shown as refused."""
        data, model = self._measured.data, self._session.model
        if model is None or model.path != result["network"]:
            return
        if data is not None and data.path == path:
            self._measured.set_check(result)
        else:
            self._measured.set_refused(result)
        self._say(result)

    def _say(self, result: DatasetCheck) -> None:
        name, problems = Path(result["path"]).name, result["problems"]
        show: Actions = (("Show", self.shown.emit),)
        errors = [p for p in problems if p["severity"] == "error"]
        if errors:
            more = f" {len(problems) - 1} more in Data." if len(problems) > 1 else ""
            text = f"{name} cannot be used: {errors[0]['message']}"
            hint, offers = errors[0]["hint"], self._offers
            if offers is not None and offers.path == result["path"]:
                hint, show = offers.hint, (*offers.actions, *show)
            self._session.say(text, hint + more, "error", actions=show, key="data")
        elif problems:
            more = f" {len(problems) - 1} more in Data." if len(problems) > 1 else ""
            text = f"{name} can be used, with a warning: {problems[0]['message']}{more}"
            self._session.say(text, problems[0]["hint"], "warning", actions=show, key="data")
