"""The history of the open network: the one place in the window for the results.

What is pruned, tuned, compared, timed and exported is taken in here, shows at once, and is written
to disk by `app.history.controller`; results of the project, reports and panels are read from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from app.state.open_model import OpenModel
    from core.history.accuracy import KnownAccuracy
    from core.history.measurements import Measurement
    from core.history.nodes import Node
    from core.history.tree import Branch, History
    from core.plan.schema import Plan
    from core.project import DataSetting, Project, Result, Tuned


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of a history.

    Attributes
    ----------
    history : History or None
    files : mapping of str to str
        By a step's id, where its file is now; steps whose file is gone are missing.
    left_out : tuple of str
        What is damaged and therefore missing, as sentences.
    """

    history: History | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The steps, as trees."""
        return () if self.history is None else self.history.branches

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured of several networks at once, oldest first."""
        return () if self.history is None else self.history.measurements


class Lineage(QObject):
    """The history.

    Attributes
    ----------
    folder : str
        Of the open network's history; empty while none is open.
    known : Known
        What is on disk.
    own : tuple of Node
        The pruned and tuned files of the open project, oldest first.
    fresh : tuple of Measurement
        What was measured since the history was read.

    Signals
    -------
    changed
        The tree, or what was measured.
    ownChanged
        Files were pruned or tuned.
    nodesTaken(list of Node), measurementTaken(Measurement)
        Something is to be written to disk.
    """

    changed = Signal()
    ownChanged = Signal()
    nodesTaken = Signal(list)
    measurementTaken = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = ""
        self.known = Known()
        self.own: tuple[Node, ...] = ()
        self.fresh: tuple[Measurement, ...] = ()

    def begin(self, project: Project | None) -> None:
        """Start over for another model, with the results of its project; raises no signal."""
        self.own, self.fresh = (), ()
        if project is not None and (project.results or project.tuned):
            from core.history.results import steps_of

            self.own = steps_of(project)

    def show(self, folder: str, known: Known) -> None:
        """Show a history."""
        if (folder, known) != (self.folder, self.known):
            self.folder, self.known = folder, known
            there = {measurement.id for measurement in known.measurements}
            self.fresh = tuple(m for m in self.fresh if m.id not in there)
            self.changed.emit()

    # ---- what the project contains ------------------------------------------------------------

    def take(self, nodes: Iterable[Node]) -> None:
        """Take in files that were pruned or tuned; one that is there is no other."""
        there = {node.id for node in self.own}
        new = [node for node in nodes if node.id not in there]
        if new:
            self.own = (*self.own, *new)
            self.nodesTaken.emit(new)
            self.ownChanged.emit()

    def measure(self, measurement: Measurement) -> None:
        """Take in what was measured of several networks."""
        self.fresh = (*self.fresh, measurement)
        self.measurementTaken.emit(measurement)
        self.changed.emit()

    @property
    def results(self) -> tuple[Result, ...]:
        """The pruned files of the project, as its file has them."""
        from core.history.results import result_of

        return tuple(result_of(node) for node in self.own if node.kind == "prune")

    @property
    def tuned(self) -> tuple[Tuned, ...]:
        """The tuned files of the project, as its file has them."""
        from core.history.results import tuned_of

        return tuple(tuned_of(node) for node in self.own if node.kind == "tune")

    def measured(self, name: str, original: str) -> list[Measurement]:
        """Return what was measured of one kind, the open model first, oldest first."""
        from core.history.measurements import fitting

        return fitting((*self.known.measurements, *self.fresh), name, original)

    def accuracy_of(self, sha256: str, data: DataSetting) -> KnownAccuracy | None:
        """Return the latest accuracy of a file on the val split of a dataset."""
        from core.history.accuracy import accuracy_of

        return accuracy_of(self._nodes(), sha256, data.path, data.image_size)

    def accuracy_by_plan(self, sha256: str, plan: Plan, data: DataSetting) -> KnownAccuracy | None:
        """Return the latest accuracy of what a plan made of a file, if that was measured."""
        from core.history.accuracy import accuracy_by_plan

        nodes = self._nodes()
        if not any(node.kind == "prune" for node in nodes):  # at every tick of the slider
            return None
        return accuracy_by_plan(nodes, sha256, plan.to_json(), data.path, data.image_size)

    def _nodes(self) -> list[Node]:
        return [branch.node for _, branch in self.steps()]

    def name_of(self, sha256: str) -> str:
        """Return the file name of a network by what is in it; empty where no step made it."""
        from core.history.nodes import maker_of

        nodes = self.known.history.nodes if self.known.history is not None else ()
        maker = maker_of(nodes, sha256)
        return Path(maker.file).name if maker is not None and maker.file else ""

    # ---- the tree -----------------------------------------------------------------------------

    def steps(self) -> list[tuple[int, Branch]]:
        """Return all steps from top to bottom, with how deep they are."""
        from core.history.tree import walk

        return list(walk(self.known.branches))

    def branch(self, node_id: str) -> Branch | None:
        """Find a step."""
        return next((branch for _, branch in self.steps() if branch.node.id == node_id), None)

    def parent_of(self, node_id: str) -> Branch | None:
        """Find the step that a step grows from."""
        own = (b for _, b in self.steps() if any(c.node.id == node_id for c in b.children))
        return next(own, None)

    def file_of(self, node: Node) -> str:
        """Return where a step's file is; empty when it is gone."""
        return self.known.files.get(node.id, "")

    def current(self, path: str, sha256: str) -> str:
        """Return the step that an open file resulted from; empty when it is in none."""
        from core.history.tree import find

        found = find(self.known.branches, sha256)
        if found is not None:
            return found.node.id
        named = (b.node.id for _, b in self.steps() if b.node.file == path)
        return next(named, "")

    def networks(self) -> list[str]:
        """Return the files of all steps that made one, as far as they are there."""
        made = [branch.node for _, branch in self.steps() if branch.node.kind != "evaluate"]
        return list(dict.fromkeys(filter(None, map(self.file_of, made))))


