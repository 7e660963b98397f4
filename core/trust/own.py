"""What was made or confirmed on this machine, by its hash: it may name files anywhere.

Projects, jobs and histories come along in folders, also from strangers. What the user's own program
wrote is noted here as it is written; anything else may name files of its own folder alone until the
user confirms it. Each note is an empty file named by a hash, in a folder that is the user's alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from core.system.paths import data_folder, is_private


def notes_folder() -> Path:
    """Return where the notes are."""
    return data_folder() / "own"


def _note(kind: str, content: Any) -> Path:
    text = json.dumps([kind, content], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return notes_folder() / digest


def remember(kind: str, content: Any) -> None:
    """Note that something was made or confirmed here; where it cannot be noted, it is asked about.

    Parameters
    ----------
    kind : str
        What it is, such as ``job``.
    content : plain data
        All that it says.
    """
    with contextlib.suppress(OSError):
        if is_private(notes_folder()):
            _note(kind, content).touch(mode=0o600)


def is_own(kind: str, content: Any) -> bool:
    """Return whether exactly this was made or confirmed here."""
    place = _note(kind, content)
    return place.is_file() and is_private(notes_folder())
