"""The image files of a split: those of folders and of image lists, as Ultralytics lists them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.data.beneath import files_beneath
from core.data.stock import IMG_FORMATS
from core.system.budget import LIST, read_text


def image_files(places: Sequence[str | Path]) -> list[str]:
    """Return the images of folders and image lists, sorted.

    Parameters
    ----------
    places : sequence of str or Path
        Folders, which are searched with all that is in them, and text files with one image a line:
        ``./`` stands for the folder of the list, and what is relative is looked for in the current
        folder, and next to the list where it is not there.

    Raises
    ------
    FileNotFoundError
        Where a place does not exist.
    UnicodeDecodeError
        For a list that is not UTF-8.
    UserError
        For a folder with far more other files than images.
    """
    found: list[str] = []
    for place in map(Path, places):
        if place.is_dir():
            # As the glob of Ultralytics does: through links, and without hidden files.
            found += files_beneath(str(place), _is_image_file, links=True, hidden=False)
        elif place.is_file():
            lines = read_text(place, LIST).removeprefix("\ufeff").strip().splitlines()
            found += [_listed(line, place.parent) for line in lines]
        else:
            raise FileNotFoundError(f"{place} does not exist")
    return sorted(path.replace("/", os.sep) for path in found if _is_image(path))


def _listed(line: str, folder: Path) -> str:
    if line.startswith("./"):
        return line.replace("./", str(folder) + os.sep, 1)
    if not line or Path(line).is_absolute():
        return line
    beside = folder / line
    if not Path(line).exists() and beside.exists():
        return str(beside)
    return str(Path(line).absolute())  # labels are found by “/images/” in the path


def _is_image_file(name: str) -> bool:
    return "." in name and _is_image(name)


def _is_image(path: str) -> bool:
    return path.rpartition(".")[-1].lower() in IMG_FORMATS
