"""Keeps the history of the open network: what is pruned, measured and tuned becomes a step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.context import Context
from app.state import plan_edits
from app.state.history import Known, read_known
from app.state.measurements import Evaluation
from core.data.figures import MAIN, SECOND, TASK_MAIN
from core.errors import UserError

if TYPE_CHECKING:
    from app.files.documents import Documents
    from app.state.history import Lineage
    from core.history.measurements import Measurement
    from core.history.nodes import Node
    from core.plan.schema import Plan


class HistoryController(QObject):
    """Reads and writes the history; all of it off the window's thread.

    Signals
    -------
    compareWanted(list of str)
        Files of steps should be compared.
    """

    compareWanted = Signal(list)

    def __init__(self, context: Context, documents: Documents, window: QObject) -> None:
        super().__init__(window)
        self._documents = documents
        self._session, self._background = context.session, context.background
        self._jobs, self._engine = context.jobs, context.engine
        self._lineage = context.session.lineage
        self._measured = context.session.measured
        self._numbers = itertools.count()
        self._done: frozenset[str] = frozenset()
        self._project: Path | None = None
        self._expected: tuple[str, str | None] = "", None
        self._session.modelChanged.connect(self.look)
        self._session.requests.historyWritten.connect(self.look)
        self._session.modelChanged.connect(self._check_opened)
        self._session.titleChanged.connect(self._look_at_project)
        self._lineage.nodesTaken.connect(self._write_nodes)
        self._lineage.measurementTaken.connect(self._write_measurement)
        self._engine.finished.connect(self._job_ended)
        self._measured.accuracyChanged.connect(self._evaluated)
        for signal in (self._lineage.changed, self._measured.dataChanged):
            signal.connect(self._recall)
        self._jobs.listChanged.connect(self._look_at_runs)

    # ---- reading ------------------------------------------------------------------------------

    @property
    def folder(self) -> Path | None:
        """The history of the open network; None while none is open."""
        model = self._session.model
        if model is None:
            return None
        from core.checkpoint.facts import origin_of
        from core.history.nodes import home_of

        return home_of(origin_of(model.facts))

    def look(self) -> None:
        """Read the history of the open network again."""
        folder, project, model = self.folder, self._session.project_path, self._session.model
        self._project = project
        if folder is None or model is None:
            self._background.drop("history")
            self._lineage.show("", Known())
            return
        if str(folder) != self._lineage.folder:
            self._lineage.show(str(folder), Known())
        own = self._lineage.own
        self._background.run(
            "history",
            lambda: read_known(folder, project, model, own),
            lambda known: self._show(str(folder), known),
            self._failed,
        )

    def _show(self, folder: str, known: Known) -> None:
        """Show what was read; what is damaged is named, once for as long as it is."""
        new = set(known.left_out) - set(self._lineage.known.left_out)
        self._lineage.show(folder, known)
        if new:
            from core.system.records import left_out_note

            text, hint = left_out_note(known.left_out)
            self._session.say(text, hint, "warning", key="history")

    def _look_at_project(self) -> None:
        if self._session.project_path != self._project:
            self.look()

    def _look_at_runs(self) -> None:
        """Read again when a tuning is done: its process added a step."""
        done = frozenset(e.folder for e in self._jobs.entries if e.state == "done")
        if done - self._done:
            self.look()
        self._done = done

    def _job_ended(self, number: int, state: str) -> None:
        """Read again when a report is made: it may have measured something."""
        record = self._engine.record(number)
        if record is not None and record.task == "report":
            self.look()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self._session.say(error.message, error.hint, "warning", key="history")

    def _not_kept(self, error: Exception) -> None:
        """Report that a measurement will be lost with the session; it is still shown."""
        if not isinstance(error, UserError):
            raise error
        text = "The measurement could not be stored for a report."
        self._session.say(text, str(error), "warning", key="ledger")

    # ---- writing ------------------------------------------------------------------------------

    def _add(
        self,
        work: Callable[[Path], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Write to the history, then show it."""
        folder = self.folder
        if folder is not None:
            key = f"remember {next(self._numbers)}"  # nothing is replaced by what comes after it
            self._background.run(
                key, lambda: work(folder), lambda _: self.look(), failed or self._failed
            )

    def _write_nodes(self, nodes: list[Node]) -> None:
        """Remember files that were pruned from the open model, or tuned."""
        model = self._session.model
        if model is not None:
            from core.history.results import adopt

            path = model.path
            self._add(lambda folder: adopt(folder, nodes, path))

    def _write_measurement(self, measurement: Measurement) -> None:
        from core.history.remember import remember_measurement

        self._add(lambda folder: remember_measurement(folder, measurement), self._not_kept)

    def begin(self) -> None:
        """Remember the open model, before something made of it is tuned."""
        model = self._session.model
        if model is None:
            return
        from core.history.nodes import add_node, find_by_file

        path, cost = model.path, self._cost()

        def work(folder: Path) -> None:
            if find_by_file(folder, path) is None:
                add_node(folder, "model", path, figures=cost)

        self._add(work)

    def _evaluated(self) -> None:
        """Remember the accuracy of the open model."""
        accuracy, data, model = self._measured.accuracy, self._measured.data, self._session.model
        if accuracy is None or data is None or model is None or accuracy.recalled:
            return
        from core.history.remember import remember_measured

        main = TASK_MAIN.get(model.facts.task, MAIN[0])
        figures = {main: accuracy.map50_95, SECOND[main]: accuracy.map50}
        looked_at = {"data": data.path, "split": "val", "images": accuracy.images}
        looked_at["image_size"] = data.image_size.plain
        path, cost = model.path, self._cost()
        self._add(lambda folder: remember_measured(folder, path, figures, looked_at, cost))

    def _recall(self) -> None:
        """Show the accuracy of the open model where anything measured it."""
        model, data = self._session.model, self._measured.data
        if model is None or data is None or self._measured.accuracy is not None:
            return
        known = self._lineage.accuracy_of(model.facts.sha256, data)
        if known is not None:
            self._measured.set_accuracy(
                Evaluation(known.map50_95, known.map50, known.images, 0, recalled=True)
            )

    def _cost(self) -> dict[str, float]:
        prediction = self._session.prediction
        if prediction is None:
            return {}
        return {"parameters": prediction.before.parameters, "macs": prediction.before.macs}

    # ---- going back and branching off ---------------------------------------------------------

    def open(self, node_id: str) -> None:
        """Open the network of a step; what is done then branches off from there."""
        branch = self._lineage.branch(node_id)
        file = self._lineage.file_of(branch.node) if branch is not None else ""
        if branch is not None and file:
            self._expected = file, branch.node.sha256
            self._documents.open_path(file)

    def _check_opened(self) -> None:
        """Report that another file has replaced the one that a step created."""
        model, (file, sha256) = self._session.model, self._expected
        if model is None or model.path != file:
            return
        self._expected = "", None
        if sha256 is not None and sha256 != model.facts.sha256:
            self._session.say(
                f"{Path(file).name} is not the file that this step created.",
                "It has been replaced; the current file was opened.",
                "warning",
                key="history",
            )

    def compare(self, node_ids: list[str]) -> None:
        """Compare the networks of steps, in the order of the tree."""
        chosen = [b.node for _, b in self._lineage.steps() if b.node.id in node_ids]
        files = list(dict.fromkeys(filter(None, map(self._lineage.file_of, chosen))))
        if len(files) > 1:
            self.compareWanted.emit(files)

    def use_plan(self, node_id: str) -> None:
        """Take up the plan that a step was pruned by, for the network it was pruned from."""
        plan, source = plan_of(self._lineage, node_id), self._lineage.parent_of(node_id)
        file = self._lineage.file_of(source.node) if source is not None else ""
        model = self._session.model
        if plan is None or not file:
            return
        if model is not None and Path(model.path).absolute() == Path(file).absolute():
            self._session.edit(plan_edits.replace_plan(plan, "Use an earlier plan"))
        elif self._documents.may_leave():
            from core.project import Project

            self._documents.open_model(file, Project(plan=plan), unsaved=True)


def plan_of(lineage: Lineage, node_id: str) -> Plan | None:
    """Return the plan of a pruning; None if there is none."""
    from core.plan.schema import parse_plan

    branch = lineage.branch(node_id)
    told = branch.node.details.get("plan") if branch is not None else None
    if branch is None or branch.node.kind != "prune" or not isinstance(told, dict):
        return None
    try:
        return parse_plan(told)
    except UserError:
        return None
