"""The history of a model as a tree: every pruning, tuning and measurement is a node.

A folder holds one small JSON file a node, written once and never again; what came of a step is
another node beside the others, so one can go back to any of them and branch off. Needs no torch.
"""

from __future__ import annotations

import datetime
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError
from core.files import sha256_of

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
        What was measured, such as ``map50_95``.
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
        file=None if file is None else str(Path(file).absolute()),
        sha256=sha256_of(Path(file)) if file is not None and Path(file).is_file() else None,
        date=now.isoformat(timespec="microseconds"),
        title=title,
        figures=dict(figures or {}),
        details=dict(details or {}),
    )
    part = place / f".{node.id}.part"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with part.open("x", encoding="utf-8") as stream:
            stream.write(node.model_dump_json(indent=1) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(place / f"{node.id}.json")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"Could not write to the history {folder}: {reason}.") from error
    finally:
        part.unlink(missing_ok=True)
    return node


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
    """Return the newest step that a checkpoint came of, by what is in it; None when unknown."""
    digest = sha256_of(Path(file))
    found = [node for node in read_nodes(folder) if node.sha256 == digest]
    made = [node for node in found if node.kind != "evaluate"]
    return made[-1] if made else (found[-1] if found else None)


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
