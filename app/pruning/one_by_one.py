"""The strategy one by one from the window: runs it, lists its steps, continues from any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.pruning.prune_dialog import CHECKPOINTS
from app.state import plan_edits
from app.state.measurements import Step, data_arguments, step_of
from core.errors import UserError
from core.system.paths import steps_folder

LOG = "steps.jsonl"
CHANNELS_ONLY = "One by one prunes channels only, and the plan also removes structure."
CHANNELS_HINT = "Choose another strategy, or remove the structure from the plan."


class StepsController(QObject):
    """The window's side of the job ``one_by_one``.

    Signals
    -------
    started()
        A run began: its steps are worth seeing.
    pruned(dict)
        A run is over, and its last accepted step is saved.
    """

    started = Signal()
    pruned = Signal(dict)

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._settings = (
            context.session,
            context.engine,
            context.settings,
        )
        self._measured = context.session.measured
        self._window = window
        context.session.modelChanged.connect(self.recall)

    def run(self) -> None:
        """Ask where the result goes, then try the plan's lines one by one."""
        if not self._may():
            return
        output = self._ask()
        if output is not None:
            self._measured.set_steps((), str(steps_folder(output)))
            self._submit(output, None)

    def go_on(self, number: int) -> None:
        """Continue from an earlier step, with what the plan says now; later steps stay on disk."""
        if not self._may():
            return
        output = self._ask()
        if output is not None:
            self._submit(output, number)

    def open_step(self, number: int) -> None:
        """Open the network as it was after a step."""
        step = next((s for s in self._measured.steps if s.number == number), None)
        if step is None or not step.checkpoint:
            return
        path = self._place(step)
        if path.is_file():
            self._session.requests.openWanted.emit(str(path))
        else:
            text = f"The checkpoint of step {number} is not at {path}."
            self._session.say(text, "It was moved or deleted.", "error", key="step")

    def _place(self, step: Step) -> Path:
        return Path(self._measured.steps_folder) / step.checkpoint  # absolute ones stay absolute

    def _may(self) -> bool:
        """Whether a run can start; reports why not."""
        session = self._session
        session.flush()
        if session.model is None:
            return False
        if session.plan.restructures:
            session.say(CHANNELS_ONLY, CHANNELS_HINT, "warning", key="steps")
            return False
        if not is_free(session, self._engine, "one_by_one", where="Steps"):
            return False
        if not has_data(session, "Pruning one by one"):
            return False
        if not session.plan.selection:
            text = "The plan is empty: one by one needs entries to try."
            session.say(text, "Set a ratio for some blocks, or use a suggestion.", "warning")
        else:
            return True
        return False

    def _ask(self) -> Path | None:
        model = self._session.model
        assert model is not None
        path = Path(model.path)
        folder = path.parent if path.exists() else Path(self._settings.folder())
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save pruned model",
            str(folder / f"{path.stem}-one-by-one.pt"),
            CHECKPOINTS,
        )
        if not name:
            return None
        return Path(name) if Path(name).suffix else Path(name).with_suffix(".pt")

    def _submit(self, output: Path, from_step: int | None) -> None:
        session, measured = self._session, self._measured
        session.flush()
        assert session.model is not None and session.prediction is not None
        sha256, plan = session.model.facts.sha256, session.prediction.plan
        loss = plan_edits.USUAL_LOSS if plan.max_loss is None else plan.max_loss
        plan = plan.model_copy(update={"strategy": "one_by_one", "max_loss": loss})

        def tried(data: dict[str, Any]) -> None:
            if session.same_model(sha256) and "step" in data:
                measured.add_step(step_of(data))

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                for item in result.get("steps") or ():
                    measured.add_step(step_of(item))
                self.pruned.emit(result)

        stopped = "One by one was stopped. Its steps are kept, and you can continue from them."
        self._engine.submit(
            "one_by_one",
            f"Prune {Path(session.model.path).name} one by one",
            {
                "path": session.model.path,
                "sha256": sha256,
                "plan": plan.to_json(),
                "data": data_arguments(measured.data, "val"),
                "output": str(output),
                "folder": measured.steps_folder,
                **({} if from_step is None else {"from_step": from_step}),
            },
            partial=tried,
            done=done,
            cancelled=lambda: session.say(stopped, key="steps"),
        )
        self.started.emit()

    def recall(self) -> None:
        """List the steps that an earlier run of the project left in its folder."""
        measured = self._measured
        if measured.steps_folder and not measured.steps:
            model = self._session.model
            sha256 = model.facts.sha256 if model is not None else ""
            found = read_steps(Path(measured.steps_folder), sha256)
            measured.set_steps(found, measured.steps_folder)


def read_steps(folder: Path, sha256: str) -> list[Step]:
    """Return the steps of a model in a folder's log; one missing or damaged holds none."""
    log = folder / LOG
    if not log.is_file():
        return []
    from core.sensitivity.records import read_steps as read_log

    try:
        records = read_log(log)
    except UserError:
        return []
    return [step_of(r) for r in records if "step" in r and r.get("model") == sha256]
