"""The classes of a dataset held against a model's: the same, others, or the same by another name.

Labels hold class numbers; names are all that says whether the numbers mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.errors import UserError

SAME = "--same-classes"
"""The option that takes a dataset's classes as the model's, whatever their names."""
OTHER_NAMES = (
    f"If they are the same classes under other names, use {SAME}; otherwise use a dataset with the "
    "classes of the model."
)
RETARGET = (
    "Use a dataset with the classes of the model, or give the model those of the dataset with "
    "`secateur retarget`."
)
"""What to do about classes that differ in name, and in number."""


class ClassesDifferError(UserError):
    """The classes of a dataset are not the model's.

    Parameters
    ----------
    message, hint : str
    path : Path
        The dataset.
    names : mapping of int to str
        Its classes.
    may_be_same : bool
        Whether there are as many as the model has, so that they can be the same by other names.
    """

    def __init__(
        self, message: str, hint: str, path: Path, names: Mapping[int, str], may_be_same: bool
    ) -> None:
        super().__init__(message, hint)
        self.path, self.names, self.may_be_same = path, dict(names), may_be_same


def how_many(names: Mapping[int, str]) -> str:
    """Return “1 class” or “2 classes”."""
    return f"{len(names)} class" + ("es" if len(names) != 1 else "")


def check_classes(path: Path, names: Mapping[int, str], classes: Mapping[int, str]) -> None:
    """Refuse classes that are not the model's.

    Some names may differ, as those of COCO do between two spellings; but a name that the model has
    under another number says that the numbers mean something else.

    Raises
    ------
    ClassesDifferError
        When there are more or fewer, when no name is the model's, or when they are in another
        order.
    """
    if len(names) != len(classes):
        raise ClassesDifferError(
            f"The dataset {path} has {how_many(names)} and the model {len(classes)}.",
            RETARGET,
            path,
            names,
            may_be_same=False,
        )
    what = difference(names, classes)
    if what:
        raise ClassesDifferError(
            f"The dataset {path} {what}.",
            OTHER_NAMES,
            path,
            names,
            may_be_same=True,
        )


def difference(names: Mapping[int, str], classes: Mapping[int, str]) -> str:
    """Return how as many classes are others, to follow “The dataset”; empty if they are not.

    Numbers in the place of names, which Ultralytics gives where there are none, fit all names.
    """
    if _unnamed(names) or _unnamed(classes):
        return ""
    mine = {number: _plain(name) for number, name in names.items()}
    theirs = {number: _plain(name) for number, name in classes.items()}
    if not set(mine.values()) & set(theirs.values()):
        return "has none of the classes of the model"
    places = {name: number for number, name in theirs.items()}
    for number, name in mine.items():
        other = places.get(name)
        if theirs.get(number) != name and other is not None:
            return (
                f"has the classes of the model in another order: “{names[number]}” is class "
                f"{number}, in the model {other}"
            )
    return ""


def assumed_classes(names: Mapping[int, str], classes: Mapping[int, str]) -> dict[str, str]:
    """Return what is assumed where a dataset's classes are taken as the model's.

    Returns
    -------
    dict of str to str
        The model's class by the dataset's, for each whose name differs.
    """
    return {
        str(name): str(classes[number])
        for number, name in names.items()
        if number in classes and _plain(name) != _plain(classes[number])
    }


def _unnamed(names: Mapping[int, str]) -> bool:
    return all(str(name) in (str(number), f"class_{number}") for number, name in names.items())


def _plain(name: object) -> str:
    return str(name).casefold()
