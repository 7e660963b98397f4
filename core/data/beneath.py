"""What is anywhere in a folder, listed without getting lost in one that is no dataset."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

from core.errors import UserError

SPARE = 200_000
"""Entries of other kinds that are passed over without a question."""
PER_FILE = 4
"""As many more for every file that is wanted: its labels, masks and thumbnails."""
MOST_VISITS = 64
"""How often one folder may be met: by links that lead upwards, 41 times (the system's limit)."""


def files_beneath(
    folder: str, wanted: Callable[[str], bool], *, links: bool, hidden: bool
) -> Iterator[str]:
    """Yield the paths of what is wanted in a folder and its folders, in no order.

    Parameters
    ----------
    folder : str
    wanted : callable
        Told a name.
    links : bool
        Whether to follow links to folders.
    hidden : bool
        Whether names that begin with a dot count.

    Raises
    ------
    UserError
        When hardly anything in it is wanted, or links lead round and round.
    """
    met: Counter[tuple[int, int]] = Counter()
    waiting, looked, found = [folder], 0, 0
    while waiting:
        place = waiting.pop()
        try:
            held = os.scandir(place)
        except OSError:
            continue
        with held:
            for entry in held:
                if not hidden and entry.name.startswith("."):
                    continue
                looked += 1
                if wanted(entry.name):
                    found += 1
                    yield os.path.join(place, entry.name)  # noqa: PTH118
                if looked > SPARE + (PER_FILE + 1) * found:
                    raise UserError(
                        f"{folder} contains more than {looked - 1:,} other files.",
                        "Select the folder of the images.",
                    )
                if _is_folder(entry, links=links):
                    if links:
                        _count(met, entry, folder)
                    waiting.append(entry.path)


def _is_folder(entry: os.DirEntry[str], *, links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:
        return False


def _count(met: Counter[tuple[int, int]], entry: os.DirEntry[str], folder: str) -> None:
    """Count how often a folder is met."""
    about = entry.stat()
    known = about.st_dev, about.st_ino
    met[known] += 1
    if met[known] > MOST_VISITS:
        raise UserError(
            f"Links in {folder} lead to {entry.path} again and again.", "Remove these links."
        )
