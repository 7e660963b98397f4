"""The history of a model as a tree: every pruning, tuning and measurement is a node.

A folder holds one small JSON file a node, written once and never again; what came of a step is
another node beside the others, so one can go back to any of them and branch off. Needs no torch.

Everything that was made of one network shares a history, whatever it was made with: `home_of` says
where that is. A project has a copy beside it, which goes along when the project moves.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError, reason_of
from core.system.files import sha256_of, write_bytes, write_text

VERSION = 1
Kind = Literal["model", "prune", "tune", "evaluate"]


class Node(BaseModel):
    """One step.

    Attributes
    ----------
    id : str
    parent : str or None
        The node it started from; None for a root.
    kind : str
    file : str or None
        The checkpoint that came of it; a measurement has its parent's.
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
    id: str
    parent: str | None = None
    kind: Kind
    file: str | None = None
    sha256: str | None = None
    date: str
    title: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)


def histories_folder() -> Path:
    """Return where histories live."""
    return Path(platformdirs.user_data_dir("secateur")) / "history"


def home_of(origin: str) -> Path:
    """Return the folder of a network's history, by the hash of the file all of it began with.

    Parameters
    ----------
    origin : str
        See `core.checkpoint.facts.origin_of`.
    """
    return histories_folder() / origin[:24]


def find_home(file: str | Path) -> Path | None:
    """Return the history that knows a checkpoint, by what is in it; None where none does."""
    if not Path(file).is_file():
        return None
    digest = sha256_of(Path(file))
    own = home_of(digest)
    homes = [own, *(place for place in sorted(histories_folder().glob("*")) if place != own)]
    return next((home for home in homes if _made(read_nodes(home), digest)), None)


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
    """Add a step to a history.

    Parameters
    ----------
    folder : path
        Of the history; made where it is missing.
    kind : str
    file : path or None
        The checkpoint that came of it.
    parent : str, optional
        Id of the node it started from.
    title : str
    figures, details : mapping, optional

    Raises
    ------
    UserError
        When the parent is not in this history, or the folder cannot be written.
    """
    place = Path(folder)
    if parent is not None and parent not in {node.id for node in read_nodes(place)}:
        raise UserError(f"The history {folder} has no step {parent}.", "Name one of its steps.")
    now = datetime.datetime.now(datetime.UTC)
    node = Node(
        id=secrets.token_hex(6),
        parent=parent,
        kind=kind,
        file=_named(file),
        sha256=sha256_of(Path(file)) if file is not None and Path(file).is_file() else None,
        date=now.isoformat(timespec="microseconds"),
        title=title,
        figures=dict(figures or {}),
        details=dict(details or {}),
    )
    with _writing(place):
        write_text(place / f"{node.id}.json", node.model_dump_json(indent=1) + "\n")
    return node


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
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
    """Return the steps of a history, oldest first; a damaged file is left out.

    Raises
    ------
    UserError
        When a newer Secateur wrote one.
    """
    nodes = []
    for path in Path(folder).glob("*.json"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(data, dict) and int(data.get("version", 0)) > VERSION:
                raise UserError(f"{path} was written by a newer Secateur.", "Update Secateur.")
            nodes.append(Node.model_validate(data))
        except (OSError, ValueError, TypeError, ValidationError):
            continue
    return tuple(sorted(nodes, key=lambda node: (node.date, node.id)))


def find_by_file(folder: str | Path, file: str | Path) -> Node | None:
    """Return the newest step that a checkpoint came of, by what is in it; None when unknown.

    A description that ships with Ultralytics is no file, and known by its name.
    """
    if Path(file).is_file():
        return find_by_hash(folder, sha256_of(Path(file)))
    named = [node for node in read_nodes(folder) if node.file == str(file)]
    return next((node for node in named if node.kind != "evaluate"), None)


def find_by_hash(folder: str | Path, sha256: str) -> Node | None:
    """Return the newest step that a checkpoint with this hash came of; None when unknown."""
    found = _made(read_nodes(folder), sha256)
    made = [node for node in found if node.kind in ("prune", "tune")]
    known = [node for node in found if node.kind != "evaluate"]
    return next((nodes[-1] for nodes in (made, known, found) if nodes), None)


def _made(nodes: tuple[Node, ...], sha256: str) -> list[Node]:
    return [node for node in nodes if node.sha256 == sha256]


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
    """Add a step beneath the file it started from, which becomes a node too where it is none yet.

    A measurement that says what the last one of the same file said is not added again.

    Parameters
    ----------
    folder : path
    kind : str
    file : path
        What came of it; for a measurement, what was measured.
    source : path, optional
        The file it started from; the measured file itself unless given.
    figures, details : mapping, optional
    cost : mapping, optional
        ``parameters`` and ``macs`` of the file it started from, for when that becomes a node.

    Returns
    -------
    Node
        The new one, or the measurement that was there.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    start = source if source is not None else file
    parent = find_by_file(folder, start)
    if parent is None:
        roots = [node for node in read_nodes(folder) if node.parent is None]
        root = roots[0].id if roots and not _is_origin(folder, start) else None
        parent = add_node(folder, "model", start, parent=root, figures=cost)
    known = [n for n in read_nodes(folder) if n.parent == parent.id and n.kind == kind]
    plain = dict(figures or {}), dict(details or {})
    if kind == "evaluate" and known and (known[-1].figures, known[-1].details) == plain:
        return known[-1]
    return add_node(folder, kind, file, parent=parent.id, figures=figures, details=details)


def _is_origin(folder: str | Path, file: str | Path) -> bool:
    """Whether a history is that of this very file."""
    path = Path(file)
    return not path.is_file() or Path(folder).name == home_of(sha256_of(path)).name


def carry(source: str | Path, target: str | Path) -> int:
    """Copy the steps that one folder has and another lacks; return how many.

    Raises
    ------
    UserError
        When the target cannot be written.
    """
    place = Path(target)
    lacking = [p for p in sorted(Path(source).glob("*.json")) if not (place / p.name).exists()]
    for path in lacking:
        with _writing(place):
            write_bytes(place / path.name, path.read_bytes())
    return len(lacking)


def path_to(folder: str | Path, node_id: str) -> tuple[Node, ...]:
    """Return the steps from a root to a node.

    Raises
    ------
    UserError
        When there is no such node.
    """
    nodes = {node.id: node for node in read_nodes(folder)}
    path: list[Node] = []
    at: str | None = node_id
    while at is not None and at in nodes and nodes[at] not in path:
        path.append(nodes[at])
        at = nodes[at].parent
    if not path:
        raise UserError(f"The history {folder} has no step {node_id}.", "Name one of its steps.")
    return tuple(reversed(path))
