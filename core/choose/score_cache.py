"""Scores on disk, by everything they depend on. No torch.

A file is a plain numpy array, shape (atoms,). One that is damaged or of another size counts as
absent and is written again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.graph.modules import digest_of_added
from core.plan.criteria import code_of_added
from core.system.cache import DAMAGED, cache_folder, read_array, stored
from core.system.files import write_atomically
from core.system.program import is_packaged
from core.system.scratch import own_folder
from core.system.versions import SECATEUR

CODE = ("pruning/criteria", "data")
"""Folders of the code that makes scores, below `core`."""
Scores = NDArray[np.float64]


def score_path(
    sha256: str, criterion: str, seed: int, facts: Mapping[str, Any] | None = None
) -> Path | None:
    """Return where the scores of a model's channels are kept.

    None where they are not: nobody could tell later which version of an added criterion's code
    made them.

    Parameters
    ----------
    sha256 : str
        Of the model's file.
    criterion : str
    seed : int
    facts : mapping, optional
        What else they depend on, as plain data: images, settings. None for criteria that read
        weights only.
    """
    versions = f"{metadata.version('ultralytics')}-{metadata.version('torch')}"
    added = code_of_added(criterion)
    if added is None:
        return None
    made_by = {"code": _code(), "added": added, "modules": digest_of_added()}
    text = json.dumps({**(facts or {}), **made_by}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    name = f"{sha256}-{criterion}-{seed}-{versions}-{digest}"
    return cache_folder("scores") / f"{name}.npy"


@lru_cache(maxsize=1)
def _code() -> str:
    """Name the code that makes scores, so that those of an older one are not taken for its own."""
    digest = hashlib.sha256(SECATEUR.encode())
    root = Path(__file__).parents[1]
    for folder in CODE:
        files = sorted((root / folder).glob("*.py"))
        # None in a bundle, where the version tells; elsewhere, stale scores would be served.
        if not files and not is_packaged():
            raise FileNotFoundError(f"no code in core/{folder}, which scores depend on")
        for path in files:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_scores(path: Path | None, atoms: int) -> Scores | None:
    """Return stored scores, or None if there are none that fit."""
    if path is None:
        return None
    with contextlib.suppress(*DAMAGED):
        scores = read_array(path)
        if scores.shape == (atoms,) and scores.dtype == np.float64 and np.isfinite(scores).all():
            found: Scores = scores
            return found
    return None


def write_scores(path: Path, scores: Scores) -> Path:
    """Keep scores; return where, which is a temporary folder when the cache cannot be written."""
    return stored(
        path, lambda p: write_atomically(p, lambda f: np.save(f, scores, allow_pickle=False))
    )


def stored_scores(file: Path | None, scores: Scores) -> Path:
    """Return the file that scores are kept in, a temporary one where they are not."""
    if file is not None and file.is_file():
        return file
    return write_scores(own_folder() / "scores.npy", scores)