def read_known(
    folder: Path, project: Path | None, model: OpenModel, own: Iterable[Node] = ()
) -> Known:
    """Read a history; what only the copy next to a project has is taken in first, and back.

    Parameters
    ----------
    folder : Path
    project : Path, optional
        A project file; a copy of its history is next to it.
    model : OpenModel
        What version 0.1 measured of it elsewhere is taken in, too.
    own : iterable of Node
        What the project tells of; steps that the history lacks are added.

    Raises
    ------
    UserError
        When a newer Secateur wrote it, or a folder cannot be written.
    """
    from core.history.measurements import old_stores, take_over
    from core.history.nodes import carry
    from core.history.results import adopt
    from core.history.tree import read_history, walk
    from core.system.paths import history_of
    from core.system.records import naming_left_out

    with naming_left_out() as left_out:
        for file in old_stores(project, model.facts.sha256):
            take_over(file, folder)
        if project is not None:
            carry(history_of(project), folder)
        adopt(folder, own, model.path)
        if project is not None:
            carry(folder, history_of(project))
        history = read_history(folder)
    nodes = [branch.node for _, branch in walk(history.branches)]
    # Of steps that wrote to one name, the last one's file is there.
    last = {n.file: n.sha256 for n in sorted(nodes, key=lambda n: n.date) if n.sha256}
    kept = (node for node in nodes if node.sha256 == last.get(node.file, node.sha256))
    found = ((node.id, _place(node, project)) for node in kept)
    files = {node_id: place for node_id, place in found if place}
    return Known(history, files, tuple(left_out))


def _place(node: Node, project: Path | None) -> str:
    """Return where a file is: where it was, or next to a project that moved with it."""
    if node.file is None:
        return ""
    from core.ship.exported.metadata import hash_of_network, is_network

    if is_network(node.file) or Path(node.file).name == node.file:
        return node.file
    beside = project.parent / Path(node.file).name if project is not None else None
    if beside is None or node.sha256 is None or not is_network(beside):
        return ""
    return str(beside) if hash_of_network(beside) == node.sha256 else ""


def first_cost(branches: Sequence[Branch]) -> dict[str, float]:
    """Return the cost that changes are compared with: that of the first step that has one."""
    from core.history.tree import walk

    return dict(next((branch.cost for _, branch in walk(branches) if branch.cost), {}))
