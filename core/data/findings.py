"""What a check of a dataset found, and the rules by which it judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from core.data.classes import OTHER_NAMES, RETARGET, SAME, difference, how_many
from core.data.labels import Object

SHOWN = 20
"""How many files of one kind of trouble are named."""
Severity = Literal["error", "warning"]


class Detail(TypedDict):
    """A file that a problem is about, and what is the matter with it."""

    image: str
    text: str


class Problem(TypedDict):
    """Something to fix, or to look at."""

    severity: Severity
    message: str
    hint: str
    details: list[Detail]


class Sample(TypedDict):
    """An image with its objects."""

    image: str
    boxes: list[Object]


class SplitCheck(TypedDict):
    """One split counted: its images, and the objects of each class by name."""

    images: int
    labelled: int
    background: int
    unreadable: int
    objects: int
    classes: dict[str, int]
    messages: list[str]
    samples: list[Sample]


class Twin(TypedDict):
    """An image that is in two splits."""

    split: str
    image: str
    other_split: str
    other_image: str


class DatasetCheck(TypedDict):
    """A dataset checked, as `core.data.check.check_data` returns it.

    Attributes
    ----------
    classes : dict of str to str
        Names by number.
    index : str or None
        A file that lists all images, where it was asked for.
    network : str
        What it was checked for; added by who asked.
    """

    path: str
    task: str
    usable: bool
    problems: list[Problem]
    classes: dict[str, str]
    splits: dict[str, SplitCheck]
    duplicates: list[Twin]
    index: str | None
    network: NotRequired[str]


@dataclass(frozen=True, slots=True)
class SplitRead:
    """One split as it was read: what is reported of it, and what its problems are about.

    Attributes
    ----------
    counts : SplitCheck
    looked : sequence of (str, str)
        Some images, and where their labels were looked for.
    unreadable, noted : sequence of Detail
        Files that are left out, and those that were corrected in memory.
    """

    counts: SplitCheck
    looked: Sequence[tuple[str, str]]
    unreadable: Sequence[Detail]
    noted: Sequence[Detail]


@dataclass
class Findings:
    """Troubles in the order found; an error makes training impossible, a warning only worse."""

    problems: list[Problem] = field(default_factory=list)

    def error(self, message: str, hint: str = "", details: Iterable[Detail] = ()) -> None:
        """Note what must be fixed; ``details`` name an ``image`` each, and a ``text``."""
        self._add("error", message, hint, details)

    def warning(self, message: str, hint: str = "", details: Iterable[Detail] = ()) -> None:
        """Note what should be shown."""
        self._add("warning", message, hint, details)

    def _add(self, severity: Severity, message: str, hint: str, details: Iterable[Detail]) -> None:
        told = list(details)[:SHOWN]
        self.problems.append(
            {"severity": severity, "message": message, "hint": hint, "details": told}
        )

    @property
    def usable(self) -> bool:
        """Whether there is no error."""
        return all(problem["severity"] != "error" for problem in self.problems)


def judge_split(name: str, read: SplitRead, found: Findings) -> None:
    """Judge one split, as `core.data.check` reads it."""
    split = read.counts
    if not split["objects"]:
        found.error(
            f"The split “{name}” has no labelled objects.",
            "Check that the labels are where Ultralytics expects them (images → labels).",
            [{"image": image, "text": f"expected at {label}"} for image, label in read.looked],
        )
    if split["unreadable"]:
        found.warning(
            f"{many(split['unreadable'], 'image')} of “{name}” cannot be read, or their labels.",
            "They are skipped. Fix or remove them.",
            read.unreadable,
        )
    if read.noted:
        found.warning(
            f"{many(len(read.noted), 'label file')} of “{name}” corrected in memory.",
            "The files are not changed.",
            read.noted,
        )
    if split["objects"] and split["background"] > split["labelled"]:
        found.warning(f"More than half of the images of “{name}” have no labelled object.")


def judge_places(
    roots: Sequence[Path], places: Mapping[str, Sequence[str]], found: Findings
) -> None:
    """Name splits that lie outside the folder of the dataset: as a rule, the path is wrong."""
    homes = [root.resolve() for root in roots]
    for split, wanted in places.items():
        away = [p for p in wanted if not any(Path(p).is_relative_to(home) for home in homes)]
        if away:
            found.warning(
                f"The images of “{split}” are outside the folder of the dataset: {away[0]}.",
                "Check that they are those that you mean.",
            )


def judge_classes(
    names: Mapping[int, str], splits: Mapping[str, SplitCheck], found: Findings
) -> None:
    """Describe which classes cannot be learnt, or not be measured."""
    if "train" not in splits or not splits["train"]["objects"]:
        return
    learnt = splits["train"]["classes"]
    unseen = [name for name in names.values() if not learnt.get(name)]
    if unseen:
        found.warning(
            f"{len(unseen)} of {len(names)} classes have no objects in the split “train”: "
            f"{shortened(unseen)}.",
            "The network forgets classes that it does not see. Add images of them if they matter.",
        )
    for other, split in splits.items():
        strange = [name for name in split["classes"] if name in unseen]
        if other != "train" and strange:
            found.warning(
                f"“{other}” has {many(len(strange), 'class')} that “train” does not have: "
                f"{shortened(strange)}.",
                "They are validated but not trained.",
            )


def many(count: int, thing: str) -> str:
    """Write a number of things: 1 image, 2 images, 2 classes."""
    ending = "" if count == 1 else "es" if thing.endswith("s") else "s"
    return f"{count} {thing}{ending}"


def shortened(names: Sequence[str], shown: int = 5) -> str:
    """Name the first few, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def compare_classes(
    names: Mapping[int, str],
    classes: Mapping[int, str],
    found: Findings,
    same_classes: bool = False,
) -> None:
    """Hold the classes of a dataset against a model's; both go by number."""
    if len(names) != len(classes):
        found.error(
            f"The dataset has {how_many(names)} and the model {len(classes)}.",
            RETARGET,
        )
        return
    pairs = [(n, names.get(n), str(classes.get(n))) for n in sorted(classes)]
    other = [pair for pair in pairs if str(pair[1]).casefold() != pair[2].casefold()]
    if not other:
        return
    number, mine, theirs = other[0]
    text = (
        f"{len(other)} classes have other names than in the model; class {number} is "
        f"“{mine}”, in the"
    )
    text += f" model “{theirs}”."
    if same_classes:
        found.warning(text, "They are taken as the model's, as you said.")
    elif difference(names, classes):
        found.error(text, OTHER_NAMES)
    else:
        found.warning(text, "Check that the order is the same.")


def compare_folders(
    names: Mapping[int, str],
    classes: Mapping[int, str],
    found: Findings,
    same_classes: bool = False,
) -> None:
    """Hold folders of a class each against a model's classes; both go by name."""
    known = {str(name).casefold() for name in classes.values()}
    strange = sorted(name for name in names.values() if name.casefold() not in known)
    if strange and same_classes and len(names) == len(classes):
        found.warning(
            f"The model has other names for the classes {shortened(strange)}.",
            "They are taken as the model's, in order, as you said.",
        )
    elif strange:
        found.error(
            f"The model does not have the classes {shortened(strange)}.",
            f"Name the folders like the classes of the model, or use {SAME} if they are in order.",
        )
