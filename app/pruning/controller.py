"""Prune and verify from the window: asks where to, runs the job, shows the results."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.kit.dialogs import show_dialog
from app.pruning.prune_dialog import CHECKPOINTS, PruneDialog
from app.state.measurements import data_arguments


class PruneController(QObject):
    """Runs the two jobs.

    Signals
    -------
    steppingWanted()
        The plan's strategy is one by one, which has a way of its own.
    """

    steppingWanted = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._settings = (
            context.session,
            context.engine,
            context.settings,
        )
        self._window = window

    def prune(self) -> None:
        """Ask for the output file, then prune."""
        session = self._session
        session.flush()
        model, prediction = session.model, session.prediction
        if model is None or prediction is None or not prediction.changes or self._busy():
            return
        path = Path(model.path)
        folder = path.parent if path.exists() else Path(self._settings.folder())
        suggested = free_name(folder / f"{path.stem}-pruned.pt")
        if session.plan.strategy == "one_by_one":
            self.steppingWanted.emit()
        elif session.measured.data is not None:
            self._ask(suggested)
        else:
            name, _ = QFileDialog.getSaveFileName(
                self._window, "Save pruned model", str(suggested), CHECKPOINTS
            )
            output = Path(name)
            if name:
                self.start(output if output.suffix else output.with_suffix(".pt"))

    def _ask(self, suggested: Path) -> None:
        """Ask for file and repair at once: there are images to repair with."""
        model = self._session.model
        half = model is not None and model.facts.dtype == "float16"
        dialog = PruneDialog(suggested, self._window, half=half)
        dialog.chosen.connect(self.start)
        show_dialog(dialog)

    def start(self, output: Path, repair: dict[str, Any] | None = None, fp32: bool = False) -> None:
        """Prune into a file, and repair before it is saved where that is asked for."""
        session = self._session
        session.flush()
        model, prediction = session.model, session.prediction
        if model is None or prediction is None or self._busy():
            return
        self._engine.submit(
            "prune",
            f"Prune {Path(model.path).name}",
            {
                "path": model.path,
                "plan": prediction.plan.to_json(),
                "output": str(output),
                "sha256": model.facts.sha256,
                "data": data_arguments(session.measured.data),
                "repair": repair,
                "fp32": fp32,
            },
            done=self.take,
            cancelled=lambda: session.say("Pruning was cancelled; no file was written."),
        )

    def take(self, result: dict[str, Any]) -> None:
        """Remember a pruned file and show the results."""
        from core.history.results import pruned_node

        self._session.take([pruned_node(result)])
        self._session.requests.pruned.emit(result)

    def verify(self, pruned: str = "") -> None:
        """Compare a pruned file with the open model; asks which when none is named."""
        model = self._session.model
        if model is None or self._busy():
            return
        if not pruned:
            pruned, _ = QFileDialog.getOpenFileName(
                self._window, "Choose the pruned file", str(Path(model.path).parent), CHECKPOINTS
            )
        if pruned:
            self._engine.submit(
                "verify",
                f"Verify {Path(pruned).name}",
                {"original": model.path, "pruned": pruned},
                done=self._verified,
            )

    def _verified(self, result: dict[str, Any]) -> None:
        proof, name = result["verification"], Path(result["pruned"]).name
        figures = (
            f"Relative error {proof['relative_error']:.1e} (at most "
            f"{proof['tolerance']:.0e}) on {proof['inputs']} inputs."
        )
        if proof["passed"] and proof["repaired"]:
            # Its weights were changed after verification: equal is what it was before that.
            text = f"{name} has the widths of its plan. Its weights were repaired after pruning."
            hint = f"Before the repair it equaled the masked original. {figures}"
            self._session.say(text, hint, "info", key="verify")
        elif proof["passed"]:
            text = f"{name} equals the masked original."
            self._session.say(text, figures, "success", key="verify")
        else:
            text = f"{name} differs from the masked original."
            self._session.say(text, figures, "error", key="verify")

    def _busy(self) -> bool:
        running = self._engine.running("prune", "verify")
        if running:
            self._session.say(
                f"“{running[0].title}” is still running.",
                "Only one runs at a time; see Jobs.",
                "warning",
                key="busy",
            )
        return bool(running)


def free_name(path: Path) -> Path:
    """Return an unused name: earlier pruned files stay, unless the user chooses one."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return path if not path.exists() else next(name for name in names if not name.exists())
