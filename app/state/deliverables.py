"""What the history tells of the open model: exports, and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.state.session import Session


@dataclass(frozen=True, slots=True)
class Exported:
    """The results of one export."""

    model: str
    title: str
    result: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file or folder."""
        return Path(str(self.result["output"]))


def exports_of(session: Session) -> list[Exported]:
    """Return what the open model, and what was made of it, was exported to, oldest first."""
    if session.model is None:
        return []
    formats = session.shipped.formats
    found = []
    for one in session.lineage.measured("export", session.model.facts.sha256):
        form = formats.get(str(one.result.get("format")))
        title = form.title if form is not None else str(one.result.get("format"))
        model = str(one.result.get("model") or session.lineage.name_of(one.models[-1]))
        found.append(Exported(model, title, one.result))
    return found


def times_of(session: Session) -> Mapping[str, Any] | None:
    """Return the times measured last of the open model, networks by name; None where none were."""
    if session.model is None:
        return None
    found = session.lineage.measured("latency", session.model.facts.sha256)
    if not found:
        return None
    result = found[-1].result
    names = result.get("names") or {}

    def named(timing: Mapping[str, Any]) -> dict[str, Any]:
        sha256 = str(timing["model"])
        name = names.get(sha256) or session.lineage.name_of(sha256) or sha256[:8]
        return {**timing, "model": name}

    return {**result, "timings": [named(timing) for timing in result["timings"]]}
