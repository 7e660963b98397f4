"""Opening, watching and saving: models, projects and plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.context import Context
from app.files.cached_model import Known, find_known, from_engine, told_of
from app.files.dropped import PROJECT, Dropped, sort_dropped
from app.files.file_watcher import ModelWatcher
from app.files.outside_dialog import when_confirmed
from app.files.plan_files import PlanFiles
from app.files.ranker import Ranker
from app.files.stock import is_stock
from app.kit.dialogs import ask
from app.state import plan_edits
from app.state.project_state import to_project
from core.errors import UserError
from core.plan.criteria import by_images
from core.ship.exported.metadata import is_exported
from core.tryout.sources import can_try

if TYPE_CHECKING:
    from app.engine.protocol import Failure
    from core.project import Project

OPENABLE = "YOLO models and Secateur projects (*.pt *.yaml *.yml *.secateur);;All files (*)"
PROJECTS = "Secateur projects (*.secateur)"
BUSY = (
    "prune",
    "verify",
    "suggest",
    "sensitivity",
    "one_by_one",
    "evaluate",
    "compare",
    "try",
    "demo",
)
Buttons = QMessageBox.StandardButton


class Documents(QObject):
    """Every way in and out of the session."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._background, self._settings = context.background, context.settings
        self._window = window
        self._data = ""
        self.watcher = ModelWatcher(context, self.open_path, self.locate, self)
        self._ranker = Ranker(context, self)
        self.plans = PlanFiles(context, window)

    # ---- opening ------------------------------------------------------------------------------

    def open_dialog(self) -> None:
        """Ask for a file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Open a model or project", self._settings.folder(), OPENABLE
        )
        if path:
            self._settings.set_folder(str(Path(path).parent))
            self.open_path(path)

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open what a start or the command line named."""
        if paths:
            self.open_dropped(sort_dropped(paths))

    def open_dropped(self, dropped: Dropped, compare: bool = False) -> None:
        """Open files that belong together, or ask which.

        Parameters
        ----------
        dropped : Dropped
        compare : bool
            Whether to compare them with the open model instead, where that can be done.
        """
        model = self._session.model
        others = dropped.compared_with(model.path) if model is not None else ()
        if others and (compare or len(others) == len(dropped.exported)):
            self._compare(others)
        elif dropped.for_trying:
            self._session.requests.tryWanted.emit(list(dropped.images), list(dropped.networks))
        elif dropped.pair is not None:
            path, self._data = dropped.pair
            self.open_path(path)
        elif len(dropped.paths) == max(1, len(dropped.exported)):
            self.open_path(dropped.paths[0])
        else:
            self._ask_which(dropped, others)

    def _compare(self, others: Sequence[str]) -> None:
        if self._session.model is not None:
            self._session.requests.compareWanted.emit([self._session.model.path, *others])

    def _ask_which(self, dropped: Dropped, others: Sequence[str]) -> None:
        opened = [path for path in dropped.paths if path not in dropped.exported]
        actions: list[tuple[str, Callable[[], object]]] = [
            (f"Open {Path(p).name}", partial(self.open_path, p)) for p in opened[:3]
        ]
        if others:
            actions.append(("Compare them", lambda: self._compare(others)))
        self._session.say(
            f"{len(dropped.paths)} files were dropped, but Secateur opens one at a time.",
            "Select one, or drop a single file.",
            "warning",
            actions=tuple(actions),
            key="drop",
        )

    def open_path(self, path: str) -> None:
        """Open a model, a project or a plan; try the open model on an image."""
        if can_try(path):
            self._session.requests.tryWanted.emit([path], [])
            return
        if is_exported(path):
            self._refuse_exported(path)
            return
        running = self._engine.running(*BUSY)
        if running:
            self._session.say(
                f"{Path(path).name} was not opened: “{running[0].title}” is still running.",
                "Wait until it finishes, or cancel it.",
                "warning",
                actions=(("Cancel it", lambda: self._engine.cancel(running[0].number)),),
                key="busy",
            )
            self._data = ""
            return
        if Path(path).is_dir():
            self._session.requests.dataFound.emit(path)
            return
        kinds: dict[str, Callable[[str], None]] = {
            PROJECT: self.open_project,
            ".json": self.plans.read_plan,
            ".yaml": self._open_yaml,
            ".yml": self._open_yaml,
        }
        kinds.get(Path(path).suffix.lower(), self.open_model)(path)

    def _refuse_exported(self, path: str) -> None:
        """Say what can be done with an exported file."""
        model, name = self._session.model, Path(path).name
        actions: tuple[tuple[str, Callable[[], object]], ...] = ()
        hint = "Open its checkpoint, and drop the file again to compare it."
        if model is not None:
            hint = "Compare it with the open model, or try it on an image."
            actions = ((f"Compare it with {Path(model.path).name}", lambda: self._compare([path])),)
        self._data = ""
        self._session.say(
            f"{name} is an exported file, which has no layers to show or to prune.",
            hint,
            "warning",
            actions=actions,
            key="drop",
        )

    def _open_yaml(self, path: str) -> None:
        """Open a model YAML; one of a dataset is for features that use images."""
        from core.data.source import is_description

        found = is_description(path)
        (self._session.requests.dataFound.emit if found else self.open_model)(path)

    def open_project(self, path: str, recovered: bool = False) -> None:
        """Open a project and the model it is about."""
        from core.project import read_project, with_places

        def refused(error: UserError) -> None:
            self._say(error)
            self._settings.forget_recent(path)
            self._data = ""

        self._background.read(
            path,
            lambda: with_places(read_project(path), Path(path)),
            lambda project: self._take_project(path, project, recovered),
            refused,
        )

    def _take_project(self, path: str, project: Project, recovered: bool) -> None:
        model = project.model_path(Path(path))
        place = None if recovered else Path(path)
        if model is None:
            self._session.say(f"{Path(path).name} does not contain a model.", kind="error")
            self._data = ""
            return
        # A description that ships with Ultralytics is named without being a file here.
        stock = project.model.path if project.model and is_stock(project.model.path) else ""
        if not model.exists() and not stock:
            self._session.say(
                f"The model of {Path(path).name} is not at {model}.",
                "Locate the model; the plan is kept.",
                "error",
                actions=(("Locate…", lambda: self._locate_for(project, place)),),
                key="model file",
            )
            return
        name = str(model) if model.exists() else stock
        self._when_confirmed(place, lambda: self.open_model(name, project, place, recovered))

    def _when_confirmed(self, place: Path | None, act: Callable[[], object]) -> None:
        """Open a project once files outside its folder are confirmed; a recovered one at once."""

        def refused(error: UserError | None) -> None:
            self._data = ""
            if error is not None:
                self._say(error)

        if place is None:
            act()
        else:
            when_confirmed(place, self._background, self._window, act, refused)

    def open_model(
        self,
        path: str,
        project: Project | None = None,
        place: Path | None = None,
        unsaved: bool = False,
    ) -> None:
        """Show a model: from what is known about it on disk, or else by the engine.

        The user is asked about unsaved work only once it is there, and nothing is for files that
        cannot be opened.
        """
        for record in self._engine.running("open", "scores"):
            self._engine.cancel(record.number)
        criterion, seed = (project.plan.criterion, project.plan.seed) if project else ("l2", 0)
        criterion = "l2" if by_images(criterion) else criterion  # images are asked for, never read
        self._session.requests.opening.emit(path)

        def show(known: Known) -> None:
            self._show(path, known, project, place, unsaved)

        def looked_up(known: Known | None) -> None:
            if known is not None:
                show(known)
                return
            self._engine.submit(
                "open",
                f"Open {Path(path).name}",
                {"path": path, "criterion": criterion, "seed": seed, **told_of(path)},
                done=lambda result: show(from_engine(result)),
                failed=partial(self._open_failed, path),
                cancelled=self._end_opening,
            )

        self._background.run(
            "open",
            lambda: find_known(path, criterion, seed),
            looked_up,
            lambda error: looked_up(None),
        )

    def _open_failed(self, path: str, failure: Failure) -> None:
        self._end_opening()
        if failure.untrusted:  # to be opened again, once its module is trusted
            failure = replace(failure, untrusted={**failure.untrusted, "open": path})
        self._engine.failed.emit(failure)

    def _end_opening(self) -> str:
        """Report that no file is being opened any more; returns the dataset to be used with it."""
        self._session.requests.opening.emit("")
        data, self._data = self._data, ""
        return data

    def _show(
        self, path: str, known: Known, project: Project | None, place: Path | None, unsaved: bool
    ) -> None:
        session, data = self._session, self._end_opening()
        if not self.may_leave():
            return
        if project is not None:
            project = project.model_copy(update={"plan": plan_edits.unbound(project.plan)})
        session.set_model(
            path, known.facts, known.table, known.file_size, project=project, project_path=place
        )
        plan = session.plan
        if known.scores is not None:
            session.set_scores((known.criterion, plan.seed, "", None, ""), known.scores)
        else:
            self._ranker.rank(known.criterion, plan.seed)
        self._settings.add_recent(str(place or path))
        self.watcher.watch(path)
        if unsaved:
            session.mark_unsaved()
        if data:
            session.requests.dataBrought.emit(data)
        expected = project.model.sha256 if project and project.model else None
        if expected and expected != known.facts.sha256:
            session.say(
                f"{Path(path).name} has changed since the project was saved.",
                "The plan was loaded; check its effect on the new file.",
                "warning",
                key="model file",
            )

    def close_model(self) -> None:
        """Close the model, after asking about unsaved work."""
        if self.may_leave():
            self.watcher.watch("")
            self._session.close_model()

    # ---- a model that moved -------------------------------------------------------------------

    def locate(self) -> None:
        """Ask where the open model's file is now."""
        if path := self._ask_where():
            self.watcher.moved_to(path)

    def _locate_for(self, project: Project, place: Path | None) -> None:
        if path := self._ask_where():
            self._when_confirmed(place, lambda: self.open_model(path, project, place))

    def _ask_where(self) -> str:
        title, folder = "Locate the model", self._settings.folder()
        return QFileDialog.getOpenFileName(self._window, title, folder, OPENABLE)[0]

    # ---- saving -------------------------------------------------------------------------------

    def save(self) -> bool:
        """Save the project where it is, or ask where; False when it was not saved."""
        if self._session.project_path is None:
            return self.save_as()
        return self._write(self._session.project_path)

    def save_as(self) -> bool:
        """Ask where to save the project."""
        if self._session.model is None:
            return False
        model = Path(self._session.model.path)
        folder = model.parent if model.exists() else Path(self._settings.folder())
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save project", str(folder / f"{model.stem}{PROJECT}"), PROJECTS
        )
        if not name:
            return False
        path = Path(name)
        return self._write(path if path.suffix else path.with_suffix(PROJECT))

    def _write(self, path: Path) -> bool:
        from core.project import write_project

        try:
            write_project(path, to_project(self._session, path))
        except UserError as error:
            self._say(error, ("Save elsewhere…", self.save_as))
            return False
        self._session.mark_saved(path)
        self._settings.add_recent(str(path))
        return True

    def may_leave(self) -> bool:
        """Whether the open work may be left: it is saved, or the user agreed."""
        if not self._session.dirty:
            return True
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Unsaved plan")
        box.setText("The plan has unsaved changes.")
        box.setInformativeText("Save them to a project?")
        box.setStandardButtons(Buttons.Save | Buttons.Discard | Buttons.Cancel)
        box.setDefaultButton(Buttons.Save)
        answer = ask(box)
        if answer == Buttons.Save:
            return self.save()
        return answer == Buttons.Discard

    def _say(self, error: UserError, *actions: tuple[str, Callable[[], object]]) -> None:
        self._session.say(error.message, error.hint, "error", actions=tuple(actions))
