"""Where things lie: beside a project, under its name, or among the program's own data.

The one place that knows these names; the command line, reports and the window ask here.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import platformdirs

JOBS, SCAN, HISTORY = ".jobs", ".sensitivity.jsonl", ".history"
"""Endings of what lies beside a project: long jobs, a sensitivity scan, a copy of its history."""
NOWHERE = Path(os.devnull) / "none.npy"
"""Where nothing can be, on any system: nobody can have put a file or a link there before."""
SHORT = 24
"""Characters of a hash that name a file."""


def data_folder() -> Path:
    """Return where the program keeps what belongs to no project."""
    return Path(platformdirs.user_data_dir("secateur"))


def own_folders() -> tuple[Path, ...]:
    """Return the folders that hold the program's own files: its data and its cache."""
    return data_folder(), Path(platformdirs.user_cache_dir("secateur"))


def runtime_folder() -> Path | None:
    """Return where sockets of this user lie; None where no place is theirs alone.

    The system's folder for it, made when the user logs in; failing that, one among the program's
    own data.
    """
    session = os.environ.get("XDG_RUNTIME_DIR")
    places = [Path(session) / "secateur"] if session else []
    return next((place for place in (*places, data_folder() / "run") if is_private(place)), None)


def is_private(folder: Path) -> bool:
    """Make a folder that its owner alone can enter, and say whether it is such a one.

    One that was there before, a link, or one of another user's is none.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    if sys.platform == "win32":  # the user's profile has no such bits; its access list does it
        return True
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return private and found.st_uid == os.getuid()


def histories_folder() -> Path:
    """Return where the histories of all networks live."""
    return data_folder() / "history"


def jobs_folder() -> Path:
    """Return where jobs live unless a folder is named."""
    return data_folder() / "jobs"


def job_folders(project: Path | None) -> list[Path]:
    """Return where jobs of a project may lie; the last is where a new one goes."""
    return [jobs_folder(), *([] if project is None else [jobs_of(project)])]


def jobs_of(project: str | Path) -> Path:
    """Return where the jobs of a saved project lie."""
    return Path(project).with_suffix(JOBS)


def history_of(project: str | Path) -> Path:
    """Return where the copy of a saved project's history lies."""
    return Path(project).with_suffix(HISTORY)


def scan_file(project: Path | None, sha256: str) -> Path:
    """Return where the sensitivity scan of a model is kept.

    Parameters
    ----------
    project : Path or None
        Beside it, once it was saved.
    sha256 : str
        Of the model; among the program's data otherwise.
    """
    if project is not None:
        return project.with_suffix(SCAN)
    return data_folder() / "sensitivity" / f"{sha256[:SHORT]}{SCAN}"


def search_folder(sha256: str, digest: str) -> Path:
    """Return where the window keeps a search, by the model's hash and that of its settings."""
    return data_folder() / "searches" / f"{sha256[:SHORT]}-{digest[:SHORT]}"


def front_file(sha256: str) -> Path:
    """Return where the alternatives to a plan that were measured are kept, by a model's hash."""
    return data_folder() / "alternatives" / f"{sha256[:SHORT]}.json"


def steps_folder(output: Path) -> Path:
    """Return where the steps of one by one towards a file are kept."""
    return output.with_name(f"{output.stem}-steps")


def model_names(paths: Sequence[str | Path]) -> list[str]:
    """Name models by their files, as briefly as tells them apart: by stem, name, or folder."""
    files = [Path(path) for path in paths]
    stems, names = Counter(file.stem for file in files), Counter(file.name for file in files)
    return [
        file.stem
        if stems[file.stem] == 1
        else file.name
        if names[file.name] == 1
        else f"{file.parent.name}/{file.stem}"
        for file in files
    ]
