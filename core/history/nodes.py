"""The history of a model as a tree: every pruning, tuning and measurement is a node.

A folder holds one small JSON file a node, written once and never again; the results of a step are
another node next to the others, so one can go back to any of them and branch off. What was measured
of several networks at once (`core.history.measurements`) is in a folder within. Needs no torch.

Everything that was made of one network shares a history, whatever it was made with: `home_of` says
where that is. A project has a copy next to it, which goes along when the project moves.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.errors import UserError, reason_of
from core.history.shapes import Details
from core.ship.exported.metadata import hash_of_network, is_network
from core.system.budget import STEP, read_json
from core.system.files import write_bytes, write_text
from core.system.paths import SHORT, histories_folder
from core.system.records import checked, each_read
from core.trust.own import remember

VERSION = 1
MEASURED = "measured"
"""The folder within a history that holds what was measured of several networks at once."""
Kind = Literal["model", "prune", "tune", "quantize", "evaluate"]
ID = r"^[\w-]{1,80}$"
"""What names a step: it becomes the name of a file."""


class Node(BaseModel):
    """One step.

    Attributes
    ----------
    id : str
    parent : str or None
        The node it started from; None for a root.
    kind : str
    file : str or None
        The checkpoint that resulted; a measurement has its parent's.
    sha256 : str or None
        Of that file.
    date : str
        ISO 8601, UTC.
    title : str
        For people; may be empty.
    figures : dict
        What was measured, such as ``map50_95``, and what it costs: ``parameters``, ``macs``.
    details : dict
        Plan, settings, job folder: whatever is needed to see how it was done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    id: str = Field(pattern=ID)
    parent: str | None = None
    kind: Kind
    file: str | None = None
    sha256: str | None = None
    date: str
    title: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)

    @field_validator("details")
    @classmethod
    def _told(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Refuse what those who read a history could not use."""
        found: dict[str, Any] = checked(Details, value)
        return found


def home_of(origin: str) -> Path:
    """Return the folder of a network's history, by the hash of the file all of it began with.

    Parameters
    ----------
    origin : str
        See `core.checkpoint.facts.origin_of`.
    """
    return histories_folder() / origin[:SHORT]


def find_home(file: str | Path) -> Path | None:
    """Return the history that knows a checkpoint, by what is in it; None where none does."""
    if not is_network(file):
        return None
    digest = hash_of_network(file)
    own = home_of(digest)
    homes = [own, *(place for place in sorted(histories_folder().glob("*")) if place != own)]
    return next((home for home in homes if _made(read_nodes(home), digest)), None)


def new_node(
    kind: Kind,
    file: str | Path | None,
    *,
    parent: str | None = None,
    title: str = "",
    figures: Mapping[str, float] | None = None,
    details: Mapping[str, Any] | None = None,
    date: str = "",
    node_id: str = "",
) -> Node:
    """Make a step, which is nowhere on disk yet; what is in its file is read when it is written.

    Parameters
    ----------
    kind : str
    file : path or None
        The checkpoint that resulted.
    parent : str, optional
        Id of the node it started from.
    title : str
    figures, details : mapping, optional
    date : str
        ISO 8601; now unless given.
    node_id : str
        A new one unless given.
    """
    now = datetime.datetime.now(datetime.UTC)
    return Node(
        id=node_id or secrets.token_hex(6),
        parent=parent,
        kind=kind,
        file=_named(file),
        date=date or now.isoformat(timespec="microseconds"),
        title=title,
        figures=dict(figures or {}),
        details=dict(details or {}),
    )


def write_node(folder: str | Path, node: Node) -> Node:
    """Write a step into a history; return it as it is there, with what its file holds.

    Raises
    ------
    UserError
        When its parent is not in this history, or the folder cannot be written.
    """
    place = Path(folder)
    known = {one.id for one in read_nodes(place)} if node.parent is not None else set()
    if node.parent is not None and node.parent not in known:
        raise UserError(
            f"The history {folder} has no step {node.parent}.", "Choose one of its steps."
        )
    if node.sha256 is None and node.file is not None and is_network(node.file):
        node = node.model_copy(update={"sha256": hash_of_network(node.file)})
    remember("node", node.model_dump(mode="json"))
    with writing(place):
        write_text(place / f"{node.id}.json", node.model_dump_json(indent=1) + "\n")
    return node


def add_node(
    folder: str | Path,
    kind: Kind,
    file: str | Path | None,
    *,
    parent: str | None = None,
    title: str = "",
    figures: Mapping[str, float] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Node:
    """Add a step to a history: `new_node`, written by `write_node`."""
    node = new_node(kind, file, parent=parent, title=title, figures=figures, details=details)
    return write_node(folder, node)


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Make a history's folder, and say what keeps one from writing to it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(f"Could not write to the history {place}: {reason_of(error)}.") from error


def _named(file: str | Path | None) -> str | None:
    """Name a file wherever one is; what is no file here keeps the name it was given."""
    if file is None or not Path(file).exists():
        return None if file is None else str(file)
    return str(Path(file).absolute())


def read_nodes(folder: str | Path) -> tuple[Node, ...]:
    """Return the steps of a history, oldest first; a damaged file is left out, and named.

    Raises
    ------
    UserError
        When a newer Secateur wrote one.
    """
    nodes = each_read({path: path for path in sorted(Path(folder).glob("*.json"))}, _read_node)
    return tuple(sorted(nodes, key=lambda node: (node.date, node.id)))


def _read_node(path: Path) -> Node:
    data = read_json(path, STEP)
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(f"{path} was written by a newer Secateur.", "Update Secateur.")
    return Node.model_validate(data)


def find_by_file(folder: str | Path, file: str | Path) -> Node | None:
    """Return the newest step that a checkpoint resulted from, by what is in it; None when unknown.

    A description that ships with Ultralytics is no file, and known by its name.
    """
    if is_network(file):
        return find_by_hash(folder, hash_of_network(file))
    named = [node for node in read_nodes(folder) if node.file == str(file)]
    return next((node for node in named if node.kind != "evaluate"), None)


def find_by_hash(folder: str | Path, sha256: str) -> Node | None:
    """Return the newest step that a checkpoint with this hash resulted from; None when unknown."""
    return maker_of(read_nodes(folder), sha256)


def maker_of(nodes: Sequence[Node], sha256: str) -> Node | None:
    """Return the newest of some steps that a checkpoint with this hash resulted from."""
    found = _made(nodes, sha256)
    made = [node for node in found if node.kind in ("prune", "tune")]
    known = [node for node in found if node.kind != "evaluate"]
    return next((nodes[-1] for nodes in (made, known, found) if nodes), None)


def _made(nodes: Sequence[Node], sha256: str) -> list[Node]:
    return [node for node in nodes if node.sha256 == sha256]


def attach(
    folder: str | Path,
    node: Node,
    source: str | Path,
    cost: Mapping[str, float] | None = None,
) -> Node:
    """Write a step beneath the file it started from, which becomes a node too where it is none yet.

    A measurement that reports what the last one of the same file said is not added again.

    Parameters
    ----------
    folder : path
    node : Node
        Its parent is found here.
    source : path
        The file it started from; for a measurement, the file measured.
    cost : mapping, optional
        ``parameters`` and ``macs`` of that file, for when it becomes a node.

    Returns
    -------
    Node
        The new one, or the measurement that was there.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    parent = ensure_node(folder, source, cost, before=node.date)
    known = [n for n in read_nodes(folder) if n.parent == parent.id and n.kind == node.kind]
    if node.kind == "evaluate" and known and says(known[-1]) == says(node):
        return known[-1]
    return write_node(folder, node.model_copy(update={"parent": parent.id}))


def says(node: Node) -> tuple[dict[str, float], dict[str, Any]]:
    """Return what a measurement says, whenever it was made."""
    return node.figures, node.details


def ensure_node(
    folder: str | Path,
    file: str | Path,
    cost: Mapping[str, float] | None = None,
    before: str = "",
) -> Node:
    """Return the step that a file resulted from; a file that none did is brought in by one.

    Parameters
    ----------
    folder, file : path
    cost : mapping, optional
        ``parameters`` and ``macs``.
    before : str
        The date of the results of the file: it was there by then.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    found = find_by_file(folder, file)
    if found is not None:
        return found
    roots = [node for node in read_nodes(folder) if node.parent is None]
    root = roots[0].id if roots and not _is_origin(folder, file) else None
    date = _just_before(before)
    return write_node(folder, new_node("model", file, parent=root, figures=cost, date=date))


def _just_before(date: str) -> str:
    """Return the moment before a date; nothing for what is no date."""
    try:
        moment = datetime.datetime.fromisoformat(date) - datetime.timedelta(microseconds=1)
    except ValueError:
        return ""
    return moment.isoformat(timespec="microseconds")


def record(
    folder: str | Path,
    kind: Kind,
    file: str | Path,
    source: str | Path | None = None,
    *,
    figures: Mapping[str, float] | None = None,
    details: Mapping[str, Any] | None = None,
    cost: Mapping[str, float] | None = None,
) -> Node:
    """Add a step beneath the file it started from: `new_node`, written by `attach`.

    ``source`` is that file; the measured file itself unless given.
    """
    node = new_node(kind, file, figures=figures, details=details)
    return attach(folder, node, file if source is None else source, cost)


def _is_origin(folder: str | Path, file: str | Path) -> bool:
    """Whether a history is that of this very file."""
    return not is_network(file) or Path(folder).name == home_of(hash_of_network(file)).name


def carry(source: str | Path, target: str | Path) -> int:
    """Copy the steps and measurements that one folder has and another lacks; return how many.

    Raises
    ------
    UserError
        When the target cannot be written.
    """
    begin, end = Path(source), Path(target)
    held = sorted([*begin.glob("*.json"), *begin.glob(f"{MEASURED}/*.json")])
    lacking = [path for path in held if not (end / path.relative_to(begin)).exists()]
    for path in lacking:
        place = end / path.relative_to(begin)
        with writing(place.parent):
            write_bytes(place, path.read_bytes())
    return len(lacking)


def path_to(folder: str | Path, node_id: str) -> tuple[Node, ...]:
    """Return the steps from a root to a node.

    Raises
    ------
    UserError
        If there is no such node.
    """
    nodes = {node.id: node for node in read_nodes(folder)}
    path: list[Node] = []
    at: str | None = node_id
    while at is not None and at in nodes and nodes[at] not in path:
        path.append(nodes[at])
        at = nodes[at].parent
    if not path:
        raise UserError(f"The history {folder} has no step {node_id}.", "Choose one of its steps.")
    return tuple(reversed(path))
