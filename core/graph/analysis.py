"""The first two stages: load a file, and understand the network in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.checkpoint import Facts, Loaded, prepare
from core.checkpoint import load as load_file
from core.errors import UserError
from core.graph.cache import cache_path, read_table, write_table
from core.graph.table import ChannelTable
from core.system.files import sha256_of
from core.trust.store import still_holds


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known about a model: the facts of its file and its channel table."""

    facts: Facts
    table: ChannelTable


def load(path: str | Path) -> Loaded:
    """Open a checkpoint, or build the untrained network of a model YAML.

    Nothing in the file is run, nothing is downloaded, and the file is not changed.

    Parameters
    ----------
    path : str or Path
        A ``.pt`` checkpoint saved by Ultralytics or Secateur, or a ``.yaml`` description: a name
        such as ``yolov8n.yaml`` that is not in the folder means Ultralytics' own.

    Raises
    ------
    UserError
        When the file is missing, damaged, something else, or names classes that are not trusted.
    """
    prepare()
    return load_file(path)


def analyse(source: Loaded | str | Path, *, cache: bool = True) -> Analysis:
    """Understand a model: its channel table and blocks.

    Parameters
    ----------
    source : Loaded, str or Path
        A loaded model, or a file. For a file whose table is cached, torch is not imported.
    cache : bool
        Whether to read and write the user's cache.

    Raises
    ------
    UserError
        When the file cannot be opened or the network cannot be followed.
    """
    prepare()
    if not isinstance(source, Loaded):
        known = cached_analysis(source) if cache else None
        if known is not None:
            return known
        source = load_file(source)
    stored = cache_path(source.facts.sha256)
    if cache and stored.exists():
        try:
            return Analysis(source.facts, read_table(stored)[0])
        except UserError:
            stored.unlink(missing_ok=True)
    from core.graph.builder import analyse_model

    table = analyse_model(source.model, source.facts.image_size)
    if cache:
        try:
            stored.parent.mkdir(parents=True, exist_ok=True)
            write_table(stored, table, source.facts.to_dict())
        except (OSError, UserError):
            pass  # a cache that cannot be written only costs time
    return Analysis(source.facts, table)


def cached_analysis(path: str | Path) -> Analysis | None:
    """Return the cached analysis of a checkpoint, or None. Needs no torch."""
    path = Path(path)
    if path.suffix.lower() != ".pt" or not path.is_file():
        return None
    try:
        table, extra = read_table(cache_path(sha256_of(path)))
        facts = Facts.from_dict({**extra, "path": str(path)})
    except (UserError, OSError, KeyError, TypeError, ValueError):
        return None
    if not all(still_holds(module) for module in facts.modules):
        return None
    return Analysis(facts, table)
