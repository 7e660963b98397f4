"""The history of the open network as the window shows it: a tree of steps, and where files lie.

A part of the session. Views subscribe; `app.history.controller` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from core.history.nodes import Node
    from core.history.tree import Branch


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of a history.

    Attributes
    ----------
    branches : tuple of Branch
    files : mapping of str to str
        By a step's id, where its file lies now; steps whose file is gone are missing.
    """

    branches: tuple[Branch, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Lineage(QObject):
    """The tree.

    Attributes
    ----------
    folder : str
        Of the open network's history; empty while none is open.
    known : Known

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = ""
        self.known = Known()

    def show(self, folder: str, known: Known) -> None:
        """Show a history."""
        if (folder, known) != (self.folder, self.known):
            self.folder, self.known = folder, known
            self.changed.emit()

    def steps(self) -> list[tuple[int, Branch]]:
        """Return all steps from top to bottom, with how deep they lie."""
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
        """Return where a step's file lies; empty when it is gone."""
        return self.known.files.get(node.id, "")

    def current(self, path: str, sha256: str) -> str:
        """Return the step that an open file came of; empty when it is in none."""
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


def read_known(folder: Path, project: Path | None) -> Known:
    """Read a history; what only the copy beside a project has is taken in first, and back.

    Parameters
    ----------
    folder : Path
    project : Path, optional
        A project file; a copy of its history lies beside it.

    Raises
    ------
    UserError
        When a newer Secateur wrote it, or a folder cannot be written.
    """
    from core.history.nodes import carry, read_nodes
    from core.history.tree import tree, walk

    if project is not None:
        carry(project.with_suffix(COPY), folder)
        carry(folder, project.with_suffix(COPY))
    branches = tree(read_nodes(folder), folder.name)
    nodes = [branch.node for _, branch in walk(branches)]
    # Of steps that wrote to one name, the last one's file is there.
    last = {n.file: n.sha256 for n in sorted(nodes, key=lambda n: n.date) if n.sha256}
    kept = (node for node in nodes if node.sha256 == last.get(node.file, node.sha256))
    found = ((node.id, _place(node, project)) for node in kept)
    return Known(branches, {node_id: place for node_id, place in found if place})


COPY = ".history"
"""Ending of the folder beside a project that holds a copy of its history."""


def _place(node: Node, project: Path | None) -> str:
    """Return where a file lies: where it lay, or beside a project that moved with it."""
    if node.file is None:
        return ""
    if Path(node.file).is_file() or Path(node.file).name == node.file:
        return node.file
    beside = project.parent / Path(node.file).name if project is not None else None
    if beside is None or node.sha256 is None or not beside.is_file():
        return ""
    from core.system.files import sha256_of

    return str(beside) if sha256_of(beside) == node.sha256 else ""


def first_cost(branches: Sequence[Branch]) -> dict[str, float]:
    """Return the cost that changes are held against: that of the first step that has one."""
    from core.history.tree import walk

    return dict(next((branch.cost for _, branch in walk(branches) if branch.cost), {}))
