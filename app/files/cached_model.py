"""Models that were open before: their tables and rankings are on disk, and need no engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.system.cache import read_array

if TYPE_CHECKING:
    from core.checkpoint.facts import Facts
    from core.graph.table import ChannelTable


@dataclass(frozen=True)
class Known:
    """Everything needed to show a model; ``scores`` by ``criterion`` may have to be asked for."""

    facts: Facts
    table: ChannelTable
    scores: NDArray[np.float64] | None
    file_size: int | None
    criterion: str = "l2"


def find_known(path: str, criterion: str, seed: int) -> Known | None:
    """Look a model up by what is in its file; None when it was never open. Runs off the window."""
    from core.choose.score_cache import score_path
    from core.graph.analysis import cached_analysis

    analysis = cached_analysis(path)
    if analysis is None:
        return None
    scores = _scores(score_path(analysis.facts.sha256, criterion, seed), analysis.table)
    return Known(analysis.facts, analysis.table, scores, Path(path).stat().st_size, criterion)


def told_of(path: str) -> dict[str, Any]:
    """Return a file's hash for the engine, where the look-up took it: hashing twice takes time."""
    from core.system.files import known_hash

    told = known_hash(Path(path))
    return {} if told is None else {"hash": told}


def _scores(file: Path | None, table: ChannelTable) -> NDArray[np.float64] | None:
    from core.choose.score_cache import read_scores

    return read_scores(file, table.atom_count)


def from_engine(result: dict[str, Any]) -> Known:
    """Read what the engine's ``open`` left on disk."""
    from core.checkpoint.facts import Facts
    from core.graph.cache import read_table

    table, _ = read_table(Path(result["table"]))
    scores = read_array(result["scores"])
    criterion, size = str(result["criterion"]), result.get("file_size")
    return Known(Facts.from_dict(result["facts"]), table, scores, size, criterion)
