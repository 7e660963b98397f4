"""A dataset of some of the images of another, with their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from core.data.stream import ALL, DataSettings


def only_files(data: DataSettings, files: Iterable[Path], folder: Path) -> DataSettings:
    """Describe some images of a dataset as a dataset of their own; labels stay where they are.

    Parameters
    ----------
    data : DataSettings
        Where the images came from.
    files : iterable of Path
    folder : Path
        For the description; it is read when the dataset is opened.

    Returns
    -------
    DataSettings
        Of the split ``val``, all of it.
    """
    listing, place = folder / "held.txt", folder / "held.yaml"
    listing.write_text("\n".join(map(str, files)), encoding="utf-8")
    source = data.source()
    both = {"train": str(listing), "val": str(listing)}
    text = {**source.extra, "names": dict(source.names), **both}
    place.write_text(yaml.safe_dump(text), encoding="utf-8")
    return replace(data, path=place, split="val", images=ALL)
